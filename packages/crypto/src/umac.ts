/** UMAC (RFC 4418) of 64 and 128 bits over packets, with the sequence number as its nonce, as OpenSSH has it. */

import { UsageError } from '@hawser/wire'
import type { Backend } from './backend.ts'

/** Bytes that NH hashes at once. */
const chunk = 1024
/** Above this, RFC 4418 §5.3 wants a hash of 128 bits, which nobody has for packets. */
const mostBytes = 2 ** 24

const prime64 = 2n ** 64n - 59n
const wordLimit64 = 2n ** 64n - 2n ** 32n
const mask64 = 0x01ffffff01ffffffn
const prime36 = 2 ** 36 - 5

/** Keys of one of the hashes that stand side by side in a tag, 32 bits each. */
interface Part {
  /** Where its NH keys start among the words of the first layer. */
  readonly offset: number
  readonly polynomial: bigint
  readonly factors: readonly number[]
  readonly mask: number
}

/**
 * The tag over `parts` with `seq`, for a key of 16 bytes. Throws {@link UsageError} for more than 16 MiB.
 * `nonceHigh` is the upper half of the nonce: 0 for packets.
 */
export function umac(
  backend: Backend,
  key: Uint8Array,
  tagSize: 8 | 16,
  nonceHigh = 0,
): (seq: number, ...parts: readonly Uint8Array[]) => Uint8Array {
  const hashes = tagSize / 4
  const layer1 = wordsOf(derive(backend, key, 1, chunk + (hashes - 1) * 16))
  const layer2 = derive(backend, key, 2, hashes * 24)
  const layer3 = wordsOf(derive(backend, key, 3, hashes * 64))
  const masks = wordsOf(derive(backend, key, 4, hashes * 4))
  const parts: readonly Part[] = Array.from({ length: hashes }, (_, at) => ({
    offset: at * 4,
    polynomial: word64(layer2, at * 24) & mask64,
    factors: Array.from({ length: 8 }, (_key, index) => {
      const [high, low] = [layer3[at * 16 + index * 2] as number, layer3[at * 16 + index * 2 + 1] as number]
      // 2^36 is 5 more than the prime: the upper bits, times 5, and all stays exact.
      return (Math.floor(high / 16) * 5 + (high & 15) * 2 ** 32 + low) % prime36
    }),
    mask: masks[at] as number,
  }))
  const pad = padding(backend, derive(backend, key, 0, 16), tagSize, nonceHigh)
  const message = new Message()
  return (seq, ...data) => {
    message.take(data)
    const tag = new Uint8Array(tagSize)
    const view = new DataView(tag.buffer)
    for (const [at, part] of parts.entries()) view.setUint32(at * 4, uhash(message, layer1, part))
    const mask = pad(seq)
    for (let at = 0; at < tagSize; at++) tag[at] = (tag[at] as number) ^ (mask[at] as number)
    return tag
  }
}

/** The message as NH takes it: words of 32 bits, the first byte lowest, zeros to whole blocks of 32 bytes. Its memory serves again. */
class Message {
  length = 0
  words = new Uint32Array(1024)
  #bytes = new Uint8Array(4096)

  take(parts: readonly Uint8Array[]): void {
    this.length = parts.reduce((sum, { length }) => sum + length, 0)
    if (this.length > mostBytes) throw new UsageError(`umac: a packet of ${this.length} bytes is too long`)
    const padded = Math.max(32, Math.ceil(this.length / 32) * 32)
    if (padded > this.#bytes.length) {
      this.#bytes = new Uint8Array(padded * 2)
      this.words = new Uint32Array(padded / 2)
    }
    let at = 0
    for (const part of parts) {
      this.#bytes.set(part, at)
      at += part.length
    }
    this.#bytes.fill(0, at, padded)
    const view = new DataView(this.#bytes.buffer)
    const { words } = this
    for (let index = 0; index < padded / 4; index++) words[index] = view.getUint32(index * 4, true)
  }
}

/** RFC 4418 §5.1: one of the hashes. */
function uhash(message: Message, keys: Uint32Array, { offset, polynomial, factors, mask }: Part): number {
  const { length, words } = message
  if (length <= chunk) {
    const [high, low] = nh(words, 0, paddedWords(length), keys, offset, length * 8)
    return layer3(0, 0, high, low, factors, mask)
  }
  let y = 1n
  for (let from = 0; from < length; from += chunk) {
    const size = Math.min(chunk, length - from)
    const [high, low] = nh(words, from / 4, paddedWords(size), keys, offset, size * 8)
    const word = (BigInt(high) << 32n) | BigInt(low)
    // Words that are not below the prime become two (RFC 4418 §5.3.3).
    if (word >= wordLimit64) {
      y = (polynomial * y + (prime64 - 1n)) % prime64
      y = (polynomial * y + (word - 59n)) % prime64
    } else y = (polynomial * y + word) % prime64
  }
  return layer3(0, 0, Number(y >> 32n), Number(y & 0xffffffffn), factors, mask)
}

function paddedWords(bytes: number): number {
  return Math.max(8, Math.ceil(bytes / 32) * 8)
}

/**
 * RFC 4418 §5.2.2, and the length in bits: sums of products of 32 bits by 32, modulo 2^64. The second factor is halved, so that
 * 32 products of 48 bits stay below 2^53 and are exact.
 */
function nh(
  words: Uint32Array,
  from: number,
  count: number,
  keys: Uint32Array,
  offset: number,
  bits: number,
): readonly [high: number, low: number] {
  let high = 0
  let low = bits
  for (let start = 0; start < count; start += 64) {
    let lower = 0
    let upper = 0
    const end = Math.min(start + 64, count)
    for (let block = start; block < end; block += 8)
      for (let at = block; at < block + 4; at++) {
        const a = ((words[from + at] as number) + (keys[offset + at] as number)) >>> 0
        const b = ((words[from + at + 4] as number) + (keys[offset + at + 4] as number)) >>> 0
        lower += a * (b & 0xffff)
        upper += a * (b >>> 16)
      }
    low += (lower % 2 ** 32) + (upper % 2 ** 16) * 2 ** 16
    high += Math.floor(lower / 2 ** 32) + Math.floor(upper / 2 ** 16) + Math.floor(low / 2 ** 32)
    low %= 2 ** 32
    high %= 2 ** 32
  }
  return [high, low]
}

/** RFC 4418 §5.4: sixteen bytes, as four words, to 32 bits. */
function layer3(
  a: number,
  b: number,
  c: number,
  d: number,
  factors: readonly number[],
  mask: number,
): number {
  let y = 0
  for (const [at, word] of [a, b, c, d].entries()) {
    y = (y + (word >>> 16) * (factors[2 * at] as number)) % prime36
    y = (y + (word & 0xffff) * (factors[2 * at + 1] as number)) % prime36
  }
  return ((y % 2 ** 32) ^ mask) >>> 0
}

/** RFC 4418 §3.2.1: counters under the key, which is what counter mode makes of zeros. */
function derive(backend: Backend, key: Uint8Array, index: number, length: number): Uint8Array {
  const counter = new Uint8Array(16)
  counter[7] = index
  counter[15] = 1
  return backend.aesCtr(key, counter).update(new Uint8Array(length))
}

/** RFC 4418 §3.3: what hides the hash. Two tags of 64 bits share a block. */
function padding(
  backend: Backend,
  key: Uint8Array,
  tagSize: 8 | 16,
  nonceHigh: number,
): (seq: number) => Uint8Array {
  // CBC of (wanted block XOR last output) encrypts single blocks.
  let last: Uint8Array = new Uint8Array(16)
  const cipher = backend.aesCbc(key, last, 'encrypt')
  let of = -1
  return (seq) => {
    const index = tagSize === 8 ? seq & 1 : 0
    const nonce = (seq - index) >>> 0
    if (nonce !== of) {
      const block = last.slice()
      const view = new DataView(block.buffer)
      view.setUint32(0, view.getUint32(0) ^ nonceHigh)
      view.setUint32(4, view.getUint32(4) ^ nonce)
      last = cipher.update(block)
      of = nonce
    }
    return last.subarray(index * 8)
  }
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, at) => view.getUint32(at * 4))
}

function word64(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at)
}
