/** What goes wrong with a file: the server's status as an error that names the operation and the path. */

import { SshError, utf8Decode } from '@hawser/wire'
import { SftpStatus, sftpStatusName } from './protocol/constants.ts'

/** Facts of an {@link SftpError}. */
export interface SftpErrorFacts {
  /** Status code (draft-ietf-secsh-filexfer-02 §7), or one that a later draft added. */
  readonly status: number
  /** The request that failed, such as `open` or `posixRename`. */
  readonly op?: string
  /** What it was about; bytes that are no UTF-8 are shown as U+FFFD. */
  readonly path?: string | Uint8Array
  /** The second path of a rename or a link. */
  readonly dest?: string | Uint8Array
  /** The server's own words; empty when it sent none. */
  readonly serverMessage?: string
  readonly cause?: unknown
}

/**
 * A request that the server refused, or that was lost with its channel. `code` is as Node's `fs` has it where the status says so much:
 * `ENOENT`, `EACCES`, `ENOTSUP`, `EEXIST`…; `EOF` at the end of a file; `ECONNRESET` when the channel was lost; `SFTP_FAILURE` for the
 * status 4, which servers give for everything else.
 */
export class SftpError extends SshError {
  readonly status: number
  readonly op: string | undefined
  readonly path: string | undefined
  readonly dest: string | undefined
  readonly serverMessage: string

  /** `message` replaces the sentence that is made of the facts. */
  constructor(facts: SftpErrorFacts, message?: string) {
    super(sftpErrorCode(facts.status), message ?? sentence(facts), { cause: facts.cause })
    this.status = facts.status
    this.op = facts.op
    this.path = textOf(facts.path)
    this.dest = textOf(facts.dest)
    this.serverMessage = facts.serverMessage ?? ''
  }

  /** The same error, about `path`. */
  about(path: string | Uint8Array): SftpError {
    const { status, op, serverMessage, cause } = this
    const facts = { status, serverMessage, cause, path, ...(op === undefined ? undefined : { op }) }
    return status === SftpStatus.connectionLost ? new SftpError(facts, this.message) : new SftpError(facts)
  }
}

/** The codes of statuses; those from 9 on come from later drafts, and some servers send them in version 3 too. */
const codes: Readonly<Record<number, string>> = {
  [SftpStatus.eof]: 'EOF',
  [SftpStatus.noSuchFile]: 'ENOENT',
  [SftpStatus.permissionDenied]: 'EACCES',
  [SftpStatus.failure]: 'SFTP_FAILURE',
  [SftpStatus.badMessage]: 'EBADMSG',
  [SftpStatus.noConnection]: 'ENOTCONN',
  [SftpStatus.connectionLost]: 'ECONNRESET',
  [SftpStatus.opUnsupported]: 'ENOTSUP',
  9: 'EBADF',
  10: 'ENOENT',
  11: 'EEXIST',
  12: 'EROFS',
  14: 'ENOSPC',
  15: 'EDQUOT',
  18: 'ENOTEMPTY',
  19: 'ENOTDIR',
  20: 'EINVAL',
  21: 'ELOOP',
  24: 'EISDIR',
}

/** The `code` of an error with that status. */
export function sftpErrorCode(status: number): string {
  return codes[status] ?? `SFTP_STATUS_${status}`
}

function sentence(facts: SftpErrorFacts): string {
  const what = facts.op ?? 'the request'
  const path = textOf(facts.path)
  const dest = textOf(facts.dest)
  const about = path === undefined ? '' : ` ${JSON.stringify(path)}`
  const to = dest === undefined ? '' : ` to ${JSON.stringify(dest)}`
  const words = facts.serverMessage ?? ''
  return `${what}${about}${to}: ${words === '' ? sftpStatusName(facts.status) : words} (status ${facts.status})`
}

function textOf(path: string | Uint8Array | undefined): string | undefined {
  return path instanceof Uint8Array ? utf8Decode(path) : path
}
