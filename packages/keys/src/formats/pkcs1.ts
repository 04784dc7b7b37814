/** RSA keys in PKCS#1 (RFC 8017 appendix A.1): `RSA PRIVATE KEY` and `RSA PUBLIC KEY`. */

import type { PrivateKeyParts, PublicKeyParts } from '@hawser/crypto'
import { bigintToBytes, bytesToBigint, erase } from '@hawser/wire'
import { DerReader, der } from '../der.ts'
import { KeyError } from '../errors.ts'
import { checkRsaPublic } from '../key-types/rsa.ts'
import type { PrivateFormat } from './format.ts'
import { decodePem } from './pem-encryption.ts'

type RsaPrivate = Extract<PrivateKeyParts, { type: 'rsa' }>
type RsaPublic = Extract<PublicKeyParts, { type: 'rsa' }>

export const pkcs1: PrivateFormat = {
  name: 'PKCS#1 RSA private key',
  label: 'RSA PRIVATE KEY',
  read(block, options) {
    const bytes = decodePem(block, pkcs1.name, options)
    try {
      return { parts: readRsaPrivate(bytes), comment: '' }
    } finally {
      erase(bytes)
    }
  },
}

/** RSAPrivateKey, also what PKCS#8 wraps. */
export function readRsaPrivate(bytes: Uint8Array): RsaPrivate {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const version = from.small()
  if (version !== 0)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `an RSA key of version ${version}: keys with more than two primes cannot be used in SSH`,
    )
  const [n, e, d, p, q] = Array.from({ length: 5 }, () => from.unsigned().slice()) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  // d mod p - 1 and d mod q - 1 follow from the others, and are computed where they are used.
  from.unsigned()
  from.unsigned()
  const iqmp = from.unsigned().slice()
  from.end()
  outer.end()
  checkRsaPublic({ n, e })
  return { type: 'rsa', n, e, d, p, q, iqmp }
}

export function writeRsaPrivate({ n, e, d, p, q, iqmp }: RsaPrivate): Uint8Array {
  const reduced = (prime: Uint8Array): Uint8Array =>
    bigintToBytes(bytesToBigint(d) % (bytesToBigint(prime) - 1n))
  return der.sequence(
    ...[new Uint8Array(0), n, e, d, p, q, reduced(p), reduced(q), iqmp].map((number) => der.integer(number)),
  )
}

/** RSAPublicKey. */
export function readRsaPublic(bytes: Uint8Array): RsaPublic {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const n = from.unsigned().slice()
  const e = from.unsigned().slice()
  from.end()
  outer.end()
  checkRsaPublic({ n, e })
  return { type: 'rsa', n, e }
}

export function writeRsaPublic({ n, e }: Pick<RsaPublic, 'n' | 'e'>): Uint8Array {
  return der.sequence(der.integer(n), der.integer(e))
}
