/** Arithmetic of sntrup761 in Z/q[x]/(x^p - x - 1) and modulo 3, on coefficients around zero, in constant time. */

import type { Backend } from '../backend.ts'

export const p = 761
export const q = 4591
/** Coefficients of a short polynomial that are not 0. */
export const weight = 286

/** `value` modulo q, from -2295 to 2295, for |value| up to 2^24: a quotient by multiplication, once roughly, once exactly. */
export function centred(value: number): number {
  const rough = value - q * ((57 * value) >> 18)
  return rough - q * ((29_235 * rough + 67_108_864) >> 27)
}

/** `value` modulo 3, from -1 to 1, for |value| up to 2^13. */
export function centredMod3(value: number): number {
  return value - 3 * ((10_923 * value + 16_384) >> 15)
}

/** a · b modulo q, for coefficients of b from -1 to 1. */
export function multiplySmall(a: Int32Array, b: Int32Array): Int32Array {
  return reduceProduct(product(a, b), centred)
}

/** a · b modulo 3. */
export function multiplySmallMod3(a: Int32Array, b: Int32Array): Int32Array {
  return reduceProduct(product(a, b), centredMod3)
}

/** Sums stay below 761 · 2295 in size: nothing has to be reduced on the way. */
function product(a: Int32Array, b: Int32Array): Int32Array {
  const sums = new Int32Array(2 * p - 1)
  for (let i = 0; i < p; i++) {
    const factor = b[i] as number
    for (let j = 0; j < p; j++) sums[i + j] = (sums[i + j] as number) + factor * (a[j] as number)
  }
  return sums
}

/** By x^p = x + 1: what stands at p + i goes to i and i + 1. */
function reduceProduct(sums: Int32Array, reduce: (value: number) => number): Int32Array {
  for (let at = 2 * p - 2; at >= p; at--) {
    const value = sums[at] as number
    sums[at - p] = (sums[at - p] as number) + value
    sums[at - p + 1] = (sums[at - p + 1] as number) + value
  }
  const result = new Int32Array(p)
  for (let at = 0; at < p; at++) result[at] = reduce(sums[at] as number)
  sums.fill(0)
  return result
}

/** Each coefficient to the next multiple of 3. */
export function rounded(a: Int32Array): Int32Array {
  return a.map((value) => value - centredMod3(value))
}

/** 3a modulo q, then modulo 3. */
export function triplesMod3(a: Int32Array): Int32Array {
  return a.map((value) => centredMod3(centred(3 * value)))
}

/** Every coefficient by chance from -1 to 1. */
export function randomSmall(backend: Backend): Int32Array {
  return randomWords(backend).map((word) => (Math.imul(word & 0x3fffffff, 3) >>> 30) - 1)
}

/** Exactly `weight` coefficients of -1 or 1 at places by chance: the places are shuffled by sorting random numbers. */
export function randomShort(backend: Backend): Int32Array {
  const words = randomWords(backend)
  for (let at = 0; at < p; at++) {
    const word = words[at] as number
    words[at] = at < weight ? word & ~1 : (word & ~2) | 1
  }
  sort(words)
  return words.map((word) => (word & 3) - 1)
}

function randomWords(backend: Backend): Int32Array {
  const bytes = backend.random(4 * p)
  const words = new Int32Array(p)
  for (let at = 0; at < p; at++)
    words[at] =
      (bytes[4 * at] as number) |
      ((bytes[4 * at + 1] as number) << 8) |
      ((bytes[4 * at + 2] as number) << 16) |
      ((bytes[4 * at + 3] as number) << 24)
  bytes.fill(0)
  return words
}

/** As unsigned numbers, by a network of comparisons (Batcher's odd-even merge exchange, Knuth 5.2.2 M), whose places do not depend on the numbers. */
function sort(words: Int32Array): void {
  const n = words.length
  for (let at = 0; at < n; at++) words[at] = (words[at] as number) ^ 0x80000000
  const top = 2 ** Math.floor(Math.log2(n - 1))
  for (let step = top; step > 0; step >>= 1) {
    let from = top
    let remainder = 0
    let distance = step
    for (;;) {
      for (let at = 0; at < n - distance; at++)
        if ((at & step) === remainder) exchange(words, at, at + distance)
      if (from === step) break
      distance = from - step
      from >>= 1
      remainder = step
    }
  }
  for (let at = 0; at < n; at++) words[at] = (words[at] as number) ^ 0x80000000
}

function exchange(words: Int32Array, low: number, high: number): void {
  const a = words[low] as number
  const b = words[high] as number
  // The sign of b - a, with the overflow taken out.
  const difference = (b - a) | 0
  const less = (difference ^ ((b ^ a) & (b ^ difference))) >> 31
  const swap = (a ^ b) & less
  words[low] = a ^ swap
  words[high] = b ^ swap
}
