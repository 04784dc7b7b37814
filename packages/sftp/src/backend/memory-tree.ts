/** A tree of files, directories and links in memory: finding, adding, moving and removing nodes, within bounds. */

import { latin1Decode, latin1Encode } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import { isAbsolute, isParent, namesOf } from '../server/paths.ts'
import { refusal } from '../server/status.ts'

/** Bytes of a name and of a link's target, as on most file systems. */
const maxName = 255
const maxTarget = 4096
/** Links that one path may lead through; Linux has 40. */
const maxLinks = 40

interface Common {
  /** Permission bits only. */
  mode: number
  uid: number
  gid: number
  /** Seconds since 1970. */
  atime: number
  mtime: number
}

export interface MemoryFile extends Common {
  readonly kind: 'file'
  /** At least `size` bytes. */
  content: Uint8Array
  size: number
  /** Names that lead here, and handles that are open. */
  links: number
  opens: number
}

export interface MemoryDirectory extends Common {
  readonly kind: 'directory'
  /** Names byte by byte, as ISO 8859-1. */
  readonly entries: Map<string, MemoryNode>
  /** Itself at the root. */
  parent: MemoryDirectory
}

interface MemoryLink extends Common {
  readonly kind: 'link'
  readonly target: Uint8Array
}

export type MemoryNode = MemoryFile | MemoryDirectory | MemoryLink

/** Where a path leads: to a name in a directory, with or without a node; or to the root or a `..`, which have no name here. */
export interface Place {
  readonly parent: MemoryDirectory
  readonly name: string | undefined
  readonly node: MemoryNode | undefined
}

export interface TreeOptions {
  readonly maxBytes: number
  readonly maxNodes: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970. */
  readonly now: () => number
}

export class MemoryTree {
  readonly root: MemoryDirectory
  readonly #o: TreeOptions
  #bytes = 0
  #nodes = 1

  constructor(o: TreeOptions) {
    this.#o = o
    const root = { ...this.#common(0o755), kind: 'directory', entries: new Map() } as const
    this.root = Object.assign(root, { parent: root as unknown as MemoryDirectory })
    this.root.parent = this.root
  }

  get freeBytes(): number {
    return this.#o.maxBytes - this.#bytes
  }

  get freeNodes(): number {
    return this.#o.maxNodes - this.#nodes
  }

  /** Follows `path` from the root; a link at its end only when `follow`. Throws when something on the way is missing or no directory. */
  find(path: Uint8Array, follow: boolean): Place {
    // The next name is the last of the array.
    const names = namesOf(path).reverse()
    let at = this.root
    let links = 0
    for (;;) {
      const name = names.pop()
      if (name === undefined) return { parent: at.parent, name: undefined, node: at }
      if (isParent(name)) {
        at = at.parent
        continue
      }
      const key = latin1Decode(name)
      const node = at.entries.get(key)
      const last = names.length === 0
      if (node?.kind === 'link' && (follow || !last)) {
        if (++links > maxLinks) throw refusal('ELOOP')
        if (node.target.length === 0) throw refusal('ENOENT')
        names.push(...namesOf(node.target).reverse())
        if (isAbsolute(node.target)) at = this.root
      } else if (last) {
        if (name.length > maxName) throw refusal('ENAMETOOLONG')
        return { parent: at, name: key, node }
      } else if (node === undefined) throw refusal('ENOENT')
      else if (node.kind === 'directory') at = node
      else throw refusal('ENOTDIR')
    }
  }

  /** The node at `path`, which must be there. */
  node(path: Uint8Array, follow: boolean): MemoryNode {
    const { node } = this.find(path, follow)
    if (node === undefined) throw refusal('ENOENT')
    return node
  }

  /** The path of a place without `.`, `..` and links. */
  pathOf({ parent, name, node }: Place): Uint8Array {
    const names: string[] = []
    let at: MemoryDirectory
    if (name === undefined) at = node as MemoryDirectory
    else {
      names.push(name)
      at = parent
    }
    while (at !== at.parent) {
      for (const [key, child] of at.parent.entries) if (child === at) names.push(key)
      at = at.parent
    }
    return latin1Encode(`/${names.reverse().join('/')}`)
  }

  addFile(place: Place, mode: number): MemoryFile {
    const file: MemoryFile = {
      ...this.#common(mode),
      kind: 'file',
      content: new Uint8Array(0),
      size: 0,
      links: 1,
      opens: 0,
    }
    this.#add(place, file)
    return file
  }

  addDirectory(place: Place, mode: number): void {
    this.#add(place, {
      ...this.#common(mode),
      kind: 'directory',
      entries: new Map(),
      parent: place.parent,
    })
  }

  addLink(place: Place, target: Uint8Array): void {
    if (target.length > maxTarget) throw refusal('ENAMETOOLONG')
    this.#add(place, { ...this.#common(0o777), kind: 'link', target: target.slice() })
  }

  addName(place: Place, file: MemoryFile): void {
    this.#add(place, file)
    file.links++
  }

  /** Takes the name away, and the node with its last name. */
  remove(place: Place, kind: 'directory' | 'other'): void {
    const { parent, name, node } = place
    if (node === undefined) throw refusal('ENOENT')
    if (name === undefined) throw refusal('EBUSY')
    if (kind === 'directory' && node.kind !== 'directory') throw refusal('ENOTDIR')
    if (kind === 'other' && node.kind === 'directory') throw refusal('EISDIR')
    if (node.kind === 'directory' && node.entries.size > 0) throw refusal('ENOTEMPTY')
    parent.entries.delete(name)
    parent.mtime = this.#o.now()
    this.#nodes--
    if (node.kind === 'file') {
      node.links--
      this.release(node)
    }
  }

  /** As rename(2); with `replace` false an existing target is an error. */
  move(from: Place, to: Place, replace: boolean): void {
    const { node } = from
    if (node === undefined) throw refusal('ENOENT')
    if (from.name === undefined || to.name === undefined) throw refusal('EBUSY')
    if (to.node !== undefined) {
      if (!replace) throw refusal('EEXIST')
      if (to.node === node) return
      if (node.kind === 'directory' && to.node.kind !== 'directory') throw refusal('ENOTDIR')
      if (node.kind !== 'directory' && to.node.kind === 'directory') throw refusal('EISDIR')
    }
    for (let at = to.parent; at !== at.parent; at = at.parent) if (at === node) throw refusal('EINVAL')
    if (to.node !== undefined) this.remove(to, to.node.kind === 'directory' ? 'directory' : 'other')
    from.parent.entries.delete(from.name)
    to.parent.entries.set(to.name, node)
    if (node.kind === 'directory') node.parent = to.parent
    from.parent.mtime = to.parent.mtime = this.#o.now()
  }

  /** Makes `file` as long as `size` says; new bytes are zero. */
  resize(file: MemoryFile, size: number): void {
    if (size - file.size > this.freeBytes) throw refusal('ENOSPC')
    if (size > file.content.length) {
      const grown = new Uint8Array(Math.max(size, Math.min(file.content.length * 2, this.#o.maxBytes)))
      grown.set(file.content.subarray(0, file.size))
      file.content = grown
    } else if (size < file.size) {
      if (size < file.content.length / 4) file.content = file.content.slice(0, size)
      else file.content.fill(0, size, file.size)
    }
    this.#bytes += size - file.size
    file.size = size
  }

  /** Frees a file that no name and no handle leads to. */
  release(file: MemoryFile): void {
    if (file.links > 0 || file.opens > 0) return
    this.#bytes -= file.size
    file.size = 0
    file.content = new Uint8Array(0)
  }

  #add(place: Place, node: MemoryNode): void {
    const { parent, name } = place
    if (place.node !== undefined) throw refusal('EEXIST')
    if (name === undefined) throw refusal('EEXIST')
    if (this.freeNodes <= 0) throw refusal('ENOSPC')
    this.#nodes++
    parent.entries.set(name, node)
    parent.mtime = this.#o.now()
  }

  #common(mode: number): Common {
    const { uid, gid } = this.#o
    const now = this.#o.now()
    return { mode, uid, gid, atime: now, mtime: now }
  }
}

const typeBits = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const

export function attributesOf(node: MemoryNode): Attributes {
  const size = node.kind === 'file' ? node.size : node.kind === 'link' ? node.target.length : 4096
  return {
    size: BigInt(size),
    uid: node.uid,
    gid: node.gid,
    permissions: typeBits[node.kind] | node.mode,
    atime: node.atime,
    mtime: node.mtime,
  }
}

/** What stands as the number of links in a listing. */
export function linksOf(node: MemoryNode): number {
  if (node.kind === 'file') return node.links
  if (node.kind === 'link') return 1
  let links = 2
  for (const child of node.entries.values()) if (child.kind === 'directory') links++
  return links
}
