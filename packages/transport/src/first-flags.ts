/** What the first KEXINIT of a connection says besides its lists: strict key exchange, and who takes EXT_INFO (RFC 8308 §2.1). */

import { ProtocolError } from '@hawser/wire'
import { extInfoMarker, strictMarker } from './ext-info.ts'
import type { KexInit } from './messages.ts'

/** The markers that `peer` gave; they count in the first KEXINIT alone. */
interface FirstFlags {
  readonly strict: boolean
  readonly takesExtInfo: boolean
}

/** Reads the flags of the first KEXINIT, packet `seq` of `peer`. Throws ProtocolError where strict key exchange forbids its number. */
export function firstFlags(theirs: KexInit, peer: 'client' | 'server', seq: number): FirstFlags {
  const strict = theirs.kexAlgorithms.includes(strictMarker[peer])
  if (strict && seq !== 0)
    throw new ProtocolError(
      `strict key exchange: KEXINIT came as packet ${seq}, nothing may come before it; somebody may be in the middle`,
    )
  return { strict, takesExtInfo: theirs.kexAlgorithms.includes(extInfoMarker[peer]) }
}
