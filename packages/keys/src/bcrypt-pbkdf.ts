/** The key derivation of OpenSSH's private key files: PBKDF2's frame around an expensive Blowfish setup (OpenBSD bcrypt_pbkdf(3)). */

import type { Backend } from '@hawser/crypto'
import { base64Decode, concat, erase, latin1Encode } from '@hawser/wire'
import { piDigits } from './blowfish-pi.generated.ts'

/** Bytes of output of one bcrypt hash. */
const blockBytes = 32
const expansions = 64

/**
 * `length` bytes from a passphrase. Takes some 4 ms per round and 32 bytes of output: bound `rounds` before.
 * Throws RangeError for an empty passphrase or salt, rounds under 1 and lengths outside of 1 to 1024.
 */
export function bcryptPbkdf(
  backend: Pick<Backend, 'hash'>,
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Uint8Array {
  if (passphrase.length === 0 || salt.length === 0 || rounds < 1 || length < 1 || length > blockBytes ** 2)
    throw new RangeError('bcrypt-pbkdf: empty passphrase or salt, or rounds or length out of range')
  const hash = createBcryptHash()
  const secret = backend.hash('sha512', passphrase)
  const blocks = Math.ceil(length / blockBytes)
  const output = new Uint8Array(length)
  for (let block = 0; block < blocks; block++) {
    const counter = Uint8Array.of(0, 0, 0, block + 1)
    let last = hash(secret, backend.hash('sha512', concat(salt, counter)))
    const sum = last.slice()
    for (let round = 1; round < rounds; round++) {
      last = hash(secret, backend.hash('sha512', last))
      for (let at = 0; at < blockBytes; at++) (sum[at] as number) ^= last[at] as number
    }
    // Unlike PBKDF2's, the bytes of the blocks are dealt out in turn, so that none can be had without all blocks.
    for (let at = 0; at * blocks + block < length && at < blockBytes; at++)
      output[at * blocks + block] = sum[at] as number
    erase(sum, last)
  }
  erase(secret)
  return output
}

/** The text that is encrypted by the key that came out, as eight words. */
const plaintext = words(latin1Encode('OxychromaticBlowfishSwatDynamite'))

/** Gives the hash function of bcrypt-pbkdf: 32 bytes from two SHA-512 digests. Its 4 KiB of state are made once. */
function createBcryptHash(): (key: Uint8Array, salt: Uint8Array) => Uint8Array {
  const pi = words(base64Decode(piDigits) as Uint8Array)
  const subkeys = new Int32Array(18)
  const boxes = new Int32Array(1024)
  return (key, salt) => {
    const keyWords = words(key)
    const saltWords = words(salt)
    subkeys.set(pi.subarray(0, 18))
    boxes.set(pi.subarray(18))
    expand(subkeys, boxes, keyWords, saltWords)
    for (let i = 0; i < expansions; i++) {
      expand(subkeys, boxes, saltWords, noSalt)
      expand(subkeys, boxes, keyWords, noSalt)
    }
    const text = plaintext.slice()
    for (let at = 0; at < text.length; at += 2) repeat(subkeys, boxes, text, at)
    // Little-endian here, though every other word is big-endian.
    const output = new Uint8Array(blockBytes)
    const view = new DataView(output.buffer)
    for (const [index, word] of text.entries()) view.setInt32(index * 4, word, true)
    erase(new Uint8Array(keyWords.buffer), new Uint8Array(boxes.buffer), new Uint8Array(subkeys.buffer))
    return output
  }
}

const noSalt = new Int32Array(16)

/** Blowfish's key schedule over 16 words of key, with 16 words of salt mixed into its chain. */
function expand(p: Int32Array, s: Int32Array, key: Int32Array, salt: Int32Array): void {
  for (let i = 0; i < 18; i++) (p[i] as number) ^= key[i & 15] as number
  const chain = replace(p, p, s, salt, 0, new Int32Array(2))
  replace(s, p, s, salt, 18, chain)
}

/** Replaces the words of `target` (the subkeys, then the boxes) by a chain of encipherments that uses them while they change. */
function replace(
  target: Int32Array,
  p: Int32Array,
  s: Int32Array,
  salt: Int32Array,
  from: number,
  chain: Int32Array,
): Int32Array {
  let l = chain[0] as number
  let r = chain[1] as number
  for (let at = 0; at < target.length; at += 2) {
    l ^= salt[(from + at) & 15] as number
    r ^= salt[(from + at + 1) & 15] as number
    // The same as encipher(), in place: a call and an array for each would cost a third more.
    l ^= p[0] as number
    for (let i = 1; i < 17; i += 2) {
      r ^= mix(s, l) ^ (p[i] as number)
      l ^= mix(s, r) ^ (p[i + 1] as number)
    }
    const swapped = r ^ (p[17] as number)
    r = l
    l = swapped
    target[at] = l
    target[at + 1] = r
  }
  chain[0] = l
  chain[1] = r
  return chain
}

/** Encrypts the two words at `at` 64 times. */
function repeat(p: Int32Array, s: Int32Array, text: Int32Array, at: number): void {
  const block = text.subarray(at, at + 2)
  for (let i = 0; i < expansions; i++) encipher(p, s, block)
}

function encipher(p: Int32Array, s: Int32Array, block: Int32Array): void {
  let l = (block[0] as number) ^ (p[0] as number)
  let r = block[1] as number
  for (let i = 1; i < 17; i += 2) {
    r ^= mix(s, l) ^ (p[i] as number)
    l ^= mix(s, r) ^ (p[i + 1] as number)
  }
  block[0] = r ^ (p[17] as number)
  block[1] = l
}

/** Blowfish's F: one look-up in each box. */
function mix(s: Int32Array, x: number): number {
  return (
    ((((s[x >>> 24] as number) + (s[256 | ((x >>> 16) & 255)] as number)) ^
      (s[512 | ((x >>> 8) & 255)] as number)) +
      (s[768 | (x & 255)] as number)) |
    0
  )
}

function words(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Int32Array.from({ length: bytes.length >> 2 }, (_, index) => view.getInt32(index * 4))
}
