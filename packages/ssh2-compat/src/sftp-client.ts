/** ssh2's SFTP client: its requests as methods with callbacks, its life as events. */

import type { SftpLink } from '@hawser/sftp'
import { asBuffer } from './channel-bytes.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import { filePosition, handleBytes, openAttributes, openFlags, part, pathBytes } from './sftp-arguments.ts'
import {
  answer,
  type HandleCallback,
  onlyName,
  type PathCallback,
  SftpCalls,
  type StatsCallback,
} from './sftp-calls.ts'
import { protocolCause } from './sftp-errors.ts'
import { fileSystemInfo, idsBytes, usersAndGroups } from './sftp-extensions.ts'
import { fastGet, fastPut, readFile, writeFile } from './sftp-files.ts'
import { listAll, listSome } from './sftp-listing.ts'
import { SftpReadStream } from './sftp-read-stream.ts'
import { readAt, writeAt } from './sftp-reads.ts'
import type {
  FileEntryWithStats,
  FileSystemInfo,
  InputAttributes,
  OpenMode,
  ReadDirOptions,
  ReadFileOptions,
  ReadStream,
  ReadStreamOptions,
  SFTPEvents,
  SFTPPath,
  TransferOptions,
  WriteFileOptions,
  WriteStream,
  WriteStreamOptions,
} from './sftp-types.ts'
import { SftpWriteStream } from './sftp-write-stream.ts'
import { fromAttributes, modeOf, seconds } from './stats.ts'
import type { Callback } from './types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<SFTPEvents> = emitterOf()

/** What an SFTP client stands on. */
export interface SftpClientParts {
  readonly link: SftpLink
  /** Closes the channel, after everything that was asked has been answered. */
  readonly close: () => void
  /** Resolves with the arguments of `close` when the channel is closed. */
  readonly closed: Promise<readonly unknown[]>
  /** SSH_FXP_SYMLINK as the draft has it: the link's path first. */
  readonly linkPathFirst: boolean
}

type Time = number | Date
type ReadCallback = (err: Error | undefined, bytesRead: number, buffer: Buffer, position: number) => void
type WriteCallback = (err: Error | undefined, bytesWritten: number) => void
type ListCallback = (err: Error | undefined, list: FileEntryWithStats[]) => void
type InfoCallback = (err: Error | undefined, fsInfo: FileSystemInfo) => void
type WriteOptions = WriteFileOptions | BufferEncoding | undefined | null
type FileCallback = (err: Error | undefined, data: Buffer) => void
type NamesCallback = (err: Error | undefined, userNames: string[], groupNames: string[]) => void

/**
 * What `client.sftp()` gives. Methods that ask the server for something give false when they ask to wait for `continue` before
 * more is sent. Paths may be Buffers where they are no UTF-8.
 */
export class SftpClient extends Emitter {
  readonly server = false
  readonly #parts: SftpClientParts
  readonly #calls: SftpCalls
  #ended = false

  constructor(parts: SftpClientParts) {
    super()
    this.#parts = parts
    this.#calls = new SftpCalls(parts.link, {
      continued: () => this.emit('continue'),
      idle: () => this.#closeWhenIdle(),
    })
    void parts.link.closed.then(() => this.#over())
  }

  open(filename: SFTPPath, flags: OpenMode | number, callback: HandleCallback): boolean
  open(
    filename: SFTPPath,
    flags: OpenMode | number,
    attributes: InputAttributes | string | number | undefined | null,
    callback: HandleCallback,
  ): boolean
  open(
    filename: SFTPPath,
    flags: OpenMode | number,
    attributes: InputAttributes | string | number | HandleCallback | undefined | null,
    callback?: HandleCallback,
  ): boolean {
    const [given, done] = optional(attributes, callback)
    const request = {
      type: 'open',
      filename: pathBytes(filename),
      pflags: openFlags(flags),
      attrs: openAttributes(given),
    } as const
    return this.#calls.handle(request, done)
  }

  close(handle: Buffer, callback?: Callback): boolean {
    return this.#calls.status({ type: 'close', handle: handleBytes(handle) }, callback)
  }

  /** Reads into `buffer` from `offset` on. At the end of the file 0 bytes come, without an error. */
  read(
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number | bigint,
    callback: ReadCallback,
  ): boolean {
    const file = handleBytes(handle)
    const into = part(buffer, offset, length)
    return readAt(this.#calls, file, into, filePosition(position), (error, bytes) =>
      answer(callback, error, () => [bytes, asBuffer(into.subarray(0, bytes)), position]),
    )
  }

  /** @deprecated The name of {@link SftpClient.read} on the 0.8 line's SFTPStream. */
  readData(...args: Parameters<SftpClient['read']>): boolean {
    return this.read(...args)
  }

  /** Writes from `buffer`, which must not be changed before `callback`; it gets how many bytes were written: all. */
  write(
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number | bigint,
    callback?: WriteCallback,
  ): boolean {
    const file = handleBytes(handle)
    const data = part(buffer, offset, length)
    return writeAt(this.#calls, file, data, filePosition(position), (error) =>
      answer(callback, error, () => [data.length]),
    )
  }

  /** @deprecated The name of {@link SftpClient.write} on the 0.8 line's SFTPStream. */
  writeData(...args: Parameters<SftpClient['write']>): boolean {
    return this.write(...args)
  }

  fstat(handle: Buffer, callback: StatsCallback): boolean {
    return this.#calls.stats({ type: 'fstat', handle: handleBytes(handle) }, callback)
  }

  stat(path: SFTPPath, callback: StatsCallback): boolean {
    return this.#calls.stats({ type: 'stat', path: pathBytes(path) }, callback)
  }

  /** As `stat`, of a symbolic link itself. */
  lstat(path: SFTPPath, callback: StatsCallback): boolean {
    return this.#calls.stats({ type: 'lstat', path: pathBytes(path) }, callback)
  }

  exists(path: SFTPPath, callback: (exists: boolean) => void): boolean {
    return this.stat(path, (error) => callback(error === undefined))
  }

  fsetstat(handle: Buffer, attributes: InputAttributes, callback?: Callback): boolean {
    const request = {
      type: 'fsetstat',
      handle: handleBytes(handle),
      attrs: fromAttributes(attributes),
    } as const
    return this.#calls.status(request, callback)
  }

  setstat(path: SFTPPath, attributes: InputAttributes, callback?: Callback): boolean {
    const request = { type: 'setstat', path: pathBytes(path), attrs: fromAttributes(attributes) } as const
    return this.#calls.status(request, callback)
  }

  futimes(handle: Buffer, atime: Time, mtime: Time, callback?: Callback): boolean {
    return this.fsetstat(handle, { atime: seconds(atime), mtime: seconds(mtime) }, callback)
  }

  utimes(path: SFTPPath, atime: Time, mtime: Time, callback?: Callback): boolean {
    return this.setstat(path, { atime: seconds(atime), mtime: seconds(mtime) }, callback)
  }

  fchown(handle: Buffer, uid: number, gid: number, callback?: Callback): boolean {
    return this.fsetstat(handle, { uid, gid }, callback)
  }

  chown(path: SFTPPath, uid: number, gid: number, callback?: Callback): boolean {
    return this.setstat(path, { uid, gid }, callback)
  }

  fchmod(handle: Buffer, mode: number | string, callback?: Callback): boolean {
    return this.fsetstat(handle, { mode: modeOf(mode) }, callback)
  }

  chmod(path: SFTPPath, mode: number | string, callback?: Callback): boolean {
    return this.setstat(path, { mode: modeOf(mode) }, callback)
  }

  opendir(path: SFTPPath, callback: HandleCallback): boolean {
    return this.#calls.handle({ type: 'opendir', path: pathBytes(path) }, callback)
  }

  /**
   * Lists the directory of that path, or reads on in an open one, whose end is an error with the code 1 and false in place of a list.
   * `.` and `..` are left out unless `full`.
   */
  readdir(location: string | Buffer, callback: ListCallback): boolean
  readdir(location: string | Buffer, options: ReadDirOptions | undefined, callback: ListCallback): boolean
  readdir(
    location: string | Buffer,
    options: ReadDirOptions | ListCallback | undefined,
    callback?: ListCallback,
  ): boolean {
    const [o, done] = optional(options, callback)
    const full = o?.full === true
    if (typeof location === 'string')
      return listAll(this.#calls, pathBytes(location), full, (error, list) =>
        answer(done, error, () => [list]),
      )
    const some = done as (err: Error | undefined, list: FileEntryWithStats[] | false) => void
    return listSome(this.#calls, handleBytes(location), full, (error, list) =>
      error === undefined ? answer(some, error, () => [list]) : answer((e: Error) => some(e, false), error),
    )
  }

  unlink(path: SFTPPath, callback?: Callback): boolean {
    return this.#calls.status({ type: 'remove', filename: pathBytes(path) }, callback)
  }

  rename(srcPath: SFTPPath, destPath: SFTPPath, callback?: Callback): boolean {
    return this.#calls.status({ type: 'rename', ...twoPaths(srcPath, destPath) }, callback)
  }

  mkdir(path: SFTPPath, callback?: Callback): boolean
  mkdir(path: SFTPPath, attributes: InputAttributes | undefined, callback?: Callback): boolean
  mkdir(path: SFTPPath, attributes: InputAttributes | Callback | undefined, callback?: Callback): boolean {
    const [given, done] = optional(attributes, callback)
    return this.#calls.status({ type: 'mkdir', path: pathBytes(path), attrs: fromAttributes(given) }, done)
  }

  rmdir(path: SFTPPath, callback?: Callback): boolean {
    return this.#calls.status({ type: 'rmdir', path: pathBytes(path) }, callback)
  }

  readlink(path: SFTPPath, callback: PathCallback): boolean {
    return this.#calls.path({ type: 'readlink', path: pathBytes(path) }, callback)
  }

  symlink(targetPath: SFTPPath, linkPath: SFTPPath, callback?: Callback): boolean {
    const [first, second] = this.#parts.linkPathFirst ? [linkPath, targetPath] : [targetPath, linkPath]
    // The first path on the wire is called targetpath, whatever this server takes it for.
    const request = { type: 'symlink', targetpath: pathBytes(first), linkpath: pathBytes(second) } as const
    return this.#calls.status(request, callback)
  }

  realpath(path: SFTPPath, callback: PathCallback): boolean {
    return this.#calls.path({ type: 'realpath', path: pathBytes(path) }, callback)
  }

  /** Renames as rename(2): an existing file at `destPath` is replaced. The `ext_` methods throw where the server does not have them. */
  ext_openssh_rename(srcPath: SFTPPath, destPath: SFTPPath, callback?: Callback): boolean {
    return this.#calls.extended('posixRename', twoPaths(srcPath, destPath), callback)
  }

  ext_openssh_statvfs(path: SFTPPath, callback: InfoCallback): boolean {
    return this.#calls.extended('statvfs', { path: pathBytes(path) }, callback, (reply) => [
      fileSystemInfo(reply),
    ])
  }

  ext_openssh_fstatvfs(handle: Buffer, callback: InfoCallback): boolean {
    return this.#calls.extended('fstatvfs', { handle: handleBytes(handle) }, callback, (reply) => [
      fileSystemInfo(reply),
    ])
  }

  ext_openssh_hardlink(targetPath: SFTPPath, linkPath: SFTPPath, callback?: Callback): boolean {
    return this.#calls.extended('hardlink', twoPaths(targetPath, linkPath), callback)
  }

  ext_openssh_fsync(handle: Buffer, callback?: Callback): boolean {
    return this.#calls.extended('fsync', { handle: handleBytes(handle) }, callback)
  }

  /** As `setstat`, of a symbolic link itself. */
  ext_openssh_lsetstat(path: SFTPPath, callback?: Callback): boolean
  ext_openssh_lsetstat(path: SFTPPath, attributes: InputAttributes | undefined, callback?: Callback): boolean
  ext_openssh_lsetstat(
    path: SFTPPath,
    attributes: InputAttributes | Callback | undefined,
    callback?: Callback,
  ): boolean {
    const [given, done] = optional(attributes, callback)
    return this.#calls.extended('lsetstat', { path: pathBytes(path), attrs: fromAttributes(given) }, done)
  }

  /** As `realpath`, with `~` and `~user` in front. */
  ext_openssh_expandPath(path: SFTPPath, callback: PathCallback): boolean {
    return this.#calls.extended('expandPath', { path: pathBytes(path) }, callback, (reply) => [
      onlyName(reply),
    ])
  }

  /** Copies on the server; a length of 0 means up to the end. */
  ext_copy_data(
    srcHandle: Buffer,
    srcOffset: number | bigint,
    length: number | bigint,
    dstHandle: Buffer,
    dstOffset: number | bigint,
    callback?: Callback,
  ): boolean {
    const fields = {
      readFromHandle: handleBytes(srcHandle),
      readFromOffset: filePosition(srcOffset),
      readDataLength: filePosition(length),
      writeToHandle: handleBytes(dstHandle),
      writeToOffset: filePosition(dstOffset),
    }
    return this.#calls.extended('copyData', fields, callback)
  }

  /** The home directory of that user; of the one who is logged in for an empty name. */
  ext_home_dir(username: string, callback: PathCallback): boolean {
    return this.#calls.extended('homeDirectory', { username }, callback, (reply) => [onlyName(reply)])
  }

  /** The names that go with these ids, empty where there is none. */
  ext_users_groups(uids: number[], gids: number[], callback: NamesCallback): boolean {
    const fields = { uids: idsBytes(uids), gids: idsBytes(gids) }
    return this.#calls.extended('usersGroupsById', fields, callback, usersAndGroups)
  }

  /** Copies the file `remotePath` into the local file `localPath`, with many requests at a time. */
  fastGet(remotePath: SFTPPath, localPath: string, callback: Callback): void
  fastGet(remotePath: SFTPPath, localPath: string, options: TransferOptions, callback: Callback): void
  fastGet(
    remotePath: SFTPPath,
    localPath: string,
    options: TransferOptions | Callback,
    callback?: Callback,
  ): void {
    const [o, done] = optional(options, callback)
    fastGet(this.#calls, remotePath, localPath, o ?? {}, done)
  }

  /** Copies the local file `localPath` to `remotePath`, with many requests at a time. */
  fastPut(localPath: string, remotePath: SFTPPath, callback: Callback): void
  fastPut(localPath: string, remotePath: SFTPPath, options: TransferOptions, callback: Callback): void
  fastPut(
    localPath: string,
    remotePath: SFTPPath,
    options: TransferOptions | Callback,
    callback?: Callback,
  ): void {
    const [o, done] = optional(options, callback)
    fastPut(this.#calls, localPath, remotePath, o ?? {}, done)
  }

  createReadStream(path: SFTPPath, options?: ReadStreamOptions | BufferEncoding | null): ReadStream {
    return new SftpReadStream(this.#calls, path, options)
  }

  createWriteStream(path: SFTPPath, options?: WriteStreamOptions | BufferEncoding | null): WriteStream {
    return new SftpWriteStream(this.#calls, path, options)
  }

  readFile(path: SFTPPath, callback: FileCallback): void
  readFile(
    path: SFTPPath,
    options: ReadFileOptions | BufferEncoding | undefined | null,
    callback: FileCallback,
  ): void
  readFile(
    path: SFTPPath,
    options: ReadFileOptions | BufferEncoding | FileCallback | undefined | null,
    callback?: FileCallback,
  ): void {
    const [o, done] = optional(options, callback)
    readFile(this.#calls, path, o, done)
  }

  writeFile(path: SFTPPath, data: string | Buffer, callback?: Callback): void
  writeFile(path: SFTPPath, data: string | Buffer, options: WriteOptions, callback?: Callback): void
  writeFile(
    path: SFTPPath,
    data: string | Buffer,
    options?: WriteOptions | Callback,
    callback?: Callback,
  ): void {
    const [o, done] = optional(options, callback)
    writeFile(this.#calls, path, data, o, 'w', done)
  }

  appendFile(path: SFTPPath, data: string | Buffer, callback?: Callback): void
  appendFile(path: SFTPPath, data: string | Buffer, options: WriteOptions, callback?: Callback): void
  appendFile(
    path: SFTPPath,
    data: string | Buffer,
    options?: WriteOptions | Callback,
    callback?: Callback,
  ): void {
    const [o, done] = optional(options, callback)
    writeFile(this.#calls, path, data, o, 'a', done)
  }

  /** Ends the session: what was asked for is still answered, then comes `close`. */
  end(): void {
    this.#ended = true
    this.#closeWhenIdle()
  }

  /** Ends it at once; what waits for an answer gets an error. */
  destroy(): void {
    this.#parts.link.destroy()
  }

  /** Not before: OpenSSH's server throws away what it has not sent when it reads the end. */
  #closeWhenIdle(): void {
    if (!this.#ended || this.#parts.link.outstanding > 0) return
    this.#parts.link.end()
    this.#parts.close()
  }

  #over(): void {
    const broken = protocolCause(this.#parts.link.error)
    if (broken !== undefined && this.listenerCount('error') > 0) this.emit('error', broken)
    this.emit('end')
    this.#parts.close()
    void this.#parts.closed.then((exit) => this.emit('close', ...exit))
  }
}

function twoPaths(oldpath: SFTPPath, newpath: SFTPPath): { oldpath: Uint8Array; newpath: Uint8Array } {
  return { oldpath: pathBytes(oldpath), newpath: pathBytes(newpath) }
}

/** An argument in front of the callback that may be left out. */
function optional<T, C>(given: T | C, callback: C | undefined): [Exclude<T, C> | undefined, C | undefined] {
  return typeof given === 'function' ? [undefined, given as C] : [given as Exclude<T, C>, callback]
}
