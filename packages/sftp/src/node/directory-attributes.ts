/** Attributes of files on disk, and the policy by which clients may change them. */

import type { BigIntStats } from 'node:fs'
import type { Attributes } from '../protocol/attributes.ts'
import { refusal } from '../server/status.ts'
import { calls } from './directory-calls.ts'
import type { Found } from './directory-jail.ts'

export interface AttributePolicy {
  /** Permission bits that clients may set. */
  readonly modeMask: number
  /** Whether clients may give files to others. */
  readonly chown: boolean
}

export function attributesOf(stats: BigIntStats): Attributes {
  return {
    size: stats.size,
    uid: Number(stats.uid) >>> 0,
    gid: Number(stats.gid) >>> 0,
    permissions: Number(stats.mode) >>> 0,
    atime: secondsOf(stats.atimeMs),
    mtime: secondsOf(stats.mtimeMs),
  }
}

/** SFTP version 3 has unsigned seconds of 32 bits. */
function secondsOf(milliseconds: bigint): number {
  const seconds = milliseconds / 1000n
  return seconds < 0n ? 0 : seconds > 0xffffffffn ? 0xffffffff : Number(seconds)
}

/** A size or position as a number that the file system can have. */
export function positionOf(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refusal('EFBIG')
  return Number(value)
}

/** The calls that change one thing. */
interface Changes {
  truncate(size: number): Promise<void>
  chmod(mode: number): Promise<void>
  chown(uid: number, gid: number): Promise<void>
  utimes(atime: number, mtime: number): Promise<void>
}

/** Changes an open file. */
export function changeOpen(
  fd: number,
  stats: BigIntStats,
  attrs: Attributes,
  policy: AttributePolicy,
): Promise<void> {
  return change(stats, attrs, policy, {
    truncate: (size) => calls.ftruncate(fd, size),
    chmod: (mode) => calls.fchmod(fd, mode),
    chown: (uid, gid) => calls.fchown(fd, uid, gid),
    utimes: (atime, mtime) => calls.futimes(fd, atime, mtime),
  })
}

/** Changes what was found at a path. `truncate` does that to a regular file. */
export function changeFound(
  { path, stats }: Found,
  attrs: Attributes,
  policy: AttributePolicy,
  truncate: (size: number) => Promise<void>,
): Promise<void> {
  return change(stats, attrs, policy, {
    truncate,
    chmod: (mode) => calls.chmod(path, mode),
    chown: (uid, gid) => calls.chown(path, uid, gid),
    utimes: (atime, mtime) => calls.utimes(path, atime, mtime),
  })
}

/** Changes a link itself, which has neither a size nor permissions of its own. */
export function changeLink(
  path: Buffer,
  stats: BigIntStats,
  attrs: Attributes,
  policy: AttributePolicy,
): Promise<void> {
  return change(stats, attrs, policy, {
    truncate: () => Promise.reject(refusal('EINVAL')),
    chmod: () => Promise.reject(refusal('ENOTSUP')),
    chown: (uid, gid) => calls.lchown(path, uid, gid),
    utimes: (atime, mtime) => calls.lutimes(path, atime, mtime),
  })
}

async function change(
  stats: BigIntStats,
  attrs: Attributes,
  policy: AttributePolicy,
  to: Changes,
): Promise<void> {
  const { size, uid, gid, permissions, atime, mtime } = attrs
  const gives =
    uid !== undefined && gid !== undefined && !(uid === Number(stats.uid) && gid === Number(stats.gid))
  if (gives && !policy.chown) throw refusal('EPERM')
  if (size !== undefined) {
    if (stats.isDirectory()) throw refusal('EISDIR')
    if (!stats.isFile()) throw refusal('EINVAL')
    await to.truncate(positionOf(size))
  }
  if (permissions !== undefined) await to.chmod(permissions & policy.modeMask)
  if (atime !== undefined && mtime !== undefined) await to.utimes(atime, mtime)
  if (gives) await to.chown(uid, gid)
}
