/** AlgorithmIdentifier: the type of key inside PKCS#8 and SPKI (RFC 5280 §4.1.1.2, RFC 5480 §2.1.1, RFC 8410 §3). */

import type { CurveName } from '@hawser/crypto'
import { type DerReader, der } from '../der.ts'
import { KeyError } from '../errors.ts'
import type { PublicParts } from '../key-types/index.ts'

export type KeyAlgorithm =
  | { readonly type: 'rsa' }
  | { readonly type: 'ecdsa'; readonly curve: CurveName }
  | { readonly type: 'ed25519' }
  | ({ readonly type: 'dsa' } & DsaParameters)

/** Dss-Parms (RFC 3279 §2.3.2). */
export interface DsaParameters {
  readonly p: Uint8Array
  readonly q: Uint8Array
  readonly g: Uint8Array
}

const oids = {
  rsa: '1.2.840.113549.1.1.1',
  ecdsa: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  dsa: '1.2.840.10040.4.1',
} as const

export const curveOid: Readonly<Record<CurveName, string>> = {
  nistp256: '1.2.840.10045.3.1.7',
  nistp384: '1.3.132.0.34',
  nistp521: '1.3.132.0.35',
}

/** What people have in such files and SSH does not, or not here. */
const others: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.10': 'RSA-PSS',
  '1.2.840.113549.1.3.1': 'Diffie-Hellman',
  '1.3.101.110': 'X25519',
  '1.3.101.111': 'X448',
  '1.3.101.113': 'Ed448',
  '1.3.132.0.10': 'the curve secp256k1',
  '1.3.36.3.3.2.8.1.1.7': 'the curve brainpoolP256r1',
}

/** Reads the next element of `from`. Throws {@link KeyError}. */
export function readAlgorithm(from: DerReader): KeyAlgorithm {
  const inside = from.sequence()
  const oid = inside.oid()
  switch (oid) {
    case oids.rsa:
      // RFC 8017 appendix A.1: NULL; some leave it out.
      if (inside.left > 0) inside.null()
      inside.end()
      return { type: 'rsa' }
    case oids.ecdsa: {
      const curve = curveOfOid(inside)
      inside.end()
      return { type: 'ecdsa', curve }
    }
    case oids.ed25519:
      // RFC 8410 §3: MUST be absent.
      inside.end()
      return { type: 'ed25519' }
    case oids.dsa: {
      const parameters = inside.sequence()
      inside.end()
      const [p, q, g] = [0, 1, 2].map(() => parameters.unsigned().slice()) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ]
      parameters.end()
      return { type: 'dsa', p, q, g }
    }
    default:
      throw unsupported(oid)
  }
}

/** Throws {@link KeyError} for keys of other types. */
export function writeAlgorithm(key: KeyAlgorithm | PublicParts): Uint8Array {
  switch (key.type) {
    case 'rsa':
      return der.sequence(der.oid(oids.rsa), der.null())
    case 'ecdsa':
      return der.sequence(der.oid(oids.ecdsa), der.oid(curveOid[key.curve]))
    case 'ed25519':
      return der.sequence(der.oid(oids.ed25519))
    case 'dsa':
      return der.sequence(
        der.oid(oids.dsa),
        der.sequence(der.integer(key.p), der.integer(key.q), der.integer(key.g)),
      )
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw new KeyError('SSH_KEY_UNSUPPORTED', `there is no PEM form of keys of type ${key.type}`)
  }
}

/** The curve that the next OBJECT IDENTIFIER names (RFC 5480 §2.1.1: namedCurve, nothing else). */
export function curveOfOid(from: DerReader): CurveName {
  if (!from.isOid)
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      'the curve is given by its numbers instead of its name; convert the key: openssl ec -param_enc named_curve -in <file>',
    )
  const oid = from.oid()
  for (const curve of ['nistp256', 'nistp384', 'nistp521'] as const) if (curveOid[curve] === oid) return curve
  throw unsupported(oid)
}

function unsupported(oid: string): KeyError {
  const name = others[oid] ?? `the algorithm ${oid}`
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `a key for ${name} cannot be used: ed25519, ecdsa on nistp256, nistp384 or nistp521, and rsa can`,
  )
}
