/** One file from the server into a local file, by callbacks. */

import { close, constants, open } from 'node:fs'
import { closeHandle, type Finished, openHandle } from '../client/file-ends.ts'
import type { SftpLink } from '../client/link.ts'
import { ReadAhead } from '../client/read-ahead.ts'
import { withPath } from '../client/request-facts.ts'
import type { FlowOptions } from '../client/transfer-flow.ts'
import { SftpError } from '../errors.ts'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag, SftpStatus } from '../protocol/constants.ts'
import type { BufferPool } from './buffer-pool.ts'
import { atLocalPath, type LocalPath } from './local-path.ts'
import { LocalSink } from './local-sink.ts'

export interface DownloadFileOptions extends FlowOptions {
  readonly link: SftpLink
  readonly remote: Uint8Array
  readonly local: LocalPath
  /** Permission bits of a local file that is made. Default 0o666, less the umask. */
  readonly mode?: number | undefined
  /** The file's size where it is known; else the server is asked. */
  readonly size?: number | undefined
  /** Where to go on: bytes that the local file has already. Default 0, which empties it. */
  readonly start?: number | undefined
  /** Behind the last byte that is wanted. Default: the end of the file, wherever it turns out to be. */
  readonly end?: number | undefined
  /** Fail (`ELOOP`) where the local file is a symbolic link, where the system can tell. Default false. */
  readonly noFollow?: boolean | undefined
  /** Blocks of 256 KiB that may wait for the disk. Default 8. */
  readonly maxBlocks?: number | undefined
  /** Leave zeros out of the local file. */
  readonly sparse?: boolean | undefined
  readonly pool?: BufferPool | undefined
  /** Bytes that came, and those of the whole file as it is known now. */
  readonly onProgress?: ((bytes: number, size: number) => void) | undefined
}

/** What came of a download. */
export interface Downloaded {
  /** Bytes that were transferred. */
  readonly bytes: number
  /** What the server said of the file, if it was asked. */
  readonly attrs: Attributes | undefined
}

/** A transfer that runs; `abort` ends it with that error. */
export interface RunningTransfer {
  abort(error: Error): void
}

/**
 * Copies `remote` to `local`; `done` is called once, when both are closed. A file that turns out to be shorter than the server said
 * is an error (`SSH_SFTP_SHORT_FILE`), a longer one is copied whole. What has come stays in the local file, in order and without holes.
 */
export function downloadFile(
  o: DownloadFileOptions,
  done: (error: Error | undefined, result?: Downloaded) => void,
): RunningTransfer {
  const { link } = o
  let fd: number | undefined
  let handle: Uint8Array | undefined
  let ahead: ReadAhead | undefined
  let sink: LocalSink | undefined
  let attrs: Attributes | undefined
  let waitingFor = 0
  let over: { readonly error: Error | undefined } | undefined

  const finish = (error: Error | undefined): void => {
    if (over !== undefined) return
    over = { error }
    ahead?.stop()
    if (sink === undefined) return settle()
    waitingFor++
    sink.stop(ready)
  }
  /** Closes what is open once nothing is being opened any more, then reports. */
  const settle = (): void => {
    if (over === undefined || waitingFor > 0) return
    const { error } = over
    waitingFor = 1
    const closed: Finished = (first) => {
      if (fd === undefined) report(first)
      else close(fd, (closeError) => report(first ?? closeError ?? undefined))
    }
    if (handle === undefined) closed(error)
    else closeHandle(link, handle, error, closed)
  }
  const report = (error: Error | undefined): void => {
    if (error === undefined) done(undefined, { bytes: ahead?.delivered ?? 0, attrs })
    else done(withPath(atLocalPath(error, o.local), o.remote))
  }
  const ready = (): void => {
    if (--waitingFor > 0) return
    if (over === undefined) begin(handle as Uint8Array, fd as number)
    else settle()
  }
  const begin = (from: Uint8Array, to: number): void => {
    const start = o.start ?? 0
    // A size that no local file can have is none: the end of the file will be found by reading.
    const said = Number(attrs?.size ?? 0n)
    const size = o.size ?? (Number.isSafeInteger(said) ? said : 0)
    const into = new LocalSink({
      fd: to,
      start,
      sparse: o.sparse,
      pool: o.pool,
      maxBlocks: o.maxBlocks,
      onDrain: () => ahead?.resume(),
      onError: finish,
    })
    sink = into
    // Each by name: to copy all options would cost more than a small file.
    ahead = new ReadAhead({
      link,
      chunkSize: o.chunkSize,
      maxBytes: o.maxBytes,
      maxRequests: o.maxRequests,
      budget: o.budget,
      handle: from,
      path: o.remote,
      start,
      end: o.end,
      size,
      onData: (bytes) => {
        const room = into.write(bytes)
        o.onProgress?.(start + (ahead?.delivered ?? 0), size)
        return room
      },
      onEnd: (error) => {
        const got = start + (ahead?.delivered ?? 0)
        const short = error === undefined && got < size ? shortFile(o.remote, got, size) : undefined
        // What came before an error is kept too: a later transfer can go on from there.
        into.finish(() => finish(error ?? short))
      },
    })
    ahead.start()
  }

  waitingFor = 1
  openHandle(link, o.remote, OpenFlag.read, {}, (error, opened) => {
    handle = opened
    if (error !== undefined) finish(error)
    if (over === undefined) opening(handle as Uint8Array)
    ready()
  })
  /** A local file is touched only when there is something to put into it. */
  const opening = (from: Uint8Array): void => {
    if (o.size === undefined) {
      waitingFor++
      link.request({ type: 'fstat', handle: from }, (error, reply) => {
        if (error === undefined) attrs = reply.attrs
        // A server without fstat leaves the size unknown, and nothing else.
        else if (link.error !== undefined) finish(error)
        ready()
      })
    }
    waitingFor++
    const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants
    const how = (o.start ?? 0) > 0 ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC
    // Windows has no such flag, and needs a privilege to make links.
    open(o.local, o.noFollow === true ? how | (O_NOFOLLOW ?? 0) : how, o.mode ?? 0o666, (error, opened) => {
      if (error === null) fd = opened
      else finish(error)
      ready()
    })
  }
  return { abort: finish }
}

/** The error of a download whose file ended before its size. */
function shortFile(path: Uint8Array, got: number, size: number): SftpError {
  return new SftpError(
    { status: SftpStatus.eof, op: 'read', path },
    `the file ended after ${got} bytes; the server said that it has ${size}`,
  )
}
