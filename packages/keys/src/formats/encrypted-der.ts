/** What encrypted PEM files have in common: block ciphers by their OpenSSL names, PKCS#7 padding, and how a wrong passphrase shows. */

import type { Backend } from '@hawser/crypto'
import { concat, erase } from '@hawser/wire'
import { KeyError, type KeyErrorFacts } from '../errors.ts'

export interface PemCipher {
  /** OpenSSL's, in lower case. */
  readonly name: string
  /** By which PKCS#5 (RFC 8018 appendix B.2) and NIST know it. */
  readonly oid: string
  readonly keySize: number
  /** Of a block and of the iv. */
  readonly blockSize: number
}

export const pemCiphers: readonly PemCipher[] = [
  { name: 'aes-256-cbc', oid: '2.16.840.1.101.3.4.1.42', keySize: 32, blockSize: 16 },
  { name: 'aes-192-cbc', oid: '2.16.840.1.101.3.4.1.22', keySize: 24, blockSize: 16 },
  { name: 'aes-128-cbc', oid: '2.16.840.1.101.3.4.1.2', keySize: 16, blockSize: 16 },
  { name: 'des-ede3-cbc', oid: '1.2.840.113549.3.7', keySize: 24, blockSize: 8 },
]

/** The longest encrypted part that is looked at, in bytes: an RSA key of 16,384 bits has some 9,600. */
const mostBytes = 65_536

/** The row of a cipher for a new file. Throws {@link KeyError} for one that is not there. */
export function pemCipher(name: string, format: string): PemCipher {
  const found = pemCiphers.find((row) => row.name === name.toLowerCase())
  if (found !== undefined) return found
  const names = pemCiphers.map((row) => row.name).join(', ')
  throw new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: cannot encrypt by ${JSON.stringify(name)}; there are ${names}`,
    { format, cipher: name },
  )
}

/** Refuses lengths that no key has, before anything is derived from a passphrase. */
export function checkEncrypted(ciphertext: Uint8Array, cipher: PemCipher, facts: KeyErrorFacts): void {
  if (ciphertext.length === 0 || ciphertext.length > mostBytes || ciphertext.length % cipher.blockSize !== 0)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${facts.format}: ${ciphertext.length} encrypted bytes by ${cipher.name}, where whole blocks of ${cipher.blockSize} and ${mostBytes} at most are needed`,
      facts,
    )
}

/**
 * The element of DER that was encrypted. There is no checksum, so that a wrong passphrase shows by wrong padding, or by
 * what comes out being no element that fills its place: then both are said.
 */
export function decryptDer(
  backend: Backend,
  cipher: PemCipher,
  key: Uint8Array,
  iv: Uint8Array,
  ciphertext: Uint8Array,
  facts: KeyErrorFacts,
): Uint8Array {
  const plain = create(backend, cipher, key, iv, 'decrypt').update(ciphertext)
  const padding = plain[plain.length - 1] as number
  const body = plain.slice(0, plain.length - padding)
  const padded =
    padding > 0 &&
    padding <= cipher.blockSize &&
    plain.subarray(plain.length - padding).every((byte) => byte === padding)
  erase(plain)
  if (padded && isOneSequence(body)) return body
  erase(body)
  throw new KeyError(
    'SSH_KEY_PASSPHRASE_WRONG',
    `${facts.format}: wrong passphrase, or the file is damaged`,
    facts,
  )
}

/** The inverse of {@link decryptDer}. */
export function encryptDer(
  backend: Backend,
  cipher: PemCipher,
  key: Uint8Array,
  iv: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  const padding = cipher.blockSize - (plain.length % cipher.blockSize)
  const padded = concat(plain, new Uint8Array(padding).fill(padding))
  const ciphertext = create(backend, cipher, key, iv, 'encrypt').update(padded)
  erase(padded)
  return ciphertext
}

function create(
  backend: Backend,
  cipher: PemCipher,
  key: Uint8Array,
  iv: Uint8Array,
  direction: 'encrypt' | 'decrypt',
): ReturnType<Backend['aesCbc']> {
  return cipher.name === 'des-ede3-cbc'
    ? backend.tripleDesCbc(key, iv, direction)
    : backend.aesCbc(key, iv, direction)
}

/** Whether a SEQUENCE of at least 128 bytes, or of few, fills `bytes`: as all keys do, and one guess in some millions. */
function isOneSequence(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30 || bytes.length < 2) return false
  const first = bytes[1] as number
  if (first < 0x80) return bytes.length === 2 + first
  const count = first & 0x7f
  let length = 0
  for (let i = 0; i < count && i < 4; i++) length = length * 256 + (bytes[2 + i] ?? 0)
  return bytes.length === 2 + count + length
}
