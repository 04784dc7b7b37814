import { Reader, Writer } from '@hawser/wire'
import { expect, test } from 'vitest'
import { readAgentKey, writeAgentKey } from './agent-form.ts'
import { KeyError } from './errors.ts'
import { generateKey } from './generate.ts'

test.each([
  ['ed25519', 256],
  ['ecdsa', 256],
  ['ecdsa', 384],
  ['ecdsa', 521],
  ['rsa', 2048],
] as const)(
  'a key of type %s with %i bits comes back as it was, and the reader stands behind it',
  async (type, bits) => {
    const key = await generateKey(type, { bits, comment: 'grüße' })
    const to = new Writer()
    writeAgentKey(to, key)
    const from = new Reader(to.byte(7).finish())
    const back = readAgentKey(from)
    expect(back.publicKey).toEqual(key.publicKey)
    expect(back.comment).toBe('grüße')
    expect(from.byte()).toBe(7)
    expect(from.left).toBe(0)
  },
)

test.each([
  ['nothing', new Writer().finish()],
  ['a type that is not ours', new Writer().string('ssh-dss').string('1').finish()],
  ['a key that ends early', new Writer().string('ssh-ed25519').string(new Uint8Array(32)).finish()],
])('%s is refused', (_name, bytes) => {
  expect(() => readAgentKey(new Reader(bytes))).toThrow(KeyError)
})
