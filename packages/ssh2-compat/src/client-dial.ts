/** Gets a connected socket for a client: dials, waits for a socket that is still connecting, or takes any duplex stream. */

import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connectSocket } from '@hawser/session/node'
import { type ClientErrorExtensions, extend } from './errors.ts'
import { type ClientSettings, isWebPair } from './options.ts'

export interface DialEvents {
  /** The socket has connected; not called for streams that need not. */
  connect(): void
  /** The socket was silent for as long as the option `timeout` says. */
  timeout(): void
  /** SSH can begin; `spentMs` of the ready time is gone. */
  ready(spentMs: number): void
  failed(error: Error & ClientErrorExtensions): void
  /** The socket closed before SSH began. */
  closed(): void
}

/** One socket until SSH begins. Throws at once for a port that cannot be. */
export class Dialler {
  readonly socket: Duplex
  /** Whether the socket was made here, or came unconnected. */
  readonly dialled: boolean
  readonly #events: DialEvents
  readonly #settings: ClientSettings
  readonly #since = Date.now()
  #timer: NodeJS.Timeout | undefined
  #begun = false
  readonly #onError = (error: Error): void => {
    const dns = (error as NodeJS.ErrnoException).syscall === 'getaddrinfo' && this.#settings.family !== 0
    this.#events.failed(extend(error, { level: dns ? 'client-dns' : 'client-socket', phase: 'connect' }))
  }

  constructor(settings: ClientSettings, events: DialEvents) {
    this.#settings = settings
    this.#events = events
    const { sock } = settings
    const socket = sock === undefined ? dial(settings) : isWebPair(sock) ? Duplex.fromWeb(sock) : sock
    this.socket = socket
    const connecting = socket instanceof Socket && socket.connecting
    this.dialled = connecting
    socket.once('error', this.#onError)
    socket.once('close', () => {
      if (!this.#begun) events.closed()
    })
    if (settings.timeout > 0 && socket instanceof Socket) {
      socket.setTimeout(settings.timeout)
      socket.on('timeout', () => events.timeout())
    }
    if (connecting) {
      this.#startClock()
      socket.once('connect', () => {
        events.connect()
        this.#begin()
      })
    } else
      process.nextTick(() => {
        if (isOpen(socket)) this.#begin()
        else this.#notOpen()
      })
  }

  /** Gives up: nothing was sent yet. */
  destroy(): void {
    this.socket.destroy()
  }

  /** The connection is over: nothing is left running. */
  done(): void {
    clearTimeout(this.#timer)
  }

  #begin(): void {
    clearTimeout(this.#timer)
    if (this.socket.destroyed) return
    this.#begun = true
    this.socket.removeListener('error', this.#onError)
    this.#events.ready(Date.now() - this.#since)
  }

  #notOpen(): void {
    this.#events.failed(extend(new Error('Socket is closed'), { level: 'client-socket', phase: 'connect' }))
    if (this.socket.destroyed) this.#events.closed()
    else this.socket.destroy()
  }

  #startClock(): void {
    const { readyTimeout, host, port } = this.#settings
    if (readyTimeout === 0) return
    this.#timer = setTimeout(() => {
      this.#events.failed(
        extend(new Error('Timed out while waiting for handshake'), {
          level: 'client-timeout',
          code: 'SSH_TIMEOUT',
          phase: 'connect',
          description: `no TCP connection to ${host} port ${port} after ${readyTimeout} ms`,
        }),
      )
      this.socket.destroy()
    }, readyTimeout)
  }
}

function dial({ host, port, family, localAddress, localPort }: ClientSettings): Socket {
  return connectSocket({
    host,
    port,
    ...(family === 0 ? {} : { family }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(localPort === undefined ? {} : { localPort }),
  })
}

function isOpen(stream: Duplex): boolean {
  if (stream.destroyed || !stream.writable || !stream.readable) return false
  return !(stream instanceof Socket) || stream.readyState === 'open'
}
