/** The time that a session goes by: the system's, or one that a test moves by hand. */

/** Milliseconds throughout. */
export interface Clock {
  /** From any start; never goes back. */
  now(): number
  /** Calls `callback` once, later; what it gives back is for `clearTimeout`. */
  setTimeout(callback: () => void, milliseconds: number): unknown
  /** Forgets a call that has not been made. Undefined, or one that was made, is nothing. */
  clearTimeout(timer: unknown): void
}

export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  setTimeout: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
  clearTimeout: (timer: unknown) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
})

/** A timer that alone does not keep the process alive, where the runtime has such timers. */
export function idle(timer: unknown): void {
  ;(timer as { unref?: () => void } | undefined)?.unref?.()
}
