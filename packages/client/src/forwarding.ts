/** Forwarding: connections that the server makes for us. */

import { channelTypes } from '@hawser/connection'
import type { Channel, OpenChannelOptions, Session } from '@hawser/session'
import { UsageError } from '@hawser/wire'

const { directStreamlocal, directTcpip } = channelTypes

/** A TCP endpoint. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A Unix socket, by its path on the server. */
export interface SocketPath {
  readonly path: string
}

/**
 * Asks the server to connect to `to` and carries the bytes (`direct-tcpip`, RFC 4254 §7.2). `from` is told to the server as the
 * origin and nothing else; default 127.0.0.1 port 0. Rejects with ChannelOpenError when the server does not let us or cannot connect.
 */
export function openTcpChannel(
  session: Session,
  to: Address,
  from: Address = { host: '127.0.0.1', port: 0 },
  options: OpenChannelOptions = {},
): Promise<Channel> {
  checkAddress('to', to)
  checkAddress('from', from)
  return session.openChannel(
    directTcpip.name,
    directTcpip.encode({
      hostToConnect: to.host,
      portToConnect: to.port,
      originatorAddress: from.host,
      originatorPort: from.port,
    }),
    options,
  )
}

/** The same for a Unix socket on the server (`direct-streamlocal@openssh.com`, OpenSSH PROTOCOL §2.4). */
export function openUnixChannel(
  session: Session,
  { path }: SocketPath,
  options: OpenChannelOptions = {},
): Promise<Channel> {
  checkPath('to', path)
  return session.openChannel(
    directStreamlocal.name,
    directStreamlocal.encode({ socketPath: path, reserved: new Uint8Array(0), reservedPort: 0 }),
    options,
  )
}

/** Throws UsageError unless `address` could be one. */
export function checkAddress(what: string, { host, port }: Address): void {
  if (typeof host !== 'string') throw new UsageError(`${what}.host must be a name or an address`)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`${what}.port is ${port}; it must be a whole number from 0 to 65535`)
}

/** Throws UsageError unless `path` could be one. */
export function checkPath(what: string, path: string): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw new UsageError(`${what}.path must be the path of a Unix socket on the server`)
}
