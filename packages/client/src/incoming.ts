/** What a server asks of a client: channels that come back, and requests. */

import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import type { HostKeysAnnouncement, PublicKey } from '@hawser/keys'
import type { Channel, IncomingChannel, IncomingRequest, Session } from '@hawser/session'
import { asError, handOver } from '@hawser/session'
import { type Infer, ProtocolError, type Trace } from '@hawser/wire'
import type { ForwardedAgent } from './agent-forwarding.ts'
import type { Address } from './forwarding.ts'
import { announcedKeys, proveHostKeys } from './hostkeys-update.ts'

const { x11 } = channelTypes

/** An X client on the server wants to reach our display (RFC 4254 §6.3.2). Answer by `accept` or `reject`, once. */
export interface X11Request {
  readonly origin: Address
  readonly answered: boolean
  /** Opens the channel. Its first bytes hold the cookie that was given with `x11`: compare it before you let it through. */
  accept(): Channel
  reject(reason?: number, description?: string): void
}

/** Handlers of what a server asks for; what has none is refused. */
export interface IncomingHandlers {
  /** Takes X11 connections, once a program was started with `x11`. */
  readonly onX11?: (request: X11Request) => void
  /** The agent for programs that are started with `agentForward`: one that runs (`agentAt()` of @hawser/agent/node), or a `Keyring`. */
  readonly agent?: ForwardedAgent
  /** Takes channels of all other types. */
  readonly onChannel?: (open: IncomingChannel) => void
  /** Told the host keys that the server has and has proved, for known_hosts to follow when they change. */
  readonly onHostKeys?: (keys: readonly PublicKey[], announcement: HostKeysAnnouncement) => void
  /** Takes other global requests. */
  readonly onRequest?: (request: IncomingRequest) => void
  readonly trace?: Trace
}

/** `open` as a typed request; undefined (and refused) when its data make no sense. */
export function x11Request(open: IncomingChannel): X11Request | undefined {
  let data: Infer<typeof x11>
  try {
    data = x11.decode(open.data)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    open.reject(ChannelOpenReason.administrativelyProhibited, 'malformed x11 request')
    return undefined
  }
  return {
    origin: { host: data.originatorAddress, port: data.originatorPort },
    get answered() {
      return open.answered
    },
    accept: () => open.accept(),
    reject: (reason = ChannelOpenReason.administrativelyProhibited, description = 'not wanted') =>
      open.reject(reason, description),
  }
}

/** Hands a channel that is no forwarded connection to whom it concerns. */
export function takeChannel(open: IncomingChannel, handlers: IncomingHandlers, x11Wanted: boolean): void {
  const { onChannel, onX11 } = handlers
  if (open.type === x11.name && onX11 !== undefined && x11Wanted) {
    const request = x11Request(open)
    if (request !== undefined) handOver(request, () => onX11(request))
  } else if (open.type === x11.name && (onX11 !== undefined || onChannel === undefined))
    open.reject(ChannelOpenReason.administrativelyProhibited, 'X11 forwarding was not asked for')
  else if (onChannel !== undefined) handOver(open, () => onChannel(open))
  else open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)
}

/** Takes the global requests of `session`. */
export function takeRequests(
  session: Session,
  hostKey: PublicKey | undefined,
  handlers: IncomingHandlers,
): void {
  const { onHostKeys, onRequest, trace } = handlers
  let proving = false
  const update = async (announcement: Uint8Array): Promise<void> => {
    if (proving || onHostKeys === undefined || hostKey === undefined) return
    proving = true
    let keys: readonly PublicKey[]
    try {
      keys = await proveHostKeys(session, announcement, hostKey)
    } catch (error) {
      // Nobody depends on it: the connection goes on with the key that it has.
      const detail = `announced host keys were not taken: ${asError(error).message}`
      return trace?.({ layer: 'session', type: 'note', detail })
    } finally {
      proving = false
    }
    onHostKeys(keys, { accepted: hostKey, proved: keys, announced: announcedKeys(announcement) })
  }
  session.onRequest = (request) => {
    if (request.name === globalRequests.hostkeys.name) {
      request.accept()
      void update(request.data)
      return
    }
    if (onRequest === undefined) request.reject()
    else handOver(request, () => onRequest(request))
  }
}
