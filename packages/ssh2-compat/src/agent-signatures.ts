/** Signatures between agents, whose protocol has SSH blobs, and ssh2's programs, which have the bytes within. */

import { agentAlgorithms } from '@hawser/agent'
import { plainAlgorithm } from '@hawser/keys'
import { ProtocolError, Writer } from '@hawser/wire'
import { algorithmFor, fromBlob, toBlob } from './signatures.ts'

/** Which hash a program is asked for, for a signature by `algorithm`. */
export function hashFor(algorithm: string): 'sha1' | 'sha256' | 'sha512' | undefined {
  if (algorithm.startsWith('rsa-sha2-256')) return 'sha256'
  if (algorithm.startsWith('rsa-sha2-512')) return 'sha512'
  return algorithm === 'ssh-rsa' ? 'sha1' : undefined
}

/** By which algorithms an agent's key signs, best first. */
export { agentAlgorithms }

/** What programs see of a signature blob: its content, DER for ECDSA; for keys on tokens, flags and counter too. Undefined for no blob. */
export function fromAgentBlob(blob: Uint8Array): Buffer | undefined {
  try {
    return fromBlob(blob)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** The inverse. ECDSA's two numbers may come as DER or as the protocol has them. Undefined for what is no signature. */
export function toAgentBlob(
  type: string,
  hash: string | undefined,
  signature: Uint8Array,
): Uint8Array | undefined {
  const algorithm = agentAlgorithm(type, hash)
  // A DER sequence starts with 0x30; the protocol's form with the length of a short number.
  if (algorithm.startsWith('ecdsa-') && signature[0] === 0)
    return new Writer().string(algorithm).string(signature).finish()
  return toBlob(algorithm, signature)
}

/** The algorithm that a signature by a key of `type` with `hash` names: that of the plain key for certificates. */
function agentAlgorithm(type: string, hash: string | undefined): string {
  return algorithmFor(plainAlgorithm(type), hash)
}
