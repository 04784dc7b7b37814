/** Cases about sessions and their channels beyond output and exit: events, properties, server methods. */

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert'
import { once } from 'node:events'
import { connect } from 'node:net'
import { makeKeyFile } from '@hawser/test-kit'
import type { Connection, ServerChannel } from 'ssh2'
import { type Case, exec, next, pair, portOf, readyPair, record, serving, text, untyped } from './kit.ts'

export const sessionCases: readonly Case[] = [
  {
    line: '1.8 close',
    covers: ['1.8 eof', '1.8 end'],
    title: 'a session tells its end',
    async run(ssh2, world) {
      let closed: Promise<unknown> | undefined
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          closed = next(session, 'close')
          session.on('exec', (accept) => accept().end())
        }),
      })
      ;(await exec(client, 'x')).resume()
      await closed
    },
  },
  {
    line: '1.8 order',
    covers: [
      '1.8 pty',
      '1.8 env',
      '1.8 window-change',
      '1.8 shell',
      '1.8 exec',
      '1.4 shell',
      '1.4 exec env',
      'C16',
    ],
    title: 'env and pty come before the shell, which has a terminal unless window is false',
    async run(ssh2, world) {
      const seen: string[] = []
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => {
          for (const name of ['env', 'pty'] as const)
            untyped(session)['on']?.(name, (accept?: () => void) => {
              seen.push(name)
              accept?.()
            })
          session.on('shell', (accept) => {
            seen.push('shell')
            accept().end()
          })
        }),
      })
      const shell = (...args: unknown[]): Promise<NodeJS.ReadableStream> =>
        new Promise((resolve, reject) =>
          untyped(client)['shell']?.(...args, (error: Error | undefined, made: NodeJS.ReadableStream) =>
            error ? reject(error) : resolve(made),
          ),
        )
      await text(await shell({ term: 'x' }, { env: { A: '1' } }))
      deepStrictEqual(seen.splice(0).sort(), ['env', 'pty', 'shell'])
      await text(await shell(false))
      deepStrictEqual(seen.splice(0), ['shell'])
      await text(await shell())
      deepStrictEqual(seen.splice(0), ['pty', 'shell'])
    },
  },
  {
    line: '1.8 accept without reply',
    covers: ['1.8 signal'],
    title: 'accept and reject are undefined where the client wants no reply',
    async run(ssh2, world) {
      const seen: unknown[] = []
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            session.on('signal', (...args: unknown[]) => {
              seen.push(args.slice(0, 2))
              stream.end()
            })
          }),
        ),
      })
      const stream = await exec(client, 'x')
      stream.signal('INT')
      stream.resume()
      await next(stream, 'close')
      deepStrictEqual(seen, [[undefined, undefined]])
    },
  },
  {
    line: '1.9 properties',
    covers: ['1.9 type', '1.9 subtype', '1.9 server', '1.9 incoming', '1.9 outgoing'],
    title: 'type, subtype, server, incoming and outgoing on both sides',
    async run(ssh2, world) {
      let served: unknown
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => (served = accept()))),
      })
      for (const [channel, server] of [
        [await exec(client, 'x'), undefined],
        [served as object, true],
      ] as const) {
        const facts = untyped(channel as object)
        deepStrictEqual([facts['type'], facts['subtype']], ['session', 'exec'])
        strictEqual(Boolean(facts['server']), Boolean(server))
        strictEqual((facts['incoming'] as unknown as { state: string }).state, 'open')
        strictEqual((facts['outgoing'] as unknown as { state: string }).state, 'open')
      }
    },
  },
  {
    line: '1.9 eof close',
    covers: ['1.9 eof', '1.9 close'],
    title: 'eof() and close()',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.resume().on('end', () => untyped(stream)['close']?.())
          }),
        ),
      })
      const stream = await exec(client, 'x')
      untyped(stream)['eof']?.()
      stream.resume()
      await next(stream, 'close')
    },
  },
  {
    line: '1.9 allowHalfOpen',
    covers: ['1.3 allowHalfOpen'],
    title: 'false: the end of the output ends the input',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) => session.on('exec', (accept) => accept().end('out'))),
      })
      const stream = await exec(client, 'x', { allowHalfOpen: false })
      const finished = once(stream, 'finish')
      strictEqual(await text(stream), 'out')
      await finished
    },
  },
  {
    line: 'B31',
    covers: ['1.9 exit'],
    title: "exit('KILL') is exit('SIGKILL')",
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream = accept()
            stream.exit('KILL' as never)
            stream.end()
          }),
        ),
      })
      let exited: Promise<unknown[]> = Promise.resolve([])
      const stream = await exec(client, 'x', {}, (made) => (exited = next(made, 'exit')))
      stream.resume()
      deepStrictEqual((await exited).slice(0, 2), [null, 'SIGKILL'])
    },
  },
  {
    line: 'C26',
    covers: ['1.5 highWaterMark'],
    title: 'highWaterMark of the server is that of its channels',
    async run(ssh2, world) {
      let size = 0
      const { client } = await readyPair(ssh2, world, {
        server: { highWaterMark: 1234 } as never,
        onConnection: serving((session) =>
          session.on('exec', (accept) => {
            const stream: ServerChannel = accept()
            size = stream.readableHighWaterMark
            stream.end()
          }),
        ),
      })
      await exec(client, 'x')
      strictEqual(size, 1234)
    },
  },
  {
    line: 'C27',
    title: 'sftp without an sftp listener is offered as the subsystem of that name',
    async run(ssh2, world) {
      let name = ''
      const { client } = await readyPair(ssh2, world, {
        onConnection: serving((session) =>
          session.on('subsystem', (accept, _reject, info) => {
            name = info.name
            accept().end()
          }),
        ),
      })
      await new Promise((resolve) => client.subsys('sftp', resolve))
      strictEqual(name, 'sftp')
    },
  },
  {
    line: '1.5 net.Server',
    covers: ['1.5 listen'],
    title: 'methods and properties of net.Server',
    async run(ssh2, world) {
      const { server } = await readyPair(ssh2, world)
      ok(portOf(server) > 0)
      strictEqual(server.ref(), server)
      strictEqual(server.unref(), server)
      server.maxConnections = 7
      strictEqual(server.maxConnections, 7)
      const count = await new Promise<number>((resolve, reject) =>
        server.getConnections((error, number) => (error ? reject(error) : resolve(number))),
      )
      strictEqual(count, 1)
      strictEqual(typeof server.close, 'function')
    },
  },
  {
    line: '1.5 ident',
    covers: ['1.5 greeting', '1.5 banner'],
    title: 'greeting and identification are the first lines of the server',
    async run(ssh2, world) {
      const { server } = await pair(ssh2, world, { server: { ident: 'mine_1.0', greeting: 'hello' } })
      const socket = connect(portOf(server), '127.0.0.1')
      world.defer(() => socket.destroy())
      let seen = ''
      while (!seen.includes('SSH-')) seen += String((await once(socket, 'data'))[0])
      match(seen, /^hello\r\nSSH-2\.0-mine_1\.0\r\n/)
    },
  },
  {
    line: '1.5 hostKeys',
    title: 'an encrypted host key with its passphrase; no host keys throw',
    async run(ssh2, world) {
      const { privateText } = makeKeyFile('ed25519', { passphrase: 'open' })
      await readyPair(ssh2, world, { server: { hostKeys: [{ key: privateText, passphrase: 'open' }] } })
      let thrown: unknown
      try {
        new ssh2.Server({} as never)
      } catch (error) {
        thrown = error
      }
      match(String(thrown), /hostKeys/)
    },
  },
  {
    line: '1.5 keepaliveInterval',
    covers: ['C25', '1.5 keepaliveCountMax'],
    title: 'the server keeps a client that answers its keepalives',
    async run(ssh2, world) {
      const { client } = await readyPair(ssh2, world, {
        server: { keepaliveInterval: 10, keepaliveCountMax: 1 } as never,
        onConnection: serving((session) => session.on('exec', (accept) => accept().end('alive'))),
      })
      await new Promise((resolve) => setTimeout(resolve, 80))
      strictEqual(await text(await exec(client, 'x')), 'alive')
    },
  },
  {
    line: 'C28',
    covers: ['1.7 handshake', '1.7 rekey event', '1.7 ready', 'B20'],
    title: "the server's connection emits handshake, ready, and after a rekey rekey and handshake again",
    async run(ssh2, world) {
      let seen: [string, ...unknown[]][] = []
      const { connection } = await readyPair(ssh2, world, {
        onConnection: (c) => {
          seen = record(c, ['handshake', 'ready', 'rekey'])
          c.on('authentication', (ctx) => ctx.accept())
        },
      })
      const server = untyped(await connection)
      await new Promise((resolve) => server['rekey']?.(resolve))
      deepStrictEqual(seen.map(([name]) => name).sort(), ['handshake', 'handshake', 'ready', 'rekey'])
    },
  },
  {
    line: '1.7 setNoDelay',
    title: 'setNoDelay of a connection gives it',
    async run(ssh2, world) {
      const { connection } = await readyPair(ssh2, world)
      const server = await connection
      strictEqual(untyped(server)['setNoDelay']?.(true), server)
    },
  },
  {
    line: '1.7 boolean',
    covers: ['1.7 end boolean'],
    title: 'forwardOut and end of a connection give booleans',
    async run(ssh2, world) {
      const { client, connection } = await readyPair(ssh2, world)
      const server = untyped(await connection)
      strictEqual(
        server['forwardOut']?.('a', 1, 'b', 2, () => undefined),
        true,
      )
      strictEqual(server['end']?.(), true)
      await next(client, 'close')
    },
  },
  {
    line: 'B38 bare session',
    title: 'a client that ends with a bare session raises no error on the server',
    async run(ssh2, world) {
      const errors: unknown[] = []
      let gone: Promise<unknown> | undefined
      const { client } = await readyPair(ssh2, world, {
        onConnection: (c: Connection) => {
          c.on('error', (error) => errors.push(error))
          gone = next(c, 'close')
          c.on('authentication', (ctx) => ctx.accept())
          c.on('session', (accept) => {
            accept()
            setImmediate(() => client.end())
          })
        },
      })
      client.on('error', () => undefined)
      client.exec('never answered', () => undefined)
      await gone
      deepStrictEqual(errors, [])
    },
  },
]
