/** All key agreements that can be negotiated. */

import type { AgreementAlgorithm } from '../algorithm.ts'
import { ecdhNistp256, ecdhNistp384, ecdhNistp521 } from './ecdh.ts'
import { dhGroup14Sha256, dhGroup16Sha512, dhGroup18Sha512, dhGroupExchangeSha256 } from './modp.ts'
import { curve25519Sha256, curve25519Sha256Libssh } from './x25519.ts'

export { checkGroup, chooseGroup, groupExchangeBits, type ModpBits, modpGroup } from './groups.ts'

/** In order of preference: fast and strong first; a new one is a row here. */
export const agreements: readonly AgreementAlgorithm[] = Object.freeze([
  curve25519Sha256,
  curve25519Sha256Libssh,
  ecdhNistp256,
  ecdhNistp384,
  ecdhNistp521,
  dhGroup16Sha512,
  dhGroup18Sha512,
  dhGroupExchangeSha256,
  dhGroup14Sha256,
])
