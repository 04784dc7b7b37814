/** RSA by the Web Cryptography API, where a runtime has it: its arithmetic is native and constant-time. */

import { base64Decode, base64Encode, bigintToBytes, bytesToBigint } from '@hawser/wire'
import type { HashName, PrivateKeyParts } from './backend.ts'
import type { RsaPrivate } from './rsa.ts'

/** What is used of the API; pure packages are compiled without its types. */
export interface WithWebCrypto {
  readonly crypto?: {
    getRandomValues?(bytes: Uint8Array): unknown
    readonly subtle?: Subtle
  }
}

interface Subtle {
  importKey(
    format: 'jwk',
    key: RsaJwk,
    algorithm: object,
    extractable: boolean,
    usages: string[],
  ): Promise<object>
  exportKey(format: 'jwk', key: object): Promise<RsaJwk>
  generateKey(algorithm: object, extractable: boolean, usages: string[]): Promise<{ privateKey: object }>
  sign(algorithm: object, key: object, data: Uint8Array): Promise<ArrayBuffer>
}

/** A private RSA key by RFC 7518 §6.3. */
interface RsaJwk {
  readonly kty: string
  readonly n: string
  readonly e: string
  readonly d: string
  readonly p: string
  readonly q: string
  readonly dp: string
  readonly dq: string
  readonly qi: string
}

const hashes: Readonly<Partial<Record<HashName, string>>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

const algorithm = 'RSASSA-PKCS1-v1_5'

function subtle(): Subtle | undefined {
  return (globalThis as WithWebCrypto).crypto?.subtle
}

/** Signs with `key`, which is imported once per hash; undefined where there is no WebCrypto or it does not know the hash. */
export function webCryptoSigner(
  key: RsaPrivate,
): (hash: HashName, data: Uint8Array) => Promise<Uint8Array> | undefined {
  const imported = new Map<HashName, Promise<object>>()
  return (hash, data) => {
    const api = subtle()
    const webHash = hashes[hash]
    if (api === undefined || webHash === undefined) return undefined
    let ready = imported.get(hash)
    if (ready === undefined) {
      ready = api.importKey('jwk', toJwk(key), { name: algorithm, hash: webHash }, false, ['sign'])
      imported.set(hash, ready)
    }
    return ready
      .then((webKey) => api.sign({ name: algorithm }, webKey, data))
      .then((signature) => new Uint8Array(signature))
  }
}

/** A new key with exponent 65537; rejects where there is no WebCrypto. */
export async function webCryptoGenerate(bits: number): Promise<PrivateKeyParts> {
  const api = subtle()
  if (api === undefined)
    throw new Error(
      'cannot generate an RSA key: this runtime has no globalThis.crypto.subtle (in browsers it needs a secure context, https or localhost)',
    )
  const { privateKey } = await api.generateKey(
    { name: algorithm, modulusLength: bits, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  )
  const { n, e, d, p, q, qi } = await api.exportKey('jwk', privateKey)
  return {
    type: 'rsa',
    n: fromBase64Url(n),
    e: fromBase64Url(e),
    d: fromBase64Url(d),
    p: fromBase64Url(p),
    q: fromBase64Url(q),
    iqmp: fromBase64Url(qi),
  }
}

function toJwk(key: RsaPrivate): RsaJwk {
  return {
    kty: 'RSA',
    n: toBase64Url(key.n),
    e: toBase64Url(key.e),
    d: toBase64Url(key.d),
    p: toBase64Url(key.p),
    q: toBase64Url(key.q),
    dp: toBase64Url(key.dp),
    dq: toBase64Url(key.dq),
    qi: toBase64Url(key.iqmp),
  }
}

function toBase64Url(value: bigint): string {
  return base64Encode(bigintToBytes(value), false).replaceAll('+', '-').replaceAll('/', '_')
}

/** The bytes without leading zeros. */
function fromBase64Url(text: string): Uint8Array {
  const bytes = base64Decode(text.replaceAll('-', '+').replaceAll('_', '/'))
  if (bytes === undefined) throw new Error('WebCrypto exported a key that is not valid base64url')
  return bigintToBytes(bytesToBigint(bytes))
}
