/** The verbs of an SFTP client, shaped like those of `node:fs/promises`. */

import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag, SftpStatus } from '../protocol/constants.ts'
import type { FileSystemStatistics } from '../protocol/extensions.ts'
import type { SftpReply } from '../protocol/messages.ts'
import { abandon, ask, askExtended, asked, type SftpCallOptions, unless, unsupported } from './ask.ts'
import {
  modeAttributes,
  ownerAttributes,
  type SftpMode,
  type SftpTime,
  sizeAttributes,
  timeAttributes,
} from './attribute-values.ts'
import { type CopyOptions, copyTree } from './copy-tree.ts'
import { SftpFile } from './file.ts'
import {
  expandPath,
  homeDirectory,
  inKind,
  onlyName,
  realpath,
  type SameAs,
  statvfs,
  type UserAndGroupNames,
  usersGroupsById,
} from './file-system.ts'
import type { KnownLimits, SftpLink } from './link.ts'
import { Listing, type ListingOptions } from './listing.ts'
import { type OpenFlags, openFlags } from './open-flags.ts'
import { pathBytes, type SftpPath } from './path.ts'
import { Stats } from './stats.ts'
import { makeTree, type RemoveOptions, removeTree } from './tree.ts'
import type { FileContent } from './upload.ts'
import { decoded, type ReadFileOptions, readWhole, type WriteFileOptions, writeWhole } from './whole-file.ts'

export interface MakeDirectoryOptions extends SftpCallOptions {
  /** Also the directories above that are missing; one that is there is no error. Default: false. */
  readonly recursive?: boolean
  /** Permissions, less the server's umask. Default: the server's own, mostly 0o777. */
  readonly mode?: SftpMode
}

export interface RenameOptions extends SftpCallOptions {
  /** Whether a file at the new path is replaced. Default: true. */
  readonly overwrite?: boolean
}

/**
 * An SFTP connection. Paths are strings (sent as UTF-8) or bytes; what gives a path gives it in the form in which one was given. Requests
 * run side by side: nothing waits for anything but its own answer. Every verb takes a `signal`, which makes it reject at once. A refusal
 * is an SftpError with `code`, `op`, `path` and the server's words; once the channel is lost, every call gets one with `ECONNRESET`.
 */
export class SftpClient {
  readonly #link: SftpLink

  /** `openSftp` makes it. */
  constructor(link: SftpLink) {
    this.#link = link
  }

  /** The connection underneath: requests with callbacks. */
  get connection(): SftpLink {
    return this.#link
  }

  /** Extensions that the server announced, by their names on the wire, with their versions or data. */
  get extensions(): ReadonlyMap<string, Uint8Array> {
    return this.#link.extensions
  }

  /** What limits@openssh.com said; known when the first answer to anything has come. */
  get limits(): KnownLimits {
    return this.#link.limits
  }

  /** Settles when the channel is over; never rejects. */
  get closed(): Promise<void> {
    return this.#link.closed
  }

  /** Opens a file; `mode` is for one that this makes. */
  async open(
    path: SftpPath,
    flags: OpenFlags = 'r',
    mode?: SftpMode,
    o: SftpCallOptions = {},
  ): Promise<SftpFile> {
    const link = this.#link
    const { signal } = o
    const filename = pathBytes('open', path)
    const pflags = openFlags(flags)
    const attrs = mode === undefined ? {} : modeAttributes('open', mode)
    const { handle } = await ask(
      link,
      { type: 'open', filename, pflags, attrs },
      { signal, late: (reply) => abandon(link, reply.handle) },
    )
    return new SftpFile(link, handle.slice(), path, (pflags & OpenFlag.append) !== 0)
  }

  /** A whole file: bytes, or text with `encoding: 'utf8'`. */
  readFile(path: SftpPath, o: ReadFileOptions & { readonly encoding: 'utf8' }): Promise<string>
  readFile(path: SftpPath, o?: ReadFileOptions & { readonly encoding?: undefined }): Promise<Uint8Array>
  async readFile(path: SftpPath, o: ReadFileOptions = {}): Promise<Uint8Array | string> {
    return decoded(await readWhole(this.#link, path, o), o.encoding)
  }

  /** Makes a file of text (as UTF-8), bytes, or whatever an iterable or a web stream gives. */
  async writeFile(path: SftpPath, content: FileContent | string, o: WriteFileOptions = {}): Promise<void> {
    await writeWhole(this.#link, path, content, o)
  }

  /** As `writeFile`, behind what is there. */
  async appendFile(path: SftpPath, content: FileContent | string, o: WriteFileOptions = {}): Promise<void> {
    await writeWhole(this.#link, path, content, { flag: 'a', ...o })
  }

  /**
   * Copies at the server, with copy-data where that is offered, else through here. Links are copied as links. A directory's
   * content joins what is in the target already.
   */
  async cp(from: SftpPath, to: SftpPath, o: CopyOptions = {}): Promise<void> {
    await copyTree(this.#link, pathBytes('cp', from), pathBytes('cp', to), o)
  }

  /** What a file is; links are followed. */
  async stat(path: SftpPath, o: SftpCallOptions = {}): Promise<Stats> {
    return new Stats((await ask(this.#link, { type: 'stat', path: pathBytes('stat', path) }, o)).attrs)
  }

  /** What a file is; of a link, what the link itself is. */
  async lstat(path: SftpPath, o: SftpCallOptions = {}): Promise<Stats> {
    return new Stats((await ask(this.#link, { type: 'lstat', path: pathBytes('lstat', path) }, o)).attrs)
  }

  /** Whether there is something at `path`, links followed. Rejects where the server will not tell. */
  async exists(path: SftpPath, o: SftpCallOptions = {}): Promise<boolean> {
    const found = await unless(
      ask(this.#link, { type: 'stat', path: pathBytes('exists', path) }, o),
      SftpStatus.noSuchFile,
    )
    return found !== undefined
  }

  /** Rejects unless there is something at `path`. What we may do with it, SFTP cannot tell beforehand. */
  async access(path: SftpPath, o: SftpCallOptions = {}): Promise<void> {
    await ask(this.#link, { type: 'stat', path: pathBytes('access', path) }, o)
  }

  /** The files in a directory, without `.` and `..`, read as they are consumed: see {@link Listing}. */
  readdir(path: SftpPath, o: ListingOptions = {}): Listing {
    return new Listing(this.#link, path, o)
  }

  /** Makes a directory. Gives the topmost that had to be made when `recursive`, else undefined, as `fs.mkdir` does. */
  async mkdir<P extends SftpPath>(path: P, o: MakeDirectoryOptions = {}): Promise<SameAs<P> | undefined> {
    const attrs: Attributes = o.mode === undefined ? {} : modeAttributes('mkdir', o.mode)
    const bytes = pathBytes('mkdir', path)
    if (o.recursive === true) {
      const first = await makeTree(this.#link, bytes, attrs, o)
      return first === undefined ? undefined : inKind('mkdir', path, first)
    }
    await ask(this.#link, { type: 'mkdir', path: bytes, attrs }, o)
    return undefined
  }

  /** Removes an empty directory. */
  async rmdir(path: SftpPath, o: SftpCallOptions = {}): Promise<void> {
    await ask(this.#link, { type: 'rmdir', path: pathBytes('rmdir', path) }, o)
  }

  /** Removes a file or a link. */
  async unlink(path: SftpPath, o: SftpCallOptions = {}): Promise<void> {
    await ask(this.#link, { type: 'remove', filename: pathBytes('unlink', path) }, o)
  }

  /**
   * Removes files, links and, with `recursive`, directories with their contents. Links are not followed. SFTP has no way to hold on to a
   * directory while its files are removed: whoever may write there can put a link in its place meanwhile.
   */
  async rm(path: SftpPath, o: RemoveOptions = {}): Promise<void> {
    await removeTree(this.#link, pathBytes('rm', path), o)
  }

  /**
   * Renames a file or directory. With `overwrite` (the default) a file at the new path is replaced in one step, by
   * posix-rename@openssh.com; a server without it gets the plain RENAME, which most refuse when something is there. Without
   * `overwrite` it is always the plain one.
   */
  async rename(from: SftpPath, to: SftpPath, o: RenameOptions = {}): Promise<void> {
    const { overwrite = true, signal } = o
    const paths = { oldpath: pathBytes('rename', from), newpath: pathBytes('rename', to) }
    if (overwrite && this.#link.has('posixRename'))
      await askExtended(this.#link, 'posixRename', paths, { signal })
    else await ask(this.#link, { type: 'rename', ...paths }, { signal })
  }

  /** Makes the symbolic link `path`, which contains `target` as it is given. */
  async symlink(target: SftpPath, path: SftpPath, o: SftpCallOptions = {}): Promise<void> {
    const targetpath = pathBytes('symlink', target)
    await ask(this.#link, { type: 'symlink', targetpath, linkpath: pathBytes('symlink', path) }, o)
  }

  /** Gives an existing file a second name. Rejects with `ENOTSUP` without hardlink@openssh.com. */
  async link(existing: SftpPath, path: SftpPath, o: SftpCallOptions = {}): Promise<void> {
    const paths = { oldpath: pathBytes('link', existing), newpath: pathBytes('link', path) }
    if (!this.#link.has('hardlink')) throw unsupported('link', 'hardlink@openssh.com', existing)
    await askExtended(this.#link, 'hardlink', paths, o)
  }

  /** What a symbolic link contains. */
  async readlink<P extends SftpPath>(path: P, o: SftpCallOptions = {}): Promise<SameAs<P>> {
    const reply = await ask(this.#link, { type: 'readlink', path: pathBytes('readlink', path) }, o)
    return inKind('readlink', path, onlyName(reply))
  }

  /** The path without `.`, `..` and links, from the root. `.` is where the server starts. */
  async realpath<P extends SftpPath>(path: P, o: SftpCallOptions = {}): Promise<SameAs<P>> {
    return inKind('realpath', path, await realpath(this.#link, path, o))
  }

  /** As `realpath`, with `~` and `~user` in front; without expand-path@openssh.com only `~` is known. */
  async expandPath<P extends SftpPath>(path: P, o: SftpCallOptions = {}): Promise<SameAs<P>> {
    return inKind('expandPath', path, await expandPath(this.#link, path, o))
  }

  /** The home directory of `user`, by default our own. Others' need the extension home-directory. */
  async homeDirectory(user?: string, o: SftpCallOptions = {}): Promise<string> {
    return inKind('homeDirectory', '', await homeDirectory(this.#link, user, o))
  }

  /** Room on the file system at `path`, as statvfs(3). Rejects with `ENOTSUP` without statvfs@openssh.com. */
  async statvfs(path: SftpPath, o: SftpCallOptions = {}): Promise<FileSystemStatistics> {
    return statvfs(this.#link, path, o)
  }

  /** Names of users and groups by number. Rejects with `ENOTSUP` without users-groups-by-id@openssh.com. */
  async usersGroupsById(
    ids: { readonly uids?: readonly number[]; readonly gids?: readonly number[] },
    o: SftpCallOptions = {},
  ): Promise<UserAndGroupNames> {
    return usersGroupsById(this.#link, ids, o)
  }

  /** Several attributes in one request; links are followed. */
  async setstat(path: SftpPath, attributes: Attributes, o: SftpCallOptions = {}): Promise<void> {
    await this.#set('setstat', path, attributes, o)
  }

  /** Cuts a file, or fills it up with zeros, to `size` bytes. */
  async truncate(path: SftpPath, size: number | bigint = 0, o: SftpCallOptions = {}): Promise<void> {
    await this.#set('truncate', path, sizeAttributes('truncate', size), o)
  }

  /** Sets the times of access and of change: Dates, or seconds since 1970. */
  async utimes(path: SftpPath, atime: SftpTime, mtime: SftpTime, o: SftpCallOptions = {}): Promise<void> {
    await this.#set('utimes', path, timeAttributes('utimes', atime, mtime), o)
  }

  /** As `utimes`, of a link itself. Rejects with `ENOTSUP` without lsetstat@openssh.com. */
  async lutimes(path: SftpPath, atime: SftpTime, mtime: SftpTime, o: SftpCallOptions = {}): Promise<void> {
    await this.#setLink('lutimes', path, timeAttributes('lutimes', atime, mtime), o)
  }

  async chmod(path: SftpPath, mode: SftpMode, o: SftpCallOptions = {}): Promise<void> {
    await this.#set('chmod', path, modeAttributes('chmod', mode), o)
  }

  async chown(path: SftpPath, uid: number, gid: number, o: SftpCallOptions = {}): Promise<void> {
    await this.#set('chown', path, ownerAttributes('chown', uid, gid), o)
  }

  /** As `chown`, of a link itself. Rejects with `ENOTSUP` without lsetstat@openssh.com. */
  async lchown(path: SftpPath, uid: number, gid: number, o: SftpCallOptions = {}): Promise<void> {
    await this.#setLink('lchown', path, ownerAttributes('lchown', uid, gid), o)
  }

  /**
   * Sends any extended request, `data` being what its definition says, and gives the reply whatever its type is. A refusal rejects;
   * a server that does not know the extension refuses with `ENOTSUP`.
   */
  async extended(name: string, data: Uint8Array, o: SftpCallOptions = {}): Promise<SftpReply> {
    return asked(o, (done) => this.#link.extendedRaw(name, data, 'any', done))
  }

  /** Ends our side; settles when the server has closed its own. What is under way is answered first. */
  async close(): Promise<void> {
    this.#link.end()
    await this.#link.closed
  }

  /** Closes at once; whatever waits rejects. */
  destroy(error?: Error): void {
    this.#link.destroy(error)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #set(op: string, path: SftpPath, attrs: Attributes, o: SftpCallOptions): Promise<void> {
    await ask(this.#link, { type: 'setstat', path: pathBytes(op, path), attrs }, o)
  }

  async #setLink(op: string, path: SftpPath, attrs: Attributes, o: SftpCallOptions): Promise<void> {
    const bytes = pathBytes(op, path)
    if (!this.#link.has('lsetstat')) throw unsupported(op, 'lsetstat@openssh.com', path)
    await askExtended(this.#link, 'lsetstat', { path: bytes, attrs }, o)
  }
}
