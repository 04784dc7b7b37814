/** Keys from the shared secret (RFC 4253 §7.2). */

import type { Backend, CipherAlgorithm, DirectionKeys, HashName, MacAlgorithm } from '@hawser/crypto'
import { concat, erase, noBytes } from '@hawser/wire'

export interface DerivationInput {
  readonly backend: Backend
  readonly hash: HashName
  /** K as it enters the hash: with its length in front. */
  readonly secret: Uint8Array
  /** H of this exchange. */
  readonly exchangeHash: Uint8Array
  /** H of the first exchange. */
  readonly sessionId: Uint8Array
}

const letters = {
  'client-to-server': { iv: 'A', key: 'C', macKey: 'E' },
  'server-to-client': { iv: 'B', key: 'D', macKey: 'F' },
} as const

/** The keys of one direction, as long as its cipher and MAC want them. */
export function deriveKeys(
  input: DerivationInput,
  direction: keyof typeof letters,
  cipher: CipherAlgorithm,
  mac: MacAlgorithm | undefined,
): DirectionKeys {
  const letter = letters[direction]
  return {
    iv: deriveKey(input, letter.iv, cipher.ivSize),
    key: deriveKey(input, letter.key, cipher.keySize),
    macKey: mac === undefined ? noBytes : deriveKey(input, letter.macKey, mac.keySize),
  }
}

/** `size` bytes for one letter: K1 = HASH(K ‖ H ‖ X ‖ session_id), K2 = HASH(K ‖ H ‖ K1), K3 = HASH(K ‖ H ‖ K1 ‖ K2)… */
export function deriveKey(input: DerivationInput, letter: string, size: number): Uint8Array {
  if (size === 0) return noBytes
  const { backend, hash, secret, exchangeHash, sessionId } = input
  let key = backend.hash(hash, secret, exchangeHash, Uint8Array.of(letter.charCodeAt(0)), sessionId)
  while (key.length < size) {
    const more = backend.hash(hash, secret, exchangeHash, key)
    const longer = concat(key, more)
    erase(key, more)
    key = longer
  }
  if (key.length === size) return key
  const cut = key.slice(0, size)
  erase(key)
  return cut
}
