/** Sources that misbehave before they have logged in are kept away for a while: pure arithmetic, with the clock passed in. */

import { parseAddress } from '@hawser/keys'

/** What a source is made to pay for. */
export type Offence =
  /** A login was tried and failed. */
  | 'authFailed'
  /** The connection ended and no login was tried. */
  | 'noAuth'
  /** The login grace passed. */
  | 'graceExceeded'
  /** The protocol was broken, or one of its limits. */
  | 'protocolError'

/** Penalties in milliseconds; those of OpenSSH's PerSourcePenalties. */
export interface PenaltyLimits {
  /** Each adds so much to what the source has left. Default 5,000. */
  readonly authFailedMs: number
  /** Default 1,000. */
  readonly noAuthMs: number
  /** Default 10,000. */
  readonly graceExceededMs: number
  /** Default 10,000. */
  readonly protocolErrorMs: number
  /** Less than this is only remembered: one mistake locks nobody out. Default 15,000. */
  readonly leastMs: number
  /** No penalty grows above it. Default 600,000. */
  readonly mostMs: number
  /** A whole network (an IPv4 /24, an IPv6 /56) is kept away at so many times `leastMs` from all its addresses. Default 8; 0: never. */
  readonly networkFactor: number
  /** Addresses, and as many networks, that are remembered; of more the oldest are forgotten. Default 65,536. */
  readonly mostSources: number
  /** Whose addresses pay nothing. Default: this machine's own, behind which are proxies and whoever tries things out. */
  readonly exempt: (address: string) => boolean
}

export const defaultPenalties: PenaltyLimits = Object.freeze({
  authFailedMs: 5_000,
  noAuthMs: 1_000,
  graceExceededMs: 10_000,
  protocolErrorMs: 10_000,
  leastMs: 15_000,
  mostMs: 600_000,
  networkFactor: 8,
  mostSources: 65_536,
  exempt: isLoopback,
})

interface Entry {
  /** When nothing is left of it. */
  until: number
  /** It has once been long enough to count, and counts until it is over. */
  inForce: boolean
}

/** Remembers offences by address and by network, and says who is kept away. Penalties run down with time. */
export class Penalties {
  readonly #limits: PenaltyLimits
  readonly #now: () => number
  readonly #addresses = new Map<string, Entry>()
  readonly #networks = new Map<string, Entry>()

  /** `now` gives milliseconds from any fixed point. */
  constructor(limits: PenaltyLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** Addresses and networks that are remembered. */
  get size(): number {
    return this.#addresses.size + this.#networks.size
  }

  /** How many milliseconds `address` is still kept away; 0 for one that may come, and for what is no address. */
  left(address: string | undefined): number {
    const source = this.#sourceOf(address)
    if (source === undefined) return 0
    return Math.max(this.#left(this.#addresses, source.address), this.#left(this.#networks, source.network))
  }

  /** Makes `address` pay. */
  punish(address: string | undefined, offence: Offence): void {
    const source = this.#sourceOf(address)
    if (source === undefined) return
    const cost = this.#limits[`${offence}Ms`]
    if (cost <= 0) return
    const { leastMs, networkFactor } = this.#limits
    this.#add(this.#addresses, source.address, cost, leastMs)
    if (networkFactor > 0) this.#add(this.#networks, source.network, cost, leastMs * networkFactor)
  }

  #sourceOf(address: string | undefined): Source | undefined {
    return address === undefined || this.#limits.exempt(address) ? undefined : sourceOf(address)
  }

  #left(table: Map<string, Entry>, key: string): number {
    const entry = table.get(key)
    if (entry === undefined) return 0
    const left = entry.until - this.#now()
    if (left <= 0) table.delete(key)
    return left > 0 && entry.inForce ? left : 0
  }

  #add(table: Map<string, Entry>, key: string, cost: number, least: number): void {
    const now = this.#now()
    const before = table.get(key)
    // Behind all others, so that the first one is always the one that was punished longest ago.
    table.delete(key)
    const remaining = Math.max(0, (before?.until ?? now) - now)
    const left = Math.min(remaining + cost, this.#limits.mostMs)
    const inForce = left >= least || (remaining > 0 && before?.inForce === true)
    table.set(key, { until: now + left, inForce })
    if (table.size > this.#limits.mostSources) table.delete(table.keys().next().value as string)
  }
}

/** Keys of an address and of its network. */
interface Source {
  readonly address: string
  readonly network: string
}

/** Undefined for what is no address. */
function sourceOf(text: string): Source | undefined {
  const bytes = bytesOf(text)
  if (bytes === undefined) return undefined
  if (bytes.length === 4) return { address: bytes.join('.'), network: bytes.subarray(0, 3).join('.') }
  // Whoever has one address of IPv6 has its /64.
  return { address: bytes.subarray(0, 8).join(':'), network: bytes.subarray(0, 7).join(':') }
}

function isLoopback(text: string): boolean {
  const bytes = bytesOf(text)
  if (bytes?.length === 4) return bytes[0] === 127
  return bytes?.every((byte, at) => byte === (at === 15 ? 1 : 0)) === true
}

/** A link-local address may name its interface. */
function bytesOf(text: string): Uint8Array | undefined {
  return parseAddress(text.replace(/%.*$/, ''))
}
