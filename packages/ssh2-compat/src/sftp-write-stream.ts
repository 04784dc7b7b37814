/** A file of the server as ssh2's WriteStream: a writable in the manner of `fs.createWriteStream`. */

import { Writable } from 'node:stream'
import { OpenFlag, WriteBehind } from '@hawser/sftp'
import { BufferPool } from '@hawser/sftp/node'
import { openAttributes, openFlags } from './sftp-arguments.ts'
import type { SftpCalls } from './sftp-calls.ts'
import { requestFailure } from './sftp-errors.ts'
import { closeFile, fail, plainOptions, streamedFile } from './sftp-read-stream.ts'
import type { SFTPPath, WriteStream, WriteStreamOptions } from './sftp-types.ts'
import type { Stats } from './stats.ts'
import type { Callback } from './types.ts'

type Done = (error?: Error | null) => void

/** Up to so many bytes a chunk is copied, so that the program may use its memory again at once. */
const copyUpTo = 256 * 1024

/**
 * Emits `open` with the handle and `ready`, unless it was given a handle; `finish` when the server has answered for everything. Each
 * write is a request of its own, and none waits for the answer to the one before.
 */
export class SftpWriteStream extends Writable implements WriteStream {
  readonly path: string
  readonly flags: string | number
  readonly mode: number
  readonly start: number | undefined
  readonly autoClose: boolean
  handle: Buffer | null
  readonly #calls: SftpCalls
  readonly #path: Uint8Array
  readonly #modeGiven: boolean
  readonly #pools = new Map<number, BufferPool>()
  #behind: WriteBehind | undefined
  #waiting: (() => void) | undefined

  /** Throws for options that cannot be meant. */
  constructor(calls: SftpCalls, path: SFTPPath, options?: WriteStreamOptions | BufferEncoding | null) {
    const o: WriteStreamOptions = typeof options === 'string' ? { encoding: options } : (options ?? {})
    const file = streamedFile(path, o, 'w')
    const { encoding, ...plain } = plainOptions(o) as WriteStreamOptions
    super({
      highWaterMark: 512 * 1024,
      ...plain,
      ...(encoding === undefined ? {} : { defaultEncoding: encoding }),
      autoDestroy: file.autoClose,
    })
    this.#calls = calls
    this.#path = file.bytes
    this.#modeGiven = o.mode !== undefined && o.mode !== null
    this.path = file.path
    this.flags = file.flags
    this.mode = file.mode
    this.start = file.start
    this.autoClose = file.autoClose
    this.handle = file.handle
  }

  get bytesWritten(): number {
    return this.#behind?.acknowledged ?? 0
  }

  /** Where the next byte goes. */
  get pos(): number {
    return this.#behind === undefined ? (this.start ?? 0) : Number(this.#behind.position)
  }

  /** Whether the file is not open: not yet, or not any more. */
  get pending(): boolean {
    return this.handle === null
  }

  /** Writes what is left and closes the file; `callback` comes when it is closed. */
  close(callback?: Callback): void {
    if (typeof callback === 'function') {
      if (this.closed) process.nextTick(callback)
      else this.once('close', () => callback(this.errored))
    }
    if (!this.autoClose) this.once('finish', () => this.destroy())
    this.end()
  }

  /** As `end`, in the words of old streams. */
  destroySoon(): void {
    this.end()
  }

  override _construct(done: (error?: Error) => void): void {
    const pflags = openFlags(this.flags)
    const append = (pflags & OpenFlag.append) !== 0
    if (this.handle !== null) {
      this.#begin(this.start ?? 0, append)
      return done()
    }
    const opened = (handle: Buffer, start: number): void => {
      this.#begin(start, append)
      done()
      this.emit('open', handle)
      this.emit('ready')
    }
    const attrs = openAttributes(this.mode)
    this.#calls.handle({ type: 'open', filename: this.#path, pflags, attrs }, (error, handle) => {
      if (error !== undefined) return done(error)
      this.handle = handle
      // Takes the server's umask back. One that cannot has made the file all the same.
      this.#calls.status({ type: 'fsetstat', handle, attrs }, (refused) => {
        if (refused && this.#modeGiven) fail(this, refused)
      })
      if (!append || this.start !== undefined) return opened(handle, this.start ?? 0)
      // Not every server puts what is appended at the end by itself.
      this.#calls.stats({ type: 'fstat', handle }, (failed: Error | undefined, stats: Stats) => {
        opened(handle, failed === undefined && stats.size !== undefined ? stats.size : 0)
      })
    })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const behind = this.#behind as WriteBehind
    if (chunk.length > copyUpTo) {
      behind.write(chunk, (error) => done(error === undefined ? undefined : requestFailure(error)))
      return
    }
    const pool = this.#pool(chunk.length)
    const memory = pool.take()
    memory.set(chunk)
    const free = behind.write(memory.subarray(0, chunk.length), (error) => {
      if (error === undefined) pool.give(memory)
      else fail(this, requestFailure(error))
    })
    if (free || behind.error !== undefined) done()
    else this.#waiting = done
  }

  override _final(done: Done): void {
    this.#behind?.finish((error) => {
      this.#calls.answered()
      done(error === undefined ? undefined : requestFailure(error))
    })
  }

  override _destroy(error: Error | null, done: Done): void {
    if (error !== null) this.#behind?.stop(error)
    closeFile(this, this.#calls, error, done)
  }

  #begin(start: number, append: boolean): void {
    this.#behind = new WriteBehind({
      link: this.#calls.link,
      handle: this.handle as Buffer,
      path: this.#path,
      start,
      serial: append,
      onDrain: () => {
        const waiting = this.#waiting
        this.#waiting = undefined
        waiting?.()
      },
    })
  }

  /** Memory for chunks of about that length. */
  #pool(length: number): BufferPool {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(length)))
    const pool = this.#pools.get(size) ?? new BufferPool(size)
    this.#pools.set(size, pool)
    return pool
  }
}
