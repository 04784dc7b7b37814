/** Checks SSH signature blobs (RFC 4253 §6.6, RFC 5656 §3.1.2, RFC 8332 §3, RFC 8709 §6). */

import { type Backend, type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { assertNever, equal, ProtocolError, Reader } from '@hawser/wire'
import { signatureAlgorithm } from './algorithms.ts'
import { KeyError } from './errors.ts'
import type { PublicKey, VerifySignature } from './key.ts'
import { compositeVerifier } from './key-types/composite.ts'
import { dsaVerifier } from './key-types/dsa.ts'
import { type KeyTypeRow, keyTypeNamed, keyTypeOf, type PublicParts } from './key-types/index.ts'
import { bitLength, rsaBits } from './key-types/rsa.ts'
import {
  innerKey,
  readSecurityKeyFacts,
  type SecurityKeyFacts,
  securityKeyMessage,
} from './key-types/security-key.ts'
import {
  readWebauthnClaims,
  type WebauthnClaims,
  webauthnEcdsa,
  webauthnMessage,
} from './key-types/webauthn.ts'
import { readPublicBlob } from './public-blob.ts'

/** Which keys and algorithms are good enough to be used. */
export interface KeyPolicy {
  /** The least size of an RSA key, in bits. Default: 2048; keys under 1024 are not even read. */
  readonly minRsaBits?: number
  /** Also algorithms that are broken: `ssh-rsa`, which is RSA with SHA-1, and `ssh-dss`. Default: false. */
  readonly insecure?: boolean
  /** Security keys must say that somebody touched them. Default: true, as in OpenSSH unless `no-touch-required` is said. */
  readonly touchRequired?: boolean
  /** Security keys must say that they were given a PIN or a finger. Default: false; `verify-required` in authorized_keys. */
  readonly verifyRequired?: boolean
}

/**
 * Gives the function that checks signatures. It is strict: the blob names exactly the algorithm asked for, nothing follows,
 * numbers are canonical and in range, the key is of the algorithm's type and good enough by `policy`. It says false for
 * everything else and never throws for what a peer sends; {@link whyUnusable} tells about the key in words.
 */
export function createVerifier(
  crypto: CryptoProvider = defaultProvider,
  policy: KeyPolicy = {},
): VerifySignature {
  const prepared = new WeakMap<PublicKey, Prepared>()
  return (key, algorithm, data, signature) => {
    const chosen = signatureAlgorithm(algorithm)
    if (chosen === undefined || chosen.keyType !== key.type) return false
    if (chosen.insecure === true && policy.insecure !== true) return false
    let ready = prepared.get(key)
    // The bytes decide, not the object: it may belong to someone who changes it.
    if (ready === undefined || !equal(ready.blob, key.blob)) {
      ready = prepare(crypto.backend, key, policy)
      prepared.set(key, ready)
    }
    if (ready.verify === undefined) return false
    const read = readSignature(signature, algorithm, ready.row, ready.parts)
    if (read === undefined) return false
    if (read.facts === undefined) return ready.verify(chosen.hash, data, read.raw)
    const { touchRequired = true, verifyRequired = false } = policy
    if ((touchRequired && !read.facts.userPresent) || (verifyRequired && !read.facts.userVerified))
      return false
    const { application } = ready.parts as { readonly application: Uint8Array }
    const message =
      read.claims === undefined
        ? securityKeyMessage(crypto.backend, application, read.facts, data)
        : webauthnMessage(crypto.backend, application, read.facts, read.claims, data)
    return message !== undefined && ready.verify(chosen.hash, message, read.raw)
  }
}

/** Why no signature of `key` would be accepted, as a sentence; undefined when it is fit for use. */
export function whyUnusable(
  key: PublicKey,
  o: KeyPolicy & { readonly crypto?: CryptoProvider } = {},
): string | undefined {
  return prepare((o.crypto ?? defaultProvider).backend, key, o).problem
}

/** Why values of a key do not satisfy `policy`. */
export function policyProblem(
  parts: { readonly type: string; readonly n?: Uint8Array },
  { minRsaBits = rsaBits.leastToUse, insecure = false }: KeyPolicy,
): string | undefined {
  if (parts.type === 'dsa' && !insecure)
    return 'a dsa key is too weak: DSA is broken; make a new key (option insecure takes its signatures nevertheless)'
  if (parts.n === undefined) return undefined
  const bits = bitLength(parts.n)
  return bits < minRsaBits
    ? `an rsa key of ${bits} bits is too weak: at least ${minRsaBits} are needed (option minRsaBits)`
    : undefined
}

type Prepared = { readonly blob: Uint8Array } & (
  | {
      readonly verify: ReturnType<Backend['verifier']>
      readonly parts: PublicParts
      readonly row: KeyTypeRow
      readonly problem?: undefined
    }
  | { readonly verify?: undefined; readonly problem: string }
)

function prepare(backend: Backend, key: PublicKey, policy: KeyPolicy): Prepared {
  const blob = Uint8Array.from(key.blob)
  try {
    const parts = readPublicBlob(blob)
    if (parts === undefined) return { blob, problem: `keys of type ${key.type} cannot be used, only carried` }
    const row = keyTypeOf(parts)
    if (row.name !== key.type)
      return { blob, problem: `the key says that it is ${key.type}, its blob is of type ${row.name}` }
    const problem = policyProblem(parts, policy)
    if (problem !== undefined) return { blob, problem }
    return { blob, parts, row, verify: verifierOf(backend, parts) }
  } catch (error) {
    // What is no key: by its form (KeyError), or by its values (RangeError of the backend).
    if (error instanceof KeyError || error instanceof RangeError) return { blob, problem: error.message }
    throw error
  }
}

function verifierOf(backend: Backend, parts: PublicParts): ReturnType<Backend['verifier']> {
  switch (parts.type) {
    case 'dsa':
      return dsaVerifier(backend, parts)
    case 'sk-ed25519':
    case 'sk-ecdsa':
      return backend.verifier(innerKey(parts))
    case 'mldsa44-ed25519':
      return compositeVerifier(backend, parts)
    case 'ed25519':
    case 'ecdsa':
    case 'rsa':
      return backend.verifier(parts)
    default:
      return assertNever(parts)
  }
}

/**
 * What a security key says in its signature: whether it was touched, whether it was given a PIN, its counter.
 * Undefined for anything that is no signature of one. Believe it only where a verifier accepted the signature.
 */
export function securityKeyFacts(signature: Uint8Array): SecurityKeyFacts | undefined {
  try {
    const from = new Reader(signature, 'signature')
    const name = from.ascii()
    const row = keyTypeNamed(signatureAlgorithm(name)?.keyType ?? name)
    from.string()
    if (row === undefined || !isSecurityKey(row)) return undefined
    const { userPresent, userVerified, counter } = readSecurityKeyFacts(from)
    const claims = name === webauthnEcdsa ? readWebauthnClaims(from) : undefined
    from.end()
    return { userPresent, userVerified, counter, ...(claims === undefined ? {} : { origin: claims.origin }) }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

const isSecurityKey = (row: KeyTypeRow): boolean => row.name.startsWith('sk-')

interface ReadSignature {
  readonly raw: Uint8Array
  /** Of a security key. */
  readonly facts?: ReturnType<typeof readSecurityKeyFacts>
  /** Of a browser. */
  readonly claims?: WebauthnClaims
}

/** The raw signature in a blob that names exactly `algorithm`; undefined for anything else. */
function readSignature(
  blob: Uint8Array,
  algorithm: string,
  row: KeyTypeRow,
  key: PublicParts,
): ReadSignature | undefined {
  try {
    const from = new Reader(blob, 'signature')
    if (from.ascii() !== algorithm) return undefined
    const encoded = from.string()
    const facts = isSecurityKey(row) ? readSecurityKeyFacts(from) : undefined
    const claims = algorithm === webauthnEcdsa ? readWebauthnClaims(from) : undefined
    from.end()
    const raw = row.decodeSignature(encoded, key)
    if (raw === undefined) return undefined
    return { raw, ...(facts === undefined ? {} : { facts }), ...(claims === undefined ? {} : { claims }) }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
