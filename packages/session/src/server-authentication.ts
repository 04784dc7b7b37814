/** The server's asks: sign with the host key, decide about a login request, take the answers to prompts. */

import type { PublicKey, Signer } from '@hawser/keys'
import type { AuthRequest, Prompt, UserauthServer, UserauthServerEvent } from '@hawser/userauth'
import { assertNever, equal, UsageError } from '@hawser/wire'
import { type Authentication, type AuthenticationEvent, settle } from './authentication.ts'
import { ConnectionError } from './errors.ts'
import type { AuthExchange, ServerSessionOptions } from './options.ts'
import { asError } from './pipe.ts'
import type { Session } from './session.ts'

export class ServerAuthentication implements Authentication {
  readonly #session: Session
  /** Keys are renewed for as long as the connection lives; the rest is for the login. */
  readonly #hostKeys: readonly Signer[]
  #options: ServerSessionOptions | undefined
  #bannerSent = false
  #exchange: Exchange | undefined

  constructor(session: Session, options: ServerSessionOptions) {
    this.#session = session
    this.#hostKeys = options.hostKeys
    this.#options = options
  }

  event(event: AuthenticationEvent): void {
    if (event.type === 'ask-signature') this.#sign(event)
    else if (event.type === 'auth-server') this.#userauth(event.event)
  }

  authenticated(): void {
    this.#exchange = undefined
    this.#options = undefined
  }

  closed(): void {
    this.#exchange?.abort()
    this.#exchange = undefined
  }

  #sign(event: Extract<AuthenticationEvent, { type: 'ask-signature' }>): void {
    settle(
      this.#session,
      () => hostKeySigner(this.#hostKeys, event.hostKey).sign(event.algorithm, event.data),
      (signature, engine) => engine.transport.provideSignature(signature),
      (error) =>
        this.#session.drive.engine.transport.failSignature(
          `signature generation failed: ${asError(error).message}`,
        ),
    )
  }

  #userauth(event: UserauthServerEvent): void {
    switch (event.type) {
      case 'request': {
        const machine = this.#session.drive.engine.userauthServer as UserauthServer
        const options = this.#options as ServerSessionOptions
        if (!this.#bannerSent && options.banner !== undefined) {
          this.#bannerSent = true
          machine.banner(options.banner)
        }
        const exchange = new Exchange(this.#session, machine, event.request)
        this.#exchange = exchange
        options.onAuth(exchange)
        return
      }
      case 'responses':
        this.#exchange?.responses(event.responses)
        return
      case 'new-password':
        this.#exchange?.newPassword(event.newPassword)
        return
      case 'abandoned':
        this.#exchange?.abort()
        return
      case 'user':
      case 'invalid-signature':
      case 'success':
        return
      default:
        assertNever(event)
    }
  }
}

/** One request of the client and its answer. The login grace runs on meanwhile: it bounds the whole login. */
class Exchange implements AuthExchange {
  readonly request: AuthRequest
  onAbort: (() => void) | undefined
  readonly #session: Session
  readonly #machine: UserauthServer
  #answered = false
  #asked: { resolve: (value: never) => void; reject: (error: Error) => void } | undefined
  /** An answer that was given while a question was open: the client answers that first. */
  #held: (() => void) | undefined

  constructor(session: Session, machine: UserauthServer, request: AuthRequest) {
    this.#session = session
    this.#machine = machine
    this.request = request
  }

  get answered(): boolean {
    return this.#answered
  }

  accept(): void {
    this.#answer(() => this.#machine.accept())
  }

  reject(o: { readonly methods?: readonly string[]; readonly partial?: boolean } = {}): void {
    this.#answer(() => this.#machine.reject(o))
  }

  prompt(prompts: readonly Prompt[], name = '', instruction = ''): Promise<readonly string[]> {
    return this.#ask(() => this.#machine.prompt(prompts, name, instruction))
  }

  requestChange(prompt: string, language = ''): Promise<{ readonly newPassword: string }> {
    return this.#ask(() => this.#machine.changePassword(prompt, language))
  }

  responses(responses: readonly string[]): void {
    this.#resolve(responses)
  }

  newPassword(newPassword: string): void {
    this.#resolve({ newPassword })
  }

  abort(): void {
    const open = !this.#answered
    this.#answered = true
    const asked = this.#asked
    this.#asked = undefined
    this.#held = undefined
    asked?.reject(givenUp())
    if (open) this.onAbort?.()
  }

  #answer(verb: () => void): void {
    if (this.#answered) throw new UsageError('this authentication request was answered already')
    this.#answered = true
    if (this.#session.phase === 'closing' || this.#session.phase === 'closed') return
    if (this.#asked !== undefined) {
      this.#held = verb
      return
    }
    verb()
    this.#session.drive.kick()
  }

  #ask<T>(verb: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#answered) return reject(givenUp())
      if (this.#asked !== undefined)
        return reject(new UsageError('the last question has not been answered yet'))
      this.#asked = { resolve: resolve as (value: never) => void, reject }
      verb()
      this.#session.drive.kick()
    })
  }

  #resolve(value: unknown): void {
    const asked = this.#asked
    this.#asked = undefined
    asked?.resolve(value as never)
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return
    held()
    this.#session.drive.kick()
  }
}

function hostKeySigner(signers: readonly Signer[], key: PublicKey): Signer {
  const signer = signers.find(({ publicKey }) => equal(publicKey.blob, key.blob))
  if (signer === undefined) throw new UsageError(`no signer for the ${key.type} host key`)
  return signer
}

function givenUp(): Error {
  return new ConnectionError('SSH_CLOSED', 'authentication', 'the client gave this authentication request up')
}
