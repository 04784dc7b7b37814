/** Errors of SFTP in ssh2's manner: the server's text as the message, the status's number as the code. */

import { SftpError } from '@hawser/sftp'
import { ProtocolError } from '@hawser/wire'
import type { SFTPError } from './sftp-types.ts'

/** What a status says by itself (draft-ietf-secsh-filexfer-02 §7), where a server sends no text. */
const statusText: Readonly<Record<number, string>> = {
  0: 'No error',
  1: 'End of file',
  2: 'No such file or directory',
  3: 'Permission denied',
  4: 'Failure',
  5: 'Bad message',
  6: 'No connection',
  7: 'Connection lost',
  8: 'Operation unsupported',
}

export function textOfStatus(status: number): string {
  return statusText[status] ?? `Unknown status ${status}`
}

/** The error that a request's callback gets. A connection that ended first gives `No response from server`. */
export function requestFailure(error: Error): Error {
  if (!(error instanceof SftpError)) return error
  // Only what was lost has a cause: the server's own refusal has none.
  if (error.cause !== undefined) return lost(error)
  return statusError(error.status, error.serverMessage || textOfStatus(error.status), error)
}

/** An error with a status's number as its code. */
export function statusError(status: number, message: string, cause?: Error): SFTPError {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code: status })
}

/** Why an SFTP channel ended, if the server is to blame. */
export function protocolCause(error: Error | undefined): ProtocolError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof ProtocolError) return at
  return undefined
}

function lost(error: Error): Error {
  const broken = protocolCause(error)
  return new Error(broken === undefined ? 'No response from server' : broken.message, { cause: error })
}
