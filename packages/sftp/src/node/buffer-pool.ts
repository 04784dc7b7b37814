/** Buffers that serve again: memory that was touched before costs a fraction of new. */

/** As many as are in use at once are made; of those that come back, a number is kept. */
export class BufferPool {
  readonly size: number
  readonly #most: number
  readonly #free: Buffer[] = []

  /** Buffers of `size` bytes; at most `most` unused ones are kept. */
  constructor(size: number, most = 64) {
    this.size = size
    this.#most = most
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size)
  }

  /** Gives back what `take` gave, when nobody uses it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#most) this.#free.push(buffer)
  }
}
