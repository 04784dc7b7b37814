/**
 * Post-quantum hybrids (draft-ietf-sshm-mlkem-hybrid-kex, draft-ietf-sshm-ntruprime-ssh): a key encapsulation and a key
 * agreement on a curve side by side, of which breaking one is not enough.
 */

import { concat, erase } from '@hawser/wire'
import type { AgreementAlgorithm } from '../algorithm.ts'
import type { AgreementKeyPair, Backend, HashName, Kem } from '../backend.ts'
import { AgreementError } from '../errors.ts'
import { sntrup761 } from './sntrup761.ts'

interface Parts {
  readonly kem: (backend: Backend) => Kem
  readonly publicKeySize: number
  readonly ciphertextSize: number
  readonly curve: (backend: Backend) => AgreementKeyPair
  readonly pointSize: number
  readonly hash: HashName
}

const mlKem768 = {
  kem: (backend: Backend) => backend.mlKem768,
  publicKeySize: 1184,
  ciphertextSize: 1088,
  hash: 'sha256',
} as const
const ntruPrime = { kem: sntrup761, publicKeySize: 1158, ciphertextSize: 1039, hash: 'sha512' } as const
const x25519 = { curve: (backend: Backend) => backend.x25519(), pointSize: 32 } as const
const nistp256 = { curve: (backend: Backend) => backend.ecdh('nistp256'), pointSize: 65 } as const

export const mlkem768x25519Sha256: AgreementAlgorithm = hybrid('mlkem768x25519-sha256', {
  ...mlKem768,
  ...x25519,
})
export const mlkem768nistp256Sha256: AgreementAlgorithm = hybrid('mlkem768nistp256-sha256', {
  ...mlKem768,
  ...nistp256,
})
export const sntrup761x25519Sha512: AgreementAlgorithm = hybrid('sntrup761x25519-sha512', {
  ...ntruPrime,
  ...x25519,
})
/** The same under the name it had before it was standardised. */
export const sntrup761x25519Sha512OpenSsh: AgreementAlgorithm = hybrid('sntrup761x25519-sha512@openssh.com', {
  ...ntruPrime,
  ...x25519,
})

/** Init is KEM public key ‖ point, reply is ciphertext ‖ point, and K is the hash of both secrets, as a string. */
function hybrid(name: string, parts: Parts): AgreementAlgorithm {
  const { kem, publicKeySize, ciphertextSize, curve, pointSize, hash } = parts
  const algorithm: AgreementAlgorithm = {
    name,
    hash,
    form: 'ecdh',
    secretEncoding: 'string',
    postQuantum: true,
    initiate(backend) {
      const quantum = kem(backend).generate()
      const classic = curve(backend)
      return {
        init: concat(quantum.publicKey, classic.publicKey),
        finish: (reply) =>
          refusing(name, () => {
            const [ciphertext, point] = split(reply, ciphertextSize, pointSize)
            return combined(backend, hash, quantum.decapsulate(ciphertext), classic.derive(point))
          }),
      }
    },
    respond(backend, init) {
      return refusing(name, () => {
        const [publicKey, point] = split(init, publicKeySize, pointSize)
        const classic = curve(backend)
        const derived = classic.derive(point)
        const { ciphertext, secret } = kem(backend).encapsulate(publicKey)
        return {
          reply: concat(ciphertext, classic.publicKey),
          secret: combined(backend, hash, secret, derived),
        }
      })
    },
  }
  return Object.freeze(algorithm)
}

function split(value: Uint8Array, first: number, second: number): readonly [Uint8Array, Uint8Array] {
  if (value.length !== first + second)
    throw new RangeError(`the peer value has ${first} and ${second} bytes, not ${value.length}`)
  return [value.subarray(0, first), value.subarray(first)]
}

function combined(backend: Backend, hash: HashName, quantum: Uint8Array, classic: Uint8Array): Uint8Array {
  const secret = backend.hash(hash, quantum, classic)
  erase(quantum, classic)
  return secret
}

/** Backends say RangeError for a value that must be refused; anything else is a fault of our own. */
function refusing<T>(name: string, compute: () => T): T {
  try {
    return compute()
  } catch (error) {
    if (error instanceof RangeError) throw new AgreementError(`${name}: ${error.message}`, error)
    throw error
  }
}
