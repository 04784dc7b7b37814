/** Short names of keys, as ssh-keygen -l prints them. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { base64Encode, hexEncode } from '@hawser/wire'
import type { PublicKey } from '../key.ts'

/**
 * `SHA256:` and base64 without padding, or `MD5:` and pairs of hexadecimal digits with colons (RFC 4716 §4), over the blob.
 * MD5 is for comparing with old records only: it is broken.
 */
export function fingerprint(
  key: PublicKey,
  hash: 'sha256' | 'md5' = 'sha256',
  crypto: CryptoProvider = defaultProvider,
): string {
  const digest = crypto.backend.hash(hash, key.blob)
  return hash === 'md5' ? `MD5:${hexEncode(digest, ':')}` : `SHA256:${base64Encode(digest, false)}`
}
