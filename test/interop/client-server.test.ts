/** Our client and our server with each other: what no other peer lets us try. */

import { once } from 'node:events'
import { connect as dial } from 'node:net'
import {
  acceptAnyHostKey,
  type Client,
  type ConnectOptions,
  connect,
  HostKeyRejectedError,
} from '@hawser/client'
import { nodeStreams as clientStreams } from '@hawser/client/node'
import { fingerprint, generateKey, type PrivateKey } from '@hawser/keys'
import { authorizedKeys, passwordsOf, type SessionChannel } from '@hawser/server'
import { connectTcp, type Listener, type ListenOptions, listen, spawnProcess } from '@hawser/server/node'
import { afterEach, describe, expect, test } from 'vitest'
import { bytes, checksumOf, digestOf, textOf, userKey, writeAll } from './kit.ts'

const hostKey: PrivateKey = await generateKey('ed25519')
const mebibyte = 1024 * 1024

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

function shells(session: SessionChannel): void {
  session.onExec((request) => void spawnProcess(request.accept(), { shellCommand: request.command }))
}

async function serve(options: Partial<ListenOptions> = {}): Promise<Listener> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    auth: { password: passwordsOf(new Map([['ada', 'secret word']])) },
    onSession: shells,
    ...options,
  })
  open.push(server)
  return server
}

function optionsTo(server: Listener, more: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'ada',
    auth: [{ method: 'password', password: 'secret word' }],
    hostKey: { fingerprints: [fingerprint(hostKey.publicKey)] },
    ...more,
  }
}

async function clientTo(server: Listener, more: Partial<ConnectOptions> = {}): Promise<Client> {
  const client = await connect(optionsTo(server, more))
  open.push(client)
  return client
}

async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string; attempts?: object[] }> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(Error)
  return outcome as Error
}

describe('logins', () => {
  test('a wrong password: exactly one error, without the password', async () => {
    const errors: Error[] = []
    const server = await serve({ onConnectionError: (error) => void errors.push(error) })
    const error = await failureOf(
      connect(optionsTo(server, { auth: [{ method: 'password', password: 'not the word' }] })),
    )
    expect(error).toMatchObject({
      code: 'SSH_AUTHENTICATION_FAILED',
      phase: 'authentication',
      methods: ['password'],
      attempts: [
        { method: 'none', outcome: 'refused' },
        { method: 'password', outcome: 'refused' },
      ],
    })
    expect(JSON.stringify(error) + error.message).not.toContain('not the word')
    await expect.poll(() => errors.length).toBe(1)
  })

  test('keyboard-interactive, rounds with and without prompts', async () => {
    const server = await serve({
      auth: {
        async keyboardInteractive(dialog) {
          const answers = await dialog.prompt(
            [{ prompt: 'Code: ', echo: false }],
            'One-time code',
            'From your device',
          )
          await dialog.prompt([], 'Thank you')
          return answers[0] === '123456'
        },
      },
    })
    const asked: unknown[] = []
    const client = await clientTo(server, {
      auth: [
        {
          method: 'keyboard-interactive',
          respond: (name, instruction, prompts) => {
            asked.push([name, instruction, prompts])
            return prompts.map(() => '123456')
          },
        },
      ],
    })
    expect(asked).toEqual([
      ['One-time code', 'From your device', [{ prompt: 'Code: ', echo: false }]],
      ['Thank you', '', []],
    ])
    expect(client.session.authenticated).toBe(true)
  })

  test('the wrong number of answers is our own mistake, found before it is sent', async () => {
    const server = await serve({
      auth: {
        keyboardInteractive: async (dialog) =>
          (await dialog.prompt([{ prompt: 'a', echo: true }])).length === 1,
      },
    })
    const error = await failureOf(
      connect(optionsTo(server, { auth: [{ method: 'keyboard-interactive', respond: () => [] }] })),
    )
    expect(error.message).toMatch(/prompt|answer|response/)
  })

  test('a password that must be changed', async () => {
    let secret = 'old'
    const server = await serve({
      auth: {
        password({ password, newPassword }) {
          if (password !== secret) return false
          if (newPassword === undefined) return { change: 'Too old. New password: ' }
          secret = newPassword
          return true
        },
      },
    })
    const prompts: string[] = []
    await clientTo(server, {
      auth: [
        {
          method: 'password',
          password: 'old',
          change: (prompt) => {
            prompts.push(prompt)
            return 'new'
          },
        },
      ],
    })
    expect(prompts).toEqual(['Too old. New password: '])
    expect(secret).toBe('new')
  })

  test('two keys where the server wants two', async () => {
    const second = await generateKey('ecdsa', { bits: 256 })
    const keys = authorizedKeys(() => [userKey.publicKey, second.publicKey])
    const proved = new Set<string>()
    const server = await serve({
      auth: {
        async publickey(attempt) {
          if ((await keys(attempt)) !== true) return false
          if (!attempt.verified) return true
          proved.add(fingerprint(attempt.key))
          return proved.size === 2 || { next: ['publickey'] }
        },
      },
    })
    const client = await clientTo(server, {
      auth: [
        { method: 'publickey', signer: userKey },
        { method: 'publickey', signer: second },
      ],
    })
    expect(client.session.authenticated).toBe(true)
    expect(proved.size).toBe(2)
  })

  test('an order of one’s own is asked with what the server said', async () => {
    const server = await serve()
    const seen: unknown[] = []
    await clientTo(server, {
      auth: (state) => {
        seen.push([state.methods, state.attempts.length])
        return state.methods === undefined
          ? { method: 'none' }
          : { method: 'password', password: 'secret word' }
      },
    })
    expect(seen).toEqual([
      [undefined, 0],
      [['password'], 1],
    ])
  })

  test('after six wrong passwords the server ends the connection', async () => {
    const errors: Error[] = []
    const server = await serve({
      onConnectionError: (error) => void errors.push(error),
      limits: { refusalStepMs: 0 },
    })
    let tries = 0
    const error = await failureOf(
      connect(optionsTo(server, { auth: () => (tries++, { method: 'password', password: 'guess' }) })),
    )
    expect(error).toMatchObject({ code: 'SSH_DISCONNECTED', phase: 'authentication' })
    expect(tries).toBe(6)
    await expect.poll(() => errors).toMatchObject([{ code: 'SSH_TOO_MANY_ATTEMPTS' }])
  })

  test('refusals leave at multiples of the step, of unknown users as of wrong passwords', async () => {
    const server = await serve({ limits: { refusalStepMs: 80 } })
    for (const user of ['ada', 'eve']) {
      const times: number[] = []
      let last = 0
      await failureOf(
        connect(
          optionsTo(server, {
            user,
            auth: ({ attempts }) => {
              const now = performance.now()
              if (attempts.length > 1) times.push(now - last)
              last = now
              return attempts.length < 3 ? { method: 'password', password: 'guess' } : undefined
            },
          }),
        ),
      )
      expect(times.length).toBe(2)
      for (const time of times) expect(time).toBeGreaterThan(75)
    }
  })

  test('who does not log in within the grace time is shown out', async () => {
    const errors: Error[] = []
    const server = await serve({
      limits: { loginGraceMs: 100 },
      onConnectionError: (error) => void errors.push(error),
    })
    const socket = dial(server.port, '127.0.0.1')
    socket.resume()
    await once(socket, 'close')
    await expect.poll(() => errors).toMatchObject([{ code: 'SSH_TIMEOUT', phase: 'identification' }])
  })

  test('somebody who speaks HTTP gets no login, and others are not disturbed', async () => {
    const errors: Error[] = []
    const server = await serve({ onConnectionError: (error) => void errors.push(error) })
    const client = await clientTo(server)
    const socket = dial(server.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
    await expect.poll(() => errors).toMatchObject([{ code: 'SSH_IDENTIFICATION' }])
    expect((await (await client.exec('echo ok')).text()).stdout).toBe('ok\n')
  })

  test('when too many wait to log in, new ones are dropped; those logged in do not count', async () => {
    const server = await serve({ limits: { startups: { begin: 2, ratePercent: 100, full: 2 } } })
    const client = await clientTo(server)
    const waiting = [dial(server.port, '127.0.0.1'), dial(server.port, '127.0.0.1')]
    for (const socket of waiting) await once(socket, 'data')
    const dropped = dial(server.port, '127.0.0.1')
    let heard = 0
    dropped.on('data', (chunk) => {
      heard += chunk.length
    })
    dropped.on('error', () => undefined) // a reset is as good as an end
    await once(dropped, 'close')
    expect(heard).toBe(0)
    for (const socket of waiting) socket.destroy()
    await expect.poll(() => server.connections.size).toBe(1)
    expect((await (await client.exec('echo ok')).text()).stdout).toBe('ok\n')
  })

  test('a host key policy that does not fit is told with both fingerprints, and the server hears of it', async () => {
    const errors: Error[] = []
    const server = await serve({ onConnectionError: (error) => void errors.push(error) })
    const other = fingerprint(userKey.publicKey)
    const error = await failureOf(connect(optionsTo(server, { hostKey: { fingerprints: [other] } })))
    expect(error).toBeInstanceOf(HostKeyRejectedError)
    expect(error.message).toContain(other)
    expect(error.message).toContain(fingerprint(hostKey.publicKey))
    await expect.poll(() => errors.length).toBe(1)
    expect(errors[0]).toMatchObject({ code: 'SSH_DISCONNECTED' })
  })
})

describe('sessions', () => {
  test('signals reach the program', async () => {
    const server = await serve({
      onSession: (session) =>
        void session.onExec((request) => {
          const program = request.accept()
          program.onSignal = (name) => void program.write(`got ${name}`).then(() => program.exit(0))
          void program.write('ready')
        }),
    })
    const client = await clientTo(server)
    const process = await client.exec('anything')
    expect(process.signal('SIGUSR1')).toBe(true)
    expect(await process.text()).toMatchObject({ stdout: 'readygot USR1', code: 0 })
  })

  test('a terminal: what was asked for, and each new size', async () => {
    const sizes: object[] = []
    const server = await serve({
      onSession: (session) =>
        void session.onShell((request) => {
          const program = request.accept()
          sizes.push({ ...request.pty })
          program.onResize = (size) => {
            sizes.push(size)
            void program.exit(0)
          }
        }),
    })
    const client = await clientTo(server)
    const process = await client.shell({
      pty: {
        term: 'vt100',
        columns: 100,
        rows: 40,
        widthPixels: 800,
        heightPixels: 600,
        modes: { ECHO: 0, VINTR: 3 },
      },
    })
    process.resize({ columns: 120, rows: 50 })
    await process.exit
    expect(sizes).toEqual([
      {
        term: 'vt100',
        columns: 100,
        rows: 40,
        widthPixels: 800,
        heightPixels: 600,
        modes: { ECHO: 0, VINTR: 3 },
      },
      { columns: 120, rows: 50, widthPixels: 0, heightPixels: 0 },
    ])
  })

  test('an exit by a signal carries all that is said about it', async () => {
    const server = await serve({
      onSession: (session) =>
        void session.onExec(
          (request) =>
            void request.accept().exitWithSignal('SEGV', { coreDumped: true, description: 'ouch' }),
        ),
    })
    const process = await (await clientTo(server)).exec('x')
    expect(await process.exit).toEqual({ signal: 'SEGV', coreDumped: true, description: 'ouch' })
  })

  test('a channel that closes without a word about the end', async () => {
    const server = await serve({
      onSession: (session) =>
        void session.onExec((request) => {
          const program = request.accept()
          void program.channel.close()
        }),
    })
    const process = await (await clientTo(server)).exec('x')
    expect(await process.text()).toEqual({ stdout: '', stderr: '' })
  })

  test('one program per channel: a second request is refused, the first goes on', async () => {
    const server = await serve()
    const client = await clientTo(server)
    const process = await client.exec('cat')
    const { exec } = (await import('@hawser/connection')).channelRequests
    await expect(process.channel.request('exec', exec.encode({ command: 'id' }))).rejects.toMatchObject({
      code: 'SSH_CHANNEL_REQUEST_FAILED',
    })
    expect(await process.text('still here')).toMatchObject({ stdout: 'still here', code: 0 })
  })

  test('handlers that are set after a wait miss nothing', async () => {
    const server = await serve({
      async onSession(session) {
        await new Promise((resolve) => setImmediate(resolve))
        shells(session)
      },
    })
    const process = await (await clientTo(server)).exec('echo $A', { env: { A: 'seen' } })
    expect((await process.text()).stdout).toBe('\n')
    expect(process.channel.isClosed).toBe(true)
  })

  test('what nobody handles is refused', async () => {
    const client = await clientTo(await serve({ onSession: () => undefined }))
    await expect(client.exec('x')).rejects.toMatchObject({ request: 'exec' })
    await expect(client.shell()).rejects.toMatchObject({ request: 'shell' })
    await expect(client.subsystem('sftp')).rejects.toMatchObject({ request: 'subsystem' })
    await expect(client.forwardOut({ host: 'x', port: 1 })).rejects.toMatchObject({
      reasonName: 'ADMINISTRATIVELY_PROHIBITED',
    })
    await expect(client.session.openChannel('nonsense')).rejects.toMatchObject({
      reasonName: 'UNKNOWN_CHANNEL_TYPE',
    })
    await expect(client.session.request('nonsense')).rejects.toMatchObject({ code: 'SSH_REQUEST_REFUSED' })
  })

  test('ten sessions at once, the eleventh is refused, and one that ends makes room', async () => {
    const client = await clientTo(await serve())
    const running = await Promise.all(Array.from({ length: 10 }, () => client.exec('cat')))
    await expect(client.exec('cat')).rejects.toMatchObject({ reasonName: 'RESOURCE_SHORTAGE' })
    await running[0]?.text()
    expect((await (await client.exec('echo room')).text()).stdout).toBe('room\n')
    await Promise.all(running.slice(1).map((process) => process.text()))
  })

  test('an environment that is too big is refused, the rest is kept', async () => {
    let env: ReadonlyMap<string, string> = new Map()
    const server = await serve({
      limits: { maxEnvironment: 100 },
      onSession: (session) =>
        void session.onExec((request) => {
          env = request.env
          void request.accept().exit(0)
        }),
    })
    const client = await clientTo(server)
    await (await client.exec('x', { env: { A: 'a'.repeat(50), B: 'b'.repeat(50), C: 'c' } })).exit
    expect([...env.keys()]).toEqual(['A', 'C'])
  })

  test('data both ways with every reader and writer at work, over many rekeys', async () => {
    const client = await clientTo(await serve(), { rekeyLimits: { bytes: 256 * 1024 } })
    const process = await client.exec('cat')
    const [back] = await Promise.all([digestOf(process.stdout), writeAll(process.stdin, bytes(8 * mebibyte))])
    expect(back).toEqual({ hash: checksumOf(8 * mebibyte), length: 8 * mebibyte })
  })

  test('node streams over a program', async () => {
    const client = await clientTo(await serve())
    const process = await client.exec('cat; echo oops >&2')
    const { stdio, stderr } = clientStreams(process)
    stdio.end('through')
    const [out, err] = await Promise.all([stdio.toArray(), stderr.toArray()])
    expect(Buffer.concat(out).toString()).toBe('through')
    expect(Buffer.concat(err).toString()).toBe('oops\n')
    expect(await process.exit).toEqual({ code: 0 })
  })

  test('an application that throws in a session handler costs that channel only', async () => {
    const thrown: unknown[] = []
    const listener = (error: unknown): void => void thrown.push(error)
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', listener)
    try {
      let first = true
      const server = await serve({
        onSession: (session) => {
          if (first) {
            first = false
            throw new Error('a bug of the application')
          }
          shells(session)
        },
      })
      const client = await clientTo(server)
      await expect(client.exec('echo')).rejects.toBeInstanceOf(Error)
      expect((await (await client.exec('echo on')).text()).stdout).toBe('on\n')
    } finally {
      process.removeListener('uncaughtException', listener)
      for (const other of others) process.on('uncaughtException', other)
    }
    expect(thrown).toMatchObject([{ message: 'a bug of the application' }])
  })
})

describe('forwards and the end', () => {
  test('through two servers to a third: jumps close with the client', async () => {
    const far = await serve()
    const near = await serve({ onTcpip: (request) => void connectTcp(request) })
    const client = await connect(optionsTo(far, { jump: [optionsTo(near)] }))
    expect(near.connections.size).toBe(1)
    const process = await client.exec('cat')
    const [back] = await Promise.all([digestOf(process.stdout), writeAll(process.stdin, bytes(4 * mebibyte))])
    expect(back).toEqual({ hash: checksumOf(4 * mebibyte), length: 4 * mebibyte })
    await client.close()
    await expect.poll(() => near.connections.size + far.connections.size).toBe(0)
  })

  test('a jump that does not let us through: its error, and it is closed', async () => {
    const far = await serve()
    const near = await serve()
    const error = await failureOf(connect(optionsTo(far, { jump: [optionsTo(near)] })))
    expect(error).toMatchObject({
      code: 'SSH_CHANNEL_OPEN_FAILED',
      reasonName: 'ADMINISTRATIVELY_PROHIBITED',
    })
    await expect.poll(() => near.connections.size).toBe(0)
  })

  test('a server that closes: clients see an end in order, once', async () => {
    const server = await serve()
    const client = await clientTo(server)
    const process = await client.exec('cat')
    await server.close()
    await client.closed
    await expect(process.exit).rejects.toBeInstanceOf(Error)
    await expect(textOf(process.stdout)).rejects.toBeInstanceOf(Error)
  })

  test('`await using` closes', async () => {
    const server = await serve()
    {
      await using client = await connect(optionsTo(server, { hostKey: acceptAnyHostKey }))
      await using process = await client.exec('cat')
      expect(process.channel.isClosed).toBe(false)
      process.channel.eof()
    }
    await expect.poll(() => server.connections.size).toBe(0)
  })
})
