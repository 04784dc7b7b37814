/** Whole files at once: from or to memory, and from or to local files. */

import { constants } from 'node:buffer'
import { chmod } from 'node:fs'
import { type messages, ReadAhead, WriteBehind } from '@hawser/sftp'
import { downloadFile, uploadFile } from '@hawser/sftp/node'
import { openAttributes, openFlags, pathBytes } from './sftp-arguments.ts'
import { answer, type SftpCalls } from './sftp-calls.ts'
import type { ReadFileOptions, SFTPPath, TransferOptions, WriteFileOptions } from './sftp-types.ts'
import { modeOf } from './stats.ts'

type SftpReply = messages.SftpReply
type Finished = (error: Error | undefined) => void

/** Opens, asks for the size, reads, closes; `callback` gets a Buffer, or a string when there is an encoding. */
export function readFile(
  calls: SftpCalls,
  path: SFTPPath,
  options: ReadFileOptions | BufferEncoding | null | undefined,
  callback: unknown,
): void {
  const o: ReadFileOptions = typeof options === 'string' ? { encoding: options } : (options ?? {})
  const encoding: string | null | undefined = o.encoding
  if (typeof encoding === 'string' && !Buffer.isEncoding(encoding))
    throw new Error(`Unknown encoding: ${String(encoding)}`)
  const chunks: Uint8Array[] = []
  let total = 0
  withFile(calls, path, o.flag ?? 'r', undefined, (error, handle, close) => {
    if (error !== undefined) return answer(callback, error)
    const done = (failure: Error | undefined): void =>
      close(failure, (first) =>
        answer(callback, first, () => {
          const data = Buffer.concat(chunks, total)
          return [typeof encoding === 'string' ? data.toString(encoding) : data]
        }),
      )
    calls.ask({ type: 'fstat', handle }, (refused, reply) => {
      // A server without fstat leaves the size unknown, and nothing else.
      if (refused !== undefined && calls.link.error !== undefined) return done(refused)
      const size = (reply as Extract<SftpReply, { type: 'attrs' }> | undefined)?.attrs.size ?? 0n
      const ahead = new ReadAhead({
        link: calls.link,
        handle,
        path: pathBytes(path),
        size,
        onData(bytes) {
          chunks.push(bytes)
          total += bytes.length
          if (total <= mostBytes) return true
          ahead.stop()
          done(new RangeError(`the file has more than ${mostBytes} bytes, which no Buffer is for`))
          return false
        },
        onEnd: done,
      })
      ahead.start()
    })
  })
}

/** What `fs.readFile` takes, too. */
const mostBytes = Math.min(2 ** 31 - 1, constants.MAX_LENGTH)

/** Opens, writes, closes. With an `a` in the flags behind what is there. */
export function writeFile(
  calls: SftpCalls,
  path: SFTPPath,
  data: string | Uint8Array,
  options: WriteFileOptions | BufferEncoding | null | undefined,
  standardFlag: 'w' | 'a',
  callback: unknown,
): void {
  const o: WriteFileOptions = typeof options === 'string' ? { encoding: options } : (options ?? {})
  const flag = o.flag ?? standardFlag
  const bytes = typeof data === 'string' ? Buffer.from(data, o.encoding ?? 'utf8') : data
  if (!(bytes instanceof Uint8Array)) throw new TypeError('data is neither a Buffer nor a string')
  withFile(calls, path, flag, o.mode, (error, handle, close) => {
    if (error !== undefined) return answer(callback, error)
    const finish = (failure: Error | undefined): void => close(failure, (first) => answer(callback, first))
    const write = (start: bigint): void => {
      const behind = new WriteBehind({ link: calls.link, handle, path: pathBytes(path), start })
      behind.write(bytes)
      behind.finish(finish)
    }
    if (!flag.includes('a')) return write(0n)
    // Not every server puts what is appended at the end by itself.
    calls.ask({ type: 'fstat', handle }, (refused, reply) => {
      if (refused !== undefined && calls.link.error !== undefined) return finish(refused)
      write((reply as Extract<SftpReply, { type: 'attrs' }> | undefined)?.attrs.size ?? 0n)
    })
  })
}

/** Copies a file of the server into a local one. */
export function fastGet(
  calls: SftpCalls,
  remote: SFTPPath,
  local: string,
  o: TransferOptions,
  callback: unknown,
): void {
  const mode = isGiven(o.mode) ? modeOf(o.mode) : undefined
  const size = typeof o.fileSize === 'number' && o.fileSize > 0 ? o.fileSize : undefined
  const options = {
    link: calls.link,
    pool: calls.pool,
    chunkSize: isPositive(o.chunkSize) ? o.chunkSize : undefined,
    maxRequests: isPositive(o.concurrency) ? o.concurrency : undefined,
    onProgress: steps(o),
    remote: pathBytes(remote),
    local,
    mode,
    size,
    end: size,
  }
  downloadFile(options, (error) => {
    calls.answered()
    if (error !== undefined || mode === undefined) return answer(callback, error)
    // The mode that was asked for, whatever the umask.
    chmod(local, mode, (failure) => answer(callback, failure ?? undefined))
  })
}

/** Copies a local file to the server. */
export function fastPut(
  calls: SftpCalls,
  local: string,
  remote: SFTPPath,
  o: TransferOptions,
  callback: unknown,
): void {
  const mode = isGiven(o.mode) ? modeOf(o.mode) : undefined
  const options = {
    link: calls.link,
    pool: calls.pool,
    chunkSize: isPositive(o.chunkSize) ? o.chunkSize : undefined,
    maxRequests: isPositive(o.concurrency) ? o.concurrency : undefined,
    onProgress: steps(o),
    local,
    remote: pathBytes(remote),
    mode,
    attrs: mode === undefined ? undefined : () => ({ permissions: mode }),
  }
  uploadFile(options, (error) => {
    calls.answered()
    answer(callback, error)
  })
}

/** `step` hears of each part with the bytes so far, of the part, and of the file. */
function steps({ step }: TransferOptions): ((bytes: number, size: number) => void) | undefined {
  if (typeof step !== 'function') return undefined
  let before = 0
  return (bytes, size) => {
    step(bytes, bytes - before, size)
    before = bytes
  }
}

function isGiven<T>(value: T | undefined | null): value is T {
  return value !== undefined && value !== null
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0
}

/** Gives `use` an open file, and the function that closes it; the first error wins. */
function withFile(
  calls: SftpCalls,
  path: SFTPPath,
  flags: string | number,
  mode: number | string | undefined,
  use: (
    error: Error | undefined,
    handle: Uint8Array,
    close: (failure: Error | undefined, done: Finished) => void,
  ) => void,
): void {
  const request = {
    type: 'open',
    filename: pathBytes(path),
    pflags: openFlags(flags),
    attrs: openAttributes(mode ?? 0o666),
  } as const
  calls.ask(request, (error, reply) => {
    const { handle } = (reply ?? { handle: new Uint8Array(0) }) as Extract<SftpReply, { type: 'handle' }>
    use(error, handle, (failure, done) => {
      calls.ask({ type: 'close', handle }, (closeError) => done(failure ?? closeError))
    })
  })
}
