/**
 * Triple DES in CBC mode (FIPS 46-3, NIST SP 800-67), for old key files where a runtime has none: no kept library has it.
 * Its table look-ups take a time that depends on the data, which does for a file that its owner reads.
 */

import type { StreamCipher } from './backend.ts'

const blockBytes = 8

/** One cipher of three keys of 8 bytes. Throws RangeError for other lengths. */
export function tripleDesCbc(
  key: Uint8Array,
  iv: Uint8Array,
  direction: 'encrypt' | 'decrypt',
): StreamCipher {
  checkTripleDes(key, iv)
  const encrypts = direction === 'encrypt'
  const [first, second, third] = [0, 8, 16].map((at) => keySchedule(key.subarray(at, at + 8))) as [
    Rounds,
    Rounds,
    Rounds,
  ]
  const steps = encrypts ? [first, backwards(second), third] : [backwards(third), second, backwards(first)]
  const tables = permutedBoxes()
  let previous = Uint8Array.from(iv)
  return {
    update(data) {
      checkBlocks(data)
      const output = new Uint8Array(data.length)
      for (let at = 0; at < data.length; at += blockBytes) {
        const input = data.subarray(at, at + blockBytes)
        const block = tripleDes(encrypts ? xor(input, previous) : input, steps, tables)
        const result = encrypts ? block : xor(block, previous)
        output.set(result, at)
        previous = Uint8Array.from(encrypts ? result : input)
      }
      return output
    },
  }
}

/** Refuses keys that are not 24 bytes and ivs that are not 8. */
export function checkTripleDes(key: Uint8Array, iv: Uint8Array): void {
  if (key.length !== 24 || iv.length !== blockBytes)
    throw new RangeError(`3des: a key has 24 bytes and an iv 8, not ${key.length} and ${iv.length}`)
}

/** Refuses what is not whole blocks. */
export function checkBlocks(data: Uint8Array): void {
  if (data.length % blockBytes !== 0)
    throw new RangeError(`3des: ${data.length} bytes are not whole blocks of ${blockBytes}`)
}

/** For each of the 16 rounds, eight groups of six bits. */
type Rounds = readonly (readonly number[])[]

const backwards = (rounds: Rounds): Rounds => [...rounds].reverse()
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] as number))

/** The standard's numbers: bit 1 is the first of the first byte. */
const choice1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
]
const choice2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47,
  55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
]
const oneShift = [0, 1, 8, 15]
const permutation = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22,
  11, 4, 25,
]
/** Four rows of sixteen hexadecimal digits for each of the eight boxes. */
const boxes = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
].map((rows) => Array.from(rows.replaceAll(' ', ''), (digit) => Number.parseInt(digit, 16)))
/** Where the bits of a block go first; {@link finalOrder} takes them back. */
const initialOrder = [58, 60, 62, 64, 57, 59, 61, 63].flatMap((start) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map((column) => start - 8 * column),
)
const finalOrder = initialOrder.map((_, at) => initialOrder.indexOf(at + 1) + 1)

const bitsOf = (bytes: Uint8Array): number[] =>
  Array.from(bytes).flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => (byte >> shift) & 1))
const pick = (bits: readonly number[], order: readonly number[]): number[] =>
  order.map((from) => bits[from - 1] as number)
const numberOf = (bits: readonly number[]): number => bits.reduce((sum, bit) => (sum << 1) | bit, 0)

function keySchedule(key: Uint8Array): Rounds {
  const bits = pick(bitsOf(key), choice1)
  let left = bits.slice(0, 28)
  let right = bits.slice(28)
  return Array.from({ length: 16 }, (_, round) => {
    const shift = oneShift.includes(round) ? 1 : 2
    left = [...left.slice(shift), ...left.slice(0, shift)]
    right = [...right.slice(shift), ...right.slice(0, shift)]
    const chosen = pick([...left, ...right], choice2)
    return Array.from({ length: 8 }, (_, group) => numberOf(chosen.slice(group * 6, group * 6 + 6)))
  })
}

/** Each box with the permutation behind it: 64 words for eight boxes. Made at first use. */
function permutedBoxes(): readonly Int32Array[] {
  prepared ??= boxes.map((box, index) =>
    Int32Array.from(box, (_, input) => {
      const row = (input & 0x20) | ((input & 1) << 4)
      const word = (box[row | ((input >> 1) & 15)] as number) << (28 - 4 * index)
      return numberOf(permutation.map((from) => (word >>> (32 - from)) & 1))
    }),
  )
  return prepared
}
let prepared: readonly Int32Array[] | undefined

/** One block through all three ciphers: between them the final and the initial order cancel out. */
function tripleDes(block: Uint8Array, ciphers: readonly Rounds[], tables: readonly Int32Array[]): Uint8Array {
  const bits = pick(bitsOf(block), initialOrder)
  let left = numberOf(bits.slice(0, 32))
  let right = numberOf(bits.slice(32))
  for (const rounds of ciphers) {
    for (const keys of rounds) {
      let mixed = 0
      for (let group = 0; group < 8; group++) {
        // Six bits of the half, around its ends: the expansion of the standard.
        const turn = (4 * group + 31) & 31
        const six = ((right << turn) | (right >>> (32 - turn))) >>> 26
        mixed ^= (tables[group] as Int32Array)[six ^ (keys[group] as number)] as number
      }
      const next = left ^ mixed
      left = right
      right = next
    }
    // The halves are not exchanged behind the last round.
    const last = left
    left = right
    right = last
  }
  const output = pick([...wordBits(left), ...wordBits(right)], finalOrder)
  return Uint8Array.from({ length: 8 }, (_, at) => numberOf(output.slice(at * 8, at * 8 + 8)))
}

function wordBits(word: number): number[] {
  return Array.from({ length: 32 }, (_, at) => (word >>> (31 - at)) & 1)
}
