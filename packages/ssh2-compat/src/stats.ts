/** Attributes of files in ssh2's shape, and back. */

import type { Attributes as WireAttributes } from '@hawser/sftp'
import { asBuffer } from './channel-bytes.ts'
import type { Attributes, InputAttributes } from './sftp-types.ts'

/** The bits of `mode` that tell a file's type, as in POSIX's <sys/stat.h>. */
const fileType = {
  mask: 0o170000,
  socket: 0o140000,
  symbolicLink: 0o120000,
  regular: 0o100000,
  blockDevice: 0o060000,
  directory: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
} as const

/** What is known of a file, with the questions that Node's `fs.Stats` answers. */
export class Stats implements Attributes {
  mode: number
  uid: number
  gid: number
  size: number
  atime: number
  mtime: number
  extended: Record<string, Buffer> | undefined

  /** What is missing stays undefined, as programs expect. */
  constructor(attributes?: InputAttributes | null) {
    const attrs = (attributes ?? {}) as Partial<Attributes>
    this.mode = attrs.mode as number
    this.uid = attrs.uid as number
    this.gid = attrs.gid as number
    this.size = attrs.size as number
    this.atime = attrs.atime as number
    this.mtime = attrs.mtime as number
    this.extended = attrs.extended
  }

  /** @deprecated The 0.8 line's other name for `mode`. */
  get permissions(): number {
    return this.mode
  }
  isDirectory(): boolean {
    return this.#is(fileType.directory)
  }
  isFile(): boolean {
    return this.#is(fileType.regular)
  }
  isBlockDevice(): boolean {
    return this.#is(fileType.blockDevice)
  }
  isCharacterDevice(): boolean {
    return this.#is(fileType.characterDevice)
  }
  isSymbolicLink(): boolean {
    return this.#is(fileType.symbolicLink)
  }
  isFIFO(): boolean {
    return this.#is(fileType.fifo)
  }
  isSocket(): boolean {
    return this.#is(fileType.socket)
  }

  #is(type: number): boolean {
    return (this.mode & fileType.mask) === type
  }
}

/** Attributes of the protocol as programs get them. */
export function toStats(attrs: WireAttributes): Stats {
  const stats = new Stats()
  if (attrs.permissions !== undefined) stats.mode = attrs.permissions
  if (attrs.uid !== undefined) stats.uid = attrs.uid
  if (attrs.gid !== undefined) stats.gid = attrs.gid
  if (attrs.size !== undefined) stats.size = Number(attrs.size)
  if (attrs.atime !== undefined) stats.atime = attrs.atime
  if (attrs.mtime !== undefined) stats.mtime = attrs.mtime
  if (attrs.extended !== undefined)
    stats.extended = Object.fromEntries(attrs.extended.map(({ type, data }) => [type, asBuffer(data)]))
  return stats
}

/**
 * Attributes of programs (also Node's `fs.Stats`) as the protocol has them. Half of a pair (`uid` without `gid`) is left out: the
 * protocol has no way to say it. Throws for values that cannot be sent.
 */
export function fromAttributes(
  attributes:
    | (InputAttributes & { readonly permissions?: unknown; readonly extended?: unknown })
    | null
    | undefined,
): WireAttributes {
  if (attributes === undefined || attributes === null) return {}
  if (typeof attributes !== 'object')
    throw new TypeError(`attributes must be an object, not ${typeof attributes}`)
  const { size, uid, gid, atime, mtime } = attributes
  const mode = attributes.mode ?? attributes.permissions
  const extended = extendedPairs(attributes.extended)
  return {
    ...(size === undefined || size === null ? undefined : { size: BigInt(size) }),
    ...(isGiven(uid) && isGiven(gid) ? { uid: uint32('uid', uid), gid: uint32('gid', gid) } : undefined),
    ...(isGiven(mode) ? { permissions: modeOf(mode as number | string) } : undefined),
    ...(isGiven(atime) && isGiven(mtime) ? { atime: seconds(atime), mtime: seconds(mtime) } : undefined),
    ...(extended.length === 0 ? undefined : { extended }),
  }
}

/** A mode as a number, or as the digits of an octal one. */
export function modeOf(mode: number | string | bigint): number {
  const value =
    typeof mode === 'string'
      ? /^(?:0o?)?[0-7]+$/.test(mode)
        ? Number.parseInt(mode.replace('o', ''), 8)
        : Number.NaN
      : Number(mode)
  return uint32('mode', value)
}

/** Seconds since 1970 of a Date or of a number of seconds. */
export function seconds(time: number | string | bigint | Date): number {
  const value = time instanceof Date ? time.getTime() / 1000 : Number(time)
  return uint32('time', Math.floor(value))
}

function isGiven<T>(value: T | undefined | null): value is T {
  return value !== undefined && value !== null
}

/** -1 stands for 2^32 - 1, as in chown(2): "not to be changed". */
function uint32(what: string, value: number | bigint): number {
  const number = Number(value)
  if (number === -1) return 0xffff_ffff
  if (!Number.isInteger(number) || number < 0 || number > 0xffff_ffff)
    throw new RangeError(`invalid ${what}: ${value}; the protocol has unsigned 32-bit numbers`)
  return number
}

function extendedPairs(extended: unknown): { type: string; data: Uint8Array }[] {
  if (extended === undefined || extended === null || typeof extended !== 'object') return []
  return Object.entries(extended).map(([type, data]) => ({
    type,
    data: data instanceof Uint8Array ? data : Buffer.from(String(data)),
  }))
}
