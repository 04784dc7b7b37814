/** Forwarding: connections that a client asks the server to make. */

import { ChannelOpenReason, channelTypes } from '@hawser/connection'
import type { Channel, IncomingChannel } from '@hawser/session'
import { type Infer, ProtocolError, type Struct } from '@hawser/wire'

const { directStreamlocal, directTcpip } = channelTypes

/** A channel that a client wants to have opened. Answer it by `accept` or `reject`, once. */
export interface OpenRequest {
  readonly answered: boolean
  /** Opens the channel, which is closed already when the client has left meanwhile; connecting it to something is yours, or that of a helper of `@hawser/server/node`. */
  accept(): Channel
  /** Default: administratively prohibited. Reasons are in ChannelOpenReason of `@hawser/connection`. */
  reject(reason?: number, description?: string): void
}

/** A client wants a connection to `host` and `port` (`direct-tcpip`, RFC 4254 §7.2); `connectTcp` makes it. */
export interface TcpipRequest extends OpenRequest {
  readonly host: string
  readonly port: number
  /** Where the client says that the connection comes from; nobody has checked it. */
  readonly originHost: string
  readonly originPort: number
}

/** A client wants a connection to a Unix socket (`direct-streamlocal@openssh.com`, OpenSSH PROTOCOL §2.4); `connectUnix` makes it. */
export interface StreamlocalRequest extends OpenRequest {
  readonly path: string
}

/** `open` as a typed request; undefined (and refused) when its data make no sense. */
export function tcpipRequest(open: IncomingChannel): TcpipRequest | undefined {
  const data = dataOf(open, directTcpip)
  if (data === undefined) return undefined
  return openRequest(open, {
    host: data.hostToConnect,
    port: data.portToConnect,
    originHost: data.originatorAddress,
    originPort: data.originatorPort,
  })
}

/** Likewise. */
export function streamlocalRequest(open: IncomingChannel): StreamlocalRequest | undefined {
  const data = dataOf(open, directStreamlocal)
  return data === undefined ? undefined : openRequest(open, { path: data.socketPath })
}

function dataOf<S extends Struct<unknown>>(open: IncomingChannel, declared: S): Infer<S> | undefined {
  try {
    return declared.decode(open.data) as Infer<S>
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    open.reject(ChannelOpenReason.administrativelyProhibited, `malformed ${open.type} request`)
    return undefined
  }
}

function openRequest<F extends object>(open: IncomingChannel, facts: F): F & OpenRequest {
  return {
    ...facts,
    get answered() {
      return open.answered
    },
    accept: () => open.accept(),
    reject: (
      reason = ChannelOpenReason.administrativelyProhibited,
      description = 'forwarding is not allowed',
    ) => open.reject(reason, description),
  }
}
