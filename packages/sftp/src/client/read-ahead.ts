/** A file read in order from a handle, with as many requests ahead of the reader as the line is worth. */

import { UsageError } from '@hawser/wire'
import { SftpError } from '../errors.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { SftpLink } from './link.ts'
import { PieceList } from './piece-list.ts'
import { withPath } from './request-facts.ts'
import { certainChunk, Flow, type FlowOptions, readChunk, type Sent, surelyUseful } from './transfer-flow.ts'

/** A place in a file, in bytes. */
export type Position = number | bigint

export interface ReadAheadOptions extends FlowOptions {
  readonly link: SftpLink
  /** Open for reading; closing it is the caller's affair, at any time after the end or {@link ReadAhead.stop}. */
  readonly handle: Uint8Array
  /** The file's, for errors. */
  readonly path?: string | Uint8Array | undefined
  /** The first byte. Default 0. */
  readonly start?: Position | undefined
  /** Behind the last byte. Default: the end of the file, wherever it turns out to be. */
  readonly end?: Position | undefined
  /**
   * What the file's size is said to be: nothing is asked for behind it until it has turned out to be larger, and a short answer
   * that ends just there is believed to be the last. 0 stands for "not known", as in /proc.
   */
  readonly size?: Position | undefined
  /** Takes the next bytes, which are the receiver's from now on. False asks to wait until {@link ReadAhead.resume}. */
  onData(bytes: Uint8Array): boolean
  /** Called once, after the last data: with an error, or without at the end of the range or of the file. Not after `stop`. */
  onEnd(error?: Error): void
}

/** Lengths of an answer from which it tells how much the server gives at once, rather than where a record ends. */
const leastLesson = 4096

/** Behind the last byte that a file can have: offsets are uint64. */
const behindAll = 0x1_0000_0000_0000_0000n

/** One part of the range: asked for by one request, and by more for what the first left out. */
interface Slot {
  readonly offset: number
  /** Bytes that it is to have. */
  want: number
  /** Bytes that have come. */
  got: number
  readonly pieces: PieceList
  /** Nothing more comes: the end of the file, or an error. */
  end: { readonly error: Error | undefined } | undefined
  /** What came in the answer that was short. */
  short: number
}

/**
 * `start`, then data and the end by callbacks, none of them within `start`. Offsets inside are relative to the start, so they are
 * exact numbers wherever in the file that is. What is under way and what waits for the reader stay together within `maxBytes`.
 */
export class ReadAhead {
  readonly #o: ReadAheadOptions
  readonly #flow: Flow
  readonly #base: bigint
  readonly #size: number
  #chunk: number
  /** A request of this length has been answered, so that a refusal of it means something else. */
  #proven: number
  #end: number
  #next = 0
  #slots: Slot[] = []
  /** Bytes asked for, and bytes that came and were not handed on. */
  #asked = 0
  #held = 0
  #requests = 0
  #delivered = 0
  #paused = false
  #over = false
  #ended = false
  #delivering = false
  #waiting = false

  constructor(o: ReadAheadOptions) {
    this.#o = o
    this.#base = position('start', o.start ?? 0)
    this.#end = Number((o.end === undefined ? behindAll : position('end', o.end)) - this.#base)
    const size = o.size === undefined ? 0 : Number(position('size', o.size) - this.#base)
    this.#size = size > 0 ? size : Infinity
    this.#chunk = readChunk(o.link, o.chunkSize)
    this.#proven = Math.max(certainChunk, o.link.limits.read ?? 0)
    // Where the file's size and the server's limit are known, nothing asked for can be in vain.
    const known = this.#size !== Infinity && o.link.limits.read !== undefined
    this.#flow = new Flow(this.#chunk, o, known ? surelyUseful : this.#chunk)
    o.budget?.join(this)
  }

  /** Bytes handed on so far. */
  get delivered(): number {
    return this.#delivered
  }

  /** Bytes that are asked for and have not come, and those that wait for the reader. */
  get pending(): number {
    return this.#asked + this.#held
  }

  start(): void {
    if (this.#end > 0) this.#pump()
    else queueMicrotask(() => this.#finish(undefined))
  }

  /** The reader takes more again. Data may come within this call. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
    this.#pump()
  }

  /** Nothing is handed on any more, and nothing asked for. What was asked for still comes and is thrown away. */
  stop(): void {
    this.#over = true
    this.#o.budget?.leave(this)
    this.#slots = []
    this.#held = 0
  }

  #pump(): void {
    // Some requests in one packet cost little more than one: they wait until there is room for several.
    if (this.#requests > 0 && !this.#flow.roomFor(this.#asked + this.#held)) return
    while (!this.#over && !this.#paused && !this.#ended && this.#next < this.#end) {
      // What may lie behind the size that was said is asked for when all in front of it is there.
      if (this.#next >= this.#size && this.#requests > 0) return
      const want = Math.min(this.#chunk, this.#end - this.#next)
      if (!this.#flow.allows(this.#asked + this.#held, this.#requests, want)) return
      if (this.#o.link.congested) return this.#wait()
      const slot: Slot = {
        offset: this.#next,
        want,
        got: 0,
        pieces: new PieceList(),
        end: undefined,
        short: 0,
      }
      this.#slots.push(slot)
      this.#next += want
      this.#ask(slot)
    }
  }

  #wait(): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#o.link.whenDrained(() => {
      this.#waiting = false
      this.#pump()
    })
  }

  #ask(slot: Slot): void {
    const len = Math.min(this.#chunk, slot.want - slot.got)
    const offset = this.#base + BigInt(slot.offset + slot.got)
    const before = slot.got
    const sent = this.#flow.sending(performance.now())
    this.#asked += len
    this.#requests++
    this.#o.link.request(
      { type: 'read', handle: this.#o.handle, offset, len },
      (error, _reply) => {
        const bytes = slot.got - before
        this.#asked -= len - bytes
        this.#requests--
        if (this.#over) return
        if (error === undefined) this.#answered(slot, len, bytes, sent)
        else this.#refused(slot, len, error)
        this.#deliver()
        this.#pump()
      },
      (piece) => {
        this.#asked -= piece.length
        slot.got += piece.length
        if (this.#over) return
        this.#held += piece.length
        // Not by way of the list, which has memory of its own for small pieces: a small file has no other.
        if (slot === this.#slots[0] && slot.pieces.empty && !this.#paused && !this.#delivering)
          this.#handOn(piece)
        else {
          slot.pieces.push(piece)
          this.#deliver()
        }
      },
    )
  }

  #answered(slot: Slot, len: number, bytes: number, sent: Sent): void {
    this.#proven = Math.max(this.#proven, len)
    this.#flow.answered(bytes, bytes === len, sent, performance.now())
    if (slot.short >= leastLesson && bytes > 0) this.#chunk = Math.min(this.#chunk, slot.short)
    if (slot.got === slot.want) return
    const at = slot.offset + slot.got
    if (at === this.#size) this.#endAt(slot, undefined)
    // Nothing was asked for behind it yet: the next request starts here, at full length.
    else if (this.#next === slot.offset + slot.want) {
      slot.want = slot.got
      this.#next = at
    } else {
      slot.short = slot.short === 0 ? bytes : Math.min(slot.short, bytes)
      this.#ask(slot)
    }
  }

  #refused(slot: Slot, len: number, error: Error): void {
    if (error instanceof SftpError && error.status === SftpStatus.eof) this.#endAt(slot, undefined)
    else if (len > this.#proven && isRefusal(error)) {
      this.#chunk = Math.min(this.#chunk, Math.max(certainChunk, len >>> 1))
      this.#flow.restart(this.#chunk)
      this.#ask(slot)
    } else this.#endAt(slot, error)
  }

  #endAt(slot: Slot, error: Error | undefined): void {
    slot.end = { error }
    this.#ended = true
  }

  /** Hands on, in order, what is there. */
  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    while (!this.#over && !this.#paused) {
      const slot = this.#slots[0]
      if (slot === undefined) {
        if (this.#next >= this.#end) this.#finish(undefined)
        break
      }
      const piece = slot.pieces.shift()
      if (piece !== undefined) this.#handOn(piece)
      else if (slot.end !== undefined) this.#finish(slot.end.error)
      else if (slot.got === slot.want) this.#slots.shift()
      else break
    }
    this.#delivering = false
  }

  #handOn(piece: Uint8Array): void {
    this.#held -= piece.length
    this.#delivered += piece.length
    if (this.#o.onData(piece)) return
    this.#paused = true
  }

  #finish(error: Error | undefined): void {
    if (this.#over) return
    this.stop()
    this.#o.onEnd(error === undefined ? undefined : withPath(error, this.#o.path))
  }
}

/** A position as a bigint. Throws UsageError for one that no file has. */
export function position(name: string, value: Position): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new UsageError(`${name} is ${value}: give a whole number, and a bigint from 2^53 on`)
  const exact = BigInt(value)
  if (exact < 0n || exact > 0xffffffffffffffffn)
    throw new UsageError(`${name} is ${value}: it must be from 0 to 2^64-1`)
  return exact
}

/** Whether a server may mean by it that the request was too long for it. */
export function isRefusal(error: Error): boolean {
  return (
    error instanceof SftpError &&
    (error.status === SftpStatus.failure || error.status === SftpStatus.badMessage || error.status === 20)
  )
}
