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
 * Emits `open` with the handle, then what every writable does. Chunks that come while others are under way are joined, up to as much as
 * the server takes in one request. A write's callback comes when its memory is free again; `finish` comes when the server has answered
 * for everything, `close` when the file is closed.
 */
export class SftpWriteStream extends Writable {
  readonly #link: SftpLink
  readonly #file: FileToWrite
  readonly #o: WriteStreamOptions
  #pool: BufferPool | undefined
  /** What was written and not sent. */
  #block: { readonly memory: Buffer; length: number } | undefined
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
        path: 'path' in this.#file ? this.#file.path : undefined,
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
      this.#send()
      behind.write(chunk, done)
      return
    }
    let free = true
    for (let from = 0; from < chunk.length; ) {
      this.#pool ??= this.#newPool(behind.chunkSize)
      this.#block ??= { memory: this.#pool.take(), length: 0 }
      const { memory, length } = this.#block
      const part = chunk.copy(memory, length, from)
      this.#block.length += part
      from += part
      // While something is under way, more is waited for.
      if (this.#block.length === memory.length || behind.pending === 0) free = this.#send()
    }
    if (free || behind.error !== undefined) done(behind.error)
    else this.#waiting = () => done(behind.error)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send()
    this.#behind?.finish(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const handle = this.#handle
    this.#handle = undefined
    if (error !== null) this.#behind?.stop(error)
    if (handle === undefined || this.#o.autoClose === false) done(error)
    else closeHandle(this.#link, handle, error ?? undefined, done)
  }

  /** Sends what waits; false asks to wait. */
  #send(): boolean {
    const block = this.#block
    const behind = this.#behind as WriteBehind
    this.#block = undefined
    if (block === undefined) return true
    const { memory, length } = block
    return behind.write(length === memory.length ? memory : memory.subarray(0, length), (error) => {
      if (error !== undefined) {
        this.destroy(error)
        return
      }
      this.#pool?.give(memory)
      if (behind.pending === 0) this.#send()
    })
  }

  #newPool(size: number): BufferPool {
    return new BufferPool(size, Math.ceil((this.#o.maxBytes ?? flowDefaults.maxBytes) / size))
  }
}
