/** The one shape of key agreement on curves: each end sends a public key, and both derive the same secret from them. */

import type { AgreementAlgorithm } from '../algorithm.ts'
import type { AgreementKeyPair, Backend, HashName } from '../backend.ts'
import { AgreementError } from '../errors.ts'

/** An algorithm of RFC 5656 §4 around `pair`, which makes a fresh key pair. */
export function curveAgreement(
  name: string,
  hash: HashName,
  pair: (backend: Backend) => AgreementKeyPair,
): AgreementAlgorithm {
  const algorithm: AgreementAlgorithm = {
    name,
    hash,
    form: 'ecdh',
    secretEncoding: 'mpint',
    initiate(backend) {
      const own = pair(backend)
      return { init: own.publicKey, finish: (reply) => derive(name, own, reply) }
    },
    respond(backend, init) {
      const own = pair(backend)
      return { reply: own.publicKey, secret: derive(name, own, init) }
    },
  }
  return Object.freeze(algorithm)
}

/** Backends say RangeError for a value that must be refused; anything else is a fault of our own. */
function derive(name: string, own: AgreementKeyPair, peer: Uint8Array): Uint8Array {
  try {
    return own.derive(peer)
  } catch (error) {
    if (error instanceof RangeError) throw new AgreementError(`${name}: ${error.message}`, error)
    throw error
  }
}
