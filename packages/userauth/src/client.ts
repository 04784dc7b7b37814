/** The client's side of authentication (RFC 4252, RFC 4256): one try at a time, its outcome as an event. */

import type { Signer } from '@hawser/keys'
import { equal, ProtocolError, Reader, type Trace, UsageError, utf8Encode } from '@hawser/wire'
import {
  hostbasedSignedData,
  hostboundData,
  hostboundMethod,
  hostboundSignedData,
  keyboardInteractiveData,
  passwordChangeData,
  passwordData,
  publickeyData,
  publickeySignedData,
  userauthBanner,
  userauthFailure,
  userauthInfoRequest,
  userauthInfoResponse,
  userauthPasswdChangereq,
  userauthPkOk,
  userauthRequest,
  userauthSuccess,
} from './messages.ts'
import {
  type Attempt,
  type AttemptOutcome,
  type AttemptRecord,
  connectionService,
  type Prompt,
  signatureNameOf,
} from './methods.ts'
import {
  hostbasedSignatureData,
  hostboundSignatureData,
  publickeySignatureData,
  type SignatureSubject,
} from './signature-data.ts'

/** Most banners, and most rounds of questions in one try. */
const mostBanners = 64
const mostRounds = 64

/** What a server has said about logins by keys. */
export interface ServerAnnouncement {
  /** Signature algorithms that it takes (RFC 8308 §3.1). */
  readonly serverSigAlgs?: readonly string[] | undefined
  /** Its host key blob, when it takes logins that name it (OpenSSH PROTOCOL §3.1): they are then bound to it. */
  readonly boundTo?: Uint8Array | undefined
}

export interface UserauthClientOptions extends ServerAnnouncement {
  readonly user: string
  /** Default `ssh-connection`. */
  readonly service?: string
  readonly sessionId: Uint8Array
  readonly trace?: Trace
}

export type UserauthClientEvent =
  /** Call `attempt`. The first one comes by itself, before the server was heard. */
  | {
      readonly type: 'next'
      /** What the server says can continue; undefined before its first answer. */
      readonly methods?: readonly string[]
      /** The try succeeded and the server wants another method. */
      readonly partial: boolean
      /** The try that has just ended. */
      readonly failed?: AttemptRecord
    }
  /** Answer: `provideSignature`. */
  | {
      readonly type: 'ask-signature'
      readonly signer: Signer
      readonly algorithm: string
      readonly data: Uint8Array
    }
  /** Answer: `provideResponses`, one per prompt; there may be none. Texts are the server's: filter them before a terminal shows them. */
  | {
      readonly type: 'ask-responses'
      readonly name: string
      readonly instruction: string
      readonly language: string
      readonly prompts: readonly Prompt[]
    }
  /** Answer: `provideNewPassword`. */
  | { readonly type: 'ask-new-password'; readonly prompt: string; readonly language: string }
  /** Text of the server: filter it before a terminal shows it (RFC 4252 §5.4). */
  | { readonly type: 'banner'; readonly message: string; readonly language: string }
  | { readonly type: 'success' }

type SignedAttempt = Extract<Attempt, { readonly signer: Signer }>
type PublickeyAttempt = Extract<Attempt, { readonly method: 'publickey' }>
type PasswordAttempt = Extract<Attempt, { readonly method: 'password' }>
type InteractiveAttempt = Extract<Attempt, { readonly method: 'keyboard-interactive' }>

/** Where the current try stands. `sent` states wait for the server, `asked` ones for the application. */
type State =
  | { readonly at: 'idle' }
  | { readonly at: 'sent'; readonly attempt: Attempt; readonly algorithm?: string }
  | { readonly at: 'probe-sent'; readonly attempt: PublickeyAttempt; readonly algorithm: string }
  | { readonly at: 'signature-asked'; readonly attempt: SignedAttempt; readonly algorithm: string }
  | { readonly at: 'responses-asked'; readonly attempt: InteractiveAttempt; readonly count: number }
  | { readonly at: 'password-asked'; readonly attempt: PasswordAttempt }
  | { readonly at: 'done' }

/** `poll` until `next`, answer by `attempt`; until `success`. Verbs throw UsageError when nothing asks for them. */
export class UserauthClient {
  readonly #user: string
  readonly #service: string
  readonly #sessionId: Uint8Array
  #server: ServerAnnouncement
  /** The host key that the current try is bound to. */
  #boundTo: Uint8Array | undefined
  readonly #trace: Trace | undefined
  readonly #inbox: Uint8Array[] = []
  readonly #output: Uint8Array[] = []
  readonly #events: UserauthClientEvent[] = [{ type: 'next', partial: false }]
  #state: State = { at: 'idle' }
  #methods: readonly string[] | undefined
  #banners = 0
  #rounds = 0
  #dead: Error | undefined

  constructor(options: UserauthClientOptions) {
    this.#user = options.user
    this.#service = options.service ?? connectionService
    this.#sessionId = options.sessionId
    this.#server = options
    this.#trace = options.trace
  }

  /** The server has announced what it takes, or something else than before: it counts from the next try on. */
  announced(server: ServerAnnouncement): void {
    this.#server = server
  }

  /** Stores a payload (numbers 50 to 79). Never throws. After success one is kept, for `poll` to complain about. */
  receive(payload: Uint8Array): void {
    if (this.#state.at !== 'done' || this.#inbox.length === 0) this.#inbox.push(payload)
  }

  /** The next event. Throws ProtocolError when the server broke the protocol, and the same again from then on. */
  poll(): UserauthClientEvent | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      for (;;) {
        const event = this.#events.shift()
        if (event !== undefined) return event
        const payload = this.#inbox.shift()
        if (payload === undefined) return undefined
        this.#dispatch(payload)
      }
    } catch (error) {
      this.#dead = error as Error
      throw error
    }
  }

  /** The next payload for the transport. */
  takeOutput(): Uint8Array | undefined {
    return this.#dead === undefined ? this.#output.shift() : undefined
  }

  /** Starts a try; only after `next`. */
  attempt(attempt: Attempt): void {
    if (this.#state.at !== 'idle') throw new UsageError(`attempt while ${doing[this.#state.at]}`)
    this.#rounds = 0
    switch (attempt.method) {
      case 'none':
        this.#request(attempt, new Uint8Array(0))
        return
      case 'password':
        this.#request(attempt, passwordData.encode({ change: false, password: bytesOf(attempt.password) }))
        return
      case 'keyboard-interactive': {
        const submethods = (attempt.submethods ?? []).join(',')
        this.#request(attempt, keyboardInteractiveData.encode({ languageTag: '', submethods }))
        return
      }
      case 'publickey':
      case 'hostbased':
        this.#attemptSigned(attempt)
    }
  }

  /** Answers `ask-signature` with a signature blob; undefined or an error gives the try up, and `next` follows. */
  provideSignature(signature: Uint8Array | Error | undefined): void {
    const state = this.#state
    if (state.at !== 'signature-asked') throw this.#unasked('provideSignature')
    const { attempt, algorithm } = state
    if (!(signature instanceof Uint8Array)) {
      const why = signature === undefined ? '' : `: ${signature.message}`
      return this.#fail('given-up', `no signature could be made${why}`, false, signature)
    }
    const made = signatureName(signature)
    if (made !== signatureNameOf(algorithm))
      return this.#fail(
        'given-up',
        `the signer gave a signature by ${made ?? 'no algorithm'} where ${algorithm} was asked for`,
        false,
      )
    const key = attempt.signer.publicKey.blob
    const data =
      attempt.method === 'publickey'
        ? this.#boundTo === undefined
          ? publickeySignedData.encode({ signed: true, algorithm, key, signature })
          : hostboundSignedData.encode({ signed: true, algorithm, key, hostKey: this.#boundTo, signature })
        : hostbasedSignedData.encode({
            algorithm,
            key,
            hostName: attempt.host,
            clientUser: attempt.user,
            signature,
          })
    this.#request(attempt, data, algorithm)
  }

  /** Answers `ask-responses`; undefined gives the try up, and `next` follows. */
  provideResponses(responses: readonly string[] | undefined): void {
    const state = this.#state
    if (state.at !== 'responses-asked') throw this.#unasked('provideResponses')
    if (responses === undefined) return this.#fail('given-up', 'the questions were not answered', false)
    if (responses.length !== state.count)
      throw new UsageError(`${responses.length} responses were given to ${state.count} prompts`)
    this.#send('userauthInfoResponse', userauthInfoResponse.encode({ responses }))
    this.#state = { at: 'sent', attempt: state.attempt }
  }

  /** Answers `ask-new-password`; undefined gives the try up, and `next` follows. */
  provideNewPassword(newPassword: string | Uint8Array | undefined): void {
    const state = this.#state
    if (state.at !== 'password-asked') throw this.#unasked('provideNewPassword')
    if (newPassword === undefined)
      return this.#fail('given-up', 'the server wants a new password, and none was given', false)
    const password = bytesOf(state.attempt.password)
    this.#request(
      state.attempt,
      passwordChangeData.encode({ change: true, password, newPassword: bytesOf(newPassword) }),
    )
  }

  /** Gives up a try that waits for a signature, responses or a new password: `next` follows, and says why. */
  abandon(reason: string, cause?: unknown): void {
    const { at } = this.#state
    if (at !== 'signature-asked' && at !== 'responses-asked' && at !== 'password-asked')
      throw this.#unasked('abandon')
    this.#fail('given-up', reason, false, cause)
  }

  #attemptSigned(attempt: SignedAttempt): void {
    const algorithm = this.#signatureAlgorithm(attempt)
    this.#boundTo = attempt.method === 'publickey' ? this.#server.boundTo : undefined
    if (algorithm === undefined) {
      this.#state = { at: 'signature-asked', attempt, algorithm: attempt.signer.algorithms[0] ?? 'none' }
      const ours = attempt.signer.algorithms.join(', ') || 'none'
      const theirs = this.#server.serverSigAlgs?.join(', ') ?? 'none'
      this.#fail('given-up', `the key signs by ${ours} and the server takes ${theirs}`, false)
    } else if (attempt.method === 'publickey' && attempt.probe !== false) {
      const key = attempt.signer.publicKey.blob
      const query = { signed: false, algorithm, key }
      const hostKey = this.#boundTo
      this.#request(
        attempt,
        hostKey === undefined ? publickeyData.encode(query) : hostboundData.encode({ ...query, hostKey }),
      )
      this.#state = { at: 'probe-sent', attempt, algorithm }
    } else this.#askSignature(attempt, algorithm)
  }

  /**
   * RFC 8308 §3.1. A key with one algorithm uses it whatever the server announced: OpenSSH 7.2 announces its RSA algorithms only.
   */
  #signatureAlgorithm(attempt: SignedAttempt): string | undefined {
    if (attempt.method === 'publickey' && attempt.algorithm !== undefined) return attempt.algorithm
    const { algorithms } = attempt.signer
    const announced = this.#server.serverSigAlgs
    if (announced === undefined || algorithms.length === 1) return algorithms[0]
    // OpenSSH announces no names of certificates: who takes the plain signature takes it with a certificate too.
    return algorithms.find((name) => announced.includes(name) || announced.includes(signatureNameOf(name)))
  }

  #askSignature(attempt: SignedAttempt, algorithm: string): void {
    const { signer } = attempt
    const subject: SignatureSubject = {
      sessionId: this.#sessionId,
      user: attempt.login ?? this.#user,
      service: this.#service,
      algorithm,
      key: signer.publicKey.blob,
    }
    const data =
      attempt.method === 'publickey'
        ? this.#boundTo === undefined
          ? publickeySignatureData(subject)
          : hostboundSignatureData({ ...subject, hostKey: this.#boundTo })
        : hostbasedSignatureData({ ...subject, hostName: attempt.host, clientUser: attempt.user })
    this.#state = { at: 'signature-asked', attempt, algorithm }
    this.#events.push({ type: 'ask-signature', signer, algorithm, data })
  }

  #dispatch(payload: Uint8Array): void {
    const number = payload[0] ?? -1
    const { at } = this.#state
    if (at === 'done') throw new ProtocolError(`userauth message ${number} after success`)
    switch (number) {
      case userauthFailure.number: {
        this.#noteIn('userauthFailure', payload)
        const { methods, partialSuccess } = userauthFailure.decode(payload)
        if (at !== 'sent' && at !== 'probe-sent') throw unexpected('userauthFailure', at)
        this.#methods = methods
        if (partialSuccess) this.#fail('partial', 'accepted, and the server wants another method', true)
        else if (at === 'probe-sent') this.#fail('key-refused', 'the server does not accept this key', false)
        else this.#fail('refused', 'refused', false)
        return
      }
      case userauthSuccess.number:
        this.#noteIn('userauthSuccess', payload)
        userauthSuccess.decode(payload)
        // A query never authenticates, and neither does a question that we have not answered.
        if (at !== 'sent') throw unexpected('userauthSuccess', at)
        this.#outcome('success')
        this.#state = { at: 'done' }
        this.#events.push({ type: 'success' })
        return
      case userauthBanner.number: {
        this.#noteIn('userauthBanner', payload)
        const { message, languageTag } = userauthBanner.decode(payload)
        if (++this.#banners > mostBanners)
          throw new ProtocolError(`more than ${mostBanners} banners`, { code: 'SSH_LIMIT_BANNERS' })
        this.#events.push({ type: 'banner', message, language: languageTag })
        return
      }
      case userauthPkOk.number:
        this.#dialog(payload)
        return
      default:
        throw new ProtocolError(`message ${number} is none that a server sends during authentication`)
    }
  }

  /** Message 60, whose meaning depends on the method (RFC 4252 §6). */
  #dialog(payload: Uint8Array): void {
    const state = this.#state
    if (state.at === 'probe-sent') {
      this.#noteIn('userauthPkOk', payload)
      const { algorithm, key } = userauthPkOk.decode(payload)
      if (algorithm !== state.algorithm || !equal(key, state.attempt.signer.publicKey.blob))
        throw new ProtocolError(
          `userauthPkOk for another key or algorithm (${JSON.stringify(algorithm)}) than was asked about (${state.algorithm})`,
        )
      this.#askSignature(state.attempt, algorithm)
    } else if (state.at === 'sent' && state.attempt.method === 'password') {
      this.#noteIn('userauthPasswdChangereq', payload)
      const { prompt, languageTag } = userauthPasswdChangereq.decode(payload)
      this.#round()
      this.#state = { at: 'password-asked', attempt: state.attempt }
      this.#events.push({ type: 'ask-new-password', prompt, language: languageTag })
    } else if (state.at === 'sent' && state.attempt.method === 'keyboard-interactive') {
      this.#noteIn('userauthInfoRequest', payload)
      const { prompts, name, instruction, languageTag } = userauthInfoRequest.decode(payload)
      this.#round()
      this.#state = { at: 'responses-asked', attempt: state.attempt, count: prompts.length }
      this.#events.push({ type: 'ask-responses', name, instruction, language: languageTag, prompts })
    } else throw unexpected('message 60', state.at)
  }

  #round(): void {
    if (++this.#rounds > mostRounds)
      throw new ProtocolError(`more than ${mostRounds} rounds of questions in one try`, {
        code: 'SSH_LIMIT_ROUNDS',
      })
  }

  #request(attempt: Attempt, data: Uint8Array, algorithm?: string): void {
    const isBound = attempt.method === 'publickey' && this.#boundTo !== undefined
    const methodName = isBound ? hostboundMethod : attempt.method
    this.#trace?.({
      layer: 'userauth',
      type: 'attempt',
      method: methodName,
      detail: algorithm ?? 'requested',
    })
    this.#send(
      'userauthRequest',
      userauthRequest.encode({
        userName: attempt.login ?? this.#user,
        serviceName: this.#service,
        methodName,
        data,
      }),
    )
    this.#state = { at: 'sent', attempt, ...(algorithm === undefined ? {} : { algorithm }) }
  }

  /** The current try is over without success. */
  #fail(outcome: AttemptOutcome, reason: string, partial: boolean, cause?: unknown): void {
    const state = this.#state
    if (state.at === 'idle' || state.at === 'done') throw new UsageError('no try is under way')
    const { attempt } = state
    const algorithm = 'algorithm' in state ? state.algorithm : undefined
    this.#outcome(`${outcome}: ${reason}`)
    this.#state = { at: 'idle' }
    this.#events.push({
      type: 'next',
      partial,
      ...(this.#methods === undefined ? {} : { methods: this.#methods }),
      failed: {
        method: attempt.method,
        outcome,
        reason,
        methodsLeft: this.#methods ?? [],
        partial,
        ...(algorithm === undefined ? {} : { algorithm }),
        ...('signer' in attempt ? { key: attempt.signer.publicKey } : {}),
        ...(cause === undefined ? {} : { cause }),
      },
    })
  }

  #outcome(detail: string): void {
    const method = 'attempt' in this.#state ? this.#state.attempt.method : 'none'
    this.#trace?.({ layer: 'userauth', type: 'outcome', method, detail })
  }

  #send(name: string, payload: Uint8Array): void {
    const number = payload[0] as number
    this.#trace?.({
      layer: 'userauth',
      type: 'message',
      direction: 'out',
      name,
      number,
      size: payload.length,
    })
    this.#output.push(payload)
  }

  #noteIn(name: string, payload: Uint8Array): void {
    const number = payload[0] as number
    this.#trace?.({ layer: 'userauth', type: 'message', direction: 'in', name, number, size: payload.length })
  }

  #unasked(verb: string): UsageError {
    return new UsageError(`${verb} while ${doing[this.#state.at]}`)
  }
}

const doing: Readonly<Record<State['at'], string>> = {
  idle: 'no try is under way',
  sent: 'the server has not answered yet',
  'probe-sent': 'the server has not said yet whether it takes the key',
  'signature-asked': 'a signature is being waited for',
  'responses-asked': 'responses are being waited for',
  'password-asked': 'a new password is being waited for',
  done: 'authentication is over',
}

function unexpected(what: string, at: State['at']): ProtocolError {
  return new ProtocolError(`${what} while ${doing[at]}`)
}

/** The algorithm name inside a signature blob (RFC 4253 §6.6). */
function signatureName(signature: Uint8Array): string | undefined {
  try {
    return new Reader(signature, 'signature').ascii()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

function bytesOf(password: string | Uint8Array): Uint8Array {
  return typeof password === 'string' ? utf8Encode(password) : password
}
