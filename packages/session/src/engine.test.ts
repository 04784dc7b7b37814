/** The engine against a peer whose transport is in order, and which does not keep to the services. */

import { generateKey } from '@hawser/keys'
import { serviceAccept, serviceRequest, Transport, type TransportEvent } from '@hawser/transport'
import { messages } from '@hawser/userauth'
import { noBytes, ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { Engine, type EngineEvent } from './engine.ts'

const hostKey = await generateKey('ed25519')
const { userauthRequest, userauthSuccess } = messages
const none = userauthRequest.encode({
  userName: 'ada',
  serviceName: 'ssh-connection',
  methodName: 'none',
  data: noBytes,
})
const ask = (serviceName: string): Uint8Array => serviceRequest.encode({ serviceName })
const accept = (serviceName: string): Uint8Array => serviceAccept.encode({ serviceName })

interface Machine<E> {
  receive(bytes: Uint8Array): void
  poll(): E | undefined
  takeOutput(): Uint8Array | undefined
}

/** Everything that `from` has to say, told to `to`. */
function pass(from: Machine<unknown>, to: Machine<unknown>): boolean {
  let said = false
  for (let bytes = from.takeOutput(); bytes !== undefined; bytes = from.takeOutput()) {
    said = true
    to.receive(bytes.slice())
  }
  return said
}

/** Lets both talk until they fall silent; gives what the engine saw. */
async function talk(engine: Engine, peer: Transport): Promise<EngineEvent[]> {
  const seen: EngineEvent[] = []
  const answer = async (transport: Transport, event: TransportEvent | EngineEvent): Promise<void> => {
    if (event.type === 'ask-host-key') transport.acceptHostKey()
    if (event.type === 'ask-signature')
      transport.provideSignature(await hostKey.sign(event.algorithm, event.data))
  }
  for (let spoke = true; spoke; ) {
    for (let event = engine.poll(); event !== undefined; event = engine.poll()) {
      seen.push(event)
      await answer(engine.transport, event)
    }
    for (let event = peer.poll(); event !== undefined; event = peer.poll()) await answer(peer, event)
    spoke = pass(engine, peer)
    spoke = pass(peer, engine) || spoke
  }
  return seen
}

/** Our server with keys, and a client that has said nothing of a service yet. */
async function server(): Promise<{ engine: Engine; peer: Transport }> {
  const engine = new Engine({
    transport: { role: 'server', hostKeys: [hostKey] },
    userauth: { methods: ['password'], verify: () => false },
  })
  const peer = new Transport({ role: 'client' })
  await talk(engine, peer)
  return { engine, peer }
}

/** Our client, which has asked for its service, and a server that has not answered. */
async function client(): Promise<{ engine: Engine; peer: Transport }> {
  const engine = new Engine({ transport: { role: 'client' }, user: 'ada' })
  const peer = new Transport({ role: 'server', hostKeys: [hostKey] })
  await talk(engine, peer)
  engine.userauthClient?.attempt({ method: 'none' })
  await talk(engine, peer)
  return { engine, peer }
}

async function refusal(made: Promise<{ engine: Engine; peer: Transport }>, ...said: Uint8Array[]) {
  const { engine, peer } = await made
  for (const message of said) peer.send(message)
  const error = await talk(engine, peer).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ProtocolError)
  expect(engine.authenticated).toBe(false)
  return error as ProtocolError
}

describe('a server', () => {
  test('serves who asks once, and in order', async () => {
    const { engine, peer } = await server()
    peer.send(ask('ssh-userauth'))
    peer.send(none)
    expect(await talk(engine, peer)).toMatchObject([{ type: 'auth-server', event: { type: 'request' } }])
  })

  test('refuses a second SERVICE_REQUEST', async () => {
    const error = await refusal(server(), ask('ssh-userauth'), ask('ssh-userauth'))
    expect(error.message).toMatch(/a second SERVICE_REQUEST/)
  })

  test.each(['ssh-connection', 'ssh-userauth2', ''])(
    'refuses another service than ssh-userauth: %j',
    async (name) => {
      expect((await refusal(server(), ask(name))).disconnectReason).toBe(7)
    },
  )

  test('refuses authentication before the service was asked for', async () => {
    expect((await refusal(server(), none)).message).toMatch(/before the service/)
  })
})

describe('a client', () => {
  test('is let in by SUCCESS behind SERVICE_ACCEPT', async () => {
    const { engine, peer } = await client()
    peer.send(accept('ssh-userauth'))
    peer.send(userauthSuccess.encode({}))
    expect(await talk(engine, peer)).toMatchObject([{ type: 'authenticated' }])
    expect(engine.authenticated).toBe(true)
  })

  test('does not believe success before SERVICE_ACCEPT', async () => {
    await refusal(client(), userauthSuccess.encode({}))
  })

  test('refuses SERVICE_ACCEPT out of turn: for another service, and twice', async () => {
    expect((await refusal(client(), accept('ssh-connection'))).message).toMatch(/not asked for/)
    const error = await refusal(client(), accept('ssh-userauth'), accept('ssh-userauth'))
    expect(error.message).toMatch(/not asked for/)
  })
})
