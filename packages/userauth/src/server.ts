/** The server's side of authentication (RFC 4252, RFC 4256): requests in order, each answered once, signatures checked before anybody hears of them. */

import type { PublicKey, VerifySignature } from '@hawser/keys'
import {
  DisconnectReason,
  equal,
  ProtocolError,
  Reader,
  type Trace,
  UsageError,
  utf8Decode,
} from '@hawser/wire'
import { TooManyAttemptsError } from './errors.ts'
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
import { type AuthRequest, connectionService, keyTypeOf, type Prompt, signatureNameOf } from './methods.ts'
import {
  hostbasedSignatureData,
  hostboundSignatureData,
  publickeySignatureData,
  type SignatureSubject,
} from './signature-data.ts'

/** Messages that a client may send ahead of our answers (RFC 4252 §5.1 lets it send several requests). */
const mostPipelined = 32

export interface UserauthServerOptions {
  readonly sessionId: Uint8Array
  /** The host key blob of the first key exchange: logins that name it are taken then (OpenSSH PROTOCOL §3.1). */
  readonly hostKey?: Uint8Array
  readonly verify: VerifySignature
  /** Named in FAILURE until `reject` names others. */
  readonly methods: readonly string[]
  /** Failed tries after which poll throws TooManyAttemptsError. Queries of keys count half, the first `none` not at all. Default 6. */
  readonly maxAttempts?: number
  /** Requests and responses in all. Default 128. */
  readonly maxRequests?: number
  /** Signature algorithms that are taken. Default: whatever `verify` takes. */
  readonly signatureAlgorithms?: readonly string[]
  /** Those that are taken from the keys of `user`, in place of `signatureAlgorithms`; undefined for users without a list of their own. */
  readonly signatureAlgorithmsOf?: ((user: string) => readonly string[] | undefined) | undefined
  /**
   * False leaves the check of signatures to the application, which gets `signature`, `signedData` and `verified: false`,
   * and whose `accept` then lets the user in. Default true.
   */
  readonly verifySignatures?: boolean
  readonly trace?: Trace
}

export type UserauthServerEvent =
  /** Who wants to log in is known, or is another than before, and has signature algorithms of their own: announce them. */
  | { readonly type: 'user'; readonly user: string; readonly signatureAlgorithms: readonly string[] }
  /** Answer: accept, reject, or (by method) pkOk, prompt, changePassword. */
  | { readonly type: 'request'; readonly request: AuthRequest }
  /** The answers to `prompt`, as many as prompts. Answer again as to a request. */
  | { readonly type: 'responses'; readonly responses: readonly string[] }
  /** The client's answer to `changePassword`, by the same user. Answer again as to a request. */
  | { readonly type: 'new-password'; readonly password: string; readonly newPassword: string }
  /** The client went on to another request in the middle of a dialog: that one is over and must not be answered. */
  | { readonly type: 'abandoned' }
  /** Refused already: for logs and penalties. */
  | {
      readonly type: 'invalid-signature'
      readonly user: string
      readonly method: 'publickey' | 'hostbased'
      readonly key: PublicKey
      readonly algorithm: string
    }
  | { readonly type: 'success' }

type State =
  /** Nothing is open; the next message is looked at. */
  | { readonly at: 'idle' }
  /** The application has a request, or responses to its prompts. */
  | { readonly at: 'deciding'; readonly request: AuthRequest }
  /** Prompts are out. */
  | { readonly at: 'prompted'; readonly request: AuthRequest; readonly count: number }
  /** The client was asked for a new password. */
  | { readonly at: 'change-asked'; readonly request: AuthRequest }
  | { readonly at: 'done' }

/** `poll`; answer each `request` once; until `success`. Verbs throw UsageError when there is nothing to answer. */
export class UserauthServer {
  readonly #options: UserauthServerOptions
  readonly #maxAttempts: number
  readonly #maxRequests: number
  readonly #trace: Trace | undefined
  #inbox: Uint8Array[] = []
  readonly #output: Uint8Array[] = []
  readonly #events: UserauthServerEvent[] = []
  #state: State = { at: 'idle' }
  #methods: readonly string[]
  #identity: { readonly user: string; readonly service: string } | undefined
  #signatureAlgorithms: readonly string[] | undefined
  #halfFailures = 0
  #messages = 0
  #noneSeen = false
  #overflow = false
  /** Thrown by poll once the events before it are handed out. */
  #exceeded: TooManyAttemptsError | undefined
  #dead: Error | undefined

  constructor(options: UserauthServerOptions) {
    this.#options = options
    this.#signatureAlgorithms = options.signatureAlgorithms
    this.#maxAttempts = options.maxAttempts ?? 6
    this.#maxRequests = options.maxRequests ?? 128
    this.#methods = options.methods
    this.#trace = options.trace
  }

  /** Tries that failed so far; questions whether a key would do count half. */
  get failedTries(): number {
    return this.#halfFailures / 2
  }

  /** Stores a payload (numbers 50 to 79). Never throws. After success it is dropped (RFC 4252 §5.1). */
  receive(payload: Uint8Array): void {
    if (this.#state.at === 'done' || this.#overflow) return
    if (this.#inbox.length >= mostPipelined) this.#overflow = true
    else this.#inbox.push(payload)
  }

  /** The next event. Throws ProtocolError when the client broke the protocol or a limit, and the same again from then on. */
  poll(): UserauthServerEvent | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      for (;;) {
        const event = this.#events.shift()
        if (event !== undefined) return event
        if (this.#exceeded !== undefined) throw this.#exceeded
        if (this.#overflow)
          throw new ProtocolError(
            `more than ${mostPipelined} authentication messages sent ahead of our answers`,
            {
              code: 'SSH_LIMIT_PIPELINED_AUTH',
            },
          )
        if (this.#state.at === 'deciding' || this.#state.at === 'done') return undefined
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
    return this.#dead === undefined && this.#exceeded === undefined ? this.#output.shift() : undefined
  }

  /** Lets the user in; a query whether a key would do is answered with yes instead, which lets nobody in. */
  accept(): void {
    const request = this.#deciding('accept')
    if (request.method === 'publickey' && !request.signed) return this.pkOk()
    this.#outcome(request.method, 'accepted')
    this.#send('userauthSuccess', userauthSuccess.encode({}))
    this.#state = { at: 'done' }
    this.#inbox = []
    this.#events.push({ type: 'success' })
  }

  /**
   * Refuses the request. `methods` replaces the list of what can continue, for this and later refusals of the same user;
   * `partial` says that this one succeeded and another is wanted (RFC 4252 §5.1), and does not count as a failed try.
   */
  reject(o: { readonly methods?: readonly string[]; readonly partial?: boolean } = {}): void {
    const request = this.#deciding('reject')
    if (o.methods !== undefined) this.#methods = o.methods
    this.#refuse(request.method, request.method === 'publickey' && !request.signed, o.partial === true)
  }

  /** Answers a query: this key would do (RFC 4252 §7). Echoes the algorithm name that was asked about. */
  pkOk(): void {
    const request = this.#deciding('pkOk')
    if (request.method !== 'publickey' || request.signed)
      throw new UsageError('pkOk answers only a query whether a key would do')
    const { algorithm, key } = request
    this.#outcome('publickey', 'the key would do')
    this.#send('userauthPkOk', userauthPkOk.encode({ algorithm, key: key.blob }))
    this.#state = { at: 'idle' }
    this.#count(1)
  }

  /** keyboard-interactive: asks (RFC 4256 §3.2); `responses` follows. There may be no prompts. */
  prompt(prompts: readonly Prompt[], name = '', instruction = ''): void {
    const request = this.#deciding('prompt')
    if (request.method !== 'keyboard-interactive')
      throw new UsageError(`prompt answers keyboard-interactive requests, not ${request.method}`)
    this.#send(
      'userauthInfoRequest',
      userauthInfoRequest.encode({ name, instruction, languageTag: '', prompts }),
    )
    this.#state = { at: 'prompted', request, count: prompts.length }
  }

  /** password: asks for a new one (RFC 4252 §8); `new-password` or `abandoned` follows. */
  changePassword(prompt: string, language = ''): void {
    const request = this.#deciding('changePassword')
    if (request.method !== 'password')
      throw new UsageError(`changePassword answers password requests, not ${request.method}`)
    this.#send('userauthPasswdChangereq', userauthPasswdChangereq.encode({ prompt, languageTag: language }))
    this.#state = { at: 'change-asked', request }
  }

  /** Sends a text to be shown (RFC 4252 §5.4), at any time before success. */
  banner(message: string, language = ''): void {
    if (this.#state.at === 'done') throw new UsageError('a banner can only be sent before success')
    this.#send('userauthBanner', userauthBanner.encode({ message, languageTag: language }))
  }

  #dispatch(payload: Uint8Array): void {
    const number = payload[0] ?? -1
    if (++this.#messages > this.#maxRequests)
      throw new TooManyAttemptsError(`more than ${this.#maxRequests} authentication messages`)
    if (number === userauthRequest.number) return this.#requested(payload)
    if (number !== userauthInfoResponse.number)
      throw new ProtocolError(`message ${number} is none that a client sends during authentication`)
    this.#noteIn('userauthInfoResponse', payload)
    const { responses } = userauthInfoResponse.decode(payload)
    const state = this.#state
    if (state.at !== 'prompted') throw new ProtocolError('userauthInfoResponse where no prompts are out')
    if (responses.length !== state.count)
      throw new ProtocolError(`${responses.length} responses came to ${state.count} prompts`)
    this.#state = { at: 'deciding', request: state.request }
    this.#events.push({ type: 'responses', responses })
  }

  #requested(payload: Uint8Array): void {
    this.#noteIn('userauthRequest', payload)
    const { userName: user, serviceName: service, methodName, data } = userauthRequest.decode(payload)
    if (service !== connectionService)
      throw new ProtocolError(
        `authentication for the service ${JSON.stringify(service)}: only ${connectionService} is there`,
        {
          disconnectReason: DisconnectReason.serviceNotAvailable,
        },
      )
    const state = this.#state
    if (state.at === 'change-asked' && methodName === 'password' && state.request.user === user) {
      const changed = passwordRequest(data)
      if (changed.newPassword !== undefined) {
        const { password, newPassword } = changed
        this.#state = { at: 'deciding', request: { ...state.request, ...changed, reset: false } }
        this.#events.push({ type: 'new-password', password, newPassword })
        return
      }
    }
    // RFC 4252 §5.1: a dialog is aborted by the next request, and gets no FAILURE.
    if (state.at === 'prompted' || state.at === 'change-asked') this.#events.push({ type: 'abandoned' })
    this.#state = { at: 'idle' }
    const before = this.#identity
    const reset = before !== undefined && (before.user !== user || before.service !== service)
    if (reset) this.#methods = this.#options.methods
    if (before?.user !== user) this.#known(user)
    this.#identity = { user, service }
    this.#trace?.({ layer: 'userauth', type: 'attempt', method: methodName, detail: 'requested' })
    const base = { user, service, reset }
    switch (methodName) {
      case 'none':
        decodeNothing(data)
        return this.#surface({ ...base, method: 'none' })
      case 'password':
        return this.#surface({ ...base, ...passwordRequest(data) })
      case 'keyboard-interactive': {
        const { languageTag, submethods } = keyboardInteractiveData.decode(data)
        const hints = submethods.split(',').filter((hint) => hint !== '')
        return this.#surface({
          ...base,
          method: 'keyboard-interactive',
          language: languageTag,
          submethods: hints,
        })
      }
      case 'publickey':
        return this.#publickey(base, data)
      case hostboundMethod:
        return this.#hostbound(base, data)
      case 'hostbased':
        return this.#hostbased(base, data)
      default:
        return this.#refuse(methodName, false, false)
    }
  }

  #known(user: string): void {
    const { signatureAlgorithms, signatureAlgorithmsOf } = this.#options
    const own = signatureAlgorithmsOf?.(user)
    this.#signatureAlgorithms = own ?? signatureAlgorithms
    if (own !== undefined) this.#events.push({ type: 'user', user, signatureAlgorithms: own })
  }

  #surface(request: AuthRequest): void {
    this.#state = { at: 'deciding', request }
    this.#events.push({ type: 'request', request })
  }

  #publickey(base: RequestFacts, data: Uint8Array): void {
    const decoded = isSigned(data) ? publickeySignedData.decode(data) : publickeyData.decode(data)
    const subject = this.#subject(base, decoded.algorithm, decoded.key)
    this.#byKey(base, decoded, false, () => publickeySignatureData(subject))
  }

  /** OpenSSH PROTOCOL §3.1. */
  #hostbound(base: RequestFacts, data: Uint8Array): void {
    const decoded = isSigned(data) ? hostboundSignedData.decode(data) : hostboundData.decode(data)
    const { hostKey } = this.#options
    if (hostKey === undefined) return this.#refuse(hostboundMethod, !decoded.signed, false)
    if (!equal(decoded.hostKey, hostKey))
      throw new ProtocolError(
        'a login that is bound to another host key than that of this connection: somebody may be in the middle',
        { code: 'SSH_HOSTBOUND_MISMATCH', disconnectReason: DisconnectReason.hostKeyNotVerifiable },
      )
    const subject = this.#subject(base, decoded.algorithm, decoded.key)
    this.#byKey(base, decoded, true, () => hostboundSignatureData({ ...subject, hostKey }))
  }

  #byKey(
    base: RequestFacts,
    decoded: { algorithm: string; key: Uint8Array; signed: boolean; signature?: Uint8Array },
    hostbound: boolean,
    toSign: () => Uint8Array,
  ): void {
    const { algorithm, signature } = decoded
    const key = this.#usableKey(algorithm, decoded.key)
    if (key === undefined) return this.#refuse('publickey', signature === undefined, false)
    const common = { ...base, method: 'publickey', key, algorithm, hostbound } as const
    if (signature === undefined) return this.#surface({ ...common, signed: false, verified: false })
    const signedData = toSign()
    const verified = this.#verified(common, signedData, signature)
    if (verified !== undefined) this.#surface({ ...common, signed: true, verified, signature, signedData })
  }

  #hostbased(base: RequestFacts, data: Uint8Array): void {
    const { algorithm, key: blob, hostName, clientUser, signature } = hostbasedSignedData.decode(data)
    const key = this.#usableKey(algorithm, blob)
    if (key === undefined) return this.#refuse('hostbased', false, false)
    const common = { ...base, method: 'hostbased', key, algorithm, hostName, clientUser } as const
    const subject = this.#subject(base, algorithm, blob)
    const signedData = hostbasedSignatureData({ ...subject, hostName, clientUser })
    const verified = this.#verified(common, signedData, signature)
    if (verified !== undefined) this.#surface({ ...common, signed: true, verified, signature, signedData })
  }

  /** Undefined when the request was refused for its signature; false when the application is to check it. */
  #verified(
    request: { user: string; method: 'publickey' | 'hostbased'; key: PublicKey; algorithm: string },
    signedData: Uint8Array,
    signature: Uint8Array,
  ): boolean | undefined {
    if (this.#options.verifySignatures === false) return false
    const { user, method, key, algorithm } = request
    if (this.#options.verify(key, algorithm, signedData, signature) === true) return true
    this.#events.push({ type: 'invalid-signature', user, method, key, algorithm })
    this.#refuse(method, false, false)
    return undefined
  }

  #subject(base: RequestFacts, algorithm: string, key: Uint8Array): SignatureSubject {
    return { sessionId: this.#options.sessionId, user: base.user, service: base.service, algorithm, key }
  }

  /** The key, when the algorithm is taken and is one of the key's type. */
  #usableKey(algorithm: string, blob: Uint8Array): PublicKey | undefined {
    const taken = this.#signatureAlgorithms
    const type = keyTypeIn(blob)
    if (type === undefined || type !== keyTypeOf(algorithm)) return undefined
    if (taken !== undefined && !taken.includes(algorithm) && !taken.includes(signatureNameOf(algorithm)))
      return undefined
    return { type, blob }
  }

  #refuse(method: string, query: boolean, partial: boolean): void {
    this.#state = { at: 'idle' }
    const free = method === 'none' && !this.#noneSeen
    if (method === 'none') this.#noneSeen = true
    this.#outcome(method, partial ? 'partial success' : query ? 'the key would not do' : 'refused')
    if (!partial && !free && this.#count(query ? 1 : 2)) return
    this.#send('userauthFailure', userauthFailure.encode({ methods: this.#methods, partialSuccess: partial }))
  }

  /** Counts failed tries in halves; true when they are too many, which `poll` then throws. */
  #count(halves: number): boolean {
    this.#halfFailures += halves
    if (this.#halfFailures < this.#maxAttempts * 2) return false
    const detail = `${this.#halfFailures / 2} failed tries, the limit is ${this.#maxAttempts}`
    this.#trace?.({ layer: 'userauth', type: 'limit', limit: 'maxAttempts', detail })
    this.#exceeded = new TooManyAttemptsError(`too many authentication failures: ${detail}`)
    return true
  }

  #deciding(verb: string): AuthRequest {
    if (this.#state.at !== 'deciding') throw new UsageError(`${verb} where no request waits for an answer`)
    return this.#state.request
  }

  #outcome(method: string, detail: string): void {
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
}

interface RequestFacts {
  readonly user: string
  readonly service: string
  readonly reset: boolean
}

/** Whether a request by a key has a signature, or asks about the key. */
function isSigned(data: Uint8Array): boolean {
  return data.length > 0 && data[0] !== 0
}

/** The method part of a password request, with or without a change (RFC 4252 §8). */
function passwordRequest(data: Uint8Array): {
  readonly method: 'password'
  readonly password: string
  readonly passwordBytes: Uint8Array
  readonly newPassword?: string
} {
  const change = data.length > 0 && data[0] !== 0
  if (!change) {
    const { password } = passwordData.decode(data)
    return { method: 'password', password: utf8Decode(password), passwordBytes: password }
  }
  const { password, newPassword } = passwordChangeData.decode(data)
  return {
    method: 'password',
    password: utf8Decode(password),
    passwordBytes: password,
    newPassword: utf8Decode(newPassword),
  }
}

function decodeNothing(data: Uint8Array): void {
  if (data.length > 0)
    throw new ProtocolError(`${data.length} bytes too many in a request with the method none`)
}

/** The type name inside a key blob (RFC 4253 §6.6); undefined when there is none. */
function keyTypeIn(blob: Uint8Array): string | undefined {
  try {
    return new Reader(blob, 'key').ascii()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
