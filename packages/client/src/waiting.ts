/** Patience: calls that give up when their caller does, or after some time. */

import { type Clock, ConnectionError } from '@hawser/session'
import { UsageError } from '@hawser/wire'

/** How long a call waits. */
export interface CallOptions {
  /** Gives up; the promise rejects with code `SSH_ABORTED`. */
  readonly signal?: AbortSignal
  /** Gives up after so many milliseconds; the promise rejects with code `SSH_TIMEOUT`. Default: no limit. */
  readonly timeoutMs?: number
}

/** Runs `run` within the patience of `options`, by `time`. `doing` completes "timed out after 5 ms while …". */
export async function within<T>(
  time: Clock,
  doing: string,
  { signal, timeoutMs }: CallOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return run(signal)
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 0x7fffffff)
    throw new UsageError(`timeoutMs is ${timeoutMs}; it must be a whole number from 1 to 2147483647`)
  const clock = new AbortController()
  const timeout = new ConnectionError(
    'SSH_TIMEOUT',
    'ready',
    `timed out after ${timeoutMs} ms while ${doing}`,
  )
  const timer = time.setTimeout(() => clock.abort(timeout), timeoutMs)
  try {
    return await run(signal === undefined ? clock.signal : AbortSignal.any([signal, clock.signal]))
  } catch (error) {
    if (clock.signal.aborted && signal?.aborted !== true) throw timeout
    throw error
  } finally {
    time.clearTimeout(timer)
  }
}

/** `promise`, unless `signal` aborts first; `late` then gets what it resolves with. */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  late: (value: T) => void = () => undefined,
): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    let over = false
    const abort = (): void => {
      over = true
      reject(new ConnectionError('SSH_ABORTED', 'ready', 'aborted by the caller', { cause: signal.reason }))
    }
    const settled = (): void => signal.removeEventListener('abort', abort)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(
      (value) => {
        settled()
        if (over) late(value)
        else resolve(value)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
  })
}
