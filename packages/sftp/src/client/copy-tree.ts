/** Copies at the server: files, links as links, and directories with what is in them. */

import { UsageError, utf8Decode } from '@hawser/wire'
import { SftpError } from '../errors.ts'
import { SftpStatus } from '../protocol/constants.ts'
import { ask, type SftpCallOptions } from './ask.ts'
import { onlyName, realpath } from './file-system.ts'
import type { SftpLink } from './link.ts'
import { listBatches } from './listing.ts'
import { joinPath } from './path.ts'
import { FileType, fileType } from './stats.ts'
import { makeTree } from './tree.ts'
import { copyWhole } from './whole-file.ts'
import { JobWindow } from './window.ts'

export interface CopyOptions extends SftpCallOptions {
  /** Directories too, with everything in them. Default: false. */
  readonly recursive?: boolean
  /** Whether files and links that are there are replaced; if not, one is an error. Default: true. */
  readonly overwrite?: boolean
}

/** Files copied at a time; each takes two handles at the server. */
const jobsAtOnce = 8

/** Copies what is at `from` to the path `to`. */
export async function copyTree(
  link: SftpLink,
  from: Uint8Array,
  to: Uint8Array,
  o: CopyOptions,
): Promise<void> {
  const { attrs } = await ask(link, { type: 'lstat', path: from }, { signal: o.signal })
  if (fileType(attrs) !== FileType.directory) return copyEntry(link, from, to, fileType(attrs), o)
  if (o.recursive !== true)
    throw new UsageError(
      `cp: ${JSON.stringify(utf8Decode(from))} is a directory; ask for it with { recursive: true }`,
    )
  const made = await makeTree(link, to, {}, o)
  const [source, target] = await Promise.all([realpath(link, from, o), realpath(link, to, o)])
  if (isInside(source, target)) {
    if (made !== undefined) await ask(link, { type: 'rmdir', path: to }, { signal: o.signal })
    throw new UsageError(`cp: ${JSON.stringify(utf8Decode(from))} cannot be copied into itself`)
  }
  await copyDirectory(link, from, to, o)
}

async function copyDirectory(
  link: SftpLink,
  from: Uint8Array,
  to: Uint8Array,
  o: CopyOptions,
): Promise<void> {
  const jobs = new JobWindow(jobsAtOnce)
  const below: Uint8Array[] = []
  for await (const batch of listBatches(link, from, o))
    for (const { nameBytes, pathBytes, stats } of batch) {
      const listed = fileType(stats.attributes)
      const type =
        listed ?? fileType((await ask(link, { type: 'lstat', path: pathBytes }, { signal: o.signal })).attrs)
      if (type === FileType.directory) below.push(nameBytes)
      else await jobs.start(() => copyEntry(link, pathBytes, joinPath(to, nameBytes), type, o))
    }
  await jobs.idle()
  for (const name of below) {
    const target = joinPath(to, name)
    await makeTree(link, target, {}, o)
    await copyDirectory(link, joinPath(from, name), target, o)
  }
}

async function copyEntry(
  link: SftpLink,
  from: Uint8Array,
  to: Uint8Array,
  type: number | undefined,
  o: CopyOptions,
): Promise<void> {
  const { overwrite = true, signal } = o
  // A server that does not say what it is will say whether it can be read.
  if (type === FileType.file || type === undefined) return copyWhole(link, from, to, { overwrite, signal })
  if (type !== FileType.symbolicLink)
    throw new UsageError(
      `cp: ${JSON.stringify(utf8Decode(from))} is neither a file nor a directory nor a link`,
    )
  const targetpath = onlyName(await ask(link, { type: 'readlink', path: from }, { signal }))
  const symlink = { type: 'symlink', targetpath, linkpath: to } as const
  try {
    await ask(link, symlink, { signal })
  } catch (error) {
    if (!overwrite || !(error instanceof SftpError) || error.status === SftpStatus.connectionLost) throw error
    await ask(link, { type: 'remove', filename: to }, { signal })
    await ask(link, symlink, { signal })
  }
}

/** Whether `path` is `directory`, or is below it. */
function isInside(directory: Uint8Array, path: Uint8Array): boolean {
  if (path.length < directory.length) return false
  if (directory.some((byte, at) => path[at] !== byte)) return false
  return path.length === directory.length || directory.at(-1) === 0x2f || path[directory.length] === 0x2f
}
