/** An open file. */

import { UsageError } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import type { FileSystemStatistics } from '../protocol/extensions.ts'
import { ask, askExtended, type SftpCallOptions, unsupported } from './ask.ts'
import {
  modeAttributes,
  ownerAttributes,
  type SftpMode,
  type SftpTime,
  sizeAttributes,
  timeAttributes,
} from './attribute-values.ts'
import { fstatvfs } from './file-system.ts'
import type { SftpLink } from './link.ts'
import type { SftpPath } from './path.ts'
import { Stats } from './stats.ts'

/** A file that the server holds open for us, until `close`. `await using file = await sftp.open(…)` closes it. */
export class SftpFile {
  /** As it was given to `open`. */
  readonly path: SftpPath
  readonly #link: SftpLink
  readonly #handle: Uint8Array
  #closing: Promise<void> | undefined

  constructor(link: SftpLink, handle: Uint8Array, path: SftpPath) {
    this.#link = link
    this.#handle = handle
    this.path = path
  }

  /** The server's name for the open file, for requests of one's own. Throws UsageError once it was closed. */
  get handle(): Uint8Array {
    if (this.#closing !== undefined) throw new UsageError('this file was closed before')
    return this.#handle
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await ask(this.#link, { type: 'close', handle: this.#handle }, { path: this.path })
  }

  async #set(attrs: Attributes, o: SftpCallOptions): Promise<void> {
    const { path, handle } = this
    await ask(this.#link, { type: 'fsetstat', handle, attrs }, { signal: o.signal, path })
  }
}
