/**
 * Inverses of polynomials modulo x^p - x - 1 by division steps (Bernstein and Yang, "Fast constant-time gcd computation and
 * modular inversion", 2019, §6): always 2p - 1 of them, each doing the same whatever the coefficients are.
 */

import { centred, centredMod3, p, q } from './sntrup761-ring.ts'

const steps = 2 * p - 1

/** 1 / a modulo 3; undefined when there is none. */
export function inverseMod3(a: Int32Array): Int32Array | undefined {
  const { inverse, found } = divide(a, 1, centredMod3, (value) => value)
  return found ? inverse : undefined
}

/** 1 / (3a) modulo q; a is short and so not 0. */
export function inverseOfTriple(a: Int32Array): Int32Array {
  return divide(a, reciprocal(3), centred, reciprocal).inverse
}

function divide(
  a: Int32Array,
  scale: number,
  reduce: (value: number) => number,
  invert: (value: number) => number,
): { readonly inverse: Int32Array; readonly found: boolean } {
  // Both polynomials with their highest coefficients first.
  const f = new Int32Array(p + 1)
  f[0] = 1
  f[p - 1] = -1
  f[p] = -1
  const g = new Int32Array(p + 1)
  for (let at = 0; at < p; at++) g[p - 1 - at] = a[at] as number
  const v = new Int32Array(p + 1)
  const r = new Int32Array(p + 1)
  r[0] = scale
  let delta = 1
  for (let step = 0; step < steps; step++) {
    v.copyWithin(1, 0, p)
    v[0] = 0
    const first = g[0] as number
    // All ones when delta is above 0 and g has something to divide by.
    const swap = (-delta >> 31) & ((first | -first) >> 31)
    delta = (delta ^ (swap & (delta ^ -delta))) + 1
    // What later steps look at gets shorter, and what has been filled longer, by one a step.
    const alive = Math.min(p, steps - step)
    const filled = Math.min(p, step + 1)
    exchange(f, g, swap, alive)
    exchange(v, r, swap, filled)
    const f0 = f[0] as number
    const g0 = g[0] as number
    for (let at = 0; at < alive; at++) g[at] = reduce(f0 * (g[at + 1] as number) - g0 * (f[at + 1] as number))
    g[alive] = 0
    for (let at = 0; at <= filled; at++) r[at] = reduce(f0 * (r[at] as number) - g0 * (v[at] as number))
  }
  const last = invert(f[0] as number)
  const inverse = new Int32Array(p)
  for (let at = 0; at < p; at++) inverse[at] = reduce(last * (v[p - 1 - at] as number))
  for (const used of [f, g, v, r]) used.fill(0)
  return { inverse, found: delta === 0 }
}

function exchange(a: Int32Array, b: Int32Array, mask: number, last: number): void {
  for (let at = 0; at <= last; at++) {
    const swap = ((a[at] as number) ^ (b[at] as number)) & mask
    a[at] = (a[at] as number) ^ swap
    b[at] = (b[at] as number) ^ swap
  }
}

/** 1 / value modulo q, as value^(q - 2). */
function reciprocal(value: number): number {
  let result = value
  for (let times = 1; times < q - 2; times++) result = centred(result * value)
  return result
}
