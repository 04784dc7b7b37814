/** The encryption that old PEM files state in their headers (RFC 1421 §4.6.1.1, as OpenSSL writes it): recognised, not undone. */

import { type ArmouredBlock, decodeBlock } from '../armour.ts'
import { KeyError } from '../errors.ts'

/** The bytes of a block that is not encrypted. Throws {@link KeyError} for one that is. */
export function decodeUnencrypted(block: ArmouredBlock, format: string): Uint8Array {
  const procType = block.headers.get('proc-type')
  if (procType === undefined) return decodeBlock(block)
  const cipher = (block.headers.get('dek-info') ?? '').split(',')[0]?.trim().toLowerCase()
  throw new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: encrypted in the old PEM way${cipher ? ` (${cipher})` : ''}, which cannot be read yet; rewrite the file as an OpenSSH private key: ssh-keygen -p -f <file>`,
    { format, kdf: 'md5', ...(cipher ? { cipher } : {}) },
  )
}
