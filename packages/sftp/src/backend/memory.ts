/** A server's files in memory: for tests, for generated content, for uploads that are handled and forgotten. */

import { latin1Encode } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag } from '../protocol/constants.ts'
import { StatvfsFlag } from '../protocol/extensions.ts'
import type { DirectoryItem, SftpHandlers } from '../server/handlers.ts'
import { pathBytes } from '../server/paths.ts'
import { refusal } from '../server/status.ts'
import {
  attributesOf,
  linksOf,
  type MemoryDirectory,
  type MemoryFile,
  type MemoryNode,
  MemoryTree,
} from './memory-tree.ts'

export interface MemoryOptions {
  /** What is there at the beginning: contents by path; directories on the way are made. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** Bytes of all files together. Default: 64 MiB. */
  readonly maxBytes?: number
  /** Files, directories and links together. Default: 100,000. */
  readonly maxNodes?: number
  /** Refuses every change. Default: false. */
  readonly readOnly?: boolean
  /** Owner and group of what is made. Default: 0. */
  readonly uid?: number
  readonly gid?: number
  /** The time in milliseconds since 1970. Default: the system's. */
  readonly now?: () => number
}

/** An open file. */
export interface MemoryHandle {
  readonly file: MemoryFile
  readonly flags: number
}

/** An open directory: what was in it when it was opened. */
export interface MemoryListing {
  readonly items: readonly DirectoryItem[]
  given: boolean
}

const { read, write, append, create, truncate, exclusive } = OpenFlag

/**
 * Handlers over a tree in memory, which all connections that are served with them share. Modes and owners are kept and not enforced.
 * Every request and every extension of SFTP that Hawser knows is answered.
 */
export function memory(o: MemoryOptions = {}): SftpHandlers<MemoryHandle, MemoryListing> {
  const now = o.now ?? Date.now
  const maxBytes = o.maxBytes ?? 64 * 1024 * 1024
  const maxNodes = o.maxNodes ?? 100_000
  const seconds = (): number => Math.floor(now() / 1000)
  const tree = new MemoryTree({ maxBytes, maxNodes, uid: o.uid ?? 0, gid: o.gid ?? 0, now: seconds })
  for (const [path, content] of Object.entries(o.files ?? {})) fill(tree, path, pathBytes(content))
  const changing = (): void => {
    if (o.readOnly === true) throw refusal('EROFS')
  }
  const writable = ({ flags }: MemoryHandle): void => {
    if ((flags & write) === 0) throw refusal('EACCES')
  }
  const change = (node: MemoryNode, attrs: Attributes): void => {
    changing()
    const { size, permissions, uid, gid, atime, mtime } = attrs
    if (size !== undefined) {
      if (node.kind !== 'file') throw refusal(node.kind === 'directory' ? 'EISDIR' : 'EINVAL')
      tree.resize(node, bounded(size, maxBytes))
      node.mtime = seconds()
    }
    if (permissions !== undefined) node.mode = permissions & 0o7777
    if (uid !== undefined) node.uid = uid
    if (gid !== undefined) node.gid = gid
    if (atime !== undefined) node.atime = atime
    if (mtime !== undefined) node.mtime = mtime
  }
  const statistics = () => ({
    bsize: 4096n,
    frsize: 4096n,
    blocks: BigInt(Math.ceil(maxBytes / 4096)),
    bfree: BigInt(Math.floor(tree.freeBytes / 4096)),
    bavail: BigInt(Math.floor(tree.freeBytes / 4096)),
    files: BigInt(maxNodes),
    ffree: BigInt(tree.freeNodes),
    favail: BigInt(tree.freeNodes),
    fsid: 0n,
    flag: BigInt(StatvfsFlag.noSetuid | (o.readOnly === true ? StatvfsFlag.readOnly : 0)),
    namemax: 255n,
  })
  const realpath = ({ bytes }: { readonly bytes: Uint8Array }): Uint8Array =>
    tree.pathOf(tree.find(bytes, true))
  const put = (file: MemoryFile, at: number, data: Uint8Array): void => {
    if (at + data.length > file.size) tree.resize(file, at + data.length)
    file.content.set(data, at)
    file.mtime = seconds()
  }

  return {
    open({ bytes }, flags, attrs) {
      if ((flags & (write | append | create | truncate)) !== 0) changing()
      const place = tree.find(bytes, (flags & exclusive) === 0 || (flags & create) === 0)
      if (place.node !== undefined && (flags & create) !== 0 && (flags & exclusive) !== 0)
        throw refusal('EEXIST')
      if (place.node === undefined && (flags & create) === 0) throw refusal('ENOENT')
      const node = place.node ?? tree.addFile(place, (attrs.permissions ?? 0o644) & 0o7777)
      if (node.kind === 'link') throw refusal('ELOOP')
      if (node.kind === 'directory') throw refusal('EISDIR')
      if ((flags & truncate) !== 0 && (flags & write) !== 0) tree.resize(node, 0)
      node.opens++
      return { file: node, flags }
    },
    read({ file, flags }, offset, length) {
      if ((flags & read) === 0) throw refusal('EACCES')
      if (offset >= BigInt(file.size)) return undefined
      const at = Number(offset)
      // A copy: what is on its way must not change with the file.
      return file.content.slice(at, Math.min(at + length, file.size))
    },
    write(handle, offset, data) {
      writable(handle)
      const { file } = handle
      put(file, (handle.flags & append) !== 0 ? file.size : bounded(offset, maxBytes), data)
    },
    close({ file }) {
      file.opens--
      tree.release(file)
    },
    fstat: ({ file }) => attributesOf(file),
    fsetstat: ({ file }, attrs) => change(file, attrs),

    opendir({ bytes }) {
      const node = tree.node(bytes, true)
      if (node.kind !== 'directory') throw refusal('ENOTDIR')
      return { items: listing(node), given: false }
    },
    readdir(open) {
      if (open.given) return undefined
      open.given = true
      return open.items
    },

    stat: ({ bytes }) => attributesOf(tree.node(bytes, true)),
    lstat: ({ bytes }) => attributesOf(tree.node(bytes, false)),
    setstat: ({ bytes }, attrs) => change(tree.node(bytes, true), attrs),
    lsetstat: ({ bytes }, attrs) => change(tree.node(bytes, false), attrs),
    remove({ bytes }) {
      changing()
      tree.remove(tree.find(bytes, false), 'other')
    },
    mkdir({ bytes }, { permissions }) {
      changing()
      tree.addDirectory(tree.find(bytes, false), (permissions ?? 0o755) & 0o7777)
    },
    rmdir({ bytes }) {
      changing()
      tree.remove(tree.find(bytes, false), 'directory')
    },
    realpath,
    readlink({ bytes }) {
      const node = tree.node(bytes, false)
      if (node.kind !== 'link') throw refusal('EINVAL')
      return node.target
    },
    symlink(target, link) {
      changing()
      if (target.bytes.length === 0) throw refusal('ENOENT')
      tree.addLink(tree.find(link.bytes, false), target.bytes)
    },
    rename(from, to) {
      changing()
      tree.move(tree.find(from.bytes, false), tree.find(to.bytes, false), false)
    },

    posixRename(from, to) {
      changing()
      tree.move(tree.find(from.bytes, false), tree.find(to.bytes, false), true)
    },
    hardlink(existing, link) {
      changing()
      const node = tree.node(existing.bytes, false)
      if (node.kind !== 'file') throw refusal('EPERM')
      tree.addName(tree.find(link.bytes, false), node)
    },
    // Memory is as safe as it gets.
    fsync: () => undefined,
    statvfs({ bytes }) {
      tree.node(bytes, true)
      return statistics()
    },
    fstatvfs: statistics,
    expandPath({ bytes, text }) {
      if (!text.startsWith('~')) return realpath({ bytes })
      if (text !== '~' && !text.startsWith('~/')) throw refusal('ENOENT')
      return realpath({ bytes: bytes.subarray(1) })
    },
    copyData({ from, fromOffset, length, to, toOffset }) {
      if ((from.flags & read) === 0) throw refusal('EACCES')
      writable(to)
      const at = bounded(fromOffset, maxBytes)
      const left = Math.max(0, from.file.size - at)
      const count = length === 0n || length > BigInt(left) ? left : Number(length)
      const target = bounded(toOffset, maxBytes)
      if (from.file === to.file && at < target + count && target < at + count) throw refusal('EINVAL')
      put(to.file, target, from.file.content.slice(at, at + count))
    },
    homeDirectory: () => '/',
    usersGroupsById: () => ({ users: [], groups: [] }),
  }
}

/** `value` as a number that a file can have as its size. */
function bounded(value: bigint, most: number): number {
  if (value > BigInt(most)) throw refusal('EFBIG')
  return Number(value)
}

function listing(directory: MemoryDirectory): DirectoryItem[] {
  const item = (name: string | Uint8Array, node: MemoryNode): DirectoryItem => ({
    name,
    attrs: attributesOf(node),
    links: linksOf(node),
  })
  const items = [item('.', directory), item('..', directory.parent)]
  for (const [key, node] of directory.entries) items.push(item(latin1Encode(key), node))
  return items
}

function fill(tree: MemoryTree, path: string, content: Uint8Array): void {
  const names = path.split('/').filter((name) => name !== '')
  for (let at = 1; at < names.length; at++) {
    const place = tree.find(pathBytes(names.slice(0, at).join('/')), true)
    if (place.node === undefined) tree.addDirectory(place, 0o755)
  }
  const file = tree.addFile(tree.find(pathBytes(path), true), 0o644)
  tree.resize(file, content.length)
  file.content.set(content)
}
