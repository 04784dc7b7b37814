/** Short names of keys, as ssh-keygen -l prints them. */

import { type CryptoProvider, defaultProvider, type HashName } from '@hawser/crypto'
import { base64Encode, hexEncode } from '@hawser/wire'
import { plainBlobOf } from '../certificates/types.ts'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'

/**
 * `SHA256:` and base64 without padding, or `MD5:` and pairs of hexadecimal digits with colons (RFC 4716 §4), over the blob;
 * `SHA1:`, `SHA384:` and `SHA512:` in the manner of the first. A certificate has the fingerprint of the key that it certifies.
 * MD5 and SHA-1 are for comparing with old records only: they are broken. Never throws: of a malformed certificate it is over all of it.
 */
export function fingerprint(
  key: PublicKey,
  hash: HashName = 'sha256',
  crypto: CryptoProvider = defaultProvider,
): string {
  const digest = digestOf(key, hash, crypto)
  return `${hash.toUpperCase()}:${hash === 'md5' ? hexEncode(digest, ':') : base64Encode(digest, false)}`
}

/** The hash of the blob of the plain key. */
export function digestOf(key: PublicKey, hash: HashName, crypto: CryptoProvider): Uint8Array {
  return crypto.backend.hash(hash, identifyingBlob(key.blob))
}

/** Keys are named in logs before anybody has looked into them: what is no certificate after all stands for itself. */
function identifyingBlob(blob: Uint8Array): Uint8Array {
  try {
    return plainBlobOf(blob)
  } catch (error) {
    if (error instanceof KeyError) return blob
    throw error
  }
}
