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
    if (bytes.length > most) {
      item.bytes = bytes.subarray(most)
      this.#bytes -= most
      return { stream, body: bytes.subarray(0, most) }
    }
    this.#items.shift()
    this.#bytes -= bytes.length
    return { stream, body: bytes.length <= small ? this.#join(bytes, stream, most) : bytes }
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
