/** What people call a key: its type in a word, its size, and the line that ssh-keygen -l prints. */

import { type CryptoProvider, defaultProvider, type HashName } from '@hawser/crypto'
import { Reader } from '@hawser/wire'
import { certificateTypeNamed, plainBlobOf } from '../certificates/types.ts'
import { reading } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { positiveMpint } from '../key-types/row.ts'
import { bitLength } from '../key-types/rsa.ts'
import { blobType } from '../public-blob.ts'
import { fingerprint } from './fingerprint.ts'

export interface KeyDescription {
  /** As ssh-keygen writes it: `ED25519`, `RSA`, `ECDSA-SK`, `ED25519-CERT`; the type's own name when it is not one of ours. */
  readonly label: string
  /** Bits of the modulus or of the curve; 0 when the type is not one of ours. */
  readonly bits: number
}

interface Row {
  readonly label: string
  /** For types whose keys differ in size: which field behind the type name tells it. */
  readonly bits: number | { readonly field: number }
}

const rows: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['ssh-ed25519', { label: 'ED25519', bits: 256 }],
  ['ecdsa-sha2-nistp256', { label: 'ECDSA', bits: 256 }],
  ['ecdsa-sha2-nistp384', { label: 'ECDSA', bits: 384 }],
  ['ecdsa-sha2-nistp521', { label: 'ECDSA', bits: 521 }],
  // RFC 4253 §6.6: e, n
  ['ssh-rsa', { label: 'RSA', bits: { field: 1 } }],
  // RFC 4253 §6.6: p, q, g, y
  ['ssh-dss', { label: 'DSA', bits: { field: 0 } }],
  ['ssh-mldsa44-ed25519', { label: 'MLDSA44-ED25519', bits: 256 }],
  ['ssh-mldsa44-ed25519@openssh.com', { label: 'MLDSA44-ED25519', bits: 256 }],
  ['sk-ssh-ed25519@openssh.com', { label: 'ED25519-SK', bits: 256 }],
  ['sk-ecdsa-sha2-nistp256@openssh.com', { label: 'ECDSA-SK', bits: 256 }],
])

/** The most bytes of a modulus: OpenSSH's 16,384 bits. */
const mostBytes = 2048

/** Type and size of a key in the words of ssh-keygen. Throws {@link KeyError} for a blob that breaks the rules of its type. */
export function describeKey(key: PublicKey): KeyDescription {
  const plain = plainBlobOf(key.blob)
  const row = rows.get(blobType(plain))
  if (row === undefined) return { label: key.type, bits: 0 }
  const label = certificateTypeNamed(blobType(key.blob)) === undefined ? row.label : `${row.label}-CERT`
  const { bits } = row
  if (typeof bits === 'number') return { label, bits }
  return reading('public key blob', () => {
    const from = new Reader(plain, key.type)
    from.string()
    for (let field = 0; field < bits.field; field++) from.string()
    return { label, bits: bitLength(positiveMpint(from, `${key.type} modulus`, mostBytes)) }
  })
}

/** `256 SHA256:… comment (ED25519)`: the line of `ssh-keygen -l`. Throws {@link KeyError} as {@link describeKey}. */
export function fingerprintLine(
  key: PublicKey,
  hash: HashName = 'sha256',
  crypto: CryptoProvider = defaultProvider,
): string {
  const { label, bits } = describeKey(key)
  return `${bits} ${fingerprint(key, hash, crypto)} ${key.comment ?? 'no comment'} (${label})`
}
