import { expect, test } from 'vitest'
import { agentSigners } from './agent-use.ts'
import { generateKeyPairSync } from './generate.ts'
import { type ParsedKey, parseKey } from './keys.ts'

test('keys come as they are or with comments, and what is no key is left out', async () => {
  const publicText = (): string => generateKeyPairSync('ed25519').public
  const [bare, entry, nested] = [publicText(), publicText(), publicText()]
  const agent = {
    getIdentities: (done: (error: null, keys: never[]) => void) =>
      done(null, [
        bare,
        { pubKey: parseKey(entry) },
        { pubKey: { pubKey: nested, comment: 'c' } },
        'no key',
      ] as never[]),
    sign: () => undefined,
  }
  const signers = await agentSigners(agent as never)
  expect(signers.map(({ publicKey }) => Buffer.from(publicKey.blob))).toEqual(
    [bare, entry, nested].map((text) => (parseKey(text) as ParsedKey).getPublicSSH()),
  )
})
