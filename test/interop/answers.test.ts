/** Applications that answer too often, too late, or from the ruins of their connection: the first answer counts, nothing hangs, nothing crashes. */

import { type Client, type ConnectionRequest, type ConnectOptions, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import {
  type AuthHandlers,
  type Dialog,
  type ServerConnection,
  type ServerOptions,
  type TcpipRequest,
} from '@hawser/server'
import { connectTcp, type Listener, listen } from '@hawser/server/node'
import { Channel } from '@hawser/session'
import { sharedKeyFile } from '@hawser/test-kit'
import { UsageError } from '@hawser/wire'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const hostKey = parsePrivateKey(sharedKeyFile('ed25519', 'host').privateText)
const bug = new Error('a bug of the application')

/** What surfaced as uncaught while a test ran. */
let uncaught: unknown[] = []
const guards = ['uncaughtException', 'unhandledRejection'] as const
let others: readonly NodeJS.UncaughtExceptionListener[][] = []
const take = (error: unknown): void => void uncaught.push(error)

beforeEach(() => {
  uncaught = []
  others = guards.map((name) => process.rawListeners(name) as NodeJS.UncaughtExceptionListener[])
  for (const name of guards) process.removeAllListeners(name).on(name, take)
})
afterEach(() => {
  guards.forEach((name, at) => {
    process.removeAllListeners(name)
    for (const listener of others[at] ?? []) process.on(name, listener)
  })
})

const optionsOf = (listener: Listener, more: Partial<ConnectOptions> = {}): ConnectOptions => ({
  host: '127.0.0.1',
  port: listener.port,
  user: 'ann',
  auth: [{ method: 'password', password: 'x' }],
  hostKey: { keys: [hostKey.publicKey] },
  ...more,
})

const serve = (options: Partial<ServerOptions>): Promise<Listener> =>
  listen({ port: 0, hostKeys: [hostKey], auth: { password: () => true }, ...options })

/** What all requests have in common. */
interface Asked {
  accept(): unknown
  reject(): void
}
/** Does with a request what no application should. `gone` ends what it came by. */
type Handler = (asked: Asked, gone: Gone) => void | Promise<void>
interface Gone {
  /** In order: everything that was sent leaves first. */
  readonly close: () => Promise<void>
  readonly destroy: () => void
  readonly closed: Promise<void>
}

interface Place {
  readonly name: string
  readonly server: (handler: Handler) => Partial<ServerOptions>
  readonly act: (client: Client) => Promise<unknown>
}

const connectionOf = (connection: ServerConnection): Gone => ({
  close: () => connection.close(),
  destroy: () => connection.session.destroy(),
  closed: connection.closed,
})

/** Handlers of the server that get the connection as their second argument. */
const onServer =
  (name: 'onTcpip' | 'onStreamlocal' | 'onChannel' | 'onForward' | 'onRequest') => (handler: Handler) =>
    ({
      [name]: (asked: Asked, connection: ServerConnection) => handler(asked, connectionOf(connection)),
    }) as Partial<ServerOptions>
/** Handlers of a session channel; `close` ends the channel. */
const onSession =
  (name: 'onExec' | 'onShell' | 'onSubsystem' | 'onX11' | 'onAgentForward' | 'onOther') =>
  (handler: Handler): Partial<ServerOptions> => ({
    onSession: (session, connection) => {
      const gone = {
        close: () => session.close(),
        destroy: () => connection.session.destroy(),
        closed: session.closed,
      }
      session[name]((asked: Asked) => handler(asked, gone))
    },
  })

const session = (client: Client): Promise<Channel> => client.session.openChannel('session')
const sessionPlaces: readonly Place[] = [
  { name: 'onExec', server: onSession('onExec'), act: (client) => client.exec('x') },
  { name: 'onShell', server: onSession('onShell'), act: (client) => client.shell({ pty: {} } as never) },
  { name: 'onSubsystem', server: onSession('onSubsystem'), act: (client) => client.subsystem('x') },
  {
    name: 'onAgentForward',
    server: onSession('onAgentForward'),
    act: async (client) => (await session(client)).request('auth-agent-req@openssh.com'),
  },
  {
    name: 'onOther',
    server: onSession('onOther'),
    act: async (client) => (await session(client)).request('x@example.com'),
  },
]
const places: readonly Place[] = [
  ...sessionPlaces,
  {
    name: 'onTcpip',
    server: onServer('onTcpip'),
    act: (client) => client.forwardOut({ host: 'x', port: 1 }),
  },
  {
    name: 'onStreamlocal',
    server: onServer('onStreamlocal'),
    act: (client) => client.forwardOut({ path: '/x' }),
  },
  {
    name: 'onChannel',
    server: onServer('onChannel'),
    act: (client) => client.session.openChannel('x@example.com'),
  },
  {
    name: 'onForward',
    server: onServer('onForward'),
    act: (client) => client.listen({ host: 'x', port: 1 }),
  },
  {
    name: 'onRequest',
    server: onServer('onRequest'),
    act: (client) => client.session.request('x@example.com'),
  },
]

type Verb = 'accept' | 'reject'
const verbs = ['accept', 'reject'] as const

/** Whether the client was told yes. */
const told = (acted: Promise<unknown>): Promise<Verb> =>
  acted.then(
    () => 'accept',
    (error: unknown) => {
      expect(error).toBeInstanceOf(Error)
      return 'reject'
    },
  )

describe.each(places)('$name', ({ server, act }) => {
  test.each(verbs.flatMap((first) => verbs.map((second) => ({ first, second }))))(
    '$first, then $second: the first counts, the second throws, and the client goes on',
    async ({ first, second }) => {
      const thrown: unknown[] = []
      await using listener = await serve(
        server((asked) => {
          asked[first]()
          for (let times = 0; times < 2; times++)
            try {
              asked[second]()
            } catch (error) {
              thrown.push(error)
            }
        }),
      )
      await using client = await connect(optionsOf(listener))
      expect(await told(act(client))).toBe(first)
      expect(thrown).toEqual([expect.any(UsageError), expect.any(UsageError)])
      expect(await client.ping()).toBeGreaterThanOrEqual(0)
      expect(uncaught).toEqual([])
    },
  )

  test.each(verbs)('%s, then a throw: the answer counts, and the error surfaces once', async (first) => {
    for (const later of [false, true]) {
      uncaught = []
      await using listener = await serve(
        server((asked) => {
          asked[first]()
          if (!later) throw bug
          return Promise.reject(bug)
        }),
      )
      await using client = await connect(optionsOf(listener))
      expect(await told(act(client))).toBe(first)
      expect(await client.ping()).toBeGreaterThanOrEqual(0)
      expect(uncaught).toEqual([bug])
    }
  })

  test.each(
    (['close', 'destroy'] as const).flatMap((way) =>
      verbs.flatMap((verb) => [
        { title: `${way}, then ${verb}`, way, verb, before: true },
        { title: `${verb}, then ${way}`, way, verb, before: false },
      ]),
    ),
  )('$title within the handler: everything settles', async ({ way, verb, before }) => {
    let done = 0
    const listener = await serve(
      server((asked, gone) => {
        if (before) void gone[way]()
        asked[verb]()
        if (!before) void gone[way]()
        done++
      }),
    )
    const client = await connect(optionsOf(listener))
    await told(act(client))
    expect(done).toBe(1)
    await client.close()
    await client.closed
    await listener.close()
    expect(uncaught).toEqual([])
  })
})

/** What onOther leaves unanswered is refused at once. */
const mayWait = ({ name }: Place): boolean => name !== 'onOther'

describe.each(places.filter(mayWait))('$name', ({ server, act }) => {
  test.each(verbs)('%s when the client has left: nothing happens', async (verb) => {
    let answered: (what: unknown) => void = () => undefined
    let asked: () => void = () => undefined
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const late = new Promise<unknown>((resolve) => {
      answered = resolve
    })
    await using listener = await serve(
      server(async (request, { closed }) => {
        asked()
        await closed
        try {
          answered(request[verb]())
        } catch (error) {
          answered(error)
          throw error
        }
      }),
    )
    const client = await connect(optionsOf(listener))
    const acted = told(act(client))
    await wasAsked
    await client.close()
    expect(await acted).toBe('reject')
    const given = await late
    // A connection that was let in too late is one that is over.
    if (given instanceof Channel) {
      expect(given.isClosed).toBe(true)
      expect(
        (
          await given.readable
            .getReader()
            .read()
            .catch(() => ({ done: true }))
        ).done,
      ).toBe(true)
      await given.closed
    }
    expect(uncaught).toEqual([])
  })
})

describe.each(sessionPlaces.filter(mayWait))('$name', ({ server, act }) => {
  test.each(verbs)(
    '%s when the client has closed the channel: nothing happens, and the connection goes on',
    async (verb) => {
      let asked: () => void = () => undefined
      const wasAsked = new Promise<void>((resolve) => {
        asked = resolve
      })
      let answered: () => void = () => undefined
      const late = new Promise<void>((resolve) => {
        answered = resolve
      })
      await using listener = await serve(
        server(async (request, { closed }) => {
          asked()
          await closed
          request[verb]()
          answered()
        }),
      )
      await using client = await connect(optionsOf(listener))
      const channels: Channel[] = []
      const open = client.session.openChannel.bind(client.session)
      client.session.openChannel = async (...given) => {
        const channel = await open(...given)
        channels.push(channel)
        return channel
      }
      const acted = told(act(client))
      await wasAsked
      expect(channels).toHaveLength(1)
      await channels[0]?.close()
      expect(await acted).toBe('reject')
      await late
      expect(await client.ping()).toBeGreaterThanOrEqual(0)
      expect(uncaught).toEqual([])
    },
  )
})

test('a program that was accepted and then rejected stays the only one of its channel', async () => {
  let programs = 0
  await using listener = await serve({
    onSession: (each) =>
      void each.onExec((request) => {
        programs++
        request.accept()
        expect(() => request.reject()).toThrow(UsageError)
      }),
  })
  await using client = await connect(optionsOf(listener))
  const channel = await session(client)
  const command = Buffer.from('\0\0\0\x01x')
  await channel.request('exec', command)
  await expect(channel.request('exec', command)).rejects.toBeInstanceOf(Error)
  expect(programs).toBe(1)
  expect(uncaught).toEqual([])
})

describe('connections that the server of a client hands over', () => {
  const withForward = async (
    onConnection: (request: ConnectionRequest, client: Client) => void | Promise<void>,
    check: (opened: Promise<Channel>, client: Client) => Promise<void>,
  ): Promise<void> => {
    let opened: (channel: Promise<Channel>) => void = () => undefined
    const wasOpened = new Promise<{ readonly channel: Promise<Channel> }>((resolve) => {
      opened = (channel) => {
        channel.catch(() => undefined)
        resolve({ channel })
      }
    })
    const listener = await serve({
      onForward: (request) => {
        const forward = request.accept()
        setImmediate(() => opened(forward.open({ host: 'o', port: 2 })))
      },
    })
    const client = await connect(optionsOf(listener))
    await client.listen(
      { host: 'x', port: 1 },
      { onConnection: (request) => void onConnection(request, client) },
    )
    await check((await wasOpened).channel, client)
    await client.close()
    await listener.close()
  }

  test.each(verbs.flatMap((first) => verbs.map((second) => ({ first, second }))))(
    '$first, then $second: the first counts',
    async ({ first, second }) => {
      const thrown: unknown[] = []
      await withForward(
        (request) => {
          request[first]()
          try {
            request[second]()
          } catch (error) {
            thrown.push(error)
          }
        },
        async (opened, client) => {
          expect(await told(opened)).toBe(first)
          expect(await client.ping()).toBeGreaterThanOrEqual(0)
        },
      )
      expect(thrown).toEqual([expect.any(UsageError)])
      expect(uncaught).toEqual([])
    },
  )

  test.each(verbs)('%s after the client has destroyed its connection in the handler', async (verb) => {
    await withForward(
      (request, client) => {
        client.session.destroy()
        request[verb]()
      },
      async (opened, client) => {
        expect(await told(opened)).toBe('reject')
        await client.closed
      },
    )
    expect(uncaught).toEqual([])
  })
})

describe('connectTcp', () => {
  /** The same request, for a port of this machine. */
  const elsewhere = (request: TcpipRequest, port: number): TcpipRequest =>
    Object.create(request, { host: { value: '127.0.0.1' }, port: { value: port } }) as TcpipRequest

  test('of a request that was answered meanwhile: a clear error, and the socket is closed', async () => {
    await using target = await serve({})
    const outcomes: Promise<unknown>[] = []
    await using listener = await serve({
      onTcpip: (request) => {
        outcomes.push(connectTcp(elsewhere(request, target.port)))
        request.reject()
      },
    })
    await using client = await connect(optionsOf(listener))
    expect(await told(client.forwardOut({ host: 'x', port: 1 }))).toBe('reject')
    await expect(outcomes[0]).rejects.toBeInstanceOf(UsageError)
    expect(uncaught).toEqual([])
  })

  test('of a target that cannot be reached, for a request that was answered meanwhile: the first answer counts', async () => {
    const outcomes: Promise<unknown>[] = []
    await using listener = await serve({
      onTcpip: (request) => {
        // Nobody listens at port 0.
        outcomes.push(connectTcp(elsewhere(request, 0)))
        request.accept()
      },
    })
    await using client = await connect(optionsOf(listener))
    expect(await told(client.forwardOut({ host: 'x', port: 1 }))).toBe('accept')
    expect(await outcomes[0]).toBeUndefined()
    expect(await client.ping()).toBeGreaterThanOrEqual(0)
    expect(uncaught).toEqual([])
  })
})

describe('authentication', () => {
  const asking = (
    keyboardInteractive: (dialog: Dialog) => ReturnType<NonNullable<AuthHandlers['keyboardInteractive']>>,
  ): Promise<Listener> => serve({ auth: { keyboardInteractive } })
  const answering = (answer: () => string): Partial<ConnectOptions> => ({
    auth: [
      {
        method: 'keyboard-interactive',
        respond: (_name, _instruction, prompts) => prompts.map(answer),
      },
    ],
  })

  test.each([true, false])(
    'a decision (%s) while a question is open counts once it is answered',
    async (decision) => {
      const given: unknown[] = []
      await using listener = await asking((dialog) => {
        dialog.prompt([{ prompt: 'x', echo: true }]).then(
          (answers) => given.push(...answers),
          (error: unknown) => given.push(error),
        )
        return decision
      })
      const connected = connect(
        optionsOf(
          listener,
          answering(() => 'y'),
        ),
      )
      if (decision) await (await connected).close()
      else await expect(connected).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
      expect(given[0]).toBe('y')
      expect(uncaught).toEqual([])
    },
  )

  test('two questions at once: the second is a clear error', async () => {
    const given: unknown[] = []
    await using listener = await asking(async (dialog) => {
      const first = dialog.prompt([{ prompt: 'x', echo: true }])
      await dialog.prompt([{ prompt: 'y', echo: true }]).catch((error: unknown) => given.push(error))
      given.push(...(await first))
      return true
    })
    await using client = await connect(
      optionsOf(
        listener,
        answering(() => 'z'),
      ),
    )
    expect(await client.ping()).toBeGreaterThanOrEqual(0)
    expect(given).toEqual([expect.any(UsageError), 'z'])
    expect(uncaught).toEqual([])
  })

  test('a question after the client has left rejects, and so does a question after the decision', async () => {
    const given: unknown[] = []
    let kept: Dialog | undefined
    await using listener = await asking((dialog) => {
      kept = dialog
      return true
    })
    const client = await connect(
      optionsOf(
        listener,
        answering(() => 'z'),
      ),
    )
    for (let times = 0; times < 2; times++) {
      await kept?.prompt([{ prompt: 'x', echo: true }]).catch((error: unknown) => given.push(error))
      await client.close()
    }
    expect(given).toEqual([expect.any(Error), expect.any(Error)])
    expect(uncaught).toEqual([])
  })

  test.each(['close', 'destroy'] as const)(
    '%s of the connection in the handler: the client is told, once',
    async (way) => {
      const connections: ServerConnection[] = []
      await using listener = await serve({
        onConnection: (connection: ServerConnection) => void connections.push(connection),
        auth: {
          password: () => {
            const [connection] = connections
            if (connection === undefined) throw bug
            if (way === 'close') void connection.close()
            else connection.session.destroy()
            return true
          },
        },
      } as never)
      await expect(connect(optionsOf(listener))).rejects.toBeInstanceOf(Error)
      expect(uncaught).toEqual([])
    },
  )
})
