/** Reads and writes of a part of a file; what is longer than the server takes in one request goes in several. */

import { type messages, SftpError } from '@hawser/sftp'
import { STATUS_CODE } from './constants.ts'
import type { SftpCalls } from './sftp-calls.ts'

type SftpReply = messages.SftpReply

/** What every server takes in one request (draft-ietf-secsh-filexfer-02 §3). */
const certainBytes = 32_768

/** The longest request, whatever the server says: its reply must fit in one packet. */
const mostBytes = 256 * 1024 - 1024

/** Reads up to `into.length` bytes; `done` gets how many came, in front. A short answer ends the file there. */
export function readAt(
  calls: SftpCalls,
  handle: Uint8Array,
  into: Uint8Array,
  position: bigint,
  done: (error: Error | undefined, bytes: number) => void,
): boolean {
  const parts = split(into, calls.link.limits.read)
  let waiting = parts.length
  const failures: (Error | undefined)[] = parts.map(() => undefined)
  const lengths = parts.map(() => 0)
  const finish = (): void => {
    // What lies behind a short answer is not next to what was read before it.
    let bytes = 0
    for (let at = 0; at < parts.length; at++) {
      const error = failures[at]
      if (error !== undefined && bytes === 0) return isEnd(error) ? done(undefined, 0) : done(error, 0)
      if (error !== undefined) break
      bytes += lengths[at] as number
      if ((lengths[at] as number) < (parts[at] as Uint8Array).length) break
    }
    done(undefined, bytes)
  }
  if (parts.length === 0) queueMicrotask(finish)
  parts.forEach((part, at) => {
    const offset = position + BigInt(part.byteOffset - into.byteOffset)
    calls.read({ type: 'read', handle, offset, len: part.length }, part, (error, reply) => {
      failures[at] = error
      if (error === undefined) lengths[at] = place(reply as SftpReply, part)
      if (--waiting === 0) finish()
    })
  })
  return calls.writable
}

/** Writes all of `data`, which must stay unchanged until `done`; it gets the first error, once every part has its answer. */
export function writeAt(
  calls: SftpCalls,
  handle: Uint8Array,
  data: Uint8Array,
  position: bigint,
  done: (error: Error | undefined) => void,
): boolean {
  const parts = split(data, calls.link.limits.write)
  let waiting = parts.length
  let failure: Error | undefined
  if (parts.length === 0) queueMicrotask(() => done(undefined))
  for (const part of parts) {
    const offset = position + BigInt(part.byteOffset - data.byteOffset)
    calls.ask(
      { type: 'write', handle, offset, data: part },
      (error) => {
        failure ??= error
        if (--waiting === 0) done(failure)
      },
      part.length,
    )
  }
  return calls.writable
}

function split(bytes: Uint8Array, limit: number | undefined): Uint8Array[] {
  const most = Math.min(limit ?? certainBytes, mostBytes)
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += most) parts.push(bytes.subarray(at, at + most))
  return parts
}

/** Copies the data unless it has been gathered in place. */
function place(reply: SftpReply, part: Uint8Array): number {
  const { data } = reply as Extract<SftpReply, { type: 'data' }>
  if (data.buffer !== part.buffer || data.byteOffset !== part.byteOffset) part.set(data)
  return data.length
}

function isEnd(error: Error): boolean {
  return error instanceof SftpError && error.status === STATUS_CODE.EOF
}
