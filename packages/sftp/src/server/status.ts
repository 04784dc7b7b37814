/** What a client is told of an error: the status for its code, and words that give nothing away. */

import { SshError } from '@hawser/wire'
import { SftpError } from '../errors.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { SftpReply } from '../protocol/messages.ts'

type StatusReply = Extract<SftpReply, { readonly type: 'status' }>

export const okReply: StatusReply = statusReply(SftpStatus.ok, 'Success')
export const endReply: StatusReply = statusReply(SftpStatus.eof, 'End of file')
export const unsupportedReply: StatusReply = statusReply(SftpStatus.opUnsupported, 'Operation unsupported')

export function statusReply(code: number, message: string): StatusReply {
  return { type: 'status', code, message, language: '' }
}

const { noSuchFile, permissionDenied, failure, badMessage, opUnsupported } = SftpStatus

/** Statuses are as OpenSSH's server gives them, because clients have been written against it. */
const byCode: Readonly<Record<string, readonly [status: number, words: string]>> = {
  ENOENT: [noSuchFile, 'No such file'],
  ENOTDIR: [noSuchFile, 'Not a directory'],
  EBADF: [noSuchFile, 'Bad file'],
  ELOOP: [noSuchFile, 'Too many symbolic links'],
  EACCES: [permissionDenied, 'Permission denied'],
  EPERM: [permissionDenied, 'Permission denied'],
  EROFS: [permissionDenied, 'Read-only'],
  EFAULT: [permissionDenied, 'Permission denied'],
  EINVAL: [badMessage, 'Invalid argument'],
  ENAMETOOLONG: [badMessage, 'Name too long'],
  ENOSYS: [opUnsupported, 'Operation unsupported'],
  ENOTSUP: [opUnsupported, 'Operation unsupported'],
  EOPNOTSUPP: [opUnsupported, 'Operation unsupported'],
  EEXIST: [failure, 'File exists'],
  ENOTEMPTY: [failure, 'Directory not empty'],
  EISDIR: [failure, 'Is a directory'],
  ENOSPC: [failure, 'No space left'],
  EDQUOT: [failure, 'Quota exceeded'],
  EFBIG: [failure, 'File too large'],
  EXDEV: [failure, 'On another file system'],
  EMLINK: [failure, 'Too many links'],
  EMFILE: [failure, 'Too many open files'],
  ENFILE: [failure, 'Too many open files'],
  EBUSY: [failure, 'Busy'],
  ETXTBSY: [failure, 'Busy'],
  EIO: [failure, 'Input or output error'],
  ESPIPE: [failure, 'Cannot seek'],
}

/** The answer to a request whose handler threw `error`; `expected` is false for what the program's author should hear of. */
export function errorReply(error: unknown): { readonly reply: StatusReply; readonly expected: boolean } {
  if (SshError.is(error)) {
    // An SftpError, also one of another copy of this package.
    const { status, serverMessage } = error as { readonly status?: unknown; readonly serverMessage?: unknown }
    if (typeof status === 'number' && Number.isInteger(status) && status > 0 && status <= 0xffffffff) {
      const words = typeof serverMessage === 'string' && serverMessage !== '' ? serverMessage : 'Failure'
      return { reply: statusReply(status, words), expected: true }
    }
  }
  const code = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined
  const known = typeof code === 'string' && Object.hasOwn(byCode, code) ? byCode[code] : undefined
  return known === undefined
    ? { reply: statusReply(failure, 'Failure'), expected: false }
    : { reply: statusReply(...known), expected: true }
}

/** An error that a client is told of as of Node's `fs` error with that code. */
export function refusal(code: keyof typeof byCode): SftpError {
  const [status, serverMessage] = byCode[code] ?? [failure, code]
  return new SftpError({ status, serverMessage })
}
