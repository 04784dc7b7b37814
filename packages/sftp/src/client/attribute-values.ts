/** What callers give for modes, owners, times and sizes, checked and as the protocol has it. */

import { UsageError } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'

/** A moment: a Date, or seconds since 1970. The protocol has whole seconds up to the year 2106. */
export type SftpTime = Date | number

/** For chmod and the modes of new files: permission bits, also as octal digits such as `'644'`. */
export type SftpMode = number | string

export function modeAttributes(op: string, mode: SftpMode): Attributes {
  const bits = typeof mode === 'string' && /^[0-7]{1,6}$/.test(mode) ? Number.parseInt(mode, 8) : mode
  return { permissions: uint32(op, 'mode', bits) }
}

export function ownerAttributes(op: string, uid: number, gid: number): Attributes {
  return { uid: uint32(op, 'uid', uid), gid: uint32(op, 'gid', gid) }
}

export function timeAttributes(op: string, atime: SftpTime, mtime: SftpTime): Attributes {
  return { atime: seconds(op, 'atime', atime), mtime: seconds(op, 'mtime', mtime) }
}

export function sizeAttributes(op: string, size: number | bigint): Attributes {
  const exact = typeof size === 'bigint' || Number.isSafeInteger(size) ? BigInt(size) : -1n
  if (exact < 0n || exact > 0xffff_ffff_ffff_ffffn)
    throw new UsageError(
      `${op}: the size is ${size}; it must be a whole number from 0, a bigint from 2^53 on`,
    )
  return { size: exact }
}

function seconds(op: string, name: string, time: SftpTime): number {
  const value = typeof time === 'number' ? time : time.getTime() / 1000
  return uint32(op, name, Math.floor(value))
}

function uint32(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new UsageError(`${op}: the ${name} is ${String(value)}; it must be from 0 to 4294967295`)
  return value
}
