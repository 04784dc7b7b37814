/** Cases about whole files over SFTP: fastGet and fastPut, streams, readFile and its like. */

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SFTPWrapper } from 'ssh2'
import { type Case, called, next, record, type Ssh2, text, untyped, type World } from './kit.ts'
import { failure, type OneFile, oneFile, outcome, sftpPair, shape } from './sftp-kit.ts'

const h = Buffer.from('file')

/** A client, and the server's one file. */
async function withFile(
  ssh2: Ssh2,
  world: World,
  content?: Buffer,
): Promise<{ readonly sftp: SFTPWrapper; readonly file: OneFile }> {
  let file: OneFile | undefined
  const { sftp } = await sftpPair(ssh2, world, (server) => {
    file = oneFile(server, content)
  })
  return { sftp, file: file as OneFile }
}

function folder(world: World): string {
  const at = mkdtempSync(join(tmpdir(), 'sftp-case-'))
  world.defer(() => rmSync(at, { recursive: true }))
  return at
}

const big = Buffer.from(Array.from({ length: 300_000 }, (_none, at) => (at * 7) >>> 3))

export const sftpTransferCases: readonly Case[] = [
  {
    line: '1.12 fastGet',
    title: 'a whole file; step gets the total, the part and the size',
    async run(ssh2, world) {
      const { sftp } = await withFile(ssh2, world, big)
      const local = join(folder(world), 'local')
      const steps: number[][] = []
      const step = (...args: number[]): unknown => steps.push(args)
      const options = { concurrency: 4, chunkSize: 20_000, step }
      deepStrictEqual(await outcome((cb) => sftp.fastGet('/file', local, options as never, cb as never)), [])
      ok(readFileSync(local).equals(big))
      ok(steps.length >= 2)
      deepStrictEqual(
        steps.map(([total]) => total),
        steps.map((_step, at) => steps.slice(0, at + 1).reduce((sum, [, part]) => sum + (part as number), 0)),
      )
      deepStrictEqual([steps.at(-1)?.[0], steps.at(-1)?.[2]], [big.length, big.length])
    },
  },
  {
    line: '1.12 fastGet errors',
    title: 'of the server with its code, of the local file with its own',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const local = join(folder(world), 'no', 'folder')
      strictEqual((await failure((cb) => sftp.fastGet('/file', local, cb as never))).code, 'ENOENT')
      file.size = 11
      const other = await sftpPair(ssh2, world, (server) => server.on('OPEN', (id) => server.status(id, 3)))
      strictEqual((await failure((cb) => other.sftp.fastGet('/x', local, cb as never))).code, 3)
    },
  },
  {
    line: '1.12 fastGet mode',
    covers: ['1.12 fastGet fileSize'],
    title: 'mode is that of the local file, fileSize saves the question',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const local = join(folder(world), 'local')
      const options = { mode: 0o600, fileSize: 11 }
      await called((cb) => sftp.fastGet('/file', local, options as never, cb))
      strictEqual(readFileSync(local, 'utf8'), 'hello world')
      strictEqual(statSync(local).mode & 0o777, 0o600)
      strictEqual(shape(file.asked), 'OPEN READ CLOSE')
      await called((cb) => sftp.fastGet('/file', local, { fileSize: 4 } as never, cb))
      strictEqual(readFileSync(local, 'utf8'), 'hell')
    },
  },
  {
    line: '1.12 fastGet short answers',
    title: 'a server that gives less than it is asked for, and files of size 0 and of unknown size',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, big)
      const local = join(folder(world), 'local')
      file.most = 7_001
      await called((cb) => sftp.fastGet('/file', local, cb))
      ok(readFileSync(local).equals(big))
      file.size = 0
      await called((cb) => sftp.fastGet('/file', local, cb))
      ok(readFileSync(local).equals(big))
      file.content = Buffer.alloc(0)
      await called((cb) => sftp.fastGet('/file', local, cb))
      strictEqual(readFileSync(local).length, 0)
    },
  },
  {
    line: '1.12 fastPut',
    title: 'a whole file, with a mode; step as for fastGet',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, Buffer.alloc(0))
      const local = join(folder(world), 'local')
      writeFileSync(local, big)
      const steps: number[][] = []
      const step = (...args: number[]): unknown => steps.push(args)
      const options = { mode: '600', step }
      deepStrictEqual(await outcome((cb) => sftp.fastPut(local, '/file', options as never, cb as never)), [])
      ok(file.content.equals(big))
      deepStrictEqual([steps.at(-1)?.[0], steps.at(-1)?.[2]], [big.length, big.length])
      const set = file.asked.find(([event]) => event === 'FSETSTAT')
      strictEqual((set?.[2] as { mode: number }).mode, 0o600)
      deepStrictEqual(file.asked.find(([event]) => event === 'OPEN')?.slice(0, 3), ['OPEN', '/file', 26])
      strictEqual((await failure((cb) => sftp.fastPut(`${local}-not`, '/file', cb as never))).code, 'ENOENT')
    },
  },
  {
    line: '1.12 readFile',
    covers: ['B40 readFile'],
    title: 'OPEN, FSTAT, READ, CLOSE; a Buffer, or text with an encoding',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const content = await called((cb) => sftp.readFile('/file', cb as never))
      deepStrictEqual(content, Buffer.from('hello world'))
      strictEqual(shape(file.asked), 'OPEN FSTAT READ CLOSE')
      strictEqual(file.asked.length, 4)
      strictEqual(await called((cb) => sftp.readFile('/file', 'utf8', cb as never)), 'hello world')
      const options = { encoding: 'hex' as const, flag: 'r' }
      strictEqual(
        await called((cb) => sftp.readFile('/file', options, cb as never)),
        Buffer.from('hello world').toString('hex'),
      )
    },
  },
  {
    line: 'B40 readFile without size',
    title: 'READ until the end where there is no size',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      file.size = 0
      deepStrictEqual(await called((cb) => sftp.readFile('/file', cb as never)), Buffer.from('hello world'))
      strictEqual(shape(file.asked), 'OPEN FSTAT READ CLOSE')
    },
  },
  {
    line: '1.12 writeFile',
    covers: ['1.12 appendFile'],
    title: 'text and Buffers, behind what is there with appendFile',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, Buffer.alloc(0))
      deepStrictEqual(await outcome((cb) => sftp.writeFile('/file', 'one', cb as never)), [])
      strictEqual(shape(file.asked), 'OPEN WRITE CLOSE')
      deepStrictEqual(file.asked[0]?.slice(0, 3), ['OPEN', '/file', 26])
      await called((cb) => sftp.appendFile('/file', Buffer.from(' two'), cb))
      strictEqual(file.content.toString(), 'one two')
      await called((cb) => sftp.writeFile('/file', '2121', { encoding: 'hex', mode: 0o600 }, cb))
      strictEqual(file.content.toString(), '!!e two')
      await called((cb) => sftp.writeFile('/file', '', cb))
    },
  },
  {
    line: '1.12 createReadStream',
    covers: ['B40 ReadStream'],
    title: 'OPEN, READs, CLOSE; open, ready, end, close; bytesRead',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const stream = sftp.createReadStream('/file')
      const seen = record(stream, ['open', 'ready', 'end', 'close', 'error'])
      strictEqual(stream.pending, true)
      const closed = next(stream, 'close')
      strictEqual(await text(stream), 'hello world')
      await closed
      deepStrictEqual(seen, [['open', h], ['ready'], ['end'], ['close']])
      strictEqual(untyped(stream)['bytesRead'] as unknown, 11)
      strictEqual(shape(file.asked), 'OPEN READ CLOSE')
      ok(file.asked.filter(([event]) => event === 'READ').length <= 2)
    },
  },
  {
    line: '1.12 createReadStream range',
    title: 'start and end, both included; encoding; options that contradict are thrown',
    async run(ssh2, world) {
      const { sftp } = await withFile(ssh2, world)
      strictEqual(await text(sftp.createReadStream('/file', { start: 2, end: 4 })), 'llo')
      strictEqual(await text(sftp.createReadStream('/file', { start: 9 })), 'ld')
      const stream = sftp.createReadStream('/file', { encoding: 'base64' } as never)
      const [first] = await next(stream, 'data')
      strictEqual(typeof first, 'string')
      await next(stream, 'close')
      let thrown: unknown
      try {
        sftp.createReadStream('/file', { start: 5, end: 4 })
      } catch (error) {
        thrown = error
      }
      ok(thrown instanceof Error)
    },
  },
  {
    line: '1.12 createReadStream handle',
    title: 'with a handle and without autoClose nothing is opened and nothing closed',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const stream = sftp.createReadStream('', { handle: h, autoClose: false })
      const seen = record(stream, ['open', 'close'])
      strictEqual(await text(stream), 'hello world')
      await called((cb) => sftp.stat('/file', cb))
      deepStrictEqual(seen, [])
      strictEqual(shape(file.asked), 'READ STAT')
    },
  },
  {
    line: '1.12 createReadStream errors',
    title: 'a file that cannot be opened: one error with its code, then close',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('OPEN', (id) => server.status(id, 2, 'gone')),
      )
      const stream = sftp.createReadStream('/file')
      const seen = record(stream, ['error', 'close', 'end'])
      await next(stream, 'close')
      const [, error] = seen[0] as [string, Error & { code: number }]
      deepStrictEqual([error.message, error.code], ['gone', 2])
      strictEqual(seen.length, 2)
    },
  },
  {
    line: '1.12 createReadStream destroy',
    title: 'destroy and close in the middle close the handle, and close is emitted',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, big)
      const stream = sftp.createReadStream('/file')
      await next(stream, 'data')
      stream.destroy()
      await next(stream, 'close')
      strictEqual(file.asked.at(-1)?.[0], 'CLOSE')
      const other = sftp.createReadStream('/file')
      await next(other, 'open')
      await called((cb) => other.close(cb))
      strictEqual(file.asked.at(-1)?.[0], 'CLOSE')
    },
  },
  {
    line: '1.12 createReadStream back-pressure',
    title: 'who does not read is not read for',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, Buffer.alloc(40_000_000))
      const stream = sftp.createReadStream('/file')
      await next(stream, 'readable')
      for (let round = 0; round < 20; round++) await called((cb) => sftp.stat('/file', cb))
      const asked = file.asked.reduce((sum, one) => sum + (one[0] === 'READ' ? (one[3] as number) : 0), 0)
      ok(asked < 20_000_000, `${asked} bytes were asked for`)
      stream.destroy()
    },
  },
  {
    line: '1.12 createWriteStream',
    covers: ['B40 WriteStream'],
    title: 'OPEN, FSETSTAT 0o666, a WRITE for each write, CLOSE; open, ready, close; bytesWritten',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, Buffer.alloc(0))
      const stream = sftp.createWriteStream('/file')
      const seen = record(stream, ['open', 'ready', 'close', 'error'])
      stream.write('abc')
      stream.write('def')
      stream.end('ghi')
      await next(stream, 'close')
      deepStrictEqual(seen, [['open', h], ['ready'], ['close']])
      strictEqual(file.content.toString(), 'abcdefghi')
      deepStrictEqual(
        file.asked.map(([event]) => event),
        ['OPEN', 'FSETSTAT', 'WRITE', 'WRITE', 'WRITE', 'CLOSE'],
      )
      strictEqual((file.asked[1]?.[2] as { mode: number }).mode, 0o666)
      deepStrictEqual(file.asked[0]?.slice(0, 3), ['OPEN', '/file', 26])
      strictEqual(untyped(stream)['bytesWritten'] as unknown, 9)
    },
  },
  {
    line: '1.12 createWriteStream finish',
    title: 'finish comes when the server has answered for everything',
    async run(ssh2, world) {
      let answered = 0
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('OPEN', (id) => server.handle(id, h))
        server.on('WRITE', (id) =>
          setImmediate(() => {
            answered++
            server.status(id, 0)
          }),
        )
        for (const event of ['FSETSTAT', 'CLOSE'] as const)
          server.on(event as 'CLOSE', (id) => server.status(id, 0))
      })
      const stream = sftp.createWriteStream('/file')
      for (let at = 0; at < 20; at++) stream.write(Buffer.alloc(10_000))
      stream.end()
      await next(stream, 'finish')
      strictEqual(answered, 20)
    },
  },
  {
    line: '1.12 createWriteStream start',
    title: 'flags r+ and start write into the middle; flags a behind what is there',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world)
      const middle = sftp.createWriteStream('/file', { flags: 'r+', start: 6 })
      middle.end('WORLD')
      await next(middle, 'close')
      strictEqual(file.content.toString(), 'hello WORLD')
      deepStrictEqual(file.asked[0]?.slice(0, 3), ['OPEN', '/file', 3])
      const behind = sftp.createWriteStream('/file', { flags: 'a', mode: 0o600 })
      behind.write('!')
      behind.end('?')
      await next(behind, 'close')
      strictEqual(file.content.toString(), 'hello WORLD!?')
    },
  },
  {
    line: '1.12 createWriteStream errors',
    title: 'a server that refuses: one error with its code, then close',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        server.on('OPEN', (id, path) => (path === '/no' ? server.status(id, 3) : server.handle(id, h)))
        server.on('WRITE', (id) => server.status(id, 4, 'disk full'))
        for (const event of ['FSETSTAT', 'CLOSE'] as const)
          server.on(event as 'CLOSE', (id) => server.status(id, 0))
      })
      for (const [path, message, code] of [
        ['/no', 'Permission denied', 3],
        ['/full', 'disk full', 4],
      ] as const) {
        const stream = sftp.createWriteStream(path)
        const seen = record(stream, ['error', 'close'])
        stream.write('data')
        await next(stream, 'close')
        const [, error] = seen[0] as [string, Error & { code: number }]
        deepStrictEqual([error.message, error.code, seen.length], [message, code, 2])
      }
    },
  },
  {
    line: '1.12 createWriteStream memory',
    title: 'what was written may be changed by the program at once',
    async run(ssh2, world) {
      const { sftp, file } = await withFile(ssh2, world, Buffer.alloc(0))
      const stream = sftp.createWriteStream('/file')
      await next(stream, 'open')
      const chunk = Buffer.alloc(10_000)
      for (let at = 0; at < 8; at++) {
        chunk.fill(at)
        await new Promise((resolve) => stream.write(chunk, resolve))
        chunk.fill(255)
      }
      stream.end()
      await next(stream, 'close')
      ok(!file.content.includes(255))
    },
  },
]
