/** Finds what a client's path means below one folder, so that nothing outside of it is ever touched. */

import { closeSync, constants, realpathSync, statSync } from 'node:fs'
import { UsageError } from '@hawser/wire'
import { isAbsolute, isParent, namesOf } from '../server/paths.ts'
import { refusal } from '../server/status.ts'
import { calls, codeOf, optionalFlags } from './directory-calls.ts'

/** Linux's PATH_MAX. */
const maxPath = 4096
const maxName = 255
/** Links that one path may lead through, as on Linux, and names that are looked at for it. */
const maxLinks = 40
const maxSteps = 4096

const { directory: O_DIRECTORY, noFollow: O_NOFOLLOW, nonBlock: O_NONBLOCK } = optionalFlags
/** Linux's flag for a descriptor that stands for a place in the tree and opens nothing (open(2)); Node has no name for it. */
const O_PATH = 0o10000000

/** What is at a name: for Linux a descriptor that stays with it whatever is renamed, else its path. */
export interface Found {
  /** Acts on this very thing. */
  readonly path: string | Buffer
  readonly stats: Awaited<ReturnType<typeof calls.lstat>>
  /** Whether `path` stays with it. */
  readonly held: boolean
}

/** Where a path leads. Call `release` once it is no longer used. */
export interface Place {
  /** Acts on the name in its directory, links not followed; on the directory itself when the path ended in `/` or `..`. */
  readonly path: Buffer
  /** False for the folder itself and after `..`: then there is no name to make, move or remove. */
  readonly named: boolean
  /** The path from the folder, without links. */
  readonly names: readonly Uint8Array[]
  /** What is there; undefined when nothing is, or when it was not looked at. */
  readonly found: Found | undefined
  release(): void
}

/** What to do with the last name: leave it, look at it, or look at what it leads to. */
export type Last = 'name' | 'look' | 'follow'

/** A directory on the way: the folder itself by its path, all others by what {@link Found} has. */
interface Step {
  readonly path: Buffer
  readonly fd: number | undefined
}

/**
 * A folder that clients cannot leave. Each name of a path is looked at alone, in the directory that was found for the names before it,
 * without following links; links are followed here, with `/` and `..` of the folder. On Linux every directory on the way is held by a
 * descriptor and its names are reached through /proc/self/fd, so that nothing that anybody renames or replaces meanwhile leads outside.
 * Elsewhere names are checked and then used: see {@link Jail.exclusively}.
 */
export class Jail {
  readonly root: string
  /** Whether places are held by descriptors. */
  readonly holds: boolean
  readonly #root: Step
  /** The names of the directory where relative paths begin. */
  readonly #home: readonly Uint8Array[]
  #turn: Promise<unknown> = Promise.resolve()

  /** Throws UsageError when `folder` is no directory. */
  constructor(folder: string, o: { readonly hold?: boolean; readonly home?: string } = {}) {
    let root: string
    try {
      root = realpathSync(folder)
      if (!statSync(root).isDirectory()) throw new UsageError(`${folder} is no directory`)
    } catch (error) {
      if (error instanceof UsageError) throw error
      throw new UsageError(`cannot serve ${folder}: ${(error as Error).message}`, { cause: error })
    }
    this.root = root
    this.#root = { path: Buffer.from(root.replace(/[\\/]$/, '')), fd: undefined }
    this.#home = namesOf(Buffer.from(o.home ?? '/'))
    this.holds = (o.hold ?? true) && canHold()
  }

  /**
   * Runs `work`; where places are not held, alone. So clients of one `directory()` cannot change the tree under each other's requests,
   * and only other programs on the machine could.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.holds) return work()
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined) // its caller hears of it; the next only waits for its end
    return turn
  }

  /** Throws errors with a code when something on the way is missing, no directory, or not to be entered. */
  async find(path: Uint8Array, last: Last): Promise<Place> {
    if (path.length > maxPath) throw refusal('ENAMETOOLONG')
    let todo = (isAbsolute(path) ? namesOf(path) : [...this.#home, ...namesOf(path)]).reverse()
    let names: Uint8Array[] = []
    let at = this.#root
    let links = 0
    try {
      for (let steps = 0; ; steps++) {
        if (steps > maxSteps) throw refusal('ELOOP')
        const name = todo.pop()
        if (name === undefined) return await this.#directory(at, names, last)
        if (isParent(name)) {
          // From the folder again: a parent that is not held may have become anything.
          names.pop()
          todo.push(...names.reverse())
          names = []
          at = moved(at, this.#root)
          continue
        }
        checkName(name)
        const path = join(at.path, name)
        const isLast = todo.length === 0
        if (isLast && last === 'name') return this.#place(at, path, [...names, name], undefined, undefined)
        const found = await this.#look(path)
        if (found === undefined) {
          if (!isLast) throw refusal('ENOENT')
          return this.#place(at, path, [...names, name], undefined, undefined)
        }
        if (found.stats.isSymbolicLink() && !(isLast && last === 'look')) {
          release(found.fd)
          if (++links > maxLinks) throw refusal('ELOOP')
          const target = await calls.readlink(path).catch((error: unknown) => {
            // No link any more: whoever replaced it gets to hear that it is not there.
            throw codeOf(error) === 'EINVAL' ? refusal('ENOENT') : error
          })
          if (isAbsolute(target)) {
            names = []
            at = moved(at, this.#root)
          }
          todo = [...todo, ...namesOf(target).reverse()]
          if (todo.length > maxSteps) throw refusal('ELOOP')
        } else if (isLast) return this.#place(at, path, [...names, name], found, found.fd)
        else if (found.stats.isDirectory()) {
          names.push(name)
          at = moved(at, { path: Buffer.from(found.path), fd: found.fd })
        } else {
          release(found.fd)
          throw refusal('ENOTDIR')
        }
      }
    } catch (error) {
      release(at.fd)
      throw error
    }
  }

  /** The path ended at a directory that has been entered. */
  async #directory(at: Step, names: readonly Uint8Array[], last: Last): Promise<Place> {
    const path = at.path.length === 0 ? Buffer.from('/') : at.path
    if (last === 'name') return this.#place(at, path, names, undefined, undefined, false)
    const stats = at.fd === undefined ? await calls.lstat(path) : await calls.fstat(at.fd)
    return this.#place(at, path, names, { path, stats, held: at.fd !== undefined }, undefined, false)
  }

  #place(
    at: Step,
    path: Buffer,
    names: readonly Uint8Array[],
    found: Found | undefined,
    fd: number | undefined,
    named = true,
  ): Place {
    let released = false
    return {
      path,
      named,
      names,
      found,
      release() {
        if (released) return
        released = true
        release(at.fd)
        release(fd)
      },
    }
  }

  async #look(path: Buffer): Promise<(Found & { readonly fd: number | undefined }) | undefined> {
    let fd: number | undefined
    try {
      if (!this.holds) return { path, stats: await calls.lstat(path), held: false, fd: undefined }
      fd = await calls.open(path, O_PATH | O_NOFOLLOW)
      return { path: `/proc/self/fd/${fd}`, stats: await calls.fstat(fd), held: true, fd }
    } catch (error) {
      release(fd)
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

/** Opens a regular file that was found, and nothing else that may have taken its place. */
export async function openFound(found: Found, flags: number): Promise<number> {
  if (found.held) return calls.open(found.path, flags)
  const { O_TRUNC } = constants
  const fd = await calls.open(found.path, (flags & ~O_TRUNC) | O_NOFOLLOW | O_NONBLOCK)
  try {
    const { dev, ino } = await calls.fstat(fd)
    if (dev !== found.stats.dev || ino !== found.stats.ino) throw refusal('EACCES')
    if ((flags & O_TRUNC) !== 0) await calls.ftruncate(fd, 0)
    return fd
  } catch (error) {
    await calls.close(fd)
    throw error
  }
}

/** Whether this is a Linux with /proc, where `/proc/self/fd/N/name` is what openat(2) would reach. */
function canHold(): boolean {
  if (process.platform !== 'linux' || O_DIRECTORY === 0) return false
  try {
    return statSync('/proc/self/fd').isDirectory()
  } catch {
    return false // no /proc here: names are checked and then used
  }
}

function moved(from: Step, to: Step): Step {
  release(from.fd)
  return to
}

/** Descriptors that stand for places have nothing to write back: closing them does not wait. */
function release(fd: number | undefined): void {
  if (fd !== undefined) closeSync(fd)
}

function join(folder: Buffer, name: Uint8Array): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

/** Names that Windows would take for something else: other separators, streams, drives, devices, endings that it drops. */
const notOnWindows = /[\\:*?"<>|\u0001-\u001f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)/i

function checkName(name: Uint8Array): void {
  if (name.length > maxName) throw refusal('ENAMETOOLONG')
  if (process.platform === 'win32' && notOnWindows.test(Buffer.from(name).toString())) throw refusal('EINVAL')
}
