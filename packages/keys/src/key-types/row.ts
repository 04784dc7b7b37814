/** What the package knows about one type of key: its fields on the wire and the shape of its signatures. */

import { ProtocolError, type Reader, type Writer } from '@hawser/wire'
import type { PrivateParts, PublicParts } from './parts.ts'

/** A row of the table of key types. Readers start behind the type name, throw ProtocolError or KeyError, and return copies. */
export interface KeyTypeRow<
  Public extends PublicParts = PublicParts,
  Private extends PrivateParts = PrivateParts,
> {
  /** The name in blobs and files. */
  readonly name: string
  /** Fields of the public blob (RFC 4253 §6.6). */
  readPublic(from: Reader): Public
  writePublic(to: Writer, key: Public | Private): void
  /** Fields of a private key in openssh-key-v1 files, which agents use too (OpenSSH PROTOCOL.key, RFC 9987 §3.2). */
  readPrivate(from: Reader): Private
  writePrivate(to: Writer, key: Private): void
  /** The signature as it stands in a signature blob, of one as the backend makes it. */
  encodeSignature(raw: Uint8Array, key: Public): Uint8Array
  /** The inverse; undefined for everything that no strict encoder would write. */
  decodeSignature(encoded: Uint8Array, key: Public): Uint8Array | undefined
}

/** An mpint that must be positive, as unsigned bytes without leading zeros, copied. `most` bounds its bytes. */
export function positiveMpint(from: Reader, name: string, most: number): Uint8Array {
  const content = from.string()
  const first = content[0]
  if (first === undefined || first >= 0x80) throw new ProtocolError(`${name} must be a positive number`)
  if (first === 0 && (content.length === 1 || (content[1] as number) < 0x80))
    throw new ProtocolError(`${name} is an mpint with a needless leading byte`)
  const digits = content.subarray(first === 0 ? 1 : 0)
  if (digits.length > most)
    throw new ProtocolError(`${name} has ${digits.length} bytes, the limit is ${most}`)
  return digits.slice()
}
