/** An agent of one's own in memory. */

import type { PrivateKey, PublicKey, Signer } from '@hawser/keys'
import { AgentLock } from './agent-lock.ts'
import type { AgentStore } from './agent-store.ts'
import { type Clock, systemClock } from './clock.ts'
import { HeldKeys } from './held-keys.ts'
import type { KeyLimits } from './key-limits.ts'
import { type ConfirmQuestion, type KeyringParts, KeyringView } from './keyring-view.ts'

export interface KeyringOptions {
  /** Clients may list and sign, and change nothing. Default false. */
  readonly readOnly?: boolean
  /** Seconds after which keys are forgotten that are added without a lifetime of their own. Default: never. */
  readonly lifetimeSeconds?: number
  /**
   * Asks somebody whether a key may sign that was added with `confirm` (`ssh-add -c`); only `true` lets it. Without this, such keys are
   * not taken.
   */
  readonly confirm?: (question: ConfirmQuestion) => boolean | PromiseLike<boolean>
  /** How long an answer is waited for. Default 60,000. */
  readonly confirmTimeoutMs?: number
  /** Default: the time of this computer. */
  readonly clock?: Clock
}

/**
 * Keys in memory, for `serveAgent`, with all that ssh-agent does for keys in files: lifetimes, confirmation, destinations, a lock.
 * Its own methods are those of a client on this computer; each other client has a {@link connection} of its own.
 */
export class Keyring implements AgentStore {
  readonly #parts: KeyringParts
  readonly #own: KeyringView

  /** `keys` stay the caller's: they are not disposed of when they are removed, as keys that are added are. */
  constructor(keys: Iterable<Signer> = [], options: KeyringOptions = {}) {
    const {
      clock = systemClock,
      readOnly = false,
      confirmTimeoutMs = 60_000,
      confirm,
      lifetimeSeconds,
    } = options
    this.#parts = {
      keys: new HeldKeys(keys, clock),
      lock: new AgentLock(clock),
      clock,
      readOnly,
      lifetimeSeconds,
      confirm,
      confirmTimeoutMs,
    }
    this.#own = new KeyringView(this.#parts)
  }

  /** A client's own view, which remembers the sessions that the client binds it to (session-bind@openssh.com). */
  connection(): AgentStore {
    return new KeyringView(this.#parts)
  }

  /** None while it is locked. */
  identities(): readonly Signer[] {
    return this.#own.identities()
  }

  /**
   * Takes a key, in place of the same one if that is there; it is disposed of when it is removed or its lifetime is over.
   * Throws UsageError when it may not, and for limits that it cannot keep.
   */
  add(key: PrivateKey, limits: KeyLimits = {}): void {
    this.#own.add(key, limits)
  }

  /** Throws UsageError for a key that is not here. */
  remove(key: PublicKey): void {
    this.#own.remove(key)
  }

  removeAll(): void {
    this.#own.removeAll()
  }

  /** Shows no keys and signs nothing until it is unlocked with the same passphrase, which is copied. */
  lock(passphrase: Uint8Array): void {
    this.#own.lock(passphrase)
  }

  /** Rejects with UsageError for another passphrase, each time in a row 100 ms later, up to 10 s. */
  unlock(passphrase: Uint8Array): Promise<void> {
    return this.#own.unlock(passphrase)
  }
}
