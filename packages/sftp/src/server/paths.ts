/** Paths and names as bytes, which is what they are on most systems. */

import { concat, utf8Decode, utf8Encode } from '@hawser/wire'
import type { PathResult, RequestPath } from './handlers.ts'

const slash = 0x2f
const dot = 0x2e

/** A path of the client with its text, which is made when it is asked for. */
export function requestPath(bytes: Uint8Array): RequestPath {
  return {
    bytes,
    get text() {
      return utf8Decode(bytes)
    },
  }
}

export function pathBytes(path: PathResult): Uint8Array {
  return typeof path === 'string' ? utf8Encode(path) : path
}

/** The names between the slashes, in order; empty ones and `.` are left out, `..` is kept. */
export function namesOf(path: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = []
  for (let at = 0; at <= path.length; ) {
    const next = path.indexOf(slash, at)
    const end = next < 0 ? path.length : next
    const name = path.subarray(at, end)
    if (name.length > 0 && !(name.length === 1 && name[0] === dot)) names.push(name)
    at = end + 1
  }
  return names
}

export function isAbsolute(path: Uint8Array): boolean {
  return path[0] === slash
}

export function isParent(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === dot && name[1] === dot
}

/** `/` and the names with slashes between them. */
function joinNames(names: readonly Uint8Array[]): Uint8Array {
  if (names.length === 0) return Uint8Array.of(slash)
  return concat(...names.flatMap((name) => [Uint8Array.of(slash), name]))
}

/** `path` without `.` and `..`, taken to be below `/`; links are not looked at. */
export function normalPath(path: Uint8Array): Uint8Array {
  const names: Uint8Array[] = []
  for (const name of namesOf(path))
    if (isParent(name)) names.pop()
    else names.push(name)
  return joinNames(names)
}
