/** Public keys in their SSH wire form (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). */

import { equal, Reader, Writer } from '@hawser/wire'
import { KeyError, reading } from './errors.ts'
import type { PublicKey } from './key.ts'
import { keyTypeNamed, keyTypeOf, type PrivateParts, type PublicParts } from './key-types/index.ts'

const format = 'public key blob'

/** The longest blob that is looked at, in bytes: an RSA key of 16,384 bits has 2,100, a certificate may have some thousands. */
const mostBytes = 65_536

/**
 * The key in `blob`, which is copied. Known types are checked strictly: exact lengths, canonical positive numbers, the
 * right curve, an RSA modulus of 1,024 to 16,384 bits. Whether a point is on its curve shows when a signature is checked.
 * Other types are kept as they are, to be compared, shown and passed on.
 * Throws {@link KeyError}.
 */
export function publicKeyFromBlob(blob: Uint8Array, comment?: string): PublicKey {
  readPublicBlob(blob)
  const own = Uint8Array.from(blob)
  return frozen(blobType(own), own, comment)
}

function frozen(type: string, blob: Uint8Array, comment: string | undefined): PublicKey {
  return Object.freeze(comment === undefined || comment === '' ? { type, blob } : { type, blob, comment })
}

/** The values in a blob; undefined when its type is not one of ours. Throws {@link KeyError}. */
export function readPublicBlob(blob: Uint8Array): PublicParts | undefined {
  const type = blobType(blob)
  const row = keyTypeNamed(type)
  if (row === undefined) return undefined
  return reading(format, () => {
    const from = new Reader(blob, type)
    from.string()
    const parts = row.readPublic(from)
    from.end()
    return parts
  })
}

/** The blob of a key's public values. */
export function formatPublicBlob(parts: PublicParts | PrivateParts): Uint8Array {
  const row = keyTypeOf(parts)
  const to = new Writer(row.name === 'ssh-rsa' || row.name === 'ssh-dss' ? 640 : 160).string(row.name)
  row.writePublic(to, parts)
  return to.finish().slice()
}

/** Makes the PublicKey of a key's public values, which have been checked where they were read. */
export function publicKeyOf(parts: PublicParts | PrivateParts, comment?: string): PublicKey {
  return frozen(keyTypeOf(parts).name, formatPublicBlob(parts), comment)
}

/** Whether both are the same key, whatever their comments. */
export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return equal(a.blob, b.blob)
}

/** The type name that a blob starts with. Throws {@link KeyError}. */
export function blobType(blob: Uint8Array): string {
  if (blob.length > mostBytes)
    throw new KeyError('SSH_KEY_FORMAT', `${format} of ${blob.length} bytes, the limit is ${mostBytes}`, {
      format,
    })
  const type = reading(format, () => new Reader(blob, format).ascii())
  if (!isTypeName(type))
    throw new KeyError('SSH_KEY_FORMAT', `${format} does not start with the name of a key type`, { format })
  return type
}

/** RFC 4250 §4.6.1: printable US-ASCII without space, comma or quotes, up to 64 characters. */
export function isTypeName(text: string): boolean {
  return /^[A-Za-z0-9][!#-+\--~]{0,63}$/.test(text)
}
