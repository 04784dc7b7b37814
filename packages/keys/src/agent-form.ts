/** Private keys in the form in which they are handed to agents (RFC 9987 §3.2): type name, fields, comment. */

import { type Reader, utf8Decode, type Writer } from '@hawser/wire'
import { KeyError, reading } from './errors.ts'
import type { PrivateKey } from './key.ts'
import { keyTypeNamed, keyTypeOf } from './key-types/index.ts'
import { type PrivateKeyOptions, privateKeyOf, privateParts } from './sign.ts'

const format = 'private key for an agent'

/** Appends `key` with its private values, not encrypted. Throws {@link KeyError} when they are not in memory. */
export function writeAgentKey(to: Writer, key: PrivateKey): void {
  const parts = privateParts(key)
  const row = keyTypeOf(parts)
  to.string(row.name)
  row.writePrivate(to, parts)
  to.string(key.comment)
}

/** Reads what {@link writeAgentKey} writes and leaves the reader behind it. Throws {@link KeyError}; types that are not ours are unsupported. */
export function readAgentKey(from: Reader, options: PrivateKeyOptions = {}): PrivateKey {
  return reading(format, () => {
    const type = from.ascii()
    const row = keyTypeNamed(type)
    if (row === undefined)
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        `${format}: keys of type ${JSON.stringify(type.slice(0, 64))} cannot be used here`,
        { format },
      )
    const parts = row.readPrivate(from)
    return privateKeyOf(parts, utf8Decode(from.string()), options, format)
  })
}
