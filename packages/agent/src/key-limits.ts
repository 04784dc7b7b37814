/** Limits on the use of a key that an agent is given (RFC 9987 §3.2.7). */

import { ProtocolError, type Reader, type Writer } from '@hawser/wire'
import { KeyConstraint } from './numbers.ts'

export interface KeyLimits {
  /** Seconds after which the agent forgets the key. Default: never. */
  readonly lifetimeSeconds?: number
  /** Whether the agent asks its user before each signature. */
  readonly confirm?: boolean
}

export function writeKeyLimits(to: Writer, { lifetimeSeconds, confirm }: KeyLimits): void {
  if (lifetimeSeconds !== undefined) to.byte(KeyConstraint.lifetime).uint32(lifetimeSeconds)
  if (confirm === true) to.byte(KeyConstraint.confirm)
}

/** Reads constraints to the end. Throws ProtocolError for those that are not known: a key must not be less limited than its owner wants. */
export function readKeyLimits(from: Reader): KeyLimits {
  let limits: KeyLimits = {}
  while (from.left > 0) {
    const constraint = from.byte()
    if (constraint === KeyConstraint.lifetime) limits = { ...limits, lifetimeSeconds: from.uint32() }
    else if (constraint === KeyConstraint.confirm) limits = { ...limits, confirm: true }
    else throw new ProtocolError(`the constraint ${constraint} on the use of a key is not known here`)
  }
  return limits
}
