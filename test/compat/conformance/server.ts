/** Cases about the server: authentication, connections, requests, forwarding. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import type { AuthContext, Connection, PublicKeyAuthContext } from 'ssh2'
import { type Case, exec, next, pair, readyPair, serving, text, userKey } from './kit.ts'

export const serverCases: readonly Case[] = [
  {
    line: 'B22',
    title: 'connection: address and the parsed identification',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world, { client: { ident: 'some_1.0 a comment' } })
      const [, info] = (await once(server, 'connection')) as [unknown, import('ssh2').ClientInfo]
      strictEqual(info.ip, '127.0.0.1')
      strictEqual(info.family, 'IPv4')
      ok(info.port > 0)
      deepStrictEqual(
        { ...info.header },
        {
          identRaw: 'SSH-2.0-some_1.0 a comment',
          greeting: '',
          versions: { protocol: '2.0', software: 'some_1.0' },
          comments: 'a comment',
        },
      )
    },
  },
  {
    line: 'C15',
    title: 'connection: version is another name of versions',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world)
      const [, info] = (await once(server, 'connection')) as [unknown, { header: Record<string, unknown> }]
      strictEqual(info.header['version'], info.header['versions'])
    },
  },
  {
    line: 'B26',
    title: 'public key: none, a question, a signature that verifies',
    async run(ssh2, world) {
      const { private: privateKey, public: line } = userKey()
      const parsed = ssh2.utils.parseKey(line)
      if (parsed instanceof Error) throw parsed
      const seen: string[] = []
      await readyPair(ssh2, world, {
        client: { privateKey, password: undefined as never },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            seen.push(ctx.method + ((ctx as PublicKeyAuthContext).signature ? ' signed' : ''))
            if (ctx.method !== 'publickey') return ctx.reject()
            deepStrictEqual(ctx.key.data, parsed.getPublicSSH())
            strictEqual(ctx.key.algo, 'ssh-ed25519')
            if (ctx.signature) strictEqual(parsed.verify(ctx.blob as Buffer, ctx.signature), true)
            ctx.accept()
          }),
      })
      deepStrictEqual(seen, ['none', 'publickey', 'publickey signed'])
    },
  },
  {
    line: '1.6 keyboard-interactive',
    title: 'prompts and answers, more than one round',
    async run(ssh2, world) {
      const asked: unknown[] = []
      await readyPair(ssh2, world, {
        client: { tryKeyboard: true, password: undefined as never },
        onClient: (c) =>
          c.on('keyboard-interactive', (name, instructions, _lang, prompts, finish) => {
            asked.push([name, instructions, prompts])
            finish(prompts.map(({ prompt }) => `to ${prompt}`))
          }),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'keyboard-interactive') return ctx.reject()
            ctx.prompt(
              [
                { prompt: 'one', echo: true },
                { prompt: 'two', echo: false },
              ],
              'Title',
              'Do',
              (answers) => {
                deepStrictEqual(answers, ['to one', 'to two'])
                ctx.prompt('three', (more: string[]) => {
                  deepStrictEqual(more, ['to three'])
                  ctx.accept()
                })
              },
            )
          }),
      })
      deepStrictEqual(asked[0], [
        'Title',
        'Do',
        [
          { prompt: 'one', echo: true },
          { prompt: 'two', echo: false },
        ],
      ])
    },
  },
  {
    line: 'C12',
    title: 'a prompt callback with two parameters gets (error, responses)',
    async run(ssh2, world) {
      let given: unknown[] = []
      await readyPair(ssh2, world, {
        client: { tryKeyboard: true, password: undefined as never },
        onClient: (c) => c.on('keyboard-interactive', (_n, _i, _l, _p, finish) => finish(['yes'])),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'keyboard-interactive') return ctx.reject()
            ctx.prompt('sure?', ((error: unknown, responses: unknown) => {
              given = [error, responses]
              ctx.accept()
            }) as never)
          }),
      })
      deepStrictEqual(given, [undefined, ['yes']])
    },
  },
  {
    line: 'B28 partial',
    title: 'authHandler: (null, null) first, then what the server says after a partial success',
    async run(ssh2, world) {
      const calls: unknown[] = []
      await readyPair(ssh2, world, {
        client: {
          authHandler: ((methods: unknown, partial: unknown, next: (method: unknown) => void) => {
            calls.push([methods, partial])
            next(calls.length === 1 ? 'none' : 'password')
          }) as never,
        },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) =>
            ctx.method === 'password' ? ctx.accept() : ctx.reject(['password'], true),
          ),
      })
      deepStrictEqual(calls, [
        [null, null],
        [['password'], true],
      ])
    },
  },
  {
    line: '1.3 authHandler list',
    title: 'authHandler as a list of objects',
    async run(ssh2, world) {
      const seen: unknown[] = []
      await readyPair(ssh2, world, {
        client: {
          authHandler: [
            { type: 'none', username: 'user' },
            { type: 'password', username: 'user', password: 'listed' },
          ] as never,
        },
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            seen.push(ctx.method === 'password' ? ctx.password : ctx.method)
            if (ctx.method === 'password') ctx.accept()
            else ctx.reject()
          }),
      })
      deepStrictEqual(seen, ['none', 'listed'])
    },
  },
  {
    line: '1.6 requestChange',
    title: 'a password that must be changed',
    async run(ssh2, world) {
      await readyPair(ssh2, world, {
        onClient: (c) =>
          c.on('change password', (prompt: string, done: (password: string) => void) => {
            strictEqual(prompt, 'too old')
            setImmediate(done, 'fresh')
          }),
        onConnection: (c) =>
          c.on('authentication', (ctx: AuthContext) => {
            if (ctx.method !== 'password') return ctx.reject()
            ctx.requestChange('too old', (password: string) => {
              if (password === 'fresh') ctx.accept()
              else ctx.reject()
            })
          }),
      })
    },
  },
  {
    line: '1.7 tcpip',
    title: 'forwardOut: four details, ports as numbers, data both ways',
    async run(ssh2, world) {
      let details: unknown
      const { client } = await readyPair(ssh2, world, {
        onConnection: (c: Connection) => {
          c.on('authentication', (ctx) => ctx.accept())
          c.on('tcpip', (accept, _reject, info) => {
            details = { ...info }
            const stream = accept()
            stream.pipe(stream)
          })
        },
      })
      const stream = await new Promise<import('ssh2').ClientChannel>((resolve, reject) =>
        client.forwardOut('10.0.0.1', 1, 'there', 2, (error, made) =>
          error ? reject(error) : resolve(made),
        ),
      )
      stream.end('echo')
      strictEqual(await text(stream), 'echo')
      deepStrictEqual(details, { srcIP: '10.0.0.1', srcPort: 1, destIP: 'there', destPort: 2 })
    },
  },
  {
    line: '1.7 request',
    title: 'forwardIn with port 0: the chosen port, a connection back, unforwardIn',
    async run(ssh2, world) {
      const requests: unknown[] = []
      const { client, connection } = await readyPair(ssh2, world, {
        onConnection: (c: Connection) => {
          c.on('authentication', (ctx) => ctx.accept())
          c.on('request', (accept, _reject, name, info) => {
            requests.push([name, { ...info }])
            accept?.(name === 'tcpip-forward' ? 4567 : (undefined as never))
          })
        },
      })
      const port = await new Promise<number>((resolve, reject) =>
        client.forwardIn('localhost', 0, (error, bound) => (error ? reject(error) : resolve(bound))),
      )
      strictEqual(port, 4567)
      client.on('tcp connection', (info, accept) => {
        requests.push({ ...info })
        accept().end('answer')
      })
      const server = await connection
      const stream = await new Promise<import('ssh2').ServerChannel>((resolve, reject) =>
        server.forwardOut('localhost', 4567, '1.2.3.4', 5, (error, made) =>
          error ? reject(error) : resolve(made as never),
        ),
      )
      strictEqual(await text(stream), 'answer')
      await new Promise<void>((resolve, reject) =>
        client.unforwardIn('localhost', 4567, (error) => (error ? reject(error) : resolve())),
      )
      deepStrictEqual(requests, [
        ['tcpip-forward', { bindAddr: 'localhost', bindPort: 0 }],
        { destIP: 'localhost', destPort: 4567, srcIP: '1.2.3.4', srcPort: 5 },
        ['cancel-tcpip-forward', { bindAddr: 'localhost', bindPort: 4567 }],
      ])
    },
  },
  {
    line: 'B36 unasked',
    title: 'a forwarded connection that was not asked for is refused',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world)
      client.on('tcp connection', (_info, accept) => accept())
      const server = await connection
      const error = await new Promise<Error | undefined>((resolve) =>
        server.forwardOut('localhost', 1, '1.2.3.4', 5, (refused) => resolve(refused)),
      )
      match(String(error?.message), /Channel open failure/)
    },
  },
  {
    line: '1.8 subsystem',
    title: 'a subsystem by its name',
    async run(ssh2, world) {
      let name = ''
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('subsystem', (accept, _reject, info) => {
            name = info.name
            accept().end('served')
          }),
        ),
      })
      const stream = await new Promise<import('ssh2').ClientChannel>((resolve, reject) =>
        client.subsys('thing', (error, made) => (error ? reject(error) : resolve(made))),
      )
      strictEqual(await text(stream), 'served')
      strictEqual(name, 'thing')
    },
  },
  {
    line: '1.7 rekey',
    title: 'the server makes new keys while data flows',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.pipe(stream)
          }),
        ),
      })
      const stream = await exec(client, 'x')
      stream.write('before ')
      const server = await connection
      const rekeyed = new Promise<void>((resolve) =>
        (server as unknown as { rekey(cb: () => void): void }).rekey(() => resolve()),
      )
      stream.end('after')
      strictEqual(await text(stream), 'before after')
      await rekeyed
    },
  },
  {
    line: 'B38',
    title: "the server's close comes after the last connection",
    async run(ssh2, world) {
      const { server, client } = await readyPair(ssh2, world)
      const order: string[] = []
      client.on('close', () => order.push('client'))
      const closed = next(server, 'close').then(() => order.push('server'))
      server.close()
      client.end()
      await closed
      ok(order.includes('server'))
    },
  },
  {
    line: '1.7 end',
    title: 'the server ends a connection: the client sees end and close, and no error',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world)
      const errors: unknown[] = []
      client.on('error', (error) => errors.push(error))
      ;(await connection).end()
      await next(client, 'close')
      deepStrictEqual(errors, [])
    },
  },
]
