/** Which SSH session a connection to an agent is used in: the extension session-bind@openssh.com (OpenSSH PROTOCOL.agent §1). */

import { createVerifier, isCertificate, KeyError, parseCertificate, publicKeyFromBlob } from '@hawser/keys'
import { ProtocolError, Reader, Writer } from '@hawser/wire'
import { agentLimits } from './limits.ts'
import { algorithmOf } from './signing.ts'

/** Name of the extension. */
export const sessionBind = 'session-bind@openssh.com'

/** A session, and the proof that the server with this host key is its other end. */
export interface SessionBinding {
  /** The server's host key as it came, a certificate too. */
  readonly hostKey: Uint8Array
  /** The exchange hash of the first key exchange (RFC 4253 §7.2). */
  readonly sessionId: Uint8Array
  /** The host key's signature over it, from that key exchange. */
  readonly signature: Uint8Array
  /** Whether the agent is forwarded through the session; false when a login to its server is what follows. */
  readonly forwarding: boolean
}

export function writeSessionBinding(binding: SessionBinding): Uint8Array {
  const { hostKey, sessionId, signature, forwarding } = binding
  return new Writer(512).string(hostKey).string(sessionId).string(signature).boolean(forwarding).finish()
}

/** Throws ProtocolError for what is no binding, and for a session identifier that is longer than any hash. */
export function readSessionBinding(contents: Uint8Array): SessionBinding {
  const from = new Reader(contents, sessionBind)
  const binding = {
    hostKey: from.string(),
    sessionId: from.string(),
    signature: from.string(),
    forwarding: from.boolean(),
  }
  from.end()
  const { length } = binding.sessionId
  if (length === 0 || length > agentLimits.sessionId)
    throw new ProtocolError(
      `a session identifier of ${length} bytes; 1 to ${agentLimits.sessionId} are possible`,
    )
  return binding
}

/** Whether the host key signed the session identifier. A certificate counts by its key; who issued it is not looked at. */
export function bindingHolds({ hostKey, sessionId, signature }: SessionBinding): boolean {
  const algorithm = algorithmOf(signature)
  if (algorithm === undefined) return false
  try {
    const key = publicKeyFromBlob(hostKey)
    const plain = isCertificate(key) ? parseCertificate(key).key : key
    return createVerifier()(plain, algorithm, sessionId, signature)
  } catch (error) {
    if (error instanceof KeyError) return false
    throw error
  }
}
