/** What several tests of this package need. */

import { createProvider, defaultProvider } from '@hawser/crypto'
import { backend as noble } from '@hawser/crypto/noble'
import { KeyError, type KeyErrorCode } from '../errors.ts'

/** Every test that computes runs over both. */
export const providers = [
  ['the default backend', defaultProvider],
  ['noble', createProvider(noble)],
] as const

/** The code of the KeyError that `run` throws; anything else that it throws goes on; undefined when it does not throw. */
export function codeOf(run: () => unknown): KeyErrorCode | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof KeyError) return error.code
    throw error
  }
}

/** Numbers from 0 up to, not including, a limit; the same for the same seed (mulberry32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}
