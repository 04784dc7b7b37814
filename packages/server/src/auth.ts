/** Who may log in: the application's handlers, asked with typed attempts; and refusals that tell nothing by their time. */

import { type PublicKey, type SecurityKeyFacts, securityKeyFacts } from '@hawser/keys'
import type { AuthExchange, Awaitable } from '@hawser/session'
import type { AuthRequest, Prompt } from '@hawser/userauth'
import { equal, utf8Encode } from '@hawser/wire'
import { untilNextStep } from './limits.ts'

/**
 * The answer to an attempt. Only a plain `true` lets in. `{ next }` is a partial success (RFC 4252 §5.1): this was right,
 * and one of the methods in `next` must follow. `{ methods }` refuses, and names what may be tried in place of the defaults.
 * `{ change }` asks the client for a new password, with these words; the handler is called again with it as `newPassword`.
 * `{ touch: 'optional' }` lets in a security key, too, that nobody has touched for it; with `true` that is refused.
 */
export type AuthDecision =
  | boolean
  | { readonly next: readonly string[] }
  | { readonly methods: readonly string[] }
  | { readonly change: string }
  | { readonly touch: 'optional' }

/** What every attempt says. */
export interface AttemptBase {
  /** The name that the client wants to log in as; nobody has checked it. */
  readonly user: string
  readonly service: string
  /** Where the client comes from, when the pipe knows. */
  readonly address?: string
  /** Aborts when the client gives the attempt up, or goes away. */
  readonly signal: AbortSignal
}

export type NoneAttempt = AttemptBase

export interface PasswordAttempt extends AttemptBase {
  readonly password: string
  /** The client changes its password; `password` is the old one. Let it in only after both were checked and the change was made. */
  readonly newPassword?: string
}

export interface PublicKeyAttempt extends AttemptBase {
  /** A certificate too: check what it says by `authorizedKeys` or `authorizeKey`, not the key in it alone. */
  readonly key: PublicKey
  /** The signature algorithm, such as `rsa-sha2-512`. */
  readonly algorithm: string
  /** False while the client only asks whether this key would do. When true, it has proved that it holds the key. */
  readonly verified: boolean
  /** The proof names this server's host key, so that nobody in the middle could have passed it on (`publickey-hostbound-v00@openssh.com`). */
  readonly hostbound: boolean
  /** What a security key (FIDO) says in its proof: touch, PIN, counter. Absent for other keys, and while the client only asks. */
  readonly securityKey?: SecurityKeyFacts
}

export interface Dialog extends AttemptBase {
  readonly submethods: readonly string[]
  /** One round of questions, and an answer to each. Rejects when the client gives up. */
  prompt(prompts: readonly Prompt[], name?: string, instruction?: string): Promise<readonly string[]>
}

export interface HostbasedAttempt extends AttemptBase {
  readonly key: PublicKey
  readonly algorithm: string
  /** Whether the client's host has proved that it holds the key; always true unless signatures are left to you. */
  readonly verified: boolean
  readonly clientHost: string
  readonly clientUser: string
}

/** One handler per method; methods without one are refused. What a handler throws refuses the attempt, and surfaces as uncaught. */
export interface AuthHandlers {
  /** Lets in without any proof: think twice. */
  none?(attempt: NoneAttempt): Awaitable<AuthDecision>
  password?(attempt: PasswordAttempt): Awaitable<AuthDecision>
  publickey?(attempt: PublicKeyAttempt): Awaitable<AuthDecision>
  keyboardInteractive?(dialog: Dialog): Awaitable<AuthDecision>
  hostbased?(attempt: HostbasedAttempt): Awaitable<AuthDecision>
}

/** The methods that `handlers` serve, by their names on the wire. */
export function methodsOf(handlers: AuthHandlers): string[] {
  const methods: string[] = []
  if (handlers.publickey !== undefined) methods.push('publickey')
  if (handlers.password !== undefined) methods.push('password')
  if (handlers.keyboardInteractive !== undefined) methods.push('keyboard-interactive')
  if (handlers.hostbased !== undefined) methods.push('hostbased')
  return methods
}

/** How refusals are spread over time; the clock is passed in. */
export interface RefusalPolicy {
  /** See {@link ServerLimits.refusalStepMs}. */
  readonly stepMs: number
  /** Milliseconds from any fixed point. */
  now(): number
  after(milliseconds: number, callback: () => void): void
}

/**
 * Asks the handler for `exchange.request` and answers it. Refusals, of unknown users, wrong proofs and missing handlers alike,
 * leave at the next multiple of `stepMs` after the request came. `none` is refused at once: it tells nothing about anybody.
 */
export function answerAttempt(
  exchange: AuthExchange,
  handlers: AuthHandlers,
  refusals: RefusalPolicy,
  accepted: (user: string, method: string) => void,
  address?: string,
): void {
  const { request } = exchange
  const started = refusals.now()
  const gone = new AbortController()
  exchange.onAbort = () => gone.abort()
  const refuse = (o: { readonly methods?: readonly string[]; readonly partial?: boolean } = {}): void => {
    const send = (): void => {
      if (!exchange.answered) exchange.reject(o)
    }
    if (request.method === 'none') send()
    else refusals.after(untilNextStep(refusals.now() - started, refusals.stepMs), send)
  }
  const decide = (decision: AuthDecision): void => {
    if (exchange.answered) return
    const isByKey = request.method === 'publickey' || request.method === 'hostbased'
    const untouched = isByKey && factsOf(request)?.userPresent === false
    if ((decision === true && !untouched) || isTouchOptional(decision, request)) {
      if (request.method !== 'publickey' || request.signed) accepted(request.user, request.method)
      exchange.accept()
    } else if (typeof decision !== 'object' || decision === null) refuse()
    else if ('next' in decision) exchange.reject({ methods: decision.next, partial: true })
    else if ('methods' in decision) refuse({ methods: decision.methods })
    else if ('change' in decision && request.method === 'password') change(decision.change)
    else refuse()
  }
  const change = (words: string): void => {
    exchange.requestChange(words).then(
      ({ newPassword }) => consult(newPassword),
      () => undefined, // the client gave up, which ends this attempt
    )
  }
  const failed = (error: unknown): void => {
    refuse()
    // Nobody failed but the client that gave up; everything else is the application's, and it shall hear of it.
    if (!gone.signal.aborted)
      queueMicrotask(() => {
        throw error
      })
  }
  const consult = (newPassword?: string): void => {
    let decision: Awaitable<AuthDecision>
    try {
      decision = ask(exchange, handlers, { signal: gone.signal, address, changed: newPassword })
    } catch (error) {
      failed(error)
      return
    }
    if (isPromiseLike(decision)) decision.then(decide, failed)
    else decide(decision)
  }
  consult()
}

/** What a security key says in a proof that has been checked. */
function factsOf({ signature, verified }: SignedRequest): SecurityKeyFacts | undefined {
  return signature === undefined || !verified ? undefined : securityKeyFacts(signature)
}

type SignedRequest = Extract<AuthRequest, { readonly method: 'publickey' | 'hostbased' }>

function isTouchOptional(decision: AuthDecision, { method }: AuthRequest): boolean {
  const isObject = typeof decision === 'object' && decision !== null
  return method === 'publickey' && isObject && 'touch' in decision && decision.touch === 'optional'
}

/** Decisions come from applications: they may be anything. */
function isPromiseLike(decision: Awaitable<AuthDecision>): decision is PromiseLike<AuthDecision> {
  return typeof (decision as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Whether `given` is `secret`, in a time that depends on the length of `given` only, which its sender knows anyway. */
export function sameSecret(given: string, secret: string): boolean {
  const a = utf8Encode(given)
  const b = utf8Encode(secret)
  // Another length is a difference too, but is found out only at the end.
  const fitted = new Uint8Array(a.length)
  for (let at = 0; at < a.length; at++) fitted[at] = b[at % Math.max(1, b.length)] ?? 0
  const same = equal(a, fitted)
  return same && a.length === b.length
}

/** A handler for passwords that are kept in the clear: for tests and small devices. Unknown users cost the same work as known ones. */
export function passwordsOf(users: ReadonlyMap<string, string>): (attempt: PasswordAttempt) => boolean {
  return ({ user, password }) => {
    const secret = users.get(user)
    const same = sameSecret(password, secret ?? noSecret)
    return same && secret !== undefined
  }
}

/** Stands in for the password of users that do not exist. */
const noSecret = 'no user has this password: the user is unknown'

function ask(
  exchange: AuthExchange,
  handlers: AuthHandlers,
  {
    signal,
    address,
    changed,
  }: {
    readonly signal: AbortSignal
    readonly address: string | undefined
    readonly changed: string | undefined
  },
): Awaitable<AuthDecision> {
  const { request } = exchange
  const { user, service } = request
  const base = { user, service, signal, ...(address === undefined ? {} : { address }) }
  switch (request.method) {
    case 'none':
      return handlers.none?.(base) ?? false
    case 'password': {
      const newPassword = changed ?? request.newPassword
      return (
        handlers.password?.({
          ...base,
          password: request.password,
          ...(newPassword === undefined ? {} : { newPassword }),
        }) ?? false
      )
    }
    case 'publickey': {
      const facts = factsOf(request)
      return (
        handlers.publickey?.({
          ...base,
          key: request.key,
          algorithm: request.algorithm,
          verified: request.verified,
          hostbound: request.hostbound,
          ...(facts === undefined ? {} : { securityKey: facts }),
        }) ?? false
      )
    }
    case 'keyboard-interactive':
      return (
        handlers.keyboardInteractive?.({
          ...base,
          submethods: request.submethods,
          prompt: (prompts, name, instruction) => exchange.prompt(prompts, name, instruction),
        }) ?? false
      )
    case 'hostbased':
      return (
        handlers.hostbased?.({
          ...base,
          key: request.key,
          algorithm: request.algorithm,
          verified: request.verified,
          clientHost: request.hostName,
          clientUser: request.clientUser,
        }) ?? false
      )
    default:
      return false
  }
}
