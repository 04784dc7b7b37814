/** The line of `ls -l` that stands beside each name of a listing. */

import { concat, utf8Encode } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import type { DirectoryItem } from './handlers.ts'
import { pathBytes } from './paths.ts'

/** By the file type bits of `st_mode`. */
const typeLetters: Readonly<Record<number, string>> = {
  0o140000: 's',
  0o120000: 'l',
  0o100000: '-',
  0o060000: 'b',
  0o040000: 'd',
  0o020000: 'c',
  0o010000: 'p',
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const halfYear = (365 * 24 * 3600) / 2

/** `-rwxr-xr-x`; a type that is not known is `?`, as for strmode(3). */
export function modeText(permissions: number): string {
  const bits = (shift: number, special: number, letter: string): string => {
    const three = (permissions >> shift) & 7
    const x = (three & 1) !== 0
    const last = (permissions & special) !== 0 ? (x ? letter : letter.toUpperCase()) : x ? 'x' : '-'
    return `${(three & 4) !== 0 ? 'r' : '-'}${(three & 2) !== 0 ? 'w' : '-'}${last}`
  }
  const type = typeLetters[permissions & 0o170000] ?? '?'
  return `${type}${bits(6, 0o4000, 's')}${bits(3, 0o2000, 's')}${bits(0, 0o1000, 't')}`
}

/** Hours and minutes when `seconds` is within half a year of `now`, else the year. Both in seconds since 1970; local time. */
function timeText(seconds: number, now: number): string {
  const time = new Date(seconds * 1000)
  const day = `${months[time.getMonth()]} ${String(time.getDate()).padStart(2)}`
  const two = (value: number): string => String(value).padStart(2, '0')
  return Math.abs(now - seconds) < halfYear
    ? `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
    : `${day}  ${time.getFullYear()}`
}

/** What `ls -l` would print for `item`; `now` in seconds since 1970. */
export function longnameOf(item: DirectoryItem, now: number): Uint8Array {
  if (item.longname !== undefined) return pathBytes(item.longname)
  const { permissions = 0, size = 0n, uid, gid, mtime = 0 }: Attributes = item.attrs
  const owner = item.owner || (uid === undefined ? '?' : String(uid))
  const group = item.group || (gid === undefined ? '?' : String(gid))
  const line = [
    modeText(permissions),
    String(item.links ?? 1).padStart(3),
    owner.padEnd(8),
    group.padEnd(8),
    String(size).padStart(8),
    timeText(mtime, now),
    '',
  ].join(' ')
  return concat(utf8Encode(line), pathBytes(item.name))
}
