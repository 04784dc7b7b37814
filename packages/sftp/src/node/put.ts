/** Files and whole directories from the disk to the server. */

import type { Stats } from 'node:fs'
import { lstat, opendir, readlink, realpath, stat } from 'node:fs/promises'
import { UsageError, utf8Decode } from '@hawser/wire'
import { ask } from '../client/ask.ts'
import type { SftpClient } from '../client/client.ts'
import { joinPath, pathBytes, type SftpPath } from '../client/path.ts'
import { SftpError } from '../errors.ts'
import type { Attributes } from '../protocol/attributes.ts'
import { joinLocal, type LocalPath, remotePartPath } from './local-path.ts'
import { below, type TransferOptions, type TransferResult, TransferRun } from './transfer-options.ts'
import { type Uploaded, uploadFile } from './upload-file.ts'
import { verifySame } from './verify.ts'

/**
 * Copies `local`, a file or a directory with everything in it, to `remote`. A directory is made where there is none; what is in it stays.
 * Files get the permission bits of the local ones. Rejects with the first error; what was transferred stays, and `resume` goes on with it.
 */
export async function put(
  sftp: SftpClient,
  local: string,
  remote: SftpPath,
  o: TransferOptions = {},
): Promise<TransferResult> {
  const putting = new Putting(sftp, o)
  return putting.run.run(() => putting.start(local, pathBytes('put', remote)))
}

interface Place {
  readonly local: LocalPath
  readonly remote: Uint8Array
  readonly path: string
  readonly stats: Stats
}

/** A file as it was found; without `stats` it is a link that leads nowhere. */
interface Found extends Omit<Place, 'stats'> {
  readonly stats: Stats | undefined
}

class Putting {
  readonly run: TransferRun
  readonly #sftp: SftpClient
  readonly #o: TransferOptions
  readonly #signal: { readonly signal?: AbortSignal }
  /** Directories whose times and modes are set when nothing is written into them any more. */
  readonly #done: Place[] = []

  constructor(sftp: SftpClient, o: TransferOptions) {
    this.#sftp = sftp
    this.#o = o
    this.#signal = o.signal === undefined ? {} : { signal: o.signal }
    this.run = new TransferRun(o)
  }

  async start(local: string, remote: Uint8Array): Promise<void> {
    const stats = await stat(local)
    const place = { local, remote, path: '', stats }
    if (!this.run.wants('', stats.isDirectory(), stats.size)) return
    if (stats.isDirectory()) {
      await this.#directory(place, [await realpath(local)])
      await this.run.jobs.idle()
      for (const each of this.#done.reverse()) await this.#copyAttributes(each)
    } else if (stats.isFile()) {
      this.run.found(stats.size)
      await this.#file(place)
    } else throw new UsageError(`put: ${JSON.stringify(local)} is neither a file nor a directory`)
  }

  /** `above` are the real paths of this directory and those above it, where links are followed. */
  async #directory(d: Place, above: readonly string[]): Promise<void> {
    await this.#makeDirectory(d)
    this.run.madeDirectory()
    const directories: Place[] = []
    for await (const names of namesIn(d.local)) {
      // Some at a time: one after the other would cost more than sending the files.
      const places = await Promise.all(names.map((name) => this.#place(d, name)))
      for (const place of places) await this.#entry(place, directories)
    }
    for (const each of directories) {
      const own = this.#o.links === 'follow' ? await realpath(each.local as string) : undefined
      if (own === undefined) await this.#directory(each, above)
      // A link that leads to a directory above would be followed for ever.
      else if (above.includes(own)) this.run.skipped.push(each.path)
      else await this.#directory(each, [...above, own])
    }
    if (this.#o.preserve === true) this.#done.push(d)
  }

  async #place(d: Place, name: Buffer): Promise<Found> {
    const local = joinLocal(d.local, name)
    const stats = await this.#statsOf(local)
    return { local, remote: joinPath(d.remote, name), path: below(d.path, utf8Decode(name)), stats }
  }

  async #entry({ stats, ...where }: Found, directories: Place[]): Promise<void> {
    const { path } = where
    if (stats === undefined) {
      this.run.skipped.push(path)
      return
    }
    if (!this.run.wants(path, stats.isDirectory(), stats.size)) return
    const place = { ...where, stats }
    if (stats.isFile()) {
      this.run.found(stats.size)
      await this.run.jobs.start(() => this.#file(place))
    } else if (stats.isDirectory()) directories.push(place)
    else if (stats.isSymbolicLink() && this.#o.links === 'copy')
      await this.run.jobs.start(() => this.#link(place))
    else this.run.skipped.push(path)
  }

  /** What a file is, or leads to where links are followed; undefined for a link that leads nowhere. */
  async #statsOf(path: LocalPath): Promise<Stats | undefined> {
    if (this.#o.links !== 'follow') return lstat(path)
    try {
      return await stat(path)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Write permission for ourselves is needed until everything is there. */
  async #makeDirectory({ path, remote, stats }: Place): Promise<void> {
    try {
      await this.#sftp.mkdir(remote, {
        ...this.#signal,
        mode: (stats.mode & 0o777) | 0o700,
        recursive: path === '',
      })
    } catch (error) {
      // Servers have no status for "exists" in version 3.
      if (!(error instanceof SftpError) || !(await this.#isDirectory(remote))) throw error
    }
  }

  async #isDirectory(path: Uint8Array): Promise<boolean> {
    try {
      return (await this.#sftp.stat(path, this.#signal)).isDirectory()
    } catch (error) {
      if (error instanceof SftpError && error.code === 'ENOENT') return false
      throw error
    }
  }

  async #file(f: Place): Promise<void> {
    const { atomic, preserve, resume, sparse = true, verify } = this.#o
    const target = atomic === true ? remotePartPath(f.remote) : f.remote
    const { size } = f.stats
    const complete = resume === true && size > 0 && (await this.#sizeOf(f.remote)) === size
    if (complete) this.run.thereAlready(size)
    else {
      const there = resume === true ? await this.#sizeOf(target) : 0
      // More than there is to put is not a part of it.
      const start = there <= size ? there : 0
      await this.run.transfer<Uploaded>(start, (onProgress, done) =>
        uploadFile(
          {
            chunkSize: this.run.flow.chunkSize,
            maxBytes: this.run.flow.maxBytes,
            maxRequests: this.run.flow.maxRequests,
            budget: this.run.flow.budget,
            link: this.#sftp.connection,
            local: f.local,
            remote: target,
            stats: f.stats,
            start,
            sparse,
            pool: this.run.pool,
            mode: f.stats.mode & 0o777,
            onProgress,
            attrs: preserve === true ? attributesOf : undefined,
          },
          done,
        ),
      )
    }
    if (verify !== undefined)
      await verifySame(this.#sftp, complete ? f.remote : target, f.local, verify, this.#o.signal)
    if (!complete && atomic === true) await this.#sftp.rename(target, f.remote, this.#signal)
    if (complete && preserve === true) await this.#copyAttributes(f)
    this.run.finished()
  }

  async #sizeOf(path: Uint8Array): Promise<number> {
    try {
      return (await this.#sftp.lstat(path, this.#signal)).size ?? 0
    } catch (error) {
      if (error instanceof SftpError && error.code === 'ENOENT') return 0
      throw error
    }
  }

  async #link({ local, remote }: Place): Promise<void> {
    const target = (await readlink(local, { encoding: 'buffer' })) as Uint8Array
    try {
      if ((await this.#sftp.lstat(remote, this.#signal)).isSymbolicLink())
        await this.#sftp.unlink(remote, this.#signal)
    } catch (error) {
      if (!(error instanceof SftpError) || error.code !== 'ENOENT') throw error
    }
    await this.#sftp.symlink(target, remote, this.#signal)
  }

  async #copyAttributes({ remote, stats }: Place): Promise<void> {
    const link = this.#sftp.connection
    await ask(link, { type: 'setstat', path: remote, attrs: attributesOf(stats) }, this.#signal)
  }
}

/** Entries of a directory that are looked at together. */
const entriesAtOnce = 64

/** The names in a directory, some at a time. */
async function* namesIn(path: LocalPath): AsyncGenerator<Buffer[], void, void> {
  const names: Buffer[] = []
  const opened = await opendir(path as string, {
    encoding: 'buffer' as BufferEncoding,
    bufferSize: entriesAtOnce,
  })
  for await (const entry of opened) {
    names.push(entry.name as unknown as Buffer)
    if (names.length === entriesAtOnce) yield names.splice(0)
  }
  yield names
}

function attributesOf(stats: Stats): Attributes {
  return {
    permissions: stats.mode & 0o777,
    atime: seconds(stats.atimeMs),
    mtime: seconds(stats.mtimeMs),
  }
}

/** A uint32 on the wire. */
function seconds(milliseconds: number): number {
  return Math.min(0xffffffff, Math.max(0, Math.floor(milliseconds / 1000)))
}
