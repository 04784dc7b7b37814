/** ssh-dss (RFC 4253 §6.6): read, written and verified for what is left of it, never generated or signed with. */

import type { Backend } from '@hawser/crypto'
import { bigintToBytes, bytesToBigint, equal } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import type { DsaPrivate, DsaPublic } from './parts.ts'
import { type KeyTypeRow, positiveMpint } from './row.ts'
import { bitLength } from './rsa.ts'

/** Sizes of p that are read; q has 160 bits always, since a signature has room for no more (RFC 4253 §6.6). */
const primeBits = { least: 1024, most: 4096 } as const
const mostBytes = primeBits.most / 8
const orderBytes = 20

export const dsa: KeyTypeRow<DsaPublic, DsaPrivate> = {
  name: 'ssh-dss',

  readPublic(from) {
    const [p, q, g, y] = ['p', 'q', 'g', 'y'].map((name) =>
      positiveMpint(from, `dsa: ${name}`, mostBytes),
    ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    return checkDsaPublic({ type: 'dsa', p, q, g, y })
  },

  writePublic(to, { p, q, g, y }) {
    for (const number of [p, q, g, y]) to.mpintBytes(number)
  },

  readPrivate(from) {
    return { ...dsa.readPublic(from), x: positiveMpint(from, 'dsa: x', orderBytes) }
  },

  writePrivate(to, key) {
    dsa.writePublic(to, key)
    to.mpintBytes(key.x)
  },

  /** r ‖ s, 20 bytes each. */
  encodeSignature: (raw) => raw,
  decodeSignature: (encoded) => (encoded.length === 2 * orderBytes ? encoded : undefined),
}

/** Refuses sizes and numbers with which no signature should be checked. */
export function checkDsaPublic(key: DsaPublic): DsaPublic {
  const bits = bitLength(key.p)
  const [p, q, g, y] = [key.p, key.q, key.g, key.y].map(bytesToBigint) as [bigint, bigint, bigint, bigint]
  const problem =
    bits < primeBits.least || bits > primeBits.most
      ? `p has ${bits} bits, ${primeBits.least} to ${primeBits.most} are accepted`
      : bitLength(key.q) !== orderBytes * 8
        ? `q has ${bitLength(key.q)} bits, in SSH it has ${orderBytes * 8}`
        : (p - 1n) % q !== 0n || p % 2n === 0n || q % 2n === 0n
          ? 'p - 1 is no multiple of q, or a prime is even'
          : g <= 1n || g >= p || y <= 1n || y >= p
            ? 'g or y is not between 1 and p'
            : undefined
  if (problem !== undefined) throw new KeyError('SSH_KEY_INVALID', `dsa: ${problem}`)
  return key
}

/** Refuses an x that is out of range or does not give y. */
export function checkDsaPrivate(backend: Backend, { p, q, g, y, x }: DsaPrivate): void {
  const secret = bytesToBigint(x)
  if (secret === 0n || secret >= bytesToBigint(q))
    throw new KeyError('SSH_KEY_INVALID', 'dsa: the private value is not between 0 and q')
  const found = backend.modPow(g, x, p)
  if (!equal(found.subarray(found.length - y.length), y) || found.length < y.length)
    throw new KeyError('SSH_KEY_INVALID', 'dsa: the public half is not that of the private one')
}

/** Checks signatures by FIPS 186-4 §4.7; everything in it is public. */
export function dsaVerifier(backend: Backend, key: DsaPublic): ReturnType<Backend['verifier']> {
  const [p, q] = [bytesToBigint(key.p), bytesToBigint(key.q)]
  return (hash, data, signature) => {
    const r = bytesToBigint(signature.subarray(0, orderBytes))
    const s = bytesToBigint(signature.subarray(orderBytes))
    if (signature.length !== 2 * orderBytes || r === 0n || r >= q || s === 0n || s >= q) return false
    // q is prime, so that s^(q - 2) is the inverse of s.
    const w = bytesToBigint(backend.modPow(bytesOf(s), bytesOf(q - 2n), key.q))
    const z = bytesToBigint(backend.hash(hash, data).subarray(0, orderBytes))
    const left = bytesToBigint(backend.modPow(key.g, bytesOf((z * w) % q), key.p))
    const right = bytesToBigint(backend.modPow(key.y, bytesOf((r * w) % q), key.p))
    return ((left * right) % p) % q === r
  }
}

function bytesOf(number: bigint): Uint8Array {
  return bigintToBytes(number, orderBytes)
}
