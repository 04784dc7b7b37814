/** Errors of a whole connection: which phase it was in, what happened, what to do. */

import { SshError, type SshErrorOptions } from '@hawser/wire'

/** Where a connection stands. `closing` begins with the first DISCONNECT, of either side. */
export type Phase =
  | 'connect'
  | 'identification'
  | 'key-exchange'
  | 'host-key'
  | 'authentication'
  | 'ready'
  | 'closing'
  | 'closed'

/** Codes of {@link ConnectionError}. */
export type ConnectionErrorCode =
  | 'SSH_CONNECTION_LOST'
  | 'SSH_CONNECT_FAILED'
  | 'SSH_TIMEOUT'
  | 'SSH_KEEPALIVE_TIMEOUT'
  | 'SSH_ABORTED'
  | 'SSH_CLOSED'

/** The connection ended, could not be made, or took too long: the pipe's fault or the clock's, not the protocol's. */
export class ConnectionError extends SshError {
  readonly phase: Phase

  constructor(code: ConnectionErrorCode, phase: Phase, message: string, options: SshErrorOptions = {}) {
    super(code, message, options)
    this.phase = phase
  }
}

const doing: Readonly<Record<Phase, string>> = {
  connect: 'while connecting',
  identification: "while waiting for the peer's identification",
  'key-exchange': 'during the key exchange',
  'host-key': 'while the host key was being checked',
  authentication: 'during authentication',
  ready: 'on an established connection',
  closing: 'while closing',
  closed: 'after the end',
}

/** Words for messages: what the connection was doing in `phase`. */
export function phaseWords(phase: Phase): string {
  return doing[phase]
}

/** Notes on `error` in which phase it struck, once; gives `error` back. */
export function withPhase<E extends Error>(error: E, phase: Phase): E {
  if (!('phase' in error)) Object.defineProperty(error, 'phase', { value: phase, enumerable: true })
  return error
}
