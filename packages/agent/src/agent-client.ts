/** Talks to a running agent: its keys as signers, and the rest of the protocol as promises. */

import {
  KeyError,
  type PrivateKey,
  type PublicKey,
  plainAlgorithm,
  publicKeyFromBlob,
  type Signer,
  writeAgentKey,
} from '@hawser/keys'
import type { ByteChannel } from '@hawser/wire'
import { erase, noBytes, ProtocolError, Reader, utf8Decode, utf8Encode, Writer } from '@hawser/wire'
import { AgentClientMachine } from './client.ts'
import { AgentError } from './errors.ts'
import { type KeyLimits, writeKeyLimits } from './key-limits.ts'
import type { AgentAnswer, AgentAsk, AgentIdentity } from './messages.ts'
import { type SessionBinding, sessionBind, writeSessionBinding } from './session-binding.ts'
import { agentAlgorithms, algorithmOf, signatureFlags } from './signing.ts'

/** A client of the agent at the other end of `channel`, which it owns from here on. */
export function connectAgent(channel: ByteChannel): AgentClient {
  return new AgentClient(channel)
}

interface Waiting {
  readonly what: string
  readonly resolve: (answer: AgentAnswer) => void
  readonly reject: (error: Error) => void
}

/** For each request. */
export interface AgentCallOptions {
  /** Gives up waiting. What was asked for may still be done; the agent and other requests go on. */
  readonly signal?: AbortSignal
}

/** Why the connection is over. */
interface Over {
  readonly code: 'SSH_AGENT_CLOSED' | 'SSH_AGENT_PROTOCOL'
  readonly why: string
  readonly cause?: unknown
}

/**
 * One connection to an agent. Requests may be made at any time and are answered in order. They reject with {@link AgentError}; once the
 * connection is over, all that wait and all that follow do.
 */
export class AgentClient {
  /** Settles when the connection is over; never rejects. */
  readonly closed: Promise<void>
  readonly #channel: ByteChannel
  readonly #machine = new AgentClientMachine()
  readonly #waiting = new Map<number, Waiting>()
  #over: Over | undefined
  #resolveClosed: () => void = () => undefined

  constructor(channel: ByteChannel) {
    this.#channel = channel
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    channel.onData = (bytes) => this.#receive(bytes)
    channel.onClose = (cause) =>
      this.#end({
        code: 'SSH_AGENT_CLOSED',
        why:
          cause === undefined
            ? 'the agent closed the connection'
            : `the connection to the agent failed: ${cause.message}`,
        cause,
      })
    channel.resume()
  }

  /**
   * The agent's keys as signers, in its order; they sign as long as this client is open. Types that are not known here, such as
   * certificates and keys on security tokens, are passed on as they are. Entries that are no public key are left out; see {@link list}.
   */
  async identities(options: AgentCallOptions = {}): Promise<Signer[]> {
    const signers: Signer[] = []
    for (const { keyBlob, comment } of await this.list(options)) {
      const publicKey = readable(keyBlob, comment)
      if (publicKey !== undefined)
        signers.push({
          publicKey,
          algorithms: agentAlgorithms(publicKey.type),
          sign: (algorithm, data) => this.sign(publicKey, algorithm, data),
        })
    }
    return signers
  }

  /** The agent's list as it came. */
  async list(options: AgentCallOptions = {}): Promise<readonly AgentIdentity[]> {
    const answer = await this.#ask({ type: 'requestIdentities' }, 'list its keys', options)
    return answer.type === 'identitiesAnswer' ? answer.identities : []
  }

  /** A signature blob (RFC 4253 §6.6) of `key` over `data`. The agent may ask its user first, and takes as long as that takes. */
  async sign(
    key: PublicKey,
    algorithm: string,
    data: Uint8Array,
    options: AgentCallOptions = {},
  ): Promise<Uint8Array> {
    const ask: AgentAsk = { type: 'signRequest', keyBlob: key.blob, data, flags: signatureFlags(algorithm) }
    const answer = await this.#ask(ask, `sign with its ${key.type} key`, options)
    const signature = answer.type === 'signResponse' ? answer.signature : noBytes
    const made = algorithmOf(signature)
    if (made !== plainAlgorithm(algorithm))
      throw new AgentError(
        'SSH_AGENT_UNSUPPORTED',
        `the agent signed by ${made ?? 'no algorithm'} where ${algorithm} was asked for: it is too old, or the key cannot do that`,
      )
    return signature
  }

  /** Gives the agent a private key; one of a security key needs `limits.securityKeyProvider`, unless the agent has its own. */
  async add(key: PrivateKey, limits: KeyLimits = {}, options: AgentCallOptions = {}): Promise<void> {
    const to = new Writer(4096)
    writeAgentKey(to, key)
    const unlimited = to.length
    writeKeyLimits(to, limits)
    const type = to.length === unlimited ? 'addIdentity' : 'addIdentityConstrained'
    const bytes = to.finish()
    try {
      await this.#ask({ type, key: bytes }, `take a ${key.publicKey.type} key`, options)
    } finally {
      erase(bytes)
    }
  }

  /** Has the agent take the keys of a token; `reader` is what it knows it by, for ssh-agent the path of a PKCS#11 library. */
  async addSmartcard(
    reader: string,
    pin: string | Uint8Array,
    limits: KeyLimits = {},
    options: AgentCallOptions = {},
  ): Promise<void> {
    const to = new Writer()
    writeKeyLimits(to, limits)
    const constraints = to.finish()
    const card = { reader, pin: bytesOf(pin) }
    const ask: AgentAsk =
      constraints.length === 0
        ? { type: 'addSmartcardKey', ...card }
        : { type: 'addSmartcardKeyConstrained', ...card, constraints }
    await this.#ask(ask, `take the keys of ${reader}`, options)
  }

  async removeSmartcard(
    reader: string,
    pin: string | Uint8Array = '',
    options: AgentCallOptions = {},
  ): Promise<void> {
    const ask: AgentAsk = { type: 'removeSmartcardKey', reader, pin: bytesOf(pin) }
    await this.#ask(ask, `remove the keys of ${reader}`, options)
  }

  async remove(key: PublicKey, options: AgentCallOptions = {}): Promise<void> {
    await this.#ask({ type: 'removeIdentity', keyBlob: key.blob }, `remove its ${key.type} key`, options)
  }

  async removeAll(options: AgentCallOptions = {}): Promise<void> {
    await this.#ask({ type: 'removeAllIdentities' }, 'remove its keys', options)
  }

  /** Until {@link unlock} with the same passphrase the agent shows no keys and signs nothing. */
  async lock(passphrase: string | Uint8Array, options: AgentCallOptions = {}): Promise<void> {
    await this.#ask({ type: 'lock', passphrase: bytesOf(passphrase) }, 'be locked', options)
  }

  async unlock(passphrase: string | Uint8Array, options: AgentCallOptions = {}): Promise<void> {
    await this.#ask({ type: 'unlock', passphrase: bytesOf(passphrase) }, 'be unlocked', options)
  }

  /**
   * Tells the agent that this connection is used in that session from here on, as keys for some destinations only need it
   * (session-bind@openssh.com). Rejects with SSH_AGENT_REFUSED also when the agent knows no such thing.
   */
  async bindSession(binding: SessionBinding, options: AgentCallOptions = {}): Promise<void> {
    await this.extension(sessionBind, writeSessionBinding(binding), options)
  }

  /** Sends an extension request (RFC 9987 §3.8) and gives the contents of its reply, empty for plain success. */
  async extension(
    name: string,
    contents: Uint8Array = noBytes,
    options: AgentCallOptions = {},
  ): Promise<Uint8Array> {
    const answer = await this.#ask(
      { type: 'extension', name, contents },
      `do the extension "${name}"`,
      options,
    )
    if (answer.type !== 'extensionResponse')
      return answer.type === 'success' ? (answer.contents ?? noBytes) : noBytes
    if (answer.name !== name)
      throw new AgentError(
        'SSH_AGENT_UNSUPPORTED',
        `the agent answered the extension "${name}" as if it were "${answer.name}"`,
      )
    return answer.contents
  }

  /** The extensions that the agent has, by its answer to `query` (RFC 9987 §3.8.1). Rejects when it does not have that one. */
  async extensions(options: AgentCallOptions = {}): Promise<readonly string[]> {
    const from = new Reader(await this.extension('query', noBytes, options), 'extension query')
    const names: string[] = []
    try {
      while (from.left > 0) names.push(utf8Decode(from.string()))
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      throw new AgentError('SSH_AGENT_PROTOCOL', `the agent broke the protocol: ${cause.message}`, { cause })
    }
    return names
  }

  /** Ends the connection; what waits rejects. The agent goes on. */
  close(): void {
    this.#end({ code: 'SSH_AGENT_CLOSED', why: 'the connection to the agent was closed here' })
    this.#channel.end()
    this.#channel.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #ask(ask: AgentAsk, what: string, { signal }: AgentCallOptions): Promise<AgentAnswer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(aborted(what, signal))
      if (this.#over !== undefined) return reject(this.#failure(what))
      const request = this.#machine.request(ask)
      // Its reply will still come in its turn, and is for nobody then.
      const abort = (): void => {
        this.#waiting.delete(request)
        reject(aborted(what, signal as AbortSignal))
      }
      const settled = (): void => signal?.removeEventListener('abort', abort)
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.set(request, {
        what,
        resolve: (answer) => {
          settled()
          resolve(answer)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      })
      for (let out = this.#machine.takeOutput(); out !== undefined; out = this.#machine.takeOutput())
        this.#channel.write(out)
    })
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over !== undefined) return
    this.#machine.receive(bytes)
    try {
      for (let reply = this.#machine.poll(); reply !== undefined; reply = this.#machine.poll())
        this.#replied(reply.request, reply.answer)
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      this.#end({ code: 'SSH_AGENT_PROTOCOL', why: `the agent broke the protocol: ${cause.message}`, cause })
      this.#channel.destroy(cause)
    }
  }

  #replied(request: number, answer: AgentAnswer): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    this.#waiting.delete(request)
    if (answer.type === 'failure' || answer.type === 'extensionFailure')
      waiting.reject(
        new AgentError('SSH_AGENT_REFUSED', `the agent refused to ${waiting.what}; agents give no reasons`),
      )
    else waiting.resolve(answer)
  }

  #end(over: Over): void {
    if (this.#over !== undefined) return
    this.#over = over
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { what, reject } of waiting) reject(this.#failure(what))
    this.#resolveClosed()
  }

  #failure(what: string): AgentError {
    const { code, why, cause } = this.#over as Over
    return new AgentError(code, `the agent cannot ${what}: ${why}`, cause === undefined ? {} : { cause })
  }
}

function readable(blob: Uint8Array, comment: string): PublicKey | undefined {
  try {
    return publicKeyFromBlob(blob, comment)
  } catch (error) {
    if (error instanceof KeyError) return undefined
    throw error
  }
}

function aborted(what: string, signal: AbortSignal): AgentError {
  return new AgentError('SSH_ABORTED', `gave up waiting for the agent to ${what}`, { cause: signal.reason })
}

function bytesOf(passphrase: string | Uint8Array): Uint8Array {
  return typeof passphrase === 'string' ? utf8Encode(passphrase) : passphrase
}
