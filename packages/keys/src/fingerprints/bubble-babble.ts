/** Digests as words that can be spoken (Huima, "The Bubble Babble Binary Data Encoding", 2000), as ssh-keygen -B prints them. */

import { type CryptoProvider, defaultProvider, type HashName } from '@hawser/crypto'
import type { PublicKey } from '../key.ts'
import { digestOf } from './fingerprint.ts'

const vowels = 'aeiouy'
const consonants = 'bcdfghklmnprstvzx'

/** The fingerprint of `key` in bubble babble; ssh-keygen takes SHA-1, the default. */
export function bubbleBabbleFingerprint(
  key: PublicKey,
  hash: HashName = 'sha1',
  crypto: CryptoProvider = defaultProvider,
): string {
  return bubbleBabble(digestOf(key, hash, crypto))
}

/** Any bytes in bubble babble: five letters for two bytes, with a checksum that runs along. */
export function bubbleBabble(bytes: Uint8Array): string {
  let text = 'x'
  let checksum = 1
  /** Vowel, consonant, vowel of one byte. */
  const tuple = (byte: number): string =>
    pick(vowels, (byte >> 6) + checksum) +
    pick(consonants, (byte >> 2) & 15) +
    pick(vowels, (byte & 3) + Math.floor(checksum / 6))
  let at = 0
  for (; at + 1 < bytes.length; at += 2) {
    const [first, second] = [bytes[at] as number, bytes[at + 1] as number]
    text += `${tuple(first)}${pick(consonants, second >> 4)}-${pick(consonants, second & 15)}`
    checksum = (checksum * 5 + first * 7 + second) % 36
  }
  // An odd byte, or in its place what the checksum says, around the consonant that stands for nothing.
  text +=
    at < bytes.length
      ? tuple(bytes[at] as number)
      : `${pick(vowels, checksum)}x${pick(vowels, Math.floor(checksum / 6))}`
  return `${text}x`
}

function pick(letters: string, index: number): string {
  return letters[letters === vowels ? index % 6 : index] as string
}
