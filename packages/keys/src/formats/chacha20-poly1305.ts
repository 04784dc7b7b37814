/**
 * chacha20-poly1305@openssh.com as OpenSSH applies it to a file instead of packets: sequence number 0, no length field.
 * For some hundred bytes, so in plain arithmetic; packets are the business of the crypto package.
 */

import { bigintToBytes, bytesToBigint, equal } from '@hawser/wire'

/** Ciphertext and tag (PROTOCOL.chacha20poly1305). Of the 64 bytes of key only the first half is used: the other is for lengths. */
export function sealFile(key: Uint8Array, plain: Uint8Array): { ciphertext: Uint8Array; tag: Uint8Array } {
  const ciphertext = chacha20(key, plain)
  return { ciphertext, tag: poly1305(oneTimeKey(key), ciphertext) }
}

/** Undefined when the tag does not fit. */
export function openFile(key: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array | undefined {
  return equal(poly1305(oneTimeKey(key), ciphertext), tag) ? chacha20(key, ciphertext) : undefined
}

/** The first half of block 0; the data begins at block 1. */
function oneTimeKey(key: Uint8Array): Uint8Array {
  return keyStreamBlock(key, 0).subarray(0, 32)
}

function chacha20(key: Uint8Array, data: Uint8Array): Uint8Array {
  const output = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at += 64) {
    const stream = keyStreamBlock(key, 1 + at / 64)
    for (let i = 0; i < 64 && at + i < data.length; i++)
      output[at + i] = (data[at + i] as number) ^ (stream[i] as number)
  }
  return output
}

/** "expand 32-byte k" */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const

/** Columns, then diagonals (RFC 8439 §2.3). */
const quarterRounds = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const

/** One block of 64 bytes, for nonce 0 and a counter under 2^32. */
function keyStreamBlock(key: Uint8Array, counter: number): Uint8Array {
  const words = new DataView(key.buffer, key.byteOffset, 32)
  const start = new Uint32Array(16)
  start.set(constants)
  for (let i = 0; i < 8; i++) start[4 + i] = words.getUint32(i * 4, true)
  start[12] = counter
  const x = start.slice()
  for (let round = 0; round < 10; round++)
    for (const [a, b, c, d] of quarterRounds) {
      step(x, a, b, d, 16)
      step(x, c, d, b, 12)
      step(x, a, b, d, 8)
      step(x, c, d, b, 7)
    }
  const output = new Uint8Array(64)
  const view = new DataView(output.buffer)
  for (let i = 0; i < 16; i++) view.setUint32(i * 4, (x[i] as number) + (start[i] as number), true)
  return output
}

/** to += add; turn = (turn ^ to) <<< bits */
function step(x: Uint32Array, to: number, add: number, turn: number, bits: number): void {
  x[to] = (x[to] as number) + (x[add] as number)
  const mixed = (x[turn] as number) ^ (x[to] as number)
  x[turn] = (mixed << bits) | (mixed >>> (32 - bits))
}

const prime = (1n << 130n) - 5n
const mask = 0x0ffffffc0ffffffc0ffffffc0fffffffn

/** RFC 8439 §2.5, by its definition. */
function poly1305(oneTime: Uint8Array, message: Uint8Array): Uint8Array {
  const r = littleEndian(oneTime.subarray(0, 16)) & mask
  const s = littleEndian(oneTime.subarray(16, 32))
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16)
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % prime
  }
  return bigintToBytes((sum + s) & ((1n << 128n) - 1n), 16).reverse()
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytesToBigint(Uint8Array.from(bytes).reverse())
}
