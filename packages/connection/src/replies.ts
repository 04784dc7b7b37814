/** Answers leave in the order in which the requests came (RFC 4254 §4, §5.4), whatever order the application gives them in. */

import { UsageError } from '@hawser/wire'
import type { ChannelEntry } from './channel-state.ts'
import type { ReplyToken } from './events.ts'
import { Fifo } from './fifo.ts'

/** One request of the peer that wants a reply. */
export class PendingReply implements ReplyToken {
  readonly name: string
  readonly line: ReplyLine
  #answer: { readonly ok: boolean; readonly data: Uint8Array } | undefined

  constructor(name: string, line: ReplyLine) {
    this.name = name
    this.line = line
  }

  /** Undefined until the application has answered. */
  get answer(): { readonly ok: boolean; readonly data: Uint8Array } | undefined {
    return this.#answer
  }

  /** Throws UsageError for a second answer. */
  settle(ok: boolean, data: Uint8Array): void {
    if (this.#answer !== undefined) throw new UsageError(`the request "${this.name}" was answered already`)
    this.#answer = { ok, data }
  }
}

/** The requests of one channel, or the global ones, that wait for their turn to be answered. */
export class ReplyLine {
  /** The mux that this line belongs to. */
  readonly owner: object
  /** Undefined for global requests. */
  readonly channel: ChannelEntry | undefined
  readonly #waiting = new Fifo<PendingReply>()

  constructor(owner: object, channel?: ChannelEntry) {
    this.owner = owner
    this.channel = channel
  }

  add(name: string): PendingReply {
    const pending = new PendingReply(name, this)
    this.#waiting.push(pending)
    return pending
  }

  /** The next answer that may leave; undefined while the first request in line is not answered. */
  next(): { readonly ok: boolean; readonly data: Uint8Array } | undefined {
    const answer = this.#waiting.peek()?.answer
    if (answer !== undefined) this.#waiting.shift()
    return answer
  }

  /** The channel is closed: nothing can be answered any more. Gives how many requests are dropped. */
  abandon(): number {
    const count = this.#waiting.length
    this.#waiting.clear()
    return count
  }
}
