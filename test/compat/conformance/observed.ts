/** Cases about what no document says: observed behaviour of connections and logins that programs rely on. */

import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { generateKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { sharedKeyFile } from '@hawser/test-kit'
import type { AuthContext, ClientInfo } from 'ssh2'
import { type Case, exec, hostKey, next, pair, portOf, readyPair, record, untyped, userKey } from './kit.ts'
import { clientLists } from './lists.ts'

type SystemError = NodeJS.ErrnoException & { level?: string }
const names = (seen: readonly [string, ...unknown[]][]): string[] => seen.map(([name]) => name)

export const observedCases: readonly Case[] = [
  {
    line: 'B2 server',
    title: 'Server can be subclassed',
    async run(ssh2, world) {
      class Mine extends ssh2.Server {
        readonly own = 1
      }
      const server = new Mine({ hostKeys: [hostKey()] })
      strictEqual(server.own, 1)
      ok(server instanceof ssh2.Server)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      world.defer(() => server.close())
      ok(portOf(server) > 0)
    },
  },
  {
    line: 'B4 handed out',
    title: 'keys, blobs, signatures and data have exactly the prototype of Buffer',
    async run(ssh2, world) {
      const buffers: unknown[] = []
      const { client } = await readyPair(ssh2, world, {
        client: {
          privateKey: userKey().private,
          password: undefined as never,
          hostVerifier: (key: Buffer) => buffers.push(key) > 0,
        },
        onConnection: (c) => {
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'publickey') return ctx.reject()
            buffers.push(ctx.key.data, ctx.blob ?? Buffer.alloc(0), ctx.signature ?? Buffer.alloc(0))
            ctx.accept()
          })
          c.on('session', (accept) =>
            accept().on('exec', (accept) => {
              const stream = accept()
              stream.on('data', (data: Buffer) => buffers.push(data))
              stream.on('end', () => {
                stream.stderr.write('error')
                stream.end('answer')
              })
            }),
          )
        },
      })
      const stream = await exec(client, 'x')
      stream.on('data', (data: Buffer) => buffers.push(data))
      stream.stderr.on('data', (data: Buffer) => buffers.push(data))
      stream.end('input')
      await next(stream, 'close')
      strictEqual(buffers.length, 10)
      for (const buffer of buffers) strictEqual(Object.getPrototypeOf(buffer), Buffer.prototype)
    },
  },
  {
    line: 'B5 user',
    title: 'an empty user name is one; unknown options are ignored',
    async run(ssh2, world) {
      let user: unknown
      await readyPair(ssh2, world, {
        client: { username: '', passphrase: null, whatever: { may: 'come' } } as never,
        onConnection: (c) =>
          c.on('authentication', (ctx) => {
            user = ctx.username
            ctx.accept()
          }),
      })
      strictEqual(user, '')
    },
  },
  {
    line: 'B8 wire',
    covers: ['C10'],
    title:
      'append, prepend and remove change the default list in the order they stand in, by names and patterns',
    async run(ssh2, world) {
      const standard = (await clientLists(ssh2, world)).cipher
      const wished = async (cipher: unknown): Promise<readonly string[]> =>
        (await clientLists(ssh2, world, { algorithms: { cipher } as never })).cipher
      const gcm = standard.filter((name) => name.includes('gcm'))
      const others = standard.filter((name) => !name.includes('gcm'))
      ok(gcm.length >= 2 && others.length >= 3)
      deepStrictEqual(await wished({ remove: /gcm/ }), others)
      deepStrictEqual(
        await wished({ remove: 'aes128-ctr' }),
        standard.filter((name) => name !== 'aes128-ctr'),
      )
      // What the list has already stays where it is.
      deepStrictEqual(await wished({ prepend: 'aes256-ctr' }), standard)
      deepStrictEqual(await wished({ append: 'aes256-ctr' }), standard)
      deepStrictEqual(await wished({ append: /gcm/, remove: /gcm/ }), others)
      deepStrictEqual((await wished({ remove: /gcm/, append: /gcm/ })).slice(0, others.length + 2), [
        ...others,
        ...gcm,
      ])
      deepStrictEqual(await wished({ remove: /.*/, append: ['aes256-ctr', 'aes128-ctr'] }), [
        'aes256-ctr',
        'aes128-ctr',
      ])
      deepStrictEqual(await wished(['aes256-ctr', 'aes128-ctr']), ['aes256-ctr', 'aes128-ctr'])
    },
  },
  {
    line: 'B8 empty',
    title: 'remove may empty a list: no common algorithm, one error of level handshake, then close',
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      const { client } = await pair(ssh2, world, {
        client: { algorithms: { cipher: { remove: /.*/ } } as never },
        onClient: (c) => (seen = record(c, ['error', 'ready', 'close'])),
      })
      await next(client, 'close')
      deepStrictEqual(names(seen), ['error', 'close'])
      strictEqual((seen[0]?.[1] as SystemError).level, 'handshake')
    },
  },
  {
    line: 'B8 bare name',
    title: 'one name in place of a list',
    async run(ssh2, world) {
      const algorithms = { serverHostKey: 'ssh-rsa' } as never
      deepStrictEqual((await clientLists(ssh2, world, { algorithms })).serverHostKey, ['ssh-rsa'])
    },
  },
  {
    line: 'B11',
    title: 'a name that cannot be looked up: one error from getaddrinfo, then close',
    async run(ssh2, world) {
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      const seen = record(client, ['error', 'ready', 'close'])
      client.connect({ host: 'no-such-host.invalid', username: 'u' })
      await next(client, 'close')
      deepStrictEqual(names(seen), ['error', 'close'])
      const error = seen[0]?.[1] as SystemError
      strictEqual(error.syscall, 'getaddrinfo')
      match(String(error.code), /^(?:ENOTFOUND|EAI_AGAIN)$/)
      match(error.message, /^getaddrinfo .* no-such-host\.invalid$/)
      strictEqual(error.level, 'client-socket')
    },
  },
  {
    line: 'B11 message',
    title: "a refused connection: Node's own message, syscall, address and port",
    async run(ssh2) {
      const probe = createServer().listen(0, '127.0.0.1')
      await once(probe, 'listening')
      const port = portOf(probe)
      probe.close()
      await once(probe, 'close')
      const client = new ssh2.Client()
      const failed = next(client, 'error')
      client.connect({ host: '127.0.0.1', port, username: 'u' })
      const [error] = (await failed) as [SystemError & { address: string; port: number }]
      strictEqual(error.message, `connect ECONNREFUSED 127.0.0.1:${port}`)
      deepStrictEqual([error.syscall, error.address, error.port], ['connect', '127.0.0.1', port])
    },
  },
  {
    line: 'B15 events',
    title: 'no common algorithm: neither side sees handshake, authentication or ready',
    async run(ssh2, world) {
      const all = ['error', 'handshake', 'authentication', 'ready', 'close']
      let mine: [string, ...unknown[]][] = []
      let theirs: [string, ...unknown[]][] = []
      let gone: Promise<unknown> | undefined
      const { client } = await pair(ssh2, world, {
        server: { algorithms: { kex: ['ecdh-sha2-nistp256'] } },
        client: { algorithms: { kex: ['ecdh-sha2-nistp384'] } },
        onConnection: (c) => {
          theirs = record(c, all)
          gone = next(c, 'close')
        },
        onClient: (c) => (mine = record(c, all)),
      })
      await next(client, 'close')
      await gone
      deepStrictEqual(
        [names(mine), names(theirs)],
        [
          ['error', 'close'],
          ['error', 'close'],
        ],
      )
    },
  },
  {
    line: 'B18 channel',
    title: 'a channel that closes with a request pending: an error, and the connection goes on',
    async run(ssh2, world) {
      const server = await listen({
        port: 0,
        hostKeys: [await generateKey('ed25519')],
        auth: { none: () => true },
        onSession: (session) =>
          void session.onExec((request) => {
            if (request.command === 'cut') void session.close()
            else void request.accept().exit(0)
          }),
      })
      world.defer(() => void server.close())
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      client.connect({ host: '127.0.0.1', port: server.port, username: 'u' })
      await once(client, 'ready')
      const error = await exec(client, 'cut').catch((caught: Error) => caught)
      ok(error instanceof Error)
      const stream = await exec(client, 'next')
      const closed = next(stream, 'close')
      stream.resume()
      deepStrictEqual(await closed, [0])
    },
  },
  {
    line: 'B19 ended',
    title: '_sock and the states that programs read from it',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      const socket = untyped(client)['_sock'] as unknown as Record<string, { ended: boolean }>
      strictEqual(socket['_readableState']?.ended, false)
      strictEqual(socket['_writableState']?.ended, false)
    },
  },
  {
    line: 'B20 order',
    title: 'greeting before the handshake, the banner after it and before the first authentication',
    async run(ssh2, world) {
      const order: string[] = []
      await readyPair(ssh2, world, {
        server: { greeting: 'hello', banner: 'look out' },
        onClient: (c) => {
          for (const name of ['greeting', 'handshake', 'banner', 'ready'] as const)
            untyped(c)['on']?.(name, () => order.push(name))
        },
        onConnection: (c) => {
          c.on('handshake', () => order.push('server handshake'))
          c.on('authentication', (ctx) => {
            order.push(ctx.method)
            ctx.accept()
          })
        },
      })
      ok(order.indexOf('greeting') < order.indexOf('server handshake'))
      ok(order.indexOf('banner') > order.indexOf('handshake'))
      ok(order.indexOf('banner') > order.indexOf('server handshake'))
      strictEqual(order.filter((name) => name === 'banner').length, 1)
    },
  },
  {
    line: 'B21 again',
    title: 'the handshake event comes again after a rekey of the server, with the same facts',
    async run(ssh2, world) {
      const seen: unknown[] = []
      const { connection, client } = await readyPair(ssh2, world, {
        onClient: (c) => c.on('handshake', (n) => seen.push(n)),
      })
      const again = next(client, 'handshake')
      const server = untyped(await connection)
      await new Promise((resolve) => server['rekey']?.(resolve))
      await again
      strictEqual(seen.length, 2)
      deepStrictEqual(seen[1], seen[0])
    },
  },
  {
    line: 'B22 header',
    title: 'deep equality with exactly the four parts of the identification',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world, { client: { ident: 'some_1.0 a comment' } })
      const [, info] = (await once(server, 'connection')) as [unknown, ClientInfo]
      deepStrictEqual(info.header as object, {
        identRaw: 'SSH-2.0-some_1.0 a comment',
        greeting: '',
        versions: { protocol: '2.0', software: 'some_1.0' },
        comments: 'a comment',
      })
    },
  },
  {
    line: 'B22 newline',
    title: 'a line end inside the identification: what follows is a packet of bad length to the server',
    async run(ssh2, world) {
      let told: (error: Error) => void = () => undefined
      const failed = new Promise<Error>((resolve) => (told = resolve))
      const server = new ssh2.Server({ hostKeys: [hostKey()] }, (connection) => connection.on('error', told))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      world.defer(() => server.close())
      const socket = connect(portOf(server), '127.0.0.1')
      world.defer(() => socket.destroy())
      socket.on('error', () => undefined)
      socket.write('SSH-2.0-one\nand another line\r\n')
      match((await failed).message, /bad packet length/i)
    },
  },
  {
    line: 'B25 info',
    title: 'injectSocket: address, port and family as the stream tells them, and close when it ends',
    async run(ssh2, world) {
      const { duplexPair } = await import('./streams.ts')
      const server = new ssh2.Server({ hostKeys: [hostKey()] })
      const [near, far] = duplexPair()
      Object.assign(far, { remoteAddress: '1.2.3.4', remotePort: 56, remoteFamily: 'IPv4' })
      const connected = once(server, 'connection')
      untyped(server)['injectSocket']?.(far)
      near.write('SSH-2.0-probe\r\n')
      const [connection, info] = (await connected) as [NodeJS.EventEmitter, ClientInfo]
      deepStrictEqual([info.ip, info.port, info.family], ['1.2.3.4', 56, 'IPv4'])
      connection.on('error', () => undefined)
      world.defer(() => near.destroy())
      const closed = next(connection, 'close')
      near.end()
      await closed
    },
  },
  {
    line: 'B26 order',
    covers: ['1.3 authHandler list'],
    title: 'none, password, publickey, keyboard-interactive, hostbased, in this order',
    async run(ssh2, world) {
      const seen: string[] = []
      const { client } = await pair(ssh2, world, {
        client: {
          privateKey: userKey().private,
          tryKeyboard: true,
          localHostname: 'host',
          localUsername: 'me',
        },
        onClient: (c) => c.on('keyboard-interactive', (_n, _i, _l, _p, finish) => finish([])),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            seen.push(ctx.method)
            ctx.reject()
          }),
      })
      await next(client, 'error')
      deepStrictEqual(seen, ['none', 'password', 'publickey', 'keyboard-interactive', 'hostbased'])
    },
  },
  {
    line: 'B27 ssh-rsa',
    title: "serverHostKey: ['ssh-rsa'] on both sides: the host key signs by it",
    async run(ssh2, world) {
      const algorithms = { serverHostKey: ['ssh-rsa'] } as never
      let agreed = ''
      await readyPair(ssh2, world, {
        server: { hostKeys: [sharedKeyFile('rsa-2048', 'host').privateText], algorithms },
        client: { algorithms },
        onClient: (c) => c.on('handshake', (n) => (agreed = untyped(n)['serverHostKey'] as never)),
      })
      strictEqual(agreed, 'ssh-rsa')
    },
  },
  {
    line: 'B27 key methods',
    title: 'sign(data, hash) and verify(data, signature, hash) of an RSA key, each hash for itself',
    run(ssh2) {
      const key = ssh2.utils.parseKey(sharedKeyFile('rsa-2048').privateText)
      if (key instanceof Error) throw key
      for (const hash of ['sha1', 'sha256', 'sha512'] as const) {
        const signature = key.sign('data', hash) as Buffer
        strictEqual(key.verify('data', signature, hash), true)
        for (const other of ['sha1', 'sha256', 'sha512'] as const)
          if (other !== hash) notStrictEqual(key.verify('data', signature, other), true)
      }
    },
  },
  {
    line: 'B28 authHandler',
    title:
      "authHandler gets (null, null, next) first, then what is left, true after reject(['password'], true)",
    async run(ssh2, world) {
      const asked: unknown[][] = []
      const wishes = ['none', 'password', false] as const
      const { client } = await pair(ssh2, world, {
        client: {
          authHandler: ((left: unknown, partial: unknown, done: (wish: unknown) => void) => {
            asked.push([left, partial])
            setImmediate(done, wishes[asked.length - 1])
          }) as never,
        },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) =>
            ctx.method === 'none' ? ctx.reject(['password'], true) : ctx.reject(['publickey']),
          ),
      })
      await next(client, 'error')
      deepStrictEqual(asked, [
        [null, null],
        [['password'], true],
        [['publickey'], false],
      ])
    },
  },
  {
    line: 'B28 prompts',
    title: 'prompts are plain objects; one prompt and a text may be given to prompt(); submethods is a list',
    async run(ssh2, world) {
      const shown: unknown[] = []
      const submethods: unknown[] = []
      await readyPair(ssh2, world, {
        client: { tryKeyboard: true, password: undefined as never },
        onClient: (c) =>
          c.on('keyboard-interactive', (name, instructions, language, prompts, finish) => {
            shown.push([name, instructions, language, prompts])
            finish(prompts.map(() => 'yes'))
          }),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'keyboard-interactive') return ctx.reject()
            submethods.push(ctx.submethods)
            ctx.prompt({ prompt: 'one', echo: true }, 'Title', 'Do', () =>
              ctx.prompt('text', (answers: unknown) => {
                deepStrictEqual(answers, ['yes'])
                ctx.accept()
              }),
            )
          }),
      })
      deepStrictEqual(shown, [
        ['Title', 'Do', '', [{ prompt: 'one', echo: true }]],
        ['', '', '', [{ prompt: 'text', echo: false }]],
      ])
      ok(Array.isArray(submethods[0]))
    },
  },
]
