/**
 * Inverses of polynomials modulo x^p - x - 1 by division steps (Bernstein and Yang, "Fast constant-time gcd computation and
 * modular inversion", 2019, §6): always 2p - 1 of them, each doing the same whatever the coefficients are.
 */

import { centred, centredMod3, p, q } from './sntrup761-ring.ts'

const steps = 2 * p - 1
const { imul } = Math

/**
 * How `centred` and `centredMod3` reduce, as numbers: a function that is passed in would be called, not inlined, millions of times.
 * A rough quotient by `rough / 2^roughShift`, then an exact one by `(exact · value + half) / 2^exactShift`.
 */
interface Modulus {
  readonly modulus: number
  readonly rough: number
  readonly roughShift: number
  readonly exact: number
  readonly half: number
  readonly exactShift: number
}

const moduloQ: Modulus = {
  modulus: q,
  rough: 57,
  roughShift: 18,
  exact: 29_235,
  half: 67_108_864,
  exactShift: 27,
}
/** Values are between -2 and 2 here: one quotient is enough. */
const modulo3: Modulus = {
  modulus: 3,
  rough: 0,
  roughShift: 0,
  exact: 10_923,
  half: 16_384,
  exactShift: 15,
}

/** 1 / a modulo 3; undefined when there is none. */
export function inverseMod3(a: Int32Array): Int32Array | undefined {
  const { last, quotient, found } = divide(a, 1, modulo3)
  return found ? quotient.map((value) => centredMod3(last * value)) : undefined
}

/** 1 / (3a) modulo q; a is short and so not 0. */
export function inverseOfTriple(a: Int32Array): Int32Array {
  const { last, quotient } = divide(a, reciprocal(3), moduloQ)
  const scale = reciprocal(last)
  return quotient.map((value) => centred(scale * value))
}

/** `scale` · `last` / a, its lowest coefficient first. */
function divide(
  a: Int32Array,
  scale: number,
  modulus: Modulus,
): { readonly last: number; readonly quotient: Int32Array; readonly found: boolean } {
  // Both polynomials with their highest coefficients first.
  const f = new Int32Array(p + 2)
  f[0] = 1
  f[p - 1] = -1
  f[p] = -1
  const g = new Int32Array(p + 2)
  for (let at = 0; at < p; at++) g[p - 1 - at] = a[at] as number
  const v = new Int32Array(p + 2)
  const r = new Int32Array(p + 2)
  r[0] = scale
  let delta = 1
  for (let step = 0; step < steps; step++) {
    v.copyWithin(1, 0, p)
    v[0] = 0
    const first = g[0] as number
    // All ones when delta is above 0 and g has something to divide by.
    const swap = (-delta >> 31) & ((first | -first) >> 31)
    delta = (delta ^ (swap & (delta ^ -delta))) + 1
    const exchanged: number = ((f[0] as number) ^ first) & swap
    const f0: number = (f[0] as number) ^ exchanged
    const g0 = first ^ exchanged
    f[0] = f0
    // What later steps look at gets shorter, and what has been filled longer, by one a step.
    const alive = Math.min(p, steps - step)
    combine(f, g, 1, alive, swap, f0, g0, modulus)
    g[alive] = 0
    combine(v, r, 0, Math.min(p, step + 1) + 1, swap, f0, g0, modulus)
  }
  const last = f[0] as number
  const quotient = new Int32Array(p)
  for (let at = 0; at < p; at++) quotient[at] = v[p - 1 - at] as number
  for (const used of [f, g, v, r]) used.fill(0)
  return { last, quotient, found: delta === 0 }
}

/** Exchanges `f` and `g` where `swap` is all ones; then g = f0 · g - g0 · f, by `shift` places further to the front. */
function combine(
  f: Int32Array,
  g: Int32Array,
  shift: 0 | 1,
  count: number,
  swap: number,
  f0: number,
  g0: number,
  { modulus, rough, roughShift, exact, half, exactShift }: Modulus,
): void {
  for (let at = 0; at < count; at++) {
    const mine = f[at + shift] as number
    const other = g[at + shift] as number
    const exchanged = (mine ^ other) & swap
    const kept = mine ^ exchanged
    f[at + shift] = kept
    const value = (imul(f0, other ^ exchanged) - imul(g0, kept)) | 0
    const closer = (value - imul(modulus, imul(rough, value) >> roughShift)) | 0
    g[at] = closer - imul(modulus, (imul(exact, closer) + half) >> exactShift)
  }
}

/** 1 / value modulo q, as value^(q - 2). */
function reciprocal(value: number): number {
  let result = value
  for (let times = 1; times < q - 2; times++) result = centred(result * value)
  return result
}
