/** For the tests of this package: keys that sign without cryptography, and a client and a server with a wire between them. */

import type { Signer, VerifySignature } from '@hawser/keys'
import { concat, equal, type ProtocolError, utf8Encode, Writer } from '@hawser/wire'
import { UserauthClient, type UserauthClientEvent, type UserauthClientOptions } from './client.ts'
import * as messages from './messages.ts'
import { signatureNameOf } from './methods.ts'
import { UserauthServer, type UserauthServerEvent, type UserauthServerOptions } from './server.ts'

export const sessionId = utf8Encode('the session identifier')

/** A key blob of `type`; `seed` tells keys apart. */
export function keyBlob(type: string, seed = 'a'): Uint8Array {
  return new Writer().string(type).string(`public ${seed}`).finish()
}

/** The one right signature blob of the key over `data` by `algorithm`. */
export function signatureOf(blob: Uint8Array, algorithm: string, data: Uint8Array): Uint8Array {
  return new Writer().string(signatureNameOf(algorithm)).string(concat(blob, data)).finish()
}

export function fakeSigner(
  type = 'ssh-ed25519',
  algorithms: readonly string[] = [type],
  seed = 'a',
): Omit<Signer, 'sign'> & { sign(algorithm: string, data: Uint8Array): Uint8Array } {
  const blob = keyBlob(type, seed)
  return {
    publicKey: { type, blob },
    algorithms,
    sign: (algorithm, data) => signatureOf(blob, algorithm, data),
  }
}

export const fakeVerify: VerifySignature = (key, algorithm, data, signature) =>
  equal(signature, signatureOf(key.blob, algorithm, data))

export function makeClient(over: Partial<UserauthClientOptions> = {}): UserauthClient {
  return new UserauthClient({ user: 'alice', sessionId, ...over })
}

export function makeServer(over: Partial<UserauthServerOptions> = {}): UserauthServer {
  return new UserauthServer({ sessionId, verify: fakeVerify, methods: ['publickey', 'password'], ...over })
}

interface Pollable<E> {
  receive(payload: Uint8Array): void
  poll(): E | undefined
  takeOutput(): Uint8Array | undefined
}

export function events<E>(machine: Pollable<E>): E[] {
  const list: E[] = []
  for (let event = machine.poll(); event !== undefined; event = machine.poll()) list.push(event)
  return list
}

export function payloads(machine: Pollable<unknown>): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let next = machine.takeOutput(); next !== undefined; next = machine.takeOutput()) list.push(next)
  return list
}

export function feed<E>(machine: Pollable<E>, ...given: readonly Uint8Array[]): E[] {
  for (const payload of given) machine.receive(payload)
  return events(machine)
}

export interface Seen {
  readonly client: readonly UserauthClientEvent[]
  readonly server: readonly UserauthServerEvent[]
}

/** Carries everything to and fro until nothing moves. */
export function settle(
  client: UserauthClient,
  server: UserauthServer,
  on: { client?: (e: UserauthClientEvent) => void; server?: (e: UserauthServerEvent) => void } = {},
): Seen {
  const seen = { client: [] as UserauthClientEvent[], server: [] as UserauthServerEvent[] }
  for (let round = 0; round < 1000; round++) {
    let moved = 0
    for (let event = client.poll(); event !== undefined; event = client.poll(), moved++) {
      seen.client.push(event)
      on.client?.(event)
    }
    for (const payload of payloads(client)) server.receive(payload.slice())
    for (let event = server.poll(); event !== undefined; event = server.poll(), moved++) {
      seen.server.push(event)
      on.server?.(event)
    }
    for (const payload of payloads(server)) {
      client.receive(payload.slice())
      moved++
    }
    if (moved === 0) return seen
  }
  throw new Error('the two still talk')
}

/** A request of a client, by hand. */
export function request(
  methodName: string,
  data: Uint8Array = new Uint8Array(0),
  over: { userName?: string; serviceName?: string } = {},
): Uint8Array {
  return messages.userauthRequest.encode({
    userName: 'alice',
    serviceName: 'ssh-connection',
    ...over,
    methodName,
    data,
  })
}

export function passwordRequest(password: string, over: { userName?: string } = {}): Uint8Array {
  return request(
    'password',
    messages.passwordData.encode({ change: false, password: utf8Encode(password) }),
    over,
  )
}

export function queryRequest(algorithm = 'ssh-ed25519', key = keyBlob('ssh-ed25519')): Uint8Array {
  return request('publickey', messages.publickeyData.encode({ signed: false, algorithm, key }))
}

/** The names of `given` payloads; 60 and 61 as numbers. */
export function named(given: readonly Uint8Array[]): string[] {
  const names = new Map(
    [
      messages.userauthRequest,
      messages.userauthFailure,
      messages.userauthSuccess,
      messages.userauthBanner,
    ].map((declared) => [declared.number, declared.name]),
  )
  return given.map((payload) => names.get(payload[0] as number) ?? String(payload[0]))
}

/** The error that `run` throws. */
export function thrown(run: () => unknown): ProtocolError {
  try {
    run()
  } catch (error) {
    return error as ProtocolError
  }
  throw new Error('nothing was thrown')
}
