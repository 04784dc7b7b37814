/** What an agent of one's own is made of. */

import type { PrivateKey, PublicKey, Signer } from '@hawser/keys'
import type { KeyLimits } from './key-limits.ts'

type Awaitable<T> = T | PromiseLike<T>

/**
 * Keys, and what clients may do with them. Verbs that are missing are refused; what a verb throws is a refusal too.
 * Requests are handed over one at a time.
 */
export interface AgentStore {
  /** The keys that there are now. A signer may wait, and may ask somebody, before it signs. */
  identities(): Awaitable<readonly Signer[]>
  /** Takes a key; throws unless it can keep all of `limits`. */
  add?(key: PrivateKey, limits: KeyLimits): Awaitable<void>
  remove?(key: PublicKey): Awaitable<void>
  removeAll?(): Awaitable<void>
  lock?(passphrase: Uint8Array): Awaitable<void>
  unlock?(passphrase: Uint8Array): Awaitable<void>
  /** Takes the keys of the token in `reader`; throws unless it can keep all of `limits`. */
  addSmartcard?(reader: string, pin: Uint8Array, limits: KeyLimits): Awaitable<void>
  removeSmartcard?(reader: string, pin: Uint8Array): Awaitable<void>
  /** An extension request (RFC 9987 §3.8): the contents of the reply, true for plain success, undefined for a name that is not known. */
  extension?(name: string, contents: Uint8Array): Awaitable<Uint8Array | true | undefined>
  /** What one client sees; asked once for each connection. Left out: all clients see the same, and nothing is remembered of any. */
  connection?(): AgentStore
}
