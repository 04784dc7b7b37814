/** The groups of finite-field key exchange: the known ones (RFC 3526), how a server picks one, how a client checks one. */

import { bigintToBytes, bytesToBigint, equal } from '@hawser/wire'
import type { ModpGroup } from '../algorithm.ts'
import type { Backend } from '../backend.ts'
import { AgreementError } from '../errors.ts'

/** Sizes in bits for `diffie-hellman-group-exchange-*` (RFC 8270 §3: 2048 at least; RFC 4419 §3: 8192 at most). */
export const groupExchangeBits = { least: 2048, preferred: 4096, most: 8192 } as const

export type ModpBits = 2048 | 3072 | 4096 | 6144 | 8192

/** With the group that is only there for `diffie-hellman-group1-sha1`, the second Oakley group of RFC 2409 §6.2. */
export type KnownBits = ModpBits | 1024

/** What is added to the digits of pi, so that p and (p - 1) / 2 are prime (RFC 3526 §3 to §7). */
const offsets: ReadonlyMap<ModpBits, bigint> = new Map([
  [2048, 124_476n],
  [3072, 1_690_314n],
  [4096, 240_904n],
  [6144, 929_484n],
  [8192, 4_743_158n],
])

const oakley2Offset = 129_093n

const computed = new Map<KnownBits, ModpGroup>()

/** The group of RFC 3526 with `bits` bits: 2048 is its group 14, 3072 group 15, and on to 8192, group 18. Computed once, on first use. */
export function modpGroup(bits: ModpBits): ModpGroup {
  return knownGroup(bits)
}

/** {@link modpGroup}, and the one that is too small for anything but old devices. */
export function knownGroup(bits: KnownBits): ModpGroup {
  const known = computed.get(bits)
  if (known !== undefined) return known
  const n = BigInt(bits)
  const offset = bits === 1024 ? oakley2Offset : (offsets.get(bits) as bigint)
  // p = 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset)
  const prime = (1n << n) - (1n << (n - 64n)) - 1n + ((piTimesPowerOfTwo(n - 130n) + offset) << 64n)
  const group = Object.freeze({ prime: bigintToBytes(prime), generator: Uint8Array.of(2) })
  computed.set(bits, group)
  return group
}

/**
 * The group a server gives for a request of RFC 4419 §3, in bits: the smallest known one that is not below `n`,
 * else the largest that is allowed. Undefined when none is, or when the request contradicts itself.
 */
export function chooseGroup(min: number, n: number, max: number): ModpGroup | undefined {
  if (!(min <= n && n <= max)) return undefined
  const allowed = [...offsets.keys()].filter((bits) => bits >= min && bits <= max)
  const bits = allowed.find((size) => size >= n) ?? allowed.at(-1)
  return bits === undefined ? undefined : modpGroup(bits)
}

/**
 * Throws {@link AgreementError} unless `group`, which a server gave, is one to use: of `min` to `max` bits, as the client asked for
 * (and of 2048 to 8192 in any case), with a prime that could be a safe one and a generator inside of it.
 *
 * A group of RFC 3526 passes at once. Another one is looked through for small factors of p and (p - 1) / 2, and, where
 * `backend` is given, p must pass a Miller-Rabin round to the base 2. That finds broken groups, not artful ones: a server
 * that is bent on giving its own secrets away needs no false group for it.
 */
export function checkGroup(group: ModpGroup, min: number, max: number, backend?: Backend): void {
  const least = Math.max(min, groupExchangeBits.least)
  const most = Math.min(max, groupExchangeBits.most)
  const bits = bitsOf(group.prime)
  if (bits < least || bits > most)
    throw new AgreementError(`group exchange: a prime of ${bits} bits is not within ${least} to ${most}`)
  const prime = bytesToBigint(group.prime)
  if (bitsOf(group.generator) > bits)
    throw new AgreementError('group exchange: the generator is above the prime')
  const generator = bytesToBigint(group.generator)
  if (generator < 2n || generator > prime - 2n)
    throw new AgreementError('group exchange: the generator is not within 2 to p - 2')
  if (isKnownPrime(prime, bits)) return
  if ((prime & 3n) !== 3n || hasSmallFactor(prime) || hasSmallFactor(prime >> 1n))
    throw new AgreementError(`group exchange: the modulus of ${bits} bits is no safe prime`)
  if (backend !== undefined && !isStrongProbablePrime(prime, backend))
    throw new AgreementError(`group exchange: the modulus of ${bits} bits is no prime`)
}

/** Bits of an unsigned big-endian number; leading zeros do not count. */
export function bitsOf(bytes: Uint8Array): number {
  const start = bytes.findIndex((byte) => byte !== 0)
  return start < 0 ? 0 : (bytes.length - start) * 8 - (Math.clz32(bytes[start] as number) - 24)
}

function isKnownPrime(prime: bigint, bits: number): boolean {
  const size = [...offsets.keys()].find((known) => known === bits)
  return size !== undefined && equal(modpGroup(size).prime, bigintToBytes(prime))
}

/** The odd primes to look for in a modulus that we do not know. */
let smallPrimes: readonly number[] | undefined
const smallPrimesBelow = 4096

function hasSmallFactor(value: bigint): boolean {
  smallPrimes ??= oddPrimesBelow(smallPrimesBelow)
  return smallPrimes.some((prime) => value % BigInt(prime) === 0n)
}

function oddPrimesBelow(end: number): readonly number[] {
  const found: number[] = []
  for (let candidate = 3; candidate < end; candidate += 2)
    if (!found.some((prime) => candidate % prime === 0)) found.push(candidate)
  return found
}

/** Miller-Rabin to the base 2, for which p ≡ 3 (mod 4) leaves one power: 2^((p-1)/2) must be 1 or p - 1. */
function isStrongProbablePrime(prime: bigint, backend: Backend): boolean {
  const power = bytesToBigint(
    backend.modPow(Uint8Array.of(2), bigintToBytes(prime >> 1n), bigintToBytes(prime)),
  )
  return power === 1n || power === prime - 1n
}

/** floor(2^exponent * pi) by Machin's formula, pi = 16 arctan(1/5) - 4 arctan(1/239), in fixed point with 64 bits to spare. */
function piTimesPowerOfTwo(exponent: bigint): bigint {
  const spare = 64n
  const one = 1n << (exponent + spare)
  return (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> spare
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  const square = x * x
  let power = one / x
  let sum = power
  for (let divisor = 3n, sign = -1n; power > 0n; divisor += 2n, sign = -sign) {
    power /= square
    sum += (sign * power) / divisor
  }
  return sum
}
