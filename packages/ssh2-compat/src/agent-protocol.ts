/** ssh2's AgentProtocol: a duplex stream that speaks the agent protocol, as a client or as an agent. */

import { Duplex } from 'node:stream'
import {
  type AgentAnswer,
  type AgentAsk,
  type AgentAsked,
  AgentClientMachine,
  AgentServerMachine,
  agentLimits,
  SignatureFlag,
} from '@hawser/agent'
import { publicKeyFromBlob } from '@hawser/keys'
import { fromAgentBlob, toAgentBlob } from './agent-signatures.ts'
import { ParsedKey, parseKey } from './keys.ts'

export interface SigningRequestOptions {
  /** `sha256` and `sha512` choose RSA's hash; without one it is SHA-1, which most servers refuse. */
  hash?: 'sha1' | 'sha256' | 'sha512' | undefined
}
export type SignCallback = (err?: Error | null, signature?: Buffer) => void
/** Keys as they are, or with comments. */
export type KnownPublicKeys<T = ParsedKey> = (T | Extract<AgentKey, { readonly pubKey: unknown }>)[]
export type IdentityCallback<T = ParsedKey> = (err?: Error | null, keys?: KnownPublicKeys<T>) => void
/** Of agents that are asked over the protocol. */
export type KeysCallback = (err?: Error | null, keys?: ParsedKey[]) => void

/** A key for a list of identities: as it is, or with a comment. */
export type AgentKey =
  | ParsedKey
  | Buffer
  | string
  | {
      readonly pubKey:
        | ParsedKey
        | Buffer
        | string
        | { readonly pubKey: ParsedKey | Buffer | string; readonly comment?: string }
      readonly comment?: string
    }

/** What a client asked; only good for a reply. */
export class AgentInboundRequest {
  readonly #number: number
  readonly #key: ParsedKey | undefined
  readonly #hash: string | undefined

  constructor(number: number, key?: ParsedKey, hash?: string) {
    this.#number = number
    this.#key = key
    this.#hash = hash
  }

  static facts(request: unknown): { number: number; key: ParsedKey | undefined; hash: string | undefined } {
    if (!(request instanceof AgentInboundRequest)) throw new Error('Wrong request argument')
    return { number: request.#number, key: request.#key, hash: request.#hash }
  }
}

type Waiting = (error: Error | undefined, answer?: AgentAnswer) => void

/**
 * Write to it what the other side says, and send the other side what is read from it: `socket.pipe(protocol).pipe(socket)`. As an agent it emits
 * `identities` (request) and `sign` (request, key, data, options); each is answered once, and replies leave in the order of the requests.
 * Without a listener, and for all other requests, the answer is failure.
 */
export class AgentProtocol extends Duplex {
  readonly #client: AgentClientMachine | undefined
  readonly #server: AgentServerMachine | undefined
  readonly #waiting = new Map<number, Waiting>()
  /** Lets more in once requests have been answered. */
  #hold: (() => void) | undefined

  constructor(isClient: boolean) {
    super({ autoDestroy: true, emitClose: true })
    if (isClient) this.#client = new AgentClientMachine()
    else this.#server = new AgentServerMachine()
  }

  /** Client: the agent's public keys. */
  getIdentities(callback: (err: Error | undefined | null, keys?: ParsedKey[]) => void): boolean {
    if (typeof callback !== 'function') throw new Error('Callback required')
    return this.#ask({ type: 'requestIdentities' }, (error, answer) => {
      if (error !== undefined) return callback(error)
      const identities = answer?.type === 'identitiesAnswer' ? answer.identities : []
      const keys = identities.map(({ keyBlob, comment }) => keyFrom(keyBlob, comment))
      callback(
        null,
        keys.filter((key) => key !== undefined),
      )
    })
  }

  /** Client: a signature of `pubKey` over `data`; raw bytes, DER for ECDSA. */
  sign(
    pubKey: ParsedKey | Buffer | string,
    data: Buffer,
    options?: SigningRequestOptions,
    callback?: SignCallback,
  ): boolean
  sign(pubKey: ParsedKey | Buffer | string, data: Buffer, callback?: SignCallback): boolean
  sign(
    pubKey: ParsedKey | Buffer | string,
    data: Buffer,
    options?: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): boolean {
    const [wish, done] = typeof options === 'function' ? [{}, options] : [options ?? {}, callback]
    const key = parseKey(pubKey)
    if (key instanceof Error) throw new Error('Invalid public key argument', { cause: key })
    const flags = key.type.startsWith('ssh-rsa') ? flagsOf(wish.hash) : 0
    const ask: AgentAsk = { type: 'signRequest', keyBlob: key.getPublicSSH(), data, flags }
    return this.#ask(ask, (error, answer) => {
      if (error !== undefined) return done?.(error)
      const signature = answer?.type === 'signResponse' ? fromAgentBlob(answer.signature) : undefined
      if (signature === undefined) done?.(new Error('Malformed signature from agent'))
      else done?.(null, signature)
    })
  }

  /** Agent: refuses. */
  failureReply(request: AgentInboundRequest): boolean {
    return this.#reply(request, () => ({ type: 'failure' }))
  }

  /** Agent: answers `identities`; what is no key is left out. */
  getIdentitiesReply(request: AgentInboundRequest, keys: readonly AgentKey[]): boolean {
    if (!Array.isArray(keys)) throw new Error('Keys argument must be an array')
    return this.#reply(request, () => ({
      type: 'identitiesAnswer',
      identities: (keys as readonly AgentKey[]).map(identityOf).filter((identity) => identity !== undefined),
    }))
  }

  /** Agent: answers `sign`; `signature` as `key.sign()` gives it. */
  signReply(request: AgentInboundRequest, signature: Buffer): boolean {
    return this.#reply(request, ({ key, hash }) => {
      if (key === undefined) throw new Error('Wrong request argument')
      const blob = toAgentBlob(key.type, hash, signature)
      if (blob === undefined) throw new Error('Malformed signature')
      return { type: 'signResponse', signature: blob }
    })
  }

  override _read(): void {
    // Replies are pushed as they are made; how many there are is bounded by the requests.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // The machines keep views of what they get.
    const bytes = Uint8Array.from(chunk)
    this.#client?.receive(bytes)
    this.#server?.receive(bytes)
    this.#turn()
    if (this.#server !== undefined && this.#server.outstanding >= agentLimits.outstanding) this.#hold = done
    else done()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#lose()
    this.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#lose()
    done(error)
  }

  #ask(ask: AgentAsk, done: Waiting): boolean {
    if (this.#client === undefined) throw new Error('Client-only method called with server role')
    if (this.destroyed || this.writableEnded) {
      process.nextTick(done, noReply())
      return true
    }
    this.#waiting.set(this.#client.request(ask), done)
    return this.#flush(this.#client)
  }

  #reply(
    request: AgentInboundRequest,
    answer: (facts: ReturnType<typeof AgentInboundRequest.facts>) => AgentAnswer,
  ): boolean {
    if (this.#server === undefined) throw new Error('Server-only method called with client role')
    const facts = AgentInboundRequest.facts(request)
    if (this.destroyed) return true
    this.#server.reply(facts.number, answer(facts))
    const free = this.#flush(this.#server)
    const hold = this.#hold
    if (hold !== undefined && this.#server.outstanding < agentLimits.outstanding) {
      this.#hold = undefined
      this.#turn()
      if (this.#server.outstanding >= agentLimits.outstanding) this.#hold = hold
      else hold()
    }
    return free
  }

  #turn(): void {
    const client = this.#client
    const server = this.#server
    for (let reply = this.#poll(client); reply !== undefined; reply = this.#poll(client)) {
      const waiting = this.#waiting.get(reply.request)
      this.#waiting.delete(reply.request)
      if (reply.answer.type === 'failure') waiting?.(new Error('Agent responded with failure'))
      else waiting?.(undefined, reply.answer)
    }
    for (let asked = this.#poll(server); asked !== undefined; asked = this.#poll(server)) this.#asked(asked)
    if (server !== undefined) this.#flush(server)
  }

  /** What a side says that breaks the protocol ends the stream. */
  #poll<T>(machine: { poll(): T | undefined } | undefined): T | undefined {
    if (this.destroyed) return undefined
    try {
      return machine?.poll()
    } catch (error) {
      this.destroy(error as Error)
      return undefined
    }
  }

  #asked({ request: number, ask }: AgentAsked): void {
    let heard = false
    if (ask.type === 'requestIdentities') heard = this.emit('identities', new AgentInboundRequest(number))
    else if (ask.type === 'signRequest') {
      const key = keyFrom(ask.keyBlob, '')
      if (key !== undefined) {
        const hash = key.type.startsWith('ssh-rsa') ? hashOfFlags(ask.flags) : undefined
        const request = new AgentInboundRequest(number, key, hash)
        heard = this.emit('sign', request, key, Buffer.from(ask.data), { hash })
      }
    }
    if (!heard) this.#server?.reply(number, { type: 'failure' })
  }

  #flush(machine: { takeOutput(): Uint8Array | undefined }): boolean {
    let free = true
    for (let out = machine.takeOutput(); out !== undefined; out = machine.takeOutput())
      free = this.push(Buffer.from(out.buffer, out.byteOffset, out.length))
    return free
  }

  /** Nobody will answer any more. */
  #lose(): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const done of waiting) done(noReply())
  }
}

function noReply(): Error {
  return new Error('No reply from server')
}

function flagsOf(hash: string | undefined): number {
  if (hash === 'sha256') return SignatureFlag.rsaSha2_256
  return hash === 'sha512' ? SignatureFlag.rsaSha2_512 : 0
}

function hashOfFlags(flags: number): 'sha256' | 'sha512' | undefined {
  if ((flags & SignatureFlag.rsaSha2_256) !== 0) return 'sha256'
  return (flags & SignatureFlag.rsaSha2_512) !== 0 ? 'sha512' : undefined
}

/** A key from an agent's message; undefined for what is none. */
function keyFrom(blob: Uint8Array, comment: string): ParsedKey | undefined {
  // Only its form is looked at; a list may hold keys that cannot be used here.
  const parsed = parseKey(blob)
  return parsed instanceof Error ? undefined : new ParsedKey(publicKeyFromBlob(blob, comment))
}

function identityOf(entry: AgentKey): { readonly keyBlob: Uint8Array; readonly comment: string } | undefined {
  const key = keyOf(entry)
  if (key instanceof Error) return undefined
  const nested = isWithComment(entry) ? entry.pubKey : entry
  const own = isWithComment(entry) ? entry.comment : undefined
  const comment = own ?? (isWithComment(nested) ? nested.comment : undefined) ?? key.comment
  return { keyBlob: key.getPublicSSH(), comment }
}

/** The key of an entry in a list of identities; an Error for what is none. */
export function keyOf(entry: AgentKey): ParsedKey | Error {
  const nested = isWithComment(entry) ? entry.pubKey : entry
  return parseKey((isWithComment(nested) ? nested.pubKey : nested) as ParsedKey)
}

function isWithComment(entry: unknown): entry is { readonly pubKey: unknown; readonly comment?: string } {
  return typeof entry === 'object' && entry !== null && 'pubKey' in entry
}
