/** What waits to be sent on one channel, in order: data, cut as late as possible, and messages that must not overtake it. */

import { concat } from '@hawser/wire'
import type { StreamNumber } from './events.ts'
import { Fifo } from './fifo.ts'

/** A message that is encoded already; `close` marks the channel's last. */
export interface LaneMessage {
  readonly head: Uint8Array
  readonly tag: Tag
}

/** What to count when a message leaves: an answer or refusal owed to the peer, a channel's CLOSE. */
export type Tag = 'none' | 'answer' | 'refusal' | 'close'

/** Data for one message. */
export interface LaneData {
  readonly stream: StreamNumber
  /** Goes in front of the body, in the same message: a short chunk, such as the head of something long. */
  readonly lead: Uint8Array | undefined
  readonly body: Uint8Array
}

interface Chunk {
  bytes: Uint8Array
  readonly stream: StreamNumber
}

/** Chunks up to this many bytes are joined with what follows them: a copy costs less than a packet. */
const small = 2048
/** Joined chunks stay below this many bytes. */
const mostJoined = 16_384

export class Lane {
  readonly #items = new Fifo<Chunk | LaneMessage>()
  #bytes = 0

  get empty(): boolean {
    return this.#items.length === 0
  }

  /** Bytes of data that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** `bytes` is kept as it is until taken. */
  pushData(bytes: Uint8Array, stream: StreamNumber): void {
    this.#items.push({ bytes, stream })
    this.#bytes += bytes.length
  }

  pushMessage(message: LaneMessage): void {
    this.#items.push(message)
  }

  /** The next message; data of at most `most` bytes. */
  take(most: number): LaneData | LaneMessage | undefined {
    const item = this.#items.peek()
    if (item === undefined || 'head' in item) {
      this.#items.shift()
      return item
    }
    const { bytes, stream } = item
    if (bytes.length > most) return { stream, lead: undefined, body: this.#cut(item, most) }
    this.#items.shift()
    this.#bytes -= bytes.length
    if (bytes.length > small) return { stream, lead: undefined, body: bytes }
    const joined = this.#join(bytes, stream, most)
    const next = this.#items.peek()
    if (
      next === undefined ||
      'head' in next ||
      next.stream !== stream ||
      next.bytes.length <= small ||
      joined.length > small
    )
      return { stream, lead: undefined, body: joined }
    // What follows is long: it fills the message, and only the short part is copied.
    const room = most - joined.length
    if (next.bytes.length > room) return { stream, lead: joined, body: this.#cut(next, room) }
    this.#items.shift()
    this.#bytes -= next.bytes.length
    return { stream, lead: joined, body: next.bytes }
  }

  /** The first `count` bytes of a chunk, which keeps the rest. */
  #cut(chunk: Chunk, count: number): Uint8Array {
    const body = chunk.bytes.subarray(0, count)
    chunk.bytes = chunk.bytes.subarray(count)
    this.#bytes -= count
    return body
  }

  /** `bytes` and the small chunks of the same stream behind it. */
  #join(bytes: Uint8Array, stream: StreamNumber, most: number): Uint8Array {
    const limit = Math.min(most, mostJoined)
    let length = bytes.length
    let parts: Uint8Array[] | undefined
    for (let next = this.#items.peek(); next !== undefined; next = this.#items.peek()) {
      if ('head' in next || next.stream !== stream || next.bytes.length > small) break
      if (length + next.bytes.length > limit) break
      parts ??= [bytes]
      parts.push(next.bytes)
      length += next.bytes.length
      this.#bytes -= next.bytes.length
      this.#items.shift()
    }
    return parts === undefined ? bytes : concat(...parts)
  }
}
