/** Whole files in one call: read into memory, written from it, and copied at the server. */

import { UsageError, utf8Decode, utf8Encode } from '@hawser/wire'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag, SftpStatus } from '../protocol/constants.ts'
import { abandon, about, ask, askExtended, type SftpCallOptions, unless } from './ask.ts'
import { modeAttributes, type SftpMode } from './attribute-values.ts'
import { readableFile, readRange } from './download.ts'
import type { SftpLink } from './link.ts'
import { type OpenFlags, openFlags } from './open-flags.ts'
import { pathBytes, type SftpPath } from './path.ts'
import type { FlowOptions } from './transfer-flow.ts'
import { type FileContent, writeRange } from './upload.ts'

export interface ReadFileOptions extends FlowOptions, SftpCallOptions {
  /** `utf8` for text. Default: bytes. */
  readonly encoding?: 'utf8' | undefined
  /** Bytes that are read at the most; a larger file is an error. Default: 2 GiB. */
  readonly limit?: number
}

export interface WriteFileOptions extends FlowOptions, SftpCallOptions {
  /** How the file is opened. Default: `w`. */
  readonly flag?: OpenFlags
  /** Permissions of a file that this makes, less the server's umask. Default: the server's own. */
  readonly mode?: SftpMode
}

/** Reads a file into memory. Sizes that are not true (as in /proc) and files that grow are no problem up to the limit. */
export async function readWhole(link: SftpLink, path: SftpPath, o: ReadFileOptions): Promise<Uint8Array> {
  const { limit = 2 ** 31, signal } = o
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new UsageError(`readFile: the limit is ${limit}; it must be a whole number from 0`)
  const filename = pathBytes('readFile', path)
  return withHandle(link, filename, OpenFlag.read, {}, o, async (handle) => {
    const attrs = await sizeOf(link, handle, path, o)
    if (attrs !== undefined && attrs > BigInt(limit)) throw tooLarge(path, attrs, limit)
    const range = { ...o, size: attrs, end: limit + 1, signal }
    const bytes = await about(path, readRange(link, handle, range))
    if (bytes.length > limit) throw tooLarge(path, undefined, limit)
    return bytes
  })
}

/** Writes a file of `content`; when appending, behind what is there. */
export async function writeWhole(
  link: SftpLink,
  path: SftpPath,
  content: FileContent | string,
  o: WriteFileOptions,
): Promise<void> {
  const flags = openFlags(o.flag ?? 'w')
  const attrs = o.mode === undefined ? {} : modeAttributes('writeFile', o.mode)
  const bytes = typeof content === 'string' ? utf8Encode(content) : content
  await withHandle(link, pathBytes('writeFile', path), flags, attrs, o, async (handle) => {
    const serial = (flags & OpenFlag.append) !== 0
    // For servers that do not know how to append.
    const start = serial ? await sizeOf(link, handle, path, o) : undefined
    await about(path, writeRange(link, handle, bytes, { ...o, serial, start }))
  })
}

/** `bytes` as the caller of readFile wants them. */
export function decoded(bytes: Uint8Array, encoding: string | undefined): Uint8Array | string {
  if (encoding === undefined) return bytes
  if (encoding === 'utf8' || encoding === 'utf-8') return utf8Decode(bytes)
  throw new UsageError(
    `readFile: the encoding is ${JSON.stringify(encoding)}; there is utf8, and none for bytes`,
  )
}

/**
 * Copies one file at the server: by the extension copy-data where that is offered, else through here. The target is not emptied first,
 * so that a file copied onto itself, under whatever name, keeps its content; what is left of a longer one is cut off at the end.
 */
export async function copyWhole(
  link: SftpLink,
  from: Uint8Array,
  to: Uint8Array,
  o: SftpCallOptions & { readonly overwrite: boolean },
): Promise<void> {
  const { overwrite, signal } = o
  const flags = OpenFlag.write | OpenFlag.create | (overwrite ? 0 : OpenFlag.exclusive)
  await withHandle(link, from, OpenFlag.read, {}, o, async (source) => {
    const { attrs } = await ask(link, { type: 'fstat', handle: source }, { signal, path: from })
    const mode = attrs.permissions === undefined ? {} : { permissions: attrs.permissions & 0o777 }
    await withHandle(link, to, flags, mode, o, async (target) => {
      const before = (await sizeOf(link, target, to, o)) ?? 0n
      const copied = await copyContent(link, source, target, attrs.size ?? 0n, { signal, from, to })
      if (copied >= before) return
      await ask(link, { type: 'fsetstat', handle: target, attrs: { size: copied } }, { signal, path: to })
    })
  })
}

/** Memory for a copy that goes through here; several may run at a time. */
const copyMemory = 2 * 1024 * 1024

async function copyContent(
  link: SftpLink,
  source: Uint8Array,
  target: Uint8Array,
  size: bigint,
  o: SftpCallOptions & { readonly from: Uint8Array; readonly to: Uint8Array },
): Promise<bigint> {
  const { from, signal, to } = o
  // A size of 0 may be a file that does not say, as in /proc.
  if (link.has('copyData') && size > 0n) {
    const whole = { readFromHandle: source, readFromOffset: 0n, readDataLength: 0n }
    const request = { ...whole, writeToHandle: target, writeToOffset: 0n }
    // Servers refuse to copy a file onto itself, each in its own way.
    const copied = await unless(
      askExtended(link, 'copyData', request, { signal, path: from }),
      SftpStatus.opUnsupported,
      SftpStatus.failure,
      SftpStatus.badMessage,
    )
    if (copied !== undefined) return (await sizeOf(link, source, from, { signal })) ?? size
  }
  const content = readableFile(link, source, { maxBytes: copyMemory, path: from, size, signal })
  return BigInt(await about(to, writeRange(link, target, content, { maxBytes: copyMemory, signal })))
}

/** What the server says; undefined when it does not, or will not. */
async function sizeOf(
  link: SftpLink,
  handle: Uint8Array,
  path: SftpPath,
  { signal }: SftpCallOptions,
): Promise<bigint | undefined> {
  const reply = await unless(
    ask(link, { type: 'fstat', handle }, { signal, path }),
    SftpStatus.opUnsupported,
    SftpStatus.failure,
  )
  return reply?.attrs.size
}

/** Opens, works and closes. What goes wrong first is told; a close that fails after all went well is told too. */
async function withHandle<T>(
  link: SftpLink,
  filename: Uint8Array,
  pflags: number,
  attrs: Attributes,
  { signal }: SftpCallOptions,
  work: (handle: Uint8Array) => Promise<T>,
): Promise<T> {
  const { handle } = await ask(
    link,
    { type: 'open', filename, pflags, attrs },
    { signal, late: (reply) => abandon(link, reply.handle) },
  )
  let result: T
  try {
    result = await work(handle)
  } catch (error) {
    abandon(link, handle)
    throw error
  }
  await ask(link, { type: 'close', handle }, { path: filename })
  return result
}

function tooLarge(path: SftpPath, size: bigint | undefined, limit: number): UsageError {
  const name = JSON.stringify(typeof path === 'string' ? path : utf8Decode(path))
  return new UsageError(
    `readFile ${name}: ${size === undefined ? 'more than it said, and more than' : `${size} bytes; the limit is`} ${limit} bytes`,
    { code: 'SSH_LIMIT_SFTP_FILE' },
  )
}
