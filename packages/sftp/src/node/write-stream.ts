/** A file of the server as a Node writable: writes go out without waiting for each answer. */

import { Writable } from 'node:stream'
import { closeHandle, openHandle } from '../client/file-ends.ts'
import type { SftpLink } from '../client/link.ts'
import type { Position } from '../client/read-ahead.ts'
import { type FlowOptions, flowDefaults } from '../client/transfer-flow.ts'
import { WriteBehind } from '../client/write-behind.ts'
import { OpenFlag } from '../protocol/constants.ts'
import { BufferPool } from './buffer-pool.ts'

export interface WriteStreamOptions extends FlowOptions {
  /** Where the first byte goes. Default 0. */
  readonly start?: Position
  /** Combination of {@link OpenFlag}. Default: write, create and truncate. With `append`, requests go one at a time. */
  readonly flags?: number
  /** Permission bits of a file that is made. Default: the server's own. */
  readonly mode?: number
  /** Whether the handle is closed at the end and on errors. Default true. */
  readonly autoClose?: boolean
  readonly encoding?: BufferEncoding
  /** Bytes that wait in the stream before `write` returns false. Default 512 KiB. */
  readonly highWaterMark?: number
  readonly signal?: AbortSignal
}

/** A file that is open already, or the path of one that is opened for writing. */
export type FileToWrite = { readonly handle: Uint8Array } | { readonly path: Uint8Array }

/** Up to so many bytes a chunk is copied, so that its writer may use the memory again at once. */
const copyUpTo = 256 * 1024

/**
 * Emits `open` with the handle, then what every writable does. A chunk is one request, as long as the server takes it. A write's callback
 * comes when its memory is free again; `finish` comes when the server has answered for everything, `close` when the file is closed.
 */
export class SftpWriteStream extends Writable {
  readonly #link: SftpLink
  readonly #file: FileToWrite
  readonly #o: WriteStreamOptions
  readonly #pools = new Map<number, BufferPool>()
  #handle: Uint8Array | undefined
  #behind: WriteBehind | undefined
  #waiting: (() => void) | undefined

  constructor(link: SftpLink, file: FileToWrite, o: WriteStreamOptions = {}) {
    super({
      highWaterMark: o.highWaterMark ?? 512 * 1024,
      ...(o.encoding === undefined ? {} : { defaultEncoding: o.encoding }),
      ...(o.signal === undefined ? {} : { signal: o.signal }),
    })
    this.#link = link
    this.#file = file
    this.#o = o
  }

  /** Bytes that the server has answered for. */
  get bytesWritten(): number {
    return this.#behind?.acknowledged ?? 0
  }

  /** The file's handle while it is open. */
  get handle(): Uint8Array | undefined {
    return this.#handle
  }

  override _construct(done: (error?: Error) => void): void {
    const flags = this.#o.flags ?? OpenFlag.write | OpenFlag.create | OpenFlag.truncate
    const opened = (handle: Uint8Array): void => {
      this.#handle = handle
      this.#behind = new WriteBehind({
        ...this.#o,
        link: this.#link,
        handle,
        serial: (flags & OpenFlag.append) !== 0,
        onDrain: () => {
          const waiting = this.#waiting
          this.#waiting = undefined
          waiting?.()
        },
      })
      done()
      this.emit('open', handle)
    }
    if ('handle' in this.#file) return opened(this.#file.handle)
    const attrs = this.#o.mode === undefined ? {} : { permissions: this.#o.mode }
    openHandle(this.#link, this.#file.path, flags, attrs, (error, handle) => {
      if (error === undefined) opened(handle)
      else done(error)
    })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const behind = this.#behind as WriteBehind
    if (chunk.length > copyUpTo) {
      behind.write(chunk, done)
      return
    }
    const pool = this.#pool(chunk.length)
    const memory = pool.take()
    memory.set(chunk)
    const free = behind.write(memory.subarray(0, chunk.length), (error) => {
      if (error === undefined) pool.give(memory)
      else this.destroy(error)
    })
    if (free || behind.error !== undefined) done(behind.error)
    else this.#waiting = () => done(behind.error)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#behind?.finish(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const handle = this.#handle
    this.#handle = undefined
    if (error !== null) this.#behind?.stop(error)
    if (handle === undefined || this.#o.autoClose === false) done(error)
    else closeHandle(this.#link, handle, error ?? undefined, done)
  }

  /** Memory for chunks of about that length. */
  #pool(length: number): BufferPool {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(length)))
    let pool = this.#pools.get(size)
    if (pool === undefined) {
      pool = new BufferPool(size, Math.ceil((this.#o.maxBytes ?? flowDefaults.maxBytes) / size))
      this.#pools.set(size, pool)
    }
    return pool
  }
}
