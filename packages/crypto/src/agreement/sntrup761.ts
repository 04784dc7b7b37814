/**
 * Streamlined NTRU Prime 761 (round 3 of NIST's competition; draft-josefsson-ntruprime-streamlined), the KEM of
 * `sntrup761x25519-sha512`. No branch, index or loop count depends on a secret, and divisions by constants are
 * multiplications, as far as an engine keeps it so.
 */

import { concat, erase } from '@hawser/wire'
import type { Backend, Kem } from '../backend.ts'
import { inverseMod3, inverseOfTriple } from './sntrup761-inverse.ts'
import {
  centred,
  multiplySmall,
  multiplySmallMod3,
  p,
  q,
  randomShort,
  randomSmall,
  rounded,
  triplesMod3,
  weight,
} from './sntrup761-ring.ts'
import { decodeWords, encodeWords } from './sntrup761-words.ts'

const secretSize = 32
const confirmSize = 32
const publicKeySize = 1158
const ciphertextSize = 1039
const wordsSize = ciphertextSize - confirmSize

/** Offsets that make coefficients unsigned, and the ranges they are in then. */
const half = (q - 1) / 2
const thirds = (q + 2) / 3

/** The KEM over the random source and SHA-512 of `backend`. */
export function sntrup761(backend: Backend): Kem {
  return {
    generate() {
      // Some polynomials have no inverse modulo 3; which ones were thrown away says nothing of the one that is kept.
      let small = randomSmall(backend)
      let inverse = inverseMod3(small)
      while (inverse === undefined) {
        small = randomSmall(backend)
        inverse = inverseMod3(small)
      }
      const g = small
      const gInverse = inverse
      const f = randomShort(backend)
      // Modulo q everything short has one: x^p - x - 1 is irreducible there.
      const h = multiplySmall(inverseOfTriple(f), g)
      const publicKey = encodePublicKey(h)
      const rejected = backend.random(Math.ceil(p / 4))
      const publicHash = prefixed(backend, 4, publicKey)
      return {
        publicKey,
        decapsulate(ciphertext) {
          if (ciphertext.length !== ciphertextSize)
            throw new RangeError(
              `sntrup761: a ciphertext has ${ciphertextSize} bytes, not ${ciphertext.length}`,
            )
          const r = decrypt(decodeCiphertext(ciphertext), f, gInverse)
          const encoded = encodeSmall(r)
          const expected = hide(backend, h, r, encoded, publicHash)
          // A ciphertext that is not what r gives yields a secret that nobody knows, by the same steps.
          const good = equalMask(expected, ciphertext)
          for (let at = 0; at < encoded.length; at++)
            encoded[at] = ((encoded[at] as number) & good) | ((rejected[at] as number) & ~good)
          const secret = sessionKey(backend, good & 1, encoded, ciphertext)
          erase(encoded, expected)
          r.fill(0)
          return secret
        },
      }
    },
    encapsulate(publicKey) {
      if (publicKey.length !== publicKeySize)
        throw new RangeError(`sntrup761: a public key has ${publicKeySize} bytes, not ${publicKey.length}`)
      const r = randomShort(backend)
      const encoded = encodeSmall(r)
      const publicHash = prefixed(backend, 4, publicKey)
      const ciphertext = hide(backend, decodePublicKey(publicKey), r, encoded, publicHash)
      const secret = sessionKey(backend, 1, encoded, ciphertext)
      erase(encoded)
      r.fill(0)
      return { ciphertext, secret }
    },
  }
}

/** r under the public polynomial h, rounded, with the hash that confirms it. */
function hide(
  backend: Backend,
  h: Int32Array,
  r: Int32Array,
  encoded: Uint8Array,
  publicHash: Uint8Array,
): Uint8Array {
  const c = rounded(multiplySmall(h, r))
  const words = new Int32Array(p)
  // c is a multiple of 3: a third of it, by multiplication.
  for (let at = 0; at < p; at++) words[at] = (((c[at] as number) + half) * 10_923) >> 15
  const inner = prefixed(backend, 3, encoded)
  const confirm = prefixed(backend, 2, inner, publicHash)
  erase(inner)
  return concat(encodeWords(words, thirds), confirm)
}

function decrypt(c: Int32Array, f: Int32Array, gInverse: Int32Array): Int32Array {
  const r = multiplySmallMod3(triplesMod3(multiplySmall(c, f)), gInverse)
  let set = 0
  for (let at = 0; at < p; at++) set += (r[at] as number) & 1
  // All ones when the weight is right; else a fixed short polynomial takes the place of r.
  const off = set - weight
  const good = ~((off | -off) >> 31)
  for (let at = 0; at < p; at++) {
    const instead = at < weight ? 1 : 0
    r[at] = ((r[at] as number) & good) | (instead & ~good)
  }
  return r
}

function sessionKey(
  backend: Backend,
  prefix: number,
  encoded: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const inner = prefixed(backend, 3, encoded)
  const secret = prefixed(backend, prefix, inner, ciphertext)
  erase(inner)
  return secret
}

function prefixed(backend: Backend, prefix: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return backend.hash('sha512', Uint8Array.of(prefix), ...parts).slice(0, secretSize)
}

function encodePublicKey(h: Int32Array): Uint8Array {
  return encodeWords(
    h.map((value) => value + half),
    q,
  )
}

function decodePublicKey(bytes: Uint8Array): Int32Array {
  return decodeWords(bytes, q).map((value) => value - half)
}

function decodeCiphertext(bytes: Uint8Array): Int32Array {
  return decodeWords(bytes.subarray(0, wordsSize), thirds).map((value) => centred(value * 3 - half))
}

/** Four coefficients of -1, 0 or 1 to a byte, two bits each, the lowest first. */
function encodeSmall(f: Int32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(p / 4))
  for (let at = 0; at < p; at++)
    bytes[at >> 2] = (bytes[at >> 2] as number) | (((f[at] as number) + 1) << (2 * (at & 3)))
  return bytes
}

/** All ones when `a` and `b`, which are of one length, are the same; else 0. */
function equalMask(a: Uint8Array, b: Uint8Array): number {
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= (a[at] as number) ^ (b[at] as number)
  return (difference - 1) >> 31
}
