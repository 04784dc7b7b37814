/** Serves SFTP on a channel: reads requests as fast as they can be answered, and answers as fast as they are read. */

import type { ByteChannel } from '@hawser/wire'
import { concat, type Trace } from '@hawser/wire'
import { sftpLimits } from '../limits.ts'
import type { ExtensionPair, SftpReply, SftpRequest } from '../protocol/messages.ts'
import { Answers } from './answers.ts'
import { announced } from './extended-calls.ts'
import type { ServeErrorFacts, SftpHandlers } from './handlers.ts'
import { SftpServerMachine } from './machine.ts'
import { WriteMemory } from './write-memory.ts'

export interface ServeSftpOptions {
  /** Files and directories that the client may have open. Default: 1,024. */
  readonly maxHandles?: number
  /** Bytes of a path. Default: 4,096, Linux's PATH_MAX. */
  readonly maxPathLength?: number
  /** Bytes of one packet; reads and writes are up to 2 KiB shorter. Default: 257 KiB. */
  readonly maxPacket?: number
  /** Requests without an answer; more are left unread. Default: 1,024. */
  readonly maxOutstanding?: number
  /** Bytes of data in requests without an answer, asked for or sent; more are left unread. Default: 2 MiB. */
  readonly maxPendingBytes?: number
  /** What is announced beside the extensions that the handlers have: for the handler `extended`. */
  readonly extensions?: readonly ExtensionPair[]
  /**
   * How the client sends the paths of a symbolic link: `target-first` as OpenSSH and nearly everybody, or `link-first` as
   * draft-ietf-secsh-filexfer-02 §6.10 has it. Default: `target-first`.
   */
  readonly symlinkOrder?: 'target-first' | 'link-first'
  /** Told when the client broke the protocol, when the channel was lost, and what handlers threw that was no answer for the client. */
  readonly onError?: (error: Error, facts: ServeErrorFacts) => void
  readonly trace?: Trace
}

/**
 * Takes over `channel` and answers its client by `handlers`. Settles when the client has ended its side or is gone, and everything that
 * it had open is closed; never rejects, because what a client does is nobody's error here: see `onError`.
 */
export function serveSftp<F, D>(
  channel: ByteChannel,
  handlers: SftpHandlers<F, D>,
  o: ServeSftpOptions = {},
): Promise<void> {
  return new Promise((resolve) => {
    new Serving(channel, handlers, o, resolve).start()
  })
}

/** Small pieces of one turn leave together, up to so many bytes in one write. */
const joinUpTo = 32 * 1024
/** Handlers that answer at once must not pile up answers that nobody has been given. */
const flushFrom = 256 * 1024

class Serving<F, D> {
  readonly #channel: ByteChannel
  readonly #machine: SftpServerMachine
  readonly #answers: Answers<F, D>
  readonly #memory: WriteMemory
  readonly #maxReadLength: number
  readonly #maxPendingBytes: number
  readonly #linkFirst: boolean
  readonly #onError: ServeSftpOptions['onError']
  readonly #resolve: () => void
  #pendingBytes = 0
  /** Bytes of data in replies that the channel has not got. */
  #unflushed = 0
  #pumpingLater = false
  #pumping = false
  #congested = false
  #paused = false
  /** The client will send no more. */
  #ended = false
  /** Nothing more is answered. */
  #over = false

  constructor(channel: ByteChannel, handlers: SftpHandlers<F, D>, o: ServeSftpOptions, resolve: () => void) {
    const maxPacket = o.maxPacket ?? sftpLimits.packet
    this.#channel = channel
    this.#memory = new WriteMemory(maxPacket)
    // What is announced is less than what is taken, so that a client that counts differently still fits.
    this.#maxReadLength = maxPacket - 2048
    this.#maxPendingBytes = o.maxPendingBytes ?? 2 * 1024 * 1024
    this.#linkFirst = o.symlinkOrder === 'link-first'
    this.#onError = o.onError
    this.#resolve = resolve
    this.#machine = new SftpServerMachine({
      extensions: [...announced(handlers), ...(o.extensions ?? [])],
      maxPacket,
      gather: (bytes) => this.#memory.offer(bytes),
      ...(o.maxOutstanding === undefined ? {} : { maxOutstanding: o.maxOutstanding }),
      ...(o.trace === undefined ? {} : { trace: o.trace }),
    })
    this.#answers = new Answers(handlers, {
      maxHandles: o.maxHandles ?? sftpLimits.openHandles,
      maxPathLength: o.maxPathLength ?? sftpLimits.path,
      maxReadLength: this.#maxReadLength,
      maxPacketLength: maxPacket - 1024,
      onError: o.onError,
    })
  }

  start(): void {
    const channel = this.#channel
    channel.onData = (bytes) => {
      if (this.#over) return
      this.#machine.receive(bytes)
      this.#pump()
    }
    channel.onDrain = () => {
      this.#congested = false
      this.#pump()
    }
    channel.onClose = (error) => {
      if (this.#over) return
      this.#ended = true
      if (error !== undefined) this.#lose(error)
      else this.#pump()
    }
    channel.resume()
  }

  /** Takes requests until there are none or enough. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (!this.#over && !this.#full) {
        const event = this.#machine.poll()
        if (event === undefined) break
        if (event.type === 'request') this.#take(event.id, this.#ordered(event.request))
        if (this.#unflushed >= flushFrom) this.#flush()
      }
      this.#flush()
    } catch (error) {
      const broken = error as Error
      this.#flush()
      this.#lose(broken)
      this.#channel.destroy(broken)
    } finally {
      this.#pumping = false
    }
    if (this.#over) return
    const full = this.#full || this.#machine.paused
    if (full !== this.#paused) {
      this.#paused = full
      if (full) this.#channel.pause()
      else this.#channel.resume()
    }
    if (this.#ended && !full && this.#machine.outstanding === 0) this.#finish()
  }

  get #full(): boolean {
    return this.#congested || this.#pendingBytes >= this.#maxPendingBytes
  }

  #ordered(request: SftpRequest): SftpRequest {
    if (request.type !== 'symlink' || !this.#linkFirst) return request
    return { type: 'symlink', targetpath: request.linkpath, linkpath: request.targetpath }
  }

  #take(id: number, request: SftpRequest): void {
    const data = request.type === 'write' ? request.data : undefined
    if (data !== undefined) this.#memory.took(data)
    const bytes = request.type === 'read' ? Math.min(request.len, this.#maxReadLength) : (data?.length ?? 0)
    this.#pendingBytes += bytes
    this.#answers.start(request, (reply) => {
      this.#pendingBytes -= bytes
      if (data !== undefined) this.#memory.free(data)
      if (this.#over) return
      this.#reply(id, reply, request.type)
      if (reply.type === 'data') this.#unflushed += reply.data.length
      if (!this.#pumping) this.#pumpLater()
    })
  }

  #reply(id: number, reply: SftpReply, op: string): void {
    try {
      this.#machine.reply(id, reply)
    } catch (error) {
      // The handler gave something that cannot be sent, such as half an owner: the client still gets its one answer.
      this.#onError?.(error as Error, { op })
      this.#machine.reply(id, { type: 'status', code: 4, message: 'Failure', language: '' })
    }
  }

  /** Replies of this turn leave together, and make room for requests together. */
  #pumpLater(): void {
    if (this.#pumpingLater) return
    this.#pumpingLater = true
    queueMicrotask(() => {
      this.#pumpingLater = false
      this.#pump()
    })
  }

  #flush(): void {
    if (this.#over) return
    this.#unflushed = 0
    let small: Uint8Array[] = []
    let bytes = 0
    const send = (): void => {
      if (bytes === 0) return
      const all = small.length === 1 ? (small[0] as Uint8Array) : concat(...small)
      small = []
      bytes = 0
      if (!this.#channel.write(all)) this.#congested = true
    }
    for (let next = this.#machine.takeOutput(); next !== undefined; next = this.#machine.takeOutput()) {
      if (bytes + next.length > joinUpTo) send()
      small.push(next)
      bytes += next.length
    }
    send()
  }

  #finish(): void {
    this.#flush()
    this.#over = true
    void this.#answers.end(false).then(() => {
      this.#channel.end()
      this.#resolve()
    })
  }

  #lose(error: Error): void {
    this.#over = true
    this.#onError?.(error, {})
    void this.#answers.end(true).then(() => this.#resolve())
  }
}
