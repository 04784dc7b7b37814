/** ssh-ed25519 (RFC 8709). */

import type { PrivateKeyParts, PublicKeyParts } from '@hawser/crypto'
import { concat, equal, erase, ProtocolError, type Reader } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { KeyTypeRow } from './row.ts'

type Public = Extract<PublicKeyParts, { type: 'ed25519' }>
type Private = Extract<PrivateKeyParts, { type: 'ed25519' }>

export const ed25519: KeyTypeRow<Public, Private> = {
  name: 'ssh-ed25519',

  /** RFC 8709 §4: string key, 32 bytes. */
  readPublic: (from) => ({ type: 'ed25519', publicKey: exactly(from, 32, 'ed25519 public key').slice() }),

  writePublic(to, key) {
    to.string(key.publicKey)
  },

  /** The public key, then seed and public key in one string. */
  readPrivate(from) {
    const publicKey = exactly(from, 32, 'ed25519 public key').slice()
    const both = exactly(from, 64, 'ed25519 private key')
    if (!equal(both.subarray(32), publicKey))
      throw new KeyError('SSH_KEY_INVALID', 'ed25519: the two copies of the public key differ')
    return { type: 'ed25519', publicKey, seed: both.slice(0, 32) }
  },

  writePrivate(to, key) {
    const both = concat(key.seed, key.publicKey)
    to.string(key.publicKey).string(both)
    erase(both)
  },

  /** RFC 8709 §6: 64 bytes as they are. */
  encodeSignature: (raw) => raw,
  decodeSignature: (encoded) => (encoded.length === 64 ? encoded : undefined),
}

/** A string of exactly `length` bytes: a view. */
export function exactly(from: Reader, length: number, name: string): Uint8Array {
  const bytes = from.string()
  if (bytes.length !== length)
    throw new ProtocolError(`${name} has ${bytes.length} bytes where ${length} are needed`)
  return bytes
}
