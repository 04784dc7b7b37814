/** A listening server over node:net. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { PipeAddresses } from '@hawser/session'
import { fromNodeSocket, loginTurns } from '@hawser/session/node'
import { StartupGate } from '../limits.ts'
import { type CheckedServerOptions, checkServerOptions, type ServerOptions } from '../options.ts'
import { Penalties } from '../penalties.ts'
import { ServerConnection } from '../server-connection.ts'
import { type ProxyProtocolOptions, takeProxyHeader, trustedProxies } from './proxied.ts'

export interface ListenOptions extends ServerOptions {
  /** 0 lets the system choose; see {@link Listener.port}. */
  readonly port: number
  /** Address to listen on. Default 127.0.0.1, this machine only; `0.0.0.0` or `::` is for everybody. */
  readonly host?: string
  readonly backlog?: number
  /** Proxies in front that say whose connections they carry (PROXY protocol, versions 1 and 2). Default: none; headers are refused. */
  readonly proxyProtocol?: ProxyProtocolOptions
  /** Each connection at its first byte; nobody has logged in yet. */
  readonly onConnection?: (connection: ServerConnection) => void
  /** Each connection once somebody has logged in. */
  readonly onReady?: (connection: ServerConnection) => void
  /** The one error of a connection that failed. Others go on. Absent, `connection.session.error` still tells. */
  readonly onConnectionError?: (error: Error, connection: ServerConnection) => void
  /** A connection could not be taken, because this process has too many files open for example; the listener goes on. */
  readonly onAcceptError?: (error: Error) => void
}

/** Starts to listen; rejects when the address cannot be had. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const checked = checkServerOptions(options)
  const listener = new Listener(checked, options)
  await listener.start()
  return listener
}

/** A server that listens. Made by {@link listen}. */
export class Listener {
  readonly #options: CheckedServerOptions
  readonly #listening: ListenOptions
  readonly #server: Server
  readonly #gate: StartupGate
  readonly #penalties: Penalties | undefined
  readonly #connections = new Set<ServerConnection>()
  readonly #isProxy: (address: string | undefined) => boolean
  /** Sockets of proxies that have not said whose they are. */
  readonly #unnamed = new Set<Socket>()

  constructor(options: CheckedServerOptions, listening: ListenOptions) {
    this.#options = options
    this.#listening = listening
    this.#gate = new StartupGate(options.limits.startups, Math.random)
    const { penalties } = options.limits
    this.#penalties = penalties === false ? undefined : new Penalties(penalties, () => performance.now())
    const { proxyProtocol } = listening
    this.#isProxy = proxyProtocol === undefined ? () => false : trustedProxies(proxyProtocol)
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#connected(socket))
  }

  /** Where it listens; the port is the one that the system chose when 0 was asked for. */
  get address(): AddressInfo {
    return this.#server.address() as AddressInfo
  }

  get port(): number {
    return this.address.port
  }

  /** Connections that are not over, logged in or not. */
  get connections(): ReadonlySet<ServerConnection> {
    return this.#connections
  }

  /** For {@link listen}. */
  async start(): Promise<void> {
    const { port, host = '127.0.0.1', backlog } = this.#listening
    this.#server.listen({ port, host, ...(backlog === undefined ? {} : { backlog }) })
    await once(this.#server, 'listening')
    this.#server.on('error', (error) => {
      this.#options.trace?.({
        layer: 'session',
        type: 'note',
        detail: `a connection was not taken: ${error.message}`,
      })
      this.#listening.onAcceptError?.(error)
    })
  }

  /** Takes no more connections and closes those that there are; settles when all are gone. Again: waits for the same. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server.close(), 'close') : undefined
    for (const socket of this.#unnamed) socket.destroy()
    await Promise.all([...this.#connections].map((connection) => connection.close('the server shuts down')))
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #connected(socket: Socket): void {
    const { remoteAddress } = socket
    if (!this.#isProxy(remoteAddress)) return this.#enter(socket, remoteAddress, {})
    const leave = this.#gate.enter()
    if (leave === undefined) return this.#tooMany(socket)
    this.#unnamed.add(socket)
    takeProxyHeader(socket, this.#listening.proxyProtocol?.timeoutMs).then(
      (addresses) => {
        this.#unnamed.delete(socket)
        leave()
        // Its own connections (is the server alive?) end without a login, and it is not to pay for that.
        this.#enter(socket, addresses?.remoteAddress, addresses ?? {})
      },
      (error: Error) => {
        this.#unnamed.delete(socket)
        leave()
        this.#drop(socket, 'proxy-header', error.message)
      },
    )
  }

  #tooMany(socket: Socket): void {
    this.#drop(socket, 'startups', `${this.#gate.waiting} others are not logged in`)
  }

  /** `source` pays for what the connection does; `addresses` are in place of the socket's. */
  #enter(socket: Socket, source: string | undefined, addresses: PipeAddresses): void {
    const penalty = this.#penalties?.left(source) ?? 0
    if (penalty > 0)
      return this.#drop(socket, 'penalties', `${Math.ceil(penalty / 1000)} s are left of its penalty`)
    const place = this.#gate.enter()
    if (place === undefined) return this.#tooMany(socket)
    const { onConnection, onReady, onConnectionError } = this.#listening
    const connection = new ServerConnection(
      Object.assign(fromNodeSocket(socket), addresses),
      this.#options,
      loginTurns,
    )
    this.#connections.add(connection)
    connection.ready.then(
      () => {
        place()
        onReady?.(connection)
      },
      () => place(), // the error is told below, once the connection is over
    )
    void connection.closed.then(() => {
      place()
      this.#connections.delete(connection)
      const { error } = connection.session
      const offence = connection.offence
      if (offence !== undefined) this.#penalties?.punish(source, offence)
      if (error !== undefined) onConnectionError?.(error, connection)
    })
    onConnection?.(connection)
  }

  #drop(socket: Socket, limit: string, why: string): void {
    this.#options.trace?.({
      layer: 'session',
      type: 'limit',
      limit,
      detail: `a connection from ${socket.remoteAddress} dropped: ${why}`,
    })
    socket.destroy()
  }
}
