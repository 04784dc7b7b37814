/** The requests of an SFTP client as the events that ssh2's server emits for them. */

import type { messages } from '@hawser/sftp'
import { utf8DecodeStrict } from '@hawser/wire'
import { asBuffer } from './channel-bytes.ts'
import { toStats } from './stats.ts'

/** An event's name and its arguments behind the request's id; or why programs cannot be asked. */
export type Asked =
  | { readonly event: string; readonly args: readonly unknown[] }
  | { readonly refusal: string }

/** The most bytes that a program is asked for by one READ: OpenSSH's limit. Answers may always be shorter. */
export const longestRead = 255 * 1024

/** `linkPathFirst`: the client sends the paths of SSH_FXP_SYMLINK in the draft's order. */
export function requestEvent(request: messages.SftpRequest, linkPathFirst: boolean): Asked {
  switch (request.type) {
    case 'open':
      return withPaths('OPEN', [request.filename], request.pflags, toStats(request.attrs))
    case 'close':
      return withHandle('CLOSE', request.handle)
    case 'read':
      return at('READ', request.handle, request.offset, Math.min(request.len, longestRead))
    case 'write':
      return at('WRITE', request.handle, request.offset, asBuffer(request.data))
    case 'lstat':
      return withPaths('LSTAT', [request.path])
    case 'fstat':
      return withHandle('FSTAT', request.handle)
    case 'setstat':
      return withPaths('SETSTAT', [request.path], toStats(request.attrs))
    case 'fsetstat':
      return withHandle('FSETSTAT', request.handle, toStats(request.attrs))
    case 'opendir':
      return withPaths('OPENDIR', [request.path])
    case 'readdir':
      return withHandle('READDIR', request.handle)
    case 'remove':
      return withPaths('REMOVE', [request.filename])
    case 'mkdir':
      return withPaths('MKDIR', [request.path], toStats(request.attrs))
    case 'rmdir':
      return withPaths('RMDIR', [request.path])
    case 'realpath':
      return withPaths('REALPATH', [request.path])
    case 'stat':
      return withPaths('STAT', [request.path])
    case 'rename':
      return withPaths('RENAME', [request.oldpath, request.newpath])
    case 'readlink':
      return withPaths('READLINK', [request.path])
    case 'symlink': {
      const { targetpath: first, linkpath: second } = request
      return withPaths('SYMLINK', linkPathFirst ? [first, second] : [second, first])
    }
    case 'extended':
      return { event: 'EXTENDED', args: [request.request, asBuffer(request.data)] }
  }
}

function withHandle(event: string, handle: Uint8Array, ...more: readonly unknown[]): Asked {
  return { event, args: [asBuffer(handle), ...more] }
}

/** Programs get places in files as numbers, which are exact below 2^53. */
function at(event: string, handle: Uint8Array, offset: bigint, what: number | Buffer): Asked {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER))
    return { refusal: `the offset ${offset} is beyond what this server can tell its program` }
  return withHandle(event, handle, Number(offset), what)
}

/** Programs get paths as strings: one that is no UTF-8 would be taken for another, and one with a NUL means two things. */
function withPaths(event: string, paths: readonly Uint8Array[], ...more: readonly unknown[]): Asked {
  const strings: string[] = []
  for (const path of paths) {
    const text = utf8DecodeStrict(path)
    if (text === undefined) return { refusal: 'the path is not UTF-8' }
    if (text.includes('\0')) return { refusal: 'the path has a NUL in it' }
    strings.push(text)
  }
  return { event, args: [...strings, ...more] }
}
