/** One session tied to its socket and to the emitter that programs see it through: the events both roles share. */

import type { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { BytePipe, Session, SessionHooks } from '@hawser/session'
import { fromNodeSocket } from '@hawser/session/node'
import type { Negotiated } from '@hawser/transport'
import type { ChannelOwner } from './channel.ts'
import type { NegotiatedAlgorithms } from './types.ts'

export interface LinkParts {
  readonly emitter: EventEmitter
  readonly socket: Duplex
  readonly role: 'client' | 'server'
  /** Starts the session over `pipe` with these hooks. */
  readonly begin: (pipe: BytePipe, hooks: SessionHooks) => Session
  /** The role's own hooks, called before the shared ones. */
  readonly hooks: SessionHooks
  /** Emits the one error of this connection, if programs are to hear of it. */
  readonly failed: (error: Error) => void
  /** The socket is closed; nothing follows. Emits `close`. */
  readonly closed: () => void
}

/** Made once the socket is connected. */
export class Link implements ChannelOwner {
  readonly session: Session
  readonly #emitter: EventEmitter
  readonly #closed: () => void
  #waiting = false
  #closedOnce = false

  constructor(parts: LinkParts) {
    const { emitter, socket, role, failed } = parts
    const { ident, keys, extInfo, banner, ready, disconnect, closed } = parts.hooks
    this.#emitter = emitter
    this.#closed = parts.closed
    const pipe = fromNodeSocket(socket)
    // Set one by one: what is spread has a shape of its own in each connection, which takes more memory than the object.
    const hooks: { -readonly [K in keyof SessionHooks]: SessionHooks[K] } = {
      keys: (negotiated, first) => {
        keys?.(negotiated, first)
        emitter.emit('handshake', negotiatedAlgorithms(negotiated, role))
        if (!first) emitter.emit('rekey')
      },
      drain: () => this.#drained(),
      failed,
      closed: () => {
        closed?.()
        // A stream that does not tell its end is taken to end with the session.
        if (!(socket instanceof Socket)) setImmediate(() => this.#end())
      },
    }
    if (ident !== undefined) hooks.ident = ident
    if (extInfo !== undefined) hooks.extInfo = extInfo
    if (banner !== undefined) hooks.banner = banner
    if (ready !== undefined) hooks.ready = ready
    if (disconnect !== undefined) hooks.disconnect = disconnect
    this.session = parts.begin(pipe, hooks)
    socket.on('end', () => emitter.emit('end'))
    socket.once('close', () => this.#end())
  }

  /** Whether the socket takes more at the moment; after a false answer `continue` will be emitted. */
  get writable(): boolean {
    const { writable } = this.session
    if (!writable) this.#waiting = true
    return writable
  }

  /** Runs `callback` free of any promise, so that what it throws is an uncaught exception. */
  static run(callback: () => void): void {
    queueMicrotask(callback)
  }

  #drained(): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.#emitter.emit('continue')
  }

  #end(): void {
    if (this.#closedOnce) return
    this.#closedOnce = true
    this.#closed()
  }
}

/** What was agreed on, by direction: `cs` is client to server. */
function negotiatedAlgorithms(n: Negotiated, role: 'client' | 'server'): NegotiatedAlgorithms {
  const out = { cipher: n.cipherOut, mac: n.macOut, compress: n.compressionOut, lang: '' }
  const incoming = { cipher: n.cipherIn, mac: n.macIn, compress: n.compressionIn, lang: '' }
  return {
    kex: n.kex,
    srvHostKey: n.serverHostKey,
    serverHostKey: n.serverHostKey,
    cs: role === 'client' ? out : incoming,
    sc: role === 'client' ? incoming : out,
  }
}
