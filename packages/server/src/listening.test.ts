import { channelTypes, globalRequests } from '@hawser/connection'
import { generateKey, type PrivateKey } from '@hawser/keys'
import { beginClient, type IncomingChannel, type Session } from '@hawser/session'
import { memoryPipes } from '@hawser/test-kit'
import { describe, expect, test } from 'vitest'
import type { Forward, ForwardRequest } from './listening.ts'
import type { ServerOptions } from './options.ts'
import { beginServing } from './serve.ts'
import type { ServerConnection } from './server-connection.ts'

const [hostKey, otherKey, strangeKey] = (await Promise.all([
  generateKey('ed25519'),
  generateKey('ecdsa'),
  generateKey('ed25519'),
])) as [PrivateKey, PrivateKey, PrivateKey]
const { cancelTcpipForward, hostkeys, hostkeysProve, hostkeysProveReply, streamlocalForward, tcpipForward } =
  globalRequests
const refused = { code: 'SSH_REQUEST_REFUSED' }

async function pair(
  options: Partial<ServerOptions> = {},
): Promise<{ client: Session; server: ServerConnection; announced: readonly Uint8Array[][] }> {
  const { a, b } = memoryPipes()
  const server = beginServing(b, { hostKeys: [hostKey, otherKey], auth: { none: () => true }, ...options })
  const client = beginClient(a, { user: 'ada', auth: () => ({ method: 'none' }), verifyHostKey: () => true })
  const announced: Uint8Array[][] = []
  client.onRequest = (request) => {
    if (request.name === hostkeys.name) announced.push([...hostkeys.decode(request.data).keys])
    request.accept()
  }
  await Promise.all([client.ready, server.ready])
  return { client, server, announced }
}

const listenAt = (client: Session, addressToBind: string, portToBind: number): Promise<Uint8Array> =>
  client.request(tcpipForward.name, tcpipForward.encode({ addressToBind, portToBind }))
const cancelAt = (client: Session, addressToBind: string, portToBind: number): Promise<Uint8Array> =>
  client.request(cancelTcpipForward.name, cancelTcpipForward.encode({ addressToBind, portToBind }))

describe('forwards', () => {
  test('the port is told when it was ours to choose, and only then', async () => {
    const forwards: Forward[] = []
    const { client } = await pair({
      onForward: (request) => void forwards.push(request.accept({ port: 4711 })),
    })
    expect(await listenAt(client, '', 0)).toEqual(Uint8Array.of(0, 0, 0x12, 0x67))
    expect(await listenAt(client, 'x', 80)).toEqual(new Uint8Array(0))
    expect(forwards.map(({ at }) => at)).toEqual([
      { host: '', port: 4711 },
      { host: 'x', port: 80 },
    ])
  })

  test('a connection is handed over with its origin, until it is cancelled', async () => {
    const forwards: Forward[] = []
    let cancelled = 0
    const onCancel = (): void => void cancelled++
    const { client } = await pair({ onForward: (r) => void forwards.push(r.accept({ port: 5, onCancel })) })
    await listenAt(client, 'h', 0)
    const opens: IncomingChannel[] = []
    client.onChannel = (open) => {
      opens.push(open)
      open.accept()
    }
    await forwards[0]?.open({ host: '10.0.0.1', port: 99 })
    expect(channelTypes.forwardedTcpip.decode((opens[0] as IncomingChannel).data)).toEqual({
      connectedAddress: 'h',
      connectedPort: 5,
      originatorAddress: '10.0.0.1',
      originatorPort: 99,
    })
    await expect(cancelAt(client, 'h', 0)).rejects.toMatchObject(refused)
    await cancelAt(client, 'h', 5)
    expect([cancelled, forwards[0]?.cancelled]).toEqual([1, true])
    await expect(forwards[0]?.open()).rejects.toMatchObject({ code: 'SSH_USAGE' })
    await expect(cancelAt(client, 'h', 5)).rejects.toMatchObject(refused)
  })

  test('the end of the connection cancels all, once', async () => {
    let cancelled = 0
    const { client, server } = await pair({
      onForward: (request) => void request.accept({ onCancel: () => void cancelled++ }),
    })
    await listenAt(client, '', 1)
    await client.request(streamlocalForward.name, streamlocalForward.encode({ socketPath: '/s' }))
    await server.close()
    expect(cancelled).toBe(2)
  })

  test('an answer to a client that has left is cancelled at once', async () => {
    let request: ForwardRequest | undefined
    const { client, server } = await pair({
      onForward: (asked) => {
        request = asked
      },
    })
    const answer = listenAt(client, '', 1)
    answer.catch(() => undefined)
    while (request === undefined) await new Promise(setImmediate)
    await server.close()
    let cancelled = 0
    expect(request.accept({ onCancel: () => void cancelled++ }).cancelled).toBe(true)
    expect(cancelled).toBe(1)
  })

  test('the same address twice, answered or not; a port too high; data that make no sense; none wanted', async () => {
    const waiting: ForwardRequest[] = []
    const { client } = await pair({ onForward: (request) => void waiting.push(request) })
    const first = listenAt(client, '', 7)
    // Replies come in the order of the requests: the later ones wait for the first.
    const later = [
      listenAt(client, '', 7),
      listenAt(client, '', 70_000),
      client.request(streamlocalForward.name, streamlocalForward.encode({ socketPath: '' })),
      client.request(tcpipForward.name, Uint8Array.of(1)),
    ]
    while (waiting.length === 0) await new Promise(setImmediate)
    waiting[0]?.accept()
    await first
    for (const { status } of await Promise.allSettled(later)) expect(status).toBe('rejected')
    await expect(listenAt(client, '', 7)).rejects.toMatchObject(refused)
    expect(waiting.length).toBe(1)
    const strict = await pair()
    await expect(listenAt(strict.client, '', 7)).rejects.toMatchObject(refused)
  })

  test('at most 128', async () => {
    const { client } = await pair({ onForward: (request) => void request.accept() })
    for (let port = 1; port <= 128; port++) await listenAt(client, '', port)
    await expect(listenAt(client, '', 129)).rejects.toMatchObject(refused)
    await cancelAt(client, '', 5)
    await listenAt(client, '', 129)
  })

  test('accept without the port that was ours to choose is the application’s mistake', async () => {
    const { client } = await pair({
      onForward: (request) => {
        expect(() => request.accept()).toThrow(/give port/)
        expect(() => request.accept({ port: 70_000 })).toThrow(/give port/)
        request.reject()
      },
    })
    await expect(listenAt(client, '', 0)).rejects.toMatchObject(refused)
  })
})

describe('host keys', () => {
  const prove = (client: Session, ...keys: PrivateKey[]): Promise<Uint8Array> =>
    client.request(
      hostkeysProve.name,
      hostkeysProve.encode({ keys: keys.map(({ publicKey }) => publicKey.blob) }),
    )

  test('are announced to whom has logged in, and proved in the order of the question', async () => {
    const { client, announced } = await pair()
    const reply = await prove(client, otherKey, hostKey)
    expect(announced).toEqual([[hostKey.publicKey.blob, otherKey.publicKey.blob]])
    expect(hostkeysProveReply.decode(reply).signatures.length).toBe(2)
    const quiet = await pair({ announceHostKeys: false })
    await prove(quiet.client, hostKey)
    expect(quiet.announced).toEqual([])
  })

  test('a key of somebody else, the same twice, none, and no question at all are refused', async () => {
    const { client } = await pair()
    await expect(prove(client, strangeKey)).rejects.toMatchObject(refused)
    await expect(prove(client, hostKey, hostKey)).rejects.toMatchObject(refused)
    await expect(prove(client)).rejects.toMatchObject(refused)
    await expect(client.request(hostkeysProve.name, Uint8Array.of(1))).rejects.toMatchObject(refused)
  })

  test('one question at a time; a key that cannot sign refuses', async () => {
    const broken = {
      ...hostKey,
      publicKey: otherKey.publicKey,
      algorithms: otherKey.algorithms,
      sign: () => Promise.reject(new Error('no')),
    }
    const { client } = await pair({ hostKeys: [hostKey, broken] })
    const answers = await Promise.allSettled([prove(client, hostKey), prove(client, hostKey)])
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expect(prove(client, otherKey)).rejects.toMatchObject(refused)
    await prove(client, hostKey)
  })
})

test('X11 and agent channels open towards the client', async () => {
  const { client, server } = await pair()
  const types: string[] = []
  client.onChannel = (open) => {
    types.push(open.type)
    open.accept()
  }
  await server.openX11({ host: '127.0.0.1', port: 1 })
  await server.openAgent()
  expect(types).toEqual(['x11', 'auth-agent@openssh.com'])
})
