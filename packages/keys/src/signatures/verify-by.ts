/** Signatures over messages, judged by who may make them (`ssh-keygen -Y verify`). */

import type { CertificateCheck } from '../certificates/check.ts'
import type { RevocationList } from '../certificates/krl.ts'
import type { AllowedSigner, AllowedSigners } from '../trust/allowed-signers.ts'
import type { MessageSource } from './message.ts'
import { type MessageSignature, type VerifyMessageOptions, verifyMessage } from './sshsig.ts'

export interface VerifyByOptions extends VerifyMessageOptions {
  readonly signers: AllowedSigners
  /** Who is said to have signed: a name that the lines of `signers` are for, such as a mail address. */
  readonly identity: string
  /** The time to judge by: when it was signed, as far as that is known, or now. */
  readonly now: Date
  /** Keys and certificates whose signatures no longer count. */
  readonly revoked?: RevocationList
}

export type MessageVerdict =
  | { readonly valid: true /** The line that allows it. */; readonly entry: AllowedSigner }
  | { readonly valid: false; readonly message: string }

/** Whether the message was signed by `identity`. Never throws for what is in the signature; rejects with what the message's stream fails with. */
export async function verifyMessageBy(
  message: MessageSource,
  signature: MessageSignature,
  options: VerifyByOptions,
): Promise<MessageVerdict> {
  const { signers, identity, now, revoked, namespace } = options
  if (signature.namespace !== namespace)
    return {
      valid: false,
      message: `the signature is for ${JSON.stringify(signature.namespace)}, not for ${JSON.stringify(namespace)}`,
    }
  if (!(await verifyMessage(message, signature, options)))
    return { valid: false, message: 'the signature does not fit the message' }
  const optional: Pick<CertificateCheck, 'crypto' | 'revoked'> = {
    ...(options.crypto === undefined ? {} : { crypto: options.crypto }),
    ...(revoked === undefined ? {} : { revoked }),
  }
  const verdict = signers.check({ identity, namespace, key: signature.publicKey, now, ...optional })
  return verdict.allowed ? { valid: true, entry: verdict.entry } : { valid: false, message: verdict.message }
}
