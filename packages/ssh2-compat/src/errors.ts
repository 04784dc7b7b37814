/** Errors in ssh2's manner: the messages and `level` strings that programs look at, with our facts beside them. */

import { ChannelOpenError, ChannelRequestError } from '@hawser/connection'
import { ConnectionError, GlobalRequestError, type Phase } from '@hawser/session'
import { DisconnectError, HostKeyError, NegotiationError } from '@hawser/transport'
import { AuthenticationError } from '@hawser/userauth'
import { DisconnectReason, disconnectReasonName, SshError } from '@hawser/wire'

/** Which part of the connection an error is about. */
type Level =
  | 'client-socket'
  | 'client-ssh'
  | 'client-timeout'
  | 'client-dns'
  | 'client-authentication'
  | 'agent'
  | 'handshake'
  | 'protocol'

/** What errors of connections carry beside their message. */
export interface ClientErrorExtensions {
  level?: Level
  /** A stable code of ours, a system error's code, or the number of the peer's DISCONNECT. */
  code?: string | number
  /** What the connection was doing. */
  phase?: Phase
  /** More detail, in words. */
  description?: string
  /** Authentication: every try with its outcome. */
  attempts?: readonly unknown[]
  /** Causes beside `cause`. */
  errors?: readonly Error[]
}

/** Why a channel or request failed; `reason` is the peer's reason code for a refused channel (RFC 4254 §5.1). */
export interface ChannelError extends Error {
  reason?: number
}

/**
 * The one error that a program hears of when a connection failed, or undefined when ssh2's manners call for silence:
 * a peer that ends an established connection, or disconnects in order, is no error.
 */
export function connectionError(
  error: Error,
  more: readonly Error[] = [],
): (Error & ClientErrorExtensions) | undefined {
  const known = translate(error)
  if (known === undefined) return undefined
  if (more.length > 0) known.errors = more
  return known
}

function translate(error: Error): (Error & ClientErrorExtensions) | undefined {
  const phase = (error as { phase?: Phase }).phase
  if (error instanceof ConnectionError) return lost(error)
  if (error instanceof DisconnectError) {
    if (error.by === 'remote' && error.reason === DisconnectReason.byApplication && phase === 'ready')
      return undefined
    // Our own end is news only when the protocol had to end.
    if (error.by === 'local')
      return extend(new Error(error.description, { cause: error }), {
        level: phase === 'ready' || phase === 'authentication' ? 'protocol' : 'handshake',
        code: error.reason,
        phase,
      })
    const name = disconnectReasonName(error.reason)
    const message = error.description === '' ? name : `${name}: ${error.description}`
    return extend(new Error(message, { cause: error }), {
      level: 'client-ssh',
      code: error.reason,
      phase,
      description: error.description,
    })
  }
  if (error instanceof AuthenticationError)
    return extend(new Error('All configured authentication methods failed', { cause: error }), {
      level: 'client-authentication',
      code: error.code,
      phase: 'authentication',
      description: error.message,
      attempts: error.attempts,
    })
  if (error instanceof HostKeyError && error.code === 'SSH_HOST_KEY_REJECTED')
    return extend(new Error('Host denied (verification failed)', { cause: error }), {
      level: 'handshake',
      code: error.code,
      phase: 'host-key',
      description: error.message,
    })
  if (error instanceof NegotiationError)
    return extend(new Error(`Handshake failed: ${error.message}`, { cause: error }), {
      level: 'handshake',
      code: error.code,
      phase,
      description: error.hint,
    })
  if (SshError.is(error))
    return extend(error, {
      level: phase === 'ready' || phase === 'authentication' ? 'protocol' : 'handshake',
      phase,
    })
  return extend(error, { level: 'protocol', phase })
}

/** The pipe closed, failed or fell silent. */
function lost(error: ConnectionError): (Error & ClientErrorExtensions) | undefined {
  const { phase, cause } = error
  if (error.code === 'SSH_TIMEOUT')
    return extend(new Error('Timed out while waiting for handshake', { cause: error }), {
      level: 'client-timeout',
      code: error.code,
      phase,
      description: error.message,
    })
  if (error.code === 'SSH_KEEPALIVE_TIMEOUT')
    return extend(new Error('Keepalive timeout', { cause: error }), {
      level: 'client-timeout',
      code: error.code,
      phase,
      description: error.message,
    })
  if (cause instanceof Error)
    return extend(cause, { level: 'client-socket', phase, description: error.message })
  if (phase === 'ready' || phase === 'closing' || phase === 'closed') return undefined
  const what =
    phase === 'authentication' ? 'Connection lost during authentication' : 'Connection lost before handshake'
  return extend(new Error(what, { cause: error }), {
    level: 'protocol',
    code: error.code,
    phase,
    description: error.message,
  })
}

/** `level` and the rest as properties of `error`; what it has already stays. */
export function extend<E extends Error>(
  error: E,
  facts: { readonly [K in keyof ClientErrorExtensions]?: ClientErrorExtensions[K] | undefined },
): E & ClientErrorExtensions {
  const extended = error as E & ClientErrorExtensions
  for (const [key, value] of Object.entries(facts))
    if (value !== undefined && (extended as Record<string, unknown>)[key] === undefined)
      Object.defineProperty(extended, key, { value, enumerable: true, writable: true, configurable: true })
  return extended
}

/**
 * The error of a channel or request callback. `refused` is what ssh2 says when the peer said no;
 * a connection that ended first gives `No response from server`.
 */
export function requestError(error: unknown, refused: string): ChannelError {
  if (error instanceof ChannelOpenError) {
    const failure: ChannelError = new Error(`(SSH) Channel open failure: ${error.description}`, {
      cause: error,
    })
    failure.reason = error.reason
    return failure
  }
  if (error instanceof ChannelRequestError || error instanceof GlobalRequestError)
    return new Error(refused, { cause: error })
  return new Error('No response from server', { cause: error })
}

/** For options and arguments that cannot be used; thrown at once. */
export function notConnected(): Error {
  return new Error('Not connected')
}
