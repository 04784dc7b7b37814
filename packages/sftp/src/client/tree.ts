/** Directories with what is above and in them: made with their parents, removed with their contents, and never through a link. */

import { SftpError } from '../errors.ts'
import type { Attributes } from '../protocol/attributes.ts'
import { SftpStatus } from '../protocol/constants.ts'
import { ask, type SftpCallOptions, unless } from './ask.ts'
import type { SftpLink } from './link.ts'
import { type DirectoryEntry, listBatches } from './listing.ts'
import { parentPath } from './path.ts'
import { FileType, fileType } from './stats.ts'
import { JobWindow } from './window.ts'

/** Makes the directory `path` and those above it that are missing. Gives the topmost that was made; undefined when all were there. */
export async function makeTree(
  link: SftpLink,
  path: Uint8Array,
  attrs: Attributes,
  { signal }: SftpCallOptions,
): Promise<Uint8Array | undefined> {
  const make = async (): Promise<SftpError | undefined> => {
    try {
      await ask(link, { type: 'mkdir', path, attrs }, { signal })
      return undefined
    } catch (error) {
      if (error instanceof SftpError && error.status !== SftpStatus.connectionLost) return error
      throw error
    }
  }
  const refused = await make()
  if (refused === undefined) return path
  const there = await directoryThere(link, path, { signal })
  if (there === true) return undefined
  const parent = parentPath(path)
  if (there === false || parent === undefined) throw refused
  const first = await makeTree(link, parent, attrs, { signal })
  const refusedAgain = await make()
  if (refusedAgain === undefined) return first ?? path
  // Somebody else may have made it meanwhile.
  if (await directoryThere(link, path, { signal })) return first
  throw refusedAgain
}

export interface RemoveOptions extends SftpCallOptions {
  /** Directories too, with everything in them. Default: false. */
  readonly recursive?: boolean
  /** What is not there is no error. Default: false. */
  readonly force?: boolean
}

/**
 * Removes what is at `path`. Symbolic links are removed themselves and not followed. Files of one directory are removed some at a time;
 * directories are listed again as long as that finds something, because some file systems skip entries while others go.
 */
export async function removeTree(link: SftpLink, path: Uint8Array, o: RemoveOptions): Promise<void> {
  const { force = false, recursive = false, signal } = o
  const gone = force ? [SftpStatus.noSuchFile] : []
  if (recursive) {
    const found = await unless(ask(link, { type: 'lstat', path }, { signal }), ...gone)
    if (found === undefined) return
    if (fileType(found.attrs) === FileType.directory)
      return removeDirectory(link, path, jobsAtOnce, { signal })
  }
  await unless(ask(link, { type: 'remove', filename: path }, { signal }), ...gone)
}

/** Requests under way while files are removed: enough for 100 ms of distance, and what servers queue without a pause. */
const jobsAtOnce = 64
/** How often a directory that will not become empty is listed: somebody else may be filling it. */
const mostRounds = 16

async function removeDirectory(
  link: SftpLink,
  path: Uint8Array,
  atOnce: number,
  o: SftpCallOptions,
): Promise<void> {
  for (let round = 1; ; round++) {
    const removed = await empty(link, path, atOnce, o)
    try {
      await unless(ask(link, { type: 'rmdir', path }, o), SftpStatus.noSuchFile)
      return
    } catch (error) {
      if (!(error instanceof SftpError) || error.status === SftpStatus.connectionLost) throw error
      if (removed === 0 || round === mostRounds) throw error
    }
  }
}

/** Removes what one listing of `path` shows; gives how much that was. No directory is held open while those below are emptied. */
async function empty(link: SftpLink, path: Uint8Array, atOnce: number, o: SftpCallOptions): Promise<number> {
  const jobs = new JobWindow(atOnce)
  const directories: Uint8Array[] = []
  let removed = 0
  for await (const batch of listBatches(link, path, o))
    for (const entry of batch) {
      removed++
      const { pathBytes } = entry
      if (await isRealDirectory(link, entry, o)) directories.push(pathBytes)
      else await jobs.start(() => removeFile(link, pathBytes, o))
    }
  await jobs.idle()
  const lanes = Math.min(atOnce, directories.length)
  const below = new JobWindow(lanes)
  for (const directory of directories)
    await below.start(() => removeDirectory(link, directory, Math.max(1, Math.floor(atOnce / lanes)), o))
  await below.idle()
  return removed
}

/** A file that somebody else removed first is as gone as it should be. */
async function removeFile(link: SftpLink, filename: Uint8Array, o: SftpCallOptions): Promise<void> {
  await unless(ask(link, { type: 'remove', filename }, o), SftpStatus.noSuchFile)
}

/** Some servers list files without their types. */
async function isRealDirectory(link: SftpLink, entry: DirectoryEntry, o: SftpCallOptions): Promise<boolean> {
  const type = fileType(entry.stats.attributes)
  if (type !== undefined) return type === FileType.directory
  const found = await unless(ask(link, { type: 'lstat', path: entry.pathBytes }, o), SftpStatus.noSuchFile)
  return found !== undefined && fileType(found.attrs) === FileType.directory
}

/** Whether `path` leads to a directory, also by a link; undefined when nothing can be seen there. */
async function directoryThere(
  link: SftpLink,
  path: Uint8Array,
  o: SftpCallOptions,
): Promise<boolean | undefined> {
  const found = await unless(
    ask(link, { type: 'stat', path }, o),
    SftpStatus.noSuchFile,
    SftpStatus.permissionDenied,
    SftpStatus.failure,
  )
  return found === undefined ? undefined : fileType(found.attrs) === FileType.directory
}
