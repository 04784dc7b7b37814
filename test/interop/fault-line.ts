/** A line in memory that breaks at a given byte, between two Node streams, and a clock that is turned by hand. */

import { Duplex } from 'node:stream'
import type { Rng } from '@hawser/test-kit'

/** What goes wrong; the last four only make the line odd. */
export const lineFaults = ['end', 'reset', 'half', 'silence', 'none', 'bytes', 'random', 'delays'] as const
export type LineFault = (typeof lineFaults)[number]

/** Whether the connection cannot live on after `fault`. */
export function breaks(fault: LineFault): boolean {
  return fault === 'end' || fault === 'reset' || fault === 'half' || fault === 'silence'
}

export type Side = 'client' | 'server'

export interface LineFaultOptions {
  readonly fault: LineFault
  /** Whose input breaks, and after how many bytes of it. */
  readonly toward: Side
  readonly at: number
  readonly rng: Rng
  readonly clock: HandClock
}

/** Both ends of one line. */
export class FaultyLine {
  readonly client: LineEnd
  readonly server: LineEnd
  /** Grows with whatever moves. */
  activity = 0
  /** When the fault struck, by the clock; undefined before. */
  brokenAt: number | undefined
  readonly #o: LineFaultOptions
  #silent = false
  #delayed = Promise.resolve()

  constructor(o: LineFaultOptions) {
    this.#o = o
    this.client = new LineEnd(this, 'client')
    this.server = new LineEnd(this, 'server')
    if (o.at === 0 && breaks(o.fault)) setImmediate(() => this.#break())
  }

  other(side: Side): LineEnd {
    return side === 'client' ? this.server : this.client
  }

  /** Brings `bytes` to the other end, then calls `done`; a silent line never does. */
  carry(from: Side, bytes: Buffer, done: (error?: Error | null) => void): void {
    if (this.#silent) return
    const { fault, rng, clock } = this.#o
    const deliver = (): void => {
      this.activity++
      for (const piece of pieces(Buffer.from(bytes), fault, rng)) this.#deliver(this.other(from), piece)
      if (!this.#silent) done(this.other(from).destroyed ? brokenPipe() : null)
    }
    if (fault !== 'delays') return void setImmediate(deliver)
    this.#delayed = this.#delayed.then(
      () =>
        new Promise((resolve) => {
          clock.later(rng.below(400), () => {
            deliver()
            resolve()
          })
        }),
    )
  }

  /** The end of one side's output, behind everything that it has written. */
  finish(from: Side): void {
    if (!this.#silent) this.other(from).ended()
  }

  #deliver(to: LineEnd, piece: Buffer): void {
    const { fault, toward, at } = this.#o
    const due = breaks(fault) && this.brokenAt === undefined && to.side === toward
    if (due && to.received + piece.length >= at) {
      to.arrive(piece.subarray(0, at - to.received))
      this.#break()
    } else if (!this.#silent) to.arrive(piece)
  }

  #break(): void {
    const { fault, toward, clock } = this.#o
    this.activity++
    this.brokenAt = clock.now
    if (fault === 'silence') this.#silent = true
    else if (fault === 'half') this[toward].ended()
    else
      for (const end of [this[toward], this.other(toward)])
        if (fault === 'end') end.ended()
        else end.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  }
}

/** One end; what programs get as their socket. */
export class LineEnd extends Duplex {
  readonly side: Side
  received = 0
  readonly #line: FaultyLine
  #ended = false

  constructor(line: FaultyLine, side: Side) {
    super({ allowHalfOpen: true })
    this.#line = line
    this.side = side
  }

  arrive(bytes: Buffer): void {
    if (this.#ended || this.destroyed) return
    this.received += bytes.length
    this.push(bytes)
  }

  /** The other side has ended. */
  ended(): void {
    this.#line.activity++
    if (this.#ended || this.destroyed) return
    this.#ended = true
    this.push(null)
  }

  override _read(): void {
    this.#line.activity++
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#line.carry(this.side, bytes, done)
  }

  override _final(done: () => void): void {
    this.#line.finish(this.side)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    setImmediate(() => this.#line.finish(this.side))
    done(error)
  }
}

/** Timers and dates of this process, moved by hand: what took minutes takes none, and each timer that is left can be counted. */
export class HandClock {
  now = 1_700_000_000_000
  readonly #due = new Map<object, { readonly at: number; readonly run: () => void; readonly ours: boolean }>()
  readonly #real = { setTimeout, clearTimeout, dateNow: Date.now }

  /** Takes the place of the process's own until `restore`. */
  install(): void {
    const set = (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): object =>
      this.#add(Number(ms), () => run(...given), false)
    Object.assign(globalThis, {
      setTimeout: set,
      clearTimeout: (timer: object) => void this.#due.delete(timer),
    })
    Date.now = () => this.now
  }

  restore(): void {
    const { dateNow, ...timers } = this.#real
    Object.assign(globalThis, timers)
    Date.now = dateNow
  }

  /** A timer of the test's own, which is not counted. */
  later(ms: number, run: () => void): void {
    this.#add(ms, run, true)
  }

  /** How many timers the code under test has left. */
  get left(): number {
    return [...this.#due.values()].filter(({ ours }) => !ours).length
  }

  /** Goes on to the next timer and runs it; false when there is none. */
  advance(): boolean {
    let next: [object, { readonly at: number; readonly run: () => void }] | undefined
    for (const entry of this.#due) if (next === undefined || entry[1].at < next[1].at) next = entry
    if (next === undefined) return false
    this.#due.delete(next[0])
    this.now = Math.max(this.now, next[1].at)
    next[1].run()
    return true
  }

  #add(ms: number, run: () => void, ours: boolean): object {
    const timer = { unref: () => timer, ref: () => timer, hasRef: () => true }
    this.#due.set(timer, { at: this.now + Math.max(1, ms), run, ours })
    return timer
  }
}

function* pieces(bytes: Buffer, fault: LineFault, rng: Rng): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = fault === 'bytes' ? 1 : fault === 'random' ? rng.between(1, 700) : bytes.length
    yield bytes.subarray(at, at + size)
    at += size
  }
}

function brokenPipe(): Error {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
}
