/** How much of one transfer may be under way: one request at first, more while that makes it faster, never more than the budget. */

import type { SftpLink } from './link.ts'

/** What every server takes in one request (draft-ietf-secsh-filexfer-02 §3: packets of 34,000 bytes). */
export const certainChunk = 32_768

/** Bytes of one request that are asked for or sent without the server having said what it takes, at the most. */
const largestChunk = 261_120

/** How far a transfer goes ahead of its answers. */
export interface FlowOptions {
  /** Bytes of one request. Default: what the server says, up to 255 KiB; 32 KiB when it says nothing. */
  readonly chunkSize?: number | undefined
  /** Bytes under way and waiting in memory, at the most; at least one request is always possible. Default: 16 MiB. */
  readonly maxBytes?: number | undefined
  /** Requests under way, at the most. Default: 64, or 256 of 64 KiB and less. */
  readonly maxRequests?: number | undefined
  /** Shared with other transfers, so that all of them together stay within it. */
  readonly budget?: TransferBudget | undefined
}

/** Bytes that several transfers may have under way and in memory together. Each may always have one request. */
export class TransferBudget {
  readonly #most: number
  readonly #members = new Set<{ readonly pending: number }>()

  constructor(maxBytes: number) {
    this.#most = maxBytes
  }

  join(member: { readonly pending: number }): void {
    this.#members.add(member)
  }

  leave(member: { readonly pending: number }): void {
    this.#members.delete(member)
  }

  allows(more: number): boolean {
    let used = more
    for (const member of this.#members) used += member.pending
    return used <= this.#most
  }
}

/** The defaults, for whoever tells their users. */
export const flowDefaults = { maxBytes: 16 * 1024 * 1024, maxRequests: 64, maxSmallRequests: 256 } as const

/** Up to so many bytes the number of requests grows without asking whether it helps: a round is too short to tell. */
const surelyUseful = 2 * 1024 * 1024
/** Bytes that are asked for together, at the most. */
const mostBatch = 2 * 1024 * 1024
/** How much faster a round must be to have been worth twice the memory. */
const worthwhile = 1.1
/** Rounds without growth after which more is tried again: the line may have become longer or wider. */
const roundsUntilProbe = 16

/** Bytes of a READ to ask this server for. */
export function readChunk(link: SftpLink, wanted: number | undefined): number {
  const { read, packet } = link.limits
  const allowed = Math.min(read ?? packet ?? certainChunk, packet === undefined ? largestChunk : packet - 32)
  return Math.max(1, Math.min(wanted ?? allowed, largestChunk, read === undefined ? largestChunk : allowed))
}

/** Bytes of data in a WRITE to this server; `handle` bytes go with each. */
export function writeChunk(link: SftpLink, handle: number, wanted: number | undefined): number {
  const { write, packet } = link.limits
  const room = (packet ?? largestChunk + 1024) - 25 - handle
  const allowed = Math.min(write ?? (packet === undefined ? certainChunk : room), room)
  return Math.max(1, Math.min(wanted ?? allowed, largestChunk, write === undefined ? largestChunk : allowed))
}

/**
 * The governor of one transfer. A round is as many answered bytes as may be under way at once; after each round in which every
 * answer was whole, twice as much may be, as long as the last doubling made the transfer faster.
 */
export class Flow {
  readonly #most: number
  readonly #maxRequests: number
  readonly #budget: TransferBudget | undefined
  #limit: number
  #limitBefore: number
  #best = 0
  #growing = true
  #strikes = 0
  #rounds = 0
  #roundBytes = 0
  #roundStart = -1

  constructor(chunk: number, o: FlowOptions) {
    this.#most = Math.max(chunk, o.maxBytes ?? flowDefaults.maxBytes)
    this.#maxRequests = Math.max(
      1,
      o.maxRequests ?? (chunk <= 65_536 ? flowDefaults.maxSmallRequests : flowDefaults.maxRequests),
    )
    this.#budget = o.budget
    this.#limit = chunk
    this.#limitBefore = chunk
  }

  /** Bytes that may be under way now. */
  get limit(): number {
    return this.#limit
  }

  /** Whether `more` bytes may join `bytes` in `requests` that are under way. */
  allows(bytes: number, requests: number, more: number): boolean {
    if (bytes === 0) return true
    return requests < this.#maxRequests && bytes + more <= this.#limit && this.#budget?.allows(more) !== false
  }

  /** Whether a good part of what may be under way is free, where that is `bytes` now. */
  roomFor(bytes: number): boolean {
    return this.#limit - bytes >= Math.min(this.#limit >> 3, mostBatch)
  }

  /** An answer of `bytes` came; `whole` when it was all that was asked for. `now` in milliseconds. */
  answered(bytes: number, whole: boolean, now: number): void {
    if (!whole) return this.interrupted()
    if (this.#limit < Math.min(surelyUseful, this.#most)) {
      this.#limit = Math.min(this.#limit + bytes, this.#most)
      this.#limitBefore = this.#limit
      return
    }
    if (this.#roundStart < 0) {
      this.#roundStart = now
      this.#roundBytes = 0
      return
    }
    this.#roundBytes += bytes
    if (this.#roundBytes < this.#limit) return
    const rate = this.#roundBytes / Math.max(0.01, now - this.#roundStart)
    this.#roundStart = now
    this.#roundBytes = 0
    this.#judge(rate)
  }

  /** Something else than the line held the transfer up: what was measured says nothing. */
  interrupted(): void {
    this.#roundStart = -1
  }

  /** Requests are shorter from now on: begin again with one of `chunk` bytes. */
  restart(chunk: number): void {
    this.#limit = chunk
    this.#limitBefore = chunk
    this.interrupted()
  }

  #judge(rate: number): void {
    if (!this.#growing) {
      if (++this.#rounds < roundsUntilProbe) return
      this.#best = rate
      this.#grow()
    } else if (rate > this.#best * worthwhile) {
      this.#best = rate
      this.#grow()
    } else if (++this.#strikes >= 2) {
      this.#limit = this.#limitBefore
      this.#growing = false
      this.#rounds = 0
    }
  }

  #grow(): void {
    this.#growing = true
    this.#strikes = 0
    this.#limitBefore = this.#limit
    this.#limit = Math.min(this.#limit * 2, this.#most)
  }
}
