/** File attributes as SFTP version 3 sends them (draft-ietf-secsh-filexfer-02 §5). */

import { type Field, ProtocolError, type Reader, UsageError, type Writer } from '@hawser/wire'
import { AttributeFlag } from './constants.ts'

/** What is known of a file. A field that is missing was not sent, or is not to be changed. */
export interface Attributes {
  /** Bytes. */
  readonly size?: bigint
  /** Sent together with `gid`; one without the other cannot be written. */
  readonly uid?: number
  readonly gid?: number
  /** File type and permission bits as POSIX's `st_mode`. */
  readonly permissions?: number
  /** Seconds since 1970, a uint32; sent together with `mtime`. */
  readonly atime?: number
  readonly mtime?: number
  /** Pairs of a vendor's name and its value. */
  readonly extended?: readonly ExtendedAttribute[]
}

export interface ExtendedAttribute {
  readonly type: string
  readonly data: Uint8Array
}

/** The most extended pairs that are read from one file's attributes. */
const mostExtended = 64

/**
 * Reads what the flags announce, in the draft's order. Unknown flag bits are passed over, as OpenSSH does: the draft gives them no
 * fields. Writing one half of a pair (`uid`/`gid`, `atime`/`mtime`) throws UsageError.
 */
export const attributes: Field<Attributes> = { read: readAttributes, write: writeAttributes }

function readAttributes(r: Reader): Attributes {
  const flags = r.uint32()
  // Property by property: objects put together by spreading take a kilobyte each, and listings have many.
  const a: { -readonly [K in keyof Attributes]: Attributes[K] } = {}
  if ((flags & AttributeFlag.size) !== 0) a.size = r.uint64()
  if ((flags & AttributeFlag.uidGid) !== 0) {
    a.uid = r.uint32()
    a.gid = r.uint32()
  }
  if ((flags & AttributeFlag.permissions) !== 0) a.permissions = r.uint32()
  if ((flags & AttributeFlag.times) !== 0) {
    a.atime = r.uint32()
    a.mtime = r.uint32()
  }
  if ((flags & AttributeFlag.extended) !== 0) {
    const extended = readExtended(r)
    // No pairs are the same as none announced, which is how they are written.
    if (extended.length > 0) a.extended = extended
  }
  return a
}

function readExtended(r: Reader): readonly ExtendedAttribute[] {
  const count = r.uint32()
  if (count > mostExtended)
    throw new ProtocolError(`${count} extended attributes on one file; the limit is ${mostExtended}`, {
      code: 'SSH_LIMIT_SFTP_ATTRIBUTES',
    })
  const pairs: ExtendedAttribute[] = []
  for (let i = 0; i < count; i++) pairs.push({ type: r.utf8(), data: r.string() })
  return pairs
}

function writeAttributes(w: Writer, a: Attributes): void {
  const owner = pair('uid', a.uid, 'gid', a.gid)
  const times = pair('atime', a.atime, 'mtime', a.mtime)
  const extended = a.extended !== undefined && a.extended.length > 0 ? a.extended : undefined
  let flags = 0
  if (a.size !== undefined) flags |= AttributeFlag.size
  if (owner !== undefined) flags |= AttributeFlag.uidGid
  if (a.permissions !== undefined) flags |= AttributeFlag.permissions
  if (times !== undefined) flags |= AttributeFlag.times
  if (extended !== undefined) flags |= AttributeFlag.extended
  w.uint32(flags >>> 0)
  if (a.size !== undefined) w.uint64(a.size)
  if (owner !== undefined) w.uint32(owner[0]).uint32(owner[1])
  if (a.permissions !== undefined) w.uint32(a.permissions)
  if (times !== undefined) w.uint32(times[0]).uint32(times[1])
  if (extended === undefined) return
  if (extended.length > mostExtended)
    throw new UsageError(`${extended.length} extended attributes on one file; the limit is ${mostExtended}`)
  w.uint32(extended.length)
  for (const { type, data } of extended) w.string(type).string(data)
}

function pair(
  nameA: string,
  a: number | undefined,
  nameB: string,
  b: number | undefined,
): readonly [number, number] | undefined {
  if (a === undefined && b === undefined) return undefined
  if (a === undefined || b === undefined)
    throw new UsageError(`${nameA} and ${nameB} are sent together: give both or neither`)
  return [a, b]
}
