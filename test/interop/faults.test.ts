/** Broken connections: each gives exactly one typed error that says where and what, once, and the process can end. */

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ConnectOptions, connect, HostKeyRejectedError } from '@hawser/client'
import { fingerprint, generateKey, parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { passwordsOf, type ServerConnection, type ServerOptions } from '@hawser/server'
import { type Listener, listen } from '@hawser/server/node'
import { ConnectionError } from '@hawser/session'
import {
  freePort,
  makeKeyFile,
  type Relay,
  type RunResult,
  removeFolder,
  run,
  runSsh,
  sharedKeyFile,
  start,
  startRelay,
  startSsh,
  startSshd,
  temporaryFolder,
  whyMissing,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { IdentificationError, NegotiationError } from '@hawser/transport'
import { AuthenticationError } from '@hawser/userauth'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectedOf, FaultBench, faultKinds, ourClient, type Role, sshOptions, stages } from './faults.ts'

/** Of our own servers here. */
const hostKey = await generateKey('ed25519')

const once1 = { failed: 1, closed: 1, rejected: 1 }

let bench: FaultBench

beforeAll(async () => {
  if (whyMissing('sshd') === undefined && whyMissing('ssh') === undefined) bench = await FaultBench.start()
})
afterAll(() => bench?.stop())

describePeers(['sshd', 'ssh'], 'our client against sshd', () => broken('client'))
describePeers(['ssh', 'sshd'], 'our server against ssh', () => broken('server'))

function broken(role: Role): void {
  for (const kind of faultKinds)
    describe.concurrent(kind, () => {
      for (const stage of stages)
        test(stage.name, async ({ expect: check }) => {
          const seen = await bench.run(role, stage, kind)
          check(seen).toMatchObject({ ...expectedOf(stage, kind), type: 'ConnectionError' })
          check(seen).toMatchObject({ times: once1, same: true })
          check(seen.message).toMatch(
            kind === 'silence' ? /2 keepalives|timed out after (?:3\d\d\d|4000) ms/ : /closed|lost/,
          )
        })
    })
}

describePeers(['sshd', 'ssh'], 'a peer that is not the right one', () => {
  test('another host key than the known one: nothing is sent to it', async () => {
    const other = parsePublicKey(makeKeyFile('ed25519').publicLine)
    const real = parsePublicKey(bench.sshd.hostKeys.get('ed25519')?.publicLine ?? '')
    const error = await failure({ ...ourClient(bench.sshd, bench.sshd.port), hostKey: { keys: [other] } })
    expect(error).toBeInstanceOf(HostKeyRejectedError)
    expect(error).toMatchObject({ code: 'SSH_HOST_KEY_REJECTED', phase: 'key-exchange', host: '127.0.0.1' })
    expect(error.message).toContain(fingerprint(real))
    expect(error.message).toContain(fingerprint(other))
  })

  test.each([
    ['kex', { kex: ['diffie-hellman-group18-sha512'] }, { kex: ['curve25519-sha256'] }],
    ['cipherOut', { ciphers: ['aes256-ctr'] }, { cipher: ['aes128-gcm@openssh.com'] }],
    [
      'macOut',
      { ciphers: ['aes256-ctr'], macs: ['hmac-sha2-512'] },
      { cipher: ['aes256-ctr'], mac: ['hmac-sha2-256'] },
    ],
    ['serverHostKey', { hostKeyAlgorithms: ['ssh-ed25519'] }, { serverHostKey: ['rsa-sha2-512'] }],
  ])('no common algorithm for %s: both lists are told, and what to do', async (category, theirs, ours) => {
    await using sshd = await startSshd({ hostKeys: ['ed25519'], ...theirs })
    const error = await failure({ ...ourClient(sshd, sshd.port), algorithms: ours })
    expect(error).toBeInstanceOf(NegotiationError)
    expect(error).toMatchObject({ code: 'SSH_NEGOTIATION_FAILED', phase: 'key-exchange', category })
    const { ours: offered, theirs: wanted, hint } = error as NegotiationError
    expect(offered).toEqual(Object.values(ours).at(-1))
    expect(wanted).toContain(Object.values(theirs).at(-1)?.[0])
    for (const words of [offered[0], wanted[0], hint]) expect(error.message).toContain(words)
    expect(hint).not.toBe('')
  })
})

describePeers(['ssh'], 'ssh with our server', () => {
  test('a wrong password: refused as often as ssh asks, and both say so', async () => {
    await using server = await OneServer.start({
      auth: { password: passwordsOf(new Map([['ann', 'right']])) },
    })
    const result = await runSsh({
      port: server.port,
      user: 'ann',
      answers: ['wrong'],
      options: ['NumberOfPasswordPrompts=2', 'PreferredAuthentications=password'],
      command: 'true',
    })
    expect(result.code).toBe(255)
    expect(result.stderr).toContain('Permission denied (password)')
    expect(result.prompts).toHaveLength(2)
    const { errors } = await server.over
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ phase: 'authentication' })
  })

  test('no common algorithm: ssh is told, and so are we', async () => {
    await using server = await OneServer.start({ algorithms: { cipher: ['aes256-gcm@openssh.com'] } })
    const result = await runSsh({ port: server.port, ciphers: ['aes128-ctr'], command: 'true' })
    expect(result.code).toBe(255)
    expect(result.stderr).toMatch(/no matching cipher|no common algorithm/)
    const { errors } = await server.over
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(NegotiationError)
    expect(errors[0]).toMatchObject({ phase: 'key-exchange', theirs: ['aes128-ctr'] })
  })

  test('a host key that ssh does not know: it leaves, and we say at which point', async () => {
    await using server = await OneServer.start()
    const other = `[127.0.0.1]:${server.port} ${sharedKeyFile('ed25519', 'user').publicLine}`
    const result = await runSsh({ port: server.port, knownHosts: [other], command: 'true' })
    expect(result.stderr).toContain('Host key verification failed')
    const { errors } = await server.over
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'SSH_CONNECTION_LOST', phase: 'key-exchange' })
  })
})

describe('our client with our server', () => {
  test('a wrong password: what was tried and what the server takes', async () => {
    await using server = await OneServer.start({
      auth: { password: passwordsOf(new Map([['ann', 'right']])) },
    })
    const error = await failure(server.client({ auth: [{ method: 'password', password: 'wrong' }] }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error).toMatchObject({
      code: 'SSH_AUTHENTICATION_FAILED',
      phase: 'authentication',
      methods: ['password'],
      attempts: [{ method: 'none' }, { method: 'password' }],
    })
    expect(error.message).toMatch(/"ann".*password.*accepts password/)
    expect(error.message).not.toContain('wrong')
  })

  test('a method that the server does not have', async () => {
    await using server = await OneServer.start({ auth: { publickey: () => true } })
    const error = await failure(server.client({ auth: [{ method: 'password', password: 'right' }] }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error).toMatchObject({ phase: 'authentication', methods: ['publickey'] })
  })
})

describe('ports that are no SSH', () => {
  test('one that answers HTTP', async () => {
    const http = createHttpServer()
    const error = await failure(strangerAt(await listening(http)))
    await closed(http)
    expect(error).toBeInstanceOf(IdentificationError)
    expect(error).toMatchObject({
      code: 'SSH_IDENTIFICATION',
      phase: 'identification',
      received: expect.stringMatching(/^HTTP\/1\.1 400 /),
    })
    expect(error.message).toMatch(/HTTP/)
  })

  test('one where nobody listens', async () => {
    const port = await freePort()
    const error = await failure(strangerAt(port))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ code: 'SSH_CONNECT_FAILED', phase: 'connect' })
    expect(error.message).toMatch(new RegExp(`127\\.0\\.0\\.1 port ${port}.*nothing listens there`))
  })

  test('a browser at our own port', async () => {
    await using server = await OneServer.start()
    const answer = await fetch(`http://127.0.0.1:${server.port}/`).catch((error: unknown) => error)
    expect(answer).toBeInstanceOf(Error)
    const { errors } = await server.over
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(IdentificationError)
    expect(errors[0]).toMatchObject({ phase: 'identification', received: expect.stringMatching(/^GET \/ /) })
  })
})

describePeers(['ssh', 'sshd'], 'a program ends by itself', () => {
  const folder = temporaryFolder('programs')
  const client = join(folder, 'connect.mjs')
  const server = join(folder, 'serve.mjs')

  beforeAll(async () => {
    await build({
      entryPoints: [
        new URL('./programs/connect.ts', import.meta.url),
        new URL('./programs/serve.ts', import.meta.url),
      ].map((url) => fileURLToPath(url)),
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['@hawser/source'],
    })
  })
  afterAll(() => removeFolder(folder))

  const connectTo = (port: number, more: readonly string[] = []): Promise<RunResult> => {
    const { sshd } = bench
    const key = sharedKeyFile('ed25519', 'user').path
    const args = [
      client,
      String(port),
      sshd.user,
      key,
      sshd.hostKeys.get('ed25519')?.publicLine ?? '',
      ...more,
    ]
    return run(process.execPath, args, { timeoutMs: 20_000 })
  }

  for (const stage of stages)
    for (const kind of ['end', 'silence'] as const)
      test.concurrent(`a client: ${kind} ${stage.name}`, async () => {
        await using relay = await bench.relay(stage, kind)
        expect(oneLine(await connectTo(relay.port))).toMatchObject(expectedOf(stage, kind))
      })

  test('a client: wrong host key', async () => {
    const other = await OneServer.start({ hostKeys: [parsePrivateKey(makeKeyFile('ed25519').privateText)] })
    expect(oneLine(await connectTo(other.port))).toMatchObject({ code: 'SSH_HOST_KEY_REJECTED' })
    await other.stop()
  })

  test('a client: wrong password', async () => {
    await using server = await OneServer.start({
      hostKeys: [parsePrivateKey(bench.sshd.hostKeys.get('ed25519')?.privateText ?? '')],
      auth: { password: passwordsOf(new Map()) },
    })
    expect(oneLine(await connectTo(server.port, ['wrong']))).toMatchObject({
      code: 'SSH_AUTHENTICATION_FAILED',
    })
  })

  test('a client: HTTP, and nobody', async () => {
    const http = createHttpServer()
    expect(oneLine(await connectTo(await listening(http)))).toMatchObject({ code: 'SSH_IDENTIFICATION' })
    await closed(http)
    expect(oneLine(await connectTo(await freePort()))).toMatchObject({ code: 'SSH_CONNECT_FAILED' })
  })

  for (const stage of [stages[0], stages[3], stages[6], stages[8]])
    for (const kind of ['end', 'silence'] as const)
      test.concurrent(`a server: ${kind} ${stage.name}`, async () => {
        const program = start(process.execPath, [server, sharedKeyFile('ed25519', 'host').path], {
          timeoutMs: 20_000,
        })
        const [first] = (await once(program.child.stdout, 'data')) as [Buffer]
        await using relay: Relay = await startRelay({
          target: { port: Number(first.toString()) },
          toServer: bench.fault('server', stage, kind),
          cutBy: 'end',
        })
        const ssh = startSsh(sshOptions(relay.port))
        const result = await program.done
        await ssh.done
        expect(oneLine({ ...result, text: result.text.replace(/^\d+\n/, '') })).toMatchObject(
          expectedOf(stage, kind),
        )
      })
})

/** The one line of a program that has ended by itself and without complaint. */
function oneLine(result: RunResult): unknown {
  expect(result).toMatchObject({ code: 0, signal: null, timedOut: false, stderr: '' })
  const lines = result.text.split('\n')
  expect(lines).toHaveLength(2)
  return JSON.parse(lines[0] as string)
}

/** The error of a connection that fails; it is the only one, and the end comes after it. */
async function failure(options: ConnectOptions): Promise<Error> {
  const told: string[] = []
  let over: () => void = () => undefined
  const closedByThen = new Promise<void>((resolve) => {
    over = resolve
  })
  let began = false
  const failed: Error[] = []
  const error: unknown = await connect({
    ...options,
    hooks: {
      connected: () => {
        began = true
      },
      failed: (each) => {
        failed.push(each)
        told.push('failed')
      },
      closed: () => {
        told.push('closed')
        setImmediate(over)
      },
    },
  }).then(
    () => new Error('it connected'),
    (each: unknown) => each,
  )
  if (began) {
    await closedByThen
    expect(told).toEqual(['failed', 'closed'])
    expect(failed).toEqual([error])
  }
  return error as Error
}

/** A server of ours for one connection, and how that ended. */
class OneServer {
  readonly over: Promise<{ readonly errors: readonly Error[] }>
  readonly #listener: Listener

  private constructor(listener: Listener, over: Promise<{ readonly errors: readonly Error[] }>) {
    this.#listener = listener
    this.over = over
  }

  static async start(options: Partial<ServerOptions> = {}): Promise<OneServer> {
    const errors: Error[] = []
    let end: (connection: ServerConnection) => void = () => undefined
    const over = new Promise<{ readonly errors: readonly Error[] }>((resolve) => {
      end = (connection) => void connection.closed.then(() => setImmediate(() => resolve({ errors })))
    })
    const listener = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { publickey: () => false },
      onConnection: (connection) => end(connection),
      hooks: { failed: (error) => errors.push(error) },
      ...options,
    })
    return new OneServer(listener, over)
  }

  get port(): number {
    return this.#listener.port
  }

  client(more: Partial<ConnectOptions>): ConnectOptions {
    return { ...strangerAt(this.port), ...more }
  }

  stop(): Promise<void> {
    return this.#listener.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

function strangerAt(port: number): ConnectOptions {
  return { host: '127.0.0.1', port, user: 'ann', auth: [], hostKey: { keys: [hostKey.publicKey] } }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}
