/** How large the receive window of a busy channel should be: as large as the line needs, within a bound. */

import type { Clock } from './clock.ts'

/** A round counts when, for this part of it, its sender stood still for want of credit that was on its way. */
const idlePart = 0.2
/** The idle parts of rounds in a row that make a window grow. One alone may be a busy machine’s. */
const enough = 1.2
/** The most that a window grows by at once. */
const mostAtOnce = 8
const granularity = 65_536

/**
 * Watches the data of one channel for times in which it could have come, but for the window: the peer had used up its credit,
 * the application everything that had come, and the adjust was on its way. On a line with a long round trip that is most of
 * the time, and the window grows until it no longer is. It never is on a short line, nor with a slow application or source: there
 * a larger window would cost memory and bring nothing. (Peers that fill it cost themselves more, too: OpenSSH copies all that
 * waits for each piece that it adds.)
 */
export class WindowGrowth {
  readonly #clock: Clock
  readonly #most: number
  #size: number
  /** Received, and not consumed yet. */
  #waiting = 0
  #ranDry = false
  /** Since when nothing is there, the peer without credit; -1 while that is not so. */
  #idleSince = -1
  /** Of the present round, which is as many bytes as the window has. */
  #start = -1
  #bytes = 0
  #idle = 0
  /** Idle parts of the last rounds, each of which counted. */
  #evidence = 0

  /** `start` is the window's size at first, `most` where growth ends; bytes. */
  constructor(o: { readonly start: number; readonly most: number; readonly clock: Clock }) {
    this.#size = o.start
    this.#most = o.most
    this.#clock = o.clock
  }

  /** `bytes` came; `ranDry` as the mux says it. Gives the new size of the window when it is to grow. */
  received(bytes: number, ranDry: boolean): number | undefined {
    if (this.#size >= this.#most) return undefined
    if (this.#start < 0) this.#start = this.#clock.now()
    if (this.#idleSince >= 0) this.#idle += this.#clock.now() - this.#idleSince
    this.#idleSince = -1
    const window = this.#bytes < this.#size ? undefined : this.#judge()
    this.#ranDry = ranDry
    this.#waiting += bytes
    this.#bytes += bytes
    return window
  }

  /** The application used `bytes` up. */
  consumed(bytes: number): void {
    if (this.#size >= this.#most) return
    this.#waiting -= bytes
    if (this.#ranDry && this.#waiting === 0 && this.#idleSince < 0) this.#idleSince = this.#clock.now()
  }

  #judge(): number | undefined {
    const now = this.#clock.now()
    const part = this.#idle / (now - this.#start)
    this.#start = now
    this.#bytes = 0
    this.#idle = 0
    this.#evidence = part > idlePart ? this.#evidence + part : 0
    if (this.#evidence < enough) return undefined
    this.#evidence = 0
    const factor = Math.min(mostAtOnce, 1 / (1 - part))
    const size = Math.ceil((this.#size * factor) / granularity) * granularity
    this.#size = Math.min(size, this.#most)
    return this.#size
  }
}
