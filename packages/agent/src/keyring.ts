/** An agent of one's own in memory. */

import type { PrivateKey, PublicKey, Signer } from '@hawser/keys'
import { equal, erase, UsageError } from '@hawser/wire'
import type { AgentStore } from './agent-store.ts'
import type { KeyLimits } from './key-limits.ts'
import { agentLimits } from './limits.ts'

interface Held {
  readonly signer: Signer
  /** The same, when it is ours to dispose of. */
  readonly own: PrivateKey | undefined
}

/**
 * Keys in memory, for `serveAgent`. Clients may list and sign; unless `readOnly`, they may add and remove keys and lock it too.
 * Limits on the use of a key (a lifetime, confirmation) are refused: there is neither a clock nor anybody to ask here.
 */
export class Keyring implements AgentStore {
  readonly #readOnly: boolean
  #keys: readonly Held[]
  #passphrase: Uint8Array | undefined

  /** `keys` stay the caller's: they are not disposed of when they are removed, as keys that clients added are. */
  constructor(keys: Iterable<Signer> = [], options: { readonly readOnly?: boolean } = {}) {
    this.#keys = [...keys].map((signer) => ({ signer, own: undefined }))
    this.#readOnly = options.readOnly ?? false
  }

  /** None while it is locked. */
  identities(): readonly Signer[] {
    return this.#passphrase === undefined ? this.#keys.map(({ signer }) => signer) : []
  }

  /** Takes a key, in place of the same one if that is there; it is disposed of when it is removed. Throws UsageError when it may not, and for limits. */
  add(key: PrivateKey, limits: KeyLimits = {}): void {
    this.#change()
    if (limits.lifetimeSeconds !== undefined || limits.confirm === true)
      throw new UsageError('this agent keeps no lifetime of keys and asks nobody: add the key without limits')
    const others = this.#without(key.publicKey)
    if (others.length >= agentLimits.identities)
      throw new UsageError(`this agent is full: it has ${others.length} keys`)
    this.#replace([...others, { signer: key, own: key }])
  }

  remove(key: PublicKey): void {
    this.#change()
    const others = this.#without(key)
    if (others.length === this.#keys.length) throw new UsageError('a key was removed that is not here')
    this.#replace(others)
  }

  removeAll(): void {
    this.#change()
    this.#replace([])
  }

  lock(passphrase: Uint8Array): void {
    this.#change()
    this.#passphrase = passphrase.slice()
  }

  unlock(passphrase: Uint8Array): void {
    if (this.#passphrase === undefined) throw new UsageError('this agent is not locked')
    if (!equal(this.#passphrase, passphrase))
      throw new UsageError('the passphrase is not the one of the lock')
    erase(this.#passphrase)
    this.#passphrase = undefined
  }

  #change(): void {
    if (this.#readOnly) throw new UsageError('this agent is read-only')
    if (this.#passphrase !== undefined) throw new UsageError('this agent is locked')
  }

  #without(key: PublicKey): readonly Held[] {
    return this.#keys.filter(({ signer }) => !equal(signer.publicKey.blob, key.blob))
  }

  #replace(keys: readonly Held[]): void {
    for (const { own } of this.#keys)
      if (own !== undefined && !keys.some((kept) => kept.own === own)) own.dispose()
    this.#keys = keys
  }
}
