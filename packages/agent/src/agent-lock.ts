/** The passphrase that an agent is locked with, and how often it may be guessed. */

import { equal, erase, UsageError } from '@hawser/wire'
import type { Clock } from './clock.ts'

/** By how much each wrong passphrase in a row makes the next answer later, and by how much at most; milliseconds. */
const delay = { step: 100, most: 10_000 } as const

/** Tries that wait for their turn. */
const mostWaiting = 8

export class AgentLock {
  readonly #clock: Clock
  #passphrase: Uint8Array | undefined
  #wrong = 0
  #waiting = 0
  #turn: Promise<void> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get locked(): boolean {
    return this.#passphrase !== undefined
  }

  /** Throws UsageError when it is locked already. */
  lock(passphrase: Uint8Array): void {
    if (this.locked) throw new UsageError('this agent is locked already')
    this.#passphrase = passphrase.slice()
    this.#wrong = 0
  }

  /**
   * Tries come one after the other, from all clients, and a wrong one holds up its answer and those behind it, each time for longer.
   * Nothing else waits. Rejects with UsageError.
   */
  async unlock(passphrase: Uint8Array): Promise<void> {
    if (this.#waiting >= mostWaiting) throw new UsageError('too many tries to unlock this agent at once')
    this.#waiting++
    const before = this.#turn
    let finish = (): void => undefined
    this.#turn = new Promise((resolve) => {
      finish = resolve
    })
    try {
      await before
      await this.#attempt(passphrase)
    } finally {
      this.#waiting--
      finish()
    }
  }

  async #attempt(passphrase: Uint8Array): Promise<void> {
    if (this.#passphrase === undefined) throw new UsageError('this agent is not locked')
    if (equal(this.#passphrase, passphrase)) {
      erase(this.#passphrase)
      this.#passphrase = undefined
      return
    }
    this.#wrong++
    await new Promise<void>((resolve) => {
      this.#clock.after(Math.min(this.#wrong * delay.step, delay.most), resolve)
    })
    throw new UsageError('the passphrase is not the one of the lock')
  }
}
