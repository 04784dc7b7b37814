/** Data that comes in order, written to a local file from its first byte to its last: a killed transfer leaves no holes. */

import { ftruncate, write } from 'node:fs'
import { BufferPool } from './buffer-pool.ts'

export interface LocalSinkOptions {
  /** Open for writing; closing it is the caller's affair. */
  readonly fd: number
  /** Where the first byte goes. Default 0. */
  readonly start?: number | undefined
  /** Leave blocks of zeros out, so that they take no room on disk. For files that are new from `start` on. */
  readonly sparse?: boolean | undefined
  readonly pool?: BufferPool | undefined
  /** Full blocks that may wait for the disk before the source is asked to wait. Default 8. */
  readonly maxBlocks?: number | undefined
  /** `write` returned false, and there is room again. */
  onDrain(): void
  /** Called at most once, as soon as something failed. */
  onError(error: Error): void
}

/** Bytes of one write to the disk. */
export const localBlock = 256 * 1024

interface Block {
  readonly memory: Buffer
  readonly at: number
  length: number
}

/** `write` copies into blocks of warm memory; one block after the other goes to the disk. */
export class LocalSink {
  readonly #o: LocalSinkOptions
  readonly #pool: BufferPool
  readonly #most: number
  #position: number
  #block: Block | undefined
  #waiting: Block[] = []
  #busy = false
  #full = false
  #failed = false
  /** Behind the last byte that is really in the file, when a hole follows it. */
  #hole = false
  #finish: (() => void) | undefined
  #stopped: (() => void) | undefined

  constructor(o: LocalSinkOptions) {
    this.#o = o
    this.#most = o.maxBlocks ?? 8
    this.#pool = o.pool ?? new BufferPool(localBlock, this.#most + 1)
    this.#position = o.start ?? 0
  }

  /** Bytes that wait for the disk. */
  get pending(): number {
    return (this.#waiting.length + (this.#block === undefined ? 0 : 1)) * localBlock
  }

  /** False asks to wait for `onDrain`. The bytes are copied. */
  write(bytes: Uint8Array): boolean {
    let from = 0
    while (from < bytes.length) {
      this.#block ??= { memory: this.#pool.take(), at: this.#position, length: 0 }
      const block = this.#block
      const part = Math.min(bytes.length - from, localBlock - block.length)
      block.memory.set(
        from === 0 && part === bytes.length ? bytes : bytes.subarray(from, from + part),
        block.length,
      )
      block.length += part
      this.#position += part
      from += part
      if (block.length === localBlock) this.#push()
    }
    this.#full = this.#waiting.length >= this.#most
    return !this.#full
  }

  /** Calls `done` when everything is in the file; not after an error. */
  finish(done: () => void): void {
    this.#finish = done
    this.#push()
    this.#next()
  }

  /** Writes no more. `idle` is called once the file is not in use any more, so that it can be closed. */
  stop(idle: () => void): void {
    this.#failed = true
    this.#waiting = []
    if (this.#busy) this.#stopped = idle
    else idle()
  }

  #push(): void {
    const block = this.#block
    this.#block = undefined
    if (block === undefined || this.#failed) return
    this.#waiting.push(block)
    this.#next()
  }

  #next(): void {
    while (!this.#busy && !this.#failed) {
      const block = this.#waiting.shift()
      if (block === undefined) return this.#idle()
      this.#hole = this.#o.sparse === true && isZero(block.memory, block.length)
      if (this.#hole) this.#pool.give(block.memory)
      else this.#put(block, 0)
    }
  }

  #put(block: Block, from: number): void {
    this.#busy = true
    write(this.#o.fd, block.memory, from, block.length - from, block.at + from, (error, bytes) => {
      if (this.#stopped !== undefined) return this.#stopped()
      if (error !== null) return this.#fail(error)
      if (from + bytes < block.length) return this.#put(block, from + bytes)
      this.#pool.give(block.memory)
      this.#busy = false
      this.#next()
      if (!this.#full || this.#waiting.length > this.#most / 2) return
      this.#full = false
      this.#o.onDrain()
    })
  }

  #idle(): void {
    const finish = this.#finish
    if (finish === undefined) return
    this.#finish = undefined
    if (!this.#hole) return finish()
    this.#busy = true
    ftruncate(this.#o.fd, this.#position, (error) => {
      this.#busy = false
      if (this.#stopped !== undefined) this.#stopped()
      else if (error === null) finish()
      else this.#fail(error)
    })
  }

  #fail(error: Error): void {
    this.#busy = false
    this.#failed = true
    this.#waiting = []
    this.#o.onError(error)
  }
}

const zeros = Buffer.alloc(localBlock)

/** Whether the first `length` bytes are zeros. */
export function isZero(memory: Uint8Array, length: number): boolean {
  if (memory[0] !== 0 || memory[length - 1] !== 0) return false
  return zeros.compare(memory, 0, length, 0, length) === 0
}
