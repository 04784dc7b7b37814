/** One local file to the server, by callbacks. */

import { close, fstat, open, type Stats } from 'node:fs'
import { openHandle } from '../client/file-ends.ts'
import type { SftpLink } from '../client/link.ts'
import { withPath } from '../client/request-facts.ts'
import type { FlowOptions } from '../client/transfer-flow.ts'
import { WriteBehind } from '../client/write-behind.ts'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag } from '../protocol/constants.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { RunningTransfer } from './download-file.ts'
import { atLocalPath, type LocalPath } from './local-path.ts'
import { LocalSource } from './local-source.ts'

export interface UploadFileOptions extends FlowOptions {
  readonly link: SftpLink
  readonly local: LocalPath
  readonly remote: Uint8Array
  /** The local file's, where they are known; else it is asked for them. */
  readonly stats?: Stats | undefined
  /** Permission bits of a remote file that is made. Default: the server's own. */
  readonly mode?: number | undefined
  /** Where to go on: bytes that the remote file has already. Default 0, which empties it. */
  readonly start?: number | undefined
  /** Leave zeros out, where the local file has holes and the remote one is new. */
  readonly sparse?: boolean | undefined
  /** Give the remote file these attributes when its data is there, such as the local file's times and mode. */
  readonly attrs?: ((local: Stats) => Attributes | undefined) | undefined
  readonly pool?: BufferPool | undefined
  /** Bytes that the server has answered for, and those of the whole file. */
  readonly onProgress?: ((bytes: number, size: number) => void) | undefined
}

/** What came of an upload. */
export interface Uploaded {
  /** Bytes that were transferred. */
  readonly bytes: number
  /** The local file's, as it was when it was opened. */
  readonly stats: Stats
}

/**
 * Copies `local` to `remote`; `done` is called once, when both are closed. The local file is read to its end, also where that has
 * moved since it was opened.
 */
export function uploadFile(
  o: UploadFileOptions,
  done: (error: Error | undefined, result?: Uploaded) => void,
): RunningTransfer {
  const { link } = o
  const start = o.start ?? 0
  let fd: number | undefined
  let stats: Stats | undefined
  let handle: Uint8Array | undefined
  let source: LocalSource | undefined
  let behind: WriteBehind | undefined
  let bytes = 0
  let opening = true
  let sourceOver = true
  let failure: Error | undefined
  let finishing = false

  const fail = (error: Error): void => {
    failure ??= error
    behind?.stop(error)
    if (source === undefined || sourceOver) return settle()
    source.stop(() => {
      sourceOver = true
      settle()
    })
  }
  /** Closes both ends when nothing is under way; the remote one with its attributes set before. */
  const settle = (): void => {
    if (opening || finishing || !sourceOver) return
    finishing = true
    if (behind === undefined || handle === undefined) return closeLocal()
    // Servers that know limits@openssh.com work through a file's requests in order (draft-ietf-secsh-filexfer-02 §4.1); others may not.
    const inOrder = link.limits.write !== undefined && behind.allSent && failure === undefined
    if (inOrder) {
      let left = 2
      const both = (error?: Error): void => {
        failure ??= error
        if (--left === 0) closeLocal()
      }
      behind.finish(both)
      closeRemote(handle, both)
    } else {
      const opened = handle
      behind.finish((error) => {
        failure ??= error
        closeRemote(opened, (closeError) => {
          failure ??= closeError
          closeLocal()
        })
      })
    }
  }
  const closeRemote = (opened: Uint8Array, next: (error?: Error) => void): void => {
    const attrs = failure === undefined ? closingAttributes(o, stats as Stats, start + bytes) : undefined
    let first: Error | undefined
    if (attrs !== undefined)
      link.request({ type: 'fsetstat', handle: opened, attrs }, (error, _reply) => {
        first = error
      })
    link.request({ type: 'close', handle: opened }, (error, _reply) => next(first ?? error))
  }
  const closeLocal = (): void => {
    const report = (error: Error | null | undefined): void => {
      if (error != null) done(withPath(atLocalPath(error, o.local), o.remote))
      else done(undefined, { bytes, stats: stats as Stats })
    }
    if (fd === undefined) report(failure)
    else close(fd, (error) => report(failure ?? error))
  }
  /** Each option by name: to copy all would cost more than a small file. */
  const writing = (to: Uint8Array): WriteBehind =>
    new WriteBehind({
      link,
      chunkSize: o.chunkSize,
      maxBytes: o.maxBytes,
      maxRequests: o.maxRequests,
      budget: o.budget,
      handle: to,
      path: o.remote,
      start,
    })
  const begin = (to: Uint8Array, from: number): void => {
    const size = (stats as Stats).size
    behind = writing(to)
    const written = behind
    source = new LocalSource({
      fd: from,
      start,
      size,
      behind,
      sparse: isSparse(o, stats as Stats),
      pool: o.pool,
      onAnswer: () => o.onProgress?.(start + written.acknowledged, size),
      onEnd: (error, read) => {
        bytes = read
        sourceOver = true
        if (error === undefined) settle()
        else fail(error)
      },
    })
    sourceOver = false
    source.pump()
  }
  const openRemote = (): void => {
    const flags = OpenFlag.write | OpenFlag.create | (start > 0 ? 0 : OpenFlag.truncate)
    openHandle(
      link,
      o.remote,
      flags,
      o.mode === undefined ? {} : { permissions: o.mode },
      (error, opened) => {
        opening = false
        handle = opened
        if (error !== undefined) fail(error)
        else if (failure === undefined) begin(opened, fd as number)
        else {
          behind = writing(opened)
          settle()
        }
      },
    )
  }

  open(o.local, 'r', (error, opened) => {
    if (error !== null) {
      opening = false
      return fail(error)
    }
    fd = opened
    if (o.stats !== undefined) {
      stats = o.stats
      if (failure === undefined) return openRemote()
      opening = false
      return settle()
    }
    fstat(opened, (statError, found) => {
      stats = found
      if (statError === null && failure === undefined) return openRemote()
      opening = false
      if (statError === null) settle()
      else fail(statError)
    })
  })
  return { abort: fail }
}

/** A file that has less room on disk than bytes has holes. */
function isSparse(o: UploadFileOptions, stats: Stats): boolean {
  return (
    o.sparse === true && (o.start ?? 0) === 0 && stats.blocks !== undefined && stats.blocks * 512 < stats.size
  )
}

/** What is to be set at the end: what the caller wants, and the size where a hole may be at the end. */
function closingAttributes(o: UploadFileOptions, stats: Stats, size: number): Attributes | undefined {
  const attrs = o.attrs?.(stats)
  return isSparse(o, stats) ? { size: BigInt(size), ...attrs } : attrs
}
