/** Ways of cutting bytes into the pieces in which the other side receives them. */

import type { Rng } from './rng.ts'

export type Chunking = (bytes: Uint8Array) => readonly Uint8Array[]

/** As it came; the only right choice for machines whose outputs are messages, not a stream. */
export const whole: Chunking = (bytes) => [bytes]

export const byteAtATime: Chunking = (bytes) => pieces(bytes, () => 1)

/** Pieces of 1 to `most` bytes. */
export function randomChunks(rng: Rng, most = 64): Chunking {
  return (bytes) => pieces(bytes, () => rng.between(1, most))
}

function pieces(bytes: Uint8Array, size: () => number): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + size())
    list.push(bytes.slice(at, end))
    at = end
  }
  return list
}
