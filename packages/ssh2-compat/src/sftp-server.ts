/** ssh2's SFTP server: each request of the client as an event, and the methods that answer it. */

import { type ByteChannel, type messages, SftpStatus } from '@hawser/sftp'
import { SftpServerMachine } from '@hawser/sftp/server'
import { ProtocolError, type Trace, utf8Encode } from '@hawser/wire'
import { type EmitterOf, emitterOf } from './emitter.ts'
import { Link } from './link.ts'
import { textOfStatus } from './sftp-errors.ts'
import { attrsReply, dataReply, handleReply, nameReply } from './sftp-replies.ts'
import { longestRead, requestEvent } from './sftp-requests.ts'
import type { InputAttributes, InputFileEntry, SFTPEvents } from './sftp-types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<SFTPEvents> = emitterOf()

/** What an SFTP server stands on. */
export interface SftpServerParts {
  readonly channel: ByteChannel
  /** Tells the client that all went well, and closes the channel. */
  readonly close: () => void
  /** Resolves when the channel is closed. */
  readonly closed: Promise<void>
  /** The client sends the paths of SSH_FXP_SYMLINK in the draft's order. */
  readonly linkPathFirst: boolean
  readonly trace: Trace | undefined
}

/** A request without an answer. */
interface Asked {
  /** Bytes that a write brought. */
  readonly held: number
  /** Bytes that may answer a read. */
  readonly most: number
}

/** Bytes of writes that have no answer yet, from which nothing more is read. */
const mostUnanswered = 4 * 1024 * 1024
/** Small pieces of one turn leave together, up to so many bytes in one write. */
const joinUpTo = 32 * 1024

/**
 * What `accept()` of a session's `sftp` gives. Each request without a listener is answered OP_UNSUPPORTED. The methods give false
 * when they ask to wait for `continue`; requests are not read meanwhile. When the client has ended and everything is answered, the
 * channel is closed.
 */
export class SftpServer extends Emitter {
  readonly server = true
  readonly #parts: SftpServerParts
  readonly #announced: { name: string; data: Uint8Array }[] = []
  readonly #asked = new Map<number, Asked>()
  #machine: SftpServerMachine | undefined
  #unanswered = 0
  #congested = false
  #waiting = false
  #scheduled = false
  #flushing = false
  #remoteEnded = false
  #over = false

  constructor(parts: SftpServerParts) {
    super()
    this.#parts = parts
    const { channel } = parts
    channel.onData = (bytes) => this.#receive(bytes)
    channel.onDrain = () => this.#drained()
    channel.onClose = () => this.#onEnd()
    // Listeners and announcements come once the program has this object, be it by a promise.
    setImmediate(() => {
      this.#machine = new SftpServerMachine({
        extensions: this.#announced,
        ...(parts.trace === undefined ? {} : { trace: parts.trace }),
      })
      if (this.#over) return
      channel.resume()
      this.#schedule()
    })
    void parts.closed.then(() => this.#onClosed())
  }

  /** Announces an extension to the client; at once after `accept()`. Its requests come as EXTENDED. npm ssh2 has no such method. */
  announce(name: string, data: string | Uint8Array = '1'): this {
    if (this.#machine !== undefined) throw new Error('extensions are announced at once after accept()')
    this.#announced.push({ name, data: typeof data === 'string' ? utf8Encode(data) : data })
    return this
  }

  status(reqID: number, code: number, message?: string): boolean {
    const text = typeof message === 'string' ? message : textOfStatus(code)
    return this.#reply(reqID, { type: 'status', code: code >>> 0, message: text, language: '' })
  }

  /** `handle`: 1 to 255 bytes of the program's choice. */
  handle(reqID: number, handle: Buffer | Uint8Array | string): boolean {
    return this.#reply(reqID, handleReply(handle))
  }

  data(reqID: number, data: Buffer | Uint8Array | string, encoding?: BufferEncoding): boolean {
    return this.#reply(reqID, dataReply(data, encoding, this.#asked.get(reqID)?.most ?? longestRead))
  }

  name(reqID: number, names: InputFileEntry | readonly InputFileEntry[]): boolean {
    return this.#reply(reqID, nameReply(names))
  }

  attrs(reqID: number, attrs: InputAttributes | null): boolean {
    return this.#reply(reqID, attrsReply(attrs))
  }

  /** Answers EXTENDED with data of the extension's own. npm ssh2 has no such method. */
  extendedReply(reqID: number, data: Buffer | Uint8Array): boolean {
    return this.#reply(reqID, { type: 'extendedReply', data })
  }

  /** Ends the session in order: what was answered leaves first. */
  end(): void {
    this.#flush()
    this.#parts.close()
  }

  /** Closes the channel at once. */
  destroy(): void {
    this.#over = true
    this.#parts.channel.destroy()
  }

  #reply(reqID: number, reply: messages.SftpReply): boolean {
    // A second answer, or one after the end, has nobody to go to.
    const asked = this.#asked.get(reqID)
    if (this.#over || this.#machine === undefined || asked === undefined) return this.#writable()
    this.#machine.reply(reqID, reply)
    this.#asked.delete(reqID)
    this.#unanswered -= asked.held
    this.#schedule()
    if (!this.#flushing) {
      this.#flushing = true
      queueMicrotask(() => this.#flush())
    }
    return this.#writable()
  }

  #writable(): boolean {
    if (this.#congested) this.#waiting = true
    return !this.#congested
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over) return
    this.#machine?.receive(bytes)
    this.#schedule()
  }

  /** Works in a turn of its own, free of the connection: what a listener throws is an uncaught exception. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    Link.run(() => {
      this.#scheduled = false
      this.#work()
    })
  }

  #work(): void {
    const machine = this.#machine
    if (machine === undefined) return
    while (!this.#over && !this.#blocked) {
      const event = this.#next(machine)
      if (event === undefined) break
      if (event.type === 'init') this.emit('ready')
      else this.#ask(event.id, event.request)
    }
    if (this.#over) return
    if (this.#blocked) this.#parts.channel.pause()
    else {
      this.#parts.channel.resume()
      if (this.#remoteEnded && machine.outstanding === 0) this.end()
    }
    this.#flush()
  }

  get #blocked(): boolean {
    return this.#congested || this.#unanswered >= mostUnanswered || this.#machine?.paused === true
  }

  #next(machine: SftpServerMachine): ReturnType<SftpServerMachine['poll']> {
    try {
      return machine.poll()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#flush()
      this.#over = true
      // A client that breaks the protocol must not end a server whose program does not listen for it.
      if (this.listenerCount('error') > 0) this.emit('error', error)
      this.#parts.channel.destroy(error)
      return undefined
    }
  }

  #ask(id: number, request: messages.SftpRequest): void {
    const held = request.type === 'write' ? request.data.length : 0
    const most = request.type === 'read' ? Math.min(request.len, longestRead) : longestRead
    this.#asked.set(id, { held, most })
    this.#unanswered += held
    // What a listener throws must not leave the requests behind it unread.
    this.#schedule()
    const asked = requestEvent(request, this.#parts.linkPathFirst)
    if ('refusal' in asked) this.status(id, SftpStatus.failure, asked.refusal)
    else if (!this.emit(asked.event, id, ...asked.args)) this.status(id, SftpStatus.opUnsupported)
  }

  #flush(): void {
    this.#flushing = false
    let small: Uint8Array[] = []
    let bytes = 0
    const send = (): void => {
      if (bytes > 0 && !this.#over && !this.#parts.channel.write(Buffer.concat(small))) this.#congested = true
      small = []
      bytes = 0
    }
    for (let next = this.#machine?.takeOutput(); next !== undefined; next = this.#machine?.takeOutput()) {
      if (bytes + next.length > joinUpTo + 256) send()
      small.push(next)
      bytes += next.length
    }
    send()
  }

  #drained(): void {
    this.#congested = false
    this.#schedule()
    if (!this.#waiting) return
    this.#waiting = false
    Link.run(() => this.emit('continue'))
  }

  /** The client will send no more; what it asked for is still answered. */
  #onEnd(): void {
    if (this.#remoteEnded) return
    this.#remoteEnded = true
    Link.run(() => this.emit('end'))
    if (!this.#over) this.#schedule()
  }

  #onClosed(): void {
    this.#over = true
    this.#onEnd()
    Link.run(() => this.emit('close'))
  }
}
