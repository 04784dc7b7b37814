/** One SSH connection: promises and handlers over the engine's events. */

import {
  type ChannelId,
  ChannelOpenError,
  globalRequests,
  type ReplyToken,
  type RequestId,
} from '@hawser/connection'
import type { Negotiated } from '@hawser/transport'
import { assertNever, DisconnectReason, UsageError } from '@hawser/wire'
import { type Authentication, isAuthenticationEvent } from './authentication.ts'
import { Channel, type ChannelHost, type StreamNumber } from './channel.ts'
import { type Clock, systemClock } from './clock.ts'
import { Drive, type Timing } from './drive.ts'
import type { Engine, EngineEvent } from './engine.ts'
import { ConnectionError, type Phase, phaseWords } from './errors.ts'
import { handOver, IncomingChannel, IncomingRequest, RequestInbox } from './incoming.ts'
import { LazyMap } from './lazy-map.ts'
import type { SessionHooks } from './options.ts'
import type { BytePipe } from './pipe.ts'
import type { Turns } from './turns.ts'
import { WindowGrowth } from './window-growth.ts'

const noData = new Uint8Array(0)
const nothing = (): void => undefined
const keepaliveName = globalRequests.keepalive.name

interface PendingOpen {
  readonly type: string
  /** The window that it begins with where it may grow. */
  readonly growsFrom: number | undefined
  readonly resolve: (channel: Channel) => void
  readonly reject: (error: Error) => void
}

type Answer = (ok: boolean, data: Uint8Array, lost: boolean) => void

/** What a session is made of; for the functions of `start.ts`. */
export interface SessionParts {
  readonly pipe: BytePipe
  readonly engine: Engine
  readonly authentication: (session: Session) => Authentication
  readonly timing: Timing
  readonly hooks: SessionHooks
  /** The receive window of a channel, and how large it may become; bytes. */
  readonly windows: { readonly start: number; readonly most: number }
  /** Where what comes before the login is over takes its turn. */
  readonly turns?: Turns
  readonly trace?: import('@hawser/wire').Trace
}

/** Options of one channel. */
export interface OpenChannelOptions {
  /** Gives up waiting; a channel that opens afterwards is closed again. */
  readonly signal?: AbortSignal
  /** Receive window to begin with, in bytes, where the session's begins with less and may grow to it. Default: the session's. */
  readonly firstWindow?: number
  /** Receive window in bytes, for good, and largest packet, in place of the session's. */
  readonly window?: number
  readonly maxPacket?: number
}

/**
 * One connection from its first byte to its last, either role. Made by `beginClient` and `beginServer`.
 * Whatever happens, every promise and callback settles once, and `closed` settles within a bounded time after the end.
 */
export class Session {
  /** Resolves when both sides are authenticated; rejects with the one error that prevented it. */
  readonly ready: Promise<void>
  /** Resolves when the pipe is closed and nothing is left of the connection. Never rejects; see {@link error}. */
  readonly closed: Promise<void>
  /** What its timers go by. */
  readonly clock: Clock
  readonly #drive: Drive
  readonly #hooks: SessionHooks
  readonly #authentication: Authentication
  /** Who observes this connection; undefined when nobody does. */
  readonly trace: import('@hawser/wire').Trace | undefined
  readonly #channels = new LazyMap<ChannelId, Channel>()
  readonly #growing = new LazyMap<ChannelId, WindowGrowth>()
  readonly #windows: SessionParts['windows']
  readonly #opens = new LazyMap<ChannelId, PendingOpen>()
  #pings: ((lost: boolean) => void)[] = []
  readonly #answers = new LazyMap<RequestId, Answer>()
  readonly #inbox = new RequestInbox()
  readonly #rekeys: { resolve: (n: Negotiated) => void; reject: (e: Error) => void }[] = []
  #host: ChannelHost | undefined
  #onChannel: ((open: IncomingChannel) => void) | undefined
  #error: Error | undefined
  #resolveReady: () => void = nothing
  #rejectReady: (error: Error) => void = nothing
  #resolveClosed: () => void = nothing

  constructor(parts: SessionParts) {
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve
      this.#rejectReady = reject
    })
    this.ready.catch(() => undefined) // the same error reaches `error` and the hooks; waiting for `ready` is a choice
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#hooks = parts.hooks
    this.#windows = parts.windows
    this.clock = parts.timing.clock ?? systemClock
    this.trace = parts.trace
    this.#drive = new Drive({
      pipe: parts.pipe,
      engine: parts.engine,
      timing: parts.timing,
      ...(parts.trace === undefined ? {} : { trace: parts.trace }),
      ...(parts.turns === undefined ? {} : { turns: parts.turns }),
      handlers: {
        event: (event) => this.#event(event),
        drain: () => this.#hooks.drain?.(),
        failed: (error) => this.#failed(error),
        closed: () => this.#closed(),
      },
    })
    this.#authentication = parts.authentication(this)
  }

  /** For `start.ts`: takes the pipe over. */
  start(): void {
    this.#drive.start()
  }

  /** The pump underneath, for the two authentications. */
  get drive(): Drive {
    return this.#drive
  }

  get phase(): Phase {
    return this.#drive.phase
  }

  /** Why the connection failed; undefined while it lives and when it was closed in order. */
  get error(): Error | undefined {
    return this.#error
  }

  get authenticated(): boolean {
    return this.#drive.engine.authenticated
  }

  /** Whether the pipe takes more at the moment: false asks writers to wait for the hook `drain`. */
  get writable(): boolean {
    return this.#drive.writable
  }

  /** What the last key exchange agreed on; undefined before the first. */
  get negotiated(): Negotiated | undefined {
    return this.#drive.engine.transport.negotiated
  }

  /** The session identifier: the exchange hash of the first key exchange (RFC 4253 §7.2). */
  get sessionId(): Uint8Array | undefined {
    return this.#drive.engine.transport.sessionId
  }

  /** Client: what the server proved itself by in the first key exchange; undefined until its host key is accepted. */
  get hostProof(): import('@hawser/transport').HostProof | undefined {
    return this.#drive.engine.transport.hostProof
  }

  /** The peer's identification. */
  get remoteIdent(): import('@hawser/transport').Ident | undefined {
    return this.#drive.engine.transport.remoteIdent
  }

  /** Takes channels that the peer opens. Unset, they are refused. */
  set onChannel(handler: (open: IncomingChannel) => void) {
    this.#onChannel = handler
  }

  /** Takes global requests of the peer. Unset, they wait (at most 64). Keepalives are answered without it. */
  set onRequest(handler: (request: IncomingRequest) => void) {
    this.#inbox.handler = handler
  }

  /** Opens a channel. Rejects with ChannelOpenError when the peer refuses, with the connection's error when it is lost. */
  openChannel(type: string, data: Uint8Array = noData, o: OpenChannelOptions = {}): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const unusable = this.#unusable('open a channel')
      if (unusable !== undefined) return reject(unusable)
      if (o.signal?.aborted) return reject(aborted(o.signal))
      const { start, most } = this.#windows
      const first = Math.min(Math.max(o.firstWindow ?? start, start), most)
      let id: ChannelId
      try {
        id = this.#drive.engine.mux.open(type, data, {
          window: o.window ?? first,
          ...(o.maxPacket === undefined ? {} : { maxPacket: o.maxPacket }),
        })
      } catch (error) {
        return reject(error as Error)
      }
      const onAbort = (): void => {
        this.#opens.set(id, {
          type,
          growsFrom: undefined,
          resolve: (channel) => void channel.close(),
          reject: () => undefined,
        })
        reject(aborted(o.signal as AbortSignal))
      }
      o.signal?.addEventListener('abort', onAbort, { once: true })
      const settled = (): void => o.signal?.removeEventListener('abort', onAbort)
      this.#opens.set(id, {
        type,
        growsFrom: o.window === undefined ? first : undefined,
        resolve: (channel) => {
          settled()
          resolve(channel)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      })
      this.#drive.scheduleFlush()
    })
  }

  /** Sends a global request and gives the data of its reply. Rejects with GlobalRequestError when it is refused. */
  request(name: string, data: Uint8Array = noData): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const unusable = this.#unusable(`send the request "${name}"`)
      if (unusable !== undefined) return reject(unusable)
      const id = this.#drive.engine.mux.globalRequest(name, data, true)
      this.#answers.set(id as RequestId, (ok, answer, lost) => {
        if (ok) resolve(answer)
        else reject(lost ? this.#lost() : new GlobalRequestError(name))
      })
      this.#drive.scheduleFlush()
    })
  }

  /** Sends a global request that wants no reply. */
  notify(name: string, data: Uint8Array = noData): void {
    const unusable = this.#unusable(`send the request "${name}"`)
    if (unusable !== undefined) throw unusable
    this.#drive.engine.mux.globalRequest(name, data, false)
    this.#drive.scheduleFlush()
  }

  /**
   * Asks the peer for a sign of life and gives the milliseconds until it came: by `ping@openssh.com` where the peer has announced that,
   * else by a request that every SSH answers, if only with no. Rejects with the connection's error when it is lost.
   */
  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      const unusable = this.#unusable('ping')
      if (unusable !== undefined) return reject(unusable)
      const sent = this.clock.now()
      const done = (lost: boolean): void => (lost ? reject(this.#lost()) : resolve(this.clock.now() - sent))
      const { mux, transport } = this.#drive.engine
      if (transport.extensions.ping) {
        transport.ping(noData)
        this.#pings.push(done)
        this.#drive.kick()
      } else {
        const id = mux.globalRequest(keepaliveName, noData, true)
        this.#answers.set(id as RequestId, (_ok, _data, lost) => done(lost))
        this.#drive.scheduleFlush()
      }
    })
  }

  /** Makes new keys; nothing that is under way is lost. Resolves with what was agreed. */
  rekey(): Promise<Negotiated> {
    return new Promise((resolve, reject) => {
      const unusable = this.#unusable('rekey')
      if (unusable !== undefined) return reject(unusable)
      this.#rekeys.push({ resolve, reject })
      this.#drive.engine.transport.rekey('the application asked for it')
      this.#drive.kick()
    })
  }

  /** Ends the connection in order. Settles when it is closed; never rejects. */
  close(description?: string): Promise<void> {
    this.#drive.close(description)
    return this.closed
  }

  /** Ends the connection with a DISCONNECT of `reason` because of `error`, which everything that is pending gets. */
  fail(error: Error, reason: DisconnectReason = DisconnectReason.byApplication): void {
    this.#drive.fail(error, reason)
  }

  /** Closes the pipe at once. */
  destroy(error?: Error): void {
    this.#drive.destroy(error)
  }

  #event(event: EngineEvent): void {
    if (isAuthenticationEvent(event)) return this.#authentication.event(event)
    switch (event.type) {
      case 'data':
        this.#grow(event.channel, event.data.length, event.ranDry)
        this.#channels.get(event.channel)?.receiveData(event.data, event.stream as StreamNumber)
        return
      case 'writable':
        this.#channels.get(event.channel)?.receiveWritable()
        return
      case 'request':
        this.#channels.get(event.channel)?.receiveRequest(event.name, event.data, event.reply)
        return
      case 'eof':
        this.#channels.get(event.channel)?.receiveEof()
        return
      case 'closed':
        this.#channelClosed(event.channel)
        return
      case 'opened':
        this.#opened(event.channel, event.data)
        return
      case 'open-failed':
        this.#openFailed(event.channel, event.reason, event.description)
        return
      case 'open-request':
        this.#openRequest(event.channel, event.channelType, event.data)
        return
      case 'reply':
        this.#answered(event.request, event.ok, noData, event.lost === true)
        return
      case 'global-reply':
        this.#answered(event.request, event.ok, event.data, false)
        return
      case 'global-request':
        this.#globalRequest(event.name, event.data, event.reply)
        return
      case 'ident':
        this.#hooks.ident?.(event.remote, event.greeting)
        return
      case 'keys':
        this.#hooks.keys?.(event.negotiated, event.first)
        for (const rekey of this.#rekeys.splice(0)) if (!event.first) rekey.resolve(event.negotiated)
        return
      case 'pong':
        this.#pong()
        return
      case 'ext-info':
        this.#hooks.extInfo?.(event.extensions)
        return
      case 'authenticated':
        this.#authentication.authenticated()
        this.#resolveReady()
        // They hold the promise's own functions, for nothing from now on.
        this.#resolveReady = nothing
        this.#rejectReady = nothing
        this.#hooks.ready?.()
        return
      case 'disconnect':
        this.#hooks.disconnect?.(event.by, event.reason, event.description)
        return
      default:
        assertNever(event)
    }
  }

  /** Pongs come in the order of pings; one that nobody asked for is nothing. */
  #pong(): void {
    this.#pings.shift()?.(false)
  }

  #opened(id: ChannelId, data: Uint8Array): void {
    const open = this.#opens.get(id)
    this.#opens.delete(id)
    if (open === undefined) return
    open.resolve(this.#channel(id, open.type, data, open.growsFrom))
  }

  #openFailed(id: ChannelId, reason: number, description: string): void {
    const open = this.#opens.get(id)
    this.#opens.delete(id)
    open?.reject(new ChannelOpenError(open.type, reason, description))
  }

  #openRequest(id: ChannelId, type: string, data: Uint8Array): void {
    const { mux } = this.#drive.engine
    const open = new IncomingChannel({
      id,
      type,
      data,
      accept: (answer) => {
        const unusable = this.#unusable('accept a channel')
        if (unusable !== undefined) return lostChannel(id, type, data, this.#channelHost(), unusable)
        mux.accept(id, answer)
        const channel = this.#channel(id, type, data, this.#windows.start)
        this.#drive.kick()
        return channel
      },
      reject: (reason, description) => {
        if (this.#unusable('reject a channel') !== undefined) return
        mux.reject(id, reason, description)
        this.#drive.scheduleFlush()
      },
    })
    const handler = this.#onChannel
    if (handler === undefined) open.reject(3, `channels of type ${type} are not served here`)
    else handOver(open, () => handler(open))
  }

  /** Its window grows from `growsFrom`, or not at all. */
  #channel(id: ChannelId, type: string, data: Uint8Array, growsFrom: number | undefined): Channel {
    const channel = new Channel({ id, type, openData: data, host: this.#channelHost() })
    this.#channels.set(id, channel)
    if (growsFrom !== undefined)
      this.#growing.set(
        id,
        new WindowGrowth({ start: growsFrom, most: this.#windows.most, clock: this.clock }),
      )
    return channel
  }

  /** What channels need, made for the first of them: most connections have none at most times. */
  #channelHost(): ChannelHost {
    if (this.#host !== undefined) return this.#host
    const drive = this.#drive
    const { mux, transport } = drive.engine
    this.#host = {
      write: (id, bytes, stream) => {
        const taken = mux.write(id, bytes, stream)
        drive.scheduleFlush()
        return taken
      },
      flushed: (done) => drive.whenFlushed(done),
      consumed: (id, bytes) => {
        mux.consumed(id, bytes)
        this.#growing.get(id)?.consumed(bytes)
        drive.scheduleFlush()
      },
      request: (id, name, data, done) => this.#channelRequest(id, name, data, done),
      reply: (token, ok) => this.#reply(token, ok),
      eof: (id) => {
        mux.eof(id)
        drive.scheduleFlush()
      },
      close: (id) => {
        mux.close(id)
        drive.kick()
      },
      // Others have been seen to fail over requests that they do not know.
      knowsEow: () => /^(?:OpenSSH|Hawser)_/.test(transport.remoteIdent?.software ?? ''),
    }
    return this.#host
  }

  #grow(id: ChannelId, bytes: number, ranDry: boolean): void {
    const window = this.#growing.get(id)?.received(bytes, ranDry)
    if (window === undefined) return
    this.#drive.engine.mux.growWindow(id, window)
    this.#drive.scheduleFlush()
  }

  #channelClosed(id: ChannelId): void {
    const channel = this.#channels.get(id)
    this.#channels.delete(id)
    this.#growing.delete(id)
    channel?.receiveClosed()
  }

  #channelRequest(
    id: ChannelId,
    name: string,
    data: Uint8Array,
    done?: (ok: boolean, lost: boolean) => void,
  ): void {
    const request = this.#drive.engine.mux.request(id, name, data, done !== undefined)
    if (request !== undefined && done !== undefined)
      this.#answers.set(request, (ok, _data, lost) => done(ok, lost))
    this.#drive.scheduleFlush()
  }

  #answered(request: RequestId, ok: boolean, data: Uint8Array, lost: boolean): void {
    const answer = this.#answers.get(request)
    this.#answers.delete(request)
    answer?.(ok, data, lost)
  }

  #globalRequest(name: string, data: Uint8Array, token: ReplyToken | undefined): void {
    const request = new IncomingRequest(
      name,
      data,
      token === undefined ? undefined : (ok, answer) => this.#reply(token, ok, answer),
    )
    // Every implementation answers this one with a failure, which is as good a sign of life as any.
    if (name === keepaliveName) request.reject()
    else this.#inbox.push(request)
  }

  #reply(token: ReplyToken, ok: boolean, data?: Uint8Array): void {
    if (this.#unusable('answer') !== undefined) return
    this.#drive.engine.mux.reply(token, ok, data)
    this.#drive.kick()
  }

  #failed(error: Error): void {
    this.#error = error
    this.#settleAll(error)
    this.#hooks.failed?.(error)
  }

  #closed(): void {
    this.#settleAll(this.#lost())
    this.#authentication.closed()
    this.#resolveClosed()
    this.#hooks.closed?.()
  }

  /** Every promise and callback that still waits gets `error`. */
  #settleAll(error: Error): void {
    this.#rejectReady(error)
    for (const open of this.#opens.all()) open.reject(error)
    this.#opens.clear()
    for (const answer of this.#answers.all()) answer(false, noData, true)
    this.#answers.clear()
    for (const ping of this.#pings.splice(0)) ping(true)
    for (const rekey of this.#rekeys.splice(0)) rekey.reject(error)
    for (const channel of this.#channels.all()) channel.receiveClosed(error)
    this.#channels.clear()
    this.#growing.clear()
    this.#inbox.clear()
  }

  #lost(): Error {
    return (
      this.#error ??
      new ConnectionError('SSH_CLOSED', this.phase, 'the connection was closed before this was answered')
    )
  }

  #unusable(what: string): Error | undefined {
    const { phase } = this
    if (phase === 'ready') return undefined
    if (phase === 'closing' || phase === 'closed')
      return (
        this.#error ?? new ConnectionError('SSH_CLOSED', phase, `cannot ${what}: the connection is closed`)
      )
    return new UsageError(`cannot ${what} ${phaseWords(phase)}: wait until the session is ready`)
  }
}

/** The peer refused a global request. */
export class GlobalRequestError extends UsageError {
  readonly request: string

  constructor(request: string) {
    super(`the peer refused the request "${request}"`, { code: 'SSH_REQUEST_REFUSED' })
    this.request = request
  }
}

function aborted(signal: AbortSignal): Error {
  return new ConnectionError('SSH_ABORTED', 'ready', 'aborted by the caller', { cause: signal.reason })
}

/** What `accept` gives when the peer has left meanwhile, which is no fault of who accepts: a channel that is lost already. */
function lostChannel(
  id: ChannelId,
  type: string,
  openData: Uint8Array,
  host: ChannelHost,
  error: Error,
): Channel {
  const channel = new Channel({ id, type, openData, host })
  channel.receiveClosed(error)
  return channel
}
