/** Lets many connections that log in share one thread with those that have: what their key exchanges compute is spread over turns. */

/** What runs now or later. */
export interface TurnsOptions {
  /** Milliseconds of one turn that may go to what waits here. */
  readonly budgetMs: number
  /** Milliseconds from any start. */
  readonly now: () => number
  /** Calls `next` once, after what else is due has had its turn. */
  readonly later: (next: () => void) => void
}

/**
 * Work that is small by itself and arrives in bursts: hundreds of clients that connect at once, a millisecond of public-key work
 * each. It runs at once as long as this turn has time for it, then first come, first served, some of it in each turn, so that
 * connections which are in use wait for one turn's share and not for the burst.
 */
export class Turns {
  readonly #o: TurnsOptions
  #waiting: (() => void)[] = []
  #spent = 0
  #scheduled = false

  constructor(o: TurnsOptions) {
    this.#o = o
  }

  /** How much waits. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs `work`, now or in a later turn. */
  take(work: () => void): void {
    this.#schedule()
    if (this.#waiting.length > 0 || this.#spent >= this.#o.budgetMs) this.#waiting.push(work)
    else this.#run(work)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#o.later(() => this.#next())
  }

  #next(): void {
    this.#scheduled = false
    this.#spent = 0
    if (this.#waiting.length === 0) return
    // Before anything runs: what throws leaves the others their turn.
    this.#schedule()
    const due = this.#waiting
    let taken = 0
    try {
      while (taken < due.length && this.#spent < this.#o.budgetMs) this.#run(due[taken++] as () => void)
    } finally {
      this.#waiting = due.slice(taken)
    }
  }

  #run(work: () => void): void {
    const start = this.#o.now()
    try {
      work()
    } finally {
      this.#spent += this.#o.now() - start
    }
  }
}
