import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { generateKey } from '@hawser/keys'
import { beginClient, type Channel, type Session } from '@hawser/session'
import { fromNodeSocket } from '@hawser/session/node'
import { freePort } from '@hawser/test-kit'
import { UsageError } from '@hawser/wire'
import { describe, expect, test, vi } from 'vitest'
import type { TcpipRequest } from '../forwarding.ts'
import { defaultPenalties } from '../penalties.ts'
import { connectTcp } from './connect.ts'
import { type ListenOptions, listen } from './listen.ts'
import { spawnProcess } from './spawn.ts'

const hostKey = await generateKey('ed25519')

/** A request whose answers are noted; `accept` does what the test says. */
function request(port: number, accept: () => Channel): TcpipRequest & { readonly log: unknown[] } {
  const log: unknown[] = []
  return {
    log,
    host: '127.0.0.1',
    port,
    originHost: '',
    originPort: 0,
    answered: false,
    accept,
    reject: (reason, description) => void log.push([reason, description]),
  }
}

function lost(error: Error): () => never {
  return () => {
    throw error
  }
}

async function clientOf(
  options: Partial<ListenOptions>,
): Promise<{ client: Session; close(): Promise<void> }> {
  const server = await listen({ port: 0, hostKeys: [hostKey], auth: { none: () => true }, ...options })
  const client = beginClient(fromNodeSocket(connect(server.port, '127.0.0.1')), {
    user: 'ada',
    auth: () => ({ method: 'none' }),
    verifyHostKey: () => true,
  })
  await client.ready
  return {
    client,
    async close() {
      await client.close()
      await server.close()
    },
  }
}

describe('connectTcp', () => {
  test('a target where nobody listens is refused with the reason', async () => {
    const asked = request(await freePort(), lost(new Error('accepted')))
    expect(await connectTcp(asked)).toBeUndefined()
    expect(asked.log).toEqual([[2, expect.stringContaining('ECONNREFUSED')]])
  })

  test('a client that left meanwhile: the connection to the target is closed again', async () => {
    const target = createServer().listen(0, '127.0.0.1')
    await once(target, 'listening')
    const arrived = once(target, 'connection')
    const asked = request((target.address() as AddressInfo).port, () => ({ isClosed: true }) as Channel)
    expect(await connectTcp(asked)).toBeUndefined()
    const [socket] = await arrived
    socket.resume()
    await once(socket, 'close')
    target.close()
  })
})

describe('spawnProcess', () => {
  async function run(shellOrFile: { file: string } | { shellCommand: string }): Promise<[string, unknown[]]> {
    const { client, close } = await clientOf({
      onSession: (session) => void session.onShell((asked) => void spawnProcess(asked.accept(), shellOrFile)),
    })
    const channel = await client.openChannel('session')
    const requests: unknown[] = []
    channel.onRequest = ({ name, data }) => void requests.push([name, data.at(-1)])
    await channel.request('shell')
    let stderr = ''
    for await (const chunk of channel.stderr) stderr += Buffer.from(chunk).toString()
    await channel.closed
    await close()
    return [stderr, requests]
  }

  test('a program that cannot be started ends with 127 and says why', async () => {
    const [stderr, requests] = await run({ file: '/no/such/program' })
    expect(stderr).toContain('ENOENT')
    expect(requests).toEqual([['exit-status', 127]])
  })

  test('a program by its name gets no shell', async () => {
    expect((await run({ file: 'echo $HOME' }))[1]).toEqual([['exit-status', 127]])
  })

  test('a command for a shell, when that is asked for', async () => {
    expect(await run({ shellCommand: 'echo $((1 + 1)) >&2; exit 9' })).toEqual(['2\n', [['exit-status', 9]]])
  })
})

describe('listen', () => {
  test('an address that is taken rejects', async () => {
    const first = await listen({ port: 0, hostKeys: [hostKey], auth: { none: () => true } })
    await expect(
      listen({ port: first.port, hostKeys: [hostKey], auth: { none: () => true } }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await first.close()
  })

  test('options that cannot be used reject before anything is opened', async () => {
    await expect(listen({ port: 0, hostKeys: [], auth: { none: () => true } })).rejects.toBeInstanceOf(
      UsageError,
    )
  })

  test('connections beyond the start-ups are closed without a word, until somebody has left', async () => {
    const limits: string[] = []
    const server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { none: () => true },
      limits: { startups: { begin: 1, ratePercent: 100, full: 1 } },
      trace: (event) => event.type === 'limit' && limits.push(event.limit),
    })
    const first = connect(server.port, '127.0.0.1')
    await once(first, 'data')
    const bytes = async (): Promise<number> => {
      const socket = connect(server.port, '127.0.0.1')
      let count = 0
      socket.on('data', (chunk) => {
        count += chunk.length
        socket.destroy()
      })
      await once(socket, 'close')
      return count
    }
    expect([await bytes(), await bytes(), limits]).toEqual([0, 0, ['startups', 'startups']])
    first.destroy()
    await vi.waitFor(() => expect(server.connections.size).toBe(0))
    expect(await bytes()).toBeGreaterThan(0)
    await server.close()
  })

  test('a source that misbehaves before the login is kept away, and the trace says why', async () => {
    const limits: string[] = []
    const server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { none: () => true },
      limits: { penalties: { ...defaultPenalties, exempt: () => false } },
      trace: (event) => event.type === 'limit' && limits.push(`${event.limit}: ${event.detail}`),
    })
    const talk = async (): Promise<number> => {
      const socket = connect(server.port, '127.0.0.1')
      let count = 0
      socket.on('data', (chunk) => {
        count += chunk.length
      })
      socket.on('error', () => undefined) // a reset is an end too
      socket.write('GET / HTTP/1.1\r\n\r\n')
      await once(socket, 'close')
      await vi.waitFor(() => expect(server.connections.size).toBe(0))
      return count
    }
    expect(await talk()).toBeGreaterThan(0)
    expect(await talk()).toBeGreaterThan(0)
    expect(await talk()).toBe(0)
    expect(limits).toEqual([expect.stringMatching(/^penalties: .*127\.0\.0\.1 dropped: (19|20) s are left/)])
    await server.close()
  })

  test('close shows everybody out, again and again without harm', async () => {
    const server = await listen({ port: 0, hostKeys: [hostKey], auth: { none: () => true } })
    const socket = connect(server.port, '127.0.0.1')
    socket.resume()
    await once(socket, 'data')
    expect(server.connections.size).toBe(1)
    const gone = once(socket, 'close')
    socket.on('end', () => socket.end())
    await Promise.all([server.close(), server.close(), gone])
    await server.close()
    expect(server.connections.size).toBe(0)
  })
})
