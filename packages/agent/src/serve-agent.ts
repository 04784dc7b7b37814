/** Serves an agent's clients from a store of keys. */

import { publicKeyFromBlob, readAgentKey } from '@hawser/keys'
import type { ByteChannel } from '@hawser/wire'
import { assertNever, equal, erase, Reader, UsageError } from '@hawser/wire'
import type { AgentStore } from './agent-store.ts'
import { type KeyLimits, readKeyLimits } from './key-limits.ts'
import type { AgentAnswer, AgentAsk } from './messages.ts'
import { AgentServerMachine } from './server.ts'
import { type SessionBinding, sessionBind, writeSessionBinding } from './session-binding.ts'
import { flaggedAlgorithm } from './signing.ts'

export interface ServeAgentOptions {
  /** Told why a request was refused; the client learns only that it was. */
  readonly refused?: (error: unknown, request: AgentAsk['type']) => void
  /** The session that the client comes through, as if it had sent that itself; a store that knows no such thing is not told. */
  readonly binding?: SessionBinding
}

/**
 * Answers the requests that come through `channel`, one after the other, until it ends. Resolves then; rejects with ProtocolError, after it
 * has closed the channel, when the client cannot be understood, and with the channel's own error when that fails.
 */
export async function serveAgent(
  channel: ByteChannel,
  keys: AgentStore,
  options: ServeAgentOptions = {},
): Promise<void> {
  const store = keys.connection?.() ?? keys
  const machine = new AgentServerMachine()
  const line = new Line(channel, (bytes) => machine.receive(bytes))
  try {
    if (options.binding !== undefined) {
      const bind: AgentAsk = {
        type: 'extension',
        name: sessionBind,
        contents: writeSessionBinding(options.binding),
      }
      // The client was not here yet: a refusal is told to who serves it, and the store's own business otherwise.
      await line.holding(() => answer(store, bind, options))
    }
    for (;;) {
      const asked = machine.poll()
      if (asked !== undefined)
        machine.reply(asked.request, await line.holding(() => answer(store, asked.ask, options)))
      for (let out = machine.takeOutput(); out !== undefined; out = machine.takeOutput()) await line.send(out)
      if (asked !== undefined) continue
      if (line.over !== undefined) break
      await line.change()
    }
  } catch (error) {
    channel.destroy(error as Error)
    throw error
  }
  if (line.over.error !== undefined) throw line.over.error
  channel.end()
}

/** The channel as something to wait for. */
class Line {
  over: { readonly error: Error | undefined } | undefined
  readonly #channel: ByteChannel
  #full = false
  #changed: () => void = () => undefined

  constructor(channel: ByteChannel, receive: (bytes: Uint8Array) => void) {
    this.#channel = channel
    channel.onData = (bytes) => {
      receive(bytes)
      this.#changed()
    }
    channel.onDrain = () => {
      this.#full = false
      this.#changed()
    }
    channel.onClose = (error) => {
      this.over = { error }
      this.#changed()
    }
    channel.resume()
  }

  /** Settles when bytes, room or the end has come. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve
    })
  }

  /** Lets nothing more in while `work` is done. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    this.#channel.pause()
    const done = await work()
    this.#channel.resume()
    return done
  }

  /** Sends, and waits for room. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#channel.write(bytes)) return
    this.#full = true
    this.#channel.pause()
    while (this.#full && this.over === undefined) await this.change()
    this.#channel.resume()
  }
}

const failure: AgentAnswer = { type: 'failure' }
const success: AgentAnswer = { type: 'success' }

async function answer(store: AgentStore, ask: AgentAsk, options: ServeAgentOptions): Promise<AgentAnswer> {
  try {
    return await done(store, ask)
  } catch (error) {
    options.refused?.(error, ask.type)
    return ask.type === 'extension' ? { type: 'extensionFailure' } : failure
  }
}

async function done(store: AgentStore, ask: AgentAsk): Promise<AgentAnswer> {
  switch (ask.type) {
    case 'requestIdentities': {
      const signers = await store.identities()
      const identities = signers.map(({ publicKey }) => ({
        keyBlob: publicKey.blob,
        comment: publicKey.comment ?? '',
      }))
      return { type: 'identitiesAnswer', identities }
    }
    case 'signRequest':
      return { type: 'signResponse', signature: await signature(store, ask) }
    case 'addIdentity':
    case 'addIdentityConstrained': {
      const from = new Reader(ask.key, ask.type)
      const key = readAgentKey(from)
      try {
        let limits: KeyLimits = {}
        if (ask.type === 'addIdentityConstrained') limits = readKeyLimits(from)
        from.end()
        await verb(store.add, ask.type).call(store, key, limits)
      } catch (error) {
        key.dispose()
        throw error
      } finally {
        erase(ask.key)
      }
      return success
    }
    case 'removeIdentity':
      await verb(store.remove, ask.type).call(store, publicKeyFromBlob(ask.keyBlob))
      return success
    case 'removeAllIdentities':
      await verb(store.removeAll, ask.type).call(store)
      return success
    case 'addSmartcardKey':
    case 'addSmartcardKeyConstrained': {
      const limits =
        ask.type === 'addSmartcardKey' ? {} : readKeyLimits(new Reader(ask.constraints, ask.type))
      await verb(store.addSmartcard, ask.type).call(store, ask.reader, ask.pin, limits)
      return success
    }
    case 'removeSmartcardKey':
      await verb(store.removeSmartcard, ask.type).call(store, ask.reader, ask.pin)
      return success
    case 'lock':
    case 'unlock':
      await verb(store[ask.type], ask.type).call(store, ask.passphrase)
      return success
    case 'extension': {
      const contents = await store.extension?.(ask.name, ask.contents)
      if (contents === true) return success
      // RFC 9987 §3.8: plain failure is for extensions that are not known.
      return contents === undefined ? failure : { type: 'extensionResponse', name: ask.name, contents }
    }
    default:
      return assertNever(ask)
  }
}

async function signature(
  store: AgentStore,
  ask: Extract<AgentAsk, { type: 'signRequest' }>,
): Promise<Uint8Array> {
  const signer = (await store.identities()).find(({ publicKey }) => equal(publicKey.blob, ask.keyBlob))
  if (signer === undefined) throw new UsageError('a signature was asked of a key that is not here')
  const algorithm = flaggedAlgorithm(signer.publicKey.type, ask.flags)
  if (algorithm === undefined || !signer.algorithms.includes(algorithm))
    throw new UsageError(
      `a signature with the flags ${ask.flags} was asked of a ${signer.publicKey.type} key that signs by ${signer.algorithms.join(', ')}`,
    )
  return signer.sign(algorithm, ask.data)
}

function verb<F>(found: F | undefined, request: string): F {
  if (found === undefined) throw new UsageError(`this agent does not do ${request}`)
  return found
}
