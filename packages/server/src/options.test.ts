import { generateKey, issueCertificate } from '@hawser/keys'
import { UsageError } from '@hawser/wire'
import { expect, test } from 'vitest'
import { defaultLimits } from './limits.ts'
import { checkServerOptions, type ServerOptions } from './options.ts'

const [key, otherKey] = await Promise.all([generateKey('ed25519'), generateKey('ed25519')])
const certificateFor = (kind: 'user' | 'host') =>
  issueCertificate({ kind, key: key.publicKey, keyId: 'test', principals: ['a.example'] }, otherKey)
const [forHosts, forUsers] = await Promise.all([certificateFor('host'), certificateFor('user')])
const good: ServerOptions = { hostKeys: [await generateKey('ed25519')], auth: { password: () => false } }

test.each([
  ['no host keys', { hostKeys: [] }, /hostKeys must hold at least one/],
  ['a host key that is text', { hostKeys: ['PEM'] }, /hostKeys\[0\] cannot sign/],
  [
    'a certificate for users',
    { hostKeys: [{ key, certificate: forUsers }] },
    /hostKeys\[0\].* one for hosts/,
  ],
  ['a certificate without a key', { hostKeys: [{ certificate: forHosts }] }, /hostKeys\[0\] cannot sign/],
  ['a certificate of another key', { hostKeys: [{ key: otherKey, certificate: forHosts }] }, /another key/],
  ['no auth', { auth: undefined }, /the option auth is missing/],
  ['auth without a handler', { auth: {} }, /nobody could log in/],
  ['a limit that is no number of things', { limits: { maxSessions: -1 } }, /the limit maxSessions is -1/],
  ['an identification of two lines', { ident: 'a\nb' }, /identification .* cannot be sent/],
  [
    'a greeting that looks like an identification',
    { greeting: ['SSH-1'] },
    /greeting line .* cannot be sent/,
  ],
  ['an empty list', { algorithms: { cipher: [] } }, /algorithms\.cipher is empty/],
  [
    'a policy that the algorithms cannot meet',
    { policy: { requirePostQuantum: true }, algorithms: { kex: ['curve25519-sha256'] } },
    /needs a post-quantum key exchange in algorithms\.kex: mlkem768x25519-sha256/,
  ],
  ['keys that fit no algorithm', { algorithms: { serverHostKey: ['rsa-sha2-256'] } }, /no host key fits/],
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

test('a certified key is there twice: with its certificate, and alone', () => {
  const { hostKeys } = checkServerOptions({ ...good, hostKeys: [{ key, certificate: forHosts }] })
  expect(hostKeys.map(({ publicKey }) => publicKey)).toEqual([forHosts.publicKey, key.publicKey])
})
