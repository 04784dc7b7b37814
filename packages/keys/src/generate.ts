/** New keys. */

import { type CryptoProvider, type CurveName, defaultProvider } from '@hawser/crypto'
import { UsageError } from '@hawser/wire'
import type { PrivateKey } from './key.ts'
import { generateComposite } from './key-types/composite.ts'
import type { CompositeName } from './key-types/parts.ts'
import { rsaBits } from './key-types/rsa.ts'
import { type PrivateKeyOptions, privateKeyOf } from './sign.ts'

/**
 * `mldsa44-ed25519`: the post-quantum composite, of type `ssh-mldsa44-ed25519` as OpenSSH has it since 10.6; with
 * `@openssh.com`, under the name of 10.4 and 10.5. They need the option `crypto: withMlDsa()` (`@hawser/crypto/ml-dsa`).
 */
export type KeyType = 'ed25519' | 'ecdsa' | 'rsa' | 'mldsa44-ed25519' | 'mldsa44-ed25519@openssh.com'

export interface GenerateOptions extends PrivateKeyOptions {
  /** ecdsa: 256 (default), 384 or 521; rsa: 3072 (default), 2048 to 16384 in steps of 8; ed25519 and mldsa44-ed25519: 256 only. */
  readonly bits?: number
  /** Default: none. */
  readonly comment?: string
}

const compositeNames = {
  'mldsa44-ed25519': 'ssh-mldsa44-ed25519',
  'mldsa44-ed25519@openssh.com': 'ssh-mldsa44-ed25519@openssh.com',
} as const satisfies Record<string, CompositeName>

const curves: Readonly<Record<number, CurveName>> = { 256: 'nistp256', 384: 'nistp384', 521: 'nistp521' }

/** A fresh key. Throws UsageError for a size that the type does not have. RSA takes from tenths of a second to minutes, by size. */
export async function generateKey(type: KeyType, options: GenerateOptions = {}): Promise<PrivateKey> {
  const { backend }: CryptoProvider = options.crypto ?? defaultProvider
  const parts =
    type === 'mldsa44-ed25519' || type === 'mldsa44-ed25519@openssh.com'
      ? generateComposite(backend, compositeName(type, options))
      : await backend.generateKey(specOf(type, options))
  return privateKeyOf(parts, options.comment ?? '', options)
}

function compositeName(type: keyof typeof compositeNames, { bits }: GenerateOptions): CompositeName {
  if (bits !== undefined && bits !== 256)
    throw new UsageError(`a key of type ${type} has 256 bits, not ${bits}`)
  return compositeNames[type]
}

function specOf(
  type: 'ed25519' | 'ecdsa' | 'rsa',
  { bits, minRsaBits = rsaBits.leastToUse }: GenerateOptions,
): Parameters<CryptoProvider['backend']['generateKey']>[0] {
  if (type === 'ed25519') {
    if (bits !== undefined && bits !== 256) throw new UsageError(`an ed25519 key has 256 bits, not ${bits}`)
    return { type }
  }
  if (type === 'ecdsa') {
    const curve = curves[bits ?? 256]
    if (curve === undefined) throw new UsageError(`an ecdsa key has 256, 384 or 521 bits, not ${bits}`)
    return { type, curve }
  }
  if (type === 'rsa') {
    const size = bits ?? 3072
    const least = Math.max(minRsaBits, rsaBits.least)
    if (!Number.isInteger(size) || size % 8 !== 0 || size < least || size > rsaBits.most)
      throw new UsageError(`a new rsa key has ${least} to ${rsaBits.most} bits in steps of 8, not ${size}`)
    return { type, bits: size }
  }
  throw new UsageError(
    `cannot generate a key of type ${JSON.stringify(type)}: use ed25519, ecdsa, rsa or mldsa44-ed25519`,
  )
}
