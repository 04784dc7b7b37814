/** ssh2's AuthContext: one authentication request of a client, with what its method brings and the ways to answer. */

import { EventEmitter } from 'node:events'
import { plainAlgorithm } from '@hawser/keys'
import type { AuthExchange } from '@hawser/session'
import { assertNever } from '@hawser/wire'
import { asBuffer } from './channel-bytes.ts'
import { Link } from './link.ts'
import { fromBlob, hashOf } from './signatures.ts'
import type { AuthenticationType, ChangePasswordCallback, Prompt } from './types.ts'

type Request<M extends string> = Extract<AuthExchange['request'], { readonly method: M }>

/** What every request has. Answered once; later answers do nothing. `abort` tells that the client gave it up. */
export class AuthContextBase<M extends AuthenticationType = AuthenticationType> extends EventEmitter {
  readonly user: string
  readonly username: string
  readonly service: string
  readonly method: M
  readonly #exchange: AuthExchange

  constructor(exchange: AuthExchange, method: M) {
    super()
    const { user, service } = exchange.request
    this.user = user
    this.username = user
    this.service = service
    this.method = method
    this.#exchange = exchange
    exchange.onAbort = () => this.emit('abort')
  }

  /** For this package: whether `accept` or `reject` was called. */
  get answered(): boolean {
    return this.#exchange.answered
  }

  /** Lets the user in; for a public key without a signature it says that the key would do. */
  accept(): void {
    if (!this.#exchange.answered) this.#exchange.accept()
  }

  /** Refuses. `methodsLeft` names what can continue; `isPartial` says that this method succeeded and another must follow. */
  reject(methodsLeft?: readonly AuthenticationType[], isPartial?: boolean): void {
    if (this.#exchange.answered) return
    this.#exchange.reject({
      ...(Array.isArray(methodsLeft) ? { methods: methodsLeft } : {}),
      partial: isPartial === true,
    })
  }
}

export class NoneAuthContext extends AuthContextBase<'none'> {
  constructor(exchange: AuthExchange) {
    super(exchange, 'none')
  }
}

export class PasswordAuthContext extends AuthContextBase<'password'> {
  readonly password: string
  /** Set when the client changes its password on its own account. */
  readonly newPassword: string | undefined
  readonly #exchange: AuthExchange

  constructor(exchange: AuthExchange, request: Request<'password'>) {
    super(exchange, 'password')
    this.password = request.password
    this.newPassword = request.newPassword
    this.#exchange = exchange
  }

  /** Asks for a new password; `callback` gets it. Answer by accept or reject afterwards. */
  requestChange(prompt: string, callback: ChangePasswordCallback): void {
    this.#exchange.requestChange(prompt).then(
      ({ newPassword }) => Link.run(() => callback(newPassword)),
      () => undefined, // given up: `abort` tells
    )
  }
}

/** What is common to the methods that sign. */
class SignedAuthContext<M extends 'publickey' | 'hostbased'> extends AuthContextBase<M> {
  /**
   * `algo` is the type of the key, also where RSA signs by SHA-2. A certificate comes whole: its `verify` proves that the client has the
   * key in it, `checkCertificate` of @hawser/keys says whether the certificate is to be believed.
   */
  readonly key: { algo: string; data: Buffer }
  /** The signature, raw (DER for ECDSA; with flags and counter for security keys), and what it is over; undefined while the client only asks whether the key would do. */
  readonly signature: Buffer | undefined
  readonly blob: Buffer | undefined
  /** RSA: the hash by which it was signed. */
  readonly hashAlgo: string | undefined
  /** @deprecated The hash for `crypto.createVerify`. Use `key.verify(ctx.blob, ctx.signature, ctx.hashAlgo)`. */
  readonly sigAlgo: string | undefined

  constructor(exchange: AuthExchange, request: Request<M>, method: M) {
    super(exchange, method)
    const { key, algorithm, signature, signedData } = request as Request<'publickey'>
    this.key = { algo: key.type, data: Buffer.from(key.blob) }
    this.signature = signature === undefined ? undefined : fromBlob(signature)
    this.blob = signedData === undefined ? undefined : Buffer.from(asBuffer(signedData))
    const hash = signature === undefined ? undefined : hashOf(plainAlgorithm(algorithm))
    this.hashAlgo = plainAlgorithm(key.type) === 'ssh-rsa' ? hash : undefined
    this.sigAlgo = hash
  }
}

export class PublicKeyAuthContext extends SignedAuthContext<'publickey'> {
  constructor(exchange: AuthExchange, request: Request<'publickey'>) {
    super(exchange, request, 'publickey')
  }
}

export class HostbasedAuthContext extends SignedAuthContext<'hostbased'> {
  readonly localHostname: string
  readonly localUsername: string

  constructor(exchange: AuthExchange, request: Request<'hostbased'>) {
    super(exchange, request, 'hostbased')
    this.localHostname = request.hostName
    this.localUsername = request.clientUser
  }
}

/** (responses), or (error, responses) for callbacks with two parameters. */
type Answered = (answers: ReturnType<typeof JSON.parse>, responses: string[]) => void
type Asked = string | Prompt | readonly (string | Prompt)[]

export class KeyboardAuthContext extends AuthContextBase<'keyboard-interactive'> {
  readonly submethods: string[]
  readonly #exchange: AuthExchange

  constructor(exchange: AuthExchange, request: Request<'keyboard-interactive'>) {
    super(exchange, 'keyboard-interactive')
    this.submethods = [...request.submethods]
    this.#exchange = exchange
  }

  /**
   * Asks the client. A callback with two parameters gets (error, responses), one with fewer the responses,
   * or the error when the client gave up.
   */
  prompt(prompts: Asked, callback: Answered): boolean
  prompt(prompts: Asked, title: string, callback: Answered): boolean
  prompt(prompts: Asked, title: string, instructions: string, callback: Answered): boolean
  prompt(prompts: Asked, ...rest: readonly (string | Answered | undefined)[]): boolean {
    const callback = rest.find((value) => typeof value === 'function') as
      | ((...args: unknown[]) => void)
      | undefined
    const [title, instructions] = rest.filter((value) => typeof value !== 'function') as (
      | string
      | undefined
    )[]
    const list = Array.isArray(prompts)
      ? (prompts as readonly (string | Prompt)[])
      : [prompts as string | Prompt]
    const asked = list.map((one) =>
      typeof one === 'string'
        ? { prompt: one, echo: false }
        : { prompt: one.prompt, echo: one.echo === true },
    )
    const both = (callback?.length ?? 0) >= 2
    this.#exchange.prompt(asked, title ?? '', instructions ?? '').then(
      (responses) =>
        Link.run(() => (both ? callback?.(undefined, [...responses]) : callback?.([...responses]))),
      (error: unknown) => Link.run(() => callback?.(error)),
    )
    return true
  }
}

export type AuthContext =
  | NoneAuthContext
  | PasswordAuthContext
  | PublicKeyAuthContext
  | KeyboardAuthContext
  | HostbasedAuthContext

/** The context of a request, by its method. */
export function authContext(exchange: AuthExchange): AuthContext {
  const { request } = exchange
  switch (request.method) {
    case 'password':
      return new PasswordAuthContext(exchange, request)
    case 'publickey':
      return new PublicKeyAuthContext(exchange, request)
    case 'keyboard-interactive':
      return new KeyboardAuthContext(exchange, request)
    case 'hostbased':
      return new HostbasedAuthContext(exchange, request)
    case 'none':
      return new NoneAuthContext(exchange)
    default:
      return assertNever(request)
  }
}
