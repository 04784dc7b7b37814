/** Directories read piece by piece: what the server sends is asked for as it is consumed, checked, and given as entries. */

import { ProtocolError, UsageError, utf8Decode } from '@hawser/wire'
import { sftpLimits } from '../limits.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { NameEntry } from '../protocol/messages.ts'
import { abandon, ask, type SftpCallOptions, unless } from './ask.ts'
import type { Reply, SftpLink } from './link.ts'
import { checkName, isDotName, joinPath, pathBytes, pathOf, type SftpPath } from './path.ts'
import { Stats } from './stats.ts'

export interface ListingOptions extends SftpCallOptions {
  /** Entries after which a listing is taken for endless, and fails. Default: 10 million. */
  readonly limit?: number
}

/** One file in a directory. Its `stats` are those of the file itself, also when that is a symbolic link. */
export class DirectoryEntry {
  /** The name as the server sent it. */
  readonly nameBytes: Uint8Array
  readonly stats: Stats
  readonly #directory: Uint8Array
  readonly #longname: Uint8Array

  constructor(directory: Uint8Array, entry: NameEntry) {
    this.#directory = directory
    // What is kept of an entry must not keep the whole packet.
    this.nameBytes = entry.filename.slice()
    this.#longname = entry.longname.slice()
    this.stats = new Stats(entry.attrs)
  }

  /** The name as text. Bytes that are no UTF-8 are shown as U+FFFD: use `path` to reach such a file. */
  get name(): string {
    return utf8Decode(this.nameBytes)
  }

  /** What the other verbs take to reach this file: the directory's path and the name; bytes where text would lose some. */
  get path(): SftpPath {
    return pathOf(this.pathBytes)
  }

  /** {@link DirectoryEntry.path} as bytes. */
  get pathBytes(): Uint8Array {
    return joinPath(this.#directory, this.nameBytes)
  }

  /** A line as of `ls -l`, for people; its form is the server's own. */
  get longname(): string {
    return utf8Decode(this.#longname)
  }

  isFile(): boolean {
    return this.stats.isFile()
  }

  isDirectory(): boolean {
    return this.stats.isDirectory()
  }

  isSymbolicLink(): boolean {
    return this.stats.isSymbolicLink()
  }

  isFIFO(): boolean {
    return this.stats.isFIFO()
  }

  isSocket(): boolean {
    return this.stats.isSocket()
  }

  isBlockDevice(): boolean {
    return this.stats.isBlockDevice()
  }

  isCharacterDevice(): boolean {
    return this.stats.isCharacterDevice()
  }
}

/**
 * A directory to be read: `for await (const entry of listing)`. Every loop over it reads the directory anew. Nothing is asked for before
 * the first entry is, one batch of the server is fetched ahead, and leaving the loop closes the directory.
 */
export class Listing implements AsyncIterable<DirectoryEntry> {
  readonly #link: SftpLink
  readonly #path: SftpPath
  readonly #options: ListingOptions

  constructor(link: SftpLink, path: SftpPath, options: ListingOptions = {}) {
    this.#link = link
    this.#path = path
    this.#options = options
  }

  [Symbol.asyncIterator](): AsyncGenerator<DirectoryEntry, void, void> {
    return listDirectory(this.#link, this.#path, this.#options)
  }

  /** All entries at once, in the server's order. */
  async toArray(): Promise<DirectoryEntry[]> {
    const entries: DirectoryEntry[] = []
    for await (const entry of this) entries.push(entry)
    return entries
  }
}

/** The entries of `path` without `.` and `..`, in the server's order. */
async function* listDirectory(
  link: SftpLink,
  path: SftpPath,
  o: ListingOptions = {},
): AsyncGenerator<DirectoryEntry, void, void> {
  for await (const batch of listBatches(link, path, o)) yield* batch
}

/** As {@link listDirectory}, as many at a time as the server sends. */
export async function* listBatches(
  link: SftpLink,
  path: SftpPath,
  o: ListingOptions = {},
): AsyncGenerator<DirectoryEntry[], void, void> {
  const { limit = sftpLimits.listing, signal } = o
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new UsageError(`readdir: the limit is ${limit}; it must be a whole number from 1`)
  const directory = pathBytes('readdir', path)
  const close = ({ handle }: Reply<'handle'>): void => abandon(link, handle)
  const { handle } = await ask(link, { type: 'opendir', path: directory }, { signal, late: close })
  const next = (): Promise<Reply<'name'> | undefined> => {
    const batch = unless(ask(link, { type: 'readdir', handle }, { signal, path }), SftpStatus.eof)
    // It is waited for when the batch before it has been consumed, and never when the loop was left.
    batch.catch(() => undefined)
    return batch
  }
  let left = limit
  try {
    for (let coming = next(); ; ) {
      const batch = await coming
      // No entries again and again would be asked for ever: they are the end, as for OpenSSH's client.
      if (batch === undefined || batch.names.length === 0) return
      left -= batch.names.length
      if (left < 0)
        throw new ProtocolError(`a directory of more than ${limit} entries: ${utf8Decode(directory)}`, {
          code: 'SSH_LIMIT_SFTP_LISTING',
        })
      coming = next()
      yield entriesOf(directory, batch.names)
    }
  } finally {
    abandon(link, handle)
  }
}

function entriesOf(directory: Uint8Array, names: readonly NameEntry[]): DirectoryEntry[] {
  const entries: DirectoryEntry[] = []
  for (const entry of names) {
    if (isDotName(entry.filename)) continue
    checkName(entry.filename)
    entries.push(new DirectoryEntry(directory, entry))
  }
  return entries
}
