/** Cases about the requests of an SFTP client, one by one, as the server's events tell them. */

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import type { SFTPWrapper } from 'ssh2'
import { type Case, called, untyped } from './kit.ts'
import { type Asked, entries, failure, oneFile, outcome, recording, sftpPair } from './sftp-kit.ts'

const h = Buffer.from('file')
type Ask = (sftp: SFTPWrapper, callback: never) => unknown

/** What a method sends, and what its callback gets. Attributes are compared where they are given. */
const requests: readonly (readonly [
  line: string,
  ask: Ask,
  event: readonly [name: string, ...args: unknown[]],
  got: readonly unknown[],
])[] = [
  ['1.12 open', (s, cb) => s.open('/a', 'r+', cb), ['OPEN', '/a', 3, {}], [undefined, h]],
  [
    '1.12 open mode',
    (s, cb) => s.open('/a', 'w', '640', cb),
    ['OPEN', '/a', 26, { mode: 0o640 }],
    [undefined, h],
  ],
  [
    '1.12 open attributes',
    (s, cb) => s.open('/a', 'a', { mode: 0o600, uid: 1, gid: 2 }, cb),
    ['OPEN', '/a', 14, { mode: 0o600, uid: 1, gid: 2 }],
    [undefined, h],
  ],
  ['1.12 open mask', (s, cb) => s.open('/a', 9, cb), ['OPEN', '/a', 9, {}], [undefined, h]],
  ['1.12 close', (s, cb) => s.close(h, cb), ['CLOSE', h], []],
  ['1.12 fsetstat', (s, cb) => s.fsetstat(h, { size: 5 }, cb), ['FSETSTAT', h, { size: 5 }], []],
  ['1.12 setstat', (s, cb) => s.setstat('/a', { mode: '755' }, cb), ['SETSTAT', '/a', { mode: 0o755 }], []],
  [
    '1.12 futimes',
    (s, cb) => s.futimes(h, new Date(1500), 7, cb),
    ['FSETSTAT', h, { atime: 1, mtime: 7 }],
    [],
  ],
  [
    '1.12 utimes',
    (s, cb) => s.utimes('/a', 5, new Date(9000), cb),
    ['SETSTAT', '/a', { atime: 5, mtime: 9 }],
    [],
  ],
  ['1.12 fchown', (s, cb) => s.fchown(h, 3, 4, cb), ['FSETSTAT', h, { uid: 3, gid: 4 }], []],
  ['1.12 chown', (s, cb) => s.chown('/a', 3, 4, cb), ['SETSTAT', '/a', { uid: 3, gid: 4 }], []],
  ['1.12 fchmod', (s, cb) => s.fchmod(h, '644', cb), ['FSETSTAT', h, { mode: 0o644 }], []],
  ['1.12 chmod', (s, cb) => s.chmod('/a', 0o600, cb), ['SETSTAT', '/a', { mode: 0o600 }], []],
  ['1.12 opendir', (s, cb) => s.opendir('/d', cb), ['OPENDIR', '/d'], [undefined, h]],
  ['1.12 unlink', (s, cb) => s.unlink('/a', cb), ['REMOVE', '/a'], []],
  ['1.12 rename', (s, cb) => s.rename('/a', '/b', cb), ['RENAME', '/a', '/b'], []],
  ['1.12 mkdir', (s, cb) => s.mkdir('/d', cb), ['MKDIR', '/d', {}], []],
  [
    '1.12 mkdir attributes',
    (s, cb) => s.mkdir('/d', { mode: 0o700 }, cb),
    ['MKDIR', '/d', { mode: 0o700 }],
    [],
  ],
  ['1.12 rmdir', (s, cb) => s.rmdir('/d', cb), ['RMDIR', '/d'], []],
  ['1.12 readlink', (s, cb) => s.readlink('/l', cb), ['READLINK', '/l'], [undefined, 'the name']],
  ['1.12 realpath', (s, cb) => s.realpath('.', cb), ['REALPATH', '.'], [undefined, 'the name']],
  ['1.12 symlink', (s, cb) => s.symlink('target', 'link', cb), ['SYMLINK', 'link', 'target'], []],
]

/** Objects less what is undefined. */
function given(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}

const tableCases: readonly Case[] = requests.map(([line, ask, event, got]) => ({
  line,
  covers: [`1.13 ${event[0]}`, ...(line === '1.12 symlink' ? ['C37'] : [])],
  title: `sends ${event[0]} and gives what answers it`,
  async run(ssh2, world) {
    let asked: Asked[] = []
    const { sftp } = await sftpPair(ssh2, world, (server) => {
      asked = recording(server, (name, id) => {
        if (name === 'OPEN' || name === 'OPENDIR') server.handle(id, h)
        else if (name === 'READLINK' || name === 'REALPATH') server.name(id, entries(['the name']))
        else server.status(id, 0)
      })
    })
    const outcomes = await outcome((callback) => ask(sftp, callback as never))
    deepStrictEqual(
      asked.map((one) => one.map(given)),
      [event],
    )
    deepStrictEqual(outcomes, got)
  },
}))

const statMethods: readonly (readonly [line: string, event: string, ask: Ask])[] = [
  ['1.12 stat', 'STAT', (s, cb) => s.stat('/a', cb)],
  ['1.12 lstat', 'LSTAT', (s, cb) => s.lstat('/a', cb)],
  ['1.12 fstat', 'FSTAT', (s, cb) => s.fstat(h, cb)],
]

const statCases: readonly Case[] = statMethods.map(([line, event, ask]) => ({
  line,
  covers: [`1.13 ${event}`],
  title: `sends ${event} and gives Stats`,
  async run(ssh2, world) {
    const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
    const stats = await called<Record<string, unknown>>((callback) => ask(sftp, callback as never))
    deepStrictEqual(
      [stats['mode'], stats['size'], stats['uid'], stats['gid'], stats['atime'], stats['mtime']],
      [0o100644, 11, 1, 2, 3, 4],
    )
  },
}))

export const sftpRequestCases: readonly Case[] = [
  {
    line: '1.14 stringToFlags',
    covers: ['1.14 flagsToString', '1.14 OPEN_MODE', '1.14 STATUS_CODE'],
    title: 'the constants, and flags both ways',
    run(ssh2) {
      const { stringToFlags, flagsToString, OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp
      deepStrictEqual({ ...OPEN_MODE }, { READ: 1, WRITE: 2, APPEND: 4, CREAT: 8, TRUNC: 16, EXCL: 32 })
      deepStrictEqual(
        [STATUS_CODE.OK, STATUS_CODE.EOF, STATUS_CODE.NO_SUCH_FILE, STATUS_CODE.PERMISSION_DENIED],
        [0, 1, 2, 3],
      )
      deepStrictEqual([STATUS_CODE.FAILURE, STATUS_CODE.BAD_MESSAGE, STATUS_CODE.OP_UNSUPPORTED], [4, 5, 8])
      for (const flags of ['r', 'r+', 'w', 'w+', 'wx', 'wx+', 'a', 'a+', 'ax', 'ax+'] as const)
        strictEqual(flagsToString(stringToFlags(flags as 'w') as number), flags)
      strictEqual(flagsToString(0), null)
    },
  },
  ...tableCases,
  ...statCases,
  {
    line: '1.14 Stats',
    covers: ['1.14 ATTRS'],
    title: 'the questions of Stats, and attributes that were not sent are undefined',
    async run(ssh2, world) {
      const modes = {
        Directory: 4,
        File: 8,
        BlockDevice: 6,
        CharacterDevice: 2,
        SymbolicLink: 10,
        FIFO: 1,
        Socket: 12,
      }
      let mode = 0
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('STAT', (id) => server.attrs(id, { mode } as never)),
      )
      for (const [name, type] of Object.entries(modes)) {
        mode = (type << 12) | 0o644
        const stats = untyped(await called<object>((callback) => sftp.stat('x', callback as never)))
        deepStrictEqual(
          Object.keys(modes).filter((each) => stats[`is${each}`]?.()),
          [name],
        )
        strictEqual(stats['size'], undefined)
      }
    },
  },
  {
    line: 'C19',
    title: 'attributes have permissions beside mode',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
      const stats = await called<Record<string, unknown>>((callback) => sftp.stat('x', callback as never))
      strictEqual(stats['permissions'], 0o100644)
      ok('extended' in stats)
    },
  },
  {
    line: '1.12 readdir',
    covers: ['1.13 READDIR', 'B41 readdir'],
    title: 'a path: OPENDIR, READDIR until its end, CLOSE; without . and .. unless full',
    async run(ssh2, world) {
      let asked: Asked[] = []
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        const answers = [['.', '..', 'a'], ['b'], ['.', '..', 'a']]
        asked = recording(server, (event, id) => {
          if (event === 'OPENDIR') server.handle(id, h)
          else if (event === 'CLOSE') server.status(id, 0)
          else {
            const list = answers.shift()
            if (list === undefined) server.status(id, 1)
            else server.name(id, entries(list))
          }
        })
      })
      const list = await called<{ filename: string; longname: string; attrs: object }[]>((callback) =>
        sftp.readdir('/d', callback as never),
      )
      deepStrictEqual(
        list.map(({ filename, longname }) => [filename, longname]),
        [
          ['a', '-rw-r--r-- a'],
          ['b', '-rw-r--r-- b'],
          ['a', '-rw-r--r-- a'],
        ],
      )
      strictEqual(typeof untyped(list[0]?.attrs as object)['isFile'], 'function')
      deepStrictEqual(
        asked.map(([event]) => event),
        ['OPENDIR', 'READDIR', 'READDIR', 'READDIR', 'READDIR', 'CLOSE'],
      )
    },
  },
  {
    line: 'B41 readdir full',
    title: 'full keeps . and ..',
    async run(ssh2, world) {
      let first = true
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        recording(server, (event, id) => {
          if (event === 'OPENDIR') server.handle(id, h)
          else if (event === 'READDIR' && first) server.name(id, entries(['.', '..', 'a']))
          else server.status(id, event === 'READDIR' ? 1 : 0)
          if (event === 'READDIR') first = false
        })
      })
      const list = await called<{ filename: string }[]>((callback) =>
        untyped(sftp)['readdir']?.('/d', { full: true }, callback),
      )
      deepStrictEqual(
        list.map(({ filename }) => filename),
        ['.', '..', 'a'],
      )
    },
  },
  {
    line: '1.12 readdir handle',
    covers: ['B42 end'],
    title: 'a handle: one READDIR each, the end is an error with the code 1',
    async run(ssh2, world) {
      const lists = [['a', 'b'], ['c']]
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('READDIR', (id) => {
          const list = lists.shift()
          if (list === undefined) server.status(id, 1)
          else server.name(id, entries(list))
        }),
      )
      const next = (): Promise<{ filename: string }[]> =>
        called((callback) => sftp.readdir(h, callback as never))
      deepStrictEqual((await next()).length, 2)
      deepStrictEqual((await next()).length, 1)
      strictEqual((await failure((callback) => sftp.readdir(h, callback as never))).code, 1)
    },
  },
  {
    line: '1.12 readdir end',
    title: 'at the end of a handle the list is false, as documented',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('READDIR', (id) => server.status(id, 1)),
      )
      const [, list] = await outcome((callback) => sftp.readdir(h, callback as never))
      strictEqual(list, false)
    },
  },
  {
    line: '1.12 exists',
    title: 'true or false alone',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('STAT', (id, path) =>
          path === '/yes' ? server.attrs(id, {} as never) : server.status(id, 2),
        ),
      )
      deepStrictEqual(await outcome((callback) => sftp.exists('/yes', callback as never)), [true])
      deepStrictEqual(await outcome((callback) => sftp.exists('/no', callback as never)), [false])
    },
  },
  {
    line: '1.12 read',
    covers: ['1.13 READ', '1.13 data', 'B41 read'],
    title: 'bytes into the buffer; callback (error, count, slice, position); 0 at the end',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
      const buffer = Buffer.alloc(20)
      const first = await outcome((callback) => sftp.read(h, buffer, 2, 5, 6, callback as never))
      deepStrictEqual(first, [undefined, 5, Buffer.from('world'), 6])
      strictEqual(buffer.toString('latin1', 2, 7), 'world')
      const short = await outcome((callback) => sftp.read(h, buffer, 0, 20, 6, callback as never))
      deepStrictEqual(short.slice(0, 2), [undefined, 5])
      const end = await outcome((callback) => sftp.read(h, buffer, 0, 20, 11, callback as never))
      deepStrictEqual(end.slice(0, 2), [undefined, 0])
    },
  },
  {
    line: '1.12 readData',
    covers: ['1.12 writeData'],
    title: 'the names of the 0.8 line are there too',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
      const old = untyped(sftp)
      const got = await outcome((callback) => old['readData']?.(h, Buffer.alloc(5), 0, 5, 0, callback))
      deepStrictEqual(got.slice(0, 2), [undefined, 5])
      const wrote = await outcome((callback) => old['writeData']?.(h, Buffer.from('x'), 0, 1, 0, callback))
      strictEqual(wrote[0], undefined)
    },
  },
  {
    line: '1.12 write',
    covers: ['1.13 WRITE', 'C18', 'B41 write'],
    title: 'a part of the buffer to a place; the callback gets the count',
    async run(ssh2, world) {
      let asked: unknown[] = []
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        asked = oneFile(server).asked as unknown[]
      })
      const got = await outcome((callback) =>
        sftp.write(h, Buffer.from('abcdef'), 1, 3, 100, callback as never),
      )
      deepStrictEqual(asked, [['WRITE', h, 100, Buffer.from('bcd')]])
      deepStrictEqual(got, [undefined, 3])
    },
  },
  {
    line: 'B41 oversize',
    title: 'reads and writes that are too long for one request go in several',
    async run(ssh2, world) {
      const content = Buffer.alloc(700_000, 'content ')
      let file: ReturnType<typeof oneFile> | undefined
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        file = oneFile(server, Buffer.alloc(0))
      })
      const wrote = await outcome((callback) =>
        sftp.write(h, content, 0, content.length, 0, callback as never),
      )
      deepStrictEqual(wrote, [undefined, content.length])
      ok(file?.content.equals(content))
      const into = Buffer.alloc(content.length)
      const [error, bytes] = await outcome((callback) =>
        sftp.read(h, into, 0, into.length, 0, callback as never),
      )
      strictEqual(error, undefined)
      strictEqual(bytes, content.length)
      ok(into.equals(content))
    },
  },
  {
    line: '1.12 arguments',
    title: 'what cannot be meant is thrown at once',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, (server) => void oneFile(server))
      const done = (() => undefined) as never
      const thrown = (act: () => unknown): string => {
        try {
          act()
        } catch (error) {
          return (error as Error).message
        }
        return 'nothing'
      }
      ok(/Unknown flags string/.test(thrown(() => sftp.open('/a', 'q' as never, done))))
      ok(/handle is not a Buffer/.test(thrown(() => sftp.close('x' as never, done))))
      ok(/length extends beyond buffer/.test(thrown(() => sftp.read(h, Buffer.alloc(5), 0, 6, 0, done))))
      ok(/offset is out of bounds/.test(thrown(() => sftp.read(h, Buffer.alloc(5), 7, 1, 0, done))))
    },
  },
  {
    line: '1.12 paths',
    title: 'paths may be bytes where they are no UTF-8',
    async run(ssh2, world) {
      let path: unknown
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('REMOVE', (id, given) => {
          path = given
          server.status(id, 0)
        }),
      )
      await called((callback) => sftp.unlink(Buffer.from('/ä') as never, callback))
      strictEqual(path, '/ä')
    },
  },
]
