/** Chunks in, exact counts out: what stands between a stream of bytes and a parser. */

import { concat } from './bytes.ts'

/**
 * Holds chunks without copying them. A result is a view of one chunk where the bytes lie in one,
 * and a copy only where they cross a border.
 */
export class ByteQueue {
  #chunks: Uint8Array[] = []
  #first = 0
  #length = 0
  /** Where {@link ByteQueue.keep} puts what it copies; `#keptEnd` is behind the last byte there that is still held. */
  #kept = emptied
  #keptEnd = 0

  /** Bytes held. */
  get length(): number {
    return this.#length
  }

  /** Adds `bytes`, which the queue now owns. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#length += bytes.length
  }

  /**
   * Copies what is left of the chunk pushed last, whose memory goes back to its owner: for readers that use one buffer again and again.
   * What was taken before must not be used any more where it was a view of that chunk.
   */
  keep(): void {
    const at = this.#chunks.length - 1
    const chunk = this.#chunks[at]
    if (at < this.#first || chunk === undefined) return
    const before = at > this.#first ? this.#chunks[at - 1] : undefined
    const length = chunk.length
    // Behind what was kept before, so that both are one piece; memory that serves again costs a fraction of new.
    const joined = before !== undefined && before.buffer === this.#kept.buffer
    const start = joined ? this.#keptEnd : 0
    if (before !== undefined ? !joined || start + length > this.#kept.length : length > mostKept) {
      // Not slice(): that of a Buffer is a view.
      this.#chunks[at] = new Uint8Array(chunk)
      return
    }
    if (this.#kept.length < length) this.#kept = new Uint8Array(keptSize(length))
    this.#kept.set(chunk, start)
    this.#keptEnd = start + length
    if (before === undefined) this.#chunks[at] = this.#kept.subarray(0, length)
    else {
      this.#chunks[at - 1] = this.#kept.subarray(start - before.length, this.#keptEnd)
      this.#chunks.pop()
    }
  }

  /** The next `count` bytes, left where they are; undefined when fewer are held. */
  peek(count: number): Uint8Array | undefined {
    if (count > this.#length) return undefined
    const head = this.#chunks[this.#first]
    if (head === undefined || count === 0) return new Uint8Array(0)
    return head.length >= count ? head.subarray(0, count) : this.#gather(count)
  }

  /**
   * The next `count` bytes, removed; undefined (and nothing removed) when fewer are held.
   * Where they cross a border they are gathered in `scratch` if it has room: warm memory costs a fraction of new.
   */
  take(count: number, scratch?: Uint8Array): Uint8Array | undefined {
    const head = this.#chunks[this.#first]
    const borders = head !== undefined && head.length < count
    const bytes =
      borders && scratch !== undefined && scratch.length >= count && count <= this.#length
        ? this.#gatherInto(scratch, count)
        : this.peek(count)
    if (bytes !== undefined) this.skip(count)
    return bytes
  }

  /** What comes next in one piece, removed: a view of up to `most` bytes, at least one. Undefined when nothing is held or wanted. */
  takePiece(most: number): Uint8Array | undefined {
    const head = this.#chunks[this.#first]
    if (head === undefined || most <= 0) return undefined
    const piece = head.length > most ? head.subarray(0, most) : head
    this.skip(piece.length)
    return piece
  }

  /** Removes the next `count` bytes, at most all. */
  skip(count: number): void {
    let left = Math.min(count, this.#length)
    this.#length -= left
    while (left > 0) {
      const head = this.#chunks[this.#first] as Uint8Array
      if (head.length > left) {
        this.#chunks[this.#first] = head.subarray(left)
        break
      }
      left -= head.length
      this.#chunks[this.#first] = emptied
      this.#first++
    }
    if (this.#first === this.#chunks.length) {
      this.#chunks = []
      this.#first = 0
    } else if (this.#first > 64 && this.#first * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first)
      this.#first = 0
    }
  }

  /** Where `byte` first occurs among the next `within` bytes; -1 when it does not. */
  indexOf(byte: number, within = this.#length): number {
    let base = 0
    for (let i = this.#first; i < this.#chunks.length && base < within; i++) {
      const chunk = this.#chunks[i] as Uint8Array
      const at = chunk.indexOf(byte)
      if (at >= 0) return base + at < within ? base + at : -1
      base += chunk.length
    }
    return -1
  }

  /** Drops everything. */
  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#length = 0
  }

  #gatherInto(scratch: Uint8Array, count: number): Uint8Array {
    let at = 0
    for (let i = this.#first; at < count; i++) {
      const chunk = this.#chunks[i] as Uint8Array
      const left = count - at
      scratch.set(chunk.length > left ? chunk.subarray(0, left) : chunk, at)
      at += Math.min(chunk.length, left)
    }
    return scratch.subarray(0, count)
  }

  #gather(count: number): Uint8Array {
    const parts: Uint8Array[] = []
    let left = count
    for (let i = this.#first; left > 0; i++) {
      const chunk = this.#chunks[i] as Uint8Array
      const part = chunk.length > left ? chunk.subarray(0, left) : chunk
      parts.push(part)
      left -= part.length
    }
    return concat(...parts)
  }
}

const emptied = new Uint8Array(0)

/** Bytes that the memory of {@link ByteQueue.keep} has at most; longer rests are copied into memory of their own. */
const mostKept = 512 * 1024

/** Room for `length` bytes and for more to come behind them. */
function keptSize(length: number): number {
  let size = 4096
  while (size < 2 * length) size *= 2
  return Math.min(size, mostKept)
}
