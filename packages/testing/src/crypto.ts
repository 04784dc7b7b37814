/** Cryptography whose randomness is a seeded sequence: the same cookies, padding and keys come out every time. */

import { type Backend, type CryptoProvider, createProvider, defaultProvider } from '@hawser/crypto'
import { withRandom } from '@hawser/crypto/noble'
import { Rng } from './rng.ts'

/**
 * For the option `crypto` of a client, a server, or `generateKey` (type ed25519). Each end takes one of its own: a sequence that two
 * share depends on who asks first. Anybody can repeat it, so it is for tests and nothing else.
 */
export function seededCrypto(seed: number | string): CryptoProvider {
  const rng = new Rng(seed)
  const backend: Backend = withRandom(defaultProvider.backend, (length) => rng.bytes(length))
  return createProvider({
    ...backend,
    async generateKey(spec) {
      if (spec.type !== 'ed25519') return backend.generateKey(spec)
      const secret = rng.bytes(32)
      const publicKey = backend.publicFromPrivate({ type: 'ed25519', seed: secret })
      return { type: 'ed25519', publicKey, seed: secret }
    },
  })
}
