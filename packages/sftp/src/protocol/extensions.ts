/** The extensions of SFTP version 3 that OpenSSH has, one row each (OpenSSH PROTOCOL §4; draft-ietf-secsh-filexfer-extensions-00). */

import { type FromShape, fields, type Infer, type Shape, type Struct, struct } from '@hawser/wire'
import { attributes } from './attributes.ts'
import type { ReplyName } from './messages.ts'

const { string, uint64, utf8 } = fields

/** One extension: the name and version under which a server announces it, its request's data, and what answers it. */
export interface ExtensionRow<T, R extends ReplyName> {
  readonly name: string
  /** Versions of the announcement that have this form. */
  readonly version: string
  readonly request: Struct<T>
  readonly reply: R
}

const twoPaths = { oldpath: string, newpath: string }
const path = { path: string }
const handle = { handle: string }

/** By the name that programs use. */
export const extensions = {
  /** Renames as rename(2): an existing target is replaced. */
  posixRename: row('posix-rename@openssh.com', '1', twoPaths, 'status'),
  statvfs: row('statvfs@openssh.com', '2', path, 'extendedReply'),
  fstatvfs: row('fstatvfs@openssh.com', '2', handle, 'extendedReply'),
  hardlink: row('hardlink@openssh.com', '1', twoPaths, 'status'),
  fsync: row('fsync@openssh.com', '1', handle, 'status'),
  /** As setstat, without following a link at the end of the path. */
  lsetstat: row('lsetstat@openssh.com', '1', { path: string, attrs: attributes }, 'status'),
  limits: row('limits@openssh.com', '1', {}, 'extendedReply'),
  /** As realpath, with `~` and `~user` in front. */
  expandPath: row('expand-path@openssh.com', '1', path, 'name'),
  /** draft-ietf-secsh-filexfer-extensions-00 §7. A length of 0 means up to the end. */
  copyData: row(
    'copy-data',
    '1',
    {
      readFromHandle: string,
      readFromOffset: uint64,
      readDataLength: uint64,
      writeToHandle: string,
      writeToOffset: uint64,
    },
    'status',
  ),
  /** draft-ietf-secsh-filexfer-extensions-00 §5. An empty name means the user who is logged in. */
  homeDirectory: row('home-directory', '1', { username: utf8 }, 'name'),
  /** `uids` and `gids` are packed uint32s. */
  usersGroupsById: row(
    'users-groups-by-id@openssh.com',
    '1',
    { uids: string, gids: string },
    'extendedReply',
  ),
} as const

export type ExtensionName = keyof typeof extensions
export type ExtensionFields<N extends ExtensionName> = Infer<(typeof extensions)[N]['request']>

/** The extension of that name on the wire. */
export const extensionByWireName: ReadonlyMap<string, ExtensionName> = new Map(
  (Object.keys(extensions) as ExtensionName[]).map((key) => [extensions[key].name, key]),
)

/** What answers statvfs and fstatvfs: the fields of statvfs(3). */
export const statvfsReply = struct('statvfs reply', {
  bsize: uint64,
  frsize: uint64,
  blocks: uint64,
  bfree: uint64,
  bavail: uint64,
  files: uint64,
  ffree: uint64,
  favail: uint64,
  fsid: uint64,
  flag: uint64,
  namemax: uint64,
})
export type FileSystemStatistics = Infer<typeof statvfsReply>

/** Bits of `flag` in {@link statvfsReply}. */
export const StatvfsFlag = { readOnly: 1, noSetuid: 2 } as const

/** What answers limits: bytes, and a number of handles; 0 means that the server does not say. */
export const limitsReply = struct('limits reply', {
  maxPacketLength: uint64,
  maxReadLength: uint64,
  maxWriteLength: uint64,
  maxOpenHandles: uint64,
})
export type ServerLimits = Infer<typeof limitsReply>

/** What answers users-groups-by-id: strings packed in two strings, empty for an id without a name. */
export const usersGroupsReply = struct('users-groups-by-id reply', { usernames: string, groupnames: string })

function row<const S extends Shape, R extends ReplyName>(
  name: string,
  version: string,
  shape: S,
  reply: R,
): ExtensionRow<FromShape<S>, R> {
  return Object.freeze({ name, version, request: struct(name, shape), reply })
}
