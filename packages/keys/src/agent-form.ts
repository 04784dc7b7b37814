/** Private keys in the form in which they are handed to agents (RFC 9987 §3.2): type name, fields, comment; with a certificate in place of the public fields. */

import { equal, erase, Reader, utf8Decode, Writer } from '@hawser/wire'
import { parseCertificate } from './certificates/certificate.ts'
import { certificateSigner, plainKeyBehind } from './certificates/signer.ts'
import { type CertificateType, certificateTypeNamed } from './certificates/types.ts'
import { KeyError, reading } from './errors.ts'
import type { PrivateKey } from './key.ts'
import { keyTypeNamed, keyTypeOf } from './key-types/index.ts'
import { publicKeyFromBlob } from './public-blob.ts'
import { type PrivateKeyOptions, privateKeyOf, privateParts } from './sign.ts'

const format = 'private key for an agent'

/**
 * Appends `key` with its private values, not encrypted; a key with a certificate (`certificateSigner`) with that.
 * Throws {@link KeyError} when the values are not in memory.
 */
export function writeAgentKey(to: Writer, key: PrivateKey): void {
  const plain = plainKeyBehind(key)
  const parts = privateParts(plain ?? key)
  const row = keyTypeOf(parts)
  if (plain === undefined) {
    to.string(row.name)
    row.writePrivate(to, parts)
  } else {
    const fields = new Writer(2048)
    row.writePrivate(fields, parts)
    const all = fields.finish()
    to.string(key.publicKey.type).string(key.publicKey.blob).bytes(withoutPublic(all, row.name))
    erase(all)
  }
  to.string(key.comment)
}

/** Reads what {@link writeAgentKey} writes and leaves the reader behind it. Throws {@link KeyError}; types that are not ours are unsupported. */
export function readAgentKey(from: Reader, options: PrivateKeyOptions = {}): PrivateKey {
  return reading(format, () => {
    const type = from.ascii()
    const certificateType = certificateTypeNamed(type)
    if (certificateType !== undefined) return readCertified(from, certificateType, options)
    const row = keyTypeNamed(type)
    if (row === undefined) throw unsupported(type)
    const parts = row.readPrivate(from)
    return privateKeyOf(parts, utf8Decode(from.string()), options, format)
  })
}

/** Which fields of the private form a certificate makes needless, by their places in the public one; and how many follow. */
const certified: Readonly<Record<string, { readonly public: readonly number[]; readonly private: number }>> =
  {
    'ssh-ed25519': { public: [], private: 2 },
    'ecdsa-sha2-nistp256': { public: [0, 1], private: 1 },
    'ecdsa-sha2-nistp384': { public: [0, 1], private: 1 },
    'ecdsa-sha2-nistp521': { public: [0, 1], private: 1 },
    // n, e in private forms; e, n in public ones.
    'ssh-rsa': { public: [1, 0], private: 4 },
  }

function readCertified(from: Reader, type: CertificateType, options: PrivateKeyOptions): PrivateKey {
  const certificate = parseCertificate(publicKeyFromBlob(from.string()))
  const form = certified[type.plain]
  const row = keyTypeNamed(type.plain)
  if (form === undefined || row === undefined) throw unsupported(type.name)
  if (certificate.publicKey.type !== type.name)
    throw new KeyError('SSH_KEY_INVALID', `${format}: a certificate of another type than ${type.name}`, {
      format,
    })
  const fields = fieldsOf(certificate.key.blob)
  const to = new Writer(2048)
  for (const place of form.public) to.string(fields[place] as Uint8Array)
  for (let count = 0; count < form.private; count++) to.string(from.string())
  const all = to.finish()
  const parts = row.readPrivate(new Reader(all, format))
  erase(all)
  const comment = utf8Decode(from.string())
  const key = privateKeyOf(parts, comment, options, format)
  if (!equal(key.publicKey.blob, certificate.key.blob))
    throw new KeyError('SSH_KEY_INVALID', `${format}: the certificate is for another key`, { format })
  return certificateSigner(key, parseCertificate(publicKeyFromBlob(certificate.publicKey.blob, comment)))
}

/** What follows the public fields in a private form. */
function withoutPublic(all: Uint8Array, type: string): Uint8Array {
  const from = new Reader(all, format)
  for (const _ of certified[type]?.public ?? []) from.string()
  return from.rest()
}

/** The fields of a blob behind its type name. */
function fieldsOf(blob: Uint8Array): Uint8Array[] {
  const from = new Reader(blob, format)
  from.string()
  const fields: Uint8Array[] = []
  while (from.left > 0) fields.push(from.string())
  return fields
}

function unsupported(type: string): KeyError {
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: keys of type ${JSON.stringify(type.slice(0, 64))} cannot be used here`,
    { format },
  )
}
