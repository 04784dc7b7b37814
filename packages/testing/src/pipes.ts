/** Two ends of a byte pipe in memory, with cuts, silence, slow readers and any fragmentation by hand. */

import { type Clock, systemClock } from '@hawser/session'
import { type Chunking, whole } from './chunking.ts'

/** What becomes of a piece that is about to arrive. */
export interface Passage {
  /** Arrives now; may be empty. */
  readonly now: Uint8Array
  /** Is asked about again, afterwards. */
  readonly rest: Uint8Array
  readonly after?:
    | { readonly effect: 'cut'; readonly error?: Error }
    | { readonly effect: 'silence' }
    | { readonly effect: 'delay'; readonly ms: number }
}

/** Stands at both ends of a line and decides about each piece, once it is its turn to arrive at `to`. */
export interface Gate {
  pass(piece: Uint8Array, to: 'a' | 'b'): Passage
}

export interface MemoryPipeOptions {
  /** How each write arrives. Default: as it was written. */
  readonly chunking?: Chunking
  /** Sees, and may replace, each write; undefined loses it. `to` is the receiving end. */
  readonly tamper?: (bytes: Uint8Array, to: 'a' | 'b') => Uint8Array | undefined
  /** Decides what arrives, and when. Default: everything, at once. */
  readonly gate?: Gate
  /** What the delays of the gate go by. Default: the system's. */
  readonly clock?: Clock
  /** Bytes under way in one direction before `write` says to wait. Default: 1 MiB. */
  readonly highWaterMark?: number
  /** Only lend what arrives, and spoil it as soon as `onData` returns. Default: false. */
  readonly lends?: boolean
}

export interface MemoryPipes {
  readonly a: MemoryPipe
  readonly b: MemoryPipe
  /** Cuts the line: both ends close at once, with `error` if there is one. */
  cut(error?: Error): void
  /** From now on nothing arrives anywhere, and nobody is told. */
  silence(): void
}

/** Deliveries are microtasks, in order. */
export function memoryPipes(options: MemoryPipeOptions = {}): MemoryPipes {
  const line: Line = {
    chunking: options.chunking ?? whole,
    tamper: options.tamper ?? ((bytes) => bytes),
    highWaterMark: options.highWaterMark ?? 1_048_576,
    silent: false,
    lends: options.lends ?? false,
    gate: options.gate,
    clock: options.clock ?? systemClock,
    cut: (error) => {
      a.close(error)
      b.close(error)
    },
  }
  const a = new MemoryPipe('a', line)
  const b = new MemoryPipe('b', line)
  MemoryPipe.join(a, b)
  return {
    a,
    b,
    cut: line.cut,
    silence() {
      line.silent = true
    },
  }
}

interface Line {
  readonly chunking: Chunking
  readonly tamper: NonNullable<MemoryPipeOptions['tamper']>
  readonly highWaterMark: number
  readonly lends: boolean
  readonly gate: Gate | undefined
  readonly clock: Clock
  readonly cut: (error?: Error) => void
  silent: boolean
}

/** One end; it has the face that a session expects of its pipe (`BytePipe` of `@hawser/session`). */
export class MemoryPipe {
  onData: (bytes: Uint8Array) => void = () => undefined
  onDrain: () => void = () => undefined
  onClose: (error?: Error) => void = () => undefined
  /** Bytes that arrived here. */
  delivered = 0
  readonly #name: 'a' | 'b'
  readonly #line: Line
  #peer: MemoryPipe | undefined
  #arriving: (Uint8Array | 'end')[] = []
  #arrivingBytes = 0
  #scheduled = false
  /** Until the first `resume`, as `BytePipe` asks: nothing may pass by before somebody listens. */
  #paused = true
  #closed = false
  #ended = false
  #full = false
  /** Waits for the end of a delay, or for ever. */
  #held = false
  #delay: unknown

  constructor(name: 'a' | 'b', line: Line) {
    this.#name = name
    this.#line = line
  }

  static join(a: MemoryPipe, b: MemoryPipe): void {
    a.#peer = b
    b.#peer = a
  }

  get lends(): boolean {
    return this.#line.lends
  }

  get isClosed(): boolean {
    return this.#closed
  }

  write(bytes: Uint8Array): boolean {
    const peer = this.#peer as MemoryPipe
    if (this.#closed || this.#ended || this.#line.silent) return true
    const passed = this.#line.tamper(bytes, peer.#name)
    if (passed !== undefined)
      // A copy, as a wire would make one: nobody's later changes arrive.
      for (const piece of this.#line.chunking(passed.slice())) peer.#arrive(piece)
    this.#full = peer.#arrivingBytes > this.#line.highWaterMark
    return !this.#full
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.#line.silent) (this.#peer as MemoryPipe).#arrive('end')
  }

  destroy(error?: Error): void {
    this.end()
    this.close(error)
  }

  close(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#line.clock.clearTimeout(this.#delay)
    this.#arriving = []
    this.onClose(error)
  }

  #arrive(piece: Uint8Array | 'end'): void {
    if (this.#closed) return
    this.#arriving.push(piece)
    if (piece !== 'end') this.#arrivingBytes += piece.length
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#held || this.#closed || this.#arriving.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#paused || this.#held || this.#closed || this.#line.silent) return
    const piece = this.#arriving.shift()
    if (piece === 'end') return this.close()
    if (piece !== undefined) this.#pass(piece)
    this.#schedule()
  }

  #pass(piece: Uint8Array): void {
    const { gate } = this.#line
    if (gate === undefined) return this.#hand(piece)
    const { now, rest, after } = gate.pass(piece, this.#name)
    if (rest.length > 0) this.#arriving.unshift(rest)
    if (now.length > 0) this.#hand(now)
    if (after === undefined) return
    if (after.effect === 'cut') return this.#line.cut(after.error)
    this.#held = true
    if (after.effect === 'delay')
      this.#delay = this.#line.clock.setTimeout(() => {
        this.#held = false
        this.#schedule()
      }, after.ms)
  }

  #hand(piece: Uint8Array): void {
    this.#arrivingBytes -= piece.length
    this.delivered += piece.length
    if (this.#line.lends) this.#lend(Buffer.from(piece))
    else this.onData(piece)
    ;(this.#peer as MemoryPipe).#drained(this.#arrivingBytes)
  }

  /** As a socket does it: Buffers, whose slice() is no copy. */
  #lend(piece: Buffer): void {
    this.onData(piece)
    piece.fill(0xa5)
  }

  #drained(left: number): void {
    if (!this.#full || left > this.#line.highWaterMark / 2) return
    this.#full = false
    this.onDrain()
  }
}
