/** ssh2's Server: listens, and hands each client over as a Connection. */

import { type AddressInfo, type ListenOptions, Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Signer } from '@hawser/keys'
import { Transport } from '@hawser/transport'
import { resolveAlgorithms } from './algorithms.ts'
import { Connection, type ConnectionSettings } from './connection.ts'
import { lines } from './connection-info.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import type { ServerEvents } from './event-types.ts'
import { keySigner, parsePrivate, withCertificate } from './keys.ts'
import { identText, milliseconds } from './options.ts'
import type { ClientInfo, ServerConfig, ServerHostKey } from './types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<ServerEvents> = emitterOf()

export type ServerConnectionListener = (client: Connection, info: ClientInfo) => void

/** A server with the methods, properties and events of net.Server; `connection` comes once a client has identified itself. */
export class Server extends Emitter {
  /** Milliseconds between looks at the counters, kept for programs that set it; each connection has its own timer here. */
  static KEEPALIVE_INTERVAL = 1000
  /** Milliseconds of silence before a client is asked for a sign of life; 0 never asks. */
  static KEEPALIVE_CLIENT_INTERVAL = 15_000
  /** Unanswered signs of life before a client counts as gone. */
  static KEEPALIVE_CLIENT_COUNT_MAX = 3
  static readonly IncomingClient = Connection

  /** @deprecated Use `new Server()`. */
  static createServer(config: ServerConfig, listener?: ServerConnectionListener): Server {
    return new Server(config, listener)
  }

  readonly _srv: NetServer
  readonly #settings: ConnectionSettings
  #connections = 0

  constructor(config: ServerConfig, listener?: ServerConnectionListener) {
    super()
    if (typeof config !== 'object' || config === null || !Array.isArray(config.hostKeys))
      throw new Error('hostKeys must be an array')
    this.#settings = {
      hostKeys: hostKeys(config.hostKeys),
      algorithms: resolveAlgorithms(config.algorithms),
      greeting: config.greeting || undefined,
      banner: config.banner || undefined,
      ident: identText(config.ident),
      highWaterMark: config.highWaterMark,
      debug: typeof config.debug === 'function' ? config.debug : undefined,
      keepaliveInterval: milliseconds(config.keepaliveInterval, Server.KEEPALIVE_CLIENT_INTERVAL),
      keepaliveCountMax: milliseconds(config.keepaliveCountMax, Server.KEEPALIVE_CLIENT_COUNT_MAX),
    }
    checkHandshake(this.#settings)
    if (typeof listener === 'function') this.on('connection', listener)
    this._srv = new NetServer({ noDelay: true }, (socket) => this.#accept(socket))
    this._srv.on('error', (error) => this.emit('error', error))
    this._srv.on('listening', () => this.emit('listening'))
    this._srv.on('close', () => this.emit('close'))
  }

  /** As net.Server's. */
  listen(...args: unknown[]): this {
    const last = args.at(-1)
    if (typeof last === 'function') {
      this.once('listening', last as () => void)
      args.pop()
    }
    this._srv.listen(...(args as [ListenOptions]))
    return this
  }

  address(): AddressInfo | string | null {
    return this._srv.address()
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    this._srv.getConnections(callback)
    return this
  }

  /** Takes no new clients; `close` follows the end of the last. */
  close(callback?: (error?: Error) => void): this {
    this._srv.close(callback)
    return this
  }

  ref(): this {
    this._srv.ref()
    return this
  }

  unref(): this {
    this._srv.unref()
    return this
  }

  get listening(): boolean {
    return this._srv.listening
  }

  get maxConnections(): number {
    return this._srv.maxConnections
  }

  set maxConnections(most: number) {
    this._srv.maxConnections = most
  }

  /** Serves SSH over any connected stream. */
  injectSocket(stream: Duplex): void {
    this.#accept(stream)
  }

  #accept(socket: Duplex): void {
    const number = ++this.#connections
    const { remoteAddress, remotePort, remoteFamily } = socket as Socket
    const connection: Connection = new Connection(this.#settings, socket, `[${number}] `, (header) => {
      const info = { ip: remoteAddress, family: remoteFamily, port: remotePort, header } as ClientInfo
      if (!this.emit('connection', connection, info)) connection.end()
    })
  }
}

/** Throws now for what would fail with every client: an identification that cannot be sent, keys that fit no algorithm. */
function checkHandshake({ hostKeys, algorithms, ident, greeting }: ConnectionSettings): void {
  new Transport({
    role: 'server',
    hostKeys,
    algorithms,
    ...(ident === undefined ? {} : { ident }),
    ...(greeting === undefined ? {} : { greeting: lines(greeting) }),
  })
}

function hostKeys(list: ServerConfig['hostKeys']): readonly Signer[] {
  if (list.length === 0)
    throw new Error('hostKeys is empty: a server needs at least one key to prove itself with')
  return list.flatMap((entry) => {
    const given: Partial<ServerHostKey> & Pick<ServerHostKey, 'key'> =
      typeof entry === 'object' && 'key' in entry ? entry : { key: entry }
    // A host key signs by ssh-rsa where the server's algorithms name it, which they do not unless told to.
    const signer = keySigner(parsePrivate(given.key, given.passphrase, 'privateKey'), { insecure: true })
    // Clients that know no authority are shown the key alone.
    return given.certificate === undefined
      ? [signer]
      : [withCertificate(signer, given.certificate, 'host'), signer]
  })
}
