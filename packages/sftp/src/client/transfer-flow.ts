/** How much of one transfer may be under way: one request at first, or what is surely useful, more while that makes it faster, never more than the budget. */

import type { SftpLink } from './link.ts'

/** What every server takes in one request (draft-ietf-secsh-filexfer-02 §3: packets of 34,000 bytes). */
export const certainChunk = 32_768

/** Bytes of one request that are asked for or sent without the server having said what it takes, at the most. */
const largestChunk = 261_120

/** How far a transfer goes ahead of its answers. */
export interface FlowOptions {
  /** Bytes of one request. Default: what the server says, up to 255 KiB; 32 KiB when it says nothing. */
  readonly chunkSize?: number | undefined
  /** Bytes under way and waiting in memory, at the most; at least one request is always possible. Default: 24 MiB. */
  readonly maxBytes?: number | undefined
  /** Requests under way, at the most. Default: 96, or 256 of 64 KiB and less. */
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
export const flowDefaults = { maxBytes: 24 * 1024 * 1024, maxRequests: 96, maxSmallRequests: 256 } as const

/**
 * What the receive window of a channel that carries SFTP should begin with, in bytes. What comes over it is what was asked for, and the flow
 * bounds that; a window of less would only have to grow first. Twice as much, since credit comes back half a window at a time.
 */
export const sftpWindow = 2 * flowDefaults.maxBytes

/** Up to so many bytes the number of requests grows without asking whether it helps: a round is too short to tell. */
export const surelyUseful = 2 * 1024 * 1024
/** Bytes that are asked for together, at the most. */
const mostBatch = 2 * 1024 * 1024
/** What a line and a server with a queue for it hold, in products of rate and shortest answer. */
const enough = 2
/** Answers that took this many of the shortest time, at the most, waited in no queue: the line is far from full. */
const unhindered = 1.5
/** The most that a flow grows by at once. */
const mostAtOnce = 4

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

/** What is remembered of a request until its answer. */
export interface Sent {
  /** When it was sent, and when the request was whose answer had come last by then. */
  readonly at: number
  readonly before: number
  /** Bytes that had been answered by then. */
  readonly answered: number
}

/**
 * The governor of one transfer. A round is as many answered bytes as may be under way at once; after each, as much may be under way
 * as then came within two of the shortest times of an answer, and never less than before. On a short line that is little, however
 * fast it is; on a long one it is twice the last round's until the line is full. The rate is what came between a request and its
 * answer, in that time or the one in which what it made room for was sent: no burst after a pause makes it look higher.
 */
export class Flow {
  readonly #most: number
  readonly #maxRequests: number
  readonly #budget: TransferBudget | undefined
  #limit: number
  #shortest = Infinity
  #answered = 0
  #lastSent = -1
  #roundBytes = 0

  /** `first` bytes may be under way before any answer has come. */
  constructor(chunk: number, o: FlowOptions, first = chunk) {
    this.#most = Math.max(chunk, o.maxBytes ?? flowDefaults.maxBytes)
    this.#maxRequests = Math.max(
      1,
      o.maxRequests ?? (chunk <= 65_536 ? flowDefaults.maxSmallRequests : flowDefaults.maxRequests),
    )
    this.#budget = o.budget
    this.#limit = Math.min(first, this.#most)
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

  /** What to remember of a request that is sent at `now`, in milliseconds. */
  sending(now: number): Sent {
    return { at: now, before: this.#lastSent < 0 ? now : this.#lastSent, answered: this.#answered }
  }

  /** An answer of `bytes` came; `whole` when it was all that was asked for. */
  answered(bytes: number, whole: boolean, sent: Sent, now: number): void {
    this.#answered += bytes
    this.#lastSent = sent.at
    if (!whole) return
    const took = Math.max(0.01, now - sent.at)
    this.#shortest = Math.min(this.#shortest, took)
    if (this.#limit < Math.min(surelyUseful, this.#most)) {
      this.#limit = Math.min(this.#limit + bytes, this.#most)
      return
    }
    this.#roundBytes += bytes
    // As many requests as fit: another one would be of the next round.
    if (this.#roundBytes + bytes <= this.#limit) return
    this.#roundBytes = 0
    const time = Math.max(took, sent.at - sent.before)
    const useful =
      time < unhindered * this.#shortest
        ? mostAtOnce * this.#limit
        : (enough * this.#shortest * (this.#answered - sent.answered)) / time
    this.#limit = Math.min(Math.max(this.#limit, useful), mostAtOnce * this.#limit, this.#most)
  }

  /** Requests are shorter from now on: begin again with one of `chunk` bytes. */
  restart(chunk: number): void {
    this.#limit = chunk
  }
}
