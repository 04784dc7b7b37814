/** The server's proof (RFC 4253 §8): the client's check of key and signature, and the server's look at what its signer gave. */

import {
  isCertificate,
  type PublicKey,
  parseCertificate,
  plainAlgorithm,
  publicKeyFromBlob,
  type VerifySignature,
  whyUnusable,
} from '@hawser/keys'
import { Reader, SshError, UsageError } from '@hawser/wire'
import { HostKeyError } from './errors.ts'
import type { KexResult } from './kex/method.ts'

/** What a server proved itself by: its host key as it came, a certificate too, and its signature blob over the exchange hash. */
export interface HostProof {
  readonly hostKey: Uint8Array
  readonly signature: Uint8Array
}

/** The proof in what a client's key exchange gave; undefined on a server, which has none to check. */
export function proofOf({ hostKey, signature }: KexResult): HostProof | undefined {
  return signature === undefined ? undefined : { hostKey, signature }
}

/** The key type that signs by `algorithm`: RSA keys have several algorithms (RFC 8332), the others one. */
export function keyTypeOf(algorithm: string): string {
  const rsa = /^rsa-sha2-(?:256|512)(-cert-v01@openssh\.com)?$/.exec(algorithm)
  return rsa === null ? algorithm : `ssh-rsa${rsa[1] ?? ''}`
}

/**
 * The host key in `blob`, once it is of the negotiated type and has signed `hash` by exactly the negotiated algorithm.
 * Throws {@link HostKeyError}. Whether the key is trusted is for the application to say; so is what a certificate says.
 */
export function checkHostKey(
  verify: VerifySignature,
  algorithm: string,
  blob: Uint8Array,
  hash: Uint8Array,
  signature: Uint8Array,
): PublicKey {
  const { key, plain } = readHostKey(algorithm, blob)
  const type = keyTypeOf(algorithm)
  if (key.type !== type)
    throw new HostKeyError(
      'SSH_HOST_KEY_TYPE',
      `the server sent a host key of type ${JSON.stringify(key.type)} where ${algorithm} was negotiated, which needs ${type}`,
      algorithm,
      blob,
    )
  if (verify(key, algorithm, hash, signature)) return key
  const problem = whyUnusable(plain)
  if (problem !== undefined) throw unusable(problem, algorithm, blob)
  throw new HostKeyError(
    'SSH_HOST_KEY_SIGNATURE',
    `the server's ${algorithm} signature over the key exchange does not fit its host key: somebody may be in the middle, or the server is broken`,
    algorithm,
    blob,
  )
}

/** The key, and the one that a certificate certifies: itself where it is none. */
function readHostKey(
  algorithm: string,
  blob: Uint8Array,
): { readonly key: PublicKey; readonly plain: PublicKey } {
  try {
    const key = publicKeyFromBlob(blob)
    return { key, plain: isCertificate(key) ? parseCertificate(key).key : key }
  } catch (error) {
    if (!SshError.is(error)) throw error
    throw unusable(error.message, algorithm, blob, error)
  }
}

function unusable(why: string, algorithm: string, blob: Uint8Array, cause?: unknown): HostKeyError {
  return new HostKeyError(
    'SSH_HOST_KEY_UNUSABLE',
    `the server's host key cannot be used: ${why}`,
    algorithm,
    blob,
    cause,
  )
}

/**
 * Throws {@link UsageError} unless `signature` looks like a signature blob by `algorithm`, or its plain name for a certificate; a raw
 * signature is the usual mistake.
 */
export function checkSignatureBlob(signature: Uint8Array, negotiated: string): void {
  const algorithm = plainAlgorithm(negotiated)
  try {
    if (new Reader(signature, 'signature').ascii() === algorithm) return
  } catch (error) {
    if (!SshError.is(error)) throw error
  }
  throw new UsageError(
    `provideSignature wants an SSH signature blob by ${algorithm}: its name and the signature, each as a string (RFC 4253 §6.6)`,
  )
}
