import { generateKey, type PublicKey } from '@hawser/keys'
import { base64Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { PublicKeyAttempt } from './auth.ts'
import { authorizedKeys } from './authorized-keys.ts'

const [known, other] = (await Promise.all([generateKey('ed25519'), generateKey('ed25519')])).map(
  ({ publicKey }) => publicKey,
) as [PublicKey, PublicKey]

function attempt(key: PublicKey, user = 'ada'): PublicKeyAttempt {
  return {
    user,
    service: 'ssh-connection',
    key,
    algorithm: key.type,
    verified: true,
    hostbound: false,
    signal: new AbortController().signal,
  }
}

const line = `${known.type} ${base64Encode(known.blob)} ada@home`

describe('authorized keys', () => {
  test.each([
    ['a file', line],
    ['a file with comments and lines that are no keys', `# mine\n\nnonsense\n${line}\n`],
    ['keys', [known]],
  ])('%s: its key and no other', async (_, source) => {
    const handler = authorizedKeys(() => source)
    expect(await handler(attempt(known))).toBe(true)
    expect(await handler(attempt(other))).toBe(false)
  })

  test('each user has keys of their own; a user that does not exist has none', async () => {
    const handler = authorizedKeys(async (user) => (user === 'ada' ? line : undefined))
    expect(await handler(attempt(known))).toBe(true)
    expect(await handler(attempt(known, 'eve'))).toBe(false)
  })

  test('a line with options lets nobody in by itself', async () => {
    const text = `from="10.0.0.*",no-pty ${line}`
    expect(await authorizedKeys(() => text)(attempt(known))).toBe(false)
  })

  test('whoever honours the options decides, and only true lets in', async () => {
    const text = `from="10.0.0.*",no-pty ${line}`
    const seen: unknown[] = []
    const decide = (answer: unknown) =>
      authorizedKeys(() => text, {
        withOptions: (entry, { user }) => {
          seen.push([user, entry.options])
          return answer as boolean
        },
      })
    expect(await decide(true)(attempt(known))).toBe(true)
    expect(await decide('yes')(attempt(known))).toBe(false)
    expect(seen[0]).toEqual(['ada', [{ name: 'from', value: '10.0.0.*' }, { name: 'no-pty' }]])
  })
})
