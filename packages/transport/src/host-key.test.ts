import { defaults } from '@hawser/crypto'
import { generateKey, type PrivateKey } from '@hawser/keys'
import { describe, expect, test } from 'vitest'
import { keyTypeOf } from './host-key.ts'
import { makeClient, makeServer, output, settle } from './testing/kit.ts'

const keys: readonly PrivateKey[] = await Promise.all([
  generateKey('ed25519'),
  generateKey('ecdsa', { bits: 256 }),
  generateKey('ecdsa', { bits: 384 }),
  generateKey('ecdsa', { bits: 521 }),
  generateKey('rsa', { bits: 2048 }),
])

describe('a server with a key of each type', () => {
  for (const algorithm of defaults.serverHostKey)
    test(`proves itself by ${algorithm}`, async () => {
      const client = makeClient({ algorithms: { serverHostKey: [algorithm] } })
      const server = makeServer({ hostKeys: keys })
      for (let round = 0; round < 4; round++) {
        for (const chunk of output(client)) server.receive(chunk)
        for (const event of settle(server, { answer: false })) {
          if (event.type !== 'ask-signature') continue
          expect(event.algorithm).toBe(algorithm)
          const key = keys.find(({ publicKey }) => publicKey === event.hostKey) as PrivateKey
          expect(key.publicKey.type).toBe(keyTypeOf(algorithm))
          server.provideSignature(await key.sign(algorithm, event.data))
        }
        for (const chunk of output(server)) client.receive(chunk)
        for (const event of settle(client, { answer: false })) {
          if (event.type !== 'ask-host-key') continue
          expect(event.algorithm).toBe(algorithm)
          expect(keys.map(({ publicKey }) => publicKey.blob)).toContainEqual(event.key)
          expect(event.publicKey.type).toBe(keyTypeOf(algorithm))
          client.acceptHostKey()
        }
      }
      expect(client.negotiated?.serverHostKey).toBe(algorithm)
      expect(server.ready).toBe(true)
    })
})

test('certificates sign by the algorithm of their kind', () => {
  expect(keyTypeOf('rsa-sha2-512-cert-v01@openssh.com')).toBe('ssh-rsa-cert-v01@openssh.com')
  expect(keyTypeOf('ssh-ed25519-cert-v01@openssh.com')).toBe('ssh-ed25519-cert-v01@openssh.com')
})
