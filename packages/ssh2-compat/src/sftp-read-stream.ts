/** A file of the server as ssh2's ReadStream: a readable in the manner of `fs.createReadStream`. */

import { Readable, type Writable } from 'node:stream'
import { ReadAhead } from '@hawser/sftp'
import { asBuffer } from './channel-bytes.ts'
import { openAttributes, openFlags, pathBytes } from './sftp-arguments.ts'
import type { SftpCalls } from './sftp-calls.ts'
import { requestFailure } from './sftp-errors.ts'
import type { OpenMode, ReadStream, ReadStreamOptions, SFTPPath } from './sftp-types.ts'
import { modeOf } from './stats.ts'
import type { Callback } from './types.ts'

/**
 * Emits `open` with the handle and `ready`, unless it was given a handle. Reads ahead as far as the line is worth, and waits when
 * nobody reads.
 */
export class SftpReadStream extends Readable implements ReadStream {
  readonly path: string
  readonly flags: string | number
  readonly mode: number
  readonly start: number | undefined
  readonly end: number
  readonly autoClose: boolean
  handle: Buffer | null
  readonly #calls: SftpCalls
  readonly #path: Uint8Array
  #ahead: ReadAhead | undefined

  /** Throws for options that cannot be meant. */
  constructor(calls: SftpCalls, path: SFTPPath, options?: ReadStreamOptions | BufferEncoding | null) {
    const o: ReadStreamOptions = typeof options === 'string' ? { encoding: options } : (options ?? {})
    // Checked before there is a stream, which would open the file all the same.
    const file = streamedFile(path, o, 'r')
    const end = place('end', o.end) ?? Infinity
    if ((file.start ?? 0) > end) throw new RangeError('"start" option must be <= "end" option')
    super({ highWaterMark: 65_536, ...plainOptions(o), autoDestroy: file.autoClose })
    this.#calls = calls
    this.#path = file.bytes
    this.path = file.path
    this.flags = file.flags
    this.mode = file.mode
    this.start = file.start
    this.end = end
    this.autoClose = file.autoClose
    this.handle = file.handle
  }

  get bytesRead(): number {
    return this.#ahead?.delivered ?? 0
  }

  /** Where the next byte is. */
  get pos(): number {
    return (this.start ?? 0) + this.bytesRead
  }

  /** Whether the file is not open: not yet, or not any more. */
  get pending(): boolean {
    return this.handle === null
  }

  /** Closes the file; `callback` comes when it is closed. */
  close(callback?: Callback): void {
    if (typeof callback === 'function') {
      if (this.closed) process.nextTick(callback)
      else this.once('close', () => callback(this.errored))
    }
    this.destroy()
  }

  override _construct(done: (error?: Error) => void): void {
    if (this.handle !== null) return done()
    const request = {
      type: 'open',
      filename: this.#path,
      pflags: openFlags(this.flags),
      attrs: openAttributes(this.mode),
    } as const
    this.#calls.handle(request, (error, handle) => {
      if (error !== undefined) return done(error)
      this.handle = handle
      done()
      this.emit('open', handle)
      this.emit('ready')
    })
  }

  override _read(): void {
    if (this.#ahead !== undefined) return this.#ahead.resume()
    this.#ahead = new ReadAhead({
      link: this.#calls.link,
      handle: this.handle as Buffer,
      start: this.start ?? 0,
      ...(this.end === Infinity ? {} : { end: this.end + 1 }),
      onData: (bytes) => this.push(asBuffer(bytes)),
      onEnd: (error) => {
        this.#calls.answered()
        if (error === undefined) this.push(null)
        else fail(this, requestFailure(error))
      },
    })
    this.#ahead.start()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#ahead?.stop()
    closeFile(this, this.#calls, error, done)
  }
}

/**
 * Closes the handle of a stream once; an error that was there before wins. A connection that is lost has closed it too: programs end it
 * as soon as they have read or written all.
 */
export function closeFile(
  stream: { handle: Buffer | null },
  calls: SftpCalls,
  error: Error | null,
  done: (error?: Error | null) => void,
): void {
  const { handle } = stream
  stream.handle = null
  if (handle === null) return done(error)
  calls.status({ type: 'close', handle }, (failed) => {
    done(error ?? (failed && calls.link.error === undefined ? failed : null))
  })
}

/** With `autoClose` an error ends the stream; without, the handle stays open, for the program to close. */
export function fail(stream: Readable | Writable, error: Error): void {
  if ((stream as { autoClose?: boolean }).autoClose === false) stream.emit('error', error)
  else stream.destroy(error)
}

/** What the options of a stream say of its file. Throws for what cannot be meant. */
export function streamedFile(
  path: SFTPPath,
  o: Pick<ReadStreamOptions, 'flags' | 'mode' | 'start' | 'autoClose' | 'handle'>,
  standardFlags: OpenMode,
): {
  readonly bytes: Uint8Array
  readonly path: string
  readonly flags: string | number
  readonly mode: number
  readonly start: number | undefined
  readonly autoClose: boolean
  readonly handle: Buffer | null
} {
  const bytes = pathBytes(path)
  const flags = o.flags ?? standardFlags
  openFlags(flags)
  return {
    bytes,
    path: typeof path === 'string' ? path : asBuffer(path).toString(),
    flags,
    mode: modeOf(o.mode ?? 0o666),
    start: place('start', o.start),
    autoClose: o.autoClose ?? true,
    handle: o.handle ?? null,
  }
}

/** What Node's streams make of options; theirs alone, and not what may be undefined. */
export function plainOptions(
  o: Pick<ReadStreamOptions, 'highWaterMark' | 'encoding' | 'signal' | 'emitClose'>,
): object {
  const { highWaterMark, encoding, signal, emitClose } = o
  return Object.fromEntries(
    Object.entries({ highWaterMark, encoding, signal, emitClose }).filter(
      ([, value]) => value !== undefined && value !== null,
    ),
  )
}

/** A byte's number in a file. */
function place(name: string, value: number | undefined): number | undefined {
  if (value === undefined || value === null || value === Infinity) return undefined
  if (typeof value !== 'number') throw new TypeError(`"${name}" option must be a Number`)
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`"${name}" option must be a whole number from 0 on, not ${value}`)
  return value
}
