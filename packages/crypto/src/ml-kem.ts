/** ML-KEM-768 (FIPS 203) by noble: what every runtime has that brings none of its own. */

import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import type { Backend, Kem } from './backend.ts'

/** Lengths in bytes of ML-KEM-768 (FIPS 203 §8). */
export const mlKem768Sizes = { publicKey: 1184, ciphertext: 1088 } as const

/** Over `random`, the backend's own source. */
export function nobleMlKem768(random: Backend['random']): Kem {
  return {
    generate() {
      const seed = random(64)
      const { publicKey, secretKey } = ml_kem768.keygen(seed)
      seed.fill(0)
      return {
        publicKey,
        decapsulate(ciphertext) {
          checkCiphertext(ciphertext)
          return ml_kem768.decapsulate(ciphertext, secretKey)
        },
      }
    },
    encapsulate(publicKey) {
      checkPublicKey(publicKey)
      const message = random(32)
      try {
        const { cipherText: ciphertext, sharedSecret: secret } = ml_kem768.encapsulate(publicKey, message)
        return { ciphertext, secret }
      } catch (cause) {
        // Of this length, the one thing that it refuses.
        throw new RangeError('ml-kem-768: the public key has values that are not below 3329', { cause })
      } finally {
        message.fill(0)
      }
    },
  }
}

export function checkPublicKey({ length }: Uint8Array): void {
  if (length !== mlKem768Sizes.publicKey)
    throw new RangeError(`ml-kem-768: a public key has ${mlKem768Sizes.publicKey} bytes, not ${length}`)
}

export function checkCiphertext({ length }: Uint8Array): void {
  if (length !== mlKem768Sizes.ciphertext)
    throw new RangeError(`ml-kem-768: a ciphertext has ${mlKem768Sizes.ciphertext} bytes, not ${length}`)
}
