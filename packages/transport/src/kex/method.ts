/** What a key exchange is to the transport: a small machine of one or two messages each way. */

import type { AgreementAlgorithm, Backend } from '@hawser/crypto'
import type { Message } from '@hawser/wire'
import { dhMethod } from './dh.ts'
import { dhGexMethod } from './dh-gex.ts'
import { ecdhMethod } from './ecdh.ts'
import type { Transcript } from './exchange-hash.ts'

/** Sizes of the prime in group exchange, in bits (RFC 4419 §3, RFC 8270). */
export interface GexLimits {
  readonly min: number
  /** What a client asks for. */
  readonly preferred: number
  readonly max: number
}

export interface KexContext {
  readonly role: 'client' | 'server'
  readonly agreement: AgreementAlgorithm
  readonly backend: Backend
  readonly transcript: Transcript
  /** The server's host key blob, K_S; the client learns it on the way. */
  readonly hostKey?: Uint8Array
  readonly gex: GexLimits
}

/** The end of a key exchange, but for the signature. */
export interface KexResult {
  /** H. */
  readonly hash: Uint8Array
  /** K as it enters the key derivation; whoever takes it erases it. */
  readonly secret: Uint8Array
  /** K_S. */
  readonly hostKey: Uint8Array
  /** Client: the server's signature over H. */
  readonly signature?: Uint8Array
  /** Server: the last message, once H is signed. */
  readonly reply?: (signature: Uint8Array) => Uint8Array
}

export type KexStep = { readonly send: Uint8Array } | { readonly result: KexResult }

export interface KexMethod {
  /** Every message of this exchange, for names. */
  readonly messages: readonly Pick<Message<unknown>, 'name' | 'number'>[]
  /** The one message number that may come next. */
  readonly expects: number
  /** The client's first message. */
  start(): Uint8Array | undefined
  /** Takes the expected message. Throws ProtocolError, AgreementError among them, for one that must be refused. */
  step(payload: Uint8Array): KexStep
}

/** The message dance for `context.agreement`. */
export function createKexMethod(context: KexContext): KexMethod {
  switch (context.agreement.form) {
    case 'ecdh':
      return ecdhMethod(context)
    case 'dh':
      return dhMethod(context)
    case 'dh-gex':
      return dhGexMethod(context)
  }
}
