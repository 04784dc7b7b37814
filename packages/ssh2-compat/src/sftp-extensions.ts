/** What OpenSSH's extensions are asked and answered with, in ssh2's shapes. */

import { type messages, statvfsReply, usersGroupsReply } from '@hawser/sftp'
import { Reader, Writer } from '@hawser/wire'
import type { FileSystemInfo } from './sftp-types.ts'

type SftpReply = messages.SftpReply

/** The reply to statvfs and fstatvfs. */
export function fileSystemInfo(reply: SftpReply): FileSystemInfo {
  const { fsid, ...rest } = statvfsReply.decode(dataOf(reply))
  const named = { ...rest, sid: fsid }
  return Object.fromEntries(
    Object.entries(named).map(([name, value]) => [`f_${name}`, Number(value)]),
  ) as unknown as FileSystemInfo
}

/** Ids as users-groups-by-id has them: packed uint32s. */
export function idsBytes(ids: readonly number[]): Uint8Array {
  if (!Array.isArray(ids)) throw new Error('ids must be an array of numbers')
  const packed = new Writer(4 * ids.length)
  for (const id of ids) packed.uint32(id)
  return packed.finish()
}

/** The names of users and of groups, in the order of the ids; empty where the server knows none. */
export function usersAndGroups(reply: SftpReply): readonly [users: string[], groups: string[]] {
  const { usernames, groupnames } = usersGroupsReply.decode(dataOf(reply))
  return [strings(usernames), strings(groupnames)]
}

function strings(packed: Uint8Array): string[] {
  const reader = new Reader(packed, 'users-groups-by-id reply')
  const all: string[] = []
  while (reader.left > 0) all.push(reader.utf8())
  return all
}

function dataOf(reply: SftpReply): Uint8Array {
  return (reply as Extract<SftpReply, { type: 'extendedReply' }>).data
}
