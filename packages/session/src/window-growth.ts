/** How large the receive window of a busy channel should be: as large as makes it faster, within a bound. */

/** How much faster a window's worth must come for the last doubling to have been worth its memory. */
const worthwhile = 1.25

/**
 * Watches what the application consumes of one channel. A round is as many bytes as the window has; the window is doubled after the
 * first, and then as long as the rounds become faster by it: a window that is smaller than the line holds takes a round trip for each
 * round, whatever its size. An application that consumes slowly, or a line that is full, ends the growth.
 */
export class WindowGrowth {
  readonly #most: number
  #size: number
  #best = 0
  #bytes = 0
  #start = -1
  #settled = false

  /** `size` is the window's at first, `most` where growth ends; bytes. */
  constructor(size: number, most: number) {
    this.#size = size
    this.#most = most
  }

  /** `bytes` were consumed at `now`, in milliseconds. Gives the new size of the window when it is to grow. */
  consumed(bytes: number, now: number): number | undefined {
    if (this.#settled || this.#size >= this.#most) return undefined
    if (this.#start < 0) {
      this.#start = now
      return undefined
    }
    this.#bytes += bytes
    if (this.#bytes < this.#size) return undefined
    const rate = this.#bytes / Math.max(0.01, now - this.#start)
    this.#bytes = 0
    this.#start = now
    if (rate < this.#best * worthwhile) {
      this.#settled = true
      return undefined
    }
    this.#best = rate
    this.#size = Math.min(this.#size * 2, this.#most)
    return this.#size
  }
}
