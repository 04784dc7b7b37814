/** The one place that builds what a user's or host's key signs (RFC 4252 §7, §9; OpenSSH PROTOCOL §3.1). */

import { Writer } from '@hawser/wire'
import { hostbasedData, hostboundData, hostboundMethod, publickeyData, userauthRequest } from './messages.ts'

/** What every such signature covers: this session, this user, this service, this algorithm and key. */
export interface SignatureSubject {
  readonly sessionId: Uint8Array
  readonly user: string
  readonly service: string
  readonly algorithm: string
  /** The public key blob. */
  readonly key: Uint8Array
}

/** RFC 4252 §7 */
export function publickeySignatureData(o: SignatureSubject): Uint8Array {
  const data = publickeyData.encode({ signed: true, algorithm: o.algorithm, key: o.key })
  return underSession(o, 'publickey', data)
}

/** OpenSSH PROTOCOL §3.1: this server, too. */
export function hostboundSignatureData(o: SignatureSubject & { readonly hostKey: Uint8Array }): Uint8Array {
  const { algorithm, key, hostKey } = o
  return underSession(o, hostboundMethod, hostboundData.encode({ signed: true, algorithm, key, hostKey }))
}

/** RFC 4252 §9 */
export function hostbasedSignatureData(
  o: SignatureSubject & { readonly hostName: string; readonly clientUser: string },
): Uint8Array {
  return underSession(o, 'hostbased', hostbasedData.encode(o))
}

function underSession(o: SignatureSubject, methodName: string, data: Uint8Array): Uint8Array {
  const request = userauthRequest.encode({ userName: o.user, serviceName: o.service, methodName, data })
  return new Writer(o.sessionId.length + request.length + 4).string(o.sessionId).bytes(request).finish()
}
