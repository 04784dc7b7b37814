/** What DNS says about a host key, by a resolver that the application gives: runtimes cannot look up SSHFP records with their DNSSEC state. */

import { checkSshfp, KeyError, type PublicKey, type SshfpRecord, type SshfpStatus } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'

export interface SshfpAnswer {
  /** Empty when there are none. */
  readonly records: readonly SshfpRecord[]
  /**
   * Whether DNSSEC proved the records (the AD flag of a resolver that is trusted, over a line that is: the local machine, TLS).
   * Only a plain `true` counts.
   */
  readonly authenticated: boolean
}

/** Gives the SSHFP records of a host; rejects when it cannot tell. */
export type SshfpResolver = (host: string) => Awaitable<SshfpAnswer>

export interface SshfpFinding {
  /** `match`: a record is of this key; `mismatch`: those for its type are of others; `unknown`: there is none for its type. */
  readonly status: SshfpStatus
  readonly authenticated: boolean
}

/** What `answer` says about `key`. */
export function sshfpFinding({ records, authenticated }: SshfpAnswer, key: PublicKey): SshfpFinding {
  return { status: statusOf(records, key), authenticated: authenticated === true }
}

function statusOf(records: readonly SshfpRecord[], key: PublicKey): SshfpStatus {
  try {
    return checkSshfp(records, key)
  } catch (error) {
    // Keys of types that have no number in SSHFP.
    if (!(error instanceof KeyError)) throw error
    return 'unknown'
  }
}
