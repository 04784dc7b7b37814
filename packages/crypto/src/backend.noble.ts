/** The backend over @noble/* and, for RSA private operations, WebCrypto: for every runtime without node:crypto. */

import { assertNever, bigintToBytes, bytesToBigint, concat, equal } from '@hawser/wire'
import { cbc, ctr, gcm } from '@noble/ciphers/aes.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { hmac } from '@noble/hashes/hmac.js'
import { md5, sha1 } from '@noble/hashes/legacy.js'
import { pbkdf2 } from '@noble/hashes/pbkdf2.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { argon2 } from './argon2.ts'
import type {
  Aead,
  Backend,
  CurveName,
  HashName,
  PrivateKeyParts,
  PublicKeyParts,
  StreamCipher,
} from './backend.ts'
import { checkPointForm, checkScalarLength, curves } from './curves.ts'
import { tripleDesCbc } from './des.ts'
import { nobleMlKem768 } from './ml-kem.ts'
import {
  checkNewModulus,
  modPow,
  modPowBytes,
  pkcs1Encode,
  type RsaPrivate,
  rsaPrivate,
  rsaPublic,
  rsaSign,
} from './rsa.ts'
import { type WithWebCrypto, webCryptoGenerate, webCryptoSigner } from './rsa-webcrypto.ts'

const hashes = { md5, sha1, sha256, sha384, sha512 } as const
const nist = { nistp256: p256, nistp384: p384, nistp521: p521 } as const

export const backend: Backend = {
  name: 'noble',
  random,
  hash,

  hashing(name) {
    const running = hashes[name].create()
    return {
      update(data) {
        running.update(data)
      },
      digest: () => running.digest(),
    }
  },

  hmac(name, key) {
    const prepared = hmac.create(hashes[name], key)
    return (...parts) => {
      const running = prepared.clone()
      for (const part of parts) running.update(part)
      return running.digest()
    }
  },

  aesGcm,
  aesCtr,
  aesCbc,
  tripleDesCbc,

  pbkdf2(name, password, salt, iterations, length) {
    return refuse('pbkdf2: impossible iterations or length', () =>
      pbkdf2(hashes[name], password, salt, { c: iterations, dkLen: length }),
    )
  },

  scrypt(password, salt, { n, r, p }, length) {
    // Its own bound on memory is out of the way: the caller's holds.
    const maxmem = 128 * r * (n + p) + 1024
    return refuse('scrypt: impossible cost or length', () =>
      scrypt(password, salt, { N: n, r, p, dkLen: length, maxmem }),
    )
  },

  argon2,

  ...agreementsOver(random),
  modPow: modPowBytes,
  signer,
  verifier,
  generateKey,

  publicFromPrivate(key) {
    if (key.type === 'ed25519') {
      checkSeed(key.seed)
      return ed25519.getPublicKey(key.seed)
    }
    checkScalarLength(key.curve, key.scalar)
    return refuse(`${key.curve}: the scalar is not in 1 to the order of the curve`, () =>
      nist[key.curve].getPublicKey(key.scalar, false),
    )
  },
}

/** The parts of a backend that make keys for one use. */
type Fresh = Pick<Backend, 'x25519' | 'ecdh' | 'mlKem768'>

/** A backend whose random bytes and keys for one use come from `random`: where tests want the same bytes again. Never for anything else. */
export function withRandom(base: Backend, random: Backend['random']): Backend {
  return { ...base, random, ...agreementsOver(random) }
}

function agreementsOver(random: Backend['random']): Fresh {
  return {
    x25519() {
      const secret = random(32)
      return {
        publicKey: x25519.getPublicKey(secret),
        derive(peer) {
          if (peer.length !== 32)
            throw new RangeError(`x25519: a public key has 32 bytes, not ${peer.length}`)
          return refuse('x25519: the peer value is of low order', () => x25519.getSharedSecret(secret, peer))
        },
      }
    },

    ecdh(curve) {
      const { getPublicKey, getSharedSecret } = nist[curve]
      const secret = randomScalar(curve, random)
      return {
        publicKey: getPublicKey(secret, false),
        derive(peer) {
          checkPointForm(curve, peer)
          const point = refuse(`${curve}: the peer value is not on the curve`, () =>
            getSharedSecret(secret, peer, false),
          )
          return point.slice(1, 1 + curves[curve].size)
        },
      }
    },

    mlKem768: nobleMlKem768(random),
  }
}

function random(length: number): Uint8Array {
  const { crypto } = globalThis as WithWebCrypto
  if (crypto?.getRandomValues === undefined)
    throw new Error('no source of random bytes: this runtime has no globalThis.crypto.getRandomValues')
  const bytes = new Uint8Array(length)
  // One call gives 65,536 bytes at most (Web Cryptography API §10.1.1).
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

function hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const running = hashes[name].create()
  for (const part of parts) running.update(part)
  return running.digest()
}

/** Runs something that throws for bad values only, and gives that error the class that the interface promises. */
function refuse<T>(why: string, compute: () => T): T {
  try {
    return compute()
  } catch (cause) {
    throw new RangeError(why, { cause })
  }
}

function checkSeed(seed: Uint8Array): void {
  if (seed.length !== 32) throw new RangeError(`ed25519: a seed has 32 bytes, not ${seed.length}`)
}

function randomScalar(curve: CurveName, random: Backend['random']): Uint8Array {
  const { utils, lengths } = nist[curve]
  return utils.randomSecretKey(random(lengths.seed as number))
}

// ciphers

function aesGcm(secret: Uint8Array): Aead {
  const key = aesKey(secret)
  return {
    seal(nonce, aad, plain) {
      checkNonce(nonce)
      const sealed = gcm(key, nonce, aad).encrypt(plain)
      return { ciphertext: sealed.subarray(0, plain.length), tag: sealed.subarray(plain.length) }
    },
    open(nonce, aad, ciphertext, tag) {
      checkNonce(nonce)
      if (tag.length !== 16) return undefined
      const cipher = gcm(key, nonce, aad)
      const sealed = concat(ciphertext, tag)
      try {
        return cipher.decrypt(sealed)
      } catch {
        // All lengths have been checked: what is left is a tag that does not fit.
        return undefined
      }
    },
  }
}

/** noble encrypts in one go, so the counter and the place in its block are carried here. */
function aesCtr(secret: Uint8Array, iv: Uint8Array): StreamCipher {
  const key = aesKey(secret)
  const counter = aesIv(iv)
  let used = 0
  return {
    update(data) {
      const padded = used === 0 ? data : concat(new Uint8Array(used), data)
      const output = ctr(key, counter).encrypt(padded).subarray(used)
      advance(counter, Math.floor(padded.length / 16))
      used = padded.length % 16
      return output
    },
  }
}

/** Adds to a big-endian counter of 128 bits, around its end (NIST SP 800-38A appendix B.1). */
function advance(counter: Uint8Array, blocks: number): void {
  let carry = blocks
  for (let at = 15; at >= 0 && carry > 0; at--) {
    const sum = (counter[at] as number) + carry
    counter[at] = sum & 0xff
    carry = Math.floor(sum / 0x100)
  }
}

function aesCbc(secret: Uint8Array, iv: Uint8Array, direction: 'encrypt' | 'decrypt'): StreamCipher {
  const key = aesKey(secret)
  let previous = aesIv(iv)
  return {
    update(data) {
      if (data.length % 16 !== 0) throw new RangeError(`aes-cbc: ${data.length} bytes are not whole blocks`)
      if (data.length === 0) return new Uint8Array(0)
      const cipher = cbc(key, previous, { disablePadding: true })
      const output = direction === 'encrypt' ? cipher.encrypt(data) : cipher.decrypt(data)
      // Not slice(): that of a Buffer is a view.
      previous = Uint8Array.from((direction === 'encrypt' ? output : data).subarray(-16))
      return output
    },
  }
}

/** A copy, since the caller may erase its own. */
function aesKey(key: Uint8Array): Uint8Array {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw new RangeError(`aes: a key has 16, 24 or 32 bytes, not ${key.length}`)
  return Uint8Array.from(key)
}

function aesIv(iv: Uint8Array): Uint8Array {
  if (iv.length !== 16) throw new RangeError(`aes: an iv has 16 bytes, not ${iv.length}`)
  return Uint8Array.from(iv)
}

function checkNonce(nonce: Uint8Array): void {
  if (nonce.length !== 12) throw new RangeError(`aes-gcm: a nonce has 12 bytes, not ${nonce.length}`)
}

// signatures

type Sign = (hash: HashName, data: Uint8Array) => Uint8Array | Promise<Uint8Array>

function signer(key: PrivateKeyParts): Sign {
  switch (key.type) {
    case 'ed25519': {
      const seed = Uint8Array.from(key.seed)
      if (!equal(backend.publicFromPrivate({ type: 'ed25519', seed }), key.publicKey))
        throw new RangeError('ed25519: the public key is not that of the seed')
      return (_hash, data) => ed25519.sign(data, seed)
    }
    case 'ecdsa': {
      const { curve } = key
      const scalar = Uint8Array.from(key.scalar)
      if (!equal(backend.publicFromPrivate({ type: 'ecdsa', curve, scalar }), key.publicKey))
        throw new RangeError(`${curve}: the public key is not that of the scalar`)
      // RFC 6979 nonces, hedged with random bytes against faults.
      return (name, data) =>
        nist[curve].sign(hash(name, data), scalar, { prehash: false, lowS: false, extraEntropy: random(32) })
    }
    case 'rsa':
      return rsaSigner(rsaPrivate(key))
    default:
      return assertNever(key)
  }
}

function verifier(key: PublicKeyParts): (hash: HashName, data: Uint8Array, signature: Uint8Array) => boolean {
  switch (key.type) {
    case 'ed25519': {
      const publicKey = Uint8Array.from(key.publicKey)
      if (publicKey.length !== 32)
        throw new RangeError(`ed25519: a public key has 32 bytes, not ${publicKey.length}`)
      return (_hash, data, signature) =>
        signature.length === 64 && ed25519.verify(signature, data, publicKey, { zip215: false })
    }
    case 'ecdsa': {
      const { curve } = key
      const publicKey = Uint8Array.from(key.publicKey)
      checkPointForm(curve, publicKey)
      refuse(`${curve}: the public key is not on the curve`, () => nist[curve].Point.fromBytes(publicKey))
      return (name, data, signature) =>
        signature.length === 2 * curves[curve].size &&
        nist[curve].verify(signature, hash(name, data), publicKey, { prehash: false, lowS: false })
    }
    case 'rsa': {
      const { n, e, size } = rsaPublic(key)
      return (name, data, signature) => {
        if (signature.length !== size) return false
        const value = bytesToBigint(signature)
        if (value >= n) return false
        const found = bigintToBytes(modPow(value, e, n), size)
        return equal(found, pkcs1Encode(name, hash(name, data), size))
      }
    }
    default:
      return assertNever(key)
  }
}

/** WebCrypto signs where it can; else BigInt does, blinded, in a time that still depends on the key a little. */
function rsaSigner(key: RsaPrivate): Sign {
  const byWebCrypto = webCryptoSigner(key)
  return (name, data) =>
    byWebCrypto(name, data) ?? rsaSign(key, pkcs1Encode(name, hash(name, data), key.size), random)
}

async function generateKey(spec: Parameters<Backend['generateKey']>[0]): Promise<PrivateKeyParts> {
  switch (spec.type) {
    case 'ed25519': {
      const seed = random(32)
      return { type: 'ed25519', publicKey: ed25519.getPublicKey(seed), seed }
    }
    case 'ecdsa': {
      const { curve } = spec
      const scalar = randomScalar(curve, random)
      return { type: 'ecdsa', curve, publicKey: nist[curve].getPublicKey(scalar, false), scalar }
    }
    case 'rsa':
      checkNewModulus(spec.bits)
      return webCryptoGenerate(spec.bits)
    default:
      return assertNever(spec)
  }
}
