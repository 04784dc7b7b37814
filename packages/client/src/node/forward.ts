/** Forwards between this machine and the server: `ssh -L`, `-R` and `-D`, each a verb. */

import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import { ChannelOpenError, ChannelOpenReason } from '@hawser/connection'
import type { Channel } from '@hawser/session'
import { joinChannel } from '@hawser/session/node'
import type { Client } from '../client.ts'
import type { Address, SocketPath } from '../forwarding.ts'
import type { ConnectionRequest, RemoteListener } from '../listening.ts'
import { SocksError, SocksHandshake, SocksReply, socksReply } from '../socks5.ts'
import type { CallOptions } from '../waiting.ts'

/** Where to listen on this machine, and who hears of trouble. */
export interface LocalListenOptions {
  /** Port 0 lets the system choose. Default: 127.0.0.1 port 0. */
  readonly at?: Partial<Address> | SocketPath
  /** Connections at once; default 256. */
  readonly maxConnections?: number
  /** One connection failed; others go on. */
  readonly onConnectionError?: (error: Error) => void
}

/** Listens on this machine; each connection goes to `to` from the server (`ssh -L`). */
export function forwardLocal(
  client: Client,
  to: Address | SocketPath,
  options: LocalListenOptions = {},
): Promise<LocalListener> {
  return startListening(client, options, async (socket) => {
    joinChannel(await client.forwardOut(to, originOf(socket)), socket)
  })
}

/** Listens on this machine as a SOCKS5 proxy: each connection says where it goes (`ssh -D`). No authentication, so mind who reaches it. */
export function dynamic(client: Client, options: LocalListenOptions = {}): Promise<LocalListener> {
  return startListening(client, options, async (socket) => {
    const { target, rest } = await shakeHands(socket)
    let channel: Channel
    try {
      channel = await client.forwardOut(target, originOf(socket))
    } catch (error) {
      socket.end(socksReply(replyFor(error)))
      throw error
    }
    socket.write(socksReply(SocksReply.succeeded))
    if (rest.length > 0) socket.unshift(rest)
    joinChannel(channel, socket)
  })
}

/** Has the server listen at `from`; each connection goes to `to` from this machine (`ssh -R`). */
export async function forwardRemote(
  client: Client,
  from: Address | SocketPath,
  to: Address | SocketPath,
  options: CallOptions = {},
): Promise<RemoteListener> {
  return client.listen(from, { ...options, onConnection: (request) => connectTo(to, request) })
}

/** Listens on this machine. Made by {@link forwardLocal} and {@link dynamic}; closed with its client. */
export class LocalListener {
  /** Settles when it listens no more; never rejects. */
  readonly closed: Promise<void>
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>

  constructor(server: Server, sockets: ReadonlySet<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.closed = new Promise((resolve) => server.once('close', () => resolve()))
  }

  /** Where it listens. */
  get at(): Address | SocketPath {
    const address = this.#server.address() as AddressInfo | string
    return typeof address === 'string' ? { path: address } : { host: address.address, port: address.port }
  }

  /** The TCP port; 0 for a Unix socket. */
  get port(): number {
    const { at } = this
    return 'port' in at ? at.port : 0
  }

  /** Stops listening and cuts the connections that there are. Never rejects. */
  close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function startListening(
  client: Client,
  { at = {}, maxConnections = 256, onConnectionError }: LocalListenOptions,
  serve: (socket: Socket) => Promise<void>,
): Promise<LocalListener> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const failed = (error: Error): void => onConnectionError?.(error)
    socket.on('error', failed)
    serve(socket).catch((error: Error) => {
      socket.destroySoon() // what was said last shall still arrive
      failed(error)
    })
  })
  server.maxConnections = maxConnections
  const where: ListenOptions =
    'path' in at ? { path: at.path } : { host: at.host ?? '127.0.0.1', port: at.port ?? 0 }
  server.listen(where)
  await once(server, 'listening')
  // A connection that cannot be taken does not end the others.
  server.on('error', (error) => onConnectionError?.(error))
  const listener = new LocalListener(server, sockets)
  void client.closed.then(() => listener.close())
  return listener
}

/** The handshake, up to the target. Rejects when it is none that is served, or breaks off. */
function shakeHands(socket: Socket): Promise<{ readonly target: Address; readonly rest: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const handshake = new SocksHandshake()
    const finish = (): void => {
      socket.pause()
      socket.setTimeout(0)
      socket.removeListener('data', received)
      socket.removeListener('close', gone)
      socket.removeListener('end', gone)
      socket.removeListener('timeout', gone)
    }
    const gone = (): void => {
      finish()
      reject(new SocksError('the SOCKS client went away or fell silent in its handshake', new Uint8Array(0)))
    }
    const received = (bytes: Uint8Array): void => {
      try {
        const done = handshake.receive(bytes)
        const output = handshake.takeOutput()
        if (output !== undefined) socket.write(output)
        if (done === undefined) return
        finish()
        resolve(done)
      } catch (error) {
        finish()
        if (error instanceof SocksError) socket.end(error.reply)
        reject(error)
      }
    }
    socket.setTimeout(handshakeMs)
    socket.on('data', received)
    socket.once('timeout', gone)
    socket.once('end', gone)
    socket.once('close', gone)
  })
}

/** For a SOCKS handshake; a client on the same machine needs none of it. */
const handshakeMs = 30_000

function replyFor(error: unknown): number {
  if (!(error instanceof ChannelOpenError)) return SocksReply.generalFailure
  switch (error.reason) {
    case ChannelOpenReason.administrativelyProhibited:
      return SocksReply.notAllowed
    case ChannelOpenReason.connectFailed:
      return SocksReply.connectionRefused
    default:
      return SocksReply.generalFailure
  }
}

function connectTo(to: Address | SocketPath, request: ConnectionRequest): void {
  const socket = connect({ ...to, allowHalfOpen: true, noDelay: true })
  const refused = (error: Error): void => {
    if (!request.answered) request.reject(ChannelOpenReason.connectFailed, error.message)
  }
  socket.once('error', refused)
  socket.once('connect', () => {
    socket.removeListener('error', refused)
    try {
      joinChannel(request.accept(), socket)
    } catch {
      socket.destroy() // the SSH connection is over, which its owner is told
    }
  })
}

function originOf({ remoteAddress, remotePort }: Socket): Address {
  return { host: remoteAddress ?? '127.0.0.1', port: remotePort ?? 0 }
}
