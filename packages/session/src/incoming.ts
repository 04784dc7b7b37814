/** What the peer asks of us: channels and requests, each answered exactly once, none lost before somebody listens. */

import type { ChannelId } from '@hawser/connection'
import { UsageError } from '@hawser/wire'
import type { Channel } from './channel.ts'

/** A request of the peer, on a channel or global. Answers are ignored when no reply is wanted. */
export class IncomingRequest {
  readonly name: string
  readonly data: Uint8Array
  readonly #answer: ((ok: boolean, data?: Uint8Array) => void) | undefined
  #answered = false

  constructor(
    name: string,
    data: Uint8Array,
    answer: ((ok: boolean, data?: Uint8Array) => void) | undefined,
  ) {
    this.name = name
    this.data = data
    this.#answer = answer
  }

  get wantReply(): boolean {
    return this.#answer !== undefined
  }

  get answered(): boolean {
    return this.#answered
  }

  /** Answers with success; `data` goes with replies to global requests. A second answer throws UsageError. */
  accept(data?: Uint8Array): void {
    this.#settle(true, data)
  }

  /** Answers with failure. A second answer throws UsageError. */
  reject(): void {
    this.#settle(false)
  }

  #settle(ok: boolean, data?: Uint8Array): void {
    if (this.#answered) throw new UsageError(`the request "${this.name}" was answered already`)
    this.#answered = true
    this.#answer?.(ok, data)
  }
}

/**
 * Has an application's `handler` answer `asked`. When it throws, at once or by the promise that it gives, the peer is refused, for it would
 * wait for ever, and the error surfaces as uncaught: it is the application's own.
 */
export function handOver(
  asked: { readonly answered: boolean; reject(): void },
  handler: () => unknown,
): void {
  const refuse = (): void => {
    if (!asked.answered) asked.reject()
  }
  let waiting: unknown
  try {
    waiting = handler()
  } catch (error) {
    refuse()
    throw error
  }
  if (isPromiseLike(waiting))
    waiting.then(undefined, (error: unknown) => {
      refuse()
      queueMicrotask(() => {
        throw error
      })
    })
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Requests that may wait for a handler. */
const inboxSize = 64

/** Holds requests until a handler is set; past the bound they are refused. */
export class RequestInbox {
  #handler: ((request: IncomingRequest) => void) | undefined
  #waiting: IncomingRequest[] = []

  set handler(handler: (request: IncomingRequest) => void) {
    this.#handler = handler
    const waited = this.#waiting
    this.#waiting = []
    for (const request of waited) handOver(request, () => handler(request))
  }

  push(request: IncomingRequest): void {
    const handler = this.#handler
    if (handler !== undefined) handOver(request, () => handler(request))
    else if (this.#waiting.length < inboxSize) this.#waiting.push(request)
    else request.reject()
  }

  clear(): void {
    this.#waiting = []
  }
}

/** A channel that the peer wants to open. */
export class IncomingChannel {
  readonly type: string
  readonly data: Uint8Array
  readonly id: ChannelId
  readonly #accept: (data: Uint8Array | undefined) => Channel
  readonly #reject: (reason: number, description: string) => void
  #answered = false

  constructor(o: {
    readonly type: string
    readonly data: Uint8Array
    readonly id: ChannelId
    readonly accept: (data: Uint8Array | undefined) => Channel
    readonly reject: (reason: number, description: string) => void
  }) {
    this.type = o.type
    this.data = o.data
    this.id = o.id
    this.#accept = o.accept
    this.#reject = o.reject
  }

  get answered(): boolean {
    return this.#answered
  }

  /**
   * Opens the channel; `data` is type-specific and usually absent. Throws UsageError for a second answer. When the connection is over by
   * now, the channel is closed already.
   */
  accept(data?: Uint8Array): Channel {
    this.#once()
    return this.#accept(data)
  }

  /** Refuses it, by default as administratively prohibited (RFC 4254 §5.1). Throws UsageError for a second answer. */
  reject(reason: number = 1, description = ''): void {
    this.#once()
    this.#reject(reason, description)
  }

  #once(): void {
    if (this.#answered) throw new UsageError(`this ${this.type} channel was accepted or rejected already`)
    this.#answered = true
  }
}
