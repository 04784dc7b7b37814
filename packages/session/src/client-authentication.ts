/** The client's asks: is this the right host, what to try next, sign this, answer that prompt. */

import { fingerprint } from '@hawser/keys'
import { HostKeyError } from '@hawser/transport'
import {
  type Attempt,
  type AttemptRecord,
  AuthenticationError,
  type UserauthClient,
  type UserauthClientEvent,
} from '@hawser/userauth'
import { assertNever, DisconnectReason } from '@hawser/wire'
import { type Authentication, type AuthenticationEvent, settle } from './authentication.ts'
import type { ClientSessionOptions, LoginAttempt } from './options.ts'
import { asError } from './pipe.ts'
import type { Session } from './session.ts'

type PublickeyAttempt = Extract<Attempt, { readonly method: 'publickey' }>

export class ClientAuthentication implements Authentication {
  readonly #session: Session
  readonly #options: ClientSessionOptions
  readonly #attempts: AttemptRecord[] = []
  #current: LoginAttempt | undefined
  /** Keys that were refused by one of their algorithms, to be tried by the next when nothing else is left. */
  readonly #again: PublickeyAttempt[] = []
  #cause: unknown

  constructor(session: Session, options: ClientSessionOptions) {
    this.#session = session
    this.#options = options
  }

  event(event: AuthenticationEvent): void {
    if (event.type === 'ask-host-key') this.#hostKey(event)
    else if (event.type === 'auth-client') this.#userauth(event.event)
  }

  authenticated(): void {
    this.#current = undefined
  }

  closed(): void {
    this.#current = undefined
  }

  #hostKey(event: Extract<AuthenticationEvent, { type: 'ask-host-key' }>): void {
    const reject = (error: Error): void => this.#session.fail(error, DisconnectReason.keyExchangeFailed)
    settle(
      this.#session,
      () =>
        this.#options.verifyHostKey({
          key: event.publicKey,
          algorithm: event.algorithm,
          first: event.first,
          changed: event.changed,
        }),
      (accepted, engine) => {
        if (accepted === true) engine.transport.acceptHostKey()
        else
          reject(
            new HostKeyError(
              'SSH_HOST_KEY_REJECTED',
              'host key verification failed: the key was not accepted',
              event.algorithm,
              event.key,
            ),
          )
      },
      (error) => reject(asError(error)),
    )
  }

  #userauth(event: UserauthClientEvent): void {
    const machine = this.#session.drive.engine.userauthClient as UserauthClient
    const attempt = this.#current
    switch (event.type) {
      case 'banner':
        this.#options.hooks?.banner?.(event.message, event.language)
        return
      case 'next':
        this.#next(event.methods, event.partial, event.failed)
        return
      case 'ask-signature':
        settle(
          this.#session,
          () => event.signer.sign(event.algorithm, event.data),
          (signature) => machine.provideSignature(signature),
          (error) => machine.provideSignature(asError(error)),
        )
        return
      case 'ask-responses':
        settle(
          this.#session,
          () =>
            attempt?.method === 'keyboard-interactive'
              ? attempt.respond(event.name, event.instruction, event.prompts, event.language)
              : undefined,
          (responses) => machine.provideResponses(responses),
          (error) => {
            this.#cause = error
            machine.provideResponses(undefined)
          },
        )
        return
      case 'ask-new-password':
        settle(
          this.#session,
          () => (attempt?.method === 'password' ? attempt.change?.(event.prompt, event.language) : undefined),
          (password) => machine.provideNewPassword(password),
          (error) => {
            this.#cause = error
            machine.provideNewPassword(undefined)
          },
        )
        return
      case 'success':
        return
      default:
        assertNever(event)
    }
  }

  #next(methods: readonly string[] | undefined, partial: boolean, failed: AttemptRecord | undefined): void {
    if (failed !== undefined) {
      this.#cause = failed.cause ?? this.#cause
      this.#attempts.push(
        failed.key === undefined ? failed : { ...failed, fingerprint: fingerprint(failed.key) },
      )
      this.#laterByAnother(failed)
    }
    const { serverSigAlgs, sessionId, hostProof } = this.#session.drive.engine.transport
    // There is no login before the first key exchange is over.
    const session = {
      id: sessionId as Uint8Array,
      hostKey: hostProof?.hostKey as Uint8Array,
      hostSignature: hostProof?.signature as Uint8Array,
    }
    settle(
      this.#session,
      () => this.#options.auth({ methods, partial, attempts: this.#attempts, serverSigAlgs, session }),
      (wanted, engine) => {
        const attempt = wanted ?? this.#anotherAlgorithm(methods)
        this.#current = attempt
        if (attempt === undefined) this.#exhausted(methods)
        else engine.userauthClient?.attempt(attempt)
      },
      (error) => this.#session.fail(asError(error), DisconnectReason.authCancelledByUser),
    )
  }

  /**
   * A server may announce, or not announce, more algorithms than it takes: a refused key may do by its next one. Not at once: for a
   * key that does not do at all it would use up a try that something else needs.
   */
  #laterByAnother({ outcome, algorithm }: AttemptRecord): void {
    const attempt = this.#current
    if (attempt?.method !== 'publickey' || (outcome !== 'key-refused' && outcome !== 'refused')) return
    const { algorithms } = attempt.signer
    const next = algorithm === undefined ? undefined : algorithms[algorithms.indexOf(algorithm) + 1]
    if (next !== undefined) this.#again.push({ ...attempt, algorithm: next })
  }

  #anotherAlgorithm(methods: readonly string[] | undefined): PublickeyAttempt | undefined {
    return methods?.includes('publickey') ? this.#again.shift() : undefined
  }

  #exhausted(methods: readonly string[] | undefined): void {
    this.#session.fail(
      new AuthenticationError(this.#attempts, methods ?? [], {
        user: this.#options.user,
        ...(this.#cause === undefined ? {} : { cause: this.#cause }),
      }),
      DisconnectReason.noMoreAuthMethodsAvailable,
    )
  }
}
