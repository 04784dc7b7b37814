/** ML-DSA-44 (FIPS 204) by noble, for those who ask for it: nothing else of Hawser imports this file. */

import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import type { CryptoProvider } from './algorithm.ts'
import type { Backend, MlDsa } from './backend.ts'
import { defaultProvider } from './provider.ts'

/** Lengths in bytes of ML-DSA-44 (FIPS 204 §4, table 2). */
const sizes = { seed: 32, publicKey: 1312, signature: 2420 } as const

/**
 * `provider` (default: `defaultProvider`) with ML-DSA-44, which the composite keys `ssh-mldsa44-ed25519` need: a value for the
 * option `crypto` of clients, servers and of everything that reads, makes or uses keys.
 */
export function withMlDsa(provider: CryptoProvider = defaultProvider): CryptoProvider {
  const { backend } = provider
  return Object.freeze({ ...provider, backend: { ...backend, mlDsa44: mlDsa44(backend.random) } })
}

function mlDsa44(random: Backend['random']): MlDsa {
  return {
    signer(seed) {
      checkLength('seed', seed, sizes.seed)
      const { publicKey, secretKey } = ml_dsa44.keygen(seed)
      return {
        publicKey,
        // Hedged with fresh randomness (FIPS 204 §3.4), so that a fault in one signature tells less.
        sign: (message, context) => ml_dsa44.sign(message, secretKey, { context, extraEntropy: random(32) }),
        dispose: () => void secretKey.fill(0),
      }
    },
    verify(publicKey, message, context, signature) {
      checkLength('public key', publicKey, sizes.publicKey)
      return (
        signature.length === sizes.signature && ml_dsa44.verify(signature, message, publicKey, { context })
      )
    },
  }
}

function checkLength(what: string, { length }: Uint8Array, wanted: number): void {
  if (length !== wanted) throw new RangeError(`ml-dsa-44: a ${what} has ${wanted} bytes, not ${length}`)
}
