/** One channel of a session: data by callbacks or web streams, requests both ways, an orderly end. */

import type { ChannelId, ReplyToken } from '@hawser/connection'
import { ChannelRequestError, channelRequests } from '@hawser/connection'
import { UsageError } from '@hawser/wire'
import { ConnectionError } from './errors.ts'
import { IncomingRequest, RequestInbox } from './incoming.ts'
import { readableOf, writableOf } from './web-streams.ts'

/** Standard data, or extended data of type 1 (stderr). */
export type StreamNumber = 0 | 1

/** Who reads one stream of a channel. Give back credit by {@link Channel.consumed} as the data is used up. */
export interface DataSink {
  data(bytes: Uint8Array): void
  /** The peer will send no more; not called when the connection is lost. */
  end(): void
  /** The channel is closed; after `end` if there was one. `error` when it was lost rather than closed. */
  close(error?: Error): void
}

/** What a channel needs from its session. */
export interface ChannelHost {
  write(id: ChannelId, bytes: Uint8Array, stream: StreamNumber): number
  /** Calls back once all that was written is on its way. */
  flushed(done: () => void): void
  consumed(id: ChannelId, bytes: number): void
  /** `done` is called exactly once when `wantReply`. */
  request(id: ChannelId, name: string, data: Uint8Array, done?: (ok: boolean, lost: boolean) => void): void
  reply(token: ReplyToken, ok: boolean): void
  eof(id: ChannelId): void
  close(id: ChannelId): void
  /** Whether the peer knows `eow@openssh.com`. */
  knowsEow(): boolean
}

interface Pending {
  bytes: Uint8Array
  readonly stream: StreamNumber
  readonly done: ((error?: Error) => void) | undefined
}

const noData = new Uint8Array(0)

/**
 * A channel that both sides have opened. Nothing is lost before somebody listens: data waits (bounded by the window)
 * until a sink or stream is attached, and requests wait until `onRequest` is set.
 */
export class Channel {
  readonly id: ChannelId
  /** The channel type, such as `session` or `direct-tcpip`. */
  readonly type: string
  /** The type-specific data that came with the peer's open or confirmation. */
  readonly openData: Uint8Array
  /** Settles when both sides have closed or the connection is over; never rejects. */
  readonly closed: Promise<void>
  readonly #host: ChannelHost
  readonly #inbox = new RequestInbox()
  readonly #sinks: [DataSink | undefined, DataSink | undefined] = [undefined, undefined]
  readonly #waiting: [Uint8Array[], Uint8Array[]] = [[], []]
  #queue: Pending[] = []
  #resolveClosed: () => void = () => undefined
  #remoteEof = false
  #onRemoteEnd: (() => void) | undefined
  #unread = false
  #onUnread: (() => void) | undefined
  #eowSent = false
  #eofSent = false
  #eofWanted = false
  #closeSent = false
  #closeWanted = false
  #isClosed = false
  #error: Error | undefined
  #readable: ReadableStream<Uint8Array> | undefined
  #stderr: ReadableStream<Uint8Array> | undefined
  #writable: WritableStream<Uint8Array> | undefined

  constructor(o: {
    readonly id: ChannelId
    readonly type: string
    readonly openData: Uint8Array
    readonly host: ChannelHost
  }) {
    this.id = o.id
    this.type = o.type
    this.openData = o.openData
    this.#host = o.host
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** Whether nothing more can be sent: our EOF or CLOSE has been asked for, or the channel is gone. */
  get ended(): boolean {
    return this.#eofWanted || this.#closeWanted || this.#isClosed
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Why the channel was lost; undefined while it lives and when it was closed in order. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Whether the peer has said that it will send no more data. */
  get remoteEnded(): boolean {
    return this.#remoteEof
  }

  /** Whether the peer has said that it reads our standard data no more (`eow@openssh.com`): what is written is thrown away here. */
  get unread(): boolean {
    return this.#unread
  }

  /** Reads `stream` by callbacks; what waited is delivered at once. One reader per stream. */
  attach(stream: StreamNumber, sink: DataSink): void {
    if (this.#sinks[stream] !== undefined)
      throw new UsageError(`stream ${stream} of this channel has a reader already`)
    this.#sinks[stream] = sink
    const waited = this.#waiting[stream]
    this.#waiting[stream] = []
    for (const bytes of waited) sink.data(bytes)
    if (this.#remoteEof) sink.end()
    if (this.#isClosed) sink.close(this.#error)
  }

  /** Says that `bytes` of received data are used up, so that the peer may send as many more. */
  consumed(bytes: number): void {
    if (!this.#isClosed && bytes > 0) this.#host.consumed(this.id, bytes)
  }

  /** Standard data from the peer, with back-pressure. Made at the first use. */
  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= readableOf(this, 0)
    return this.#readable
  }

  /** Extended data (stderr) from the peer. Unread, it holds back only its share of the window. */
  get stderr(): ReadableStream<Uint8Array> {
    this.#stderr ??= readableOf(this, 1)
    return this.#stderr
  }

  /** Standard data to the peer; closing it sends EOF. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= writableOf(this)
    return this.#writable
  }

  /**
   * Sends `bytes`, which must stay unchanged until `done`. `done` is called exactly once: without an error
   * when everything has left for the pipe, with one when the channel or connection closed first.
   */
  write(bytes: Uint8Array, stream: StreamNumber = 0, done?: (error?: Error) => void): void {
    if (this.ended) {
      done?.(this.#writeError())
      return
    }
    if (this.#unread && stream === 0) {
      done?.()
      return
    }
    if (this.#queue.length > 0) {
      this.#queue.push({ bytes, stream, done })
      return
    }
    const taken = this.#host.write(this.id, bytes, stream)
    if (taken < bytes.length) this.#queue.push({ bytes: bytes.subarray(taken), stream, done })
    else if (done !== undefined) this.#whenSent(done)
  }

  /** Bytes that wait for the peer's window. */
  get unsent(): number {
    let total = 0
    for (const { bytes } of this.#queue) total += bytes.length
    return total
  }

  /** Sends a request that wants a reply; rejects with ChannelRequestError when it is refused. */
  request(name: string, data: Uint8Array = noData): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || this.#closeWanted) return reject(this.#writeError())
      this.#host.request(this.id, name, data, (ok, lost) => {
        if (ok) resolve()
        else if (lost) reject(this.#error ?? lostReply(name))
        else reject(new ChannelRequestError(name))
      })
    })
  }

  /** Sends a request that wants no reply. False when the channel is closing and it cannot be sent. */
  notify(name: string, data: Uint8Array = noData): boolean {
    if (this.#isClosed || this.#closeWanted) return false
    this.#host.request(this.id, name, data)
    return true
  }

  /** Takes the peer's requests; those that came before are delivered at once. Unset, they wait (at most 64, then refused). */
  set onRequest(handler: (request: IncomingRequest) => void) {
    this.#inbox.handler = handler
  }

  /** Called when the peer says that it will send no more data, beside what readers are told. */
  set onRemoteEnd(handler: () => void) {
    this.#onRemoteEnd = handler
    if (this.#remoteEof) handler()
  }

  /** Called when the peer says that it reads our standard data no more; whoever makes that data can stop. */
  set onUnread(handler: () => void) {
    this.#onUnread = handler
    if (this.#unread) handler()
  }

  /** Tells the peer, if it is one that knows `eow@openssh.com`, that its standard data is read no more (OpenSSH PROTOCOL §2.1). */
  stopReading(): void {
    if (this.#eowSent || this.#remoteEof || this.type !== 'session' || !this.#host.knowsEow()) return
    this.#eowSent = true
    this.notify(channelRequests.eow.name)
  }

  /** Sends EOF after all data that was written. */
  eof(): void {
    if (this.ended) return
    this.#eofWanted = true
    this.#finish()
  }

  /** Sends CLOSE after all data that was written; settles when both sides have closed. */
  close(): Promise<void> {
    this.#closeWanted = true
    this.#finish()
    return this.closed
  }

  /** Gives up unsent data and sends CLOSE at once. */
  abort(): void {
    this.#closeWanted = true
    this.#fail()
    this.#finish()
  }

  /** For the session: an event of this channel. */
  receiveData(bytes: Uint8Array, stream: StreamNumber): void {
    const sink = this.#sinks[stream]
    if (sink === undefined) this.#waiting[stream].push(bytes)
    else sink.data(bytes)
  }

  receiveEof(): void {
    this.#remoteEof = true
    for (const sink of this.#sinks) sink?.end()
    this.#onRemoteEnd?.()
  }

  receiveRequest(name: string, data: Uint8Array, token: ReplyToken | undefined): void {
    if (name === channelRequests.eow.name && token === undefined) return this.#receiveEow()
    this.#inbox.push(
      new IncomingRequest(name, data, token === undefined ? undefined : (ok) => this.#host.reply(token, ok)),
    )
  }

  receiveWritable(): void {
    while (this.#queue.length > 0) {
      const next = this.#queue[0] as Pending
      const taken = this.#host.write(this.id, next.bytes, next.stream)
      if (taken < next.bytes.length) {
        next.bytes = next.bytes.subarray(taken)
        return
      }
      this.#queue.shift()
      if (next.done !== undefined) this.#whenSent(next.done)
    }
    this.#finish()
  }

  #receiveEow(): void {
    if (this.#unread) return
    this.#unread = true
    const dropped = this.#queue.filter(({ stream }) => stream === 0)
    this.#queue = this.#queue.filter(({ stream }) => stream !== 0)
    for (const { done } of dropped) done?.()
    this.#onUnread?.()
    this.#finish()
  }

  /** The channel is gone: closed by both, or lost with the connection. */
  receiveClosed(error?: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#error = error
    this.#fail()
    for (const sink of this.#sinks) sink?.close(error)
    this.#resolveClosed()
  }

  /** Sends EOF and CLOSE once nothing is queued in front of them. */
  #finish(): void {
    if (this.#queue.length > 0 || this.#isClosed) return
    if (this.#eofWanted && !this.#eofSent && !this.#closeSent) {
      this.#eofSent = true
      this.#host.eof(this.id)
    }
    if (this.#closeWanted && !this.#closeSent) {
      this.#closeSent = true
      this.#host.close(this.id)
    }
  }

  #whenSent(done: (error?: Error) => void): void {
    this.#host.flushed(() => done(this.#error))
  }

  #fail(): void {
    const queue = this.#queue
    if (queue.length === 0) return
    this.#queue = []
    const error = this.#writeError()
    for (const { done } of queue) done?.(error)
  }

  #writeError(): Error {
    return (
      this.#error ??
      new ConnectionError('SSH_CLOSED', 'ready', `this ${this.type} channel is closed for writing`)
    )
  }
}

function lostReply(name: string): Error {
  return new ConnectionError(
    'SSH_CLOSED',
    'ready',
    `the channel closed before the request "${name}" was answered`,
  )
}
