/** An open file. */

import { UsageError, utf8Encode } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { FileSystemStatistics } from '../protocol/extensions.ts'
import { about, ask, askExtended, type SftpCallOptions, unless, unsupported } from './ask.ts'
import {
  modeAttributes,
  ownerAttributes,
  type SftpMode,
  type SftpTime,
  sizeAttributes,
  timeAttributes,
} from './attribute-values.ts'
import { type ReadRangeOptions, readableFile, readRange } from './download.ts'
import { fstatvfs } from './file-system.ts'
import type { SftpLink } from './link.ts'
import type { SftpPath } from './path.ts'
import { type Position, position } from './read-ahead.ts'
import { Stats } from './stats.ts'
import type { FlowOptions } from './transfer-flow.ts'
import { type FileContent, writableFile, writeRange } from './upload.ts'

/** Which part of a buffer, and where in the file. */
export interface FileRangeOptions extends SftpCallOptions {
  /** Where in the buffer. Default: 0. */
  readonly offset?: number
  /** Bytes. Default: the rest of the buffer. */
  readonly length?: number
  /** Where in the file. Default, and null: behind the last read or write that had no position either. */
  readonly position?: Position | null
}

export interface FileStreamOptions extends FlowOptions, SftpCallOptions {
  /** The first byte. Default: 0. */
  readonly start?: Position
  /** Closes the file with the stream. Default: false. */
  readonly autoClose?: boolean
}

/** A file that the server holds open for us, until `close`. `await using file = await sftp.open(…)` closes it. */
export class SftpFile {
  /** As it was given to `open`. */
  readonly path: SftpPath
  readonly #link: SftpLink
  readonly #handle: Uint8Array
  readonly #appending: boolean
  #position = 0n
  #closing: Promise<void> | undefined

  /** `appending`: the server writes at the end, whatever the position. */
  constructor(link: SftpLink, handle: Uint8Array, path: SftpPath, appending = false) {
    this.#link = link
    this.#handle = handle
    this.path = path
    this.#appending = appending
  }

  /** The server's name for the open file, for requests of one's own. Throws UsageError once it was closed. */
  get handle(): Uint8Array {
    if (this.#closing !== undefined) throw new UsageError('this file was closed before')
    return this.#handle
  }

  /** Reads into `buffer`. Fewer bytes than were asked for come only at the end of the file. */
  async read<B extends Uint8Array>(
    buffer: B,
    o: FileRangeOptions = {},
  ): Promise<{ readonly bytesRead: number; readonly buffer: B }> {
    const { part, start } = this.#range('read', buffer, o)
    const end = start + BigInt(part.length)
    const range = { start, end, signal: o.signal }
    const bytes = part.length === 0 ? part : await about(this.path, readRange(this.#link, this.handle, range))
    if (bytes !== part) part.set(bytes)
    if (o.position === undefined || o.position === null) this.#position = start + BigInt(bytes.length)
    return { bytesRead: bytes.length, buffer }
  }

  /** Writes all of `data`, which must not change until then; text as UTF-8. */
  async write(
    data: Uint8Array | string,
    o: FileRangeOptions = {},
  ): Promise<{ readonly bytesWritten: number }> {
    const bytes = typeof data === 'string' ? utf8Encode(data) : data
    const { part, start } = this.#range('write', bytes, o)
    const range = { start, serial: this.#appending, signal: o.signal }
    const bytesWritten = await about(this.path, writeRange(this.#link, this.handle, part, range))
    if (o.position === undefined || o.position === null) this.#position = start + BigInt(bytesWritten)
    return { bytesWritten }
  }

  /** The bytes of the whole file, or of a range of it, whatever the position is. */
  async readRange(o: ReadRangeOptions = {}): Promise<Uint8Array> {
    return about(this.path, readRange(this.#link, this.handle, o))
  }

  /** Writes everything that `content` gives, as it gives it, and tells how many bytes that were. */
  async writeAll(content: FileContent, o: FileStreamOptions = {}): Promise<number> {
    const range = { ...o, serial: this.#appending }
    return about(this.path, writeRange(this.#link, this.handle, content, range))
  }

  /** The file as a web stream, read ahead as far as the line is worth it and the reader keeps up. */
  readable(o: FileStreamOptions & { readonly end?: Position } = {}): ReadableStream<Uint8Array> {
    return readableFile(this.#link, this.handle, { ...o, path: this.path, ...this.#closeWith(o) })
  }

  /** A web stream into the file. Its `close` resolves when the server has answered for everything. */
  writable(o: FileStreamOptions = {}): WritableStream<Uint8Array> {
    const { path } = this
    return writableFile(this.#link, this.handle, {
      ...o,
      path,
      serial: this.#appending,
      ...this.#closeWith(o),
    })
  }

  async stat(o: SftpCallOptions = {}): Promise<Stats> {
    const { signal } = o
    const { path, handle } = this
    return new Stats((await ask(this.#link, { type: 'fstat', handle }, { signal, path })).attrs)
  }

  /** Cuts the file, or fills it up with zeros, to `size` bytes. */
  async truncate(size: number | bigint = 0, o: SftpCallOptions = {}): Promise<void> {
    await this.#set(sizeAttributes('truncate', size), o)
  }

  async utimes(atime: SftpTime, mtime: SftpTime, o: SftpCallOptions = {}): Promise<void> {
    await this.#set(timeAttributes('utimes', atime, mtime), o)
  }

  async chmod(mode: SftpMode, o: SftpCallOptions = {}): Promise<void> {
    await this.#set(modeAttributes('chmod', mode), o)
  }

  async chown(uid: number, gid: number, o: SftpCallOptions = {}): Promise<void> {
    await this.#set(ownerAttributes('chown', uid, gid), o)
  }

  /** Has the server write everything to its disk. Rejects with `ENOTSUP` without fsync@openssh.com. */
  async sync({ signal }: SftpCallOptions = {}): Promise<void> {
    const { path, handle } = this
    if (!this.#link.has('fsync')) throw unsupported('fsync', 'fsync@openssh.com', path)
    await askExtended(this.#link, 'fsync', { handle }, { signal, path })
  }

  /** The file system that the file is on. */
  async statvfs(o: SftpCallOptions = {}): Promise<FileSystemStatistics> {
    return fstatvfs(this.#link, this.handle, this.path, o)
  }

  /** Closes the file. A second call gives the first one's outcome. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** As `close`; a connection that is lost has closed the file too, and whoever used it has been told. */
  async [Symbol.asyncDispose](): Promise<void> {
    await unless(this.close(), SftpStatus.connectionLost)
  }

  #closeWith(o: FileStreamOptions): { readonly close?: () => Promise<void> } {
    return o.autoClose === true ? { close: () => this.close() } : {}
  }

  #range(
    op: string,
    buffer: Uint8Array,
    o: FileRangeOptions,
  ): { readonly part: Uint8Array; readonly start: bigint } {
    const { offset = 0, length = buffer.length - offset } = o
    const fits = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0
    if (!fits || offset + length > buffer.length)
      throw new UsageError(`${op}: ${length} bytes from ${offset} on do not fit a buffer of ${buffer.length}`)
    const start =
      o.position === undefined || o.position === null ? this.#position : position('position', o.position)
    return { part: buffer.subarray(offset, offset + length), start }
  }

  async #close(): Promise<void> {
    await ask(this.#link, { type: 'close', handle: this.#handle }, { path: this.path })
  }

  async #set(attrs: Attributes, o: SftpCallOptions): Promise<void> {
    const { path, handle } = this
    await ask(this.#link, { type: 'fsetstat', handle, attrs }, { signal: o.signal, path })
  }
}
