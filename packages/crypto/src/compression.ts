/** The compressions by their SSH names (RFC 4253 §6.2). */

import type { CompressionAlgorithm } from './algorithm.ts'

/** In order of preference; a new one is a row here. */
export const compressions: readonly CompressionAlgorithm[] = Object.freeze([
  Object.freeze({ name: 'none', delayed: false }),
])
