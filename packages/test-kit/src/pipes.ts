/** Two ends of a byte pipe in memory, with cuts, silence, slow readers and any fragmentation by hand. */

import { type Chunking, whole } from './pair.ts'

export interface MemoryPipeOptions {
  /** How each write arrives. Default: as it was written. */
  readonly chunking?: Chunking
  /** Sees, and may replace, each write; undefined loses it. `to` is the receiving end. */
  readonly tamper?: (bytes: Uint8Array, to: 'a' | 'b') => Uint8Array | undefined
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
  }
  const a = new MemoryPipe('a', line)
  const b = new MemoryPipe('b', line)
  MemoryPipe.join(a, b)
  return {
    a,
    b,
    cut(error) {
      a.close(error)
      b.close(error)
    },
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
    if (this.#scheduled || this.#paused || this.#closed || this.#arriving.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#paused || this.#closed || this.#line.silent) return
    const piece = this.#arriving.shift()
    if (piece === 'end') return this.close()
    if (piece !== undefined) {
      this.#arrivingBytes -= piece.length
      this.delivered += piece.length
      if (this.#line.lends) this.#lend(Buffer.from(piece))
      else this.onData(piece)
      ;(this.#peer as MemoryPipe).#drained(this.#arrivingBytes)
    }
    this.#schedule()
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
