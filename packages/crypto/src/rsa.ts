/** RSA in numbers: checks of keys, PKCS#1 v1.5 encoding and the operations in BigInt (RFC 8017). */

import { bigintToBytes, bytesToBigint, concat, hexDecode } from '@hawser/wire'
import type { HashName, PrivateKeyParts, PublicKeyParts } from './backend.ts'

/** Bounds of the modulus. What is fit to be used is for the layers above; these keep the arithmetic sane and bounded. */
export const rsaBits = { least: 1024, most: 16_384 } as const

/** Above this size of modulus the public exponent may have 64 bits at most, so that a check stays cheap (OpenSSL's rule). */
const longModulusBits = 3072

export interface RsaPublic {
  readonly n: bigint
  readonly e: bigint
  /** Bytes of the modulus, and so of a signature. */
  readonly size: number
}

export interface RsaPrivate extends RsaPublic {
  readonly d: bigint
  readonly p: bigint
  readonly q: bigint
  /** d mod (p - 1) and d mod (q - 1) */
  readonly dp: bigint
  readonly dq: bigint
  readonly iqmp: bigint
}

type RsaPublicParts = Extract<PublicKeyParts, { type: 'rsa' }>
type RsaPrivateParts = Extract<PrivateKeyParts, { type: 'rsa' }>

export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length
}

/** The numbers of a public key; RangeError when no signature could or should be checked with it. */
export function rsaPublic(key: Pick<RsaPublicParts, 'n' | 'e'>): RsaPublic {
  // Bound the bytes before any arithmetic; leading zeros are not expected but harmless.
  if (key.n.length > rsaBits.most / 8 + 1 || key.e.length > key.n.length)
    throw new RangeError(`rsa: modulus of ${key.n.length} bytes and exponent of ${key.e.length} are too long`)
  const n = bytesToBigint(key.n)
  const e = bytesToBigint(key.e)
  const bits = bitLength(n)
  if (bits < rsaBits.least || bits > rsaBits.most)
    throw new RangeError(`rsa: modulus of ${bits} bits is not in ${rsaBits.least} to ${rsaBits.most}`)
  if (n % 2n === 0n) throw new RangeError('rsa: modulus is even')
  if (e % 2n === 0n || e === 1n || e >= n)
    throw new RangeError('rsa: public exponent must be odd, above 1 and below the modulus')
  if (bits > longModulusBits && bitLength(e) > 64)
    throw new RangeError(
      `rsa: public exponent of ${bitLength(e)} bits is too long for ${bits} bits of modulus`,
    )
  return { n, e, size: Math.ceil(bits / 8) }
}

/** The numbers of a private key; RangeError when they do not belong together. */
export function rsaPrivate(key: RsaPrivateParts): RsaPrivate {
  const { n, e, size } = rsaPublic(key)
  for (const part of [key.d, key.p, key.q, key.iqmp])
    if (part.length > key.n.length) throw new RangeError('rsa: a private value is longer than the modulus')
  const d = bytesToBigint(key.d)
  const p = bytesToBigint(key.p)
  const q = bytesToBigint(key.q)
  const iqmp = bytesToBigint(key.iqmp)
  if (p < 3n || q < 3n || p * q !== n) throw new RangeError('rsa: the primes are not those of the modulus')
  const dp = d % (p - 1n)
  const dq = d % (q - 1n)
  if ((e * dp) % (p - 1n) !== 1n || (e * dq) % (q - 1n) !== 1n)
    throw new RangeError('rsa: the private exponent does not belong to the public one')
  if (iqmp >= p || (iqmp * q) % p !== 1n) throw new RangeError('rsa: iqmp is not the inverse of q modulo p')
  return { n, e, size, d, p, q, dp, dq, iqmp }
}

/** Refuses sizes of new keys that could not be used afterwards. */
export function checkNewModulus(bits: number): void {
  if (!Number.isInteger(bits) || bits % 8 !== 0 || bits < rsaBits.least || bits > rsaBits.most)
    throw new RangeError(
      `rsa: a new key has ${rsaBits.least} to ${rsaBits.most} bits, a multiple of 8, not ${bits}`,
    )
}

/** DER of DigestInfo up to the digest (RFC 8017 §9.2 note 1). */
const digestInfo: Readonly<Record<HashName, string>> = {
  md5: '3020300c06082a864886f70d020505000410',
  sha1: '3021300906052b0e03021a05000414',
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): 00 01 ff … ff 00 DigestInfo, `size` bytes. */
export function pkcs1Encode(hash: HashName, digest: Uint8Array, size: number): Uint8Array {
  const info = concat(hexDecode(digestInfo[hash]) as Uint8Array, digest)
  const encoded = new Uint8Array(size).fill(0xff)
  encoded[0] = 0
  encoded[1] = 1
  encoded[size - info.length - 1] = 0
  encoded.set(info, size - info.length)
  return encoded
}

/**
 * base^exponent mod modulus by fixed windows of four bits: the sequence of steps depends on the exponent's length only.
 * BigInt arithmetic itself is not constant-time, so prefer a native one for secrets.
 */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  if (modulus <= 0n) throw new RangeError('modular power: the modulus must be above 0')
  const powers = [1n % modulus]
  for (let i = 1; i < 16; i++) powers.push(((powers[i - 1] as bigint) * base) % modulus)
  let result = powers[0] as bigint
  for (const digit of exponent.toString(16)) {
    result = (result * result) % modulus
    result = (result * result) % modulus
    result = (result * result) % modulus
    result = (result * result) % modulus
    result = (result * (powers[Number.parseInt(digit, 16)] as bigint)) % modulus
  }
  return result
}

/** {@link modPow} over unsigned big-endian bytes; the result is as long as `modulus`. */
export function modPowBytes(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const m = bytesToBigint(modulus)
  return bigintToBytes(modPow(bytesToBigint(base) % m, bytesToBigint(exponent), m), modulus.length)
}

/** The inverse of `value` modulo `modulus`; undefined when there is none. */
function inverse(value: bigint, modulus: bigint): bigint | undefined {
  let [a, b] = [value % modulus, modulus]
  let [x, y] = [1n, 0n]
  while (a > 0n) {
    const quotient = b / a
    ;[a, b] = [b - quotient * a, a]
    ;[x, y] = [y - quotient * x, x]
  }
  return b === 1n ? ((y % modulus) + modulus) % modulus : undefined
}

/**
 * RSASP1 (RFC 8017 §5.2.1) by the Chinese remainder theorem. The message is blinded by a random number, because
 * BigInt arithmetic takes a time that depends on its values; the result is checked, because a fault would give away p and q.
 */
export function rsaSign(
  key: RsaPrivate,
  encoded: Uint8Array,
  random: (length: number) => Uint8Array,
): Uint8Array {
  const { n, e, p, q, dp, dq, iqmp, size } = key
  const message = bytesToBigint(encoded)
  let blind = 0n
  let unblind: bigint | undefined
  while (unblind === undefined) {
    blind = bytesToBigint(random(size + 8)) % n
    unblind = inverse(blind, n)
  }
  const blinded = (message * modPow(blind, e, n)) % n
  const atP = modPow(blinded % p, dp, p)
  const atQ = modPow(blinded % q, dq, q)
  const h = ((((atP - atQ) * iqmp) % p) + p) % p
  const signature = ((atQ + h * q) * unblind) % n
  if (modPow(signature, e, n) !== message) throw new Error('rsa: the signature came out wrong')
  return bigintToBytes(signature, size)
}
