/** What `get` and `put` have in common: their options, their progress, and the transfers that run at a time. */

import { UsageError } from '@hawser/wire'
import { type FlowOptions, flowDefaults, TransferBudget } from '../client/transfer-flow.ts'
import { JobWindow } from '../client/window.ts'
import { BufferPool } from './buffer-pool.ts'
import type { RunningTransfer } from './download-file.ts'
import { localBlock } from './local-sink.ts'

/** How far a transfer is. */
export interface TransferProgress {
  /** Bytes that are transferred, with those that were there already. */
  readonly bytes: number
  /** Bytes of all files that are known of so far: of everything, once a directory has been read to its end. */
  readonly total: number
  /** Files that are done. */
  readonly files: number
  /** Bytes in a second, over the last few reports. */
  readonly rate: number
}

/** A file or directory that a filter decides about. */
export interface TransferEntry {
  /** Below what is transferred, with `/` between the names; empty for that itself. */
  readonly path: string
  readonly directory: boolean
  /** Bytes, where they are known. */
  readonly size: number | undefined
}

export interface TransferOptions extends Omit<FlowOptions, 'budget'> {
  /** False leaves a file, or a directory with everything in it, out. */
  readonly filter?: (entry: TransferEntry) => boolean
  /** Files at a time. Default 16. They share `maxBytes`. */
  readonly concurrency?: number
  readonly onProgress?: (progress: TransferProgress) => void
  /** Milliseconds between two reports of progress; the last one always comes. Default 100. */
  readonly progressIntervalMs?: number
  /** Go on with files that are there in part, and leave those alone that are there in full length. Default false. */
  readonly resume?: boolean
  /**
   * After each file: `size` compares the lengths of both; `content` reads both again and compares their SHA-256, for SFTP servers
   * offer no checksums. Default: neither.
   */
  readonly verify?: 'size' | 'content'
  /** Copies permission bits and times. Default false. */
  readonly preserve?: boolean
  /**
   * Leave blocks of zeros out, so that they take no room. Default: in `put`, where the local file has holes; not in `get`, for a server
   * does not tell where a file has some.
   */
  readonly sparse?: boolean
  /** Write to `.NAME.hawser-part` in the same directory and rename it when it is complete. Default false. */
  readonly atomic?: boolean
  /** Symbolic links inside directories: left out (default), made anew, or replaced by what they lead to. */
  readonly links?: 'skip' | 'copy' | 'follow'
  /** Ends the transfer: what runs is stopped, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What was transferred. */
export interface TransferResult {
  readonly files: number
  readonly directories: number
  /** Bytes that went over the line. */
  readonly bytes: number
  /** What is neither file nor directory, and links that were not to be copied; paths as for filters. */
  readonly skipped: readonly string[]
}

/** One run of `get` or `put`. */
export class TransferRun {
  readonly o: TransferOptions
  readonly flow: FlowOptions
  readonly pool = new BufferPool(localBlock)
  readonly jobs: JobWindow
  readonly skipped: string[] = []
  readonly #running = new Set<RunningTransfer>()
  #files = 0
  #directories = 0
  #transferred = 0
  #shown = 0
  #total = 0
  #rate = 0
  #reportedAt = performance.now()
  #reportedBytes = 0

  constructor(o: TransferOptions) {
    this.o = o
    const { concurrency = 16, chunkSize, maxRequests, maxBytes = flowDefaults.maxBytes } = o
    if (!Number.isSafeInteger(concurrency) || concurrency < 1)
      throw new UsageError(`concurrency is ${concurrency}; it must be a whole number from 1`)
    this.jobs = new JobWindow(concurrency)
    this.flow = {
      maxBytes,
      budget: new TransferBudget(maxBytes),
      chunkSize,
      maxRequests,
    }
  }

  /** Whether a filter wants it. */
  wants(path: string, directory: boolean, size: number | undefined): boolean {
    return this.o.filter === undefined || this.o.filter({ path, directory, size })
  }

  /** A file was found. */
  found(size: number): void {
    this.#total += size
  }

  madeDirectory(): void {
    this.#directories++
  }

  /** Runs one file's transfer; `start` gives what ends it. `there` bytes are there already. */
  transfer<T extends { readonly bytes: number }>(
    there: number,
    start: (
      onProgress: (bytes: number) => void,
      done: (error: Error | undefined, result?: T) => void,
    ) => RunningTransfer,
  ): Promise<T> {
    this.o.signal?.throwIfAborted()
    let seen = 0
    this.#advance(there)
    return new Promise((resolve, reject) => {
      const running = start(
        (bytes) => {
          this.#advance(bytes - there - seen)
          seen = bytes - there
        },
        (error, result) => {
          this.#running.delete(running)
          if (result === undefined) return reject(error)
          this.#transferred += result.bytes
          this.#advance(result.bytes - seen)
          resolve(result)
        },
      )
      this.#running.add(running)
    })
  }

  /** A whole file was there before. */
  thereAlready(bytes: number): void {
    this.#advance(bytes)
  }

  /** A file is complete. */
  finished(): void {
    this.#files++
    this.#report(false)
  }

  /** Runs `work` until it is done or the signal aborts; then everything that runs is ended first. */
  async run(work: () => Promise<void>): Promise<TransferResult> {
    const { signal } = this.o
    signal?.throwIfAborted()
    const abort = (): void => {
      const why: unknown = signal?.reason
      for (const running of this.#running) running.abort(why instanceof Error ? why : new Error(String(why)))
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await work()
      await this.jobs.idle()
    } catch (error) {
      for (const running of this.#running) running.abort(error as Error)
      // The first error is the one to tell; what else runs has been told to end.
      await this.jobs.idle().catch(() => undefined)
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    signal?.throwIfAborted()
    this.#report(true)
    return {
      files: this.#files,
      directories: this.#directories,
      bytes: this.#transferred,
      skipped: this.skipped,
    }
  }

  #advance(bytes: number): void {
    this.#shown += bytes
    this.#report(false)
  }

  #report(last: boolean): void {
    if (this.o.onProgress === undefined) return
    const now = performance.now()
    const passed = now - this.#reportedAt
    if (!last && passed < (this.o.progressIntervalMs ?? 100)) return
    const rate = ((this.#shown - this.#reportedBytes) * 1000) / Math.max(1, passed)
    this.#rate = this.#rate === 0 ? rate : this.#rate * 0.7 + rate * 0.3
    this.#reportedAt = now
    this.#reportedBytes = this.#shown
    this.o.onProgress({ bytes: this.#shown, total: this.#total, files: this.#files, rate: this.#rate })
  }
}

/** A path below what is transferred. */
export function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`
}
