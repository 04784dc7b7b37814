/** ssh-rsa (RFC 4253 §6.6, RFC 8332). */

import type { PrivateKeyParts, PublicKeyParts } from '@hawser/crypto'
import { KeyError } from '../errors.ts'
import { padded } from './ecdsa.ts'
import { type KeyTypeRow, positiveMpint } from './row.ts'

type Public = Extract<PublicKeyParts, { type: 'rsa' }>
type Private = Extract<PrivateKeyParts, { type: 'rsa' }>

/** Sizes of the modulus, in bits: what is read at all, and what is used unless the caller says otherwise (OpenSSH's RequiredRSASize is 1024, NIST SP 800-131A asks for 2048). */
export const rsaBits = { least: 1024, most: 16_384, leastToUse: 2048 } as const

const mostBytes = rsaBits.most / 8

export const rsa: KeyTypeRow<Public, Private> = {
  name: 'ssh-rsa',

  /** RFC 4253 §6.6: mpint e, mpint n. */
  readPublic(from) {
    const e = positiveMpint(from, 'rsa: e', mostBytes)
    const n = positiveMpint(from, 'rsa: n', mostBytes)
    checkRsaPublic({ n, e })
    return { type: 'rsa', n, e }
  },

  writePublic(to, key) {
    to.mpintBytes(key.e).mpintBytes(key.n)
  },

  readPrivate(from) {
    const n = positiveMpint(from, 'rsa: n', mostBytes)
    const e = positiveMpint(from, 'rsa: e', mostBytes)
    checkRsaPublic({ n, e })
    const [d, iqmp, p, q] = ['d', 'iqmp', 'p', 'q'].map((name) =>
      positiveMpint(from, `rsa: ${name}`, n.length),
    ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    return { type: 'rsa', n, e, d, p, q, iqmp }
  },

  writePrivate(to, key) {
    for (const number of [key.n, key.e, key.d, key.iqmp, key.p, key.q]) to.mpintBytes(number)
  },

  /** RFC 8332 §3: as long as n. */
  encodeSignature: (raw, key) => padded(raw, key.n.length),

  /** Some implementations strip leading zeros; the number is the same, so they are put back (as OpenSSH does). */
  decodeSignature: (encoded, key) =>
    encoded.length > key.n.length || encoded.length === 0 ? undefined : padded(encoded, key.n.length),
}

/** Refuses moduli and exponents with which no signature should be checked: sizes, even numbers, e = 1. */
export function checkRsaPublic({ n, e }: Pick<Public, 'n' | 'e'>): void {
  const bits = bitLength(n)
  const problem =
    bits < rsaBits.least || bits > rsaBits.most
      ? `the modulus has ${bits} bits, ${rsaBits.least} to ${rsaBits.most} are accepted`
      : isEven(n)
        ? 'the modulus is even'
        : isEven(e) || (e.length === 1 && e[0] === 1)
          ? 'the public exponent must be odd and above 1'
          : e.length > n.length
            ? 'the public exponent is longer than the modulus'
            : undefined
  if (problem !== undefined) throw new KeyError('SSH_KEY_INVALID', `rsa: ${problem}`)
}

/** Bits of an unsigned number without leading zero bytes. */
export function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : number.length * 8 - (Math.clz32(number[0] as number) - 24)
}

function isEven(number: Uint8Array): boolean {
  return ((number[number.length - 1] ?? 0) & 1) === 0
}
