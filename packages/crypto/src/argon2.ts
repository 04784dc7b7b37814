/** Argon2 (RFC 9106) by noble, for every runtime whose own crypto has none: all but Node 24.7 and up. */

import { argon2d, argon2i, argon2id } from '@noble/hashes/argon2.js'
import type { Argon2Cost } from './backend.ts'

/** `length` bytes; some 5 ms for each MiB and pass. Throws RangeError for costs, salts and lengths that there are none of. */
export function argon2(
  password: Uint8Array,
  salt: Uint8Array,
  { variant, memory, passes, parallelism }: Argon2Cost,
  length: number,
): Uint8Array {
  try {
    // Here, not beside the imports: noble is loaded when it is needed.
    return { argon2d, argon2i, argon2id }[variant](password, salt, {
      t: passes,
      m: memory,
      p: parallelism,
      dkLen: length,
      // Its own bound on memory is out of the way: the caller's holds.
      maxmem: 0xffffffff,
    })
  } catch (cause) {
    throw new RangeError('argon2: there is no such cost, length of salt or length', { cause })
  }
}
