/** A connector for undici, and so for `fetch`. */

import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { SharedConnection, type SharingOptions, type Via } from './shared-connection.ts'
import { channelSocket, tlsSocket } from './socket.ts'

/** How sockets share a connection, and TLS options (`ca`, `rejectUnauthorized`…) for https. */
export interface SshConnectOptions extends SharingOptions {
  readonly tls?: ConnectionOptions
  /** For a TLS handshake, in milliseconds; 0 is no limit. Default 10,000, as undici's own. */
  readonly timeoutMs?: number
}

/** Where undici wants to go. */
export interface SshConnectTarget {
  readonly hostname: string
  readonly protocol: string
  readonly port: string
  readonly servername?: string
  readonly localAddress?: string | null
}

/** What undici's `Agent`, `Pool` and `Client` take as `connect`. */
export interface SshConnect extends SshConnector {
  /** Closes a connection that was made here; the next socket makes another. */
  close(): void
}

type SshConnector = (
  target: SshConnectTarget,
  callback: (...result: [error: null, socket: Socket] | [error: Error, socket: null]) => void,
) => void

/**
 * `new Agent({ connect: sshConnect(client) })` of undici sends requests through SSH: given to `fetch` as `dispatcher`, or set
 * for all by `setGlobalDispatcher`. Names are resolved, and connections made, by the SSH server.
 */
export function sshConnect(via: Via, options: SshConnectOptions = {}): SshConnect {
  const connection = new SharedConnection(via, options)
  const { timeoutMs = 10_000 } = options
  const connect: SshConnector = ({ hostname, protocol, port, servername, localAddress }, callback) => {
    const secure = protocol === 'https:'
    const to = { host: hostname, port: port === '' ? (secure ? 443 : 80) : Number(port) }
    connection.open(to, typeof localAddress === 'string' ? { host: localAddress } : {}).then(
      (lease) => {
        // undici calls nothing on it that a channel lacks.
        if (!secure) return callback(null, channelSocket(lease, to) as unknown as Socket)
        const socket = tlsSocket(lease, to, {
          ALPNProtocols: ['http/1.1'],
          ...options.tls,
          ...(servername === undefined || servername === '' ? {} : { servername }),
        })
        const failed = (error: Error): void => {
          socket.setTimeout(0)
          callback(error, null)
        }
        const late = (): void =>
          void socket.destroy(
            new Error(`no TLS handshake with ${to.host} port ${to.port} within ${timeoutMs} ms`),
          )
        socket.once('error', failed)
        socket.setTimeout(timeoutMs, late)
        socket.once('secureConnect', () => {
          socket.removeListener('error', failed)
          socket.setTimeout(0, late)
          callback(null, socket)
        })
      },
      (error: Error) => callback(error, null),
    )
  }
  return Object.assign(connect, { close: () => connection.close() })
}
