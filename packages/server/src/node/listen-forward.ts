/** The ready-made answer to requests to listen. */

import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { joinChannel } from '@hawser/session/node'
import type { ForwardRequest } from '../listening.ts'

export interface ListenForwardOptions {
  /**
   * Listens on the address that the client asked for, which may be everybody's. Default false: on 127.0.0.1 only, whatever was
   * asked for, as OpenSSH's `GatewayPorts no`.
   */
  readonly gatewayPorts?: boolean
  /** Connections at once; default 256. */
  readonly maxConnections?: number
  /** A connection was not handed over; others go on. */
  readonly onError?: (error: Error) => void
}

/**
 * Listens where `request` wants, accepts it, and hands over who connects, until the client cancels or is gone; refuses it when the
 * address cannot be had. Any port that this process may have: look at `request.at` before you call it, above all at paths.
 * Resolves when it listens (or was refused: undefined).
 */
export function listenForward(
  request: ForwardRequest,
  options: ListenForwardOptions = {},
): Promise<Server | undefined> {
  const { at } = request
  const { gatewayPorts = false, maxConnections = 256, onError } = options
  return new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
    server.maxConnections = maxConnections
    server.once('error', () => {
      request.reject()
      resolve(undefined)
    })
    server.listen(whereOf(at, gatewayPorts), () => {
      server.removeAllListeners('error')
      server.on('error', (error) => onError?.(error))
      const address = server.address() as AddressInfo | string
      const forward = request.accept({
        ...(typeof address === 'string' ? {} : { port: address.port }),
        onCancel: () => void server.close(),
      })
      server.on('connection', (socket: Socket) => {
        const failed = (error: Error): void => {
          socket.destroy()
          onError?.(error)
        }
        socket.once('error', failed)
        const { remoteAddress: host = '127.0.0.1', remotePort: port = 0 } = socket
        forward.open({ host, port }).then((channel) => {
          socket.removeListener('error', failed)
          joinChannel(channel, socket)
        }, failed)
      })
      resolve(server)
    })
  })
}

/** RFC 4254 §7.1: `''` is every address of both families, `0.0.0.0` and `::` those of one, `localhost` this machine. */
function whereOf(at: ForwardRequest['at'], gatewayPorts: boolean): ListenOptions {
  if ('path' in at) return { path: at.path }
  if (!gatewayPorts || at.host === 'localhost') return { host: '127.0.0.1', port: at.port }
  return at.host === '' || at.host === '*' ? { port: at.port } : { host: at.host, port: at.port }
}
