/** Addresses of the internet and lists of their ranges, as in `from=` and source-address (RFC 4291 §2.2, RFC 4632 §3.1). */

import { matchesPattern } from './host-patterns.ts'

/** The longest list that is looked at. */
const mostCharacters = 65_536

/** 4 or 16 bytes of an address in text; IPv4 in the form of IPv6 (`::ffff:1.2.3.4`) is IPv4. undefined for anything else. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.length > 64) return undefined
  if (!text.includes(':')) return parseIpv4(text)
  const bytes = parseIpv6(text)
  if (bytes === undefined) return undefined
  const isMapped =
    bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
  return isMapped ? bytes.slice(12) : bytes
}

/**
 * Whether `address` is in one of the ranges of `list`: addresses and CIDR with commas between them, as certificates have.
 * undefined when the list is malformed; whoever asks must refuse then.
 */
export function inRanges(address: string, list: string): boolean | undefined {
  const wanted = parseAddress(address)
  const ranges = list.length > mostCharacters ? [undefined] : list.split(',').map(parseRange)
  if (!ranges.every((range) => range !== undefined)) return undefined
  return wanted !== undefined && ranges.some((range) => contains(range, wanted))
}

/**
 * Whether `host` (its name, when that is known) or `address` fits `list`, as `from=` of authorized_keys has it: names, addresses, CIDR,
 * `*` and `?`, and `!` in front of what must not fit. undefined when a range in it is malformed.
 */
export function fitsAddressList(list: string, address: string, host?: string): boolean | undefined {
  if (list.length > mostCharacters) return undefined
  const wanted = parseAddress(address)
  const names = [address, ...(host === undefined ? [] : [host])].map((name) => name.toLowerCase())
  let fits = false
  for (const entry of list.toLowerCase().split(',')) {
    const negated = entry.startsWith('!')
    const pattern = negated ? entry.slice(1) : entry
    const range = pattern.includes('/') || parseAddress(pattern) !== undefined ? parseRange(pattern) : 'names'
    if (range === undefined) return undefined
    const found =
      range === 'names'
        ? pattern !== '' && names.some((name) => matchesPattern(name, pattern))
        : wanted !== undefined && contains(range, wanted)
    if (found && negated) return false
    fits ||= found
  }
  return fits
}

interface Range {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** An address, or address/bits whose other bits are zero. */
function parseRange(text: string): Range | undefined {
  const [, address = '', mask] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bytes = parseAddress(address)
  if (bytes === undefined) return undefined
  const bits = mask === undefined ? bytes.length * 8 : Number(mask)
  if (bits > bytes.length * 8) return undefined
  const range = { bytes, bits }
  // OpenSSH refuses 10.1.2.3/8: one of the two must be a mistake.
  return bytes.every((byte, at) => (byte & ~maskOf(range, at) & 0xff) === 0) ? range : undefined
}

function contains(range: Range, address: Uint8Array): boolean {
  return (
    range.bytes.length === address.length &&
    range.bytes.every((byte, at) => byte === ((address[at] as number) & maskOf(range, at)))
  )
}

/** The bits of byte `at` that the range is about. */
function maskOf({ bits }: Range, at: number): number {
  const left = Math.min(8, Math.max(0, bits - at * 8))
  return (0xff << (8 - left)) & 0xff
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1)
  if (
    parts === undefined ||
    parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith('0')))
  )
    return undefined
  return Uint8Array.from(parts, Number)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(groupsOf)
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const missing = 16 - head.length - (tail?.length ?? 0)
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  return Uint8Array.from([...head, ...new Uint8Array(missing), ...(tail ?? [])])
}

/** The bytes of groups with colons between them; the last may be IPv4. */
function groupsOf(text: string, half: number, halves: readonly string[]): number[] | undefined {
  if (text === '') return halves.length === 2 ? [] : undefined
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [at, group] of groups.entries()) {
    const isLast = half === halves.length - 1 && at === groups.length - 1
    const four = isLast && group.includes('.') ? parseIpv4(group) : undefined
    if (four !== undefined) bytes.push(...four)
    else if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined
    else {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes
}
