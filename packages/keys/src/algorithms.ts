/** Which signature algorithms a type of key has (RFC 8332 §3, RFC 5656 §3.1.2, RFC 8709 §6). */

import type { HashName } from '@hawser/crypto'
import { webauthnEcdsa } from './key-types/webauthn.ts'

export interface SignatureAlgorithm {
  /** The name in negotiation and in signature blobs. */
  readonly name: string
  /** The type of keys that sign by it. */
  readonly keyType: string
  /** Applied to the data before the signature; Ed25519 hashes by itself. */
  readonly hash: HashName
  /** Used only when the caller asks for it. */
  readonly insecure?: true
  /** No key in memory signs by it: the private half is in a security key, or it is too old. */
  readonly verifyOnly?: true
}

/** Best first within a type of key. */
const rows: readonly SignatureAlgorithm[] = [
  { name: 'ssh-ed25519', keyType: 'ssh-ed25519', hash: 'sha512' },
  /** RFC 5656 §6.2.1: the hash grows with the curve. */
  { name: 'ecdsa-sha2-nistp256', keyType: 'ecdsa-sha2-nistp256', hash: 'sha256' },
  { name: 'ecdsa-sha2-nistp384', keyType: 'ecdsa-sha2-nistp384', hash: 'sha384' },
  { name: 'ecdsa-sha2-nistp521', keyType: 'ecdsa-sha2-nistp521', hash: 'sha512' },
  { name: 'rsa-sha2-512', keyType: 'ssh-rsa', hash: 'sha512' },
  { name: 'rsa-sha2-256', keyType: 'ssh-rsa', hash: 'sha256' },
  /** SHA-1: collisions can be made, so that signatures can be moved (RFC 8332 §1). */
  { name: 'ssh-rsa', keyType: 'ssh-rsa', hash: 'sha1', insecure: true },
  /** SHA-1 too, and keys of 1,024 bits (RFC 4253 §6.6). */
  { name: 'ssh-dss', keyType: 'ssh-dss', hash: 'sha1', insecure: true, verifyOnly: true },
  /** Post-quantum and Ed25519 at once; both halves sign a SHA-512 hash. */
  { name: 'ssh-mldsa44-ed25519', keyType: 'ssh-mldsa44-ed25519', hash: 'sha512' },
  {
    name: 'ssh-mldsa44-ed25519@openssh.com',
    keyType: 'ssh-mldsa44-ed25519@openssh.com',
    hash: 'sha512',
  },
  /** OpenSSH PROTOCOL.u2f. */
  {
    name: 'sk-ssh-ed25519@openssh.com',
    keyType: 'sk-ssh-ed25519@openssh.com',
    hash: 'sha512',
    verifyOnly: true,
  },
  {
    name: 'sk-ecdsa-sha2-nistp256@openssh.com',
    keyType: 'sk-ecdsa-sha2-nistp256@openssh.com',
    hash: 'sha256',
    verifyOnly: true,
  },
  { name: webauthnEcdsa, keyType: 'sk-ecdsa-sha2-nistp256@openssh.com', hash: 'sha256', verifyOnly: true },
]

const byName: ReadonlyMap<string, SignatureAlgorithm> = new Map(rows.map((row) => [row.name, row]))

/** The row of an algorithm's name; undefined when it is not one of ours. */
export function signatureAlgorithm(name: string): SignatureAlgorithm | undefined {
  return byName.get(name)
}

/** Names of the algorithms by which keys of `keyType` sign in memory, best first; insecure ones only when asked for, at the end. */
export function algorithmsOf(keyType: string, o: { readonly insecure?: boolean } = {}): readonly string[] {
  return rows
    .filter(
      (row) =>
        row.keyType === keyType && row.verifyOnly !== true && (row.insecure !== true || o.insecure === true),
    )
    .map(({ name }) => name)
}
