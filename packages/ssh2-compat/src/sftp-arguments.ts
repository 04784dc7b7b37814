/** The arguments of SFTP methods, checked at the door: what cannot be meant is thrown at once. */

import { stringToFlags } from './constants.ts'
import type { InputAttributes, SFTPPath } from './sftp-types.ts'
import { fromAttributes, modeOf } from './stats.ts'

/** A path's bytes: of a string its UTF-8, and bytes as they are. */
export function pathBytes(path: SFTPPath): Uint8Array {
  if (typeof path === 'string') return Buffer.from(path)
  if (path instanceof Uint8Array) return path
  throw new TypeError(`the path must be a string or a Buffer, not ${typeof path}`)
}

export function handleBytes(handle: unknown): Uint8Array {
  if (!(handle instanceof Uint8Array)) throw new Error('handle is not a Buffer')
  return handle
}

/** A string such as `r+`, or a mask. */
export function openFlags(flags: string | number): number {
  const mask = typeof flags === 'number' ? flags >>> 0 : stringToFlags(flags)
  if (mask === null) throw new Error(`Unknown flags string: ${flags}`)
  return mask
}

/** The third argument of `open`: a mode, or attributes. */
export function openAttributes(
  given: InputAttributes | string | number | null | undefined,
): ReturnType<typeof fromAttributes> {
  if (typeof given === 'number' || typeof given === 'string') return { permissions: modeOf(given) }
  return fromAttributes(given)
}

/** The part of `buffer` that a read or write is about. */
export function part(buffer: unknown, offset: number, length: number): Uint8Array {
  if (!(buffer instanceof Uint8Array)) throw new Error('buffer is not a Buffer')
  if (!Number.isInteger(offset) || offset < 0 || offset > buffer.length)
    throw new Error(`offset is out of bounds: ${offset} of ${buffer.length}`)
  if (!Number.isInteger(length) || length < 0 || offset + length > buffer.length)
    throw new Error(`length extends beyond buffer: ${offset} + ${length} of ${buffer.length}`)
  return buffer.subarray(offset, offset + length)
}

/** Where in the file; from 2^53 on as a bigint, since a number is not exact there. */
export function filePosition(value: unknown): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error('position is not a number')
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new Error(`position is ${value}: give a whole number, and a bigint from 2^53 on`)
  const at = BigInt(value)
  if (at < 0n || at > 0xffff_ffff_ffff_ffffn)
    throw new Error(`position is ${value}: it must be from 0 to 2^64-1`)
  return at
}
