/** The names that @types/ssh2 has around SFTP: attributes, entries of listings, options, callbacks. */

import type { Readable, ReadableOptions, Writable, WritableOptions } from 'node:stream'
import type { Stats } from './stats.ts'

/** A path as text, or as bytes where it is no UTF-8. */
export type SFTPPath = string | Uint8Array

export type OpenMode =
  | 'r'
  | 'r+'
  | 'w'
  | 'wx'
  | 'xw'
  | 'w+'
  | 'wx+'
  | 'xw+'
  | 'a'
  | 'ax'
  | 'xa'
  | 'a+'
  | 'ax+'
  | 'xa+'

/** What a file is to have. `uid` goes with `gid`, and `atime` with `mtime`: one alone cannot be sent. */
export interface InputAttributes {
  /** A number, or the digits of an octal one. */
  mode?: number | string | undefined
  uid?: number | undefined
  gid?: number | undefined
  size?: number | bigint | undefined
  /** Seconds since 1970, or a Date. */
  atime?: number | Date | undefined
  mtime?: number | Date | undefined
}

/** What is known of a file; what the other side did not send is undefined. */
export interface Attributes {
  mode: number
  uid: number
  gid: number
  /** Bytes. */
  size: number
  /** Seconds since 1970. */
  atime: number
  mtime: number
  /** Values of a vendor by their names. */
  extended?: Record<string, Buffer> | undefined
}

export interface FileEntry {
  filename: string
  /** A line as of `ls -l`. */
  longname: string
  attrs: Attributes
}

export interface FileEntryWithStats extends Omit<FileEntry, 'attrs'> {
  attrs: Stats
}

/** An entry as a server may give it. */
export interface InputFileEntry {
  filename: SFTPPath
  longname?: SFTPPath | undefined
  attrs?: InputAttributes | null | undefined
}

export interface TransferOptions {
  /** Requests under way at the same time; default: as many as make it faster. */
  concurrency?: number | undefined
  /** Bytes of one request; default: what the server takes. */
  chunkSize?: number | undefined
  /** Known size of the file, in place of asking. */
  fileSize?: number | undefined
  /** Called for each part of the file that has arrived. */
  step?: ((total: number, nb: number, fsize: number) => void) | undefined
  /** Mode of the file that is written. */
  mode?: number | string | undefined
}

export interface ReadFileOptions {
  encoding?: BufferEncoding | null | undefined
  flag?: OpenMode | undefined
}

export interface WriteFileOptions {
  encoding?: BufferEncoding | null | undefined
  mode?: number | string | undefined
  flag?: OpenMode | undefined
}

export interface ReadDirOptions {
  /** Keeps `.` and `..`. */
  full?: boolean | undefined
}

export interface ReadStreamOptions extends ReadableOptions {
  flags?: OpenMode | undefined
  mode?: number | string | undefined
  /** First and last byte, both counted from 0 and included. */
  start?: number | undefined
  end?: number | undefined
  autoClose?: boolean | undefined
  handle?: Buffer | null | undefined
}

export interface WriteStreamOptions extends WritableOptions {
  flags?: OpenMode | undefined
  mode?: number | string | undefined
  start?: number | undefined
  autoClose?: boolean | undefined
  handle?: Buffer | null | undefined
  encoding?: BufferEncoding | undefined
}

interface FileStream {
  readonly path: string
  readonly pending: boolean
  /** The server's handle, once it is open. */
  readonly handle: Buffer | null
  close(callback?: (err?: Error | null) => void): void
}

export interface ReadStream extends Readable, FileStream {
  readonly bytesRead: number
}

export interface WriteStream extends Writable, FileStream {
  readonly bytesWritten: number
}

/** Statistics of a file system, with the names of statvfs(3). */
export interface FileSystemInfo {
  f_bsize: number
  f_frsize: number
  f_blocks: number
  f_bfree: number
  f_bavail: number
  f_files: number
  f_ffree: number
  f_favail: number
  f_sid: number
  f_flag: number
  f_namemax: number
}

/** Events of an SFTP client (the last five) and of an SFTP server (all of them). */
export interface SFTPEvents {
  OPEN: [reqID: number, filename: string, flags: number, attrs: Attributes]
  READ: [reqID: number, handle: Buffer, offset: number, length: number]
  WRITE: [reqID: number, handle: Buffer, offset: number, data: Buffer]
  FSTAT: [reqID: number, handle: Buffer]
  FSETSTAT: [reqID: number, handle: Buffer, attrs: Attributes]
  CLOSE: [reqID: number, handle: Buffer]
  OPENDIR: [reqID: number, path: string]
  READDIR: [reqID: number, handle: Buffer]
  LSTAT: [reqID: number, path: string]
  STAT: [reqID: number, path: string]
  REMOVE: [reqID: number, path: string]
  RMDIR: [reqID: number, path: string]
  REALPATH: [reqID: number, path: string]
  READLINK: [reqID: number, path: string]
  SETSTAT: [reqID: number, path: string, attrs: Attributes]
  MKDIR: [reqID: number, path: string, attrs: Attributes]
  RENAME: [reqID: number, oldPath: string, newPath: string]
  SYMLINK: [reqID: number, linkPath: string, targetPath: string]
  EXTENDED: [reqID: number, extName: string, extData: Buffer]
  ready: []
  error: [error: Error]
  continue: []
  end: []
  close: [code?: number | null, signal?: string]
}

/** An error of a request: `code` is the status's number. */
export interface SFTPError extends Error {
  code: number
}
