/** All key agreements that can be negotiated. */

import type { AgreementAlgorithm } from '../algorithm.ts'
import { ecdhNistp256, ecdhNistp384, ecdhNistp521 } from './ecdh.ts'
import {
  mlkem768nistp256Sha256,
  mlkem768x25519Sha256,
  sntrup761x25519Sha512,
  sntrup761x25519Sha512OpenSsh,
} from './hybrid.ts'
import {
  dhGroup1Sha1,
  dhGroup14Sha1,
  dhGroup14Sha256,
  dhGroup15Sha512,
  dhGroup16Sha512,
  dhGroup17Sha512,
  dhGroup18Sha512,
  dhGroupExchangeSha1,
  dhGroupExchangeSha256,
} from './modp.ts'
import { curve25519Sha256, curve25519Sha256Libssh } from './x25519.ts'

export { checkGroup, chooseGroup, groupExchangeBits, type ModpBits, modpGroup } from './groups.ts'

/** In order of preference: what holds against quantum computers first, then by speed; a new one is a row here. */
export const agreements: readonly AgreementAlgorithm[] = Object.freeze([
  mlkem768x25519Sha256,
  sntrup761x25519Sha512,
  sntrup761x25519Sha512OpenSsh,
  mlkem768nistp256Sha256,
  curve25519Sha256,
  curve25519Sha256Libssh,
  ecdhNistp256,
  ecdhNistp384,
  ecdhNistp521,
  dhGroup16Sha512,
  dhGroup15Sha512,
  dhGroup17Sha512,
  dhGroup18Sha512,
  dhGroupExchangeSha256,
  dhGroup14Sha256,
  dhGroupExchangeSha1,
  dhGroup14Sha1,
  dhGroup1Sha1,
])
