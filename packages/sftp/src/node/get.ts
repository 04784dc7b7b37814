/** Files and whole directories from the server to the disk. */

import type { Stats as LocalStats } from 'node:fs'
import { chmod, lstat, mkdir, rename, stat, symlink, unlink, utimes } from 'node:fs/promises'
import { utf8Decode } from '@hawser/wire'
import type { SftpClient } from '../client/client.ts'
import type { DirectoryEntry } from '../client/listing.ts'
import { pathBytes, type SftpPath } from '../client/path.ts'
import type { Stats } from '../client/stats.ts'
import { type Downloaded, downloadFile } from './download-file.ts'
import { type LocalPath, localPath, partPath } from './local-path.ts'
import { below, type TransferOptions, type TransferResult, TransferRun } from './transfer-options.ts'
import { verifySame } from './verify.ts'

/**
 * Copies `remote`, a file or a directory with everything in it, to `local`. A directory is made where there is none; what is in it stays.
 * Names of the server never lead out of `local` (`SSH_SFTP_BAD_NAME`), and no link in it is followed. Rejects with the first error;
 * what was transferred stays, and `resume` goes on with it.
 */
export async function get(
  sftp: SftpClient,
  remote: SftpPath,
  local: string,
  o: TransferOptions = {},
): Promise<TransferResult> {
  const getting = new Getting(sftp, o)
  return getting.run.run(() => getting.start(pathBytes('get', remote), local))
}

interface File {
  readonly remote: Uint8Array
  readonly local: LocalPath
  readonly stats: Stats
  /** Whether it was found in a directory of the server. */
  readonly inside: boolean
}

interface Directory {
  readonly remote: Uint8Array
  readonly local: LocalPath
  readonly path: string
  readonly stats: Stats
  /** Real paths of the directories above, where links are followed. */
  readonly above: readonly string[]
}

class Getting {
  readonly run: TransferRun
  readonly #sftp: SftpClient
  readonly #o: TransferOptions
  readonly #signal: { readonly signal?: AbortSignal }
  /** Made last, so that nothing that comes is written through them. */
  readonly #links: { readonly remote: Uint8Array; readonly local: LocalPath }[] = []
  /** Directories whose times and modes are set when nothing is written into them any more. */
  readonly #done: { readonly local: LocalPath; readonly stats: Stats }[] = []

  constructor(sftp: SftpClient, o: TransferOptions) {
    this.#sftp = sftp
    this.#o = o
    this.#signal = o.signal === undefined ? {} : { signal: o.signal }
    this.run = new TransferRun(o)
  }

  async start(remote: Uint8Array, local: string): Promise<void> {
    const stats = await this.#sftp.stat(remote, this.#signal)
    const directory = stats.isDirectory()
    if (!this.run.wants('', directory, stats.size)) return
    if (directory) {
      await this.#directory({ remote, local, path: '', stats, above: [] })
      await this.run.jobs.idle()
      for (const link of this.#links) await this.#link(link.remote, link.local)
      for (const each of this.#done.reverse()) await copyAttributes(each.local, each.stats)
    } else {
      this.run.found(stats.size ?? 0)
      await this.#file({ remote, local, stats, inside: false })
    }
  }

  async #directory(d: Directory): Promise<void> {
    await makeDirectory(d.local, d.path === '')
    this.run.madeDirectory()
    const directories: Directory[] = []
    for await (const entry of this.#sftp.readdir(d.remote, this.#signal)) {
      const local = localPath(d.local, entry.nameBytes)
      const path = below(d.path, entry.name)
      const remote = entry.pathBytes
      const stats = await this.#statsOf(entry)
      const isDirectory = stats?.isDirectory() === true
      if (stats !== undefined && !this.run.wants(path, isDirectory, stats.size)) continue
      if (stats === undefined || stats.isSymbolicLink()) {
        if (this.#o.links === 'copy') this.#links.push({ remote, local })
        else this.run.skipped.push(path)
      } else if (isDirectory) {
        const above = await this.#above(d, entry)
        if (above === undefined) this.run.skipped.push(path)
        else directories.push({ remote, local, path, stats, above })
      } else if (stats.isFile() || stats.mode === undefined) {
        this.run.found(stats.size ?? 0)
        await this.run.jobs.start(() => this.#file({ remote, local, stats, inside: true }))
      } else this.run.skipped.push(path)
    }
    for (const each of directories) await this.#directory(each)
    if (this.#o.preserve === true) this.#done.push(d)
  }

  /** What an entry is, or leads to where links are followed; undefined for a link that leads nowhere. */
  async #statsOf(entry: DirectoryEntry): Promise<Stats | undefined> {
    const stats =
      entry.stats.mode === undefined ? await this.#sftp.lstat(entry.path, this.#signal) : entry.stats
    if (!stats.isSymbolicLink() || this.#o.links !== 'follow') return stats
    try {
      return await this.#sftp.stat(entry.path, this.#signal)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** The real paths above `entry` and its own; undefined when it is one of those, which a link can bring about. */
  async #above(d: Directory, entry: DirectoryEntry): Promise<readonly string[] | undefined> {
    if (this.#o.links !== 'follow') return d.above
    const above = d.path === '' ? [await this.#realpath(d.remote)] : d.above
    const own = await this.#realpath(entry.pathBytes)
    return above.includes(own) ? undefined : [...above, own]
  }

  async #realpath(path: Uint8Array): Promise<string> {
    return utf8Decode(await this.#sftp.realpath(path, this.#signal))
  }

  async #file(f: File): Promise<void> {
    const { atomic, preserve, resume, sparse, verify } = this.#o
    const target = atomic === true ? partPath(f.local) : f.local
    const size = f.stats.size
    const complete = resume === true && size !== undefined && size > 0 && (await sizeOf(f.local)) === size
    if (complete) {
      this.run.thereAlready(size)
    } else {
      const there = resume === true ? await sizeOf(target) : 0
      // More than there is to get is not a part of it.
      const start = size !== undefined && there <= size ? there : 0
      await this.run.transfer<Downloaded>(start, (onProgress, done) =>
        downloadFile(
          {
            chunkSize: this.run.flow.chunkSize,
            maxBytes: this.run.flow.maxBytes,
            maxRequests: this.run.flow.maxRequests,
            budget: this.run.flow.budget,
            link: this.#sftp.connection,
            remote: f.remote,
            local: target,
            start,
            noFollow: f.inside,
            pool: this.run.pool,
            maxBlocks: f.inside ? 2 : 8,
            onProgress,
            size,
            sparse,
          },
          done,
        ),
      )
    }
    if (verify !== undefined)
      await verifySame(this.#sftp, f.remote, complete ? f.local : target, verify, this.#o.signal)
    if (!complete && atomic === true) await rename(target, f.local)
    if (preserve === true) await copyAttributes(f.local, f.stats)
    this.run.finished()
  }

  async #link(remote: Uint8Array, local: LocalPath): Promise<void> {
    const target = await this.#sftp.readlink(remote, this.#signal)
    if ((await kindOf(local)) === 'link') await unlink(local)
    await symlink(Buffer.from(target), local)
  }
}

/** Makes `path`, or finds a directory there; a link to one does only for the topmost, which the caller named. */
async function makeDirectory(path: LocalPath, topmost: boolean): Promise<void> {
  try {
    await mkdir(path, { recursive: topmost })
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    if (!(topmost ? await stat(path) : await lstat(path)).isDirectory()) throw error
  }
}

async function sizeOf(path: LocalPath): Promise<number> {
  return (await found(path))?.size ?? 0
}

async function kindOf(path: LocalPath): Promise<'link' | 'other' | undefined> {
  const stats = await found(path)
  return stats === undefined ? undefined : stats.isSymbolicLink() ? 'link' : 'other'
}

async function found(path: LocalPath): Promise<LocalStats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** Permission bits, not those that give rights of an owner, and times, as far as the server sent them. */
async function copyAttributes(path: LocalPath, stats: Stats): Promise<void> {
  if (stats.mode !== undefined) await chmod(path, stats.mode & 0o777)
  if (stats.atime !== undefined && stats.mtime !== undefined) await utimes(path, stats.atime, stats.mtime)
}
