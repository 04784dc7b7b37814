/** The keys of a keyring, each until it is removed or its time is over. */

import type { PrivateKey, PublicKey, Signer } from '@hawser/keys'
import { equal, UsageError } from '@hawser/wire'
import type { Clock } from './clock.ts'
import type { KeyLimits } from './key-limits.ts'
import { agentLimits } from './limits.ts'

export interface HeldKey {
  readonly signer: Signer
  readonly limits: KeyLimits
  /** The signer again, when it is ours to dispose of. */
  readonly own?: PrivateKey
  /** Milliseconds since 1970. */
  readonly expires?: number
}

/** What a clock can wait for at once, in milliseconds. */
const longestWait = 2 ** 31 - 1

export class HeldKeys {
  readonly #clock: Clock
  #keys: readonly HeldKey[]
  #callOff: () => void = () => undefined

  /** `signers` stay the caller's. */
  constructor(signers: Iterable<Signer>, clock: Clock) {
    this.#clock = clock
    this.#keys = [...signers].map((signer) => ({ signer, limits: {} }))
  }

  /** Those whose time is not over. */
  get all(): readonly HeldKey[] {
    this.#forget()
    return this.#keys
  }

  find(key: PublicKey): HeldKey | undefined {
    return this.all.find(({ signer }) => equal(signer.publicKey.blob, key.blob))
  }

  /** In place of the same key, if that is there. Throws UsageError when there is no room. */
  add(key: PrivateKey, limits: KeyLimits): void {
    const { lifetimeSeconds } = limits
    const others = this.#without(key)
    if (others.length >= agentLimits.identities)
      throw new UsageError(`this agent is full: it has ${others.length} keys`)
    const held = { signer: key, own: key, limits }
    this.#replace([
      ...others,
      lifetimeSeconds === undefined ? held : { ...held, expires: this.#clock.now() + lifetimeSeconds * 1000 },
    ])
  }

  remove(keys: readonly HeldKey[]): void {
    this.#replace(this.#keys.filter((key) => !keys.includes(key)))
  }

  #without(key: PrivateKey): readonly HeldKey[] {
    return this.all.filter(({ signer }) => !equal(signer.publicKey.blob, key.publicKey.blob))
  }

  #forget(): void {
    const now = this.#clock.now()
    const left = this.#keys.filter(({ expires }) => expires === undefined || now < expires)
    if (left.length < this.#keys.length) this.#replace(left)
  }

  #replace(keys: readonly HeldKey[]): void {
    for (const { own } of this.#keys)
      if (own !== undefined && !keys.some((kept) => kept.own === own)) own.dispose()
    this.#keys = keys
    this.#callOff()
    const next = Math.min(...keys.map(({ expires }) => expires ?? Number.POSITIVE_INFINITY))
    if (next === Number.POSITIVE_INFINITY) return
    const wait = Math.min(longestWait, Math.max(0, next - this.#clock.now()))
    this.#callOff = this.#clock.after(wait, () => this.#replace(this.all))
  }
}
