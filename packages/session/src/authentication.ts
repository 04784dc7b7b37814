/** The asks of a connection that wait for somebody: host keys, signatures, login attempts and their answers. */

import type { Engine, EngineEvent } from './engine.ts'
import type { Session } from './session.ts'

/** The events that want an answer, or tell of one. */
export type AuthenticationEvent = Extract<
  EngineEvent,
  { readonly type: 'auth-client' | 'auth-server' | 'ask-host-key' | 'ask-signature' }
>

/** One role's part of the login; see `client-authentication.ts` and `server-authentication.ts`. */
export interface Authentication {
  event(event: AuthenticationEvent): void
  /** The login is over: what is known of it can go. */
  authenticated(): void
  /** The connection is over: nothing that is still asked will be answered. */
  closed(): void
}

export function isAuthenticationEvent(event: EngineEvent): event is AuthenticationEvent {
  const { type } = event
  return (
    type === 'auth-client' || type === 'auth-server' || type === 'ask-host-key' || type === 'ask-signature'
  )
}

/**
 * Waits for `ask`, with the ready clock stopped, and hands its outcome on, unless the connection is over by then.
 * Synchronous answers are handed on at once.
 */
export function settle<T>(
  session: Session,
  ask: () => T | PromiseLike<T>,
  done: (value: T, engine: Engine) => void,
  failed: (error: unknown) => void,
): void {
  const { drive } = session
  const finish = (next: () => void): void => {
    if (drive.over) return
    next()
    drive.kick()
  }
  // An answer that cannot be used (too few responses, say) counts as a failure to answer.
  const give = (value: T): void => {
    try {
      done(value, drive.engine)
    } catch (error) {
      failed(error)
    }
  }
  let answer: T | PromiseLike<T>
  try {
    answer = ask()
  } catch (error) {
    finish(() => failed(error))
    return
  }
  if (!isPromiseLike(answer)) {
    const value = answer
    finish(() => give(value))
    return
  }
  const release = drive.hold()
  answer.then(
    (value) => {
      release()
      finish(() => give(value))
    },
    (error: unknown) => {
      release()
      finish(() => failed(error))
    },
  )
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null)?.then === 'function'
}
