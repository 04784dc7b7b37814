/** Why nobody was logged in. */

import { DisconnectReason, ProtocolError, SshError } from '@hawser/wire'
import type { AttemptRecord } from './methods.ts'

/** Every way to log in that there was has been tried. */
export class AuthenticationError extends SshError {
  readonly attempts: readonly AttemptRecord[]
  /** What the server says can continue; empty when it was never heard. */
  readonly methods: readonly string[]

  constructor(
    attempts: readonly AttemptRecord[],
    methods: readonly string[],
    o: { readonly user?: string; readonly cause?: unknown } = {},
  ) {
    const who = o.user === undefined ? '' : ` of the user ${JSON.stringify(o.user)}`
    const tried = attempts.length === 0 ? 'nothing was tried' : `tried ${attempts.map(words).join(', ')}`
    const wanted = methods.length === 0 ? '' : `; the server accepts ${methods.join(', ')}`
    super(
      'SSH_AUTHENTICATION_FAILED',
      `authentication${who} failed: ${tried}${wanted}`,
      o.cause === undefined ? {} : { cause: o.cause },
    )
    this.attempts = attempts
    this.methods = methods
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
  return `${attempt.method}${key === '' ? '' : ` with ${key}`} (${attempt.reason})`
}
