/** Remote forwarding: the server listens, and hands over who connects there. */

import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import {
  type Channel,
  ConnectionError,
  GlobalRequestError,
  handOver,
  type IncomingChannel,
  type Session,
} from '@hawser/session'
import { ProtocolError, SshError } from '@hawser/wire'
import { type Address, checkAddress, checkPath, type SocketPath } from './forwarding.ts'
import { type CallOptions, unlessAborted } from './waiting.ts'

const { forwardedStreamlocal, forwardedTcpip } = channelTypes
const { cancelStreamlocalForward, cancelTcpipForward, streamlocalForward, tcpipForward, tcpipForwardReply } =
  globalRequests

/** Somebody has connected over there. Answer by `accept` or `reject`, once. */
export interface ConnectionRequest {
  /** Who it was, as the server says; undefined for Unix sockets. */
  readonly origin: Address | undefined
  readonly answered: boolean
  accept(): Channel
  /** Default: administratively prohibited. Reasons are in ChannelOpenReason of `@hawser/connection`. */
  reject(reason?: number, description?: string): void
}

/** A connection that was accepted. */
export interface RemoteConnection {
  readonly channel: Channel
  readonly origin: Address | undefined
}

/** `signal` also ends the listener later on. */
export interface ListenOptions extends CallOptions {
  /** Takes each connection; absent, iterate over the listener. */
  readonly onConnection?: (request: ConnectionRequest) => void
}

/** Connections that may wait for somebody to take them, per listener; more are refused. */
const backlog = 64

/** The server does not listen where it was asked to. Code `SSH_LISTEN_REFUSED`. */
export class ListenError extends SshError {
  readonly at: Address | SocketPath

  constructor(at: Address | SocketPath, cause: unknown) {
    super(
      'SSH_LISTEN_REFUSED',
      `the server does not listen on ${placeOf(at)}: it may be taken, be reserved, or forwarding may be forbidden there`,
      { cause },
    )
    this.at = at
  }
}

/** What listens, of one session; `listen` is `Client.listen`. */
export class RemoteListeners {
  readonly #session: Session
  readonly #listeners = new Set<RemoteListener>()
  /** Requests to listen that the server has not answered. */
  #asking = 0
  /** Who connected before we had seen that answer. */
  #early: IncomingChannel[] = []

  constructor(session: Session) {
    this.#session = session
    void session.closed.then(() => {
      for (const listener of this.#listeners) listener.over(session.error)
      this.#listeners.clear()
      this.#early = []
    })
  }

  /** Rejects with ListenError when the server refuses. */
  async listen(at: Address | SocketPath, options: ListenOptions = {}): Promise<RemoteListener> {
    if ('path' in at) checkPath('at', at.path)
    else checkAddress('at', at)
    const { signal, onConnection } = options
    if (signal?.aborted === true)
      throw new ConnectionError('SSH_ABORTED', 'ready', 'aborted by the caller', { cause: signal.reason })
    const listener = await unlessAborted(this.#ask(at, onConnection), signal, (late) => void late.close())
    if (signal !== undefined) {
      const end = (): void => void listener.close()
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
      void listener.closed.then(() => signal.removeEventListener('abort', end))
    }
    return listener
  }

  /** False when `open` is no forwarded connection. */
  take(open: IncomingChannel): boolean {
    if (open.type !== forwardedTcpip.name && open.type !== forwardedStreamlocal.name) return false
    let place: Place
    try {
      place = placeIn(open)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      open.reject(ChannelOpenReason.administrativelyProhibited, `malformed ${open.type} request`)
      return true
    }
    const listener = this.#find(place.at)
    if (listener !== undefined) listener.offer(open, place.origin)
    else if (this.#asking > 0 && this.#early.length < backlog) this.#early.push(open)
    else open.reject(ChannelOpenReason.administrativelyProhibited, `not listening on ${placeOf(place.at)}`)
    return true
  }

  async #ask(
    at: Address | SocketPath,
    onConnection: ((request: ConnectionRequest) => void) | undefined,
  ): Promise<RemoteListener> {
    this.#asking++
    try {
      const listener: RemoteListener = new RemoteListener(await this.#request(at), onConnection, () =>
        this.#cancel(listener),
      )
      this.#listeners.add(listener)
      return listener
    } finally {
      this.#asking--
      for (const open of this.#early.splice(0))
        try {
          this.take(open)
        } catch (error) {
          // The handler's own: who waits for the listener has nothing to do with it.
          queueMicrotask(() => {
            throw error
          })
        }
    }
  }

  /** Gives where the server listens: RFC 4254 §7.1 tells the port only when 0 was asked for. */
  async #request(at: Address | SocketPath): Promise<Address | SocketPath> {
    try {
      if ('path' in at) {
        await this.#session.request(
          streamlocalForward.name,
          streamlocalForward.encode({ socketPath: at.path }),
        )
        return { path: at.path }
      }
      const wanted = { addressToBind: at.host, portToBind: at.port }
      const reply = await this.#session.request(tcpipForward.name, tcpipForward.encode(wanted))
      return { host: at.host, port: at.port === 0 ? tcpipForwardReply.decode(reply).boundPort : at.port }
    } catch (error) {
      throw error instanceof GlobalRequestError ? new ListenError(at, error) : error
    }
  }

  async #cancel(listener: RemoteListener): Promise<void> {
    this.#listeners.delete(listener)
    if (this.#session.phase !== 'ready') return
    const { at } = listener
    const cancelled =
      'path' in at
        ? this.#session.request(
            cancelStreamlocalForward.name,
            cancelStreamlocalForward.encode({ socketPath: at.path }),
          )
        : this.#session.request(
            cancelTcpipForward.name,
            cancelTcpipForward.encode({ addressToBind: at.host, portToBind: at.port }),
          )
    // Refused or lost: either way nothing is taken from there any more.
    await cancelled.catch(() => undefined)
  }

  /** Servers differ in how they write the address; the port is what they agree on. */
  #find(at: Address | SocketPath): RemoteListener | undefined {
    const all = [...this.#listeners]
    if ('path' in at) return all.find((one) => 'path' in one.at && one.at.path === at.path)
    const same = all.filter((one) => 'port' in one.at && one.at.port === at.port)
    return same.find((one) => 'host' in one.at && one.at.host === at.host) ?? same[0]
  }
}

/**
 * The server listens for us. Take connections by the handler that was given, or by iterating: each is accepted as it is taken,
 * up to 64 wait meanwhile. Leaving the loop closes the listener.
 */
export class RemoteListener implements AsyncIterable<RemoteConnection> {
  /** Where; the port is the one that the server chose when 0 was asked for. */
  readonly at: Address | SocketPath
  /** Settles when it listens no more; never rejects. */
  readonly closed: Promise<void>
  readonly #onConnection: ((request: ConnectionRequest) => void) | undefined
  readonly #cancel: () => Promise<void>
  #waiting: ConnectionRequest[] = []
  #takers: { resolve: (r: IteratorResult<RemoteConnection>) => void; reject: (error: Error) => void }[] = []
  #over = false
  #error: Error | undefined
  #closing: Promise<void> | undefined
  #resolveClosed: () => void = () => undefined

  constructor(
    at: Address | SocketPath,
    onConnection: ((request: ConnectionRequest) => void) | undefined,
    cancel: () => Promise<void>,
  ) {
    this.at = at
    this.#onConnection = onConnection
    this.#cancel = cancel
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** The TCP port; 0 for a Unix socket. */
  get port(): number {
    return 'port' in this.at ? this.at.port : 0
  }

  /** Has the server stop listening; connections that are there go on. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends when the listener is closed; throws when the connection is lost. */
  [Symbol.asyncIterator](): AsyncIterator<RemoteConnection> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close()
        return { done: true, value: undefined }
      },
    }
  }

  /** For {@link RemoteListeners}. */
  offer(open: IncomingChannel, origin: Address | undefined): void {
    const request: ConnectionRequest = {
      origin,
      get answered() {
        return open.answered
      },
      accept: () => open.accept(),
      reject: (reason = ChannelOpenReason.administrativelyProhibited, description = 'not wanted') =>
        open.reject(reason, description),
    }
    const handler = this.#onConnection
    if (handler !== undefined) return handOver(request, () => handler(request))
    const taker = this.#takers.shift()
    if (taker !== undefined) taker.resolve({ done: false, value: { channel: open.accept(), origin } })
    else if (this.#waiting.length < backlog) this.#waiting.push(request)
    else open.reject(ChannelOpenReason.resourceShortage, `more than ${backlog} connections wait`)
  }

  /** For {@link RemoteListeners}: the connection is over. */
  over(error: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#error = error
    this.#waiting = []
    for (const { resolve, reject } of this.#takers.splice(0))
      if (error === undefined) resolve({ done: true, value: undefined })
      else reject(error)
    this.#resolveClosed()
  }

  async #close(): Promise<void> {
    const waiting = this.#waiting
    await this.#cancel()
    for (const request of waiting) if (!request.answered) request.reject()
    this.over(undefined)
  }

  async #next(): Promise<IteratorResult<RemoteConnection>> {
    if (this.#error !== undefined) throw this.#error
    if (this.#over) return { done: true, value: undefined }
    const request = this.#waiting.shift()
    if (request !== undefined)
      return { done: false, value: { channel: request.accept(), origin: request.origin } }
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject })
    })
  }
}

interface Place {
  readonly at: Address | SocketPath
  readonly origin: Address | undefined
}

function placeIn({ type, data }: IncomingChannel): Place {
  if (type === forwardedStreamlocal.name)
    return { at: { path: forwardedStreamlocal.decode(data).socketPath }, origin: undefined }
  const { connectedAddress, connectedPort, originatorAddress, originatorPort } = forwardedTcpip.decode(data)
  return {
    at: { host: connectedAddress, port: connectedPort },
    origin: { host: originatorAddress, port: originatorPort },
  }
}

function placeOf(at: Address | SocketPath): string {
  return 'path' in at ? at.path : `${at.host === '' ? 'every address' : at.host} port ${at.port}`
}
