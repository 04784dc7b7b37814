/** Writes keys: each format's writer, and the choice between them. */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { erase, UsageError, utf8Encode } from '@hawser/wire'
import { encodeBlock } from './armour.ts'
import { KeyError } from './errors.ts'
import { opensshDefaults, writeOpenSsh } from './formats/openssh.ts'
import { writeLine } from './formats/openssh-line.ts'
import { writeRsaPrivate } from './formats/pkcs1.ts'
import { writePkcs8 } from './formats/pkcs8.ts'
import { writeEcPrivate } from './formats/sec1.ts'
import { writeSpki } from './formats/spki.ts'
import type { PrivateKey, PublicKey } from './key.ts'
import { readPublicBlob } from './public-blob.ts'
import { privateParts } from './sign.ts'

export type FormatOptions = OpenSshFormatOptions | PemFormatOptions

/** OpenSSH's own format, plain or encrypted. */
export interface OpenSshFormatOptions {
  readonly format?: 'openssh'
  /** Empty or missing: not encrypted. */
  readonly passphrase?: string | Uint8Array
  /**
   * `aes256-ctr` (default), `aes192-ctr`, `aes128-ctr`, the same with `-cbc`, `aes256-gcm@openssh.com`,
   * `aes128-gcm@openssh.com`, `chacha20-poly1305@openssh.com`.
   */
  readonly cipher?: string
  /** Rounds of bcrypt, 1 to 1024, each some 8 ms for whoever tries a passphrase. Default: 24. */
  readonly rounds?: number
  /** Default: the key's. */
  readonly comment?: string
  readonly crypto?: CryptoProvider
}

/** `pem`: PKCS#1 for rsa, SEC 1 for ecdsa, nothing for ed25519. `pkcs8`: all. Neither is encrypted or has a comment. */
export interface PemFormatOptions {
  readonly format: 'pem' | 'pkcs8'
}

/** The text of a private key file. Throws {@link KeyError} for what the format cannot hold or the key does not give. */
export function formatPrivateKey(key: PrivateKey, options: FormatOptions = {}): string {
  const parts = privateParts(key)
  if (options.format === undefined || options.format === 'openssh') return formatOpenSsh(key, options)
  // Not in the type, so that it is an error for TypeScript too: the key would be written without encryption.
  if ((options as { readonly passphrase?: unknown }).passphrase !== undefined)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `the format ${options.format} cannot be encrypted yet; leave the passphrase out, or use the format openssh`,
      { format: options.format },
    )
  if (options.format === 'pkcs8') return encodeErased('PRIVATE KEY', writePkcs8(parts))
  if (options.format !== 'pem')
    throw new UsageError(`unknown format ${JSON.stringify(options.format)}: use openssh, pem or pkcs8`)
  switch (parts.type) {
    case 'rsa':
      return encodeErased('RSA PRIVATE KEY', writeRsaPrivate(parts))
    case 'ecdsa':
      return encodeErased('EC PRIVATE KEY', writeEcPrivate(parts, true))
    case 'ed25519':
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        'there is no old PEM format for ed25519 keys; use pkcs8 or openssh',
        {
          format: 'pem',
        },
      )
  }
}

export interface PublicFormatOptions {
  /** `openssh` (default): one line `type base64 comment` without a line end. `pem`: SPKI, `-----BEGIN PUBLIC KEY-----`. */
  readonly format?: 'openssh' | 'pem'
  /** For `openssh`. Default: the key's. */
  readonly comment?: string
}

/** The text of a public key. Throws {@link KeyError} for a comment with line ends and for keys that a format cannot hold. */
export function formatPublicKey(key: PublicKey, options: PublicFormatOptions = {}): string {
  if (options.format !== 'pem') return writeLine(key, options.comment)
  const parts = readPublicBlob(key.blob)
  if (parts === undefined)
    throw new KeyError('SSH_KEY_UNSUPPORTED', `a key of type ${key.type} cannot be written as SPKI`, {
      format: 'SPKI',
    })
  return encodeBlock('PUBLIC KEY', writeSpki(parts))
}

function formatOpenSsh(key: PrivateKey, options: OpenSshFormatOptions): string {
  const { passphrase, cipher = opensshDefaults.cipher, rounds = opensshDefaults.rounds } = options
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > opensshDefaults.maxRounds)
    throw new UsageError(`rounds of bcrypt must be 1 to ${opensshDefaults.maxRounds}, not ${rounds}`)
  const own = typeof passphrase === 'string' ? utf8Encode(passphrase) : undefined
  try {
    return writeOpenSsh((options.crypto ?? defaultProvider).backend, privateParts(key), {
      comment: options.comment ?? key.comment,
      passphrase: own ?? (passphrase as Uint8Array | undefined),
      cipher,
      rounds,
    })
  } finally {
    erase(own)
  }
}

function encodeErased(label: string, bytes: Uint8Array): string {
  const text = encodeBlock(label, bytes)
  erase(bytes)
  return text
}
