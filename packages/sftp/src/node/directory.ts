/** A server's files on disk: one folder, which no path, link or race leaves. */

import { constants } from 'node:fs'
import type { Attributes } from '../protocol/attributes.ts'
import { type FileSystemStatistics, StatvfsFlag } from '../protocol/extensions.ts'
import type { Awaitable, RequestPath, SftpHandlers } from '../server/handlers.ts'
import { refusal } from '../server/status.ts'
import {
  type AttributePolicy,
  attributesOf,
  changeFound,
  changeLink,
  changeOpen,
} from './directory-attributes.ts'
import { calls } from './directory-calls.ts'
import {
  linkHard,
  linkSoft,
  makeDirectory,
  removeDirectory,
  removeFile,
  renameNew,
  renameOver,
} from './directory-changes.ts'
import {
  changes,
  copyFile,
  type DirectoryFile,
  type Grow,
  modeOf,
  openFile,
  readFile,
  shownPath,
  writeFile,
} from './directory-files.ts'
import { Jail, type Last, openFound, type Place } from './directory-jail.ts'
import {
  closeListing,
  type DirectoryListing,
  type OwnerNames,
  openListing,
  readListing,
} from './directory-listing.ts'

/** What is about to happen to the space that is used. */
export interface QuotaChange {
  /** From the folder, beginning with `/`; what is no UTF-8 becomes U+FFFD. */
  readonly path: string
  /** Bytes that a file grows by; negative when they are freed. */
  readonly bytes: bigint
  /** 1 for a new file, directory or link, -1 for a name that is gone. */
  readonly entries: number
}

export interface DirectoryOptions {
  /** Refuses every change. Default: false. */
  readonly readOnly?: boolean
  /** Asked before anything grows, and told what was freed; false refuses (the answer to what is freed does not matter). */
  readonly quota?: (change: QuotaChange) => Awaitable<boolean>
  /** Permission bits that clients may set. Default: 0o777, so none for setuid, setgid and sticky. */
  readonly modeMask?: number
  /** Permissions of files and directories for which the client asks none, before the process's umask. Default: 0o666 and 0o777. */
  readonly fileMode?: number
  readonly directoryMode?: number
  /** Whom new files and directories belong to. Default: this process's user. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Whether clients may change owners, as far as this process may. Default: false. */
  readonly chown?: boolean
  /** Whether clients may make symbolic links. Default: true. */
  readonly symlinks?: boolean
  /** Whether devices, sockets and fifos may be opened, which can block a thread of this process. Default: false. */
  readonly specialFiles?: boolean
  /** Where relative paths and `~` begin, from the folder. Default: `/`. */
  readonly home?: string
  /** Names of owners for listings and `users-groups-by-id`. Default: none, so numbers. */
  readonly names?: OwnerNames
  /** False to check names and then use them, as is done where there is no Linux. Default: true. For tests. */
  readonly hold?: boolean
}

/**
 * Handlers over the folder at `path`, which is `/` for clients. Any number of connections may be served with them.
 * Throws UsageError when `path` is no directory.
 *
 * Links are followed within the folder: `/` in a link's target is the folder, and so is `..` of it. On Linux (with /proc) nothing outside
 * is reached whatever anybody changes meanwhile, in this process or another. Elsewhere requests are done one at a time, so that clients
 * cannot change the tree under each other; another program with rights in the folder can, between a check and its use.
 */
export function directory(
  path: string,
  o: DirectoryOptions = {},
): SftpHandlers<DirectoryFile, DirectoryListing> {
  const jail = new Jail(path, {
    ...(o.hold === undefined ? {} : { hold: o.hold }),
    ...(o.home === undefined ? {} : { home: o.home }),
  })
  const modeMask = o.modeMask ?? 0o777
  const policy: AttributePolicy = { modeMask, chown: o.chown ?? false }
  const { owner } = o
  const { quota } = o
  const grow: Grow | undefined =
    quota &&
    (async (path, bytes, entries) => {
      const allowed = await quota({ path: Buffer.from(path).toString(), bytes, entries })
      if (!allowed && (bytes > 0n || entries > 0)) throw refusal('EDQUOT')
    })
  const find = <T>(path: RequestPath, last: Last, work: (place: Place) => Awaitable<T>): Promise<T> =>
    jail.exclusively(async () => {
      const place = await jail.find(path.bytes, last)
      try {
        return await work(place)
      } finally {
        place.release()
      }
    })
  const there = <T>(
    path: RequestPath,
    last: 'look' | 'follow',
    work: (found: NonNullable<Place['found']>, place: Place) => Awaitable<T>,
  ): Promise<T> =>
    find(path, last, (place) => {
      if (place.found === undefined) throw refusal('ENOENT')
      return work(place.found, place)
    })
  /** Does a change, where changes are allowed. */
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    if (o.readOnly === true) throw refusal('EROFS')
    return jail.exclusively(work)
  }
  const truncateAt = (found: NonNullable<Place['found']>, place: Place) => async (size: number) => {
    const fd = await openFound(found, constants.O_WRONLY)
    try {
      await grow?.(shownPath(place.names), BigInt(size) - found.stats.size, 0)
      await calls.ftruncate(fd, size)
    } finally {
      await calls.close(fd)
    }
  }
  const setstat = (path: RequestPath, attrs: Attributes, last: 'look' | 'follow'): Promise<void> => {
    if (o.readOnly === true) throw refusal('EROFS')
    return there(path, last, (found, place) =>
      found.stats.isSymbolicLink()
        ? changeLink(place.path, found.stats, attrs, policy)
        : changeFound(found, attrs, policy, truncateAt(found, place)),
    )
  }
  const realpath = (path: RequestPath): Promise<Uint8Array> =>
    find(path, 'follow', ({ names }) => shownPath(names))
  const statistics = async (path: string | Buffer): Promise<FileSystemStatistics> => {
    const { bsize, blocks, bfree, bavail, files, ffree } = await calls.statfs(path)
    return {
      ...{ bsize, frsize: bsize, blocks, bfree, bavail, files, ffree },
      favail: ffree,
      fsid: 0n,
      flag: BigInt(StatvfsFlag.noSetuid | (o.readOnly === true ? StatvfsFlag.readOnly : 0)),
      namemax: 255n,
    }
  }
  const home = Buffer.from(o.home ?? '/')

  return {
    open(path, flags, attrs) {
      const mode = modeOf(attrs, modeMask, o.fileMode ?? 0o666)
      const open = () =>
        openFile(jail, path.bytes, flags, { specialFiles: o.specialFiles ?? false, mode, owner, grow })
      return changes(flags) ? change(open) : jail.exclusively(open)
    },
    read: readFile,
    write: (file, offset, data) => writeFile(file, offset, data, grow),
    close: ({ fd }) => calls.close(fd),
    fstat: async ({ fd }) => attributesOf(await calls.fstat(fd)),
    async fsetstat({ fd, path }, attrs) {
      if (o.readOnly === true) throw refusal('EROFS')
      const stats = await calls.fstat(fd)
      if (attrs.size !== undefined && stats.isFile()) await grow?.(path, attrs.size - stats.size, 0)
      await changeOpen(fd, stats, attrs, policy)
    },

    opendir: ({ bytes }) => jail.exclusively(() => openListing(jail, bytes)),
    readdir: (listing) => jail.exclusively(() => readListing(listing, o.names ?? {})),
    closedir: closeListing,

    stat: (path) => there(path, 'follow', ({ stats }) => attributesOf(stats)),
    lstat: (path) => there(path, 'look', ({ stats }) => attributesOf(stats)),
    setstat: (path, attrs) => setstat(path, attrs, 'follow'),
    remove: ({ bytes }) => change(() => removeFile(jail, bytes, grow)),
    mkdir: ({ bytes }, attrs) =>
      change(() =>
        makeDirectory(jail, bytes, { mode: modeOf(attrs, modeMask, o.directoryMode ?? 0o777), owner, grow }),
      ),
    rmdir: ({ bytes }) => change(() => removeDirectory(jail, bytes, grow)),
    realpath,
    readlink: (path) => find(path, 'name', ({ path: at }) => calls.readlink(at)),
    symlink(target, link) {
      if (o.symlinks === false) throw refusal('EPERM')
      return change(() => linkSoft(jail, target.bytes, link.bytes, grow))
    },
    rename: (from, to) => change(() => renameNew(jail, from.bytes, to.bytes)),

    posixRename: (from, to) => change(() => renameOver(jail, from.bytes, to.bytes, grow)),
    hardlink: (existing, link) => change(() => linkHard(jail, existing.bytes, link.bytes, grow)),
    fsync: ({ fd }) => calls.fsync(fd),
    statvfs: (path) => there(path, 'follow', (found) => statistics(found.path)),
    fstatvfs: ({ fd }) => statistics(jail.holds ? `/proc/self/fd/${fd}` : jail.root),
    lsetstat: (path, attrs) => setstat(path, attrs, 'look'),
    expandPath(path) {
      const { bytes, text } = path
      if (!text.startsWith('~')) return realpath(path)
      // Whose home is whose is not known here.
      if (text !== '~' && !text.startsWith('~/')) throw refusal('ENOENT')
      const inHome = Buffer.concat([home, Buffer.from('/'), bytes.subarray(1)])
      return realpath({ bytes: inHome, text: inHome.toString() })
    },
    copyData: (copy) => copyFile(copy, grow),
    homeDirectory: () => home,
    usersGroupsById: (uids, gids) => ({
      users: uids.map((uid) => o.names?.user?.(uid) ?? ''),
      groups: gids.map((gid) => o.names?.group?.(gid) ?? ''),
    }),
  }
}
