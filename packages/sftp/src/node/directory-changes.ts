/** Changes of a tree on disk: names that are made, moved, linked and removed. */

import { isAbsolute, isParent, namesOf } from '../server/paths.ts'
import { refusal } from '../server/status.ts'
import { calls, codeOf } from './directory-calls.ts'
import { type Grow, shownPath } from './directory-files.ts'
import type { Jail, Place } from './directory-jail.ts'

/** Runs `work` with places that have a name, and releases them. */
async function withNames<T>(
  jail: Jail,
  paths: readonly Uint8Array[],
  work: (...places: Place[]) => Promise<T>,
): Promise<T> {
  const places: Place[] = []
  try {
    for (const path of paths) {
      const place = await jail.find(path, 'name')
      places.push(place)
      if (!place.named) throw refusal('EBUSY')
    }
    return await work(...places)
  } finally {
    for (const place of places) place.release()
  }
}

export function makeDirectory(
  jail: Jail,
  path: Uint8Array,
  o: {
    readonly mode: number
    readonly owner: { readonly uid: number; readonly gid: number } | undefined
    readonly grow: Grow | undefined
  },
): Promise<void> {
  return withNames(jail, [path], async (place: Place) => {
    await o.grow?.(shownPath(place.names), 0n, 1)
    await calls.mkdir(place.path, o.mode)
    if (o.owner !== undefined) await calls.lchown(place.path, o.owner.uid, o.owner.gid)
  })
}

export function removeDirectory(jail: Jail, path: Uint8Array, grow: Grow | undefined): Promise<void> {
  return withNames(jail, [path], async (place: Place) => {
    await calls.rmdir(place.path)
    await grow?.(shownPath(place.names), 0n, -1)
  })
}

export function removeFile(jail: Jail, path: Uint8Array, grow: Grow | undefined): Promise<void> {
  return withNames(jail, [path], async (place: Place) => {
    const stats = await calls.lstat(place.path)
    // Not every system's unlink(2) refuses a directory.
    if (stats.isDirectory()) throw refusal('EISDIR')
    await calls.unlink(place.path)
    await grow?.(shownPath(place.names), stats.isFile() && stats.nlink === 1n ? -stats.size : 0n, -1)
  })
}

/** Fails when `to` exists: a file is linked there and unlinked here, which nobody can come between. */
export function renameNew(jail: Jail, from: Uint8Array, to: Uint8Array): Promise<void> {
  return withNames(jail, [from, to], async (source: Place, target: Place) => {
    const stats = await calls.lstat(source.path)
    if (stats.isFile())
      try {
        await calls.link(source.path, target.path)
        return await calls.unlink(source.path)
      } catch (error) {
        // File systems without hard links say one of these; then it is looked first.
        if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) throw error
      }
    if (await exists(target.path)) throw refusal('EEXIST')
    await calls.rename(source.path, target.path)
  })
}

/** As rename(2). */
export function renameOver(
  jail: Jail,
  from: Uint8Array,
  to: Uint8Array,
  grow: Grow | undefined,
): Promise<void> {
  return withNames(jail, [from, to], async (source: Place, target: Place) => {
    const replaced = grow === undefined ? undefined : await calls.lstat(target.path).catch(absent)
    const moved = grow === undefined ? undefined : await calls.lstat(source.path)
    await calls.rename(source.path, target.path)
    if (replaced === undefined || (replaced.dev === moved?.dev && replaced.ino === moved.ino)) return
    await grow?.(
      shownPath(target.names),
      replaced.isFile() && replaced.nlink === 1n ? -replaced.size : 0n,
      -1,
    )
  })
}

/** Another name for a regular file. */
export function linkHard(
  jail: Jail,
  existing: Uint8Array,
  link: Uint8Array,
  grow: Grow | undefined,
): Promise<void> {
  return withNames(jail, [existing, link], async (source: Place, target: Place) => {
    if (!(await calls.lstat(source.path)).isFile()) throw refusal('EPERM')
    await grow?.(shownPath(target.names), 0n, 1)
    await calls.link(source.path, target.path)
  })
}

/**
 * A symbolic link. A target from the folder's root is stored as the relative one that leads to the same place, and one that climbs out
 * is refused: what is on disk then also means that to other programs, as long as nobody moves the link.
 */
export function linkSoft(
  jail: Jail,
  target: Uint8Array,
  link: Uint8Array,
  grow: Grow | undefined,
): Promise<void> {
  if (target.length === 0) throw refusal('ENOENT')
  return withNames(jail, [link], async (place: Place) => {
    const depth = place.names.length - 1
    await grow?.(shownPath(place.names), 0n, 1)
    await calls.symlink(
      Buffer.from(isAbsolute(target) ? relativeTo(depth, target) : checked(depth, target)),
      place.path,
    )
  })
}

/** The relative target of a link `depth` directories deep for a path from the root. */
function relativeTo(depth: number, target: Uint8Array): Uint8Array {
  const names: Uint8Array[] = []
  for (const name of namesOf(target))
    if (isParent(name)) names.pop()
    else names.push(name)
  const up = Array.from({ length: depth }, () => Buffer.from('..'))
  const all = [...up, ...names]
  if (all.length === 0) return Buffer.from('.')
  return Buffer.concat(all.flatMap((name, at) => (at === 0 ? [name] : [Buffer.from('/'), name])))
}

/** `..` is taken at the beginning, as often as there are directories above, and nowhere else: behind a link it would lead anywhere. */
function checked(depth: number, target: Uint8Array): Uint8Array {
  const names = namesOf(target)
  const first = names.findIndex((name) => !isParent(name))
  const up = first < 0 ? names.length : first
  if (up > depth || names.slice(up).some(isParent)) throw refusal('EACCES')
  return target
}

function exists(path: Buffer): Promise<boolean> {
  return calls.lstat(path).then(
    () => true,
    (error: unknown) => absent(error) !== undefined,
  )
}

/** Undefined for what is not there; every other error is thrown on. */
function absent(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined
  throw error
}
