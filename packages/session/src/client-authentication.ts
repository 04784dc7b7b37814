/** The client's asks: is this the right host, what to try next, sign this, answer that prompt. */

import { publicKeyFromBlob } from '@hawser/keys'
import { HostKeyError } from '@hawser/transport'
import {
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

export class ClientAuthentication implements Authentication {
  readonly #session: Session
  readonly #options: ClientSessionOptions
  readonly #attempts: AttemptRecord[] = []
  #current: LoginAttempt | undefined

  constructor(session: Session, options: ClientSessionOptions) {
    this.#session = session
    this.#options = options
  }

  event(event: AuthenticationEvent): void {
    if (event.type === 'ask-host-key') this.#hostKey(event)
    else if (event.type === 'auth-client') this.#userauth(event.event)
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
          key: publicKeyFromBlob(event.key),
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
    switch (event.type) {
      case 'banner':
        this.#options.hooks?.banner?.(event.message, event.language)
        return
      case 'next':
        if (event.failed !== undefined) this.#attempts.push(event.failed)
        this.#next(event.methods, event.partial)
        return
      case 'ask-signature':
        settle(
          this.#session,
          () => event.signer.sign(event.algorithm, event.data),
          (signature) => machine.provideSignature(signature),
          (error) => machine.abandon(`the signer failed: ${asError(error).message}`, error),
        )
        return
      case 'ask-responses': {
        const attempt = this.#current
        settle(
          this.#session,
          () =>
            attempt?.method === 'keyboard-interactive'
              ? attempt.respond(event.name, event.instruction, event.prompts, event.language)
              : [],
          (responses) => machine.provideResponses(responses),
          (error) => machine.abandon(`the prompts were not answered: ${asError(error).message}`, error),
        )
        return
      }
      case 'ask-new-password': {
        const attempt = this.#current
        settle(
          this.#session,
          () => (attempt?.method === 'password' ? attempt.change?.(event.prompt, event.language) : undefined),
          (password) => {
            if (password === undefined) machine.abandon('the server wants a new password, and none was given')
            else machine.provideNewPassword(password)
          },
          (error) => machine.abandon(`no new password was given: ${asError(error).message}`, error),
        )
        return
      }
      case 'success':
        return
      default:
        assertNever(event)
    }
  }

  #next(methods: readonly string[] | undefined, partial: boolean): void {
    const { serverSigAlgs } = this.#session.drive.engine.transport
    settle(
      this.#session,
      () => this.#options.auth({ methods, partial, attempts: this.#attempts, serverSigAlgs }),
      (attempt, engine) => {
        this.#current = attempt
        if (attempt === undefined)
          this.#session.fail(
            new AuthenticationError(this.#attempts, methods ?? []),
            DisconnectReason.noMoreAuthMethodsAvailable,
          )
        else engine.userauthClient?.attempt(attempt)
      },
      (error) => this.#session.fail(asError(error), DisconnectReason.authCancelledByUser),
    )
  }
}
