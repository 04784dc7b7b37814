/** What a server tells about itself and its disk: file systems, home directories, names of users and groups. */

import { ProtocolError, Reader, UsageError, utf8Decode, utf8DecodeStrict, Writer } from '@hawser/wire'
import { type FileSystemStatistics, statvfsReply, usersGroupsReply } from '../protocol/extensions.ts'
import { ask, askExtended, type SftpCallOptions, unsupported } from './ask.ts'
import type { Reply, SftpLink } from './link.ts'
import { pathBytes, type SftpPath } from './path.ts'

/** The fields of statvfs(3), all bigint: free bytes for a user are `bavail * frsize`. */
export async function statvfs(
  link: SftpLink,
  path: SftpPath,
  { signal }: SftpCallOptions,
): Promise<FileSystemStatistics> {
  const bytes = pathBytes('statvfs', path)
  if (!link.has('statvfs')) throw unsupported('statvfs', 'statvfs@openssh.com', path)
  const { data } = await askExtended(link, 'statvfs', { path: bytes }, { signal })
  return statvfsReply.decode(data)
}

/** As {@link statvfs}, of the file system where an open file is. */
export async function fstatvfs(
  link: SftpLink,
  handle: Uint8Array,
  path: SftpPath,
  { signal }: SftpCallOptions,
): Promise<FileSystemStatistics> {
  if (!link.has('fstatvfs')) throw unsupported('fstatvfs', 'fstatvfs@openssh.com', path)
  const { data } = await askExtended(link, 'fstatvfs', { handle }, { signal, path })
  return statvfsReply.decode(data)
}

/** The path without `.`, `..` and links, from the root. */
export async function realpath(
  link: SftpLink,
  path: SftpPath,
  { signal }: SftpCallOptions,
): Promise<Uint8Array> {
  return onlyName(await ask(link, { type: 'realpath', path: pathBytes('realpath', path) }, { signal }))
}

/** As {@link realpath}, with `~` and `~user` in front. */
export async function expandPath(
  link: SftpLink,
  path: SftpPath,
  { signal }: SftpCallOptions,
): Promise<Uint8Array> {
  const bytes = pathBytes('expandPath', path)
  if (link.has('expandPath'))
    return onlyName(await askExtended(link, 'expandPath', { path: bytes }, { signal }))
  if (bytes[0] !== tilde) return realpath(link, bytes, { signal })
  if (bytes.length > 1 && bytes[1] !== slash)
    throw unsupported('expandPath', 'expand-path@openssh.com, which knows the homes of other users', path)
  const home = await homeDirectory(link, undefined, { signal })
  if (bytes.length <= 2) return home
  const below = new Uint8Array(home.length + bytes.length - 1)
  below.set(home)
  below.set(bytes.subarray(1), home.length)
  return realpath(link, below, { signal })
}

/**
 * The home of `user`; without one, of the user who is logged in. For that one the draft has an empty name, which OpenSSH 9.2 refuses:
 * `~` is asked for first, and a server that knows neither begins at home.
 */
export async function homeDirectory(
  link: SftpLink,
  user: string | undefined,
  { signal }: SftpCallOptions,
): Promise<Uint8Array> {
  if (user === undefined && link.has('expandPath'))
    return onlyName(await askExtended(link, 'expandPath', { path: Uint8Array.of(tilde) }, { signal }))
  if (link.has('homeDirectory'))
    return onlyName(await askExtended(link, 'homeDirectory', { username: user ?? '' }, { signal }))
  if (user !== undefined) throw unsupported('homeDirectory', 'home-directory, which knows users by name')
  return realpath(link, '.', { signal })
}

/** Names of users and groups, each undefined where the server knows none. */
export interface UserAndGroupNames {
  readonly users: readonly (string | undefined)[]
  readonly groups: readonly (string | undefined)[]
}

/** The names of numbers, in the order in which they were asked for. */
export async function usersGroupsById(
  link: SftpLink,
  { uids = [], gids = [] }: { readonly uids?: readonly number[]; readonly gids?: readonly number[] },
  { signal }: SftpCallOptions,
): Promise<UserAndGroupNames> {
  if (!link.has('usersGroupsById')) throw unsupported('usersGroupsById', 'users-groups-by-id@openssh.com')
  const request = { uids: packNumbers(uids), gids: packNumbers(gids) }
  const { data } = await askExtended(link, 'usersGroupsById', request, { signal })
  const { usernames, groupnames } = usersGroupsReply.decode(data)
  return { users: unpackNames(usernames, uids.length), groups: unpackNames(groupnames, gids.length) }
}

/** The one name of a reply, which the machine has checked to be one, as a path that leads somewhere. */
export function onlyName(reply: Reply<'name'>): Uint8Array {
  const path = reply.names[0]?.filename
  if (path === undefined || path.length === 0 || path.includes(0))
    throw new ProtocolError('the server answers with a path that no file can have', {
      code: 'SSH_SFTP_BAD_NAME',
    })
  return path
}

/** Text where text was given, bytes where bytes were. */
export type SameAs<P extends SftpPath> = P extends Uint8Array ? Uint8Array : string

/** The server's `answer` about `asked`, in the same form. Throws UsageError where text would lose bytes. */
export function inKind<P extends SftpPath>(op: string, asked: P, answer: Uint8Array): SameAs<P> {
  if (typeof asked !== 'string') return answer.slice() as SameAs<P>
  const text = utf8DecodeStrict(answer)
  if (text !== undefined) return text as SameAs<P>
  throw new UsageError(
    `${op}: the server's answer ${JSON.stringify(utf8Decode(answer))} is no UTF-8: give the path as bytes, and get bytes`,
  )
}

const tilde = 0x7e
const slash = 0x2f

function packNumbers(numbers: readonly number[]): Uint8Array {
  const writer = new Writer(4 * numbers.length)
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < 0 || number > 0xffff_ffff)
      throw new UsageError(`usersGroupsById: ${number} is no uid or gid`)
    writer.uint32(number)
  }
  return writer.finish()
}

function unpackNames(bytes: Uint8Array, asked: number): (string | undefined)[] {
  const reader = new Reader(bytes, 'users-groups-by-id reply')
  const names: (string | undefined)[] = []
  while (reader.left > 0 && names.length < asked) {
    const name = utf8Decode(reader.string())
    names.push(name === '' ? undefined : name)
  }
  reader.end()
  if (names.length !== asked)
    throw new ProtocolError(`${names.length} names in reply to ${asked} numbers of users or groups`)
  return names
}
