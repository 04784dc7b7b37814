/** A local file read into buffers that go out as they are, and serve again when the server has answered for them. */

import { read } from 'node:fs'
import type { WriteBehind } from '../client/write-behind.ts'
import { BufferPool } from './buffer-pool.ts'
import { isZero } from './local-sink.ts'

export interface LocalSourceOptions {
  /** Open for reading; closing it is the caller's affair. */
  readonly fd: number
  /** Where to begin. Default 0. */
  readonly start?: number | undefined
  /** The file's size as far as it is known; it is read to its end anyway. */
  readonly size?: number
  /** Leave blocks of zeros out; the caller sets the size afterwards. For remote files that are new from `start` on. */
  readonly sparse?: boolean | undefined
  readonly pool?: BufferPool | undefined
  readonly behind: WriteBehind
  /** The server has answered for a block. */
  onAnswer?(): void
  /** Called once, when everything was read and is given to `behind`, or with what failed. Not after `stop`. */
  onEnd(error: Error | undefined, bytes: number): void
}

export class LocalSource {
  readonly #o: LocalSourceOptions
  readonly #pool: BufferPool
  readonly #block: number
  #position: number
  #reading = false
  #over = false
  #idle: (() => void) | undefined

  constructor(o: LocalSourceOptions) {
    this.#o = o
    this.#block = o.behind.chunkSize
    this.#pool = o.pool !== undefined && o.pool.size >= this.#block ? o.pool : new BufferPool(this.#block)
    this.#position = o.start ?? 0
  }

  /** Reads on while the line takes it: call it first, and whenever something was answered. */
  pump(): void {
    if (this.#reading || this.#over) return
    if (!this.#o.behind.wanted) {
      if (this.#o.behind.error !== undefined) this.#end(undefined)
      return
    }
    this.#reading = true
    const memory = this.#pool.take()
    read(this.#o.fd, memory, 0, this.#block, this.#position, (error, bytes) => {
      this.#reading = false
      if (error === null && !this.#over) return this.#take(memory, bytes)
      this.#pool.give(memory)
      if (this.#over) this.#idle?.()
      else if (error !== null) this.#end(error)
    })
  }

  /** Reads no more. `idle` is called once the file is not in use any more, so that it can be closed. */
  stop(idle: () => void): void {
    this.#over = true
    if (this.#reading) this.#idle = idle
    else idle()
  }

  #take(memory: Buffer, bytes: number): void {
    this.#position += bytes
    if (bytes === 0) {
      this.#pool.give(memory)
      return this.#end(undefined)
    }
    if (this.#o.sparse === true && bytes === this.#block && isZero(memory, bytes)) {
      this.#pool.give(memory)
      this.#o.behind.skip(bytes)
    } else
      this.#o.behind.write(bytes === memory.length ? memory : memory.subarray(0, bytes), (error) => {
        // After an error it may still wait to be sent, so it must not serve again.
        if (error !== undefined) return this.pump()
        this.#o.onAnswer?.()
        this.#pool.give(memory)
        this.pump()
      })
    // A short read that ends where the file is said to end saves the read that gives nothing.
    if (bytes < this.#block && this.#position === this.#o.size) this.#end(undefined)
    else this.pump()
  }

  #end(error: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#o.onEnd(error, this.#position - (this.#o.start ?? 0))
  }
}
