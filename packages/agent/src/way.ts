/** Whether a key may go the way that it is asked for by: each step must be one that it was given for (OpenSSH PROTOCOL.agent §2). */

import {
  checkCertificate,
  isCertificate,
  matchesPattern,
  parseCertificate,
  publicKeyFromBlob,
} from '@hawser/keys'
import { equal } from '@hawser/wire'
import type { Destination, DestinationHost } from './destinations.ts'
import type { SessionBinding } from './session-binding.ts'

/** A login that a signature is asked for; undefined when keys are listed. */
export interface DestinationUse {
  /** The name that is logged in with. */
  readonly user: string
}

/**
 * Why a key may not be used at the end of the way that `sessions` are, oldest first; undefined when it may. Each step must be one of
 * `destinations`: from here to the first host, from there to the next. Without `use` a way that ends in forwarding must lead further.
 */
export function strayed(
  destinations: readonly Destination[],
  sessions: readonly SessionBinding[],
  use: DestinationUse | undefined,
  now: Date,
): string | undefined {
  let from: Uint8Array | undefined
  for (const [at, { hostKey, forwarding }] of sessions.entries()) {
    const isLast = at === sessions.length - 1
    if (isLast && forwarding && use !== undefined)
      return 'a signature for a session through which the agent is forwarded only'
    if (!isLast && !forwarding) return 'the agent is used further on from a session that was for a login'
    const user = isLast ? use?.user : undefined
    if (!destinations.some((step) => leads(step, from, hostKey, user, now)))
      return `step ${at + 1} of the way is to no host that the key is for`
    from = hostKey
  }
  const last = sessions.at(-1)
  if (last === undefined || !last.forwarding || use !== undefined) return undefined
  const goesOn = destinations.some((step) => leads(step, last.hostKey, undefined, undefined, now))
  return goesOn ? undefined : 'the key is for a login to that host, and for none from there'
}

function leads(
  step: Destination,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
  user: string | undefined,
  now: Date,
): boolean {
  const begins =
    from === undefined ? step.from === undefined : step.from !== undefined && is(step.from, from, now)
  if (!begins || (to !== undefined && !is(step.to, to, now))) return false
  return step.to.user === undefined || user === undefined || matchesPattern(user, step.to.user)
}

/** Whether `hostKey` is a key of `host`, or a good certificate for it by one of its authorities. */
function is({ host, keys }: DestinationHost, hostKey: Uint8Array, now: Date): boolean {
  const key = publicKeyFromBlob(hostKey)
  if (!isCertificate(key)) return keys.some((known) => !known.isAuthority && equal(known.key.blob, key.blob))
  const authorities = keys.filter(({ isAuthority }) => isAuthority).map((known) => known.key)
  return checkCertificate(parseCertificate(key), { kind: 'host', principals: [host], authorities, now }).valid
}
