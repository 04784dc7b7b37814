/** Signatures that web browsers have security keys make: webauthn-sk-ecdsa-sha2-nistp256@openssh.com (OpenSSH PROTOCOL.u2f). */

import type { Backend } from '@hawser/crypto'
import { base64Encode, concat, type Reader, utf8Encode } from '@hawser/wire'
import { securityKeyMessage } from './security-key.ts'

/** The signature algorithm; its keys are of the type sk-ecdsa-sha2-nistp256@openssh.com. */
export const webauthnEcdsa = 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com'

/** Bits of the flags that browsers' security keys set: attested data follows, extensions follow. */
const flagBits = { attested: 0x40, extensions: 0x80 } as const

/** What follows flags and counter in such a signature; views. */
export interface WebauthnClaims {
  /** The web site for which the browser asked, such as `https://example.com`. */
  readonly origin: string
  /** The browser's JSON, which is what is signed. */
  readonly clientData: Uint8Array
  /** The security key's extensions, in CBOR. */
  readonly extensions: Uint8Array
}

export function readWebauthnClaims(from: Reader): WebauthnClaims {
  return { origin: from.utf8(), clientData: from.string(), extensions: from.string() }
}

/**
 * What the security key signed: SHA-256 of the application, flags, counter, extensions, SHA-256 of the browser's JSON. Undefined unless
 * that JSON begins with the type of a login, `data` as its challenge and the origin, in the one form that browsers write.
 */
export function webauthnMessage(
  backend: Backend,
  application: Uint8Array,
  facts: { readonly flags: number; readonly counter: number },
  { origin, clientData, extensions }: WebauthnClaims,
  data: Uint8Array,
): Uint8Array | undefined {
  const saysExtensions = (facts.flags & flagBits.extensions) !== 0
  if ((facts.flags & flagBits.attested) !== 0 || saysExtensions !== extensions.length > 0) return undefined
  if (/["\\]/.test(origin)) return undefined
  const challenge = base64Encode(data).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const begins = utf8Encode(`{"type":"webauthn.get","challenge":"${challenge}","origin":"${origin}"`)
  // Nothing of this is secret.
  if (clientData.length < begins.length || begins.some((byte, at) => clientData[at] !== byte))
    return undefined
  const plain = securityKeyMessage(backend, application, facts, clientData)
  const head = plain.length - 32
  return concat(plain.subarray(0, head), extensions, plain.subarray(head))
}
