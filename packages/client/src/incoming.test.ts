import { channelTypes, globalRequests } from '@hawser/connection'
import { generateKey, type PrivateKey, type PublicKey } from '@hawser/keys'
import {
  beginClient,
  beginServer,
  ConnectionError,
  type IncomingRequest,
  type Session,
} from '@hawser/session'
import { memoryPipes } from '@hawser/test-kit'
import type { TraceEvent } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { Client } from './client.ts'
import type { IncomingHandlers } from './incoming.ts'

const [hostKey, otherKey, thirdKey] = (await Promise.all([
  generateKey('ed25519'),
  generateKey('ecdsa'),
  generateKey('ed25519'),
])) as [PrivateKey, PrivateKey, PrivateKey]
const { hostkeys, hostkeysProofData, hostkeysProve, hostkeysProveReply, tcpipForward, tcpipForwardReply } =
  globalRequests
const { forwardedTcpip, x11 } = channelTypes
const label = hostkeysProve.name

interface Pair {
  readonly client: Client
  /** A server without manners of its own. */
  readonly server: Session
}

async function pair(handlers: IncomingHandlers = {}): Promise<Pair> {
  const { a, b } = memoryPipes()
  const server = beginServer(b, {
    hostKeys: [hostKey],
    authMethods: [],
    onAuth: (exchange) => exchange.accept(),
  })
  const session = beginClient(a, {
    user: 'ada',
    auth: () => ({ method: 'none' }),
    verifyHostKey: () => true,
  })
  await Promise.all([session.ready, server.ready])
  const client = new Client({ session, user: 'ada', remote: {}, hostKey: hostKey.publicKey, handlers })
  return { client, server }
}

function forwarded(port: number, host = '127.0.0.1'): Uint8Array {
  return forwardedTcpip.encode({
    connectedAddress: host,
    connectedPort: port,
    originatorAddress: '10.1.2.3',
    originatorPort: 99,
  })
}

describe('listening', () => {
  test('who connects before the answer is seen is not lost, nor who connects by another name', async () => {
    const { client, server } = await pair()
    server.onRequest = (request) => {
      request.accept(tcpipForwardReply.encode({ boundPort: 4000 }))
      void server.openChannel(forwardedTcpip.name, forwarded(4000))
      void server.openChannel(forwardedTcpip.name, forwarded(4000, 'localhost'))
    }
    const listener = await client.listen({ host: '127.0.0.1', port: 0 })
    expect(listener.at).toEqual({ host: '127.0.0.1', port: 4000 })
    const all = listener[Symbol.asyncIterator]()
    for (let n = 0; n < 2; n++)
      expect(await all.next()).toMatchObject({
        done: false,
        value: { origin: { host: '10.1.2.3', port: 99 } },
      })
  })

  test('a port that was not asked for, and data that make no sense, are refused', async () => {
    const { client, server } = await pair()
    server.onRequest = (request) => request.accept()
    await client.listen({ host: '', port: 4000 })
    await expect(server.openChannel(forwardedTcpip.name, forwarded(4001))).rejects.toThrow(
      'not listening on 127.0.0.1 port 4001',
    )
    await expect(server.openChannel(forwardedTcpip.name, Uint8Array.of(1))).rejects.toThrow('malformed')
    expect(client.session.phase).toBe('ready')
  })

  test('64 wait, the next is refused; closing refuses those that wait', async () => {
    const { client, server } = await pair()
    server.onRequest = (request) => request.accept()
    const listener = await client.listen({ host: '', port: 4000 })
    const opens = Array.from({ length: 65 }, () => server.openChannel(forwardedTcpip.name, forwarded(4000)))
    await expect(opens.pop()).rejects.toThrow('more than 64')
    const settled = Promise.allSettled(opens)
    await listener.close()
    expect(new Set((await settled).map(({ status }) => status))).toEqual(new Set(['rejected']))
  })

  test('given up before the answer: it is cancelled when the server says yes after all', async () => {
    const { client, server } = await pair()
    const requests: IncomingRequest[] = []
    let heard: (() => void) | undefined
    server.onRequest = (request) => {
      requests.push(request)
      heard?.()
    }
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        heard = resolve
      })
    const give = new AbortController()
    const first = next()
    const listening = client.listen({ host: 'here', port: 4000 }, { signal: give.signal })
    await first
    give.abort()
    await expect(listening).rejects.toMatchObject({ code: 'SSH_ABORTED' })
    const second = next()
    requests[0]?.accept()
    await second
    expect(requests.map(({ name }) => name)).toEqual(['tcpip-forward', 'cancel-tcpip-forward'])
    expect(requests[1]?.data).toEqual(tcpipForward.encode({ addressToBind: 'here', portToBind: 4000 }))
  })

  test('no answer in time', async () => {
    const { client, server } = await pair()
    server.onRequest = () => undefined
    const late = client.listen({ host: '', port: 4000 }, { timeoutMs: 1 })
    await expect(late).rejects.toBeInstanceOf(ConnectionError)
    await expect(late).rejects.toMatchObject({
      code: 'SSH_TIMEOUT',
      message: 'timed out after 1 ms while asking the server to listen',
    })
  })

  test('a place that is none', async () => {
    const { client } = await pair()
    await expect(client.listen({ path: '' })).rejects.toMatchObject({ code: 'SSH_USAGE' })
    await expect(client.listen({ host: '', port: 65_536 })).rejects.toMatchObject({ code: 'SSH_USAGE' })
    await expect(client.forwardOut({ path: 'a\0b' })).rejects.toMatchObject({ code: 'SSH_USAGE' })
  })
})

describe('channels that come back', () => {
  const knock = x11.encode({ originatorAddress: '127.0.0.1', originatorPort: 1 })

  test('X11 comes through only once it was asked for, and only if it makes sense', async () => {
    const origins: unknown[] = []
    const { client, server } = await pair({
      onX11: (request) => {
        origins.push(request.origin)
        request.accept()
      },
    })
    server.onChannel = (open) => {
      open.accept().onRequest = (request) => request.accept()
    }
    await expect(server.openChannel(x11.name, knock)).rejects.toThrow('not asked for')
    await client.exec('xclock', { x11: { cookie: 'ab' } })
    await expect(server.openChannel(x11.name, Uint8Array.of(0))).rejects.toThrow('malformed')
    await server.openChannel(x11.name, knock)
    expect(origins).toEqual([{ host: '127.0.0.1', port: 1 }])
  })

  test('all others are refused without a handler', async () => {
    const { server } = await pair()
    for (const type of ['session', 'direct-tcpip', 'auth-agent@openssh.com', x11.name])
      await expect(server.openChannel(type, knock)).rejects.toMatchObject({ code: 'SSH_CHANNEL_OPEN_FAILED' })
    await expect(server.request('anything')).rejects.toMatchObject({ code: 'SSH_REQUEST_REFUSED' })
  })
})

describe('announced host keys', () => {
  type Answer = (request: IncomingRequest, sessionId: Uint8Array) => void | Promise<void>

  async function announced(
    keys: readonly Uint8Array[],
    answer: Answer,
  ): Promise<readonly PublicKey[] | string> {
    return new Promise((resolve, reject) => {
      const trace = (event: TraceEvent): void => {
        if (event.type === 'note') resolve(event.detail)
      }
      pair({ onHostKeys: resolve, trace }).then(({ server }) => {
        server.onRequest = (request) => void answer(request, server.sessionId as Uint8Array)
        server.notify(hostkeys.name, hostkeys.encode({ keys }))
      }, reject)
    })
  }

  const proofOf = (key: PrivateKey, sessionId: Uint8Array, signer = key): Uint8Array | Promise<Uint8Array> =>
    signer.sign(
      signer.algorithms[0] as string,
      hostkeysProofData.encode({ label, sessionId, key: key.publicKey.blob }),
    )
  const reply = (request: IncomingRequest, signatures: readonly Uint8Array[]): void =>
    request.accept(hostkeysProveReply.encode({ signatures: [...signatures] }))
  const both = [hostKey.publicKey.blob, otherKey.publicKey.blob]

  test('proved keys are told; the one of the key exchange needs no other proof', async () => {
    const asked: Uint8Array[] = []
    const keys = await announced(
      [...both, ...both, Uint8Array.of(0, 0, 0, 1, 120)],
      async (request, sessionId) => {
        asked.push(...hostkeysProve.decode(request.data).keys)
        reply(request, [await proofOf(otherKey, sessionId)])
      },
    )
    expect(asked).toEqual([otherKey.publicKey.blob])
    expect((keys as readonly PublicKey[]).map(({ blob }) => blob)).toEqual(both)
  })

  test.each<[string, Answer, string]>([
    ['by another key', async (r, id) => reply(r, [await proofOf(otherKey, id, thirdKey)]), 'did not prove'],
    [
      'for another session',
      async (r) => reply(r, [await proofOf(otherKey, new Uint8Array(32))]),
      'did not prove',
    ],
    ['for another key', async (r, id) => reply(r, [await proofOf(thirdKey, id, otherKey)]), 'did not prove'],
    ['missing', (r) => reply(r, []), '0 proofs for 1'],
    ['that is none', (r) => reply(r, [Uint8Array.of(1, 2)]), 'not taken'],
    ['refused', (r) => r.reject(), 'refused the request'],
    ['that is no reply', (r) => r.accept(Uint8Array.of(9)), 'not taken'],
  ])('a proof %s: nobody is told, and the trace says why', async (_title, answer, words) => {
    expect(await announced(both, answer)).toContain(words)
  })

  test('too many', async () => {
    expect(await announced(Array(65).fill(hostKey.publicKey.blob), () => undefined)).toContain(
      'the limit is 64',
    )
  })
})
