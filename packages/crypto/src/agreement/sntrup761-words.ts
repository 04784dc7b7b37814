/**
 * Lists of p numbers below one bound as bytes (NTRU Prime round 3 specification, §3.4): pairs become one number, which gives away
 * its low bytes while it is large, until one is left.
 */

import { p } from './sntrup761-ring.ts'

const limit = 16_384

/** One round of pairing, which depends on the bound only. */
interface Level {
  /** The bounds of the numbers that come in. */
  readonly bounds: readonly number[]
  /** Of each pair, how many low bytes it gives away. */
  readonly bytes: readonly number[]
}

/** The rounds for `count` numbers below `bound`, and the bound of the number that is left. */
function levelsFor(bound: number): { readonly levels: readonly Level[]; readonly last: number } {
  const levels: Level[] = []
  let bounds: readonly number[] = Array.from({ length: p }, () => bound)
  while (bounds.length > 1) {
    const next: number[] = []
    const bytes: number[] = []
    for (let at = 0; at + 1 < bounds.length; at += 2) {
      let product = (bounds[at] as number) * (bounds[at + 1] as number)
      let given = 0
      for (; product >= limit; given++) product = (product + 255) >>> 8
      next.push(product)
      bytes.push(given)
    }
    if (bounds.length % 2 === 1) next.push(bounds.at(-1) as number)
    levels.push({ bounds, bytes })
    bounds = next
  }
  return { levels, last: bounds[0] as number }
}

const known = new Map<number, ReturnType<typeof levelsFor>>()

function planOf(bound: number): ReturnType<typeof levelsFor> {
  const plan = known.get(bound) ?? levelsFor(bound)
  known.set(bound, plan)
  return plan
}

/** `words`, each from 0 to `bound` - 1, as bytes. */
export function encodeWords(words: Int32Array, bound: number): Uint8Array {
  const { levels, last } = planOf(bound)
  const out: number[] = []
  let numbers = words
  for (const { bounds, bytes } of levels) {
    const next = new Int32Array((numbers.length + 1) >> 1)
    for (const [pair, given] of bytes.entries()) {
      let value =
        (numbers[2 * pair] as number) + (numbers[2 * pair + 1] as number) * (bounds[2 * pair] as number)
      for (let count = 0; count < given; count++) {
        out.push(value & 255)
        value >>>= 8
      }
      next[pair] = value
    }
    if (numbers.length % 2 === 1) next[next.length - 1] = numbers[numbers.length - 1] as number
    numbers = next
  }
  let value = numbers[0] as number
  for (let bound = last; bound > 1; bound = (bound + 255) >>> 8) {
    out.push(value & 255)
    value >>>= 8
  }
  return Uint8Array.from(out)
}

/** The numbers in `bytes`; of the length that {@link encodeWords} gives. What no numbers give is taken modulo the bounds. Public values only. */
export function decodeWords(bytes: Uint8Array, bound: number): Int32Array {
  const { levels, last } = planOf(bound)
  // The bytes of each level lie behind those of the one before, and the last number's behind all.
  const starts: number[] = []
  let at = 0
  for (const { bytes: given } of levels) {
    starts.push(at)
    at += given.reduce((sum, count) => sum + count, 0)
  }
  let value = 0
  for (let rest = last, shift = 0; rest > 1; rest = (rest + 255) >>> 8, shift += 8)
    value += (bytes[at++] as number) << shift
  let numbers = Int32Array.of(value % last)
  for (let level = levels.length - 1; level >= 0; level--) {
    const { bounds, bytes: given } = levels[level] as Level
    const next = new Int32Array(bounds.length)
    let from = starts[level] as number
    for (const [pair, count] of given.entries()) {
      let low = 0
      for (let index = 0; index < count; index++) low += (bytes[from++] as number) << (8 * index)
      const whole = low + (numbers[pair] as number) * 2 ** (8 * count)
      const first = bounds[2 * pair] as number
      next[2 * pair] = whole % first
      next[2 * pair + 1] = Math.floor(whole / first) % (bounds[2 * pair + 1] as number)
    }
    if (bounds.length % 2 === 1) next[next.length - 1] = numbers[numbers.length - 1] as number
    numbers = next
  }
  return numbers
}
