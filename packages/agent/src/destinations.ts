/** Where a key may be used: the constraint restrict-destination-v00@openssh.com (OpenSSH PROTOCOL.agent §2). */

import { KeyError, type PublicKey, publicKeyFromBlob } from '@hawser/keys'
import { ProtocolError, Reader, type Writer as To, utf8Decode, utf8Encode, Writer } from '@hawser/wire'
import { agentLimits } from './limits.ts'

/** A key that a host is known by. */
export interface DestinationKey {
  readonly key: PublicKey
  /** It signs certificates of the host, and is not a host key itself. */
  readonly isAuthority: boolean
}

/** A host, by its keys; the name is for people, and for certificates. */
export interface DestinationHost {
  readonly host: string
  readonly keys: readonly DestinationKey[]
}

/** One step that a key may go. */
export interface Destination {
  /** The host that the agent is forwarded to and used from; left out: the agent's own. */
  readonly from?: DestinationHost
  /** The host that is logged in to; `user` is a pattern with `*` and `?`, left out: any user. */
  readonly to: DestinationHost & { readonly user?: string }
}

/** Writes the contents of the constraint. */
export function writeDestinations(destinations: readonly Destination[]): Uint8Array {
  const to = new Writer(1024)
  for (const { from, to: target } of destinations) {
    const one = new Writer(512)
    writeHost(one, from ?? { host: '', keys: [] })
    writeHost(one, target)
    to.string(one.string('').finish())
  }
  return to.finish()
}

/** Reads the contents of the constraint. Throws ProtocolError for steps that say too little, too much, or too many. */
export function readDestinations(contents: Uint8Array): readonly Destination[] {
  const all = new Reader(contents, 'destinations')
  const destinations: Destination[] = []
  while (all.left > 0) {
    if (destinations.length >= agentLimits.destinations)
      throw new ProtocolError(`more than ${agentLimits.destinations} destinations of a key`)
    const one = new Reader(all.string(), 'destination')
    const from = readHost(one.string())
    const to = readHost(one.string())
    nothing(one.string())
    one.end()
    if (from.user !== undefined || (from.host === '') !== (from.keys.length === 0))
      throw new ProtocolError(
        'a destination from a host without keys, from keys without a host, or of a user',
      )
    if (to.host === '' || to.keys.length === 0)
      throw new ProtocolError('a destination without a host or without keys')
    destinations.push(from.host === '' ? { to } : { from, to })
  }
  if (destinations.length === 0) throw new ProtocolError('a key for no destination at all')
  return destinations
}

function writeHost(into: To, { host, keys, user = '' }: DestinationHost & { readonly user?: string }): void {
  const to = new Writer(256).string(utf8Encode(user)).string(utf8Encode(host)).string('')
  for (const { key, isAuthority } of keys) to.string(key.blob).boolean(isAuthority)
  into.string(to.finish())
}

function readHost(bytes: Uint8Array): DestinationHost & { readonly user?: string } {
  const from = new Reader(bytes, 'host of a destination')
  const user = utf8Decode(from.string())
  const host = utf8Decode(from.string())
  nothing(from.string())
  const keys: DestinationKey[] = []
  while (from.left > 0) keys.push({ key: keyFrom(from.string()), isAuthority: from.boolean() })
  return { host, keys, ...(user === '' ? {} : { user }) }
}

function keyFrom(blob: Uint8Array): PublicKey {
  try {
    return publicKeyFromBlob(blob)
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause
    throw new ProtocolError(`a host key of a destination cannot be read: ${cause.message}`, { cause })
  }
}

/** Reserved for what is to come: who does not know it must not pass over it. */
function nothing(reserved: Uint8Array): void {
  if (reserved.length > 0) throw new ProtocolError('a destination says more than is known here')
}
