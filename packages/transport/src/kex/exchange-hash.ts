/** The exchange hash H, composed field by field (RFC 4253 §8, RFC 4419 §3, RFC 5656 §4). */

import type { AgreementAlgorithm, Backend } from '@hawser/crypto'
import { mpintFromUnsigned, Writer } from '@hawser/wire'

/** What every key exchange hashes first. */
export interface Transcript {
  /** V_C and V_S: identification lines without their ends. */
  readonly clientIdent: Uint8Array
  readonly serverIdent: Uint8Array
  /** I_C and I_S: payloads of the KEXINIT messages. */
  readonly clientKexInit: Uint8Array
  readonly serverKexInit: Uint8Array
}

/** HASH(V_C ‖ V_S ‖ I_C ‖ I_S ‖ K_S ‖ values of the dance ‖ K); `values` and `secret` are encoded already. */
export function exchangeHash(
  backend: Backend,
  agreement: AgreementAlgorithm,
  transcript: Transcript,
  hostKey: Uint8Array,
  values: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const common = new Writer(2048)
    .string(transcript.clientIdent)
    .string(transcript.serverIdent)
    .string(transcript.clientKexInit)
    .string(transcript.serverKexInit)
    .string(hostKey)
    .finish()
  return backend.hash(agreement.hash, common, values, secret)
}

/** K as it enters the hashes: an mpint, or a string for the post-quantum hybrids. In memory of its own, to be erased. */
export function encodeSecret(agreement: AgreementAlgorithm, secret: Uint8Array): Uint8Array {
  const content = agreement.secretEncoding === 'mpint' ? mpintFromUnsigned(secret) : secret
  const encoded = new Uint8Array(4 + content.length)
  encoded.set([content.length >>> 24, content.length >>> 16, content.length >>> 8, content.length])
  encoded.set(content, 4)
  if (content.buffer !== secret.buffer) content.fill(0)
  return encoded
}
