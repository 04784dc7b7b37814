/** Cases about what no document says: observed behaviour of channels, and of what is offered to whom. */

import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert'
import { once } from 'node:events'
import type { ServerChannel } from 'ssh2'
import { type Case, exec, hostKey, next, pair, portOf, readyPair, record, serving, text } from './kit.ts'
import { clientLists, serverLists } from './lists.ts'

type SystemError = NodeJS.ErrnoException & { level?: string }
const names = (seen: readonly [string, ...unknown[]][]): string[] => seen.map(([name]) => name)

export const observedChannelCases: readonly Case[] = [
  {
    line: 'B30 unread',
    title: 'exit comes though the output is unread; close waits until it is read',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.write('output')
            stream.exit(3)
            stream.end()
          }),
        ),
      })
      const seen: string[] = []
      let exited: Promise<unknown> | undefined
      const stream = await exec(client, 'x', {}, (made) => {
        exited = next(made, 'exit')
        made.on('close', () => seen.push('close'))
      })
      await exited
      await new Promise((resolve) => setTimeout(resolve, 50))
      deepStrictEqual(seen, [])
      const closed = next(stream, 'close')
      strictEqual(await text(stream), 'output')
      deepStrictEqual(await closed, [3])
    },
  },
  {
    line: 'B31 unknown',
    title: 'exit with a name that is no signal throws',
    async run(ssh2, world) {
      let thrown: unknown
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            try {
              stream.exit('NONSENSE' as never)
            } catch (error) {
              thrown = error
            }
            stream.end()
          }),
        ),
      })
      const stream = await exec(client, 'x')
      const closed = next(stream, 'close')
      stream.resume()
      await closed
      ok(thrown instanceof Error)
    },
  },
  {
    line: 'B34 half closed',
    title: 'an input that is ended does not end the output; the server may write to stderr long after',
    async run(ssh2, world) {
      let served: ServerChannel | undefined
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => (served = accept()))),
      })
      const stream = await exec(client, 'x')
      const server = served as unknown as ServerChannel
      const ended = next(server, 'end')
      server.resume()
      stream.end()
      await ended
      const output = Promise.all([text(stream), text(stream.stderr)])
      server.stderr.write('late error')
      server.write('late ')
      setImmediate(() => server.end('output'))
      deepStrictEqual(await output, ['late output', 'late error'])
    },
  },
  {
    line: 'B35 compressed',
    title: '10 MiB, exit and end without waiting through zlib: all of it arrives, unchanged',
    async run(ssh2, world) {
      const piece = Buffer.from(Array.from({ length: 1024 * 1024 }, (_none, at) => (at * at) >> 7))
      const algorithms = { compress: ['zlib@openssh.com'] } as never
      let agreed: unknown
      const { client } = await readyPair(ssh2, world, {
        client: { algorithms },
        onClient: (c) => c.on('handshake', (n) => (agreed = [n.cs.compress, n.sc.compress])),
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            for (let i = 0; i < 10; i++) stream.write(piece)
            stream.exit(0)
            stream.end()
          }),
        ),
      })
      const stream = await exec(client, 'x')
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk as Buffer)
      ok(Buffer.concat(chunks).equals(Buffer.concat(Array.from({ length: 10 }, () => piece))))
      deepStrictEqual(agreed, ['zlib@openssh.com', 'zlib@openssh.com'])
    },
  },
  {
    line: 'B37 reason',
    title: 'a channel that the server refuses: Channel open failure',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: (c) => {
          c.on('authentication', (ctx) => ctx.accept())
          c.on('tcpip', (_accept, reject) => reject())
        },
      })
      const error = await new Promise<Error | undefined>((resolve) =>
        client.forwardOut('a', 1, 'b', 2, (refused) => resolve(refused)),
      )
      match(String(error?.message), /Channel open failure/)
    },
  },
  {
    line: 'B38 closed early',
    title: "close() in the connection listener: the connection lives on, the server's close comes after it",
    async run(ssh2, world) {
      const order: string[] = []
      const server = new ssh2.Server({ hostKeys: [hostKey()] }, (connection) => {
        server.close(() => order.push('server'))
        connection.on('authentication', (ctx) => ctx.accept())
        connection.on('close', () => order.push('connection'))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const client = new ssh2.Client()
      world.defer(() => client.destroy())
      const closed = next(server, 'close')
      client.connect({ host: '127.0.0.1', port: portOf(server), username: 'u', password: 'p' })
      await once(client, 'ready')
      strictEqual(order.length, 0)
      client.end()
      await closed
      ok(order.some((name) => name === 'server'))
    },
  },
  {
    line: 'C9 force',
    title: "compress: 'force' wants nothing else: it fails where the server has none, true does not",
    async run(ssh2, world) {
      const none = { compress: ['none'] } as never
      let seen: [string, ...unknown[]][] = []
      const { client } = await pair(ssh2, world, {
        server: { algorithms: none },
        client: { compress: 'force' } as never,
        onClient: (c) => (seen = record(c, ['error', 'ready', 'close'])),
      })
      await next(client, 'close')
      deepStrictEqual(names(seen), ['error', 'close'])
      strictEqual((seen[0]?.[1] as SystemError).level, 'handshake')
      let agreed: unknown
      await readyPair(ssh2, world, {
        server: { algorithms: none },
        client: { compress: true } as never,
        onClient: (c) => c.on('handshake', (n) => (agreed = [n.cs.compress, n.sc.compress])),
      })
      deepStrictEqual(agreed, ['none', 'none'])
      const offer = async (compress: unknown): Promise<readonly string[]> =>
        (await clientLists(ssh2, world, { compress } as never)).compress
      ok(!(await offer('force')).includes('none'))
      strictEqual((await offer(true)).at(-1), 'none')
      deepStrictEqual(await offer(false), ['none'])
    },
  },
  {
    line: '1.1 callable',
    covers: ['1.11 callable'],
    title: 'the agents may be called without new; Server.createServer makes a server',
    run(ssh2) {
      const call = (made: unknown): unknown => (made as (config: object) => unknown)({ username: 'u' })
      ok(call(ssh2.HTTPAgent) instanceof ssh2.HTTPAgent)
      ok(call(ssh2.HTTPSAgent) instanceof ssh2.HTTPSAgent)
      const { createServer: make } = ssh2.Server as unknown as { createServer(config: object): unknown }
      ok(make({ hostKeys: [hostKey()] }) instanceof ssh2.Server)
    },
  },
  {
    line: '1.8 eof end',
    covers: ['1.8 eof', '1.8 end'],
    title: 'a session emits eof, end and close with its channel, once each',
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      let closed: Promise<unknown> | undefined
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          seen = record(session as never, ['eof', 'end', 'close'])
          closed = next(session as never, 'close')
          session.on('exec', (accept) => {
            const stream = accept()
            stream.on('end', () => stream.end())
            stream.resume()
          })
        }),
      })
      const stream = await exec(client, 'x')
      stream.resume()
      stream.end()
      await closed
      deepStrictEqual(names(seen), ['eof', 'end', 'close'])
    },
  },
  {
    line: '1.19 lists',
    covers: ['C11'],
    title:
      'everything that a client offers by default can be agreed on; what both lines have is in it, best first',
    async run(ssh2, world) {
      const { kex, cipher, hmac, compress, serverHostKey } = await clientLists(ssh2, world)
      const shared: [readonly string[], readonly string[]][] = [
        [
          kex,
          [
            ...[
              'curve25519-sha256',
              'curve25519-sha256@libssh.org',
              'ecdh-sha2-nistp256',
              'ecdh-sha2-nistp384',
            ],
            ...[
              'ecdh-sha2-nistp521',
              'diffie-hellman-group-exchange-sha256',
              'diffie-hellman-group14-sha256',
            ],
            ...['diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512'],
          ],
        ],
        [
          cipher,
          [
            ...['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
            ...['aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
          ],
        ],
        [
          hmac,
          [
            ...['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
            ...['hmac-sha2-256', 'hmac-sha2-512'],
          ],
        ],
        [compress, ['none', 'zlib@openssh.com']],
        [
          serverHostKey,
          [
            ...['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
            ...['rsa-sha2-512', 'rsa-sha2-256'],
          ],
        ],
      ]
      for (const [list, wanted] of shared)
        deepStrictEqual(
          wanted.filter((name) => !list.includes(name)),
          [],
        )
      ok(kex[0]?.includes('curve25519'))
      ok(cipher[0]?.includes('gcm'))
      ok(hmac[0]?.includes('etm'))
      strictEqual(compress[0], 'none')
      strictEqual(serverHostKey[0], 'ssh-ed25519')
      const wishes: [string, string][] = [
        ...cipher.map((name): [string, string] => ['cipher', name]),
        ...hmac.map((name): [string, string] => ['hmac', name]),
        ...['none', 'zlib@openssh.com'].map((name): [string, string] => ['compress', name]),
        ...kex.filter((name) => !/group/.test(name)).map((name): [string, string] => ['kex', name]),
      ]
      const { server } = await pair(ssh2, world)
      const served = await serverLists(ssh2, world)
      for (const list of ['kex', 'cipher', 'hmac'] as const)
        deepStrictEqual(served[list], { kex, cipher, hmac }[list])
      for (const [category, name] of wishes) {
        const algorithms: Record<string, string[]> = { [category]: [name] }
        if (category === 'hmac') algorithms['cipher'] = ['aes128-ctr']
        const client = new ssh2.Client()
        world.defer(() => client.destroy())
        const agreed = new Promise<string>((resolve, reject) => {
          client.on('error', reject)
          client.on('handshake', (n) =>
            resolve(
              { kex: n.kex, cipher: n.cs.cipher, hmac: n.cs.mac, compress: n.cs.compress }[
                category
              ] as string,
            ),
          )
        })
        client.connect({
          host: '127.0.0.1',
          port: portOf(server),
          username: 'u',
          password: 'p',
          algorithms: algorithms as never,
        })
        strictEqual(await agreed, name)
        client.end()
      }
    },
  },
  {
    line: 'C10 code',
    title: 'the error of an unsupported algorithm has a code, and both shapes throw it',
    run(ssh2) {
      for (const cipher of [['none-such'], { append: ['none-such'] }, { remove: 'none-such' }])
        throws(
          () => new ssh2.Client().connect({ username: 'u', algorithms: { cipher } as never }),
          (error: Error & { code?: string }) =>
            /Unsupported cipher algorithm/.test(error.message) &&
            error.code === 'ERR_SSH_UNSUPPORTED_ALGORITHM',
        )
    },
  },
]
