/** Limits on the use of a key that an agent is given (RFC 9987 §3.2.7, OpenSSH PROTOCOL.agent §2). */

import { ProtocolError, Reader, utf8Decode, utf8Encode, Writer } from '@hawser/wire'
import { type Destination, readDestinations, writeDestinations } from './destinations.ts'
import { KeyConstraint } from './numbers.ts'

export interface KeyLimits {
  /** Seconds after which the agent forgets the key, from 1 to 2^32 - 1. Default: never. */
  readonly lifetimeSeconds?: number
  /** Whether the agent asks its user before each signature. */
  readonly confirm?: boolean
  /** The only logins that the key is for. */
  readonly destinations?: readonly Destination[]
  /** The library by which an agent talks to the security key that holds the key. */
  readonly securityKeyProvider?: string
  /** Certificates that are loaded for keys of a smartcard, and whether the keys themselves are left out. */
  readonly certificates?: { readonly only: boolean; readonly blobs: readonly Uint8Array[] }
}

/** Names of the constraints that are extensions. */
const names = {
  destinations: 'restrict-destination-v00@openssh.com',
  certificates: 'associated-certs-v00@openssh.com',
  securityKeyProvider: 'sk-provider@openssh.com',
} as const

export function writeKeyLimits(to: Writer, limits: KeyLimits): void {
  const { lifetimeSeconds, confirm, destinations, securityKeyProvider, certificates } = limits
  const extension = (name: string): Writer => to.byte(KeyConstraint.extension).string(name)
  if (lifetimeSeconds !== undefined) to.byte(KeyConstraint.lifetime).uint32(lifetimeSeconds)
  if (confirm === true) to.byte(KeyConstraint.confirm)
  if (securityKeyProvider !== undefined)
    extension(names.securityKeyProvider).string(utf8Encode(securityKeyProvider))
  if (destinations !== undefined) extension(names.destinations).string(writeDestinations(destinations))
  if (certificates !== undefined) {
    const blobs = new Writer(1024)
    for (const blob of certificates.blobs) blobs.string(blob)
    extension(names.certificates).boolean(certificates.only).string(blobs.finish())
  }
}

/**
 * Reads constraints to the end. Throws ProtocolError for those that are not known or come twice: a key must not be less limited than
 * its owner wants.
 */
export function readKeyLimits(from: Reader): KeyLimits {
  const limits: { -readonly [K in keyof KeyLimits]: KeyLimits[K] } = {}
  const set = <K extends keyof KeyLimits>(name: K, value: KeyLimits[K]): void => {
    if (limits[name] !== undefined)
      throw new ProtocolError(`the limit ${name} on the use of a key came twice`)
    limits[name] = value
  }
  while (from.left > 0) {
    const constraint = from.byte()
    if (constraint === KeyConstraint.lifetime) set('lifetimeSeconds', from.uint32())
    else if (constraint === KeyConstraint.confirm) set('confirm', true)
    else if (constraint !== KeyConstraint.extension)
      throw new ProtocolError(`the constraint ${constraint} on the use of a key is not known here`)
    else {
      const name = from.ascii()
      if (name === names.destinations) set('destinations', readDestinations(from.string()))
      else if (name === names.securityKeyProvider) set('securityKeyProvider', utf8Decode(from.string()))
      else if (name === names.certificates)
        set('certificates', { only: from.boolean(), blobs: readBlobs(from.string()) })
      else throw new ProtocolError(`the constraint ${name} on the use of a key is not known here`)
    }
  }
  return limits
}

function readBlobs(bytes: Uint8Array): readonly Uint8Array[] {
  const from = new Reader(bytes, 'certificates')
  const blobs: Uint8Array[] = []
  while (from.left > 0) blobs.push(from.string())
  return blobs
}
