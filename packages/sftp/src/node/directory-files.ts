/** Open files on disk: opening them safely, their data, copying between them. */

import { constants } from 'node:fs'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag } from '../protocol/constants.ts'
import type { Awaitable, CopyRange } from '../server/handlers.ts'
import { refusal } from '../server/status.ts'
import { positionOf } from './directory-attributes.ts'
import { calls, codeOf, optionalFlags } from './directory-calls.ts'
import { type Jail, openFound } from './directory-jail.ts'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants

/** An open file. */
export interface DirectoryFile {
  readonly fd: number
  /** Bits of `OpenFlag`. */
  readonly flags: number
  /** From the folder, for people and the quota. */
  readonly path: Uint8Array
  /** What the size was when it was last looked at. */
  size: bigint
}

/** Asked before something grows; throws when it must not. */
export type Grow = (path: Uint8Array, bytes: bigint, entries: number) => Awaitable<void>

/** Bytes that are copied at a time, and that a file whose size says nothing is read by. */
const copyBytes = 256 * 1024
const unknownBytes = 64 * 1024

export interface OpenPolicy {
  readonly specialFiles: boolean
  /** Permissions of a new file, before the process's umask. */
  readonly mode: number
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  readonly grow: Grow | undefined
}

/** Whether these flags would change anything. */
export function changes(flags: number): boolean {
  return (flags & (OpenFlag.write | OpenFlag.append | OpenFlag.create | OpenFlag.truncate)) !== 0
}

/**
 * Opens a regular file, or makes it. Links at the end are followed in the jail, never by the system; devices, sockets and fifos
 * are refused before they are opened, so that nothing blocks or is set off.
 */
export async function openFile(
  jail: Jail,
  path: Uint8Array,
  flags: number,
  policy: OpenPolicy,
): Promise<DirectoryFile> {
  const creates = (flags & OpenFlag.create) !== 0
  const exclusive = creates && (flags & OpenFlag.exclusive) !== 0
  const wanted = systemFlags(flags)
  // Somebody else may make or remove the file between two looks: then it is looked at again.
  for (let tries = 0; tries < 8; tries++) {
    const place = await jail.find(path, exclusive ? 'name' : 'follow')
    try {
      const { found, names } = place
      const shown = shownPath(names)
      if (found !== undefined) {
        if (found.stats.isDirectory()) throw refusal('EISDIR')
        if (!found.stats.isFile() && !policy.specialFiles) throw refusal('EACCES')
        if ((wanted & O_TRUNC) !== 0) await policy.grow?.(shown, -found.stats.size, 0)
        return { fd: await openFound(found, wanted), flags, path: shown, size: found.stats.size }
      }
      if (!creates) throw refusal('ENOENT')
      if (!place.named) throw refusal('EISDIR')
      await policy.grow?.(shown, 0n, 1)
      const fd = await calls.open(place.path, wanted | O_CREAT | O_EXCL | optionalFlags.noFollow, policy.mode)
      await give(fd, policy.owner)
      return { fd, flags, path: shown, size: 0n }
    } catch (error) {
      if (exclusive || codeOf(error) !== 'EEXIST') throw error
    } finally {
      place.release()
    }
  }
  throw refusal('EBUSY')
}

/** At most `length` bytes from `offset` on. */
export async function readFile(
  file: DirectoryFile,
  offset: bigint,
  length: number,
): Promise<Uint8Array | undefined> {
  const { fd, flags } = file
  if ((flags & OpenFlag.read) === 0 && (flags & OpenFlag.write) !== 0) throw refusal('EACCES')
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  // Memory is touched only as far as it is filled, but all of it would count as used.
  if (offset + BigInt(length) > file.size) file.size = (await calls.fstat(fd)).size
  const left = file.size - offset
  const room = left >= BigInt(length) ? length : left > 0n ? Number(left) : Math.min(length, unknownBytes)
  const buffer = Buffer.allocUnsafeSlow(room)
  const count = await calls.read(fd, buffer, room, Number(offset))
  return count === 0 ? undefined : buffer.subarray(0, count)
}

export async function writeFile(
  file: DirectoryFile,
  offset: bigint,
  data: Uint8Array,
  grow: Grow | undefined,
): Promise<void> {
  const { fd, flags, path } = file
  if ((flags & OpenFlag.write) === 0) throw refusal('EACCES')
  const appends = (flags & OpenFlag.append) !== 0
  const start = appends ? 0 : positionOf(offset)
  if (grow !== undefined) {
    const { size } = await calls.fstat(fd)
    const end = BigInt(data.length) + (appends ? size : offset)
    if (end > size) await grow(path, end - size, 0)
  }
  for (let done = 0; done < data.length; )
    done += await calls.write(fd, data, done, appends ? null : start + done)
}

/** draft-ietf-secsh-filexfer-extensions-00 §7. */
export async function copyFile(copy: CopyRange<DirectoryFile>, grow: Grow | undefined): Promise<void> {
  const { from, to } = copy
  if ((from.flags & OpenFlag.read) === 0) throw refusal('EACCES')
  const [source, target] = [await calls.fstat(from.fd), await calls.fstat(to.fd)]
  const left = source.size > copy.fromOffset ? source.size - copy.fromOffset : 0n
  const length = copy.length === 0n || copy.length > left ? left : copy.length
  const overlaps = copy.fromOffset < copy.toOffset + length && copy.toOffset < copy.fromOffset + length
  if (overlaps && source.dev === target.dev && source.ino === target.ino) throw refusal('EINVAL')
  positionOf(copy.toOffset + length)
  const buffer = Buffer.allocUnsafeSlow(copyBytes)
  for (let done = 0n; done < length; ) {
    const room = length - done > BigInt(copyBytes) ? copyBytes : Number(length - done)
    const count = await calls.read(from.fd, buffer, room, Number(copy.fromOffset + done))
    if (count === 0) return
    await writeFile(to, copy.toOffset + done, buffer.subarray(0, count), grow)
    done += BigInt(count)
  }
}

async function give(fd: number, owner: OpenPolicy['owner']): Promise<void> {
  if (owner === undefined) return
  try {
    await calls.fchown(fd, owner.uid, owner.gid)
  } catch (error) {
    await calls.close(fd)
    throw error
  }
}

/** `attrs` of an open request say how a new file's permissions shall be. */
export function modeOf(attrs: Attributes, mask: number, otherwise: number): number {
  return (attrs.permissions ?? otherwise) & mask
}

export function shownPath(names: readonly Uint8Array[]): Uint8Array {
  if (names.length === 0) return Buffer.from('/')
  return Buffer.concat(names.flatMap((name) => [Buffer.from('/'), name]))
}

function systemFlags(flags: number): number {
  const reads = (flags & OpenFlag.read) !== 0
  const writes = (flags & OpenFlag.write) !== 0
  let system = writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY
  if (writes && (flags & OpenFlag.append) !== 0) system |= O_APPEND
  // Linux truncates what is opened for reading, too.
  if (writes && (flags & OpenFlag.truncate) !== 0) system |= O_TRUNC
  return system
}
