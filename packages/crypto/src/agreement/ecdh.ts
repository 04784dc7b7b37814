/** Key agreement on the NIST curves (RFC 5656 §4), each with the hash of its size (§6.2.1). */

import type { AgreementAlgorithm } from '../algorithm.ts'
import { curveAgreement } from './curve.ts'

export const ecdhNistp256: AgreementAlgorithm = curveAgreement('ecdh-sha2-nistp256', 'sha256', (backend) =>
  backend.ecdh('nistp256'),
)

export const ecdhNistp384: AgreementAlgorithm = curveAgreement('ecdh-sha2-nistp384', 'sha384', (backend) =>
  backend.ecdh('nistp384'),
)

export const ecdhNistp521: AgreementAlgorithm = curveAgreement('ecdh-sha2-nistp521', 'sha512', (backend) =>
  backend.ecdh('nistp521'),
)
