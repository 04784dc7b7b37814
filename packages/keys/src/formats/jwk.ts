/** JSON Web Keys (RFC 7517): OKP for ed25519 (RFC 8037), EC and RSA (RFC 7518 §6). */

import type { Backend, CurveName } from '@hawser/crypto'
import { base64Decode, base64Encode, bigintToBytes, bytesToBigint, concat, equal, erase } from '@hawser/wire'
import { accepting, KeyError } from '../errors.ts'
import { checkPointForm, curveSize } from '../key-types/ecdsa.ts'
import type { PrivateParts, PublicParts } from '../key-types/index.ts'
import { checkRsaPublic } from '../key-types/rsa.ts'

const format = 'JSON Web Key'

/** The members that keys have; all values are base64url without padding. Others, such as `kid`, are passed over. */
export interface Jwk {
  readonly kty: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
  readonly d?: string
  readonly p?: string
  readonly q?: string
  readonly dp?: string
  readonly dq?: string
  readonly qi?: string
}

const curveNames: Readonly<Record<CurveName, string>> = {
  nistp256: 'P-256',
  nistp384: 'P-384',
  nistp521: 'P-521',
}

/** Whether a text is JSON from its start. */
export function isJson(text: string): boolean {
  return /^\s*\{/.test(text)
}

/** Characters of a text: a private RSA key of 16,384 bits has 13,000. */
const mostCharacters = 65_536

/** The object in a text. Throws {@link KeyError}. */
export function parseJwk(text: string): object {
  if (text.length > mostCharacters)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${format}: ${text.length} characters, the limit is ${mostCharacters}`,
      {
        format,
      },
    )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's own words would quote the text, and so the key.
    throw new KeyError('SSH_KEY_FORMAT', 'this begins as JSON and is none, or is cut off', { format: 'JSON' })
  }
  if (typeof value === 'object' && value !== null && !('kty' in value) && 'keys' in value)
    throw new KeyError('SSH_KEY_FORMAT', 'this is a JSON Web Key Set; give one of its "keys"', { format })
  return value as object
}

/** Throws {@link KeyError}. */
export function readJwkPublic(jwk: object): PublicParts {
  const kty = typeOf(jwk)
  switch (kty) {
    case 'OKP': {
      checkEd25519(jwk)
      return { type: 'ed25519', publicKey: exactly(jwk, 'x', 32) }
    }
    case 'EC': {
      const curve = curveOf(jwk)
      const size = curveSize[curve]
      const publicKey = concat(Uint8Array.of(4), exactly(jwk, 'x', size), exactly(jwk, 'y', size))
      checkPointForm(curve, publicKey)
      return { type: 'ecdsa', curve, publicKey }
    }
    case 'RSA': {
      const [n, e] = [unsigned(jwk, 'n'), unsigned(jwk, 'e')]
      checkRsaPublic({ n, e })
      return { type: 'rsa', n, e }
    }
    default:
      throw new KeyError(
        'SSH_KEY_UNSUPPORTED',
        `${format}: kty ${JSON.stringify(kty.slice(0, 40))} is no type of key for SSH; OKP, EC and RSA are`,
        { format },
      )
  }
}

export function isPrivateJwk(jwk: object): boolean {
  return typeof jwk === 'object' && jwk !== null && 'd' in jwk
}

/** Throws {@link KeyError}. */
export function readJwkPrivate(jwk: object, backend: Backend): PrivateParts {
  const key = readJwkPublic(jwk)
  if (!isPrivateJwk(jwk))
    throw new KeyError('SSH_KEY_FORMAT', `${format}: it has no member "d", so that it is a public key`, {
      format,
    })
  switch (key.type) {
    case 'ed25519': {
      const seed = exactly(jwk, 'd', 32)
      checkHalves(key.publicKey, backend.publicFromPrivate({ type: 'ed25519', seed }))
      return { ...key, seed }
    }
    case 'ecdsa': {
      const { curve } = key
      const scalar = exactly(jwk, 'd', curveSize[curve])
      checkHalves(
        key.publicKey,
        accepting(format, () => backend.publicFromPrivate({ type: 'ecdsa', curve, scalar })),
      )
      return { ...key, scalar }
    }
    case 'rsa': {
      if ('oth' in jwk)
        throw new KeyError(
          'SSH_KEY_UNSUPPORTED',
          `${format}: keys with more than two primes cannot be used in SSH`,
          { format },
        )
      if (!('p' in jwk && 'q' in jwk && 'qi' in jwk))
        throw new KeyError(
          'SSH_KEY_UNSUPPORTED',
          `${format}: an RSA private key without its primes p and q and their qi cannot be used`,
          { format },
        )
      return {
        ...key,
        d: unsigned(jwk, 'd'),
        p: unsigned(jwk, 'p'),
        q: unsigned(jwk, 'q'),
        iqmp: unsigned(jwk, 'qi'),
      }
    }
    case 'dsa':
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw noJwk(key.type)
  }
}

/** Throws {@link KeyError} for types that there is no JWK of. */
export function writeJwkPublic(key: PublicParts | PrivateParts): Jwk {
  switch (key.type) {
    case 'ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: encode(key.publicKey) }
    case 'ecdsa': {
      const size = curveSize[key.curve]
      return {
        kty: 'EC',
        crv: curveNames[key.curve],
        x: encode(key.publicKey.subarray(1, 1 + size)),
        y: encode(key.publicKey.subarray(1 + size)),
      }
    }
    case 'rsa':
      return { kty: 'RSA', n: encode(key.n), e: encode(key.e) }
    case 'dsa':
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw noJwk(key.type)
  }
}

/** Throws {@link KeyError} for types that there is no JWK of. */
export function writeJwkPrivate(key: PrivateParts): Jwk {
  const shared = writeJwkPublic(key)
  switch (key.type) {
    case 'ed25519':
      return { ...shared, d: encode(key.seed) }
    case 'ecdsa':
      return { ...shared, d: encode(key.scalar) }
    case 'rsa': {
      const reduced = (prime: Uint8Array): string =>
        encode(bigintToBytes(bytesToBigint(key.d) % (bytesToBigint(prime) - 1n)))
      return {
        ...shared,
        d: encode(key.d),
        p: encode(key.p),
        q: encode(key.q),
        dp: reduced(key.p),
        dq: reduced(key.q),
        qi: encode(key.iqmp),
      }
    }
    case 'dsa':
    case 'sk-ed25519':
    case 'sk-ecdsa':
    case 'mldsa44-ed25519':
      throw noJwk(key.type)
  }
}

function typeOf(jwk: unknown): string {
  const kty = typeof jwk === 'object' && jwk !== null && 'kty' in jwk ? jwk.kty : undefined
  if (typeof kty !== 'string')
    throw new KeyError('SSH_KEY_FORMAT', 'this is JSON, and no JSON Web Key: it has no member "kty"', {
      format: 'JSON',
    })
  return kty
}

function checkEd25519(jwk: object): void {
  const crv = 'crv' in jwk ? jwk.crv : undefined
  if (crv !== 'Ed25519') throw curveError(crv)
}

function curveOf(jwk: object): CurveName {
  const crv = 'crv' in jwk ? jwk.crv : undefined
  for (const curve of ['nistp256', 'nistp384', 'nistp521'] as const)
    if (curveNames[curve] === crv) return curve
  throw curveError(crv)
}

function curveError(crv: unknown): KeyError {
  const shown = typeof crv === 'string' ? JSON.stringify(crv.slice(0, 40)) : 'of no name'
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `${format}: the curve ${shown} cannot be used in SSH; Ed25519, P-256, P-384 and P-521 can`,
    { format },
  )
}

/** RFC 7518 §2: base64url without padding or line ends. */
function bytesOf(jwk: object, member: string): Uint8Array {
  const text = (jwk as Readonly<Record<string, unknown>>)[member]
  const bytes =
    typeof text === 'string' && /^[A-Za-z0-9_-]+$/.test(text)
      ? base64Decode(text.replaceAll('-', '+').replaceAll('_', '/'))
      : undefined
  if (bytes === undefined)
    throw new KeyError('SSH_KEY_FORMAT', `${format}: the member "${member}" is missing or not base64url`, {
      format,
    })
  return bytes
}

function exactly(jwk: object, member: string, length: number): Uint8Array {
  const bytes = bytesOf(jwk, member)
  if (bytes.length === length) return bytes
  throw new KeyError(
    'SSH_KEY_INVALID',
    `${format}: the member "${member}" has ${bytes.length} bytes, ${length} are needed`,
    { format },
  )
}

/** A positive number, without the leading zeros that some put in front. */
function unsigned(jwk: object, member: string): Uint8Array {
  const bytes = bytesOf(jwk, member)
  let start = 0
  while (start < bytes.length && bytes[start] === 0) start++
  if (start === bytes.length)
    throw new KeyError('SSH_KEY_INVALID', `${format}: the member "${member}" is zero`, { format })
  const number = bytes.slice(start)
  erase(bytes)
  return number
}

function checkHalves(claimed: Uint8Array, computed: Uint8Array): void {
  if (!equal(claimed, computed))
    throw new KeyError('SSH_KEY_INVALID', `${format}: the public half is not that of the private one`, {
      format,
    })
}

function noJwk(type: string): KeyError {
  return new KeyError('SSH_KEY_UNSUPPORTED', `${format}: there is none for keys of type ${type}`, { format })
}

function encode(bytes: Uint8Array): string {
  return base64Encode(bytes, false).replaceAll('+', '-').replaceAll('/', '_')
}
