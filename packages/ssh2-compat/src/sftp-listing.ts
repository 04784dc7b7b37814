/** Listings of directories: one READDIR, or as many as a whole directory takes. */

import type { messages } from '@hawser/sftp'
import { asBuffer } from './channel-bytes.ts'
import { STATUS_CODE } from './constants.ts'
import type { SftpCalls } from './sftp-calls.ts'
import { statusError } from './sftp-errors.ts'
import type { FileEntryWithStats } from './sftp-types.ts'
import { toStats } from './stats.ts'

/** Entries of one directory that are kept: a server could go on for ever. */
const mostEntries = 4_000_000

type SftpReply = messages.SftpReply
type Listed = (error: Error | undefined, list?: FileEntryWithStats[]) => void

/** The next entries of an open directory; at its end an error with the code 1. */
export function listSome(calls: SftpCalls, handle: Uint8Array, full: boolean, done: Listed): boolean {
  return calls.ask({ type: 'readdir', handle }, (error, reply) => {
    if (error !== undefined) return done(error)
    const { names } = reply as Extract<SftpReply, { type: 'name' }>
    // An answer without names would be asked for again and again: it is the end, as for OpenSSH's client.
    if (names.length === 0) return done(statusError(STATUS_CODE.EOF, 'End of file'))
    const list: FileEntryWithStats[] = []
    for (const name of names) {
      const entry = entryOf(name)
      if (entry instanceof Error) return done(entry)
      if (full || (entry.filename !== '.' && entry.filename !== '..')) list.push(entry)
    }
    done(undefined, list)
  })
}

/** All entries of the directory at `path`, in the server's order. */
export function listAll(calls: SftpCalls, path: Uint8Array, full: boolean, done: Listed): boolean {
  return calls.ask({ type: 'opendir', path }, (error, reply) => {
    if (error !== undefined) return done(error)
    const { handle } = reply as Extract<SftpReply, { type: 'handle' }>
    const all: FileEntryWithStats[] = []
    const close = (failure: Error | undefined): void => {
      calls.ask({ type: 'close', handle }, (error) => done(failure ?? error, all))
    }
    const more = (): void => {
      listSome(calls, handle, full, (error, list) => {
        if (error !== undefined) return close(isEnd(error) ? undefined : error)
        for (const entry of list as FileEntryWithStats[]) all.push(entry)
        if (all.length > mostEntries)
          return close(new Error(`the directory has more than ${mostEntries} entries, and more are coming`))
        more()
      })
    }
    more()
  })
}

/** Whether the error is the end of a file or directory. */
function isEnd(error: Error): boolean {
  const { status, code } = error as { status?: unknown; code?: unknown }
  return status === STATUS_CODE.EOF || code === STATUS_CODE.EOF
}

/** An error for a name that would lead out of the directory when a program joins it with a path. */
function entryOf(name: messages.NameEntry): FileEntryWithStats | Error {
  const raw = asBuffer(name.filename)
  const filename = raw.toString()
  if (filename === '' || filename.includes('/') || filename.includes('\0'))
    return statusError(
      STATUS_CODE.BAD_MESSAGE,
      `the server listed ${JSON.stringify(filename)}, which is no name of a file in a directory`,
    )
  const entry = { filename, longname: asBuffer(name.longname).toString(), attrs: toStats(name.attrs) }
  // Names that are not UTF-8 would otherwise be lost: methods take these bytes as a path.
  if (filename.includes('\ufffd'))
    Object.defineProperty(entry, 'filenameRaw', { value: Buffer.from(raw), enumerable: false })
  return entry
}
