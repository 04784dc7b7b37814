/**
 * ssh-mldsa44-ed25519: ML-DSA-44 and Ed25519 over the same data, both of which must fit (draft-ietf-sshm-composite-sigs,
 * draft-ietf-lamps-pq-composite-sigs). OpenSSH 10.4 and 10.5 have the same under a name of their own.
 */

import type { Backend } from '@hawser/crypto'
import { concat, equal, latin1Encode, type Reader } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { exactly } from './ed25519.ts'
import type { CompositeName, CompositePrivate, CompositePublic } from './parts.ts'
import type { KeyTypeRow } from './row.ts'

/** Bytes of the half of ML-DSA-44 (FIPS 204 §4); that of Ed25519 follows it. */
const sizes = { publicKey: 1312, signature: 2420, seed: 32 } as const

/** What keeps signatures of one half from being taken for those of anything else. */
const label = latin1Encode('COMPSIG-MLDSA44-Ed25519-SHA512')
const prefix = latin1Encode('CompositeAlgorithmSignatures2025')

export const mldsa44Ed25519 = composite('ssh-mldsa44-ed25519')
export const mldsa44Ed25519OpenSsh = composite('ssh-mldsa44-ed25519@openssh.com')

function composite(name: CompositeName): KeyTypeRow<CompositePublic, CompositePrivate> {
  /** string: public key of ML-DSA ‖ public key of Ed25519. */
  const readPublic = (from: Reader): CompositePublic => ({
    type: 'mldsa44-ed25519',
    name,
    publicKey: exactly(from, sizes.publicKey + 32, `${name} public key`).slice(),
  })
  return {
    name,
    readPublic,

    writePublic(to, key) {
      to.string(key.publicKey)
    },

    /** The public key, then both seeds in one string. */
    readPrivate: (from) => ({
      ...readPublic(from),
      seeds: exactly(from, sizes.seed + 32, `${name} private key`).slice(),
    }),

    writePrivate(to, key) {
      to.string(key.publicKey).string(key.seeds)
    },

    /** Signature by ML-DSA ‖ signature by Ed25519. */
    encodeSignature: (raw) => raw,
    decodeSignature: (encoded) => (encoded.length === sizes.signature + 64 ? encoded : undefined),
  }
}

/** Signs by both halves. Throws {@link KeyError} without ML-DSA, and when the halves of the key do not belong together. */
export function compositeSigner(
  backend: Backend,
  { name, publicKey, seeds }: CompositePrivate,
): { sign(data: Uint8Array): Promise<Uint8Array>; dispose(): void } {
  const lattice = mlDsaOf(backend, name).signer(seeds.subarray(0, sizes.seed))
  const seed = seeds.slice(sizes.seed)
  const curve = backend.publicFromPrivate({ type: 'ed25519', seed })
  if (!equal(concat(lattice.publicKey, curve), publicKey))
    throw new KeyError('SSH_KEY_INVALID', `${name}: the public key is not that of the private one`)
  const signCurve = backend.signer({ type: 'ed25519', publicKey: curve, seed })
  return {
    async sign(data) {
      const both = representative(backend, data)
      return concat(lattice.sign(both, label), await signCurve('sha512', both))
    },
    dispose() {
      lattice.dispose()
      seed.fill(0)
    },
  }
}

/** Checks both halves. Throws {@link KeyError} without ML-DSA. */
export function compositeVerifier(
  backend: Backend,
  { name, publicKey }: CompositePublic,
): ReturnType<Backend['verifier']> {
  const mlDsa = mlDsaOf(backend, name)
  const lattice = publicKey.slice(0, sizes.publicKey)
  const verifyCurve = backend.verifier({ type: 'ed25519', publicKey: publicKey.slice(sizes.publicKey) })
  return (_, data, signature) => {
    const both = representative(backend, data)
    return (
      verifyCurve('sha512', both, signature.subarray(sizes.signature)) &&
      mlDsa.verify(lattice, both, label, signature.subarray(0, sizes.signature))
    )
  }
}

/** New values. Throws {@link KeyError} without ML-DSA. */
export function generateComposite(backend: Backend, name: CompositeName): CompositePrivate {
  const seeds = backend.random(sizes.seed + 32).slice()
  const { publicKey } = mlDsaOf(backend, name).signer(seeds.subarray(0, sizes.seed))
  const curve = backend.publicFromPrivate({ type: 'ed25519', seed: seeds.slice(sizes.seed) })
  return { type: 'mldsa44-ed25519', name, publicKey: concat(publicKey, curve), seeds }
}

/** Why such keys cannot be used over `backend`; undefined when they can. */
export function compositeProblem(backend: Backend, name: string): string | undefined {
  return backend.mlDsa44 === undefined
    ? `keys of type ${name} need ML-DSA: give the option crypto the value withMlDsa() of @hawser/crypto/ml-dsa`
    : undefined
}

function mlDsaOf(backend: Backend, name: string): NonNullable<Backend['mlDsa44']> {
  if (backend.mlDsa44 !== undefined) return backend.mlDsa44
  throw new KeyError('SSH_KEY_UNSUPPORTED', compositeProblem(backend, name) as string)
}

/** What both halves sign, with the context that SSH leaves empty (lamps draft §3.2: prefix, label, length of the context, context, hash). */
function representative(backend: Backend, data: Uint8Array): Uint8Array {
  return concat(prefix, label, Uint8Array.of(0), backend.hash('sha512', data))
}
