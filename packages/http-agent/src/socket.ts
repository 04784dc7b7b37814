/** A channel with the manners of a socket, as far as HTTP clients use them. */

import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { Address } from '@hawser/client'
import { toNodeDuplex } from '@hawser/client/node'
import type { Lease } from './shared-connection.ts'

/** What http and undici call on a socket beside what every duplex stream has. */
export interface ChannelSocket extends Duplex {
  readonly remoteAddress: string
  readonly remotePort: number
  /** Milliseconds; 0 is none. */
  readonly timeout: number
  setTimeout(milliseconds: number, callback?: () => void): this
  setKeepAlive(): this
  setNoDelay(): this
  ref(): this
  unref(): this
}

/** The channel of `lease` as a socket to `to`. */
export function channelSocket(lease: Lease, to: Address): ChannelSocket {
  const duplex = toNodeDuplex(lease.channel, { allowHalfOpen: false })
  const clock = new IdleClock(() => duplex.emit('timeout'))
  const { push, write } = duplex
  const socket = Object.assign(duplex, {
    remoteAddress: to.host,
    remotePort: to.port,
    timeout: 0,
    push(...args: Parameters<typeof push>) {
      clock.restart()
      return push.apply(duplex, args)
    },
    write(...args: Parameters<typeof write>) {
      clock.restart()
      return write.apply(duplex, args)
    },
    setTimeout(milliseconds: number, callback?: () => void) {
      socket.timeout = milliseconds
      clock.set(milliseconds)
      if (callback === undefined) return socket
      if (milliseconds > 0) socket.once('timeout', callback)
      else socket.removeListener('timeout', callback)
      return socket
    },
    // Both belong to the SSH connection.
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
  }) as Omit<ChannelSocket, 'timeout'> & { timeout: number }
  duplex.once('close', () => clock.set(0))
  return tieTo(lease, socket)
}

/** TLS over the channel of `lease`; the certificate is checked unless `options` say otherwise. */
export function tlsSocket(lease: Lease, to: Address, options: ConnectionOptions): TLSSocket {
  const socket = toNodeDuplex(lease.channel)
  const tls = connectTls({ ...options, host: to.host, port: to.port, socket })
  return tieTo(lease, tls)
}

/** While a socket is not referenced it does not keep the connection. */
function tieTo<S extends Duplex & { ref(): unknown; unref(): unknown }>(lease: Lease, socket: S): S {
  socket.once('close', () => lease.end())
  return Object.assign(socket, {
    ref() {
      lease.hold()
      return socket
    },
    unref() {
      lease.rest()
      return socket
    },
  })
}

/** Calls back when nothing has happened for some time. Does not keep a process alive. */
class IdleClock {
  readonly #idle: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(idle: () => void) {
    this.#idle = idle
  }

  set(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = milliseconds > 0 ? setTimeout(this.#idle, milliseconds).unref() : undefined
  }

  restart(): void {
    this.#timer?.refresh()
  }
}
