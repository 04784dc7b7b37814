/** ML-KEM-768 (FIPS 203) by node:crypto, where it is there: Node from 24.7 on. */

import * as crypto from 'node:crypto'
import type { Backend, Kem } from './backend.ts'
import { checkCiphertext, checkPublicKey, mlKem768Sizes, nobleMlKem768 } from './ml-kem.ts'

/** Not yet in the types of older versions. */
interface WithKem {
  readonly generateKeyPairSync: (type: 'ml-kem-768') => {
    readonly publicKey: crypto.KeyObject
    readonly privateKey: crypto.KeyObject
  }
  readonly encapsulate: (key: crypto.KeyObject) => {
    readonly sharedKey: Uint8Array
    readonly ciphertext: Uint8Array
  }
  readonly decapsulate: (key: crypto.KeyObject, ciphertext: Uint8Array) => Uint8Array
}

/** DER in front of a raw public key: SubjectPublicKeyInfo with the OID of ML-KEM-768, 2.16.840.1.101.3.4.4.2. */
const spkiPrefix = Uint8Array.of(
  ...[0x30, 0x82, 0x04, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48],
  ...[0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x03, 0x82, 0x04, 0xa1, 0x00],
)

/** The runtime's own, else noble's over `random`. */
export function mlKem768(random: Backend['random']): Kem {
  return nativeMlKem768() ?? nobleMlKem768(random)
}

/** Undefined where the runtime has none, which is found out by trying. */
function nativeMlKem768(): Kem | undefined {
  if (!('encapsulate' in crypto)) return undefined
  const { generateKeyPairSync, encapsulate, decapsulate } = crypto as unknown as WithKem
  const kem: Kem = {
    generate() {
      const { publicKey, privateKey } = generateKeyPairSync('ml-kem-768')
      return {
        publicKey: copied(publicKey.export({ type: 'spki', format: 'der' }).subarray(spkiPrefix.length)),
        decapsulate(ciphertext) {
          checkCiphertext(ciphertext)
          return copied(decapsulate(privateKey, ciphertext))
        },
      }
    },
    encapsulate(publicKey) {
      checkPublicKey(publicKey)
      const key = new Uint8Array(spkiPrefix.length + publicKey.length)
      key.set(spkiPrefix)
      key.set(publicKey, spkiPrefix.length)
      try {
        const spki = crypto.createPublicKey({ key: key as Buffer, format: 'der', type: 'spki' })
        const { sharedKey, ciphertext } = encapsulate(spki)
        return { ciphertext: copied(ciphertext), secret: copied(sharedKey) }
      } catch (cause) {
        // Of this length, the one thing that it refuses.
        throw new RangeError('ml-kem-768: the public key has values that are not below 3329', { cause })
      }
    },
  }
  return works(kem) ? kem : undefined
}

function works(kem: Kem): boolean {
  try {
    const { publicKey, decapsulate } = kem.generate()
    const { ciphertext, secret } = kem.encapsulate(publicKey)
    return publicKey.length === mlKem768Sizes.publicKey && decapsulate(ciphertext).length === secret.length
  } catch {
    return false
  }
}

function copied(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}
