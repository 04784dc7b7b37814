/** What one client of a keyring sees of it and may do: less, the longer the way is that it comes by. */

import type { PrivateKey, PublicKey, Signer } from '@hawser/keys'
import { equal, UsageError, Writer } from '@hawser/wire'
import type { AgentLock } from './agent-lock.ts'
import type { AgentStore } from './agent-store.ts'
import type { Clock } from './clock.ts'
import type { HeldKey, HeldKeys } from './held-keys.ts'
import type { KeyLimits } from './key-limits.ts'
import { agentLimits } from './limits.ts'
import { type LoginRequest, readLoginRequest } from './login-request.ts'
import { bindingHolds, readSessionBinding, type SessionBinding, sessionBind } from './session-binding.ts'
import { strayed } from './way.ts'

/** What is asked before a key that wants confirmation signs. */
export interface ConfirmQuestion {
  readonly key: PublicKey
  /** The user name that the key would log in with, when it is for a login. */
  readonly user: string | undefined
  /** Aborted when no answer is waited for any more. */
  readonly signal: AbortSignal
}

/** What the views of one keyring share. */
export interface KeyringParts {
  readonly keys: HeldKeys
  readonly lock: AgentLock
  readonly clock: Clock
  readonly readOnly: boolean
  readonly lifetimeSeconds: number | undefined
  readonly confirm: ((question: ConfirmQuestion) => boolean | PromiseLike<boolean>) | undefined
  readonly confirmTimeoutMs: number
}

const extensions = ['query', sessionBind]

export class KeyringView implements AgentStore {
  readonly #parts: KeyringParts
  readonly #sessions: SessionBinding[] = []
  #bindingTried = false

  constructor(parts: KeyringParts) {
    this.#parts = parts
  }

  identities(): readonly Signer[] {
    if (this.#parts.lock.locked) return []
    return this.#visible().map((held) => this.#signerOf(held))
  }

  add(key: PrivateKey, limits: KeyLimits): void {
    this.#change()
    const { keys, confirm, lifetimeSeconds: usual } = this.#parts
    const lifetimeSeconds = limits.lifetimeSeconds ?? usual
    if (lifetimeSeconds === 0) throw new UsageError('a key with a lifetime of 0 seconds')
    if (limits.confirm === true && confirm === undefined)
      throw new UsageError('this agent has nobody to ask: give its keyring the option confirm')
    if (limits.securityKeyProvider !== undefined || key.publicKey.type.startsWith('sk-'))
      throw new UsageError('this agent does not talk to security keys')
    if (limits.certificates !== undefined)
      throw new UsageError('certificates beside a key are for keys of smartcards; add them as keys')
    const same = keys.find(key.publicKey)
    if (same !== undefined && !this.#visible().includes(same))
      throw new UsageError('that key is here, and not for this client to change')
    keys.add(key, lifetimeSeconds === undefined ? limits : { ...limits, lifetimeSeconds })
  }

  remove(key: PublicKey): void {
    this.#change()
    const held = this.#visible().find(({ signer }) => equal(signer.publicKey.blob, key.blob))
    if (held === undefined) throw new UsageError('a key was removed that is not here')
    this.#parts.keys.remove([held])
  }

  removeAll(): void {
    this.#change()
    this.#parts.keys.remove(this.#parts.keys.all)
  }

  lock(passphrase: Uint8Array): void {
    this.#change()
    this.#parts.lock.lock(passphrase)
  }

  unlock(passphrase: Uint8Array): Promise<void> {
    return this.#parts.lock.unlock(passphrase)
  }

  extension(name: string, contents: Uint8Array): Uint8Array | true | undefined {
    if (name === 'query') return extensions.reduce((to, each) => to.string(each), new Writer()).finish()
    if (name !== sessionBind) return undefined
    this.#bind(contents)
    return true
  }

  /** OpenSSH PROTOCOL.agent §1. A binding that fails leaves the client without the keys that are for some destinations only. */
  #bind(contents: Uint8Array): void {
    this.#bindingTried = true
    const binding = readSessionBinding(contents)
    if (!bindingHolds(binding))
      throw new UsageError('a session was bound without a signature of its host key over it')
    const sessions = this.#sessions
    if (sessions.some(({ forwarding }) => !forwarding))
      throw new UsageError('a session was bound behind one that is for a login')
    const same = sessions.find(({ sessionId }) => equal(sessionId, binding.sessionId))
    if (same !== undefined) {
      if (equal(same.hostKey, binding.hostKey)) return
      throw new UsageError('a session was bound again, with another host key')
    }
    if (sessions.length >= agentLimits.sessions)
      throw new UsageError(`more than ${agentLimits.sessions} sessions were bound to one connection`)
    sessions.push({
      hostKey: binding.hostKey.slice(),
      sessionId: binding.sessionId.slice(),
      signature: binding.signature.slice(),
      forwarding: binding.forwarding,
    })
  }

  #visible(): readonly HeldKey[] {
    return this.#parts.keys.all.filter((held) => this.#problem(held, undefined) === undefined)
  }

  /** Why the way by which this client comes is not for `held`; undefined when it is. Whoever is bound to no session is on this computer. */
  #problem(
    { limits: { destinations } }: HeldKey,
    use: { readonly user: string } | undefined,
  ): string | undefined {
    if (destinations === undefined) return undefined
    if (this.#sessions.length === 0)
      return this.#bindingTried ? 'binding the connection to its session failed' : undefined
    return strayed(destinations, this.#sessions, use, new Date(this.#parts.clock.now()))
  }

  #signerOf(held: HeldKey): Signer {
    const { publicKey, algorithms } = held.signer
    return { publicKey, algorithms, sign: (algorithm, data) => this.#sign(held, algorithm, data) }
  }

  async #sign(held: HeldKey, algorithm: string, data: Uint8Array): Promise<Uint8Array> {
    this.#check(held)
    const login = readLoginRequest(held.signer.publicKey, data)
    if (held.limits.destinations !== undefined) this.#checkDestination(held, login)
    if (held.limits.confirm === true) {
      await this.#ask(held, login)
      this.#check(held)
    }
    return held.signer.sign(algorithm, data)
  }

  #check(held: HeldKey): void {
    const { keys, lock } = this.#parts
    if (lock.locked) throw new UsageError('this agent is locked')
    if (!keys.all.includes(held)) throw new UsageError('the key is here no longer')
  }

  #checkDestination(held: HeldKey, login: LoginRequest | undefined): void {
    const last = this.#sessions.at(-1)
    if (last === undefined)
      throw new UsageError(
        'a key for some destinations only was used by a connection that is bound to no session',
      )
    if (login === undefined)
      throw new UsageError('a key for some destinations only was to sign something else than a login')
    const problem = this.#problem(held, login)
    if (problem !== undefined) throw new UsageError(problem)
    if (!equal(login.sessionId, last.sessionId))
      throw new UsageError('a login to another session than the connection is bound to')
    const { hostKey } = login
    if (hostKey === undefined ? this.#sessions.length > 1 : !equal(hostKey, last.hostKey))
      throw new UsageError(
        'a login from another host must name the host key of the session that it is bound to',
      )
  }

  async #ask({ signer }: HeldKey, login: LoginRequest | undefined): Promise<void> {
    const { clock, confirm, confirmTimeoutMs } = this.#parts
    const given = new AbortController()
    let callOff = (): void => undefined
    const late = new Promise<false>((resolve) => {
      callOff = clock.after(confirmTimeoutMs, () => resolve(false))
    })
    try {
      const answer = confirm?.({ key: signer.publicKey, user: login?.user, signal: given.signal })
      if ((await Promise.race([answer, late])) !== true)
        throw new UsageError('nobody confirmed the use of the key')
    } finally {
      callOff()
      given.abort()
    }
  }

  #change(): void {
    if (this.#parts.readOnly) throw new UsageError('this agent is read-only')
    if (this.#parts.lock.locked) throw new UsageError('this agent is locked')
  }
}
