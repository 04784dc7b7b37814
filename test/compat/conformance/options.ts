/** Cases about the options of a client's connection, and what they do on the wire. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { ClientInfo } from 'ssh2'
import {
  type Case,
  called,
  exec,
  next,
  pair,
  portOf,
  readyPair,
  record,
  relay,
  serving,
  text,
  untyped,
} from './kit.ts'

const login = { host: '127.0.0.1', username: 'user', password: 'password' }

export const optionCases: readonly Case[] = [
  {
    line: '1.3 localAddress',
    covers: ['1.3 localPort'],
    title: 'the address and port that the connection comes from',
    async run(ssh2, world) {
      const probe = createServer().listen(0, '127.0.0.2')
      await once(probe, 'listening')
      const localPort = portOf(probe)
      probe.close()
      await once(probe, 'close')
      const { server } = await pair(ssh2, world, {
        client: { localAddress: '127.0.0.2', localPort: String(localPort) as never },
      })
      const [, info] = (await once(server, 'connection')) as [unknown, ClientInfo]
      deepStrictEqual([info.ip, info.port], ['127.0.0.2', localPort])
    },
  },
  {
    line: '1.3 forceIPv4',
    title: 'a name is looked up as IPv4 only',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world, { client: { host: 'localhost', forceIPv4: true } })
      const [, info] = (await once(server, 'connection')) as [unknown, ClientInfo]
      strictEqual(info.family, 'IPv4')
    },
  },
  {
    line: '1.3 forceIPv6',
    title: 'a name is looked up as IPv6 only: a server on IPv4 is not found',
    async run(ssh2, world) {
      const { client } = await pair(ssh2, world, { client: { host: 'localhost', forceIPv6: true } })
      const seen = record(client, ['error', 'ready'])
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error'],
      )
    },
  },
  {
    line: '1.3 host',
    covers: ['1.3 port', 'B5'],
    title: 'an empty host is localhost',
    async run(ssh2, world) {
      const { client } = await pair(ssh2, world, { client: { host: '', forceIPv4: true } })
      await once(client, 'ready')
    },
  },
  {
    line: '1.3 timeout',
    covers: ['B6'],
    title: 'a silent socket: the event timeout, and the connection lives on',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        client: { timeout: 40 } as never,
        onConnection: serving((session) => session.on('exec', (accept) => accept().end('alive'))),
      })
      await next(client, 'timeout')
      strictEqual(await text(await exec(client, 'x')), 'alive')
    },
  },
  {
    line: '1.3 keepalive',
    covers: ['1.3 keepaliveInterval', '1.3 keepaliveCountMax'],
    title: 'keepalives: a peer that answers is kept, one that is gone is noticed',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world)
      const between = await relay(world, portOf(server))
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      const seen = record(client, ['error', 'close'])
      client.connect({ ...login, port: between.port, keepaliveInterval: 15, keepaliveCountMax: 2 })
      await once(client, 'ready')
      await new Promise((resolve) => setTimeout(resolve, 120))
      deepStrictEqual(seen, [])
      between.freeze()
      await next(client, 'close')
      const error = seen[0]?.[1] as unknown as Error & { level?: string }
      match(error.message, /Keepalive timeout/)
      strictEqual(error.level, 'client-timeout')
    },
  },
  {
    line: '1.3 strictVendor',
    covers: ['B38'],
    title: 'extensions of OpenSSH: refused for other servers, unless strictVendor is false',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const refused = await called((callback) => client.openssh_noMoreSessions(callback)).catch(String)
      match(String(refused), /strictVendor/)
      const loose = await readyPair(ssh2, world, { client: { strictVendor: false } })
      await called((callback) => loose.client.openssh_noMoreSessions(callback))
    },
  },
  {
    line: '1.4 openssh_noMoreSessions',
    covers: ['1.7 noMoreSessions', '1.7 authenticated'],
    title: 'the server knows, and refuses further sessions',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world, {
        server: { ident: 'OpenSSH_9.2' },
        onConnection: serving((session) => session.on('exec', (accept) => accept().end())),
      })
      await called((callback) => client.openssh_noMoreSessions(callback))
      const server = untyped(await connection)
      deepStrictEqual([server['noMoreSessions'], server['authenticated']], [true, true])
      match(String(await exec(client, 'x').catch(String)), /Channel open failure/)
    },
  },
  {
    line: '1.3 ident',
    title: 'ident as a Buffer',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world, { client: { ident: Buffer.from('raw_1 x') } as never })
      const [, info] = (await once(server, 'connection')) as [unknown, ClientInfo]
      strictEqual(info.header.identRaw, 'SSH-2.0-raw_1 x')
    },
  },
  {
    line: 'C46',
    covers: ['1.3 readyTimeout'],
    title: 'the ready clock rests while a verifier decides',
    async run(ssh2, world) {
      await readyPair(ssh2, world, {
        client: {
          readyTimeout: 150,
          hostVerifier: ((_key: Buffer, verify: (ok: boolean) => void) => {
            setTimeout(verify, 300, true)
          }) as never,
        },
      })
    },
  },
  {
    line: 'B23',
    covers: ['1.3 debug', '1.5 debug'],
    title: 'debug gets one string at a time, none empty, on both sides; the server says of which client',
    async run(ssh2, world) {
      const mine: unknown[][] = []
      const theirs: unknown[][] = []
      await readyPair(ssh2, world, {
        client: { debug: (...args: unknown[]) => void mine.push(args) },
        server: { debug: (...args: unknown[]) => void theirs.push(args) },
      })
      for (const lines of [mine, theirs]) {
        ok(lines.length > 5)
        ok(lines.every((args) => args.length === 1 && typeof args[0] === 'string' && args[0] !== ''))
      }
    },
  },
  {
    line: 'C9',
    title: 'compress: false asks for none',
    async run(ssh2, world) {
      let seen: unknown
      await readyPair(ssh2, world, {
        client: { compress: false } as never,
        onClient: (c) => c.on('handshake', (n) => (seen = [n.cs.compress, n.sc.compress])),
      })
      deepStrictEqual(seen, ['none', 'none'])
    },
  },
  {
    line: '1.3 compress',
    title: "compress: true and 'force' compress from the log in on; algorithms.compress wins over them",
    async run(ssh2, world) {
      const wishes = [
        [{ compress: true }, 'zlib@openssh.com'],
        [{ compress: 'force' }, 'zlib@openssh.com'],
        [{ compress: 'force', algorithms: { compress: ['none'] } }, 'none'],
      ] as const
      for (const [wish, wanted] of wishes) {
        let seen: unknown
        await readyPair(ssh2, world, {
          client: wish as never,
          onClient: (c) => c.on('handshake', (n) => (seen = [n.cs.compress, n.sc.compress])),
        })
        deepStrictEqual(seen, [wanted, wanted])
      }
    },
  },
  {
    line: 'C6',
    covers: ['1.4 setNoDelay'],
    title: 'setNoDelay sets the socket and gives the client',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const set: unknown[] = []
      const socket = untyped(client)['_sock'] as unknown as { setNoDelay(on?: boolean): unknown }
      socket.setNoDelay = (on) => set.push(on)
      strictEqual(client.setNoDelay(), client)
      client.setNoDelay(false)
      deepStrictEqual(set, [true, false])
    },
  },
  {
    line: '1.4 destroy',
    title: 'destroy(): close follows, and no error',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const seen = record(client, ['error', 'close'])
      untyped(client)['destroy']?.()
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['close'],
      )
    },
  },
  {
    line: 'C43',
    covers: ['B11'],
    title: 'a reset before the handshake: one error with its code, then close',
    async run(ssh2, world) {
      const rude = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1')
      world.defer(() => rude.close())
      await once(rude, 'listening')
      const client = new ssh2.Client()
      const seen = record(client, ['error', 'close'])
      client.connect({ ...login, port: portOf(rude) })
      await next(client, 'close')
      deepStrictEqual(
        seen.map(([name]) => name),
        ['error', 'close'],
      )
      strictEqual((seen[0]?.[1] as NodeJS.ErrnoException).code, 'ECONNRESET')
    },
  },
  {
    line: 'B10 closed',
    covers: ['C33', '1.3 sock'],
    title: 'a socket that was never connected: Socket is closed',
    async run(ssh2) {
      const { Socket } = await import('node:net')
      const client = new ssh2.Client()
      const failed = next(client, 'error')
      client.connect({ username: 'u', sock: new Socket() })
      match(String((await failed)[0]), /Socket is closed/)
    },
  },
  {
    line: 'C33 connecting',
    title: 'a socket that is still connecting is waited for',
    async run(ssh2, world) {
      const { connect } = await import('node:net')
      const { server } = await pair(ssh2, world)
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      client.connect({ ...login, sock: connect(portOf(server), '127.0.0.1') })
      await once(client, 'ready')
    },
  },
  {
    line: 'C33 any duplex',
    covers: ['B25', '1.5 injectSocket'],
    title: 'any two streams: sock here, injectSocket there; close on both when they end',
    async run(ssh2, world) {
      const { duplexPair } = await import('./streams.ts')
      const { server } = await pair(ssh2, world)
      const [near, far] = duplexPair()
      Object.assign(far, { remoteAddress: '1.2.3.4', remotePort: 5, remoteFamily: 'IPv4' })
      const connected = once(server, 'connection')
      const client = new ssh2.Client()
      untyped(server)['injectSocket']?.(far)
      client.connect({ ...login, sock: near as never })
      await once(client, 'ready')
      await connected
      const closed = next(client, 'close')
      client.end()
      await closed
    },
  },
  {
    line: 'C3',
    covers: ['C2', '1.2 continue', '1.4 boolean'],
    title: 'a socket that takes no more: false, and continue once it does',
    async run(ssh2, world) {
      const { duplexPair } = await import('./streams.ts')
      const { server } = await pair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => accept().resume())),
      })
      const [near, far] = duplexPair()
      const client = new ssh2.Client()
      untyped(server)['injectSocket']?.(far)
      client.connect({ ...login, sock: near as never })
      await once(client, 'ready')
      const stream = await exec(client, 'x')
      near.hold()
      stream.write(Buffer.alloc(1024 * 1024))
      await new Promise((resolve) => setImmediate(resolve))
      strictEqual(client.exec('y', () => undefined) as unknown, false)
      const goesOn = next(client, 'continue')
      near.release()
      await goesOn
      client.end()
      await next(client, 'close')
    },
  },
  {
    line: 'B24',
    covers: ['C35', '1.2 rekey'],
    title: 'channels that are opened during a rekey wait for it; with AES-GCM',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world, {
        client: { algorithms: { cipher: ['aes256-gcm@openssh.com'] } },
        onConnection: serving((session) => session.on('exec', (accept) => accept().end('held'))),
      })
      const server = untyped(await connection)
      const done = new Promise((resolve) => server['rekey']?.(resolve))
      strictEqual(await text(await exec(client, 'x')), 'held')
      await done
    },
  },
]
