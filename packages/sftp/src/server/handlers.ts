/** What a server of files has to do: one function for each request of SFTP, all of them optional. */

import type { Attributes } from '../protocol/attributes.ts'
import type { FileSystemStatistics } from '../protocol/extensions.ts'
import type { SftpReply } from '../protocol/messages.ts'

export type Awaitable<T> = T | PromiseLike<T>

/** A path or name as the client sent it. It has no NUL, is never longer than the limit, and may be anything else: `..`, empty, no UTF-8. */
export interface RequestPath {
  readonly bytes: Uint8Array
  /** As UTF-8; what is none becomes U+FFFD, so that two paths may have the same text. */
  readonly text: string
}

/** Text is sent as UTF-8. */
export type PathResult = string | Uint8Array

/** One name in a directory. */
export interface DirectoryItem {
  readonly name: PathResult
  readonly attrs: Attributes
  /** The line of `ls -l` that people see. Default: made of what is known here. */
  readonly longname?: PathResult
  /** For the default `longname`: the owner's and group's names, and the number of links. */
  readonly owner?: string
  readonly group?: string
  readonly links?: number
}

/** A range of one open file that is copied into another, or into the same one. */
export interface CopyRange<F> {
  readonly from: F
  readonly fromOffset: bigint
  /** 0 means up to the end. */
  readonly length: bigint
  readonly to: F
  readonly toOffset: bigint
}

/** What `onError` is told beside the error. */
export interface ServeErrorFacts {
  /** The request that failed; undefined when the client broke the protocol or the channel was lost. */
  readonly op?: string
}

/**
 * The requests of SFTP version 3 and of OpenSSH's extensions. A request whose handler is missing is answered opUnsupported, an extension
 * whose handler is missing is not announced; without `realpath`, paths are made absolute and `.` and `..` taken out; `stat` and `lstat`
 * stand in for each other; `close` and `closedir` may have nothing to do.
 *
 * A handler refuses by throwing: an `SftpError` with the status and words for the client, or an error with a `code` of Node's `fs`
 * (ENOENT, EACCES, ENOTSUP…). Everything else becomes status 4 and words that tell nothing, and `onError` hears of it.
 *
 * `F` and `D` are what open files and directories are for the handlers; clients only see numbers for them.
 */
export interface SftpHandlers<F = unknown, D = unknown> {
  /** `flags` are bits of `OpenFlag`. */
  open?(path: RequestPath, flags: number, attrs: Attributes): Awaitable<F>
  /** At most `length` bytes from `offset` on, and they must stay as they are; none or undefined is the end of the file. */
  read?(file: F, offset: bigint, length: number): Awaitable<Uint8Array | undefined>
  /** `data` may be used until the write is done: what is to be kept longer has to be copied. */
  write?(file: F, offset: bigint, data: Uint8Array): Awaitable<void>
  /** Called once for each open file: when the client closes it, and otherwise when it is gone. */
  close?(file: F): Awaitable<void>
  fstat?(file: F): Awaitable<Attributes>
  fsetstat?(file: F, attrs: Attributes): Awaitable<void>

  opendir?(path: RequestPath): Awaitable<D>
  /** Some more of the names, as many as are at hand; none or undefined is the end. Long lists are cut into replies by the caller. */
  readdir?(directory: D): Awaitable<readonly DirectoryItem[] | undefined>
  closedir?(directory: D): Awaitable<void>

  stat?(path: RequestPath): Awaitable<Attributes>
  /** As `stat`, of the link itself. */
  lstat?(path: RequestPath): Awaitable<Attributes>
  setstat?(path: RequestPath, attrs: Attributes): Awaitable<void>
  remove?(path: RequestPath): Awaitable<void>
  mkdir?(path: RequestPath, attrs: Attributes): Awaitable<void>
  rmdir?(path: RequestPath): Awaitable<void>
  realpath?(path: RequestPath): Awaitable<PathResult>
  readlink?(path: RequestPath): Awaitable<PathResult>
  symlink?(target: RequestPath, link: RequestPath): Awaitable<void>
  /** Fails when `to` exists. */
  rename?(from: RequestPath, to: RequestPath): Awaitable<void>

  /** As rename(2): `to` is replaced. */
  posixRename?(from: RequestPath, to: RequestPath): Awaitable<void>
  hardlink?(existing: RequestPath, link: RequestPath): Awaitable<void>
  fsync?(file: F): Awaitable<void>
  statvfs?(path: RequestPath): Awaitable<FileSystemStatistics>
  fstatvfs?(file: F): Awaitable<FileSystemStatistics>
  /** As `setstat`, of the link itself. */
  lsetstat?(path: RequestPath, attrs: Attributes): Awaitable<void>
  /** As `realpath`, with `~` and `~user` in front. */
  expandPath?(path: RequestPath): Awaitable<PathResult>
  copyData?(copy: CopyRange<F>): Awaitable<void>
  /** An empty name means the user who is logged in. */
  homeDirectory?(username: string): Awaitable<PathResult>
  /** One name for each id, in order; empty where there is none. */
  usersGroupsById?(
    uids: readonly number[],
    gids: readonly number[],
  ): Awaitable<{ readonly users: readonly string[]; readonly groups: readonly string[] }>

  /** Every other extended request; undefined is answered opUnsupported. Announce it by the option `extensions`. */
  extended?(name: string, data: Uint8Array): Awaitable<SftpReply | undefined>
}
