import { channelRequests, encodeTerminalModes } from '@hawser/connection'
import { generateKey } from '@hawser/keys'
import { beginClient, type Channel, IncomingRequest, type Session } from '@hawser/session'
import { memoryPipes } from '@hawser/test-kit'
import { Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { ServerOptions } from './options.ts'
import { beginServing } from './serve.ts'
import type { ServerConnection } from './server-connection.ts'
import type { SessionChannel } from './session-channel.ts'
import { sessionRequests } from './session-requests.ts'

const hostKey = await generateKey('ed25519')
const { env, exec, ptyReq, signal, windowChange } = channelRequests

/** A client without manners of its own, logged in to our server, in memory. */
async function pair(
  options: Partial<ServerOptions> = {},
): Promise<{ client: Session; server: ServerConnection }> {
  const { a, b } = memoryPipes()
  const server = beginServing(b, { hostKeys: [hostKey], auth: { none: () => true }, ...options })
  const client = beginClient(a, { user: 'ada', auth: () => ({ method: 'none' }), verifyHostKey: () => true })
  await Promise.all([client.ready, server.ready])
  return { client, server }
}

async function session(onSession: (session: SessionChannel) => void): Promise<Channel> {
  const { client } = await pair({ onSession })
  return client.openChannel('session')
}

async function answers(requests: readonly Promise<void>[]): Promise<boolean[]> {
  return (await Promise.allSettled(requests)).map(({ status }) => status === 'fulfilled')
}

describe('a session channel', () => {
  test('tells who has logged in, and how', async () => {
    const { server } = await pair()
    expect([server.user, server.method]).toEqual(['ada', 'none'])
  })

  test('answers keep the order of the requests, also when the program is accepted later', async () => {
    let accept: () => void = () => undefined
    const channel = await session(
      (s) =>
        void s.onExec((request) => {
          accept = () => void request.accept().exit(0)
        }),
    )
    const order: string[] = []
    const sent = [
      channel
        .request('env', env.encode({ variableName: 'A', variableValue: '1' }))
        .then(() => order.push('env')),
      channel.request('exec', exec.encode({ command: 'x' })).then(() => order.push('exec')),
      channel.request('shell').catch(() => order.push('shell refused')),
    ]
    await sent[0]
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual(['env'])
    accept()
    await Promise.all(sent)
    expect(order).toEqual(['env', 'exec', 'shell refused'])
  })

  test('after a program was refused, another may be asked for', async () => {
    const channel = await session(
      (s) =>
        void s.onExec((request) =>
          request.command === 'no' ? request.reject() : void request.accept().exit(0),
        ),
    )
    expect(
      await answers([
        channel.request('exec', exec.encode({ command: 'no' })),
        channel.request('exec', exec.encode({ command: 'yes' })),
      ]),
    ).toEqual([false, true])
  })

  test('one program runs on a channel, whatever else is asked for', async () => {
    let started = 0
    const start = (request: { accept(): unknown }): void => {
      started++
      request.accept()
    }
    const channel = await session((s) => void s.onExec(start).onShell(start).onSubsystem(start))
    expect(
      await answers([
        channel.request('exec', exec.encode({ command: 'x' })),
        channel.request('exec', exec.encode({ command: 'y' })),
        channel.request('shell'),
        channel.request('subsystem', channelRequests.subsystem.encode({ subsystemName: 'sftp' })),
      ]),
    ).toEqual([true, false, false, false])
    expect(started).toBe(1)
  })

  test('a terminal or a variable that comes after the program is refused', async () => {
    const channel = await session((s) => void s.onExec((request) => void request.accept()))
    const terminal = ptyReq.encode({
      term: 'x',
      widthColumns: 1,
      heightRows: 1,
      widthPixels: 0,
      heightPixels: 0,
      modes: encodeTerminalModes({}),
    })
    expect(
      await answers([
        channel.request('exec', exec.encode({ command: 'x' })),
        channel.request('pty-req', terminal),
        channel.request('env', env.encode({ variableName: 'A', variableValue: '1' })),
      ]),
    ).toEqual([true, false, false])
  })

  const requests = ['pty-req', 'env', 'exec', 'subsystem', 'x11-req', 'window-change', 'signal']
  test.each(requests)('a malformed %s is refused, and the channel goes on', async (name) => {
    const channel = await session(
      (s) => void s.onExec((request) => void request.accept().exit(0)).onOther(() => undefined),
    )
    expect(
      await answers([
        channel.request(name, Uint8Array.of(0, 0, 0, 9, 1)),
        channel.request('exec', exec.encode({ command: 'x' })),
      ]),
    ).toEqual([false, true])
  })

  test('more environment and longer commands than allowed are refused, and the channel goes on', async () => {
    const commands: string[] = []
    const { client } = await pair({
      limits: { maxEnvironment: 10, maxCommand: 5 },
      onSession: (s) =>
        void s.onExec((request) => {
          commands.push(`${request.command} ${[...request.env.keys()].join()}`)
          void request.accept().exit(0)
        }),
    })
    const channel = await client.openChannel('session')
    const variable = (variableName: string, variableValue: string): Promise<void> =>
      channel.request('env', env.encode({ variableName, variableValue }))
    expect(
      await answers([
        variable('A', 'ä12345'),
        variable('B', '12'),
        variable('C', '1'),
        channel.request('exec', exec.encode({ command: 'äää' })),
        channel.request('exec', exec.encode({ command: 'abcde' })),
      ]),
    ).toEqual([true, false, true, false, true])
    expect(commands).toEqual(['abcde A,C'])
  })

  test('more sessions than allowed at once are refused for shortage, until one has closed', async () => {
    const { client } = await pair({ limits: { maxSessions: 2 }, onSession: () => undefined })
    const first = await client.openChannel('session')
    await client.openChannel('session')
    await expect(client.openChannel('session')).rejects.toMatchObject({ reason: 4 })
    await first.close()
    expect((await client.openChannel('session')).isClosed).toBe(false)
  })

  test('terminal modes that are cut off are refused', async () => {
    const channel = await session((s) => void s.onExec((request) => void request.accept().exit(0)))
    const data = new Writer()
      .string('x')
      .uint32(1)
      .uint32(1)
      .uint32(0)
      .uint32(0)
      .string(Uint8Array.of(53, 0))
      .finish()
    expect(await answers([channel.request('pty-req', data)])).toEqual([false])
  })

  test('requests that nobody handles are refused, and a handler for the others gets them', async () => {
    const seen: string[] = []
    const channel = await session(
      (s) =>
        void s.onOther((request) => {
          seen.push(request.name)
          if (request.name === 'x@example.net') request.accept()
        }),
    )
    expect(
      await answers([
        channel.request('shell'),
        channel.request('auth-agent-req@openssh.com'),
        channel.request('x@example.net'),
        channel.request('y@example.net'),
      ]),
    ).toEqual([false, false, true, false])
    expect(seen).toEqual(['x@example.net', 'y@example.net'])
  })

  test('signals that come before somebody listens wait, sixteen of them', async () => {
    const heard: string[] = []
    const channel = await session(
      (s) =>
        void s.onExec((request) => {
          const program = request.accept()
          setImmediate(() => {
            program.onSignal = (name) => void heard.push(name)
            void program.exit(0)
          })
        }),
    )
    await channel.request('exec', exec.encode({ command: 'x' }))
    for (let i = 0; i < 20; i++) channel.notify('signal', signal.encode({ signalName: `S${i}` }))
    await channel.closed
    expect(heard).toEqual(Array.from({ length: 16 }, (_, i) => `S${i}`))
  })

  test('a window change without a terminal changes nothing', async () => {
    let pty: unknown = 'unset'
    const channel = await session(
      (s) =>
        void s.onExec((request) => {
          pty = request.pty
          void request.accept().exit(0)
        }),
    )
    channel.notify(
      'window-change',
      windowChange.encode({ widthColumns: 9, heightRows: 9, widthPixels: 0, heightPixels: 0 }),
    )
    await channel.request('exec', exec.encode({ command: 'x' }))
    expect(pty).toBeUndefined()
  })

  test('a handler that throws refuses its request, and the error surfaces', () => {
    let deliver: (request: IncomingRequest) => void = () => undefined
    const channel = {
      set onRequest(handler: (request: IncomingRequest) => void) {
        deliver = handler
      },
    } as Channel
    sessionRequests(channel, {
      shell() {
        throw new Error('a bug of the application')
      },
    })
    const answers: boolean[] = []
    const request = new IncomingRequest('shell', new Uint8Array(0), (ok) => void answers.push(ok))
    expect(() => deliver(request)).toThrow('a bug of the application')
    expect(answers).toEqual([false])
  })
})

describe('a program of the server', () => {
  test('what was written to a stream before exit leaves before the end', async () => {
    const channel = await session(
      (s) =>
        void s.onExec((request) => {
          const program = request.accept()
          const out = program.stdout.getWriter()
          const err = program.stderr.getWriter()
          for (let i = 0; i < 100; i++) {
            void out.write(new Uint8Array(100_000))
            void err.write(new Uint8Array(1000))
          }
          void program.exit(5)
        }),
    )
    let status: number | undefined
    channel.onRequest = (request) => {
      status = channelRequests.exitStatus.decode(request.data).exitStatus
    }
    await channel.request('exec', exec.encode({ command: 'x' }))
    const sizes = await Promise.all(
      [channel.readable, channel.stderr].map(async (stream) => {
        let size = 0
        for await (const chunk of stream) size += chunk.length
        return size
      }),
    )
    expect(sizes).toEqual([10_000_000, 100_000])
    await channel.closed
    expect(status).toBe(5)
  })

  test('exit twice is one exit', async () => {
    const statuses: number[] = []
    const channel = await session(
      (s) =>
        void s.onExec((request) => {
          const program = request.accept()
          void program.exit(1)
          void program.exit(2)
          void program.exitWithSignal('KILL')
        }),
    )
    channel.onRequest = (request) =>
      void statuses.push(channelRequests.exitStatus.decode(request.data).exitStatus)
    await channel.request('exec', exec.encode({ command: 'x' }))
    await channel.closed
    expect(statuses).toEqual([1])
  })

  test('a client that closes while a program writes: writes say so, exit settles', async () => {
    const outcome: unknown[] = []
    let over: () => void = () => undefined
    const done = new Promise<void>((resolve) => {
      over = resolve
    })
    const channel = await session(
      (s) =>
        void s.onExec(async (request) => {
          const program = request.accept()
          const writes = Array.from({ length: 100 }, () => program.write(new Uint8Array(100_000)))
          const results = await Promise.all(writes)
          outcome.push(results.includes(false))
          await program.exit(0)
          outcome.push('exited')
          over()
        }),
    )
    await channel.request('exec', exec.encode({ command: 'x' }))
    void channel.close()
    await done
    expect(outcome).toEqual([true, 'exited'])
  })
})

describe('channels and requests of other kinds', () => {
  test('malformed direct-tcpip data is refused', async () => {
    const { client } = await pair({ onTcpip: (request) => void request.accept() })
    await expect(client.openChannel('direct-tcpip', Uint8Array.of(1))).rejects.toMatchObject({
      reasonName: 'ADMINISTRATIVELY_PROHIBITED',
    })
    expect(client.phase).toBe('ready')
  })

  test('no-more-sessions is kept to', async () => {
    const { client, server } = await pair({ onSession: () => undefined })
    await client.openChannel('session')
    await client.request('no-more-sessions@openssh.com')
    expect(server.noMoreSessions).toBe(true)
    await expect(client.openChannel('session')).rejects.toMatchObject({
      reasonName: 'ADMINISTRATIVELY_PROHIBITED',
    })
  })

  test('other channels and global requests reach their handlers', async () => {
    const { client } = await pair({
      onChannel: (open) => void open.accept(),
      onRequest: (request) => request.accept(Uint8Array.of(7)),
    })
    const channel = await client.openChannel('anything@example.net')
    expect(channel.type).toBe('anything@example.net')
    expect([...(await client.request('anything@example.net'))]).toEqual([7])
  })
})
