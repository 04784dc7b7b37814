/** Cases about forwarding: TCP and Unix sockets both ways, X11, global requests, host keys. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { makeKeyFile } from '@hawser/test-kit'
import type { ClientChannel, Connection } from 'ssh2'
import {
  type Case,
  called,
  exec,
  hostKey,
  next,
  pair,
  portOf,
  readyPair,
  serving,
  text,
  untyped,
} from './kit.ts'

type Accept = () => ClientChannel
type Forward = (...args: unknown[]) => unknown

/** Lets everybody in and answers every global request with yes. */
function obliging(seen: unknown[] = []): (c: Connection) => void {
  return (connection) => {
    connection.on('authentication', (ctx) => ctx.accept())
    untyped(connection)['on']?.(
      'request',
      (accept: Forward | undefined, _no: unknown, name: string, info: object) => {
        seen.push([name, { ...info }])
        accept?.()
      },
    )
  }
}

export const forwardingCases: readonly Case[] = [
  {
    line: '1.2 unix connection',
    covers: [
      '1.4 openssh_forwardInStreamLocal',
      '1.4 openssh_unforwardInStreamLocal',
      '1.7 openssh_forwardOutStreamLocal',
      'B38 openssh',
    ],
    title: 'a Unix socket of an OpenSSH server: listen, a connection back, stop',
    async run(ssh2, world) {
      const seen: unknown[] = []
      const { client, connection } = await readyPair(ssh2, world, {
        server: { ident: 'OpenSSH_9.2' },
        onConnection: obliging(seen),
      })
      const path = '/some/socket'
      await called((callback) => client.openssh_forwardInStreamLocal(path, callback))
      client.on('unix connection', (info, accept) => {
        seen.push({ ...info })
        accept().end('back')
      })
      const server = await connection
      const stream = await called<ClientChannel>((callback) =>
        untyped(server)['openssh_forwardOutStreamLocal']?.(path, callback),
      )
      strictEqual(await text(stream), 'back')
      await called((callback) => client.openssh_unforwardInStreamLocal(path, callback))
      deepStrictEqual(seen, [
        ['streamlocal-forward@openssh.com', { socketPath: path }],
        { socketPath: path },
        ['cancel-streamlocal-forward@openssh.com', { socketPath: path }],
      ])
    },
  },
  {
    line: '1.7 openssh.streamlocal',
    covers: ['1.4 openssh_forwardOutStreamLocal', 'B32 streamlocal'],
    title: 'a connection to a Unix socket of an OpenSSH server',
    async run(ssh2, world) {
      let info: unknown
      const { client } = await readyPair(ssh2, world, {
        server: { ident: 'OpenSSH_9.2' },
        onConnection: (c) => {
          c.on('authentication', (ctx) => ctx.accept())
          untyped(c)['on']?.('openssh.streamlocal', (accept: Accept, _reject: unknown, asked: object) => {
            info = { ...asked }
            const stream = accept()
            stream.pipe(stream)
          })
        },
      })
      const stream = await called<ClientChannel>((callback) =>
        client.openssh_forwardOutStreamLocal('/there', callback as never),
      )
      stream.end('echo')
      strictEqual(await text(stream), 'echo')
      deepStrictEqual(info, { socketPath: '/there' })
    },
  },
  {
    line: '1.2 x11',
    covers: ['1.4 exec x11', '1.7 x11', '1.8 x11', 'B33'],
    title: 'x11: the request before the command, its cookie as 32 digits, a connection back',
    async run(ssh2, world) {
      const seen: unknown[] = []
      const { client, connection } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          untyped(session)['on']?.(
            'x11',
            (accept: Forward, _reject: unknown, info: Record<string, unknown>) => {
              seen.push([info['single'], info['protocol'], info['screen']])
              match(String(info['cookie']), /^[0-9a-f]{32}$/)
              accept()
            },
          )
          session.on('exec', (accept) => {
            seen.push('exec')
            accept()
          })
        }),
      })
      await exec(client, 'xeyes', { x11: { single: true, screen: 3 } })
      client.on('x11', (info: object, accept: Accept) => {
        seen.push({ ...info })
        accept().end('drawn')
      })
      const server = await connection
      const open = (): Promise<ClientChannel> =>
        called((callback) => untyped(server)['x11']?.('10.0.0.9', 6010, callback))
      strictEqual(await text(await open()), 'drawn')
      deepStrictEqual(seen, [[true, 'MIT-MAGIC-COOKIE-1', 3], 'exec', { srcIP: '10.0.0.9', srcPort: 6010 }])
    },
  },
  {
    line: '1.2 x11 unasked',
    title: 'an X11 connection that was not asked for is refused',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world)
      client.on('x11', (_info: object, accept: Accept) => accept())
      const server = await connection
      const refused = await called((callback) => untyped(server)['x11']?.('a', 1, callback)).catch(String)
      match(String(refused), /Channel open failure/)
    },
  },
  {
    line: 'C34',
    title: 'x11 as a number is the screen',
    async run(ssh2, world) {
      let screen: unknown
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          untyped(session)['on']?.('x11', (accept: Forward, _reject: unknown, info: { screen: number }) => {
            screen = info.screen
            accept()
          })
          session.on('exec', (accept) => accept().end())
        }),
      })
      await exec(client, 'x', { x11: 7 })
      strictEqual(screen, 7)
    },
  },
  {
    line: '1.2 hostkeys',
    covers: ['C40'],
    title: 'the client learns all host keys that the server proves',
    async run(ssh2, world) {
      const rsa = makeKeyFile('rsa-2048')
      const { client } = await pair(ssh2, world, {
        server: { hostKeys: [hostKey(), rsa.privateText] },
      })
      const [keys] = (await next(client, 'hostkeys')) as [{ type: string }[]]
      deepStrictEqual(keys.map(({ type }) => type).sort(), ['ssh-ed25519', 'ssh-rsa'])
    },
  },
  {
    line: 'B36',
    title: 'replies to global requests keep the order of the requests',
    async run(ssh2, world) {
      const accepts: Forward[] = []
      const { client } = await readyPair(ssh2, world, {
        onConnection: (c) => {
          c.on('authentication', (ctx) => ctx.accept())
          untyped(c)['on']?.('request', (accept: Forward, reject: Forward) => {
            accepts.push(accepts.length === 0 ? accept : reject)
            // The second is refused before the first is accepted.
            if (accepts.length === 2) for (const answer of accepts.toReversed()) answer()
          })
        },
      })
      const results = await Promise.allSettled([
        called((callback) => client.forwardIn('a', 1000, callback)),
        called((callback) => client.forwardIn('b', 2000, callback)),
      ])
      deepStrictEqual(
        results.map((result) => (result.status === 'fulfilled' ? result.value : 'refused')),
        [1000, 'refused'],
      )
    },
  },
  {
    line: 'B36 OpenSSH_5',
    title: 'a server that names port 0 in its connections: the assigned port',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world, {
        server: { ident: 'OpenSSH_5.9' },
        onConnection: (c) => {
          c.on('authentication', (ctx) => ctx.accept())
          untyped(c)['on']?.('request', (accept: Forward) => accept(4567))
        },
      })
      strictEqual(await called((callback) => client.forwardIn('here', 0, callback)), 4567)
      const told = next(client, 'tcp connection')
      client.on('tcp connection', (_info, accept) => accept().end())
      const server = await connection
      server.forwardOut('here', 0, '1.2.3.4', 5, () => undefined)
      const [info] = (await told) as [{ destPort: number }]
      strictEqual(info.destPort, 4567)
    },
  },
  {
    line: '1.7 request without reply',
    covers: ['C41', 'B32'],
    title: 'a refused request calls back with an error',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world)
      match(
        String(await called((callback) => client.forwardIn('a', 1, callback)).catch(String)),
        /Unable to bind/,
      )
    },
  },
  {
    line: '1.11 HTTPAgent',
    covers: ['1.1 HTTPAgent', 'B39'],
    title: 'a web page through the HTTP agent, which needs no options; the origin is localhost',
    async run(ssh2, world) {
      const web = createServer((_request, response) => void response.end('page')).listen(0, '127.0.0.1')
      await once(web, 'listening')
      world.defer(() => web.close())
      let origin = ''
      const { server, client } = await readyPair(ssh2, world, {
        onConnection: (c) => {
          c.on('authentication', (ctx) => ctx.accept())
          c.on('tcpip', (accept, _reject, info) => {
            origin = info.srcIP
            const stream = accept()
            stream.pipe(connect(info.destPort, info.destIP)).pipe(stream)
          })
        },
      })
      client.end()
      const Agent = ssh2.HTTPAgent as unknown as new (config: object) => import('node:http').Agent
      const agent = new Agent({ host: '127.0.0.1', port: portOf(server), username: 'u', password: 'p' })
      world.defer(() => agent.destroy())
      const answer = request({
        agent,
        host: '127.0.0.1',
        port: portOf(web),
        headers: { connection: 'close' },
      }).end()
      const [response] = (await once(answer, 'response')) as [NodeJS.ReadableStream]
      strictEqual(await text(response), 'page')
      strictEqual(origin, 'localhost')
      ok(agent instanceof (await import('node:http')).Agent)
    },
  },
]
