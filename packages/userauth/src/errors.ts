/** Why nobody was logged in. */

import { DisconnectReason, ProtocolError, SshError } from '@hawser/wire'
import type { AttemptOutcome } from './methods.ts'

/** One try, for people who want to know what was tried; never holds a secret. */
export interface AttemptRecord {
  readonly method: string
  readonly algorithm?: string
  /** Of the key that was offered. */
  readonly fingerprint?: string
  readonly outcome: AttemptOutcome
  readonly reason?: string
  /** What the server said could continue afterwards. */
  readonly methodsLeft: readonly string[]
  /** The server counted it as one success of several. */
  readonly partial: boolean
}

/** Every way to log in that there was has been tried. */
export class AuthenticationError extends SshError {
  readonly attempts: readonly AttemptRecord[]
  /** What the server says can continue; undefined when it was never heard. */
  readonly methods: readonly string[] | undefined

  constructor(o: {
    readonly user: string
    readonly attempts: readonly AttemptRecord[]
    readonly methods?: readonly string[]
    readonly cause?: unknown
  }) {
    const tried = o.attempts.length === 0 ? 'nothing was tried' : `tried ${o.attempts.map(words).join(', ')}`
    const wanted =
      o.methods === undefined ? '' : `; the server accepts ${o.methods.join(', ') || 'no method'}`
    super(
      'SSH_AUTHENTICATION_FAILED',
      `authentication of the user ${JSON.stringify(o.user)} failed: ${tried}${wanted}`,
      o.cause === undefined ? {} : { cause: o.cause },
    )
    this.attempts = o.attempts
    this.methods = o.methods
  }
}

/** A client failed too often, or asked too much. */
export class TooManyAttemptsError extends ProtocolError {
  constructor(message: string) {
    super(message, {
      code: 'SSH_TOO_MANY_ATTEMPTS',
      disconnectReason: DisconnectReason.noMoreAuthMethodsAvailable,
    })
  }
}

function words(attempt: AttemptRecord): string {
  const key = [attempt.algorithm, attempt.fingerprint].filter((part) => part !== undefined).join(' ')
  return `${attempt.method}${key === '' ? '' : ` with ${key}`} (${attempt.reason ?? attempt.outcome})`
}
