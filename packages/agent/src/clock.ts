/** The time, for what is forgotten or given up after a while. */

export interface Clock {
  /** Milliseconds since the start of 1970. */
  now(): number
  /** Calls `run` once, `ms` milliseconds from now, 2^31 - 1 at most; gives what calls it off. A program that is done does not wait for it. */
  after(ms: number, run: () => void): () => void
}

/** The time of this computer. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer: { unref?(): unknown } | number = setTimeout(run, ms)
    if (typeof timer === 'object') timer.unref?.()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}
