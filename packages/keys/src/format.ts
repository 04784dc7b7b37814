/** Writes keys: each format's writer, and the choice between them. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { erase, UsageError, utf8Encode } from '@hawser/wire'
import { encodeBlock } from './armour.ts'
import { KeyError } from './errors.ts'
import { writeDsaPrivate } from './formats/dsa-pem.ts'
import { type Jwk, writeJwkPrivate, writeJwkPublic } from './formats/jwk.ts'
import { opensshDefaults, writeOpenSsh } from './formats/openssh.ts'
import { checkComment, writeLine } from './formats/openssh-line.ts'
import { sealPbes2 } from './formats/pbes2.ts'
import { encodeEncryptedPem } from './formats/pem-encryption.ts'
import { writeRsaPrivate, writeRsaPublic } from './formats/pkcs1.ts'
import { writePkcs8 } from './formats/pkcs8.ts'
import { writePpk } from './formats/ppk.ts'
import { writeRfc4716 } from './formats/rfc4716.ts'
import { writeEcPrivate } from './formats/sec1.ts'
import { writeSpki } from './formats/spki.ts'
import type { PrivateKey, PublicKey } from './key.ts'
import type { PrivateParts, PublicParts } from './key-types/index.ts'
import { readPublicBlob } from './public-blob.ts'
import { privateParts } from './sign.ts'

export type FormatOptions =
  | OpenSshFormatOptions
  | PemFormatOptions
  | Pkcs8FormatOptions
  | PpkFormatOptions
  | JwkFormatOptions

/** What all formats that can be encrypted have. */
interface EncryptionOptions {
  /** Empty or missing: not encrypted. Text is taken as UTF-8. */
  readonly passphrase?: string | Uint8Array
  readonly crypto?: CryptoProvider
}

/** OpenSSH's own format: `-----BEGIN OPENSSH PRIVATE KEY-----`. */
export interface OpenSshFormatOptions extends EncryptionOptions {
  readonly format?: 'openssh'
  /**
   * `aes256-ctr` (default), `aes192-ctr`, `aes128-ctr`, the same with `-cbc`, `aes256-gcm@openssh.com`,
   * `aes128-gcm@openssh.com`, `chacha20-poly1305@openssh.com`, `3des-cbc`.
   */
  readonly cipher?: string
  /** Rounds of bcrypt, 1 to 1024, each some 8 ms for whoever tries a passphrase. Default: 24. */
  readonly rounds?: number
  /** Default: the key's. */
  readonly comment?: string
}

/** PKCS#1 for rsa, SEC 1 for ecdsa, OpenSSL's form for dsa; nothing for ed25519. Its encryption is weak: a guess costs one MD5. */
export interface PemFormatOptions extends EncryptionOptions {
  readonly format: 'pem'
  /** `aes-256-cbc` (default), `aes-192-cbc`, `aes-128-cbc`, `des-ede3-cbc`. */
  readonly cipher?: string
}

/** `-----BEGIN PRIVATE KEY-----`, or `ENCRYPTED PRIVATE KEY` by PBES2 (RFC 8018). */
export interface Pkcs8FormatOptions extends EncryptionOptions {
  readonly format: 'pkcs8'
  /** As for `pem`. */
  readonly cipher?: string
  /** Default: `pbkdf2`, by HMAC with SHA-256. `scrypt` takes 16 MiB (n 16384, r 8, p 1), as OpenSSL reads no more. */
  readonly kdf?: 'pbkdf2' | 'scrypt'
  /** Of PBKDF2, 1 to 2,000,000. Default: 600,000, some 0.2 s in Node. */
  readonly iterations?: number
}

/** PuTTY's format, encrypted by aes256-cbc. */
export interface PpkFormatOptions extends EncryptionOptions {
  readonly format: 'ppk'
  /** 2 is for PuTTY before 0.75: a guess costs one SHA-1. Default: 3. */
  readonly version?: 2 | 3
  /** Of version 3. Default: `argon2id`. */
  readonly kdf?: 'argon2id' | 'argon2i' | 'argon2d'
  /** In KiB, 8 to 262,144. Default: 8192. */
  readonly memory?: number
  /** 1 to 1024. Default: 13. */
  readonly passes?: number
  /** Default: the key's. */
  readonly comment?: string
}

/** A JSON Web Key, as text; {@link privateKeyToJwk} gives the object. Not encrypted. */
export interface JwkFormatOptions {
  readonly format: 'jwk'
}

/** The text of a private key file. Throws {@link KeyError} for what the format cannot hold or the key does not give. */
export function formatPrivateKey(key: PrivateKey, options: FormatOptions = {}): string {
  const parts = privateParts(key)
  const passphrase = 'passphrase' in options ? options.passphrase : undefined
  const own = typeof passphrase === 'string' ? utf8Encode(passphrase) : undefined
  const given = own ?? (passphrase as Uint8Array | undefined)
  try {
    return write(key, parts, options, given === undefined || given.length === 0 ? undefined : given)
  } finally {
    erase(own)
  }
}

function write(
  key: PrivateKey,
  parts: PrivateParts,
  options: FormatOptions,
  passphrase: Uint8Array | undefined,
): string {
  const { backend } = ('crypto' in options ? options.crypto : undefined) ?? defaultProvider
  switch (options.format) {
    case undefined:
    case 'openssh': {
      const {
        cipher = opensshDefaults.cipher,
        rounds = opensshDefaults.rounds,
        comment = key.comment,
      } = options
      checkWhole('rounds of bcrypt', rounds, 1, opensshDefaults.maxRounds)
      return writeOpenSsh(backend, parts, { comment, passphrase, cipher, rounds })
    }
    case 'pem': {
      const [label, bytes] = customaryPem(parts)
      if (passphrase === undefined) return encodeErased(label, bytes)
      const text = encodeEncryptedPem(backend, label, bytes, passphrase, options.cipher ?? 'aes-256-cbc')
      erase(bytes)
      return text
    }
    case 'pkcs8': {
      const { cipher = 'aes-256-cbc', kdf = 'pbkdf2', iterations = 600_000 } = options
      checkWhole('iterations of PBKDF2', iterations, 1, 2_000_000)
      if (kdf !== 'pbkdf2' && kdf !== 'scrypt')
        throw new UsageError(`unknown kdf ${JSON.stringify(kdf)}: use pbkdf2 or scrypt`)
      const bytes = writePkcs8(parts)
      if (passphrase === undefined) return encodeErased('PRIVATE KEY', bytes)
      const sealed = sealPbes2(backend, bytes, passphrase, { cipher, kdf, iterations })
      erase(bytes)
      return encodeBlock('ENCRYPTED PRIVATE KEY', sealed)
    }
    case 'ppk': {
      const { version = 3, kdf = 'argon2id', memory = 8192, passes = 13, comment = key.comment } = options
      checkWhole('version of PPK', version, 2, 3)
      checkWhole('KiB of memory', memory, 8, 262_144)
      checkWhole('passes of Argon2', passes, 1, 1024)
      if (!/^argon2(?:id|i|d)$/.test(kdf))
        throw new UsageError(`unknown kdf ${JSON.stringify(kdf)}: use argon2id, argon2i or argon2d`)
      checkComment(comment)
      const cost = { variant: kdf, memory, passes, parallelism: 1 }
      return writePpk(backend, parts, { version, comment, passphrase, cost })
    }
    case 'jwk':
      if (passphrase !== undefined)
        throw new KeyError('SSH_KEY_UNSUPPORTED', 'the format jwk cannot be encrypted', { format: 'jwk' })
      return `${JSON.stringify(writeJwkPrivate(parts), undefined, 2)}\n`
    default:
      throw new UsageError(
        `unknown format ${JSON.stringify((options as { readonly format: unknown }).format)}: use openssh, pem, pkcs8, ppk or jwk`,
      )
  }
}

/** The private key as an object for `JSON.stringify` or WebCrypto (RFC 7517). Throws {@link KeyError} for types that there is none of. */
export function privateKeyToJwk(key: PrivateKey): Jwk {
  return writeJwkPrivate(privateParts(key))
}

/** The public key as an object (RFC 7517). Throws {@link KeyError} for types that there is none of. */
export function publicKeyToJwk(key: PublicKey): Jwk {
  return writeJwkPublic(publicParts(key, 'a JSON Web Key'))
}

function customaryPem(parts: PrivateParts): [label: string, bytes: Uint8Array] {
  switch (parts.type) {
    case 'rsa':
      return ['RSA PRIVATE KEY', writeRsaPrivate(parts)]
    case 'ecdsa':
      return ['EC PRIVATE KEY', writeEcPrivate(parts, true)]
    case 'dsa':
      return ['DSA PRIVATE KEY', writeDsaPrivate(parts)]
    case 'ed25519':
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        `there is no old PEM format for ${parts.type} keys; use ${parts.type === 'ed25519' ? 'pkcs8 or ' : ''}openssh`,
        { format: 'pem' },
      )
  }
}

function checkWhole(what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new UsageError(`${what} must be ${least} to ${most}, not ${value}`)
}

export interface PublicFormatOptions {
  /**
   * `openssh` (default): one line `type base64 comment` without a line end. `pem`: SPKI, `-----BEGIN PUBLIC KEY-----`.
   * `pkcs1`: `-----BEGIN RSA PUBLIC KEY-----`. `rfc4716`: `---- BEGIN SSH2 PUBLIC KEY ----`. `jwk`: JSON.
   */
  readonly format?: 'openssh' | 'pem' | 'pkcs1' | 'rfc4716' | 'jwk'
  /** For `openssh` and `rfc4716`. Default: the key's. */
  readonly comment?: string
}

/** The text of a public key. Throws {@link KeyError} for a comment with line ends and for keys that a format cannot hold. */
export function formatPublicKey(key: PublicKey, options: PublicFormatOptions = {}): string {
  switch (options.format) {
    case undefined:
    case 'openssh':
      return writeLine(key, options.comment)
    case 'pem':
      return encodeBlock('PUBLIC KEY', writeSpki(publicParts(key, 'SPKI')))
    case 'pkcs1': {
      const parts = publicParts(key, 'PKCS#1')
      if (parts.type !== 'rsa') throw noForm(key, 'PKCS#1')
      return encodeBlock('RSA PUBLIC KEY', writeRsaPublic(parts))
    }
    case 'rfc4716': {
      const comment = options.comment ?? key.comment ?? ''
      checkComment(comment)
      return writeRfc4716(key, comment)
    }
    case 'jwk':
      return `${JSON.stringify(publicKeyToJwk(key), undefined, 2)}\n`
    default:
      throw new UsageError(
        `unknown format ${JSON.stringify(options.format)}: use openssh, pem, pkcs1, rfc4716 or jwk`,
      )
  }
}

/** The values of a key that is to be written in `format`. */
function publicParts(key: PublicKey, format: string): PublicParts {
  const parts = readPublicBlob(key.blob)
  if (parts === undefined) throw noForm(key, format)
  return parts
}

function noForm(key: PublicKey, format: string): KeyError {
  return new KeyError('SSH_KEY_UNSUPPORTED', `a key of type ${key.type} cannot be written as ${format}`, {
    format,
  })
}

function encodeErased(label: string, bytes: Uint8Array): string {
  const text = encodeBlock(label, bytes)
  erase(bytes)
  return text
}
