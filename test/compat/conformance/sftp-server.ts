/** Cases about the SFTP server: events, the methods that answer, its end. */

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Case, called, next, record, untyped } from './kit.ts'
import { type AnyEmitter, entries, failure, oneFile, sftpPair } from './sftp-kit.ts'

const h = Buffer.from('file')
const here = fileURLToPath(import.meta.url)

export const sftpServerCases: readonly Case[] = [
  {
    line: '1.13 ready',
    covers: ['1.12 events', 'C17'],
    title: 'ready on the server; both sides are emitters, with end and destroy',
    async run(ssh2, world) {
      let ready: Promise<unknown> = Promise.resolve()
      const { sftp, server } = await sftpPair(ssh2, world, (side) => {
        ready = next(side, 'ready')
      })
      await ready
      for (const side of [sftp, server])
        for (const name of ['on', 'emit', 'end', 'destroy'])
          strictEqual(typeof untyped(side)[name], 'function')
    },
  },
  {
    line: '1.13 status',
    covers: ['B42 message', 'B43 status'],
    title: 'code and text reach the client; without a text there is one by default',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('REMOVE', (id) => server.status(id, 3, 'not yours'))
        server.on('RMDIR', (id) => server.status(id, 4))
      })
      const own = await failure((callback) => sftp.unlink('x', callback as never))
      deepStrictEqual([own.message, own.code], ['not yours', 3])
      const standard = await failure((callback) => sftp.rmdir('x', callback as never))
      deepStrictEqual([standard.message, standard.code], ['Failure', 4])
    },
  },
  {
    line: '1.13 handle',
    covers: ['B4 SFTP'],
    title: "handles come back as they went, with exactly Buffer's prototype",
    async run(ssh2, world) {
      const odd = Buffer.from([0, 255, 1, 254])
      let seen: Buffer | undefined
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('OPEN', (id) => server.handle(id, odd))
        server.on('CLOSE', (id, handle) => {
          seen = handle
          server.status(id, 0)
        })
      })
      const handle = await called<Buffer>((callback) => sftp.open('x', 'r', callback as never))
      deepStrictEqual(handle, odd)
      await called((callback) => sftp.close(handle, callback))
      deepStrictEqual(seen, odd)
      strictEqual(Object.getPrototypeOf(seen), Buffer.prototype)
      strictEqual(Object.getPrototypeOf(handle), Buffer.prototype)
    },
  },
  {
    line: '1.13 data',
    title: 'a Buffer, or a string with its encoding',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('READ', (id, _handle, offset) =>
          offset === 0 ? server.data(id, Buffer.from('one')) : server.data(id, '74776f', 'hex'),
        ),
      )
      const buffer = Buffer.alloc(6)
      await called((callback) => sftp.read(h, buffer, 0, 3, 0, callback as never))
      await called((callback) => sftp.read(h, buffer, 3, 3, 3, callback as never))
      strictEqual(buffer.toString(), 'onetwo')
    },
  },
  {
    line: '1.13 name',
    covers: ['B43 name'],
    title: 'a list, or one object alone; attributes may be null',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('REALPATH', (id) => server.name(id, entries(['/a'])))
        server.on('READLINK', (id) => server.name(id, { filename: '/b', longname: '', attrs: null } as never))
      })
      strictEqual(await called((callback) => sftp.realpath('.', callback as never)), '/a')
      strictEqual(await called((callback) => sftp.readlink('.', callback as never)), '/b')
    },
  },
  {
    line: '1.13 attrs',
    covers: ['B43 attrs'],
    title: 'attributes with numbers, with Dates, and those of fs.stat as they are',
    async run(ssh2, world) {
      const own = statSync(here)
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('STAT', (id) =>
          server.attrs(id, { mode: '644', size: 5, atime: new Date(5000), mtime: new Date(6900) } as never),
        )
        server.on('LSTAT', (id) => server.attrs(id, own as never))
      })
      const given = await called<Record<string, unknown>>((callback) => sftp.stat('x', callback as never))
      deepStrictEqual([given['mode'], given['size'], given['atime'], given['mtime']], [0o644, 5, 5, 6])
      const stats = await called<Record<string, unknown>>((callback) => sftp.lstat('x', callback as never))
      deepStrictEqual(
        [stats['size'], stats['mode'], stats['uid'], stats['mtime']],
        [readFileSync(here).length, own.mode, own.uid, Math.floor(own.mtimeMs / 1000)],
      )
    },
  },
  {
    line: '1.13 boolean',
    covers: ['1.12 boolean', 'C2 SFTP'],
    title: 'methods of both sides give booleans',
    async run(ssh2, world) {
      const given: unknown[] = []
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('OPEN', (id) => given.push(server.handle(id, h)))
        server.on('STAT', (id) => given.push(server.attrs(id, {} as never)))
        server.on('REALPATH', (id) => given.push(server.name(id, entries(['x']))))
        server.on('READ', (id) => given.push(server.data(id, 'x')))
        server.on('RMDIR', (id) => given.push(server.status(id, 0)))
      })
      const done = (() => undefined) as never
      const asked: unknown[] = [
        sftp.open('x', 'r', done),
        sftp.stat('x', done),
        sftp.realpath('x', done),
        sftp.read(h, Buffer.alloc(1), 0, 1, 0, done),
      ]
      await called((callback) => asked.push(sftp.rmdir('x', callback)))
      deepStrictEqual(asked, [true, true, true, true, true])
      deepStrictEqual(given, [true, true, true, true, true])
    },
  },
  {
    line: '1.12 continue',
    covers: ['C3 SFTP'],
    title: 'who sends without end is told to wait, and later to go on',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
      const chunk = Buffer.alloc(32_768)
      const done = (() => undefined) as never
      let sent = 0
      while (sent < 100_000 && (sftp.write(h, chunk, 0, chunk.length, 0, done) as unknown) !== false) sent++
      ok(sent < 100_000)
      await next(sftp, 'continue')
      strictEqual(sftp.stat('x', done) as unknown, true)
    },
  },
  {
    line: '1.13 unhandled',
    covers: ['B43 unhandled'],
    title: 'a request that nobody listens for is answered OP_UNSUPPORTED',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, () => undefined)
      strictEqual((await failure((callback) => sftp.stat('x', callback as never))).code, 8)
      strictEqual((await failure((callback) => sftp.open('x', 'w', callback as never))).code, 8)
    },
  },
  {
    line: '1.13 EXTENDED',
    covers: ['1.13 announce', '1.13 extendedReply'],
    title: 'extensions are announced, asked for, and answered with data of their own',
    async run(ssh2, world) {
      const asked: unknown[] = []
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        const more = untyped(server)
        more['announce']?.('fsync@openssh.com', '1')
        more['announce']?.('statvfs@openssh.com', '2')
        ;(server as unknown as AnyEmitter).on('EXTENDED', (id, name, data) => {
          asked.push([name, data])
          if (name === 'fsync@openssh.com') server.status(id as number, 0)
          else more['extendedReply']?.(id, Buffer.alloc(88, 0))
        })
      })
      await called((callback) => sftp.ext_openssh_fsync(h, callback as never))
      const info = await called<Record<string, number>>((callback) =>
        sftp.ext_openssh_statvfs('/', callback as never),
      )
      strictEqual(info['f_bsize'], 0)
      deepStrictEqual(asked, [
        ['fsync@openssh.com', Buffer.from([0, 0, 0, 4, ...h])],
        ['statvfs@openssh.com', Buffer.from([0, 0, 0, 1, 0x2f])],
      ])
    },
  },
  {
    line: '1.12 end',
    covers: ['B43 end'],
    title: 'end() closes both sides',
    async run(ssh2, world) {
      const { sftp, server } = await sftpPair(ssh2, world, () => undefined)
      const seen = record(sftp, ['end', 'close'])
      const closed = Promise.all([next(sftp, 'close'), next(server, 'close')])
      sftp.end()
      await closed
      deepStrictEqual(
        seen.map(([name]) => name),
        ['end', 'close'],
      )
    },
  },
  {
    line: '1.12 end with requests under way',
    title: 'what was asked for before end() is still answered',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('RMDIR', (id) => setImmediate(() => server.status(id, 0))),
      )
      const answer = called((callback) => sftp.rmdir('x', callback))
      sftp.end()
      await answer
      await next(sftp, 'close')
    },
  },
  {
    line: '1.13 end',
    title: "the server's end() closes both sides; requests that wait get an error",
    async run(ssh2, world) {
      const { sftp, server } = await sftpPair(ssh2, world, (side) => side.on('STAT', () => side.end()))
      const closed = Promise.all([next(sftp, 'close'), next(server, 'close')])
      strictEqual(
        (await failure((callback) => sftp.stat('x', callback as never))).message,
        'No response from server',
      )
      await closed
    },
  },
  {
    line: '1.13 exit status',
    title: 'a client that ends is told that all went well, as scp wants it',
    async run(ssh2, world) {
      const { client } = await sftpPair(ssh2, world, () => undefined)
      const stream = await called<NodeJS.ReadWriteStream>((callback) =>
        client.subsys('sftp', callback as never),
      )
      const exit = next(stream, 'exit')
      stream.end(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]))
      stream.resume()
      deepStrictEqual((await exit)[0], 0)
    },
  },
  {
    line: '1.13 back-pressure',
    title: 'a client that does not read its replies is not read from for ever',
    async run(ssh2, world) {
      let answered = 0
      const { client } = await sftpPair(ssh2, world, (server) =>
        server.on('READ', (id) => {
          answered++
          server.data(id, Buffer.alloc(32_768))
        }),
      )
      const stream = await called<NodeJS.ReadWriteStream>((callback) =>
        client.subsys('sftp', callback as never),
      )
      stream.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]))
      const total = 4_000
      for (let id = 0; id < total; id++) {
        stream.write(
          Buffer.concat([u(22), Buffer.from([5]), u(id), u(1), Buffer.from('f'), u(0), u(0), u(32_768)]),
        )
      }
      // As many turns as it takes for the server to stand still.
      for (let still = 0, before = -1; still < 50; before = answered) {
        await new Promise((resolve) => setImmediate(resolve))
        still = answered === before ? still + 1 : 0
      }
      ok(answered < total / 2, `${answered} of ${total} answers were made`)
    },
  },
]

function u(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
