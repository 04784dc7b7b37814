/** Finds out what a file with a key is, and hands it to the reader of that format. */

import { defaultProvider } from '@hawser/crypto'
import { erase, UsageError, utf8Decode, utf8Encode } from '@hawser/wire'
import { type ArmouredBlock, decodeBlock, findBlocks } from './armour.ts'
import { KeyError } from './errors.ts'
import { dsaPem } from './formats/dsa-pem.ts'
import type { PrivateFormat, ReadOptions, ReadPrivate } from './formats/format.ts'
import { isJson, isPrivateJwk, parseJwk, readJwkPrivate, readJwkPublic } from './formats/jwk.ts'
import { openssh, opensshDefaults } from './formats/openssh.ts'
import { looksLikeLine, readLine } from './formats/openssh-line.ts'
import { pkcs1, readRsaPublic } from './formats/pkcs1.ts'
import { encryptedPkcs8, pkcs8 } from './formats/pkcs8.ts'
import { isPpk, readPpk, readPpkPublic } from './formats/ppk.ts'
import { isRfc4716, readRfc4716 } from './formats/rfc4716.ts'
import { sec1 } from './formats/sec1.ts'
import { readSpki } from './formats/spki.ts'
import { isSshCom, readSshCom } from './formats/sshcom.ts'
import { recognise, unsupportedLabel } from './formats/unsupported.ts'
import type { PrivateKey, PublicKey } from './key.ts'
import { publicKeyFromBlob, publicKeyOf } from './public-blob.ts'
import { type PrivateKeyOptions, privateKeyOf } from './sign.ts'

export interface ParseOptions extends PrivateKeyOptions {
  /** Text is taken as UTF-8. Not needed, and not looked at, when the key is not encrypted. */
  readonly passphrase?: string | Uint8Array
  /** The most rounds of bcrypt that an OpenSSH file may ask for, each some 8 ms. Default: 1024. */
  readonly maxKdfRounds?: number
  /** The most iterations of PBKDF2 that a PKCS#8 file may ask for. Default: 2,000,000, half a second in Node. */
  readonly maxKdfIterations?: number
  /** The most bytes of memory that Argon2 (PPK) or scrypt (PKCS#8) may take. Default: 256 MiB. */
  readonly maxKdfMemory?: number
  /** The most bytes that they may fill, which is memory times passes. Default: 1 GiB, up to five seconds of Argon2. */
  readonly maxKdfWork?: number
}

/** One row for each armoured format of private keys. */
const privateFormats: readonly PrivateFormat[] = [openssh, pkcs8, encryptedPkcs8, pkcs1, sec1, dsaPem]
const privateByLabel: ReadonlyMap<string, PrivateFormat> = new Map(
  privateFormats.map((row) => [row.label, row]),
)

/** Blocks that may stand in front of a key and are not it: `openssl ecparam -genkey` writes one. */
const passedOver: readonly string[] = ['EC PARAMETERS']

/** The longest file that is looked at, in bytes, as in OpenSSH. */
const mostBytes = 1_048_576

/**
 * Reads a private key: OpenSSH's own format, PKCS#1, SEC 1, DSA and PKCS#8 PEM, PuTTY's PPK, ssh.com's format, plain or
 * encrypted, and JSON Web Keys. `data` is the content of the file. Throws {@link KeyError}: its `code` says whether a passphrase is missing or
 * wrong, its message what was found and what to do. The public half is computed from the private one and compared, so a
 * key that is returned does sign; but for those of security keys, whose private half is not in the file.
 */
export function parsePrivateKey(data: string | Uint8Array, options: ParseOptions = {}): PrivateKey {
  const text = textOf(data)
  return withPassphrase(options.passphrase, (passphrase) => {
    const readOptions = readOptionsOf(options, passphrase)
    if (isPpk(text)) return keyOf('PuTTY private key', options, () => readPpk(rawOf(data), readOptions))
    if (isJson(text))
      return keyOf('JSON Web Key', options, () => ({
        parts: readJwkPrivate(parseJwk(text), readOptions.backend),
        comment: '',
      }))
    if (isSshCom(text)) return keyOf('ssh.com private key', options, () => readSshCom(text, readOptions))
    const block = firstBlock(text)
    if (block === undefined) throw noPrivateKey(text)
    const format = privateByLabel.get(block.label)
    if (format === undefined) throw unsupportedLabel(block.label, 'private')
    return keyOf(format.name, options, () => format.read(block, readOptions))
  })
}

/**
 * Reads a public key: an OpenSSH line (a certificate's too, see parseCertificate), an SSH blob (bytes), RFC 4716, `PUBLIC KEY` and `RSA PUBLIC KEY` PEM, a JSON Web Key,
 * or the public half of a private key file (of an encrypted one where the format leaves it readable). Throws {@link KeyError}.
 */
export function parsePublicKey(data: string | Uint8Array): PublicKey {
  // A blob starts with the length of its type name, under 65; no text starts with a zero byte.
  if (data instanceof Uint8Array && data[0] === 0) return publicKeyFromBlob(data)
  const text = textOf(data)
  if (isRfc4716(text)) return readRfc4716(text)
  if (isPpk(text)) return inFormat('PuTTY private key', () => readPpkPublic(rawOf(data)))
  if (isJson(text)) return inFormat('JSON Web Key', () => readPublicJwk(parseJwk(text)))
  if (isSshCom(text))
    return publicHalf(keyOf('ssh.com private key', {}, () => readSshCom(text, readOptionsOf({}, undefined))))
  const block = firstBlock(text)
  if (block === undefined) return readOnlyLine(text)
  switch (block.label) {
    case 'PUBLIC KEY':
      return publicKeyOf(inFormat('SPKI public key', () => readSpki(decodeBlock(block))))
    case 'RSA PUBLIC KEY':
      return publicKeyOf(inFormat('PKCS#1 RSA public key', () => readRsaPublic(decodeBlock(block))))
  }
  const format = privateByLabel.get(block.label)
  if (format === undefined) throw unsupportedLabel(block.label, 'public')
  try {
    return publicHalf(keyOf(format.name, {}, () => format.read(block, readOptionsOf({}, undefined))))
  } catch (error) {
    const encrypted = error instanceof KeyError && error.code === 'SSH_KEY_PASSPHRASE_NEEDED'
    if (encrypted && format.readPublic !== undefined) return format.readPublic(block)
    throw error
  }
}

/** Reads the private key in an object as `JSON.parse` gives it (RFC 7517). Throws {@link KeyError}. */
export function privateKeyFromJwk(jwk: object, options: PrivateKeyOptions = {}): PrivateKey {
  const { backend } = options.crypto ?? defaultProvider
  return keyOf('JSON Web Key', options, () => ({ parts: readJwkPrivate(jwk, backend), comment: '' }))
}

/** Reads the public key, or the public half of a private one, in an object as `JSON.parse` gives it. Throws {@link KeyError}. */
export function publicKeyFromJwk(jwk: object): PublicKey {
  return inFormat('JSON Web Key', () => readPublicJwk(jwk))
}

function readPublicJwk(jwk: object): PublicKey {
  // With a private half, both are compared.
  return isPrivateJwk(jwk) ? publicHalf(privateKeyFromJwk(jwk)) : publicKeyOf(readJwkPublic(jwk))
}

function publicHalf(key: PrivateKey): PublicKey {
  key.dispose()
  return key.publicKey
}

function keyOf(format: string, options: PrivateKeyOptions, read: () => ReadPrivate): PrivateKey {
  return inFormat(format, () => {
    const { parts, comment } = read()
    return privateKeyOf(parts, comment, options, format)
  })
}

function readOptionsOf(options: ParseOptions, passphrase: Uint8Array | undefined): ReadOptions {
  return {
    backend: (options.crypto ?? defaultProvider).backend,
    passphrase,
    maxKdfRounds: options.maxKdfRounds ?? opensshDefaults.maxRounds,
    maxKdfIterations: options.maxKdfIterations ?? 2_000_000,
    maxKdfMemory: options.maxKdfMemory ?? 256 * 1_048_576,
    maxKdfWork: options.maxKdfWork ?? 1024 * 1_048_576,
  }
}

/** Gives errors that were thrown deep inside the name of the format around them. */
function inFormat<T>(format: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof KeyError) || error.format !== undefined) throw error
    throw new KeyError(error.code, `${format}: ${error.message}`, { format, cause: error })
  }
}

function textOf(data: string | Uint8Array): string {
  if (typeof data !== 'string' && !(data instanceof Uint8Array))
    throw new UsageError('a key must be given as a string or a Uint8Array: the content of its file')
  if (data.length > mostBytes)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${data.length} bytes are too long for a key, the limit is ${mostBytes}`,
    )
  if (data instanceof Uint8Array && (data[0] === 0x30 || data.includes(0))) throw recognise(data)
  const text = typeof data === 'string' ? data : utf8Decode(data)
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** The bytes of a text file, without a byte order mark. */
function rawOf(data: string | Uint8Array): Uint8Array {
  if (typeof data === 'string') return utf8Encode(data.startsWith('\ufeff') ? data.slice(1) : data)
  return data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf ? data.subarray(3) : data
}

function firstBlock(text: string): ArmouredBlock | undefined {
  return findBlocks(text).find(({ label }) => !passedOver.includes(label))
}

function noPrivateKey(text: string): KeyError {
  if (isRfc4716(text) || text.split('\n', 100).some((line) => looksLikeLine(line.trim())))
    return new KeyError(
      'SSH_KEY_FORMAT',
      'this is a public key, where a private one is needed: its file has the same name without .pub',
    )
  return recognise(text)
}

/** The one line of `text` that is neither empty nor a comment. */
function readOnlyLine(text: string): PublicKey {
  const lines = /^[ \t]*([^\s#].*)$/gm
  const first = lines.exec(text)?.[1]?.trimEnd()
  if (first === undefined || !looksLikeLine(first)) throw recognise(text)
  if (lines.exec(text) !== null)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      'several lines where one public key is needed; parseAuthorizedKeys reads files with several',
    )
  return readLine(first)
}

function withPassphrase<T>(
  passphrase: string | Uint8Array | undefined,
  use: (bytes: Uint8Array | undefined) => T,
): T {
  if (typeof passphrase !== 'string') return use(passphrase)
  const bytes = utf8Encode(passphrase)
  try {
    return use(bytes)
  } finally {
    erase(bytes)
  }
}
