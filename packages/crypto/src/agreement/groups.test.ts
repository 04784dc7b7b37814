/** The groups of RFC 3526 against OpenSSL's, the choice of a server and the checks of a client. */

import { createDiffieHellmanGroup } from 'node:crypto'
import { bigintToBytes, bytesToBigint, concat } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import type { Backend } from '../backend.ts'
import { AgreementError } from '../errors.ts'
import { bitsOf, checkGroup, chooseGroup, type ModpBits, modpGroup } from './groups.ts'

const sizes: readonly (readonly [ModpBits, string])[] = [
  [2048, 'modp14'],
  [3072, 'modp15'],
  [4096, 'modp16'],
  [6144, 'modp17'],
  [8192, 'modp18'],
]

test.each(sizes)('the group of %i bits is %s', (bits, name) => {
  const { prime, generator } = modpGroup(bits)
  expect(prime).toEqual(Uint8Array.from(createDiffieHellmanGroup(name).getPrime()))
  expect(generator).toEqual(Uint8Array.of(2))
  expect(bitsOf(prime)).toBe(bits)
  expect(modpGroup(bits)).toBe(modpGroup(bits))
})

test('bits of a number', () => {
  expect(
    [[], [0], [1], [2], [0x7f], [0x80], [1, 0], [0, 0, 1, 0]].map((bytes) => bitsOf(Uint8Array.from(bytes))),
  ).toEqual([0, 0, 1, 2, 7, 8, 9, 9])
})

test.each<[number, number, number, number | undefined]>([
  [2048, 2048, 8192, 2048],
  [2048, 3072, 8192, 3072],
  [2048, 2049, 8192, 3072],
  [2048, 7680, 8192, 8192],
  [2048, 8192, 8192, 8192],
  [1024, 1024, 8192, 2048],
  [1024, 1024, 2048, 2048],
  [2048, 16_384, 16_384, 8192],
  [2048, 4096, 4096, 4096],
  [2048, 5000, 5000, 4096],
  [3073, 3073, 4095, undefined],
  [1024, 1024, 1536, undefined],
  [8193, 9000, 10_000, undefined],
  [4096, 2048, 8192, undefined],
  [2048, 8192, 4096, undefined],
  [0, 0, 0, undefined],
  [Number.NaN, 2048, 8192, undefined],
])('asked for %i, %i, %i a server gives %s', (min, n, max, expected) => {
  const group = chooseGroup(min, n, max)
  expect(group).toBe(expected === undefined ? undefined : modpGroup(expected as ModpBits))
})

/** A safe prime of 2048 bits that no list has: found by `openssl dhparam`. */
const ownPrime =
  bigintToBytes(
    0xca85ff12c7c714bed9a621f598dd3d068071c97ef8d95460656b61c38383891c33ae517a5785eee43d4449548942a909d6b0b373ed440b16ae5ec5afd11e8032f02a27d76d52bdeeaf71307d593a236aace9fc2cf3491e932090567add6074c5ec36b72a8a56898ce58abc8673239ebcd931acf2c24bda3c66b39e38da27249b04807b40b670c1eaec7d5d306cfc352b500774f72e66b9023b8aa9b2ce1e2a9e8d743528de0b5d6fa36f31d829711dcaa86a17713259f8ffab0af5004413d531a8449f79607618be3761ae3815a5b1b445e6d5791286fef68910a5a7cc952564a5b1a02792526490a50c09bb3957a6c916efb8a8e973b2364bd748b8474aebdfn,
  )
const two = Uint8Array.of(2)

describe('what a client takes', () => {
  test.each(sizes)('the known group of %i bits', (bits) => {
    checkGroup(modpGroup(bits), 2048, 8192)
    checkGroup({ ...modpGroup(bits), prime: concat(Uint8Array.of(0), modpGroup(bits).prime) }, 2048, 8192)
  })

  test('a known group without any computation', () => {
    const idle: Backend = {
      ...node,
      modPow() {
        throw new Error('a power was computed')
      },
    }
    checkGroup(modpGroup(8192), 2048, 8192, idle)
    const unknown = { prime: ownPrime, generator: two }
    expect(() => checkGroup(unknown, 2048, 8192, idle)).toThrow('a power was computed')
  })

  test.each([node, noble])('a safe prime that it does not know ($name)', (backend) => {
    checkGroup({ prime: ownPrime, generator: two }, 2048, 8192, backend)
    checkGroup({ prime: ownPrime, generator: Uint8Array.of(5) }, 2048, 8192)
  })

  const known = modpGroup(3072)
  const p = bytesToBigint(known.prime)
  const own = bytesToBigint(ownPrime)
  test.each<[string, { prime: Uint8Array; generator: Uint8Array }, number, number]>([
    ['smaller than asked for', known, 4096, 8192],
    ['larger than asked for', known, 2048, 2048],
    [
      'of 1024 bits, even if asked for',
      { prime: bigintToBytes((1n << 1023n) + 1n), generator: two },
      1024,
      8192,
    ],
    ['of 2047 bits', { prime: bigintToBytes(own >> 1n), generator: two }, 1024, 8192],
    ['of 8193 bits', { prime: bigintToBytes((1n << 8192n) + 1n), generator: two }, 1024, 16_384],
    ['of a million bits', { prime: new Uint8Array(125_000).fill(0xff), generator: two }, 2048, 8192],
    ['empty', { prime: new Uint8Array(0), generator: two }, 0, 8192],
    ['even', { prime: bigintToBytes(p + 1n), generator: two }, 2048, 8192],
    ['1 modulo 4', { prime: bigintToBytes(nextLikely((1n << 2047n) + 1n)), generator: two }, 2048, 8192],
    ['with a small factor', { prime: bigintToBytes(multipleOf(3n)), generator: two }, 2048, 8192],
    ['with the factor 4093', { prime: bigintToBytes(multipleOf(4093n)), generator: two }, 2048, 8192],
    ['with a small factor of (p - 1) / 2', { prime: bigintToBytes(notSafe()), generator: two }, 2048, 8192],
    ['with generator 0', { prime: known.prime, generator: new Uint8Array(0) }, 2048, 8192],
    ['with generator 1', { prime: known.prime, generator: Uint8Array.of(1) }, 2048, 8192],
    ['with generator p - 1', { prime: known.prime, generator: bigintToBytes(p - 1n) }, 2048, 8192],
    ['with generator p', { prime: known.prime, generator: known.prime }, 2048, 8192],
    ['with a huge generator', { prime: known.prime, generator: new Uint8Array(100_000).fill(1) }, 2048, 8192],
  ])('nothing %s', (_, group, min, max) => {
    expect(() => checkGroup(group, min, max)).toThrow(AgreementError)
  })

  test('no composite number without small factors, given a backend', () => {
    const group = { prime: bigintToBytes(nextLikely((1n << 2047n) + 3n)), generator: two }
    // Without a backend it cannot tell: that is what the argument is for.
    checkGroup(group, 2048, 8192)
    for (const backend of [node, noble])
      expect(() => checkGroup(group, 2048, 8192, backend)).toThrow(AgreementError)
  })

  /** A multiple of `factor` of 2048 bits that is 3 modulo 4. */
  function multipleOf(factor: bigint): bigint {
    let value = (1n << 2047n) / factor
    do value += 1n
    while ((value * factor) % 4n !== 3n)
    return value * factor
  }

  /** A number of 2048 bits, 3 modulo 4 and without factors below 4096, for which (p - 1) / 2 is a multiple of 7. */
  function notSafe(): bigint {
    let value = ((1n << 2047n) / 28n) * 28n + 15n
    while (!hasNoSmallFactor(value)) value += 28n
    return value
  }

  /** The next number, the same modulo 4, for which neither it nor half of it has a factor below 4096. */
  function nextLikely(from: bigint): bigint {
    let value = from
    while (!(hasNoSmallFactor(value) && hasNoSmallFactor(value >> 1n))) value += 4n
    return value
  }

  function hasNoSmallFactor(value: bigint): boolean {
    for (let factor = 3n; factor < 4096n; factor += 2n) if (value % factor === 0n) return false
    return true
  }
})
