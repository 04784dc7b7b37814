/**
 * Key agreement on Curve25519 (RFC 8731). The 32 bytes of the secret enter the hash as an unsigned big-endian number,
 * without a change of their order (RFC 8731 §3.1).
 */

import type { AgreementAlgorithm } from '../algorithm.ts'
import { curveAgreement } from './curve.ts'

export const curve25519Sha256: AgreementAlgorithm = curveAgreement('curve25519-sha256', 'sha256', (backend) =>
  backend.x25519(),
)

/** The same under the name it had before it was standardised (RFC 8731 §3). */
export const curve25519Sha256Libssh: AgreementAlgorithm = curveAgreement(
  'curve25519-sha256@libssh.org',
  'sha256',
  (backend) => backend.x25519(),
)
