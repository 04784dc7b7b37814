/**
 * chacha20-poly1305@openssh.com over whole packets (OpenSSH PROTOCOL.chacha20poly1305), and the parts that longer
 * packets and test vectors need. The caller puts 64 bytes of key at KEYS before each function that uses them.
 */

import { packetBlocks, xorPayload, xorStream } from './chacha20'
import { DATA, KEYS, ONE_TIME_KEY, STREAM, TAG } from './layout'
import { begin, finish, update, verify } from './poly1305'

/** Encrypts in place a packet of `length` bytes at DATA, its length field included, and writes its tag behind it. */
export function seal(sequence: u32, length: usize): void {
  start(sequence)
  xorStream(DATA, 4, 0)
  payload(sequence, length - 4)
  update(DATA, length)
  finish(DATA + length)
  forget()
}

/** Decrypts in place the same without its length field, if the tag behind it fits; otherwise changes nothing. */
export function open(sequence: u32, length: usize): bool {
  start(sequence)
  v128.store(TAG, v128.load(DATA + length))
  update(DATA, length)
  const authentic = verify()
  if (authentic) payload(sequence, length - 4)
  forget()
  return authentic
}

/** An encrypted length field in the clear, or the other way round; both as read little-endian. */
export function lengthField(sequence: u32, field: u32): u32 {
  packetBlocks(sequence)
  const clear = field ^ load<u32>(STREAM)
  forget()
  return clear
}

/** Starts a packet in parts: the one-time key of its MAC. Gives the key stream of its length field, little-endian. */
export function beginPacket(sequence: u32): u32 {
  start(sequence)
  const field = load<u32>(STREAM)
  forget()
  return field
}

/** Adds `length` bytes at DATA to the MAC; whole blocks in all parts but the last. */
export function authenticate(length: usize): void {
  update(DATA, length)
}

/** Ends the MAC: the tag goes to TAG. */
export function finishTag(): void {
  finish(TAG)
}

/** Ends the MAC: whether it is the one at TAG. */
export function verifyTag(): bool {
  return verify()
}

/** ChaCha20 over `length` bytes at DATA, in place, from block `counter`; the nonce as three little-endian words. */
export function chacha20(length: usize, counter: u32, nonce0: u32, nonce1: u32, nonce2: u32): void {
  xorPayload(DATA, length, counter, nonce0, nonce1, nonce2)
  forget()
}

/** Starts a MAC under a one-time key given as the first half of KEYS. */
export function beginMac(): void {
  v128.store(ONE_TIME_KEY, v128.load(KEYS))
  v128.store(ONE_TIME_KEY, v128.load(KEYS, 16), 16)
  forget()
  begin()
}

/** Key streams for the packet's start, and its one-time key. */
function start(sequence: u32): void {
  packetBlocks(sequence)
  v128.store(ONE_TIME_KEY, v128.load(STREAM, 64))
  v128.store(ONE_TIME_KEY, v128.load(STREAM, 80), 16)
  begin()
}

/** Two blocks of the payload's key stream are there since `start`; the rest is made now. */
function payload(sequence: u32, length: usize): void {
  if (length <= 128) {
    xorStream(DATA + 4, length, 128)
  } else {
    xorStream(DATA + 4, 128, 128)
    xorPayload(DATA + 132, length - 128, 3, 0, 0, bswap<u32>(sequence))
  }
}

/** Overwrites keys and key streams. */
function forget(): void {
  const zero = i32x4(0, 0, 0, 0)
  for (let at: usize = 0; at < 64; at += 16) v128.store(KEYS + at, zero)
  for (let at: usize = 0; at < 256; at += 16) v128.store(STREAM + at, zero)
}
