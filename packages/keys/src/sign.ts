/** Private keys in memory: they sign, and give their values to nobody but the writers of this package. */

import { type Backend, type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { assertNever, erase, UsageError, Writer } from '@hawser/wire'
import { algorithmsOf, signatureAlgorithm } from './algorithms.ts'
import { accepting, KeyError } from './errors.ts'
import type { PrivateKey, PublicKey } from './key.ts'
import { compositeProblem, compositeSigner } from './key-types/composite.ts'
import { checkDsaPrivate } from './key-types/dsa.ts'
import { keyTypeOf, type PrivateParts } from './key-types/index.ts'
import { canSign } from './key-types/parts.ts'
import { publicKeyOf } from './public-blob.ts'
import { type KeyPolicy, policyProblem } from './verify.ts'

export interface PrivateKeyOptions extends KeyPolicy {
  /** Default: `defaultProvider`. */
  readonly crypto?: CryptoProvider
}

type Sign = ReturnType<CryptoProvider['backend']['signer']>

/** Signs, and forgets what it keeps beside the values of the key. */
interface Signing {
  readonly sign: Sign
  dispose?(): void
}

/**
 * Makes a key that signs from its values, which it owns from here on.
 * Throws {@link KeyError} when they do not belong together.
 */
export function privateKeyOf(
  parts: PrivateParts,
  comment: string,
  options: PrivateKeyOptions = {},
  format?: string,
): PrivateKey {
  const { backend } = options.crypto ?? defaultProvider
  let signing: Signing
  try {
    if (parts.type === 'dsa') checkDsaPrivate(backend, parts)
    signing = signingOf(backend, parts, format)
  } catch (error) {
    eraseParts(parts)
    throw error
  }
  return new MemoryKey(parts, comment, signing, options)
}

function signingOf(backend: Backend, parts: PrivateParts, format: string | undefined): Signing {
  if (!canSign(parts)) return { sign: cannotSign(parts) }
  if (parts.type !== 'mldsa44-ed25519') return { sign: accepting(format, () => backend.signer(parts)) }
  const problem = compositeProblem(backend, parts.name)
  if (problem !== undefined)
    return {
      sign() {
        throw new KeyError('SSH_KEY_UNSUPPORTED', problem)
      },
    }
  const { sign, dispose } = accepting(format, () => compositeSigner(backend, parts))
  return { sign: (_, data) => sign(data), dispose }
}

/** The values of a key in memory. Throws {@link KeyError} for other signers and after `dispose()`. */
export function privateParts(key: PrivateKey): PrivateParts {
  const parts = MemoryKey.parts(key)
  if (parts !== undefined) return parts
  throw new KeyError(
    'SSH_KEY_UNSUPPORTED',
    'the private values of this key are not in memory: it was disposed of, or it is a signer of another kind',
  )
}

function cannotSign(parts: PrivateParts): Sign {
  const why =
    parts.type === 'dsa'
      ? 'DSA is broken and no longer signed with; make a new key'
      : 'its private half is in a security key; use it through ssh-agent'
  return () => {
    throw new KeyError(
      'SSH_KEY_UNSUPPORTED',
      `a key of type ${keyTypeOf(parts).name} cannot sign here: ${why}`,
    )
  }
}

class MemoryKey implements PrivateKey {
  readonly publicKey: PublicKey
  readonly algorithms: readonly string[]
  readonly comment: string
  /** Both undefined once the key was disposed of. */
  #parts: PrivateParts | undefined
  #signing: Signing | undefined
  readonly #problem: string | undefined

  constructor(parts: PrivateParts, comment: string, signing: Signing, policy: KeyPolicy) {
    this.publicKey = publicKeyOf(parts, comment)
    this.algorithms = Object.freeze(algorithmsOf(this.publicKey.type, policy))
    this.comment = comment
    this.#parts = parts
    this.#signing = signing
    this.#problem = policyProblem(parts, policy)
    Object.freeze(this)
  }

  static parts(key: object): PrivateParts | undefined {
    return #parts in key ? key.#parts : undefined
  }

  sign(algorithm: string, data: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const parts = this.#parts
    if (this.#signing === undefined || parts === undefined)
      throw new UsageError('this key cannot sign any more: it was disposed of', { code: 'SSH_KEY_DISPOSED' })
    // Says why there is no algorithm.
    const { sign } = this.#signing
    if (!canSign(parts)) return sign('sha1', data)
    const chosen = signatureAlgorithm(algorithm)
    if (chosen === undefined || !this.algorithms.includes(algorithm))
      throw new UsageError(
        `a key of type ${this.publicKey.type} signs by ${this.algorithms.join(', ')} here, not by ${JSON.stringify(algorithm)}`,
      )
    if (this.#problem !== undefined) throw new KeyError('SSH_KEY_UNSUPPORTED', this.#problem)
    const row = keyTypeOf(parts)
    const blob = (raw: Uint8Array): Uint8Array =>
      new Writer(raw.length + 48).string(algorithm).string(row.encodeSignature(raw, parts)).finish()
    const raw = sign(chosen.hash, data)
    return raw instanceof Uint8Array ? blob(raw) : raw.then(blob)
  }

  dispose(): void {
    const parts = this.#parts
    this.#parts = undefined
    this.#signing?.dispose?.()
    this.#signing = undefined
    if (parts === undefined) return
    eraseParts(parts)
  }
}

/** Overwrites the private values of a key. */
export function eraseParts(parts: PrivateParts): void {
  switch (parts.type) {
    case 'ed25519':
      return erase(parts.seed)
    case 'ecdsa':
      return erase(parts.scalar)
    case 'rsa':
      return erase(parts.d, parts.p, parts.q, parts.iqmp)
    case 'dsa':
      return erase(parts.x)
    case 'mldsa44-ed25519':
      return erase(parts.seeds)
    case 'sk-ed25519':
    case 'sk-ecdsa':
      return erase(parts.keyHandle)
    default:
      return assertNever(parts)
  }
}
