/** What a signature that an agent is asked for is about, when it is for a login (RFC 4252 §7; OpenSSH PROTOCOL §3.1, hostbound). */

import { type PublicKey, plainAlgorithm } from '@hawser/keys'
import { equal, ProtocolError, Reader } from '@hawser/wire'
import { agentAlgorithms } from './signing.ts'

/** SSH_MSG_USERAUTH_REQUEST */
const userauthRequest = 50

export interface LoginRequest {
  readonly sessionId: Uint8Array
  readonly user: string
  /** The server's host key, when the method names it. */
  readonly hostKey?: Uint8Array
}

/** Reads what a login by `key` signs; undefined for all else. */
export function readLoginRequest(key: PublicKey, data: Uint8Array): LoginRequest | undefined {
  try {
    const from = new Reader(data, 'login request')
    const sessionId = from.string()
    const number = from.byte()
    const user = from.utf8()
    const service = from.ascii()
    const method = from.ascii()
    const signed = from.boolean()
    const algorithm = from.ascii()
    const blob = from.string()
    const isHostbound = method === 'publickey-hostbound-v00@openssh.com'
    const hostKey = isHostbound ? from.string() : undefined
    from.end()
    const isLogin =
      number === userauthRequest &&
      service === 'ssh-connection' &&
      (isHostbound || method === 'publickey') &&
      signed
    const isOfKey =
      equal(blob, key.blob) && agentAlgorithms(plainAlgorithm(key.type)).includes(plainAlgorithm(algorithm))
    if (!isLogin || !isOfKey) return undefined
    return { sessionId, user, ...(hostKey === undefined ? {} : { hostKey }) }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
