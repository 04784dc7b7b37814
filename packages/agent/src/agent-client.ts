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
import { erase, noBytes, ProtocolError, Reader, utf8Decode, utf8Encode, Writer } from '@hawser/wire'
import type { ByteChannel } from './byte-channel.ts'
import { AgentClientMachine } from './client.ts'
import { AgentError } from './errors.ts'
import { type KeyLimits, writeKeyLimits } from './key-limits.ts'
import type { AgentAnswer, AgentAsk, AgentIdentity } from './messages.ts'
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
  async identities(): Promise<Signer[]> {
    const signers: Signer[] = []
    for (const { keyBlob, comment } of await this.list()) {
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
  async list(): Promise<readonly AgentIdentity[]> {
    const answer = await this.#ask({ type: 'requestIdentities' }, 'list its keys')
    return answer.type === 'identitiesAnswer' ? answer.identities : []
  }

  /** A signature blob (RFC 4253 §6.6) of `key` over `data`. The agent may ask its user first, and takes as long as that takes. */
  async sign(key: PublicKey, algorithm: string, data: Uint8Array): Promise<Uint8Array> {
    const ask: AgentAsk = { type: 'signRequest', keyBlob: key.blob, data, flags: signatureFlags(algorithm) }
    const answer = await this.#ask(ask, `sign with its ${key.type} key`)
    const signature = answer.type === 'signResponse' ? answer.signature : noBytes
    const made = algorithmOf(signature)
    if (made !== plainAlgorithm(algorithm))
      throw new AgentError(
        'SSH_AGENT_UNSUPPORTED',
        `the agent signed by ${made ?? 'no algorithm'} where ${algorithm} was asked for: it is too old, or the key cannot do that`,
      )
    return signature
  }

  /** Gives the agent a private key. */
  async add(key: PrivateKey, limits: KeyLimits = {}): Promise<void> {
    const to = new Writer(4096)
    writeAgentKey(to, key)
    const unlimited = to.length
    writeKeyLimits(to, limits)
    const type = to.length === unlimited ? 'addIdentity' : 'addIdentityConstrained'
    const bytes = to.finish()
    try {
      await this.#ask({ type, key: bytes }, `take a ${key.publicKey.type} key`)
    } finally {
      erase(bytes)
    }
  }

  async remove(key: PublicKey): Promise<void> {
    await this.#ask({ type: 'removeIdentity', keyBlob: key.blob }, `remove its ${key.type} key`)
  }

  async removeAll(): Promise<void> {
    await this.#ask({ type: 'removeAllIdentities' }, 'remove its keys')
  }

  /** Until {@link unlock} with the same passphrase the agent shows no keys and signs nothing. */
  async lock(passphrase: string | Uint8Array): Promise<void> {
    await this.#ask({ type: 'lock', passphrase: bytesOf(passphrase) }, 'be locked')
  }

  async unlock(passphrase: string | Uint8Array): Promise<void> {
    await this.#ask({ type: 'unlock', passphrase: bytesOf(passphrase) }, 'be unlocked')
  }

  /** Sends an extension request (RFC 9987 §3.8) and gives the contents of its reply, empty for plain success. */
  async extension(name: string, contents: Uint8Array = noBytes): Promise<Uint8Array> {
    const answer = await this.#ask({ type: 'extension', name, contents }, `do the extension "${name}"`)
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
  async extensions(): Promise<readonly string[]> {
    const from = new Reader(await this.extension('query'), 'extension query')
    const names: string[] = []
    while (from.left > 0) names.push(utf8Decode(from.string()))
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

  #ask(ask: AgentAsk, what: string): Promise<AgentAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#failure(what))
      this.#waiting.set(this.#machine.request(ask), { what, resolve, reject })
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
    const waiting = this.#waiting.get(request) as Waiting
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

function bytesOf(passphrase: string | Uint8Array): Uint8Array {
  return typeof passphrase === 'string' ? utf8Encode(passphrase) : passphrase
}
