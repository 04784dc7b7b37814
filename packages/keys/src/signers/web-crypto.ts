/** Keys of the Web Cryptography API: as ours, ours as theirs, and signers of those that do not leave it. */

import type { CurveName } from '@hawser/crypto'
import { UsageError } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { privateKeyToJwk, publicKeyToJwk } from '../format.ts'
import type { Jwk } from '../formats/jwk.ts'
import type { PrivateKey, PublicKey, Signer } from '../key.ts'
import { privateKeyFromJwk, publicKeyFromJwk } from '../parse.ts'
import type { PrivateKeyOptions } from '../sign.ts'
import { createSigner } from './external.ts'

/** A CryptoKey, by what is used of it: this package is compiled without the types of a platform. */
export interface WebCryptoKey {
  readonly type: string
  readonly extractable: boolean
  readonly algorithm: object & { readonly name: string }
}

export interface CryptoKeyOptions {
  /** Whether it may be exported again. Default: false for private keys, true for public ones. */
  readonly extractable?: boolean
  /** A WebCrypto key of RSA has one hash. Default: `rsa-sha2-512`. */
  readonly algorithm?: 'rsa-sha2-256' | 'rsa-sha2-512'
}

/**
 * A signer of a private CryptoKey, which may be one that cannot be exported; then its public half is needed, as a CryptoKey
 * or as ours. An RSA key signs by the one hash that it was made for. Rejects with {@link KeyError} for keys that SSH does
 * not use.
 */
export async function cryptoKeySigner(
  privateKey: WebCryptoKey,
  publicKey?: WebCryptoKey | PublicKey,
): Promise<Signer> {
  if (privateKey.type !== 'private')
    throw new UsageError(`a private CryptoKey is needed to sign, not a ${privateKey.type} one`)
  const { algorithm, signature } = signatureOf(privateKey)
  const half = await publicHalf(privateKey, publicKey)
  return createSigner(
    half,
    async ({ data }) => new Uint8Array(await subtle().sign(signature, privateKey, data)),
    algorithm === undefined ? {} : { algorithms: [algorithm] },
  )
}

/** Our key of a private CryptoKey that can be exported. Rejects with {@link KeyError}. */
export async function privateKeyFromCryptoKey(
  key: WebCryptoKey,
  options: PrivateKeyOptions = {},
): Promise<PrivateKey> {
  signatureOf(key)
  return privateKeyFromJwk(await exported(key), options)
}

/** Our key of a public CryptoKey. Rejects with {@link KeyError}. */
export async function publicKeyFromCryptoKey(key: WebCryptoKey): Promise<PublicKey> {
  signatureOf(key)
  const { kty, crv, x, y, n, e } = await exported(key)
  // Of a private one, the public half.
  return publicKeyFromJwk(
    Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)),
  )
}

/** A CryptoKey that signs. Rejects with {@link KeyError} for types that WebCrypto, or this runtime's, does not know. */
export async function privateKeyToCryptoKey(
  key: PrivateKey,
  options: CryptoKeyOptions = {},
): Promise<WebCryptoKey> {
  const { extractable = false, algorithm } = options
  return imported(privateKeyToJwk(key), extractable, 'sign', algorithm)
}

/** A CryptoKey that verifies. Rejects with {@link KeyError} for types that WebCrypto, or this runtime's, does not know. */
export async function publicKeyToCryptoKey(
  key: PublicKey,
  options: CryptoKeyOptions = {},
): Promise<WebCryptoKey> {
  const { extractable = true, algorithm } = options
  return imported(publicKeyToJwk(key), extractable, 'verify', algorithm)
}

interface Subtle {
  importKey(
    format: 'jwk',
    key: Jwk,
    algorithm: object,
    extractable: boolean,
    usages: string[],
  ): Promise<WebCryptoKey>
  exportKey(format: 'jwk', key: WebCryptoKey): Promise<Jwk>
  sign(algorithm: object, key: WebCryptoKey, data: Uint8Array): Promise<ArrayBuffer>
}

function subtle(): Subtle {
  const found = (globalThis as { readonly crypto?: { readonly subtle?: Subtle } }).crypto?.subtle
  if (found === undefined)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      'this runtime has no globalThis.crypto.subtle (in browsers it needs a secure context, https or localhost)',
    )
  return found
}

const hashOfCurve: Readonly<Record<string, { readonly curve: CurveName; readonly hash: string }>> = {
  'P-256': { curve: 'nistp256', hash: 'SHA-256' },
  'P-384': { curve: 'nistp384', hash: 'SHA-384' },
  'P-521': { curve: 'nistp521', hash: 'SHA-512' },
}

const rsaName = 'RSASSA-PKCS1-v1_5'

const rsaAlgorithms: Readonly<Record<string, string>> = {
  'SHA-256': 'rsa-sha2-256',
  'SHA-512': 'rsa-sha2-512',
}

/** How WebCrypto signs by a key, and by which SSH algorithm where the type has several. Throws {@link KeyError}. */
function signatureOf(key: WebCryptoKey): {
  readonly signature: object
  readonly algorithm?: string
} {
  const { name } = key.algorithm
  const details = key.algorithm as { readonly namedCurve?: string; readonly hash?: { readonly name: string } }
  if (name === 'Ed25519') return { signature: { name } }
  if (name === 'ECDSA') {
    const row = hashOfCurve[details.namedCurve ?? '']
    if (row !== undefined)
      return { signature: { name, hash: row.hash }, algorithm: `ecdsa-sha2-${row.curve}` }
  }
  if (name === rsaName) {
    const algorithm = rsaAlgorithms[details.hash?.name ?? '']
    if (algorithm !== undefined) return { signature: { name }, algorithm }
  }
  const more = details.namedCurve ?? details.hash?.name
  throw new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `a CryptoKey for ${name}${more === undefined ? '' : ` with ${more}`} is none for SSH: Ed25519, ECDSA on P-256, P-384 or P-521, and ${rsaName} with SHA-256 or SHA-512 are`,
  )
}

async function publicHalf(
  privateKey: WebCryptoKey,
  publicKey: WebCryptoKey | PublicKey | undefined,
): Promise<PublicKey> {
  if (publicKey !== undefined && 'blob' in publicKey) return publicKey
  if (publicKey === undefined && !privateKey.extractable)
    throw new UsageError('a CryptoKey that cannot be exported needs its public half as the second argument')
  return publicKeyFromCryptoKey(publicKey ?? privateKey)
}

async function exported(key: WebCryptoKey): Promise<Jwk> {
  if (!key.extractable)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      'this CryptoKey cannot be exported (extractable: false); cryptoKeySigner signs with it',
    )
  return subtle().exportKey('jwk', key)
}

async function imported(
  jwk: Jwk,
  extractable: boolean,
  usage: 'sign' | 'verify',
  rsaAlgorithm: CryptoKeyOptions['algorithm'] = 'rsa-sha2-512',
): Promise<WebCryptoKey> {
  const algorithm =
    jwk.kty === 'OKP'
      ? { name: 'Ed25519' }
      : jwk.kty === 'EC'
        ? { name: 'ECDSA', namedCurve: jwk.crv }
        : { name: rsaName, hash: rsaAlgorithm === 'rsa-sha2-256' ? 'SHA-256' : 'SHA-512' }
  const api = subtle()
  try {
    return await api.importKey('jwk', jwk, algorithm, extractable, [usage])
  } catch (cause) {
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `this runtime's WebCrypto does not take a key for ${jwk.crv ?? rsaName}`,
      { cause },
    )
  }
}
