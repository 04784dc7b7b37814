/** Time that stands still until a test moves it. */

import type { Clock } from '@hawser/session'
import { UsageError } from '@hawser/wire'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** For the option `clock` of clients, servers and pairs: their timeouts, keepalives and waits happen when `advance` says so. */
export class HandClock implements Clock {
  #now = 0
  readonly #timers = new Set<Timer>()

  /** Milliseconds since it was made. */
  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer = { at: this.#now + Math.max(0, milliseconds), callback }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Moves time on. Each timer that comes due is called at its own time, in order, and what follows from it is waited for: promises, and
   * whatever travels through pipes in memory. Throws {@link UsageError} for a number that is none, or negative.
   */
  async advance(milliseconds: number): Promise<void> {
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds)))
      throw new UsageError(`advance: ${milliseconds} is not a number of milliseconds from 0 up`)
    const until = this.#now + milliseconds
    await settled()
    for (let timer = this.#next(until); timer !== undefined; timer = this.#next(until)) {
      this.#timers.delete(timer)
      this.#now = timer.at
      timer.callback()
      await settled()
    }
    this.#now = until
  }

  /** The first timer until then; of those of one moment the one that was set first. */
  #next(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers)
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer
    return first
  }
}

/** Web streams and promises take microtasks, of which a turn of the event loop runs all that there are. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
