/** What protects a connection, in words that can be shown to people. */

import { isPostQuantum } from '@hawser/crypto'
import { fingerprint, type PublicKey } from '@hawser/keys'
import { UsageError } from '@hawser/wire'
import type { Session } from './session.ts'

/** What was negotiated in the latest key exchange. `out` is what we send, `in` what we receive. */
export interface Security {
  readonly kex: string
  /** Whether recordings of today stay secret from quantum computers. */
  readonly postQuantum: boolean
  /** OpenSSH's strict key exchange, the cure for the Terrapin attack. */
  readonly strictKex: boolean
  /** The algorithm that the server proved its key with. */
  readonly hostKeyAlgorithm: string
  /** `SHA256:…` of the server's key. */
  readonly hostKeyFingerprint: string
  readonly cipher: { readonly out: string; readonly in: string }
  /** Empty where the cipher authenticates by itself. */
  readonly mac: { readonly out: string; readonly in: string }
  readonly compression: { readonly out: string; readonly in: string }
}

/** The state of `session` now. Throws UsageError before the first key exchange is over. */
export function securityOf(session: Session, hostKey: PublicKey | undefined): Security {
  const { negotiated } = session
  if (negotiated === undefined)
    throw new UsageError('nothing is negotiated yet: wait until the session is ready')
  return {
    kex: negotiated.kex,
    postQuantum: isPostQuantum(negotiated.kex),
    strictKex: negotiated.strict,
    hostKeyAlgorithm: negotiated.serverHostKey,
    hostKeyFingerprint: hostKey === undefined ? '' : fingerprint(hostKey),
    cipher: { out: negotiated.cipherOut, in: negotiated.cipherIn },
    mac: { out: negotiated.macOut, in: negotiated.macIn },
    compression: { out: negotiated.compressionOut, in: negotiated.compressionIn },
  }
}
