/** Data written to a handle without waiting for each answer, within a budget of bytes. */

import type { SftpLink } from './link.ts'
import { isRefusal, type Position, position } from './read-ahead.ts'
import { withPath } from './request-facts.ts'
import { certainChunk, Flow, type FlowOptions, flowDefaults, type Sent, writeChunk } from './transfer-flow.ts'

export interface WriteBehindOptions extends FlowOptions {
  readonly link: SftpLink
  /** Open for writing; close it after {@link WriteBehind.finish}. */
  readonly handle: Uint8Array
  /** The file's, for errors. */
  readonly path?: string | Uint8Array | undefined
  /** Where `write` begins. Default 0. */
  readonly start?: Position | undefined
  /**
   * One request at a time: for files that are open for appending, where the server ignores offsets and a request that fails must not
   * be followed by the next.
   */
  readonly serial?: boolean | undefined
  /** `write` returned false, and there is room again. */
  onDrain?(): void
}

/** Bytes that may always wait, within the budget. */
const leastRoom = 2 * 1024 * 1024

/** Called once: with an error, or when the server has answered for every byte. */
export type Written = (error?: Error) => void

/** What one call gave. */
interface Entry {
  readonly done: Written | undefined
  /** Bytes without an answer. */
  left: number
}

interface Part {
  readonly data: Uint8Array
  readonly offset: bigint
  readonly entry: Entry
}

/**
 * `write` as often as wished, then `finish`. After the first error nothing more is sent, and every call that waits or comes gets that
 * error. Data is sent without a copy and must stay unchanged until its `done`.
 */
export class WriteBehind {
  readonly #o: WriteBehindOptions
  readonly #flow: Flow
  readonly #budget: number
  #chunk: number
  #proven: number
  #position: bigint
  #queue: Part[] = []
  #first = 0
  #queued = 0
  #sent = 0
  #requests = 0
  #acknowledged = 0
  #error: Error | undefined
  #full = false
  #waiting = false
  readonly #idle: Written[] = []

  constructor(o: WriteBehindOptions) {
    this.#o = o
    this.#chunk = writeChunk(o.link, o.handle.length, o.chunkSize)
    this.#proven = Math.max(certainChunk, o.link.limits.write ?? 0)
    this.#budget = Math.max(this.#chunk, o.maxBytes ?? flowDefaults.maxBytes)
    this.#flow = new Flow(this.#chunk, o.serial === true ? { ...o, maxRequests: 1 } : o)
    this.#position = position('start', o.start ?? 0)
    o.budget?.join(this)
  }

  /** Where the next `write` goes. */
  get position(): bigint {
    return this.#position
  }

  /** Bytes given and not answered for. */
  get pending(): number {
    return this.#queued + this.#sent
  }

  /** Whether everything that was given is on its way. */
  get allSent(): boolean {
    return this.#queued === 0
  }

  /** Bytes that the server has answered for. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** The first error; what came after it is not sent. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Bytes of one request. */
  get chunkSize(): number {
    return this.#chunk
  }

  /** Whether more may be given without exceeding what the line takes now; a source that reads ahead asks this. */
  get wanted(): boolean {
    return this.#error === undefined && this.#queued < this.#chunk && this.pending < this.#budget
  }

  /** Bytes that may be given before the source is asked to wait: what the line takes now and as much again, which is ready when it takes more. */
  get #room(): number {
    return Math.min(this.#budget, Math.max(leastRoom, 2 * this.#flow.limit))
  }

  /** Writes behind what was written last. False asks to wait for `onDrain`. */
  write(data: Uint8Array, done?: Written): boolean {
    const at = this.#position
    this.#position += BigInt(data.length)
    return this.writeAt(at, data, done)
  }

  /** Leaves `bytes` out: what stands there stays, or becomes a hole. */
  skip(bytes: number): void {
    this.#position += BigInt(bytes)
  }

  /** As `write`, at a place of its own. */
  writeAt(at: Position, data: Uint8Array, done?: Written): boolean {
    if (this.#error !== undefined || data.length === 0) {
      queueMicrotask(() => done?.(this.#error))
      return this.#error === undefined
    }
    const entry: Entry = { done, left: data.length }
    this.#queue.push({ data, offset: position('the position', at), entry })
    this.#queued += data.length
    this.#pump()
    this.#full = this.pending >= this.#room
    return !this.#full
  }

  /** Calls `done` once, when nothing is under way any more; with the first error if there was one. */
  finish(done: Written): void {
    this.#idle.push(done)
    if (this.pending === 0) queueMicrotask(() => this.#settle())
  }

  /** Sends nothing more, as after an error; what is under way is still answered. */
  stop(why: Error): void {
    this.#fail(why)
    this.#settle()
  }

  #pump(): void {
    while (this.#error === undefined && this.#first < this.#queue.length) {
      const part = this.#queue[this.#first] as Part
      const length = Math.min(part.data.length, this.#chunk)
      if (!this.#flow.allows(this.#sent, this.#requests, length)) return
      if (this.#o.link.congested) return this.#wait()
      if (length === part.data.length) {
        this.#first++
        if (this.#first === this.#queue.length || this.#first > 256) {
          this.#queue = this.#queue.slice(this.#first)
          this.#first = 0
        }
        this.#send(part)
      } else {
        this.#queue[this.#first] = {
          data: part.data.subarray(length),
          offset: part.offset + BigInt(length),
          entry: part.entry,
        }
        this.#send({ ...part, data: part.data.subarray(0, length) })
      }
    }
  }

  #wait(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#o.link.whenDrained(() => {
      this.#waiting = false
      this.#pump()
      this.#drain()
    })
  }

  #send(part: Part): void {
    const { length } = part.data
    const sent = this.#flow.sending(performance.now())
    this.#queued -= length
    this.#sent += length
    this.#requests++
    this.#o.link.request(
      { type: 'write', handle: this.#o.handle, offset: part.offset, data: part.data },
      (error, _reply) => {
        this.#sent -= length
        this.#requests--
        if (error === undefined) this.#answered(part, sent)
        else this.#refused(part, error)
        this.#pump()
        this.#drain()
        this.#settle()
      },
    )
  }

  #answered({ data, entry }: Part, sent: Sent): void {
    this.#proven = Math.max(this.#proven, data.length)
    this.#acknowledged += data.length
    this.#flow.answered(data.length, true, sent, performance.now())
    entry.left -= data.length
    if (entry.left === 0) entry.done?.(undefined)
  }

  /** A first request that is longer than any server must take may be refused for just that. */
  #refused(part: Part, error: Error): void {
    if (this.#error === undefined && part.data.length > this.#proven && isRefusal(error)) {
      this.#chunk = Math.min(this.#chunk, Math.max(certainChunk, part.data.length >>> 1))
      this.#flow.restart(this.#chunk)
      this.#queue = [part, ...this.#queue.slice(this.#first)]
      this.#first = 0
      this.#queued += part.data.length
      return
    }
    this.#fail(withPath(error, this.#o.path))
    const done = part.entry.done
    if (part.entry.left > 0) {
      part.entry.left = 0
      done?.(this.#error)
    }
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return
    this.#error = error
    const waiting = this.#queue.slice(this.#first)
    this.#queue = []
    this.#first = 0
    this.#queued = 0
    for (const { entry } of waiting) {
      if (entry.left === 0) continue
      entry.left = 0
      entry.done?.(error)
    }
  }

  #drain(): void {
    if (!this.#full || (this.#error === undefined && this.pending > this.#room / 2)) return
    this.#full = false
    this.#o.onDrain?.()
  }

  #settle(): void {
    if (this.pending > 0) return
    if (this.#idle.length > 0) this.#o.budget?.leave(this)
    for (const done of this.#idle.splice(0)) done(this.#error)
  }
}
