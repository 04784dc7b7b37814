/** A file of the server as a Node readable: read ahead as far as the line is worth, held back when nobody reads. */

import { Readable } from 'node:stream'
import { closeHandle, openHandle } from '../client/file-ends.ts'
import type { SftpLink } from '../client/link.ts'
import { type Position, ReadAhead } from '../client/read-ahead.ts'
import type { FlowOptions } from '../client/transfer-flow.ts'
import { OpenFlag } from '../protocol/constants.ts'

export interface ReadStreamOptions extends FlowOptions {
  /** The first byte, and the last one (inclusive, as in `fs.createReadStream`). Default: the whole file. */
  readonly start?: Position
  readonly end?: Position
  /** What the file's size is said to be; saves the request that would find the end. */
  readonly size?: Position
  /** Whether the handle is closed at the end and on errors. Default true. */
  readonly autoClose?: boolean
  readonly encoding?: BufferEncoding
  /** Bytes that wait in the stream before the reading ahead stops. Default 64 KiB. */
  readonly highWaterMark?: number
  readonly signal?: AbortSignal
}

/** A file that is open already, or the path of one that is opened for reading. */
export type FileToRead = { readonly handle: Uint8Array } | { readonly path: Uint8Array }

/** Emits `open` with the handle, then what every readable does. */
export class SftpReadStream extends Readable {
  readonly #link: SftpLink
  readonly #file: FileToRead
  readonly #o: ReadStreamOptions
  #handle: Uint8Array | undefined
  #ahead: ReadAhead | undefined

  constructor(link: SftpLink, file: FileToRead, o: ReadStreamOptions = {}) {
    super({
      highWaterMark: o.highWaterMark ?? 65_536,
      ...(o.encoding === undefined ? {} : { encoding: o.encoding }),
      ...(o.signal === undefined ? {} : { signal: o.signal }),
    })
    this.#link = link
    this.#file = file
    this.#o = o
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.#ahead?.delivered ?? 0
  }

  /** The file's handle while it is open. */
  get handle(): Uint8Array | undefined {
    return this.#handle
  }

  override _construct(done: (error?: Error) => void): void {
    const opened = (handle: Uint8Array): void => {
      this.#handle = handle
      done()
      this.emit('open', handle)
    }
    if ('handle' in this.#file) opened(this.#file.handle)
    else
      openHandle(this.#link, this.#file.path, OpenFlag.read, {}, (error, handle) => {
        if (error === undefined) opened(handle)
        else done(error)
      })
  }

  override _read(): void {
    if (this.#ahead !== undefined) return this.#ahead.resume()
    const { end, ...o } = this.#o
    this.#ahead = new ReadAhead({
      ...o,
      ...(end === undefined ? {} : { end: BigInt(end) + 1n }),
      link: this.#link,
      handle: this.#handle as Uint8Array,
      path: 'path' in this.#file ? this.#file.path : undefined,
      onData: (bytes) => this.push(asBuffer(bytes)),
      onEnd: (error) => {
        if (error === undefined) this.push(null)
        else this.destroy(error)
      },
    })
    this.#ahead.start()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#ahead?.stop()
    const handle = this.#handle
    this.#handle = undefined
    if (handle === undefined || this.#o.autoClose === false) done(error)
    else closeHandle(this.#link, handle, error ?? undefined, done)
  }
}

/** A view as Node's streams hand it out. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
