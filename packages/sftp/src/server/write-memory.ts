/** Memory for the data of writes, used again and again: new memory costs several times as much as warm. */

/** Room for a write of 32 KiB, which most clients send, with what stands around its data. */
const smallSize = 33 * 1024
/** Bytes that are kept for later. */
const mostKept = 2 * 1024 * 1024

/** `offer` memory for a write; `took` when its data lies there; `free` once the write is done. */
export class WriteMemory {
  readonly #largeSize: number
  readonly #small: ArrayBuffer[] = []
  readonly #large: ArrayBuffer[] = []
  readonly #used = new Set<ArrayBufferLike>()

  /** `largest`: bytes of the longest packet. */
  constructor(largest: number) {
    this.#largeSize = Math.max(largest, smallSize)
  }

  /** Memory that stays on offer until it is taken. */
  offer(bytes: number): Uint8Array {
    const size = bytes <= smallSize ? smallSize : this.#largeSize
    const free = this.#freeOf(size)
    if (free.length === 0) free.push(new ArrayBuffer(size))
    return new Uint8Array(free[free.length - 1] as ArrayBuffer)
  }

  /** Says that `data` is in use until it is freed; memory that was not offered here is passed over. */
  took(data: Uint8Array): void {
    const { buffer } = data
    const free = this.#freeOf(buffer.byteLength)
    if (free.length === 0 || free[free.length - 1] !== buffer) return
    free.pop()
    this.#used.add(buffer)
  }

  free(data: Uint8Array): void {
    const { buffer } = data
    if (!this.#used.delete(buffer)) return
    const free = this.#freeOf(buffer.byteLength)
    if ((free.length + 1) * buffer.byteLength <= mostKept) free.push(buffer as ArrayBuffer)
  }

  #freeOf(size: number): ArrayBuffer[] {
    return size === smallSize ? this.#small : this.#large
  }
}
