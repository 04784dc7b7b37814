/** The encryption around PKCS#8: PBES2 with PBKDF2 or scrypt (RFC 8018 §6.2, RFC 7914 §7). */

import type { Backend, HashName, ScryptCost } from '@hawser/crypto'
import { erase } from '@hawser/wire'
import { DerReader, der } from '../der.ts'
import { accepting, KeyError, type KeyErrorFacts } from '../errors.ts'
import {
  checkEncrypted,
  decryptDer,
  encryptDer,
  type PemCipher,
  pemCipher,
  pemCiphers,
} from './encrypted-der.ts'
import type { ReadOptions } from './format.ts'

const oids = {
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  scrypt: '1.3.6.1.4.1.11591.4.11',
} as const

/** RFC 8018 appendix B.1. */
const prfs: Readonly<Record<Exclude<HashName, 'md5'>, string>> = {
  sha1: '1.2.840.113549.2.7',
  sha256: '1.2.840.113549.2.9',
  sha384: '1.2.840.113549.2.10',
  sha512: '1.2.840.113549.2.11',
}

/** What else stands in such files, for messages. */
const others: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.5.1': 'pbeWithMD2AndDES-CBC',
  '1.2.840.113549.1.5.3': 'pbeWithMD5AndDES-CBC',
  '1.2.840.113549.1.5.6': 'pbeWithMD5AndRC2-CBC',
  '1.2.840.113549.1.5.10': 'pbeWithSHA1AndDES-CBC',
  '1.2.840.113549.1.5.11': 'pbeWithSHA1AndRC2-CBC',
  '1.2.840.113549.1.12.1.1': 'pbeWithSHA1And128BitRC4',
  '1.2.840.113549.1.12.1.3': 'pbeWithSHA1And3-KeyTripleDES-CBC',
  '1.2.840.113549.1.12.1.6': 'pbeWithSHA1And40BitRC2-CBC',
  '1.2.840.113549.3.2': 'rc2-cbc',
  '1.3.14.3.2.7': 'des-cbc',
  '2.16.840.1.101.3.4.1.46': 'aes-256-gcm',
  '2.16.840.1.101.3.4.1.6': 'aes-128-gcm',
}

type Derivation =
  | {
      readonly name: 'pbkdf2'
      readonly salt: Uint8Array
      readonly iterations: number
      readonly hash: HashName
    }
  | ({ readonly name: 'scrypt'; readonly salt: Uint8Array } & ScryptCost)

/** The PKCS#8 in an EncryptedPrivateKeyInfo (RFC 5958 §3). Throws {@link KeyError}. */
export function openPbes2(bytes: Uint8Array, format: string, options: ReadOptions): Uint8Array {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const scheme = from.sequence()
  const ciphertext = from.octetString()
  from.end()
  outer.end()
  const schemeOid = scheme.oid()
  if (schemeOid !== oids.pbes2) throw unsupported(format, schemeOid)
  const parameters = scheme.sequence()
  scheme.end()
  const { derivation, keyLength } = readDerivation(parameters.sequence(), format)
  const { cipher, iv } = readCipher(parameters.sequence(), format, derivation.name)
  parameters.end()
  const facts = { format, cipher: cipher.name, kdf: derivation.name }
  if (keyLength !== undefined && keyLength !== cipher.keySize)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: a key of ${keyLength} bytes is derived, ${cipher.name} has ${cipher.keySize}`,
      facts,
    )
  checkEncrypted(ciphertext, cipher, facts)
  const { backend, passphrase } = options
  if (passphrase === undefined || passphrase.length === 0)
    throw new KeyError(
      'SSH_KEY_PASSPHRASE_NEEDED',
      `${format}: encrypted by ${cipher.name}, and no passphrase was given`,
      facts,
    )
  checkCost(derivation, options, facts)
  const key = accepting(format, () => derive(backend, derivation, passphrase, cipher.keySize))
  try {
    return decryptDer(backend, cipher, key, iv, ciphertext, facts)
  } finally {
    erase(key)
  }
}

export interface Pbes2Options {
  readonly cipher: string
  readonly kdf: 'pbkdf2' | 'scrypt'
  readonly iterations: number
}

/** 16 MiB: OpenSSL's own figures, and the most memory that it lends to a file that it reads. */
const scryptCost: ScryptCost = { n: 16_384, r: 8, p: 1 }

/** The inverse of {@link openPbes2}. */
export function sealPbes2(
  backend: Backend,
  plain: Uint8Array,
  passphrase: Uint8Array,
  options: Pbes2Options,
): Uint8Array {
  const cipher = pemCipher(options.cipher, 'encrypted PKCS#8 private key')
  const salt = backend.random(16)
  const iv = backend.random(cipher.blockSize)
  const derivation: Derivation =
    options.kdf === 'scrypt'
      ? { name: 'scrypt', salt, ...scryptCost }
      : { name: 'pbkdf2', salt, iterations: options.iterations, hash: 'sha256' }
  const key = derive(backend, derivation, passphrase, cipher.keySize)
  const ciphertext = encryptDer(backend, cipher, key, iv, plain)
  erase(key)
  const parameters = der.sequence(
    writeDerivation(derivation),
    der.sequence(der.oid(cipher.oid), der.octetString(iv)),
  )
  return der.sequence(der.sequence(der.oid(oids.pbes2), parameters), der.octetString(ciphertext))
}

function readDerivation(
  from: DerReader,
  format: string,
): { readonly derivation: Derivation; readonly keyLength: number | undefined } {
  const oid = from.oid()
  if (oid !== oids.pbkdf2 && oid !== oids.scrypt) throw unsupported(format, oid)
  const parameters = from.sequence()
  from.end()
  const salt = parameters.octetString().slice()
  if (oid === oids.scrypt) {
    const [n, r, p] = [parameters.count(), parameters.count(), parameters.count()]
    const keyLength = parameters.isInteger ? parameters.count() : undefined
    parameters.end()
    return { derivation: { name: 'scrypt', salt, n, r, p }, keyLength }
  }
  const iterations = parameters.count()
  const keyLength = parameters.isInteger ? parameters.count() : undefined
  // RFC 8018 appendix A.2: hmacWithSHA1 when nothing is said.
  let hash: HashName = 'sha1'
  if (parameters.left > 0) {
    const prf = parameters.sequence()
    const prfOid = prf.oid()
    if (prf.left > 0) prf.null()
    prf.end()
    const found = (Object.keys(prfs) as (keyof typeof prfs)[]).find((name) => prfs[name] === prfOid)
    if (found === undefined) throw unsupported(format, prfOid)
    hash = found
  }
  parameters.end()
  return { derivation: { name: 'pbkdf2', salt, iterations, hash }, keyLength }
}

function writeDerivation(derivation: Derivation): Uint8Array {
  const number = (value: number): Uint8Array => {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value)
    return der.integer(bytes)
  }
  const { salt } = derivation
  if (derivation.name === 'scrypt') {
    const { n, r, p } = derivation
    return der.sequence(
      der.oid(oids.scrypt),
      der.sequence(der.octetString(salt), number(n), number(r), number(p)),
    )
  }
  return der.sequence(
    der.oid(oids.pbkdf2),
    der.sequence(
      der.octetString(salt),
      number(derivation.iterations),
      der.sequence(der.oid(prfs.sha256), der.null()),
    ),
  )
}

function readCipher(
  from: DerReader,
  format: string,
  kdf: string,
): { readonly cipher: PemCipher; readonly iv: Uint8Array } {
  const oid = from.oid()
  const cipher = pemCiphers.find((row) => row.oid === oid)
  if (cipher === undefined) throw unsupported(format, oid, kdf)
  const iv = from.octetString().slice()
  from.end()
  if (iv.length !== cipher.blockSize)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: an iv of ${iv.length} bytes, ${cipher.name} has ${cipher.blockSize}`,
      { format, cipher: cipher.name, kdf },
    )
  return { cipher, iv }
}

function checkCost(
  derivation: Derivation,
  { maxKdfIterations, maxKdfMemory, maxKdfWork }: ReadOptions,
  facts: KeyErrorFacts,
): void {
  const { format } = facts
  if (derivation.name === 'pbkdf2') {
    const { iterations } = derivation
    if (iterations > maxKdfIterations)
      throw new KeyError(
        'SSH_KEY_KDF_LIMIT',
        `${format}: asks for ${iterations} iterations of PBKDF2, ${maxKdfIterations} are allowed (option maxKdfIterations)`,
        facts,
      )
    return
  }
  const { n, r, p } = derivation
  const memory = 128 * n * r
  if (memory > maxKdfMemory || 128 * r * p > maxKdfMemory)
    throw new KeyError(
      'SSH_KEY_KDF_LIMIT',
      `${format}: asks for ${Math.max(memory, 128 * r * p)} bytes of memory for scrypt, ${maxKdfMemory} are allowed (option maxKdfMemory)`,
      facts,
    )
  if (memory * p > maxKdfWork)
    throw new KeyError(
      'SSH_KEY_KDF_LIMIT',
      `${format}: asks scrypt to fill ${memory * p} bytes, ${maxKdfWork} are allowed (option maxKdfWork)`,
      facts,
    )
}

function derive(
  backend: Backend,
  derivation: Derivation,
  passphrase: Uint8Array,
  length: number,
): Uint8Array {
  return derivation.name === 'scrypt'
    ? backend.scrypt(passphrase, derivation.salt, derivation, length)
    : backend.pbkdf2(derivation.hash, passphrase, derivation.salt, derivation.iterations, length)
}

function unsupported(format: string, oid: string, kdf?: string): KeyError {
  const name = others[oid] ?? oid
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: encrypted by ${name}, which cannot be read; convert it: openssl pkcs8 -in <file> | openssl pkcs8 -topk8 -v2 aes-256-cbc`,
    { format, cipher: name, ...(kdf === undefined ? {} : { kdf }) },
  )
}
