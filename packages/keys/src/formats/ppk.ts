/** PuTTY's private key files, versions 2 and 3 (PuTTY manual, appendix C). */

import type { Argon2Cost, Backend } from '@hawser/crypto'
import {
  base64Decode,
  base64Encode,
  concat,
  equal,
  erase,
  hexDecode,
  hexEncode,
  latin1Decode,
  latin1Encode,
  Reader,
  utf8Decode,
  utf8Encode,
  Writer,
} from '@hawser/wire'
import { accepting, KeyError, type KeyErrorFacts, reading } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { checkDsaPublic } from '../key-types/dsa.ts'
import { curveSize, padded } from '../key-types/ecdsa.ts'
import { keyTypeOf, type PrivateParts, type PublicParts } from '../key-types/index.ts'
import { positiveMpint } from '../key-types/row.ts'
import { formatPublicBlob, publicKeyFromBlob, readPublicBlob } from '../public-blob.ts'
import type { ReadOptions, ReadPrivate } from './format.ts'

const name = 'PuTTY private key'
const encryptedCipher = 'aes256-cbc'

/** Lines of base64 of each part, and bytes of a file: far more than an RSA key of 16,384 bits needs. */
const mostLines = 1000
const mostBytes = 262_144

export function isPpk(text: string): boolean {
  return /^PuTTY-User-Key-File-\d+:/.test(text)
}

/** Throws {@link KeyError}. */
export function readPpk(data: Uint8Array, options: ReadOptions): ReadPrivate {
  const file = readFields(data)
  const facts = factsOf(file)
  const publicParts = readPublicBlob(file.publicBlob)
  const { backend, passphrase } = options
  const encrypted = file.encryption !== 'none'
  if (encrypted && (passphrase === undefined || passphrase.length === 0))
    throw new KeyError(
      'SSH_KEY_PASSPHRASE_NEEDED',
      `${name}: encrypted by ${file.encryption}, and no passphrase was given`,
      facts,
    )
  const secret = deriveSecret(backend, file, encrypted ? (passphrase as Uint8Array) : undefined, options)
  const plain = encrypted
    ? backend.aesCbc(secret.key, secret.iv, 'decrypt').update(file.privateBytes)
    : file.privateBytes
  try {
    if (!equal(macOf(backend, file, secret, plain), file.mac))
      throw new KeyError(
        encrypted ? 'SSH_KEY_PASSPHRASE_WRONG' : 'SSH_KEY_FORMAT',
        `${name}: ${encrypted ? 'wrong passphrase, or the file is damaged' : 'its Private-MAC does not fit, the file is damaged'}`,
        facts,
      )
    // After the MAC: what it covers was written by PuTTY.
    if (publicParts === undefined) throw unsupportedType(file.type, facts)
    return {
      parts: reading(name, () => readValues(plain, publicParts, encrypted)),
      comment: utf8Decode(file.comment),
    }
  } finally {
    erase(plain, secret.key, secret.iv, secret.macKey)
  }
}

/** The public half, which is readable without a passphrase, and not authenticated then. Throws {@link KeyError}. */
export function readPpkPublic(data: Uint8Array): PublicKey {
  const { publicBlob, comment } = readFields(data)
  return publicKeyFromBlob(publicBlob, utf8Decode(comment))
}

export interface PpkWriteOptions {
  readonly version: 2 | 3
  readonly comment: string
  readonly passphrase: Uint8Array | undefined
  /** For version 3 with a passphrase. */
  readonly cost: Argon2Cost
}

/** Throws {@link KeyError} for keys that PuTTY has no form for. */
export function writePpk(backend: Backend, key: PrivateParts, o: PpkWriteOptions): string {
  const encrypted = o.passphrase !== undefined && o.passphrase.length > 0
  const values = writeValues(key)
  // What fills the last block comes from a digest of the values, so that the file depends on its inputs only.
  const missing = encrypted ? (16 - (values.length % 16)) % 16 : 0
  const plain = concat(values, backend.hash('sha1', values).subarray(0, missing))
  erase(values)
  const file: Fields = {
    version: o.version,
    type: keyTypeOf(key).name,
    encryption: encrypted ? encryptedCipher : 'none',
    comment: utf8Encode(o.comment),
    publicBlob: formatPublicBlob(key),
    ...(encrypted && o.version === 3 ? { argon2: { ...o.cost, salt: backend.random(16) } } : {}),
    privateBytes: plain,
    mac: new Uint8Array(0),
  }
  const secret = deriveSecret(backend, file, encrypted ? o.passphrase : undefined, undefined)
  const mac = macOf(backend, file, secret, plain)
  const privateBytes = encrypted ? backend.aesCbc(secret.key, secret.iv, 'encrypt').update(plain) : plain
  const lines = [
    `PuTTY-User-Key-File-${o.version}: ${file.type}`,
    `Encryption: ${file.encryption}`,
    `Comment: ${o.comment}`,
    ...block('Public-Lines', file.publicBlob),
    ...(file.argon2 === undefined ? [] : costLines(file.argon2)),
    ...block('Private-Lines', privateBytes),
    `Private-MAC: ${hexEncode(mac)}`,
    '',
  ]
  erase(plain, secret.key, secret.iv, secret.macKey)
  return lines.join('\n')
}

interface Fields {
  readonly version: 2 | 3
  readonly type: string
  readonly encryption: string
  /** As it stands in the file: PuTTY wrote it in the code page of its place for long. */
  readonly comment: Uint8Array
  readonly publicBlob: Uint8Array
  /** Version 3, encrypted. */
  readonly argon2?: Argon2Cost & { readonly salt: Uint8Array }
  readonly privateBytes: Uint8Array
  readonly mac: Uint8Array
}

/** Header lines in their order; the base64 of the two parts after the count of its lines. */
function readFields(data: Uint8Array): Fields {
  if (data.length > mostBytes) throw malformed(`${data.length} bytes are too many, the limit is ${mostBytes}`)
  const lines = latin1Decode(data).split(/\r\n|\n|\r/)
  let at = 0
  const value = (header: string): string => {
    const line = lines[at++]
    if (line === undefined || !line.startsWith(`${header}: `))
      throw malformed(`the line "${header}: …" is missing or not in its place`)
    return line.slice(header.length + 2)
  }
  const bytes = (header: string): Uint8Array => {
    const count = number(value(header), mostLines, header)
    const base64 = lines.slice(at, at + count)
    at += count
    const decoded = base64.length < count ? undefined : base64Decode(base64.join(''))
    if (decoded === undefined) throw malformed(`what follows ${header} is not ${count} lines of base64`)
    return decoded
  }
  const [, versionText = '', type = ''] = /^PuTTY-User-Key-File-(\d+): (.*)$/.exec(lines[at++] ?? '') ?? []
  if (versionText !== '2' && versionText !== '3')
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: version ${JSON.stringify(versionText.slice(0, 9))} of the format cannot be read, 2 and 3 can; convert it: puttygen <file> -O private`,
      { format: name },
    )
  const version = versionText === '2' ? 2 : 3
  const encryption = value('Encryption')
  if (encryption !== 'none' && encryption !== encryptedCipher)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `${name}: encrypted by ${JSON.stringify(encryption.slice(0, 40))}, which is not known`,
      { format: name, cipher: encryption.slice(0, 40) },
    )
  const comment = latin1Encode(value('Comment'))
  const publicBlob = bytes('Public-Lines')
  let argon2: Fields['argon2']
  if (version === 3 && encryption !== 'none') {
    const variant = variants.get(value('Key-Derivation'))
    if (variant === undefined)
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        `${name}: key derivation ${JSON.stringify(lines[at - 1]?.slice(16, 56))} is not known`,
        { format: name, cipher: encryption },
      )
    const memory = number(value('Argon2-Memory'), 0xffffffff, 'Argon2-Memory')
    const passes = number(value('Argon2-Passes'), 0xffffffff, 'Argon2-Passes')
    const parallelism = number(value('Argon2-Parallelism'), 0xffffff, 'Argon2-Parallelism')
    const salt = hexDecode(value('Argon2-Salt'))
    if (salt === undefined) throw malformed('Argon2-Salt is not hexadecimal')
    argon2 = { variant, memory, passes, parallelism, salt }
  }
  const privateBytes = bytes('Private-Lines')
  const mac = hexDecode(value('Private-MAC'))
  if (mac === undefined) throw malformed('Private-MAC is not hexadecimal')
  if (lines.slice(at).some((line) => line !== '')) throw malformed('something follows its last line')
  if (encryption !== 'none' && privateBytes.length % 16 !== 0)
    throw malformed(`${privateBytes.length} encrypted bytes are not whole blocks of 16`)
  const found = reading(name, () => new Reader(publicBlob, 'public part').ascii())
  if (found !== type)
    throw new KeyError(
      'SSH_KEY_INVALID',
      `${name}: it says that it is of type ${JSON.stringify(type.slice(0, 64))}, its public half is of type ${JSON.stringify(found.slice(0, 64))}`,
      { format: name },
    )
  return {
    version,
    type,
    encryption,
    comment,
    publicBlob,
    ...(argon2 === undefined ? {} : { argon2 }),
    privateBytes,
    mac,
  }
}

const variants: ReadonlyMap<string, Argon2Cost['variant']> = new Map([
  ['Argon2d', 'argon2d'],
  ['Argon2i', 'argon2i'],
  ['Argon2id', 'argon2id'],
])

function number(text: string, most: number, header: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= most)) throw malformed(`${header} is not a number from 0 to ${most}`)
  return value
}

interface Secret {
  readonly key: Uint8Array
  readonly iv: Uint8Array
  readonly macKey: Uint8Array
}

/** `limits` undefined: our own new file. */
function deriveSecret(
  backend: Backend,
  file: Fields,
  passphrase: Uint8Array | undefined,
  limits: ReadOptions | undefined,
): Secret {
  const empty = new Uint8Array(0)
  if (file.version === 2) {
    const sha1 = (...parts: readonly Uint8Array[]): Uint8Array => backend.hash('sha1', ...parts)
    const secret = passphrase ?? empty
    const counted = (index: number): Uint8Array => sha1(Uint8Array.of(0, 0, 0, index), secret)
    return {
      key: passphrase === undefined ? empty : concat(counted(0), counted(1)).subarray(0, 32),
      iv: new Uint8Array(16),
      macKey: sha1(latin1Encode('putty-private-key-file-mac-key'), secret),
    }
  }
  const { argon2 } = file
  if (passphrase === undefined || argon2 === undefined) return { key: empty, iv: empty, macKey: empty }
  if (limits !== undefined) checkCost(argon2, limits, factsOf(file))
  const all = accepting(name, () => backend.argon2(passphrase, argon2.salt, argon2, 80))
  return { key: all.subarray(0, 32), iv: all.subarray(32, 48), macKey: all.subarray(48) }
}

function checkCost(
  { memory, passes, parallelism }: Argon2Cost,
  { maxKdfMemory, maxKdfWork }: ReadOptions,
  facts: KeyErrorFacts,
): void {
  const bytes = memory * 1024
  if (bytes > maxKdfMemory || parallelism * 8 * 1024 > maxKdfMemory)
    throw new KeyError(
      'SSH_KEY_KDF_LIMIT',
      `${name}: asks for ${memory} KiB of memory for Argon2, ${Math.floor(maxKdfMemory / 1024)} are allowed (option maxKdfMemory)`,
      facts,
    )
  if (bytes * passes > maxKdfWork)
    throw new KeyError(
      'SSH_KEY_KDF_LIMIT',
      `${name}: asks Argon2 to fill ${memory} KiB ${passes} times, ${maxKdfWork} bytes in all are allowed (option maxKdfWork)`,
      facts,
    )
}

/** HMAC over type, encryption, comment, public part and the decrypted private one, as strings. */
function macOf(
  backend: Backend,
  { version, type, encryption, comment, publicBlob }: Fields,
  { macKey }: Secret,
  plain: Uint8Array,
): Uint8Array {
  const message = new Writer(1024)
    .string(type)
    .string(encryption)
    .string(comment)
    .string(publicBlob)
    .string(plain)
    .finish()
  const mac = backend.hmac(version === 2 ? 'sha1' : 'sha256', macKey)(message)
  erase(message)
  return mac
}

/** The private values; `isPadded` when bytes may follow that fill the last block. */
function readValues(plain: Uint8Array, key: PublicParts, isPadded: boolean): PrivateParts {
  const from = new Reader(plain, 'private part')
  const parts = valuesOf(from, key)
  if (from.left > (isPadded ? 15 : 0)) throw malformed(`${from.left} bytes follow the private values`)
  return parts
}

function valuesOf(from: Reader, key: PublicParts): PrivateParts {
  switch (key.type) {
    case 'rsa': {
      const [d, p, q, iqmp] = ['d', 'p', 'q', 'iqmp'].map((each) =>
        positiveMpint(from, `rsa: ${each}`, key.n.length),
      ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
      return { ...key, d, p, q, iqmp }
    }
    case 'dsa':
      return { ...checkDsaPublic(key), x: positiveMpint(from, 'dsa: x', key.q.length) }
    case 'ecdsa': {
      const size = curveSize[key.curve]
      return { ...key, scalar: padded(positiveMpint(from, 'private scalar', size), size) }
    }
    case 'ed25519': {
      const seed = from.string().slice()
      if (seed.length !== 32)
        throw new KeyError(
          'SSH_KEY_INVALID',
          `${name}: an ed25519 private key has 32 bytes, not ${seed.length}`,
        )
      return { ...key, seed }
    }
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw unsupportedType(keyTypeOf(key).name, { format: name })
  }
}

function writeValues(key: PrivateParts): Uint8Array {
  const to = new Writer(4096)
  switch (key.type) {
    case 'rsa':
      for (const value of [key.d, key.p, key.q, key.iqmp]) to.mpintBytes(value)
      break
    case 'dsa':
      to.mpintBytes(key.x)
      break
    case 'ecdsa':
      to.mpintBytes(key.scalar)
      break
    case 'ed25519':
      to.string(key.seed)
      break
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw unsupportedType(keyTypeOf(key).name, { format: name })
  }
  return to.finish()
}

function costLines({ variant, memory, passes, parallelism, salt }: NonNullable<Fields['argon2']>): string[] {
  return [
    `Key-Derivation: A${variant.slice(1)}`,
    `Argon2-Memory: ${memory}`,
    `Argon2-Passes: ${passes}`,
    `Argon2-Parallelism: ${parallelism}`,
    `Argon2-Salt: ${hexEncode(salt)}`,
  ]
}

function block(header: string, bytes: Uint8Array): string[] {
  const base64 = base64Encode(bytes)
  const lines: string[] = []
  for (let at = 0; at < base64.length; at += 64) lines.push(base64.slice(at, at + 64))
  return [`${header}: ${lines.length}`, ...lines]
}

function factsOf({ encryption, version, argon2 }: Fields): KeyErrorFacts & { readonly format: string } {
  const kdf = encryption === 'none' ? undefined : version === 2 ? 'sha1' : argon2?.variant
  return {
    format: name,
    cipher: encryption,
    ...(kdf === undefined ? {} : { kdf }),
  }
}

function malformed(what: string): KeyError {
  return new KeyError('SSH_KEY_FORMAT', `${name}: ${what}`, { format: name })
}

function unsupportedType(type: string, facts: KeyErrorFacts): KeyError {
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${name}: a key of type ${JSON.stringify(type.slice(0, 64))} cannot be used`,
    facts,
  )
}
