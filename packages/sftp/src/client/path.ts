/** Paths on the server: text or bytes in, bytes on the wire, and never a name that leaves its directory. */

import { concat, ProtocolError, UsageError, utf8Decode, utf8DecodeStrict, utf8Encode } from '@hawser/wire'

/** A path on the server. Bytes reach every file; a string is sent as UTF-8. */
export type SftpPath = string | Uint8Array

/** The bytes of `path`. Throws UsageError for an empty path and for a string that has no UTF-8. */
export function pathBytes(op: string, path: SftpPath): Uint8Array {
  if (typeof path !== 'string' && !(path instanceof Uint8Array))
    throw new UsageError(`${op}: the path is ${String(path)}; give a string or a Uint8Array`)
  if (path.length === 0) throw new UsageError(`${op}: the path is empty; "." is the current directory`)
  if (typeof path !== 'string') return path
  // An encoder would replace it, and another file would be meant.
  if (/\p{Surrogate}/u.test(path))
    throw new UsageError(
      `${op}: the path ${JSON.stringify(path)} has half a surrogate pair, which UTF-8 lacks`,
    )
  return utf8Encode(path)
}

/** `bytes` as a path that can be given back: a string where that loses nothing. */
export function pathOf(bytes: Uint8Array): SftpPath {
  return utf8DecodeStrict(bytes) ?? bytes
}

/** `name` in `directory`. */
export function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  return directory.at(-1) === slash ? concat(directory, name) : concat(directory, oneSlash, name)
}

/** The directory that holds `path`, as far as its text says; undefined for `/`, `x` and the like. */
export function parentPath(path: Uint8Array): Uint8Array | undefined {
  const end = withoutTrailing(path, path.length)
  const at = path.subarray(0, end).lastIndexOf(slash)
  if (at < 0 || end === 0) return undefined
  return at === 0 ? path.subarray(0, 1) : path.subarray(0, withoutTrailing(path, at) || 1)
}

/** Whether a listing's name stands for the directory itself or the one above. */
export function isDotName(name: Uint8Array): boolean {
  return name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot))
}

/**
 * Refuses what no directory contains, and what would lead out of one when joined to its path: an empty name, `.`, `..`, and any name
 * with a slash or a NUL. Throws ProtocolError with the code `SSH_SFTP_BAD_NAME`.
 */
export function checkName(name: Uint8Array): void {
  if (name.length === 0 || isDotName(name) || name.includes(slash) || name.includes(0))
    throw new ProtocolError(
      `the server lists a file by the name ${JSON.stringify(utf8Decode(name))}, which no file can have`,
      { code: 'SSH_SFTP_BAD_NAME' },
    )
}

const slash = 0x2f
const dot = 0x2e
const oneSlash = Uint8Array.of(slash)

function withoutTrailing(path: Uint8Array, end: number): number {
  let at = end
  while (at > 0 && path[at - 1] === slash) at--
  return at
}
