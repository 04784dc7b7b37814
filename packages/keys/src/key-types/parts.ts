/** The values of a key of any type that is understood: those that the crypto package computes with, and those that it does not. */

import type { PrivateKeyParts, PublicKeyParts } from '@hawser/crypto'

/** Unsigned big-endian bytes without leading zeros. */
export interface DsaPublic {
  readonly type: 'dsa'
  readonly p: Uint8Array
  readonly q: Uint8Array
  readonly g: Uint8Array
  readonly y: Uint8Array
}

export interface DsaPrivate extends DsaPublic {
  readonly x: Uint8Array
}

/** What a security key signs with its signature: the name that the key was made for, `ssh:` unless its owner chose another. */
interface ForApplication {
  readonly application: Uint8Array
}

export interface SkEd25519Public extends ForApplication {
  readonly type: 'sk-ed25519'
  readonly publicKey: Uint8Array
}

export interface SkEcdsaPublic extends ForApplication {
  readonly type: 'sk-ecdsa'
  /** An uncompressed point of nistp256. */
  readonly publicKey: Uint8Array
}

/** What a key file holds in place of private values, which never leave the security key (OpenSSH PROTOCOL.u2f). */
export interface SecurityKeyFile {
  /** 1: touch needed, 4: PIN needed, 0x20: resident. */
  readonly flags: number
  readonly keyHandle: Uint8Array
  readonly reserved: Uint8Array
}

export type SkEd25519Private = SkEd25519Public & SecurityKeyFile
export type SkEcdsaPrivate = SkEcdsaPublic & SecurityKeyFile

/** The name since OpenSSH 10.6, and that of 10.4 and 10.5. */
export type CompositeName = 'ssh-mldsa44-ed25519' | 'ssh-mldsa44-ed25519@openssh.com'

export interface CompositePublic {
  readonly type: 'mldsa44-ed25519'
  readonly name: CompositeName
  /** That of ML-DSA-44, 1312 bytes, and that of Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
}

export interface CompositePrivate extends CompositePublic {
  /** That of ML-DSA-44 and that of Ed25519, 32 bytes each. */
  readonly seeds: Uint8Array
}

export type PublicParts = PublicKeyParts | DsaPublic | SkEd25519Public | SkEcdsaPublic | CompositePublic
export type PrivateParts = PrivateKeyParts | DsaPrivate | SkEd25519Private | SkEcdsaPrivate | CompositePrivate

/** Whether the values can sign in memory: a security key's are not there, and DSA is no longer signed with. */
export function canSign(parts: PrivateParts): parts is PrivateKeyParts | CompositePrivate {
  return ['ed25519', 'ecdsa', 'rsa', 'mldsa44-ed25519'].includes(parts.type)
}
