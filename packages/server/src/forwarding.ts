/** Forwarding: connections that a client asks the server to make. */

import { ChannelOpenReason, channelTypes } from '@hawser/connection'
import type { Channel, IncomingChannel } from '@hawser/session'
import { type Infer, ProtocolError } from '@hawser/wire'

const { directTcpip } = channelTypes

/** A client wants a connection to `host` and `port` (`direct-tcpip`, RFC 4254 §7.2). Answer it by `accept` or `reject`, once. */
export interface TcpipRequest {
  readonly host: string
  readonly port: number
  /** Where the client says that the connection comes from; nobody has checked it. */
  readonly originHost: string
  readonly originPort: number
  readonly answered: boolean
  /** Opens the channel; connect it to the target yourself, or let `connectTcp` of `@hawser/server/node` do both. */
  accept(): Channel
  /** Default: administratively prohibited. Reasons are in ChannelOpenReason of `@hawser/connection`. */
  reject(reason?: number, description?: string): void
}

/** `open` as a typed request; undefined (and refused) when its data make no sense. */
export function tcpipRequest(open: IncomingChannel): TcpipRequest | undefined {
  let data: Infer<typeof directTcpip>
  try {
    data = directTcpip.decode(open.data)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    open.reject(ChannelOpenReason.administrativelyProhibited, 'malformed direct-tcpip request')
    return undefined
  }
  return {
    host: data.hostToConnect,
    port: data.portToConnect,
    originHost: data.originatorAddress,
    originPort: data.originatorPort,
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
