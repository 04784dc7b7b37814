/** Applications with bugs: what a handler throws is theirs, once; the peer is answered all the same, and the connection goes on. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Client, type ConnectOptions, connect } from '@hawser/client'
import { parsePrivateKey } from '@hawser/keys'
import type { ServerOptions } from '@hawser/server'
import { type Listener, listen } from '@hawser/server/node'
import type { SftpHandlers } from '@hawser/sftp/server'
import {
  type ClientChannel,
  Client as CompatClient,
  type Connection as CompatConnection,
  Server as CompatServer,
  type Session as CompatSession,
  type SFTPWrapper,
} from '@hawser/ssh2-compat'
import { sharedKeyFile } from '@hawser/test-kit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const keyText = sharedKeyFile('ed25519', 'host').privateText
const hostKey = parsePrivateKey(keyText)
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

const throws = {
  'at once': (): never => {
    throw bug
  },
  later: async (): Promise<never> => {
    await new Promise((resolve) => setImmediate(resolve))
    throw bug
  },
} as const
type Fault = () => never
const times = Object.keys(throws) as (keyof typeof throws)[]

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

const files = (more: Partial<SftpHandlers>): SftpHandlers =>
  ({
    open: () => 'a file',
    close: () => undefined,
    stat: () => ({ size: 3 }),
    fstat: () => ({ size: 3 }),
    read: () => new Uint8Array(3),
    write: () => undefined,
    ...more,
  }) as unknown as SftpHandlers

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

interface Place {
  readonly name: string
  readonly server: (fault: Fault) => Partial<ServerOptions>
  readonly act: (client: Client) => Promise<unknown>
}

const places: readonly Place[] = [
  { name: 'onSession', server: (fault) => ({ onSession: fault }), act: (client) => client.exec('x') },
  {
    name: 'onExec',
    server: (fault) => ({ onSession: (session) => void session.onExec(fault) }),
    act: (client) => client.exec('x'),
  },
  {
    name: 'onShell',
    server: (fault) => ({ onSession: (session) => void session.onShell(fault) }),
    act: (client) => client.shell({ pty: {} } as never),
  },
  {
    name: 'onSubsystem',
    server: (fault) => ({ onSession: (session) => void session.onSubsystem(fault) }),
    act: (client) => client.subsystem('x'),
  },
  {
    name: 'onTcpip',
    server: (fault) => ({ onTcpip: fault }),
    act: (client) => client.forwardOut({ host: 'x', port: 1 }),
  },
  {
    name: 'onStreamlocal',
    server: (fault) => ({ onStreamlocal: fault }),
    act: (client) => client.forwardOut({ path: '/x' }),
  },
  {
    name: 'onChannel',
    server: (fault) => ({ onChannel: fault }),
    act: (client) => client.session.openChannel('x@example.com'),
  },
  {
    name: 'onForward',
    server: (fault) => ({ onForward: fault }),
    act: (client) => client.listen({ host: 'x', port: 1 }),
  },
  {
    name: 'onRequest',
    server: (fault) => ({ onRequest: fault }),
    act: (client) => client.session.request('x@example.com'),
  },
]

describe.each(times)('a handler of a server that throws %s', (when) => {
  const fault = throws[when] as Fault

  test.each(places)('$name: the client is refused, and goes on', async ({ server, act }) => {
    await using listener = await serve(server(fault))
    await using client = await connect(optionsOf(listener))
    await expect(act(client)).rejects.toBeInstanceOf(Error)
    expect(uncaught).toEqual([bug])
    expect(await client.ping()).toBeGreaterThanOrEqual(0)
  })

  test('auth: nobody is let in', async () => {
    await using listener = await serve({ auth: { password: fault } })
    await expect(connect(optionsOf(listener))).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
    expect(uncaught).toEqual([bug])
  })

  test.each(['open', 'read', 'write', 'fstat', 'close'] as const)(
    'SFTP %s: one answer without its words, and onError hears of it',
    async (name) => {
      const told: unknown[] = []
      await using listener = await serve({
        onSession: (session) =>
          void session.onSftp(files({ [name]: fault }), { onError: (error) => void told.push(error) }),
      })
      await using client = await connect(optionsOf(listener))
      const sftp = await client.sftp()
      const doing = async (): Promise<void> => {
        const file = await sftp.open('/x', name === 'write' ? 'w' : 'r')
        if (name === 'read') await file.read(new Uint8Array(3))
        if (name === 'write') await file.write(new Uint8Array(3))
        if (name === 'fstat') await file.stat()
        await file.close()
      }
      const error: unknown = await doing().catch((each: unknown) => each)
      expect(error).toMatchObject({ status: 4 })
      expect((error as Error).message).not.toContain(bug.message)
      expect(told).toEqual([bug])
      expect(uncaught).toEqual([])
      await sftp.close()
    },
  )

  test('onConnection of a listener of the client: the server is refused', async () => {
    let opened: Promise<unknown> | undefined
    await using listener = await serve({
      onForward: (request) => {
        const forward = request.accept({ port: 7 })
        opened = new Promise((resolve) => setImmediate(resolve)).then(() => forward.open())
        opened.catch(() => undefined)
      },
    })
    await using client = await connect(optionsOf(listener))
    await client.listen({ host: 'x', port: 1 }, { onConnection: fault })
    await expect(opened).rejects.toMatchObject({ code: 'SSH_CHANNEL_OPEN_FAILED' })
    expect(uncaught).toEqual([bug])
    expect(await client.ping()).toBeGreaterThanOrEqual(0)
  })

  test('hostKey of the client: the connection is refused with that error', async () => {
    await using listener = await serve({})
    const error: unknown = await connect(optionsOf(listener, { hostKey: { ask: fault } })).catch(
      (each: unknown) => each,
    )
    expect(error).toBeInstanceOf(Error)
    expect(error === bug || (error as Error).cause === bug).toBe(true)
    expect(uncaught).toEqual([])
  })
})

describe('a handler that never answers', () => {
  test.each(places)('$name: it settles when either side closes', async ({ server, act }) => {
    for (const leaving of ['client', 'server'] as const) {
      const asked = deferred()
      const never = (): undefined => {
        asked.resolve()
        return undefined
      }
      const listener = await serve(server(never as unknown as Fault))
      const client = await connect(optionsOf(listener))
      const acted = expect(act(client)).rejects.toBeInstanceOf(Error)
      await asked.promise
      await (leaving === 'client' ? client.close() : listener.close())
      await acted
      await client.closed
      await listener.close()
    }
    expect(uncaught).toEqual([])
  })

  test('auth: the client leaves, or the server does', async () => {
    for (const leaving of ['client', 'server'] as const) {
      const asked = deferred()
      const listener = await serve({
        auth: { password: () => new Promise(() => asked.resolve()) },
      })
      const abort = new AbortController()
      const connected = expect(connect(optionsOf(listener, { signal: abort.signal }))).rejects.toBeInstanceOf(
        Error,
      )
      await asked.promise
      if (leaving === 'client') abort.abort()
      else await listener.close()
      await connected
      await listener.close()
    }
    expect(uncaught).toEqual([])
  })
})

describe('compat', () => {
  const servers: CompatServer[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  const serveCompat = async (listener: (connection: CompatConnection) => void): Promise<number> => {
    const server = new CompatServer({ hostKeys: [keyText] } as never, (connection) => {
      connection.on('error', () => undefined)
      listener(connection)
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const letIn = (connection: CompatConnection): void =>
    void connection.on('authentication', (context) => context.accept())

  const login = async (port: number, client = new CompatClient()): Promise<CompatClient> => {
    const ready = once(client, 'ready')
    client.connect({ host: '127.0.0.1', port, username: 'ann', password: 'x', strictVendor: false })
    await ready
    return client
  }
  const leave = async (client: CompatClient): Promise<void> => {
    const closed = once(client, 'close')
    client.end()
    await closed
  }

  type Done = (error: Error | undefined | null, value?: unknown) => void
  interface CompatPlace {
    readonly name: string
    readonly server: (connection: CompatConnection, handler: () => void) => void
    readonly act: (client: CompatClient, done: Done) => void
  }
  const inSession =
    (event: string) =>
    (connection: CompatConnection, handler: () => void): void =>
      void connection.on('session', (accept) => {
        ;(accept() as CompatSession).on(event, handler)
      })
  const compatPlaces: readonly CompatPlace[] = [
    {
      name: 'session',
      server: (connection, handler) => void connection.on('session', handler),
      act: (client, done) => client.exec('x', done as never),
    },
    { name: 'exec', server: inSession('exec'), act: (client, done) => client.exec('x', done as never) },
    { name: 'shell', server: inSession('shell'), act: (client, done) => client.shell(false, done as never) },
    { name: 'pty', server: inSession('pty'), act: (client, done) => client.shell(done as never) },
    { name: 'sftp', server: inSession('sftp'), act: (client, done) => client.sftp(done as never) },
    {
      name: 'subsystem',
      server: inSession('subsystem'),
      act: (client, done) => client.subsys('x', done as never),
    },
    {
      name: 'tcpip',
      server: (connection, handler) => void connection.on('tcpip', handler),
      act: (client, done) => client.forwardOut('a', 1, 'b', 2, done as never),
    },
    {
      name: 'openssh.streamlocal',
      server: (connection, handler) => void connection.on('openssh.streamlocal', handler),
      act: (client, done) => client.openssh_forwardOutStreamLocal('/x', done as never),
    },
    {
      name: 'request',
      server: (connection, handler) => void connection.on('request', handler),
      act: (client, done) => client.forwardIn('x', 1, done as never),
    },
  ]

  test.each(compatPlaces)(
    'a listener of $name that throws: refused once, and the client goes on',
    async (place) => {
      const port = await serveCompat((connection) => {
        letIn(connection)
        place.server(connection, throws['at once'])
      })
      const client = await login(port)
      const answers: unknown[] = []
      await new Promise<void>((resolve) =>
        place.act(client, (error) => {
          answers.push(error)
          resolve()
        }),
      )
      expect(answers).toEqual([expect.any(Error)])
      expect(uncaught).toEqual([bug])
      const rekeyed = once(client, 'rekey')
      client.rekey()
      await rekeyed
      await leave(client)
      expect(answers).toHaveLength(1)
    },
  )

  test.each(compatPlaces)(
    'a listener of $name that never answers: called back once at the end',
    async (place) => {
      let asked: () => void = () => undefined
      const wasAsked = new Promise<void>((resolve) => {
        asked = resolve
      })
      const port = await serveCompat((connection) => {
        letIn(connection)
        place.server(connection, asked)
      })
      const client = await login(port)
      const answers: unknown[] = []
      const answered = new Promise<void>((resolve) =>
        place.act(client, (error) => {
          answers.push(error)
          resolve()
        }),
      )
      await wasAsked
      await leave(client)
      await answered
      expect(answers).toEqual([expect.any(Error)])
      expect(uncaught).toEqual([])
    },
  )

  test('a listener of authentication that throws lets nobody in', async () => {
    const port = await serveCompat((connection) => void connection.on('authentication', throws['at once']))
    const client = new CompatClient()
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    client.connect({ host: '127.0.0.1', port, username: 'ann', password: 'x' })
    await new Promise((resolve) => client.once('close', resolve))
    expect(errors).toMatchObject([{ level: 'client-authentication' }])
    expect(uncaught.length).toBeGreaterThan(0)
    expect(new Set(uncaught)).toEqual(new Set([bug]))
  })

  test('answers given twice, and ends: nothing happens but once', async () => {
    const port = await serveCompat((connection) => {
      connection.on('authentication', (context) => {
        context.accept()
        context.accept()
        context.reject()
      })
      connection.on('session', (accept, reject) => {
        const session = accept()
        accept()
        reject()
        session.on('exec', (acceptExec, rejectExec) => {
          const stream = acceptExec()
          acceptExec()
          rejectExec?.()
          for (let i = 0; i < 2; i++) {
            stream.exit(3)
            stream.end()
            stream.close()
          }
        })
      })
      connection.on('tcpip', (_, reject) => {
        reject()
        reject()
      })
    })
    const client = await login(port)
    const told: unknown[] = []
    await new Promise<void>((resolve) =>
      client.exec('x', (error, stream) => {
        told.push(error)
        stream.on('exit', (code) => told.push(code))
        stream.on('close', () => {
          told.push('close')
          resolve()
        })
        stream.resume()
      }),
    )
    await new Promise<void>((resolve) =>
      client.forwardOut('a', 1, 'b', 2, (error) => {
        told.push(error instanceof Error)
        resolve()
      }),
    )
    const closes: string[] = []
    client.on('close', () => closes.push('close'))
    client.end()
    client.end()
    client.destroy()
    await once(client, 'close')
    client.end()
    client.destroy()
    expect(told).toEqual([undefined, 3, 'close', true])
    expect(closes).toEqual(['close'])
    expect(uncaught).toEqual([])
  })

  test('what is written after the client closed, to a channel that nobody reads, is no error, and each callback comes once', async () => {
    const called: unknown[] = []
    let over = (): void => undefined
    const done = new Promise<void>((resolve) => (over = resolve))
    const port = await serveCompat((connection) => {
      letIn(connection)
      connection.on('session', (accept) =>
        (accept() as CompatSession).on('exec', (acceptExec) => {
          const stream = acceptExec()
          stream.write('begun')
          connection.once('close', () => {
            stream.write('x', (error) => called.push(['write', error]))
            stream.end('y', () => called.push(['end']))
            stream.write('z')
            setImmediate(over)
          })
        }),
      )
      connection.on('tcpip', (accept) =>
        connection.once('close', () => {
          const late = accept()
          late.write('x', (error) => called.push(['late write', error]))
          late.end('y')
        }),
      )
    })
    const client = await login(port)
    client.forwardOut('a', 1, 'b', 2, () => undefined)
    client.exec('x', (_, stream) => {
      stream.write('what nobody reads')
      stream.once('data', () => client.destroy())
    })
    await done
    expect(called.map((call) => JSON.stringify(call)).toSorted()).toEqual([
      '["end"]',
      '["late write",null]',
      '["write",null]',
    ])
    expect(uncaught).toEqual([])
  })

  test('destroy inside of callbacks and listeners: one close, and every callback once', async () => {
    const port = await serveCompat((connection) => {
      letIn(connection)
      connection.on('session', (accept) => accept().on('exec', (acceptExec) => void acceptExec().write('x')))
    })
    for (const place of ['ready', 'exec', 'data', 'greeting', 'handshake', 'connect'] as const) {
      const client = new CompatClient()
      const told: string[] = []
      const destroy = (): void => void client.destroy()
      client.on('error', () => told.push('error'))
      if (place === 'ready' || place === 'handshake' || place === 'connect') client.on(place, destroy)
      client.on('ready', () => {
        if (place === 'ready') return
        client.exec('x', (error, stream: ClientChannel) => {
          told.push(error ? 'failed' : 'exec')
          if (place === 'exec') return destroy()
          stream.on('close', () => told.push('stream close'))
          stream.on('error', () => undefined)
          stream.on('data', destroy)
          if (place === 'greeting') destroy()
        })
      })
      client.connect({ host: '127.0.0.1', port, username: 'ann', password: 'x' })
      await once(client, 'close')
      await new Promise((resolve) => setImmediate(resolve))
      expect([place, ...told]).toEqual([
        place,
        ...(place === 'exec' ? ['exec'] : []),
        ...(place === 'data' || place === 'greeting' ? ['exec', 'stream close'] : []),
      ])
    }
    expect(uncaught).toEqual([])
  })

  test('one object connects again: after its end, after an error, and while it is connected', async () => {
    let logins = 0
    const port = await serveCompat((connection) => {
      letIn(connection)
      connection.on('ready', () => logins++)
      connection.on('session', (accept) =>
        accept().on('exec', (acceptExec) => {
          const stream = acceptExec()
          stream.exit(0)
          stream.end()
        }),
      )
    })
    const client = new CompatClient()
    const told: string[] = []
    client.on('error', () => told.push('error'))
    client.on('close', () => told.push('close'))
    const works = (): Promise<void> =>
      new Promise((resolve, reject) =>
        client.exec('x', (error, stream) => {
          if (error) return reject(error)
          stream.on('close', resolve).resume()
        }),
      )
    await login(port, client)
    await works()
    await leave(client)
    await login(port, client)
    await works()
    // While it is connected: the connection is ended first.
    await login(port, client)
    await works()
    await leave(client)
    expect(told).toEqual(['close', 'close', 'close'])
    // Nobody listens at the port of a server that was closed.
    const dead = await serveCompat(() => undefined)
    const server = servers.pop() as CompatServer
    server.close()
    await once(server, 'close')
    client.connect({ host: '127.0.0.1', port: dead, username: 'ann', password: 'x' })
    await new Promise((resolve) => client.once('close', resolve))
    expect(told.slice(3)).toEqual(['error', 'close'])
    await login(port, client)
    await works()
    await leave(client)
    expect(logins).toBe(4)
    expect(uncaught).toEqual([])
  })

  test('a handler of an SFTP server that throws: uncaught once, and the client is called back at the end', async () => {
    const port = await serveCompat((connection) => {
      letIn(connection)
      connection.on('session', (accept) =>
        accept().on('sftp', (acceptSftp) => {
          const sftp = acceptSftp() as unknown as { on(event: string, listener: () => void): void }
          sftp.on('OPEN', throws['at once'])
        }),
      )
    })
    const client = await login(port)
    const sftp = await new Promise<SFTPWrapper>((resolve) => client.sftp((_, value) => resolve(value)))
    sftp.on('error', () => undefined)
    const answers: unknown[] = []
    const answered = new Promise<void>((resolve) =>
      sftp.open('/x', 'r', (error) => {
        answers.push(error)
        resolve()
      }),
    )
    await once(process, 'uncaughtException')
    await leave(client)
    await answered
    expect(answers).toEqual([expect.any(Error)])
    expect(uncaught).toEqual([bug])
  })
})
