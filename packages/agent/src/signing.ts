/** Signature algorithms of the keys that agents hold, and the flags that choose between them (RFC 9987 §3.6.1). */

import { plainAlgorithm } from '@hawser/keys'
import { ProtocolError, Reader } from '@hawser/wire'
import { SignatureFlag } from './numbers.ts'

const certificateSuffix = '-cert-v01@openssh.com'
const rsaAlgorithms = ['rsa-sha2-512', 'rsa-sha2-256'] as const

/**
 * By which algorithms a key of `type` signs, best first. RSA keys and certificates have two (RFC 8332 §3); every other type, also one
 * that is not known here, such as keys on security tokens and certificates, has one of its own name.
 */
export function agentAlgorithms(type: string): readonly string[] {
  if (type === 'ssh-rsa') return rsaAlgorithms
  if (type === `ssh-rsa${certificateSuffix}`) return rsaAlgorithms.map((name) => name + certificateSuffix)
  return [type]
}

/** The flags that ask for a signature by `algorithm`. */
export function signatureFlags(algorithm: string): number {
  const plain = plainAlgorithm(algorithm)
  if (plain === 'rsa-sha2-256') return SignatureFlag.rsaSha2_256
  return plain === 'rsa-sha2-512' ? SignatureFlag.rsaSha2_512 : 0
}

/** The algorithm that `flags` ask of a key of `type`; undefined for flags that are not known. They mean nothing to keys that are not RSA. */
export function flaggedAlgorithm(type: string, flags: number): string | undefined {
  const { rsaSha2_256, rsaSha2_512 } = SignatureFlag
  if ((flags & ~(rsaSha2_256 | rsaSha2_512)) !== 0) return undefined
  if (plainAlgorithm(type) !== 'ssh-rsa') return type
  const suffix = type.slice('ssh-rsa'.length)
  if ((flags & rsaSha2_256) !== 0) return `rsa-sha2-256${suffix}`
  return (flags & rsaSha2_512) !== 0 ? `rsa-sha2-512${suffix}` : type
}

/** The algorithm that a signature blob names (RFC 4253 §6.6); undefined when it is none. */
export function algorithmOf(signature: Uint8Array): string | undefined {
  try {
    return new Reader(signature, 'signature').ascii()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
