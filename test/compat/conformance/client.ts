/** Cases about the client's options, events and methods. */

import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Connection } from 'ssh2'
import { type Case, exec, next, pair, readyPair, record, serving } from './kit.ts'

type LeveledError = Error & { level?: string; code?: unknown; attempts?: readonly unknown[] }

export const clientCases: readonly Case[] = [
  {
    line: '1.2 events',
    title: 'connect, greeting, handshake, banner, ready, end, close, in this order',
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      const { client } = await pair(ssh2, world, {
        server: { greeting: 'hello', banner: 'look out' },
        onClient: (c) => {
          seen = record(c, ['connect', 'greeting', 'handshake', 'banner', 'ready', 'end', 'close'])
        },
      })
      await once(client, 'ready')
      client.end()
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['connect', 'greeting', 'handshake', 'banner', 'ready', 'end', 'close'],
      )
      strictEqual(seen[1]?.[1], 'hello\r\n')
      strictEqual(seen[3]?.[1], 'look out\r\n')
    },
  },
  {
    line: 'C38',
    title: 'banner gives message and language',
    async run(ssh2, world) {
      let banner: unknown[] = []
      await readyPair(ssh2, world, {
        server: { banner: 'look out' },
        onClient: (c) => c.on('banner', (...args: unknown[]) => (banner = args)),
      })
      deepStrictEqual(banner, ['look out\r\n', ''])
    },
  },
  {
    line: 'B21',
    title: 'handshake tells what was negotiated, the host key algorithm under both names',
    async run(ssh2, world) {
      let negotiated: Record<string, unknown> = {}
      await readyPair(ssh2, world, { onClient: (c) => c.on('handshake', (n) => (negotiated = { ...n })) })
      strictEqual(negotiated['serverHostKey'], 'ssh-ed25519')
      strictEqual(negotiated['srvHostKey'], 'ssh-ed25519')
      ok(typeof (negotiated['cs'] as { cipher: string }).cipher === 'string')
      ok(typeof (negotiated['sc'] as { compress: string }).compress === 'string')
    },
  },
  {
    line: 'B5',
    title: 'connect gives the client; the aliases user and hostname; a port as text',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world)
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      const { port } = server.address() as AddressInfo
      const config = {
        hostname: '127.0.0.1',
        port: String(port),
        user: 'u',
        password: 'p',
        privateKey: null,
        debug: undefined,
      }
      strictEqual(client.connect(config as never), client)
      await once(client, 'ready')
    },
  },
  {
    line: '1.3 username',
    title: 'no user name throws',
    run(ssh2) {
      throws(() => new ssh2.Client().connect({ host: '127.0.0.1' }), /Invalid username/)
    },
  },
  {
    line: 'B7 key',
    title: 'a private key that cannot be read throws',
    run(ssh2) {
      const config = { host: '127.0.0.1', username: 'u', privateKey: 'no key' }
      throws(() => new ssh2.Client().connect(config), /Cannot parse privateKey/)
    },
  },
  {
    line: 'B7 port',
    title: 'a port that cannot be throws RangeError',
    run(ssh2) {
      throws(() => new ssh2.Client().connect({ host: '127.0.0.1', username: 'u', port: 70_000 }), RangeError)
    },
  },
  {
    line: 'C10',
    title: 'an unsupported algorithm throws',
    run(ssh2) {
      const algorithms = { cipher: ['no-such-cipher'] as never }
      throws(
        () => new ssh2.Client().connect({ username: 'u', algorithms }),
        /Unsupported.*algorithm.*no-such-cipher/,
      )
    },
  },
  {
    line: 'B8',
    title: 'algorithms by append, prepend, remove, single values and patterns',
    async run(ssh2, world) {
      let cipher = ''
      const algorithms = { cipher: { remove: [/gcm/, 'chacha20-poly1305@openssh.com'] } }
      await readyPair(ssh2, world, {
        client: { algorithms: algorithms as never },
        onClient: (c) => c.on('handshake', (n) => (cipher = n.cs.cipher)),
      })
      match(cipher, /^aes\d+-ctr$/)
    },
  },
  {
    line: 'C42',
    title: 'methods throw Not connected without a connection',
    run(ssh2) {
      const client = new ssh2.Client()
      throws(() => client.exec('x', () => undefined), /Not connected/)
      throws(() => client.shell(() => undefined), /Not connected/)
      throws(() => client.forwardOut('a', 1, 'b', 2, () => undefined), /Not connected/)
    },
  },
  {
    line: 'B11 refused',
    title: 'a refused connection: one error of level client-socket with its code, then close',
    async run(ssh2) {
      const probe = createServer().listen(0, '127.0.0.1')
      await once(probe, 'listening')
      const { port } = probe.address() as AddressInfo
      probe.close()
      await once(probe, 'close')
      const client = new ssh2.Client()
      const seen = record(client, ['error', 'close'])
      client.connect({ host: '127.0.0.1', port, username: 'u' })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
      const error = seen[0]?.[1] as LeveledError
      strictEqual(error.level, 'client-socket')
      strictEqual(error.code, 'ECONNREFUSED')
    },
  },
  {
    line: 'B12',
    title: 'authentication exhausted: one error of level client-authentication, then close',
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      const { client } = await pair(ssh2, world, {
        onConnection: (c) => c.on('authentication', (ctx) => ctx.reject()),
        onClient: (c) => (seen = record(c, ['error', 'ready', 'close'])),
      })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
      const error = seen[0]?.[1] as LeveledError
      match(error.message, /All configured authentication methods failed/)
      strictEqual(error.level, 'client-authentication')
    },
  },
  {
    line: 'C29 attempts',
    title: 'the error of a failed login lists every attempt',
    async run(ssh2, world) {
      const { client } = await pair(ssh2, world, {
        onConnection: (c) => c.on('authentication', (ctx) => ctx.reject()),
      })
      const [error] = (await next(client, 'error')) as [LeveledError]
      const methods = (error.attempts as { method: string }[]).map(({ method }) => method)
      deepStrictEqual(methods, ['none', 'password'])
    },
  },
  {
    line: 'B14',
    title: 'a host verifier that says no: errors on both sides',
    async run(ssh2, world) {
      const { promise: serverError, resolve } = deferred<Error>()
      const { client } = await pair(ssh2, world, {
        client: { hostVerifier: () => false },
        onConnection: (c) => c.on('error', resolve),
      })
      const [error] = (await next(client, 'error')) as [LeveledError]
      match(error.message, /verification failed/)
      match((await serverError).message, /KEY_EXCHANGE_FAILED/)
      await next(client, 'close')
    },
  },
  {
    line: 'C5 buffer',
    title: 'without hostHash the verifier gets the key itself, and may answer by its callback',
    async run(ssh2, world) {
      let given: unknown
      await readyPair(ssh2, world, {
        client: {
          hostVerifier: ((key: Buffer, verify: (ok: boolean) => void) => {
            given = key
            setImmediate(verify, true)
          }) as never,
        },
      })
      ok(Buffer.isBuffer(given))
    },
  },
  {
    line: 'C5 hash',
    title: 'with hostHash the verifier gets a hexadecimal digest',
    async run(ssh2, world) {
      let given: unknown
      await readyPair(ssh2, world, {
        client: {
          hostHash: 'sha256',
          hostVerifier: ((digest: string) => {
            given = digest
            return true
          }) as never,
        },
      })
      match(String(given), /^[0-9a-f]{64}$/)
    },
  },
  {
    line: 'C5 unknown',
    title: 'an unknown hostHash throws',
    run(ssh2, world) {
      const config = {
        host: '127.0.0.1',
        port: 1,
        username: 'u',
        hostHash: 'no-hash',
        hostVerifier: () => true,
      }
      const client = new ssh2.Client().on('error', () => undefined)
      world.defer(() => client.destroy())
      throws(() => client.connect(config as never), /Invalid host hash/)
    },
  },
  {
    line: 'B15',
    title: 'no common algorithm: one error each of level handshake, then close',
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      const { promise: serverError, resolve } = deferred<LeveledError>()
      const { client } = await pair(ssh2, world, {
        server: { algorithms: { cipher: ['aes128-ctr'] } },
        client: { algorithms: { cipher: ['aes256-ctr'] } },
        onConnection: (c) => c.on('error', resolve),
        onClient: (c) => (seen = record(c, ['error', 'handshake', 'ready', 'close'])),
      })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
      strictEqual((seen[0]?.[1] as LeveledError).level, 'handshake')
      match((seen[0]?.[1] as Error).message, /handshake failed/i)
      const error = await serverError
      strictEqual(error.level, 'handshake')
      match(error.message, /handshake failed/i)
    },
  },
  {
    line: 'B17',
    title: 'a peer that closes before its identification: one error, then close',
    async run(ssh2, world) {
      const silent = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
      world.defer(() => silent.close())
      await once(silent, 'listening')
      const client = new ssh2.Client()
      const seen = record(client, ['error', 'close'])
      client.on('error', () => client.end())
      client.connect({ host: '127.0.0.1', port: (silent.address() as AddressInfo).port, username: 'u' })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
    },
  },
  {
    line: 'B17 timeout',
    title: 'readyTimeout: one error of level client-timeout, then close',
    async run(ssh2, world) {
      const silent = createServer().listen(0, '127.0.0.1')
      world.defer(() => silent.close())
      await once(silent, 'listening')
      const client = new ssh2.Client()
      const seen = record(client, ['error', 'close'])
      client.connect({
        host: '127.0.0.1',
        port: (silent.address() as AddressInfo).port,
        username: 'u',
        readyTimeout: 50,
      })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
      strictEqual((seen[0]?.[1] as LeveledError).level, 'client-timeout')
    },
  },
  {
    line: 'B9',
    title: 'connect on a connected client: two ready, two close',
    async run(ssh2, world) {
      const { client, server } = await readyPair(ssh2, world)
      const seen = record(client, ['ready', 'close'])
      const { port } = server.address() as AddressInfo
      client.connect({ host: '127.0.0.1', port, username: 'u', password: 'p' })
      await next(client, 'ready')
      client.end()
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['close', 'ready', 'close'],
      )
    },
  },
  {
    line: 'B10',
    title: 'a channel as sock',
    async run(ssh2, world) {
      const { connect } = await import('node:net')
      const { client, server } = await readyPair(ssh2, world, {
        onConnection: (c: Connection) => {
          serving((session) => session.on('exec', (accept) => accept().end('inner')))(c)
          c.on('tcpip', (accept, _reject, info) => {
            const stream = accept()
            stream.pipe(connect(info.destPort, info.destIP)).pipe(stream)
          })
        },
      })
      const { port } = server.address() as AddressInfo
      const stream = await new Promise<never>((resolve, reject) =>
        client.forwardOut('127.0.0.1', 1, '127.0.0.1', port, (error, channel) =>
          error ? reject(error) : resolve(channel as never),
        ),
      )
      const inner = new ssh2.Client()
      world.defer(() => inner.destroy())
      inner.connect({ sock: stream, username: 'u', password: 'p' })
      await once(inner, 'ready')
      inner.end()
      await next(inner, 'close')
    },
  },
  {
    line: 'B18',
    title: 'a callback that is pending at the end of the connection gets No response from server',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session, connection) => session.on('exec', () => connection.end())),
      })
      const error = await exec(client, 'x').catch((caught: Error) => caught)
      ok(error instanceof Error)
      match(error.message, /No response from server/)
    },
  },
  {
    line: '1.4 rekey',
    title: 'rekey calls back when new keys are in use',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const seen = record(client, ['handshake', 'rekey'])
      await new Promise<void>((resolve, reject) =>
        (client as unknown as { rekey(cb: (error?: Error) => void): void }).rekey((error) =>
          error ? reject(error) : resolve(),
        ),
      )
      deepStrictEqual(
        seen.map(([name]) => name),
        ['handshake', 'rekey'],
      )
    },
  },
  {
    line: 'C2',
    title: 'exec gives a boolean',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      strictEqual(client.exec('x', () => undefined) as unknown, true)
    },
  },
  {
    line: 'B19',
    title: '_sock is the live socket',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world)
      const own = (client as unknown as { _sock: NodeJS.WritableStream })._sock
      strictEqual(own.writable, true)
      const theirs = ((await connection) as unknown as { _sock: NodeJS.WritableStream })._sock
      strictEqual(theirs.writable, true)
    },
  },
]

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((r) => {
    resolve = r
  })
  return { promise, resolve }
}
