/** Signers whose private half is elsewhere: a service (KMS), a hardware module, another process. */

import { type CryptoProvider, defaultProvider, type HashName } from '@hawser/crypto'
import { UsageError, Writer } from '@hawser/wire'
import { algorithmsOf, signatureAlgorithm } from '../algorithms.ts'
import { DerReader } from '../der.ts'
import { KeyError } from '../errors.ts'
import type { PublicKey, Signer } from '../key.ts'
import { curveSize, padded } from '../key-types/ecdsa.ts'
import { keyTypeOf, type PublicParts } from '../key-types/index.ts'
import { readPublicBlob } from '../public-blob.ts'
import { createVerifier } from '../verify.ts'

export interface SignRequest {
  /** The SSH name: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `rsa-sha2-512` … */
  readonly algorithm: string
  /** What is applied to `data` before the signature; undefined for ed25519, which hashes by itself. */
  readonly hash: HashName | undefined
  /** All that is to be signed, not hashed yet. */
  readonly data: Uint8Array
}

export interface CreateSignerOptions {
  /** Best first. Default: all that the type of key has, without broken ones. */
  readonly algorithms?: readonly string[]
  /**
   * What `sign` gives: `raw` (default) is 64 bytes for ed25519, r ‖ s for ecdsa (as WebCrypto), the number for rsa; `der`
   * is the same but a SEQUENCE of r and s for ecdsa (as most services); `ssh` is a complete SSH signature blob.
   */
  readonly encoding?: 'raw' | 'der' | 'ssh'
  readonly crypto?: CryptoProvider
}

/**
 * Makes a signer of a function that signs for `publicKey`. Every signature is checked before it is given on.
 * Throws UsageError for types that are not known, unless `sign` gives SSH blobs. The signer rejects with {@link KeyError}
 * for what is no signature of the key, and with the function's own errors.
 */
export function createSigner(
  publicKey: PublicKey,
  sign: (request: SignRequest) => Uint8Array | Promise<Uint8Array>,
  options: CreateSignerOptions = {},
): Signer {
  const { encoding = 'raw', crypto = defaultProvider } = options
  if (encoding !== 'raw' && encoding !== 'der' && encoding !== 'ssh')
    throw new UsageError(`unknown encoding ${JSON.stringify(encoding)}: use raw, der or ssh`)
  const parts = readPublicBlob(publicKey.blob)
  if (encoding !== 'ssh' && (parts === undefined || parts.type.startsWith('sk-') || parts.type === 'dsa'))
    throw new UsageError(`for keys of type ${publicKey.type}, give signatures with the encoding "ssh"`)
  const own = algorithmsOf(publicKey.type)
  const algorithms = Object.freeze([...(options.algorithms ?? (own.length > 0 ? own : [publicKey.type]))])
  const verify = createVerifier(crypto, { minRsaBits: 1024, insecure: true, touchRequired: false })

  return Object.freeze({
    publicKey,
    algorithms,
    async sign(algorithm: string, data: Uint8Array): Promise<Uint8Array> {
      if (!algorithms.includes(algorithm))
        throw new UsageError(
          `this signer signs by ${algorithms.join(', ')}, not by ${JSON.stringify(algorithm)}`,
        )
      const hash = parts?.type === 'ed25519' ? undefined : signatureAlgorithm(algorithm)?.hash
      const given = await sign({ algorithm, hash, data })
      if (!(given instanceof Uint8Array))
        throw new UsageError('the function that signs must give a Uint8Array')
      const blob =
        encoding === 'ssh'
          ? given
          : wrapped(algorithm, rawOf(given, encoding, parts as PublicParts), parts as PublicParts)
      if (parts !== undefined && !verify(publicKey, algorithm, data, blob))
        throw new KeyError(
          'SSH_KEY_INVALID',
          `what was given as a signature by ${algorithm} is none of this key (encoding ${encoding}, ${given.length} bytes)`,
        )
      return blob
    },
  })
}

function wrapped(algorithm: string, raw: Uint8Array, parts: PublicParts): Uint8Array {
  const encoded = keyTypeOf(parts).encodeSignature(raw, parts)
  return new Writer(raw.length + 48).string(algorithm).string(encoded).finish()
}

function rawOf(given: Uint8Array, encoding: 'raw' | 'der', parts: PublicParts): Uint8Array {
  const size =
    parts.type === 'ecdsa' ? 2 * curveSize[parts.curve] : parts.type === 'rsa' ? parts.n.length : 64
  const raw = encoding === 'der' && parts.type === 'ecdsa' ? rawOfDer(given, size / 2) : given
  if (raw.length === size) return raw
  throw new KeyError(
    'SSH_KEY_INVALID',
    `a raw signature of this key has ${size} bytes, ${raw.length} were given${parts.type === 'ecdsa' && encoding === 'raw' ? ' (is it DER? say so by the option encoding)' : ''}`,
  )
}

/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) as r ‖ s. */
function rawOfDer(bytes: Uint8Array, size: number): Uint8Array {
  const outer = new DerReader(bytes)
  const from = outer.sequence()
  const [r, s] = [from.unsigned(), from.unsigned()]
  from.end()
  outer.end()
  if (r.length > size || s.length > size)
    throw new KeyError('SSH_KEY_INVALID', 'a number of the signature is longer than the order of the curve')
  const raw = new Uint8Array(2 * size)
  raw.set(padded(r, size))
  raw.set(padded(s, size), size)
  return raw
}
