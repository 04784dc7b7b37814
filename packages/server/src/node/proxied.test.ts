import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generateKey } from '@hawser/keys'
import { beginClient } from '@hawser/session'
import { fromNodeSocket } from '@hawser/session/node'
import { UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { type Listener, type ListenOptions, listen } from './listen.ts'

const hostKey = await generateKey('ed25519')
const header = 'PROXY TCP4 203.0.113.9 10.0.0.1 54321 22\r\n'

async function serving(options: Partial<ListenOptions>): Promise<{ server: Listener; limits: string[] }> {
  const limits: string[] = []
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    auth: { none: () => true },
    proxyProtocol: { from: ['127.0.0.0/8'] },
    trace: (event) => void (event.type === 'limit' && limits.push(`${event.limit}: ${event.detail}`)),
    ...options,
  })
  return { server, limits }
}

async function dial(server: Listener): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined) // a reset is as good as an end here
  await once(socket, 'connect')
  return socket
}

/** `once` would reject for a reset. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve))
}

async function login(socket: Socket): Promise<void> {
  const session = beginClient(fromNodeSocket(socket), {
    user: 'ada',
    auth: () => ({ method: 'none' }),
    verifyHostKey: () => true,
  })
  await session.ready
  await session.close()
}

describe('behind a proxy', () => {
  test.each([
    ['in one piece', [header]],
    ['in pieces', [header.slice(0, 3), header.slice(3)]],
  ])('a connection has the addresses of the header, %s', async (_, pieces) => {
    const seen: unknown[] = []
    const { server } = await serving({
      onReady: ({ remote }) =>
        void seen.push(remote.remoteAddress, remote.remotePort, remote.localAddress, remote.localPort),
    })
    const socket = await dial(server)
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
    await login(socket)
    expect(seen).toEqual(['203.0.113.9', 54321, '10.0.0.1', 22])
    await server.close()
  })

  test('a trusted proxy without a header gets nothing, and the trace says why', async () => {
    const { server, limits } = await serving({})
    const socket = await dial(server)
    socket.end('SSH-2.0-x\r\n')
    const received: Buffer[] = []
    socket.on('data', (bytes: Buffer) => received.push(bytes))
    await closed(socket)
    expect(received).toEqual([])
    expect(limits).toEqual([expect.stringContaining('proxy-header')])
    await server.close()
  })

  test('one that says nothing is dropped after a while, and when the server closes', async () => {
    const { server, limits } = await serving({ proxyProtocol: { from: ['127.0.0.1'], timeoutMs: 1 } })
    await closed((await dial(server)).resume())
    expect(limits).toEqual([expect.stringContaining('within 1 ms')])
    await server.close()
    const patient = await serving({})
    const socket = (await dial(patient.server)).resume()
    socket.write('PROXY ')
    const gone = closed(socket)
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([patient.server.close(), gone])
  })

  test('anybody else’s header is refused: nobody claims an address', async () => {
    for (const options of [{}, { proxyProtocol: { from: ['192.0.2.0/24'] } }] as const) {
      const errors: Error[] = []
      const { server } = await serving({
        ...(options.proxyProtocol === undefined ? { proxyProtocol: { from: ['::1'] } } : options),
        onConnectionError: (error) => void errors.push(error),
      })
      const socket = await dial(server)
      socket.write(header)
      await expect(login(socket)).rejects.toThrow()
      await server.close()
      expect(errors).toHaveLength(1)
      expect(errors[0]).toMatchObject({ phase: 'identification' })
    }
  })

  test('offences are those of the client, and a proxy pays for none', async () => {
    const penalties = { leastMs: 1, exempt: () => false, networkFactor: 0 }
    const { server, limits } = await serving({ limits: { penalties } as never })
    const misbehave = async (line: string): Promise<void> => {
      const socket = await dial(server)
      socket.write(`${line}nonsense\r\n\0\0\0\0`)
      await closed(socket.resume().end())
    }
    await misbehave('PROXY UNKNOWN\r\n')
    await misbehave(header)
    await misbehave(header)
    expect(limits.filter((line) => line.startsWith('penalties'))).toHaveLength(1)
    const socket = await dial(server)
    socket.write(header.replace('.9 ', '.8 '))
    await login(socket)
    await server.close()
  })

  test.each([[[]], [['nonsense']], [['10.0.0.1/8']], [undefined]])(
    '%j is no list of proxies',
    async (from) => {
      await expect(serving({ proxyProtocol: { from: from as never } })).rejects.toBeInstanceOf(UsageError)
    },
  )
})
