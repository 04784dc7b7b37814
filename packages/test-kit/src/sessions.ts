/** A client and a server session joined by a pipe in memory, logged in by public key unless told otherwise. */

import { generateKey, type PrivateKey } from '@hawser/keys'
import {
  beginClient,
  beginServer,
  type ClientSessionOptions,
  type ServerSessionOptions,
  type Session,
} from '@hawser/session'
import { type MemoryPipeOptions, type MemoryPipes, memoryPipes } from '@hawser/testing/line'

export interface SessionPairOptions extends MemoryPipeOptions {
  readonly client?: Partial<ClientSessionOptions>
  readonly server?: Partial<ServerSessionOptions>
}

export interface SessionPair extends MemoryPipes {
  readonly client: Session
  readonly server: Session
}

let keys: Promise<{ readonly host: PrivateKey; readonly user: PrivateKey }> | undefined

/** One host and one user key for this process. */
export function testKeys(): Promise<{ readonly host: PrivateKey; readonly user: PrivateKey }> {
  keys ??= Promise.all([generateKey('ed25519'), generateKey('ed25519')]).then(([host, user]) => ({
    host,
    user,
  }))
  return keys
}

/** Both sessions, begun; wait for `ready` of each. */
export async function sessionPair(options: SessionPairOptions = {}): Promise<SessionPair> {
  const { host, user } = await testKeys()
  // No byte may be used after the call that brought it, as with a socket that is read into one buffer again and again.
  const pipes = memoryPipes({ lends: true, ...options })
  const server = beginServer(pipes.b, {
    hostKeys: [host],
    authMethods: ['publickey'],
    onAuth: (exchange) => {
      if (exchange.request.method === 'publickey') exchange.accept()
      else exchange.reject()
    },
    ...options.server,
  })
  const client = beginClient(pipes.a, {
    user: 'tester',
    auth: ({ attempts }) => (attempts.length === 0 ? { method: 'publickey', signer: user } : undefined),
    verifyHostKey: () => true,
    ...options.client,
  })
  return { ...pipes, client, server }
}
