import { generateKey } from '@hawser/keys'
import { UsageError } from '@hawser/wire'
import { expect, test } from 'vitest'
import { defaultLimits } from './limits.ts'
import { checkServerOptions, type ServerOptions } from './options.ts'

const good: ServerOptions = { hostKeys: [await generateKey('ed25519')], auth: { password: () => false } }

test.each([
  ['no host keys', { hostKeys: [] }, /hostKeys must hold at least one/],
  ['a host key that is text', { hostKeys: ['PEM'] }, /hostKeys\[0\] cannot sign/],
  ['no auth', { auth: undefined }, /the option auth is missing/],
  ['auth without a handler', { auth: {} }, /nobody could log in/],
  ['a limit that is no number of things', { limits: { maxSessions: -1 } }, /the limit maxSessions is -1/],
  ['a limit within a limit', { limits: { startups: { full: 0.5 } } }, /the limit full is 0\.5/],
])('%s: a UsageError that says so', (_, change, message) => {
  const check = (): unknown => checkServerOptions({ ...good, ...(change as Partial<ServerOptions>) })
  expect(check).toThrow(UsageError)
  expect(check).toThrow(message)
})

test('limits that are not given keep their defaults', () => {
  const { limits } = checkServerOptions({ ...good, limits: { maxSessions: 3 } })
  expect(limits).toEqual({ ...defaultLimits, maxSessions: 3 })
})
