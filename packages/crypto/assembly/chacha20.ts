/** ChaCha20 (RFC 8439 §2.3), four blocks at once: lane i of every vector belongs to block i. */

import { KEYS, STREAM } from './layout'

/** Words of "expand 32-byte k". */
const SIGMA0: i32 = 0x61707865
const SIGMA1: i32 = 0x3320646e
const SIGMA2: i32 = 0x79622d32
const SIGMA3: i32 = 0x6b206574

function rotate16(v: v128): v128 {
  return i8x16.shuffle(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

function rotate12(v: v128): v128 {
  return v128.or(i32x4.shl(v, 12), i32x4.shr_u(v, 20))
}

function rotate8(v: v128): v128 {
  return i8x16.shuffle(v, v, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
}

function rotate7(v: v128): v128 {
  return v128.or(i32x4.shl(v, 7), i32x4.shr_u(v, 25))
}

/** Turns four vectors of one word of each block into four words of one block each, and stores those with `stride` 64. */
function storeWords(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5)
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5)
  const ab2 = i32x4.shuffle(a, b, 2, 6, 3, 7)
  const cd2 = i32x4.shuffle(c, d, 2, 6, 3, 7)
  v128.store(at, i64x2.shuffle(ab, cd, 0, 2))
  v128.store(at, i64x2.shuffle(ab, cd, 1, 3), 64)
  v128.store(at, i64x2.shuffle(ab2, cd2, 0, 2), 128)
  v128.store(at, i64x2.shuffle(ab2, cd2, 1, 3), 192)
}

/**
 * Writes the key streams of four blocks to STREAM. The key's words `k0`–`k7` and the counters are given per lane,
 * so that the blocks may belong to different keys; the nonce is common.
 */
function blocks(
  k0: v128,
  k1: v128,
  k2: v128,
  k3: v128,
  k4: v128,
  k5: v128,
  k6: v128,
  k7: v128,
  counters: v128,
  nonce0: u32,
  nonce1: u32,
  nonce2: u32,
): void {
  let x0 = i32x4.splat(SIGMA0)
  let x1 = i32x4.splat(SIGMA1)
  let x2 = i32x4.splat(SIGMA2)
  let x3 = i32x4.splat(SIGMA3)
  let x4 = k0
  let x5 = k1
  let x6 = k2
  let x7 = k3
  let x8 = k4
  let x9 = k5
  let x10 = k6
  let x11 = k7
  let x12 = counters
  let x13 = i32x4.splat(nonce0)
  let x14 = i32x4.splat(nonce1)
  let x15 = i32x4.splat(nonce2)
  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = rotate16(v128.xor(x12, x0))
    x13 = rotate16(v128.xor(x13, x1))
    x14 = rotate16(v128.xor(x14, x2))
    x15 = rotate16(v128.xor(x15, x3))
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate12(v128.xor(x4, x8))
    x5 = rotate12(v128.xor(x5, x9))
    x6 = rotate12(v128.xor(x6, x10))
    x7 = rotate12(v128.xor(x7, x11))
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = rotate8(v128.xor(x12, x0))
    x13 = rotate8(v128.xor(x13, x1))
    x14 = rotate8(v128.xor(x14, x2))
    x15 = rotate8(v128.xor(x15, x3))
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate7(v128.xor(x4, x8))
    x5 = rotate7(v128.xor(x5, x9))
    x6 = rotate7(v128.xor(x6, x10))
    x7 = rotate7(v128.xor(x7, x11))

    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = rotate16(v128.xor(x15, x0))
    x12 = rotate16(v128.xor(x12, x1))
    x13 = rotate16(v128.xor(x13, x2))
    x14 = rotate16(v128.xor(x14, x3))
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate12(v128.xor(x5, x10))
    x6 = rotate12(v128.xor(x6, x11))
    x7 = rotate12(v128.xor(x7, x8))
    x4 = rotate12(v128.xor(x4, x9))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = rotate8(v128.xor(x15, x0))
    x12 = rotate8(v128.xor(x12, x1))
    x13 = rotate8(v128.xor(x13, x2))
    x14 = rotate8(v128.xor(x14, x3))
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate7(v128.xor(x5, x10))
    x6 = rotate7(v128.xor(x6, x11))
    x7 = rotate7(v128.xor(x7, x8))
    x4 = rotate7(v128.xor(x4, x9))
  }
  storeWords(
    STREAM,
    i32x4.add(x0, i32x4.splat(SIGMA0)),
    i32x4.add(x1, i32x4.splat(SIGMA1)),
    i32x4.add(x2, i32x4.splat(SIGMA2)),
    i32x4.add(x3, i32x4.splat(SIGMA3)),
  )
  storeWords(STREAM + 16, i32x4.add(x4, k0), i32x4.add(x5, k1), i32x4.add(x6, k2), i32x4.add(x7, k3))
  storeWords(STREAM + 32, i32x4.add(x8, k4), i32x4.add(x9, k5), i32x4.add(x10, k6), i32x4.add(x11, k7))
  storeWords(
    STREAM + 48,
    i32x4.add(x12, counters),
    i32x4.add(x13, i32x4.splat(nonce0)),
    i32x4.add(x14, i32x4.splat(nonce1)),
    i32x4.add(x15, i32x4.splat(nonce2)),
  )
}

/** A word of the payload's key in three lanes, after the same word of the length field's key in the first. */
function mixedWord(offset: usize): v128 {
  return i32x4.replace_lane(v128.load32_splat(KEYS + offset), 0, load<i32>(KEYS + offset + 32))
}

/**
 * Key streams of one SSH packet: the first block is the length field's (K_1, counter 0), then come the blocks
 * 0, 1 and 2 under the payload's key (K_2). The sequence number is the nonce, 64 bits big-endian.
 */
export function packetBlocks(sequence: u32): void {
  blocks(
    mixedWord(0),
    mixedWord(4),
    mixedWord(8),
    mixedWord(12),
    mixedWord(16),
    mixedWord(20),
    mixedWord(24),
    mixedWord(28),
    i32x4(0, 0, 1, 2),
    0,
    0,
    bswap<u32>(sequence),
  )
}

/** Combines `length` bytes at `at` with as many of the key stream, which begins `skip` bytes into STREAM. */
export function xorStream(at: usize, length: usize, skip: usize): void {
  let from = STREAM + skip
  const end = at + length
  while (at + 16 <= end) {
    v128.store(at, v128.xor(v128.load(at), v128.load(from)))
    at += 16
    from += 16
  }
  while (at < end) {
    store<u8>(at, load<u8>(at) ^ load<u8>(from))
    at++
    from++
  }
}

/** Encrypts `length` bytes at `at` under the payload's key, from block `counter` on (RFC 8439 §2.4). */
export function xorPayload(
  at: usize,
  length: usize,
  counter: u32,
  nonce0: u32,
  nonce1: u32,
  nonce2: u32,
): void {
  const k0 = v128.load32_splat(KEYS)
  const k1 = v128.load32_splat(KEYS, 4)
  const k2 = v128.load32_splat(KEYS, 8)
  const k3 = v128.load32_splat(KEYS, 12)
  const k4 = v128.load32_splat(KEYS, 16)
  const k5 = v128.load32_splat(KEYS, 20)
  const k6 = v128.load32_splat(KEYS, 24)
  const k7 = v128.load32_splat(KEYS, 28)
  let left = length
  while (left > 0) {
    const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3))
    blocks(k0, k1, k2, k3, k4, k5, k6, k7, counters, nonce0, nonce1, nonce2)
    const take: usize = left < 256 ? left : 256
    xorStream(at, take, 0)
    at += take
    left -= take
    counter += 4
  }
}
