/** What programs answer an SFTP client with, as the protocol has it. */

import type { messages } from '@hawser/sftp'
import { pathBytes } from './sftp-arguments.ts'
import type { InputAttributes, InputFileEntry } from './sftp-types.ts'
import { fromAttributes } from './stats.ts'

/** One entry or a list of them; `longname` and `attrs` may be missing. */
export function nameReply(names: InputFileEntry | readonly InputFileEntry[]): messages.SftpReply {
  const list: readonly InputFileEntry[] = Array.isArray(names) ? names : [names as InputFileEntry]
  return {
    type: 'name',
    names: list.map((entry) => {
      if (typeof entry !== 'object' || entry === null)
        throw new Error('names must be objects with a filename')
      return {
        filename: pathBytes(entry.filename ?? ''),
        longname: pathBytes(entry.longname ?? ''),
        attrs: fromAttributes(entry.attrs),
      }
    }),
  }
}

export function attrsReply(attributes: InputAttributes | null | undefined): messages.SftpReply {
  return { type: 'attrs', attrs: fromAttributes(attributes) }
}

export function handleReply(handle: Uint8Array | string): messages.SftpReply {
  const bytes = typeof handle === 'string' ? Buffer.from(handle) : handle
  if (!(bytes instanceof Uint8Array)) throw new Error('handle is not a Buffer')
  return { type: 'handle', handle: bytes }
}

/** `most` bytes at the most: a client takes more than it asked for as an attack. */
export function dataReply(
  data: Uint8Array | string,
  encoding: BufferEncoding | undefined,
  most: number,
): messages.SftpReply {
  const bytes = typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : data
  if (!(bytes instanceof Uint8Array)) throw new Error('data is neither a Buffer nor a string')
  return { type: 'data', data: bytes.subarray(0, most) }
}
