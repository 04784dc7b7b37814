/** What the errors of a request say: which operation, on which paths, and why there is no answer. */

import { UsageError } from '@hawser/wire'
import { SftpError } from '../errors.ts'
import { sftpLimits } from '../limits.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { ReplyFields, SftpRequest } from '../protocol/messages.ts'

/** What a request is about: a path, and the second one of a rename or a link. */
export type Paths = readonly Uint8Array[]

/** The channel is over. */
export function lost(cause: Error | undefined): SftpError {
  return new SftpError(
    { status: SftpStatus.connectionLost, cause },
    cause === undefined ? 'the SFTP channel was closed' : `the SFTP channel was lost: ${cause.message}`,
  )
}

/** The same for a request that waits, or that comes afterwards. */
export function lostRequest(paths: Paths, op: string, why: Error): SftpError {
  return new SftpError(
    { ...about(paths), status: SftpStatus.connectionLost, op, cause: why },
    `${op}: no answer came: ${why.message}`,
  )
}

/** The server said no. */
export function refusal(paths: Paths, op: string, reply: ReplyFields<'status'>): SftpError {
  return new SftpError({ ...about(paths), status: reply.code, op, serverMessage: reply.message })
}

/** An error of a request that has only a handle, with the path that the handle stands for. */
export function withPath(error: Error, path: string | Uint8Array | undefined): Error {
  return path === undefined || !(error instanceof SftpError) || error.path !== undefined
    ? error
    : error.about(path)
}

/** Why a request is not sent at all. */
export function badPath(paths: Paths, op: string): UsageError | undefined {
  for (const path of paths) {
    if (path.length > sftpLimits.sentPath)
      return new UsageError(`${op}: a path of ${path.length} bytes; the most is ${sftpLimits.sentPath}`)
    if (path.includes(0)) return new UsageError(`${op}: a path must not contain a NUL byte`)
  }
  return undefined
}

/** The paths in the fields of an extension's request. */
export function pathsOfFields(fields: object): Paths {
  const { path, oldpath, newpath } = fields as Readonly<Record<string, Uint8Array | undefined>>
  return [path ?? oldpath, newpath].filter((bytes) => bytes !== undefined)
}

/** The paths of a request. */
export function pathsOf(request: SftpRequest): Paths {
  switch (request.type) {
    case 'open':
    case 'remove':
      return [request.filename]
    case 'rename':
      return [request.oldpath, request.newpath]
    case 'symlink':
      return [request.targetpath, request.linkpath]
    case 'lstat':
    case 'stat':
    case 'setstat':
    case 'opendir':
    case 'mkdir':
    case 'rmdir':
    case 'realpath':
    case 'readlink':
      return [request.path]
    case 'close':
    case 'read':
    case 'write':
    case 'fstat':
    case 'fsetstat':
    case 'readdir':
    case 'extended':
      return []
  }
}

function about([path, dest]: Paths): { readonly path?: Uint8Array; readonly dest?: Uint8Array } {
  return { ...(path === undefined ? undefined : { path }), ...(dest === undefined ? undefined : { dest }) }
}
