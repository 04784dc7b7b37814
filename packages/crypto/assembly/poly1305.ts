/** Poly1305 (RFC 8439 §2.5) with limbs of 26 bits: one block at a time, or four in the lanes of vectors. */

import { ACCUMULATOR, LAST_BLOCK, ONE_TIME_KEY, TAG } from './layout'

const LIMB: u64 = 0x3ffffff
/** Bit 128 of a full block, in the highest limb. */
const FULL: u32 = 1 << 24
/** From this many bytes on the powers of r that four lanes need pay for themselves. */
const VECTOR_MINIMUM: usize = 192

// r and its powers, the sum so far: globals, so that functions can give more than one result.
let r0: u32 = 0
let r1: u32 = 0
let r2: u32 = 0
let r3: u32 = 0
let r4: u32 = 0
let h0: u32 = 0
let h1: u32 = 0
let h2: u32 = 0
let h3: u32 = 0
let h4: u32 = 0

/** Starts a message under the key at ONE_TIME_KEY. */
export function begin(): void {
  v128.store(ACCUMULATOR, i32x4(0, 0, 0, 0))
  store<u32>(ACCUMULATOR, 0, 16)
}

/** Adds `length` bytes at `at`. All parts of a message but the last must be whole blocks. */
export function update(at: usize, length: usize): void {
  loadState()
  if (length >= VECTOR_MINIMUM) {
    const bulk = length & ~(<usize>63)
    vectorBlocks(at, bulk)
    at += bulk
    length -= bulk
  }
  while (length >= 16) {
    addBlock(at, FULL)
    at += 16
    length -= 16
  }
  if (length > 0) {
    // What there is, a byte of 1, zeros. The page does not end right behind the data, so that 16 bytes can be loaded.
    const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    const end = i8x16.splat(<i8>length)
    const kept = v128.and(v128.load(at), i8x16.lt_u(places, end))
    v128.store(LAST_BLOCK, v128.or(kept, v128.and(i8x16.eq(places, end), i8x16.splat(1))))
    addBlock(LAST_BLOCK, 0)
  }
  store<u32>(ACCUMULATOR, h0)
  store<u32>(ACCUMULATOR, h1, 4)
  store<u32>(ACCUMULATOR, h2, 8)
  store<u32>(ACCUMULATOR, h3, 12)
  store<u32>(ACCUMULATOR, h4, 16)
}

/** The tag of the message, written to `to`. */
export function finish(to: usize): void {
  loadState()
  // Carry until every limb is below 2^26.
  let c: u32 = h1 >> 26
  let a1: u32 = h1 & <u32>LIMB
  let a2 = h2 + c
  c = a2 >> 26
  a2 &= <u32>LIMB
  let a3 = h3 + c
  c = a3 >> 26
  a3 &= <u32>LIMB
  let a4 = h4 + c
  c = a4 >> 26
  a4 &= <u32>LIMB
  let a0 = h0 + c * 5
  c = a0 >> 26
  a0 &= <u32>LIMB
  a1 += c
  // a + 5 - 2^130: that is a - p, taken instead of a where it is not negative.
  let b0 = a0 + 5
  c = b0 >> 26
  b0 &= <u32>LIMB
  let b1 = a1 + c
  c = b1 >> 26
  b1 &= <u32>LIMB
  let b2 = a2 + c
  c = b2 >> 26
  b2 &= <u32>LIMB
  let b3 = a3 + c
  c = b3 >> 26
  b3 &= <u32>LIMB
  const b4 = a4 + c - (1 << 26)
  const reduced: u32 = (b4 >> 31) - 1
  a0 = (a0 & ~reduced) | (b0 & reduced)
  a1 = (a1 & ~reduced) | (b1 & reduced)
  a2 = (a2 & ~reduced) | (b2 & reduced)
  a3 = (a3 & ~reduced) | (b3 & reduced)
  a4 = (a4 & ~reduced) | (b4 & reduced)
  // a + s modulo 2^128.
  let sum: u64 = <u64>(a0 | (a1 << 26)) + load<u32>(ONE_TIME_KEY, 16)
  store<u32>(to, <u32>sum)
  sum = <u64>((a1 >> 6) | (a2 << 20)) + load<u32>(ONE_TIME_KEY, 20) + (sum >> 32)
  store<u32>(to, <u32>sum, 4)
  sum = <u64>((a2 >> 12) | (a3 << 14)) + load<u32>(ONE_TIME_KEY, 24) + (sum >> 32)
  store<u32>(to, <u32>sum, 8)
  sum = <u64>((a3 >> 18) | (a4 << 8)) + load<u32>(ONE_TIME_KEY, 28) + (sum >> 32)
  store<u32>(to, <u32>sum, 12)
  forget()
}

/** Whether the tag of the message is the one at TAG, in constant time. */
export function verify(): bool {
  finish(LAST_BLOCK)
  const difference = v128.xor(v128.load(LAST_BLOCK), v128.load(TAG))
  v128.store(LAST_BLOCK, i32x4(0, 0, 0, 0))
  return !v128.any_true(difference)
}

/** Overwrites what would tell the key. */
function forget(): void {
  const zero = i32x4(0, 0, 0, 0)
  v128.store(ONE_TIME_KEY, zero)
  v128.store(ONE_TIME_KEY, zero, 16)
  v128.store(ACCUMULATOR, zero)
  store<u32>(ACCUMULATOR, 0, 16)
  r0 = r1 = r2 = r3 = r4 = 0
  h0 = h1 = h2 = h3 = h4 = 0
}

function loadState(): void {
  // r with the bits cleared that RFC 8439 §2.5 wants cleared ("clamped").
  r0 = load<u32>(ONE_TIME_KEY) & 0x3ffffff
  r1 = (load<u32>(ONE_TIME_KEY, 3) >> 2) & 0x3ffff03
  r2 = (load<u32>(ONE_TIME_KEY, 6) >> 4) & 0x3ffc0ff
  r3 = (load<u32>(ONE_TIME_KEY, 9) >> 6) & 0x3f03fff
  r4 = (load<u32>(ONE_TIME_KEY, 12) >> 8) & 0x00fffff
  h0 = load<u32>(ACCUMULATOR)
  h1 = load<u32>(ACCUMULATOR, 4)
  h2 = load<u32>(ACCUMULATOR, 8)
  h3 = load<u32>(ACCUMULATOR, 12)
  h4 = load<u32>(ACCUMULATOR, 16)
}

/** h = (h + block) · r */
function addBlock(at: usize, top: u32): void {
  h0 += load<u32>(at) & 0x3ffffff
  h1 += (load<u32>(at, 3) >> 2) & 0x3ffffff
  h2 += (load<u32>(at, 6) >> 4) & 0x3ffffff
  h3 += (load<u32>(at, 9) >> 6) & 0x3ffffff
  h4 += (load<u32>(at, 12) >> 8) | top
  multiply()
}

/** h = h · r modulo 2^130 - 5, but for a few bits that stay over the limbs. */
function multiply(): void {
  const a0: u64 = h0
  const a1: u64 = h1
  const a2: u64 = h2
  const a3: u64 = h3
  const a4: u64 = h4
  const m0: u64 = r0
  const m1: u64 = r1
  const m2: u64 = r2
  const m3: u64 = r3
  const m4: u64 = r4
  const s1 = m1 * 5
  const s2 = m2 * 5
  const s3 = m3 * 5
  const s4 = m4 * 5
  const d0 = a0 * m0 + a1 * s4 + a2 * s3 + a3 * s2 + a4 * s1
  let d1 = a0 * m1 + a1 * m0 + a2 * s4 + a3 * s3 + a4 * s2
  let d2 = a0 * m2 + a1 * m1 + a2 * m0 + a3 * s4 + a4 * s3
  let d3 = a0 * m3 + a1 * m2 + a2 * m1 + a3 * m0 + a4 * s4
  let d4 = a0 * m4 + a1 * m3 + a2 * m2 + a3 * m1 + a4 * m0
  d1 += d0 >> 26
  d2 += d1 >> 26
  d3 += d2 >> 26
  d4 += d3 >> 26
  const low = (d0 & LIMB) + (d4 >> 26) * 5
  h0 = <u32>(low & LIMB)
  h1 = <u32>(d1 & LIMB) + <u32>(low >> 26)
  h2 = <u32>(d2 & LIMB)
  h3 = <u32>(d3 & LIMB)
  h4 = <u32>(d4 & LIMB)
}

/**
 * Adds `length` bytes, a multiple of 64, at `at`: lane i sums blocks i, i + 4, i + 8 … by powers of r^4;
 * in the last step the lanes are multiplied by r^4, r^3, r^2 and r, and added.
 */
function vectorBlocks(at: usize, length: usize): void {
  let a0 = i32x4.replace_lane(i32x4(0, 0, 0, 0), 0, h0)
  let a1 = i32x4.replace_lane(i32x4(0, 0, 0, 0), 0, h1)
  let a2 = i32x4.replace_lane(i32x4(0, 0, 0, 0), 0, h2)
  let a3 = i32x4.replace_lane(i32x4(0, 0, 0, 0), 0, h3)
  let a4 = i32x4.replace_lane(i32x4(0, 0, 0, 0), 0, h4)
  // Powers of r, highest in lane 0; h is free to compute them in.
  let p0 = i32x4.splat(r0)
  let p1 = i32x4.splat(r1)
  let p2 = i32x4.splat(r2)
  let p3 = i32x4.splat(r3)
  let p4 = i32x4.splat(r4)
  h0 = r0
  h1 = r1
  h2 = r2
  h3 = r3
  h4 = r4
  multiply()
  p0 = i32x4.replace_lane(p0, 2, h0)
  p1 = i32x4.replace_lane(p1, 2, h1)
  p2 = i32x4.replace_lane(p2, 2, h2)
  p3 = i32x4.replace_lane(p3, 2, h3)
  p4 = i32x4.replace_lane(p4, 2, h4)
  multiply()
  p0 = i32x4.replace_lane(p0, 1, h0)
  p1 = i32x4.replace_lane(p1, 1, h1)
  p2 = i32x4.replace_lane(p2, 1, h2)
  p3 = i32x4.replace_lane(p3, 1, h3)
  p4 = i32x4.replace_lane(p4, 1, h4)
  multiply()
  p0 = i32x4.replace_lane(p0, 0, h0)
  p1 = i32x4.replace_lane(p1, 0, h1)
  p2 = i32x4.replace_lane(p2, 0, h2)
  p3 = i32x4.replace_lane(p3, 0, h3)
  p4 = i32x4.replace_lane(p4, 0, h4)

  let m0 = i32x4.splat(h0)
  let m1 = i32x4.splat(h1)
  let m2 = i32x4.splat(h2)
  let m3 = i32x4.splat(h3)
  let m4 = i32x4.splat(h4)
  const five = i32x4.splat(5)
  let s1 = i32x4.mul(m1, five)
  let s2 = i32x4.mul(m2, five)
  let s3 = i32x4.mul(m3, five)
  let s4 = i32x4.mul(m4, five)
  const limb = i32x4.splat(0x3ffffff)
  const wide = i64x2.splat(0x3ffffff)
  const full = i32x4.splat(1 << 24)

  const end = at + length
  const last = end - 64
  while (at < end) {
    if (at == last) {
      m0 = p0
      m1 = p1
      m2 = p2
      m3 = p3
      m4 = p4
      s1 = i32x4.mul(m1, five)
      s2 = i32x4.mul(m2, five)
      s3 = i32x4.mul(m3, five)
      s4 = i32x4.mul(m4, five)
    }
    // Words of four blocks, one block per lane.
    const b0 = v128.load(at)
    const b1 = v128.load(at, 16)
    const b2 = v128.load(at, 32)
    const b3 = v128.load(at, 48)
    const t0 = i32x4.shuffle(b0, b1, 0, 4, 1, 5)
    const t1 = i32x4.shuffle(b2, b3, 0, 4, 1, 5)
    const t2 = i32x4.shuffle(b0, b1, 2, 6, 3, 7)
    const t3 = i32x4.shuffle(b2, b3, 2, 6, 3, 7)
    const w0 = i64x2.shuffle(t0, t1, 0, 2)
    const w1 = i64x2.shuffle(t0, t1, 1, 3)
    const w2 = i64x2.shuffle(t2, t3, 0, 2)
    const w3 = i64x2.shuffle(t2, t3, 1, 3)
    a0 = i32x4.add(a0, v128.and(w0, limb))
    a1 = i32x4.add(a1, v128.and(v128.or(i32x4.shr_u(w0, 26), i32x4.shl(w1, 6)), limb))
    a2 = i32x4.add(a2, v128.and(v128.or(i32x4.shr_u(w1, 20), i32x4.shl(w2, 12)), limb))
    a3 = i32x4.add(a3, v128.and(v128.or(i32x4.shr_u(w2, 14), i32x4.shl(w3, 18)), limb))
    a4 = i32x4.add(a4, v128.or(i32x4.shr_u(w3, 8), full))

    let d0 = i64x2.extmul_low_i32x4_u(a0, m0)
    d0 = i64x2.add(d0, i64x2.extmul_low_i32x4_u(a1, s4))
    d0 = i64x2.add(d0, i64x2.extmul_low_i32x4_u(a2, s3))
    d0 = i64x2.add(d0, i64x2.extmul_low_i32x4_u(a3, s2))
    d0 = i64x2.add(d0, i64x2.extmul_low_i32x4_u(a4, s1))
    let d1 = i64x2.extmul_low_i32x4_u(a0, m1)
    d1 = i64x2.add(d1, i64x2.extmul_low_i32x4_u(a1, m0))
    d1 = i64x2.add(d1, i64x2.extmul_low_i32x4_u(a2, s4))
    d1 = i64x2.add(d1, i64x2.extmul_low_i32x4_u(a3, s3))
    d1 = i64x2.add(d1, i64x2.extmul_low_i32x4_u(a4, s2))
    let d2 = i64x2.extmul_low_i32x4_u(a0, m2)
    d2 = i64x2.add(d2, i64x2.extmul_low_i32x4_u(a1, m1))
    d2 = i64x2.add(d2, i64x2.extmul_low_i32x4_u(a2, m0))
    d2 = i64x2.add(d2, i64x2.extmul_low_i32x4_u(a3, s4))
    d2 = i64x2.add(d2, i64x2.extmul_low_i32x4_u(a4, s3))
    let d3 = i64x2.extmul_low_i32x4_u(a0, m3)
    d3 = i64x2.add(d3, i64x2.extmul_low_i32x4_u(a1, m2))
    d3 = i64x2.add(d3, i64x2.extmul_low_i32x4_u(a2, m1))
    d3 = i64x2.add(d3, i64x2.extmul_low_i32x4_u(a3, m0))
    d3 = i64x2.add(d3, i64x2.extmul_low_i32x4_u(a4, s4))
    let d4 = i64x2.extmul_low_i32x4_u(a0, m4)
    d4 = i64x2.add(d4, i64x2.extmul_low_i32x4_u(a1, m3))
    d4 = i64x2.add(d4, i64x2.extmul_low_i32x4_u(a2, m2))
    d4 = i64x2.add(d4, i64x2.extmul_low_i32x4_u(a3, m1))
    d4 = i64x2.add(d4, i64x2.extmul_low_i32x4_u(a4, m0))

    let e0 = i64x2.extmul_high_i32x4_u(a0, m0)
    e0 = i64x2.add(e0, i64x2.extmul_high_i32x4_u(a1, s4))
    e0 = i64x2.add(e0, i64x2.extmul_high_i32x4_u(a2, s3))
    e0 = i64x2.add(e0, i64x2.extmul_high_i32x4_u(a3, s2))
    e0 = i64x2.add(e0, i64x2.extmul_high_i32x4_u(a4, s1))
    let e1 = i64x2.extmul_high_i32x4_u(a0, m1)
    e1 = i64x2.add(e1, i64x2.extmul_high_i32x4_u(a1, m0))
    e1 = i64x2.add(e1, i64x2.extmul_high_i32x4_u(a2, s4))
    e1 = i64x2.add(e1, i64x2.extmul_high_i32x4_u(a3, s3))
    e1 = i64x2.add(e1, i64x2.extmul_high_i32x4_u(a4, s2))
    let e2 = i64x2.extmul_high_i32x4_u(a0, m2)
    e2 = i64x2.add(e2, i64x2.extmul_high_i32x4_u(a1, m1))
    e2 = i64x2.add(e2, i64x2.extmul_high_i32x4_u(a2, m0))
    e2 = i64x2.add(e2, i64x2.extmul_high_i32x4_u(a3, s4))
    e2 = i64x2.add(e2, i64x2.extmul_high_i32x4_u(a4, s3))
    let e3 = i64x2.extmul_high_i32x4_u(a0, m3)
    e3 = i64x2.add(e3, i64x2.extmul_high_i32x4_u(a1, m2))
    e3 = i64x2.add(e3, i64x2.extmul_high_i32x4_u(a2, m1))
    e3 = i64x2.add(e3, i64x2.extmul_high_i32x4_u(a3, m0))
    e3 = i64x2.add(e3, i64x2.extmul_high_i32x4_u(a4, s4))
    let e4 = i64x2.extmul_high_i32x4_u(a0, m4)
    e4 = i64x2.add(e4, i64x2.extmul_high_i32x4_u(a1, m3))
    e4 = i64x2.add(e4, i64x2.extmul_high_i32x4_u(a2, m2))
    e4 = i64x2.add(e4, i64x2.extmul_high_i32x4_u(a3, m1))
    e4 = i64x2.add(e4, i64x2.extmul_high_i32x4_u(a4, m0))

    // Carries, from limbs 0 and 3 at the same time.
    d1 = i64x2.add(d1, i64x2.shr_u(d0, 26))
    e1 = i64x2.add(e1, i64x2.shr_u(e0, 26))
    d4 = i64x2.add(d4, i64x2.shr_u(d3, 26))
    e4 = i64x2.add(e4, i64x2.shr_u(e3, 26))
    d0 = v128.and(d0, wide)
    e0 = v128.and(e0, wide)
    d3 = v128.and(d3, wide)
    e3 = v128.and(e3, wide)
    d2 = i64x2.add(d2, i64x2.shr_u(d1, 26))
    e2 = i64x2.add(e2, i64x2.shr_u(e1, 26))
    const overD = i64x2.shr_u(d4, 26)
    const overE = i64x2.shr_u(e4, 26)
    d0 = i64x2.add(d0, i64x2.add(overD, i64x2.shl(overD, 2)))
    e0 = i64x2.add(e0, i64x2.add(overE, i64x2.shl(overE, 2)))
    d1 = v128.and(d1, wide)
    e1 = v128.and(e1, wide)
    d4 = v128.and(d4, wide)
    e4 = v128.and(e4, wide)
    d3 = i64x2.add(d3, i64x2.shr_u(d2, 26))
    e3 = i64x2.add(e3, i64x2.shr_u(e2, 26))
    d1 = i64x2.add(d1, i64x2.shr_u(d0, 26))
    e1 = i64x2.add(e1, i64x2.shr_u(e0, 26))
    d2 = v128.and(d2, wide)
    e2 = v128.and(e2, wide)
    d0 = v128.and(d0, wide)
    e0 = v128.and(e0, wide)
    d4 = i64x2.add(d4, i64x2.shr_u(d3, 26))
    e4 = i64x2.add(e4, i64x2.shr_u(e3, 26))
    d3 = v128.and(d3, wide)
    e3 = v128.and(e3, wide)
    a0 = i32x4.shuffle(d0, e0, 0, 2, 4, 6)
    a1 = i32x4.shuffle(d1, e1, 0, 2, 4, 6)
    a2 = i32x4.shuffle(d2, e2, 0, 2, 4, 6)
    a3 = i32x4.shuffle(d3, e3, 0, 2, 4, 6)
    a4 = i32x4.shuffle(d4, e4, 0, 2, 4, 6)
    at += 64
  }

  const t0 = laneSum(a0)
  const t1 = laneSum(a1) + (t0 >> 26)
  const t2 = laneSum(a2) + (t1 >> 26)
  const t3 = laneSum(a3) + (t2 >> 26)
  const t4 = laneSum(a4) + (t3 >> 26)
  const low = (t0 & 0x3ffffff) + (t4 >> 26) * 5
  h0 = low & 0x3ffffff
  h1 = (t1 & 0x3ffffff) + (low >> 26)
  h2 = t2 & 0x3ffffff
  h3 = t3 & 0x3ffffff
  h4 = t4 & 0x3ffffff
}

/** Each lane is below 2^27, so that the sum fits. */
function laneSum(v: v128): u32 {
  return (
    i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3)
  )
}
