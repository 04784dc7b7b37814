/** The backend over node:crypto, for Node, Bun and Deno; only the `.node` files of the package import from `node:`. */

import * as crypto from 'node:crypto'
import { assertNever, bigintToBytes, bytesToBigint, concat, equal } from '@hawser/wire'
import { argon2 as nobleArgon2 } from './argon2.ts'
import type {
  AgreementKeyPair,
  Argon2Cost,
  Backend,
  CurveName,
  HashName,
  MacFunction,
  PrivateKeyParts,
  PublicKeyParts,
  RunningHash,
} from './backend.ts'
import { aesCbc, aesCtr, aesGcm, chacha20, plain, tripleDesCbc } from './ciphers.node.ts'
import { checkPointForm, checkScalarLength, curves } from './curves.ts'
import { bitString, element, integer, octetString, sequence } from './der.ts'
import { mlKem768 } from './ml-kem.node.ts'
import { checkNewModulus, modPowBytes, type RsaPrivate, rsaPrivate, rsaPublic } from './rsa.ts'

type Sign = (hash: HashName, data: Uint8Array) => Uint8Array
type Verify = (hash: HashName, data: Uint8Array, signature: Uint8Array) => boolean

export const backend: Backend = {
  name: 'node',
  random,
  hash,
  hashing,
  hmac,
  aesGcm,
  aesCtr,
  aesCbc,
  tripleDesCbc,

  pbkdf2: (name, password, salt, iterations, length) =>
    refuse('pbkdf2: there is no such count of iterations or length', () =>
      plain(crypto.pbkdf2Sync(password, salt, iterations, length, name)),
    ),

  scrypt(password, salt, { n, r, p }, length) {
    // Its own bound on memory is out of the way: the caller's holds.
    const maxmem = 128 * r * (n + p) + 1_048_576
    return refuse('scrypt: there is no such cost or length', () =>
      plain(crypto.scryptSync(password, salt, length, { N: n, r, p, maxmem })),
    )
  },

  argon2,
  ...(chacha20 === undefined ? {} : { chacha20 }),
  x25519,
  ecdh,
  mlKem768: mlKem768(random),
  modPow,
  signer,
  verifier,
  generateKey,
  publicFromPrivate,
}

// bytes

const poolSize = 8192
const pool = new Uint8Array(poolSize)
let poolAt = poolSize

/** Small requests come from a pool, since a call costs more than a microsecond; what was handed out is erased from it. */
function random(length: number): Uint8Array {
  if (length > poolSize / 8) return crypto.randomFillSync(new Uint8Array(length))
  if (poolAt + length > poolSize) {
    crypto.randomFillSync(pool)
    poolAt = 0
  }
  const bytes = pool.slice(poolAt, poolAt + length)
  pool.fill(0, poolAt, poolAt + length)
  poolAt += length
  return bytes
}

function hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const running = crypto.createHash(name)
  for (const part of parts) running.update(part)
  return plain(running.digest())
}

function hashing(name: HashName): RunningHash {
  const running = crypto.createHash(name)
  return {
    update(data) {
      running.update(data)
    },
    digest: () => plain(running.digest()),
  }
}

function hmac(name: HashName, secret: Uint8Array): MacFunction {
  const key = crypto.createSecretKey(secret)
  return (...parts) => {
    const running = crypto.createHmac(name, key)
    for (const part of parts) running.update(part)
    return plain(running.digest())
  }
}

// keys from passphrases

/** Since Node 24.7; not yet in the types of older ones. */
type Argon2Sync = (
  variant: Argon2Cost['variant'],
  o: Omit<Argon2Cost, 'variant'> & {
    readonly message: Uint8Array
    readonly nonce: Uint8Array
    readonly tagLength: number
  },
) => Uint8Array

function argon2(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost, length: number): Uint8Array {
  const { argon2Sync } = crypto as { readonly argon2Sync?: Argon2Sync }
  if (argon2Sync === undefined) return nobleArgon2(password, salt, cost, length)
  const { variant, memory, passes, parallelism } = cost
  return refuse('argon2: there is no such cost, length of salt or length', () =>
    plain(
      argon2Sync(variant, { message: password, nonce: salt, memory, passes, parallelism, tagLength: length }),
    ),
  )
}

// key agreement

/** DER in front of raw keys: SubjectPublicKeyInfo and PKCS#8 (RFC 8410 §4, §7). */
const prefixes = {
  X25519: Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0),
  Ed25519: Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0),
  ed25519Private: Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20),
} as const

function x25519(): AgreementKeyPair {
  const { privateKey, publicKey: ownPublicKey } = crypto.generateKeyPairSync('x25519')
  return {
    publicKey: okpBytes(ownPublicKey),
    derive(peer) {
      if (peer.length !== 32) throw new RangeError(`x25519: a public key has 32 bytes, not ${peer.length}`)
      const publicKey = okpKey('X25519', peer)
      const secret = refuse('x25519: the peer value is of low order', () =>
        plain(crypto.diffieHellman({ privateKey, publicKey })),
      )
      // RFC 8731 §3: OpenSSL refuses it by itself; not every other library behind node:crypto does.
      if (equal(secret, new Uint8Array(32))) throw new RangeError('x25519: the peer value is of low order')
      return secret
    },
  }
}

function ecdh(curve: CurveName): AgreementKeyPair {
  if (elsewhere(curve)) return otherBackend(curve).ecdh(curve)
  const pair = crypto.createECDH(curves[curve].openssl)
  const publicKey = plain(pair.generateKeys())
  return {
    publicKey,
    derive(peer) {
      checkPointForm(curve, peer)
      return refuse(`${curve}: the peer value is not on the curve`, () => plain(pair.computeSecret(peer)))
    },
  }
}

/** OID and parameters of a PKCS#3 key. */
const dhKeyAgreement = Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01)

/** What OpenSSL takes as the modulus of a Diffie-Hellman key. */
const nativeModulusBytes = { least: 64, most: 1250 } as const

/**
 * OpenSSL's own constant-time modular power, reached through a PKCS#3 Diffie-Hellman private key with `base` as
 * generator and `exponent` as secret: when it is read, its public value is computed and nothing else is checked.
 * (`createDiffieHellman` would first test the modulus for primality, which takes seconds for 8192 bits.)
 * BigInt where the library has no such keys, or does something else with them.
 */
function modPow(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const isNative =
    modulus.length >= nativeModulusBytes.least &&
    modulus.length <= nativeModulusBytes.most &&
    modulus[0] !== 0 &&
    ((modulus[modulus.length - 1] as number) & 1) === 1 &&
    hasNativeModPow()
  return (
    (isNative ? nativeModPow(base, exponent, modulus) : undefined) ?? modPowBytes(base, exponent, modulus)
  )
}

let nativeModPowWorks: boolean | undefined

/** Tried with a known answer at first use: Bun's BoringSSL has no such keys, and Deno computes other public values. */
function hasNativeModPow(): boolean {
  if (nativeModPowWorks === undefined) {
    const modulus = new Uint8Array(nativeModulusBytes.least).fill(0xff)
    const base = modulus.map((_, at) => at + 1)
    const exponent = modulus.subarray(0, 12)
    const found = nativeModPow(base, exponent, modulus)
    nativeModPowWorks = found !== undefined && equal(found, modPowBytes(base, exponent, modulus))
  }
  return nativeModPowWorks
}

function nativeModPow(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array | undefined {
  const reduced =
    base.length < modulus.length ? base : bigintToBytes(bytesToBigint(base) % bytesToBigint(modulus))
  const algorithm = sequence(dhKeyAgreement, sequence(integer(modulus), integer(reduced)))
  let spki: Uint8Array
  try {
    const key = privateKeyOf(sequence(integer(0n), algorithm, octetString(integer(exponent))))
    spki = plain(crypto.createPublicKey(key).export({ type: 'spki', format: 'der' }))
  } catch {
    // The caller computes the same by other means.
    return undefined
  }
  // The value is the INTEGER inside of the BIT STRING, which follows the algorithm that we gave.
  const bits = content(spki.subarray(headLength(spki) + algorithm.length))
  const value = content(bits.subarray(1))
  const digits = value[0] === 0 ? value.subarray(1) : value
  if (digits.length > modulus.length) return undefined
  const result = new Uint8Array(modulus.length)
  result.set(digits, modulus.length - digits.length)
  return result
}

/** Bytes of tag and length of the DER element that `bytes` starts with. */
function headLength(bytes: Uint8Array): number {
  const first = bytes[1] as number
  return first < 0x80 ? 2 : 2 + (first & 0x7f)
}

/** What is in the DER element that fills `bytes`. */
function content(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(headLength(bytes))
}

// keys

function privateKeyOf(pkcs8: Uint8Array): crypto.KeyObject {
  const key = crypto.createPrivateKey({ key: pkcs8 as Buffer, format: 'der', type: 'pkcs8' })
  pkcs8.fill(0)
  return key
}

function publicKeyOf(spki: Uint8Array): crypto.KeyObject {
  return crypto.createPublicKey({ key: spki as Buffer, format: 'der', type: 'spki' })
}

/** The two curves of RFC 8037 whose public keys are 32 raw bytes. */
type OkpCurve = 'X25519' | 'Ed25519'

/** The public key of 32 raw bytes: by JWK, which takes 7 µs where DER takes 75. */
function okpKey(curve: OkpCurve, bytes: Uint8Array): crypto.KeyObject {
  return hasOkpJwk(curve) ? okpJwk(curve, textOfBytes(bytes)) : publicKeyOf(concat(prefixes[curve], bytes))
}

/**
 * The 32 raw bytes of a public key. By DER: the JWK of a key that Node has generated holds the key's lock while it makes objects, and
 * a collection in that moment, which frees what has generated it, waits for the same lock for ever (seen in Node 20.20, once in some 30,000).
 */
function okpBytes(key: crypto.KeyObject): Uint8Array {
  return plain(key.export({ type: 'spki', format: 'der' })).slice(-32)
}

function okpJwk(crv: OkpCurve, x: string): crypto.KeyObject {
  return crypto.createPublicKey({ key: { kty: 'OKP', crv, x }, format: 'jwk' })
}

const okpJwkWorks = new Map<OkpCurve, boolean>()

/** Tried at first use, there and back: not every library behind node:crypto has these curves as JWK. */
function hasOkpJwk(curve: OkpCurve): boolean {
  const known = okpJwkWorks.get(curve)
  if (known !== undefined) return known
  let works: boolean
  try {
    works = okpJwk(curve, basePoint).export({ format: 'jwk' }).x === basePoint
  } catch {
    works = false
  }
  okpJwkWorks.set(curve, works)
  return works
}

/** Runs something that throws for bad values only, and gives that error the class that the interface promises. */
function refuse<T>(why: string, compute: () => T): T {
  try {
    return compute()
  } catch (cause) {
    throw new RangeError(why, { cause })
  }
}

function signer(key: PrivateKeyParts): Sign {
  switch (key.type) {
    case 'ed25519': {
      const { privateKey, publicKey } = ed25519Private(key.seed)
      if (!equal(publicKey, key.publicKey))
        throw new RangeError('ed25519: the public key is not that of the seed')
      return (_hash, data) => plain(crypto.sign(null, data, privateKey))
    }
    case 'ecdsa': {
      if (elsewhere(key.curve)) return otherBackend(key.curve).signer(key) as Sign
      if (!equal(publicFromPrivate(key), key.publicKey))
        throw new RangeError(`${key.curve}: the public key is not that of the scalar`)
      // Made at the first signature: reading a key is often all that is done with it.
      let privateKey: crypto.KeyObject | undefined
      return (name, data) => {
        privateKey ??= ecdsaPrivate(key.curve, key.scalar, key.publicKey)
        return plain(crypto.sign(name, data, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
      }
    }
    case 'rsa': {
      const numbers = rsaPrivate(key)
      let privateKey: crypto.KeyObject | undefined
      return (name, data) => {
        privateKey ??= rsaPrivateKeyObject(numbers)
        return plain(crypto.sign(name, data, privateKey))
      }
    }
    default:
      return assertNever(key)
  }
}

function verifier(key: PublicKeyParts): Verify {
  switch (key.type) {
    case 'ed25519': {
      if (key.publicKey.length !== 32)
        throw new RangeError(`ed25519: a public key has 32 bytes, not ${key.publicKey.length}`)
      const publicKey = okpKey('Ed25519', key.publicKey)
      return (_hash, data, signature) =>
        signature.length === 64 && crypto.verify(null, data, publicKey, signature)
    }
    case 'ecdsa': {
      const { curve } = key
      if (elsewhere(curve)) return otherBackend(curve).verifier(key)
      checkPointForm(curve, key.publicKey)
      const publicKey = refuse(`${curve}: the public key is not on the curve`, () =>
        publicKeyOf(sequence(ecAlgorithm(curve), bitString(key.publicKey))),
      )
      return (name, data, signature) =>
        signature.length === 2 * curves[curve].size &&
        crypto.verify(name, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    }
    case 'rsa': {
      const { n, e, size } = rsaPublic(key)
      const publicKey = crypto.createPublicKey({
        key: sequence(integer(n), integer(e)) as Buffer,
        format: 'der',
        type: 'pkcs1',
      })
      return (name, data, signature) =>
        signature.length === size && crypto.verify(name, data, publicKey, signature)
    }
    default:
      return assertNever(key)
  }
}

function publicFromPrivate(key: Parameters<Backend['publicFromPrivate']>[0]): Uint8Array {
  if (key.type === 'ed25519') return ed25519Private(key.seed).publicKey
  const { curve, scalar } = key
  checkScalarLength(curve, scalar)
  if (elsewhere(curve)) return otherBackend(curve).publicFromPrivate(key)
  const pair = crypto.createECDH(curves[curve].openssl)
  return refuse(`${curve}: the scalar is not in 1 to the order of the curve`, () => {
    pair.setPrivateKey(scalar)
    return plain(pair.getPublicKey())
  })
}

async function generateKey(spec: Parameters<Backend['generateKey']>[0]): Promise<PrivateKeyParts> {
  if (spec.type === 'ed25519') {
    const seed = random(32)
    return { type: 'ed25519', publicKey: ed25519Private(seed).publicKey, seed }
  }
  if (spec.type === 'ecdsa') {
    const { curve } = spec
    if (elsewhere(curve)) return otherBackend(curve).generateKey(spec)
    const pair = crypto.createECDH(curves[curve].openssl)
    const publicKey = plain(pair.generateKeys())
    const scalar = new Uint8Array(curves[curve].size)
    const digits = pair.getPrivateKey()
    scalar.set(digits, scalar.length - digits.length)
    return { type: 'ecdsa', curve, publicKey, scalar }
  }
  checkNewModulus(spec.bits)
  const privateKey = await new Promise<crypto.KeyObject>((resolve, reject) => {
    crypto.generateKeyPair('rsa', { modulusLength: spec.bits, publicExponent: 0x10001 }, (error, _, made) => {
      if (error === null) resolve(made)
      else reject(error)
    })
  })
  // Not of the generated key itself: see okpBytes.
  const own = privateKeyOf(privateKey.export({ type: 'pkcs8', format: 'der' }))
  const { n, e, d, p, q, qi } = own.export({ format: 'jwk' })
  const number = (text: string | undefined): Uint8Array => {
    if (text === undefined) throw new Error('node:crypto exported an RSA key without its private values')
    return bigintToBytes(bytesToBigint(Buffer.from(text, 'base64url')))
  }
  return {
    type: 'rsa',
    n: number(n),
    e: number(e),
    d: number(d),
    p: number(p),
    q: number(q),
    iqmp: number(qi),
  }
}

/** By JWK, which takes 35 µs where DER takes 420: OpenSSL computes the public half, whatever `x` says. */
function ed25519Private(seed: Uint8Array): { privateKey: crypto.KeyObject; publicKey: Uint8Array } {
  if (seed.length !== 32) throw new RangeError(`ed25519: a seed has 32 bytes, not ${seed.length}`)
  if (!hasEd25519Jwk()) {
    const privateKey = privateKeyOf(concat(prefixes.ed25519Private, seed))
    return { privateKey, publicKey: okpBytes(crypto.createPublicKey(privateKey)) }
  }
  const privateKey = ed25519Jwk(seed)
  return { privateKey, publicKey: bytesOfText(privateKey.export({ format: 'jwk' }).x as string) }
}

const anyPoint = textOfBytes(new Uint8Array(32))
/** Of both curves it is a point: 9, the base point of X25519. */
const basePoint = textOfBytes(Uint8Array.of(9, ...new Uint8Array(31)))

function ed25519Jwk(seed: Uint8Array): crypto.KeyObject {
  const key = { kty: 'OKP', crv: 'Ed25519', x: anyPoint, d: textOfBytes(seed) }
  return crypto.createPrivateKey({ key, format: 'jwk' })
}

let ed25519JwkWorks: boolean | undefined

/** Tried with RFC 8032 §7.1 test 1 at first use: other libraries behind node:crypto may believe the `x` that they are given. */
function hasEd25519Jwk(): boolean {
  if (ed25519JwkWorks === undefined) {
    const [secret, point] = [
      'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    ]
    try {
      ed25519JwkWorks = ed25519Jwk(bytesOfText(secret)).export({ format: 'jwk' }).x === point
    } catch {
      ed25519JwkWorks = false
    }
  }
  return ed25519JwkWorks
}

function textOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** In memory of its own, not in Node's pool of Buffers. */
function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64url'))
}

/** AlgorithmIdentifier of id-ecPublicKey on a named curve (RFC 5480 §2.1.1). */
function ecAlgorithm(curve: CurveName): Uint8Array {
  const ecPublicKey = Uint8Array.of(0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)
  return sequence(ecPublicKey, Uint8Array.from(curves[curve].oid))
}

/** PKCS#8 around an ECPrivateKey (RFC 5958, RFC 5915 §3). */
function ecdsaPrivate(curve: CurveName, scalar: Uint8Array, publicKey: Uint8Array): crypto.KeyObject {
  const inner = sequence(integer(1n), octetString(scalar), element(0xa1, bitString(publicKey)))
  return privateKeyOf(sequence(integer(0n), ecAlgorithm(curve), octetString(inner)))
}

/** RSAPrivateKey (RFC 8017 appendix A.1.2). */
function rsaPrivateKeyObject(key: RsaPrivate): crypto.KeyObject {
  const { n, e, d, p, q, dp, dq, iqmp } = key
  const der = sequence(...[0n, n, e, d, p, q, dp, dq, iqmp].map(integer))
  const made = crypto.createPrivateKey({ key: der as Buffer, format: 'der', type: 'pkcs1' })
  der.fill(0)
  return made
}

// what a runtime lacks

let other: Backend | undefined

/** Whether the noble backend stands in for `curve`: Deno's node:crypto has no P-521. */
function elsewhere(curve: CurveName): boolean {
  return curve === 'nistp521' && !hasP521
}

function otherBackend(curve: CurveName): Backend {
  if (other === undefined)
    throw new Error(
      `${curve} is not in this runtime's node:crypto, and the noble backend is still being loaded`,
    )
  return other
}

const hasP521 = findP521()
// Loaded only where it is needed: it would cost every other start some 30 ms.
if (!hasP521)
  void import('./backend.noble.ts').then((module) => {
    other = module.backend
  })

function findP521(): boolean {
  try {
    crypto.createECDH(curves.nistp521.openssl)
    return true
  } catch {
    return false
  }
}
