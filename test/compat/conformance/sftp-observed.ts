/** Cases about SFTP on the wire: ids, extensions, ends, and servers that lie. */

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SFTPWrapper } from 'ssh2'
import { type Case, called, next } from './kit.ts'
import { failure, type OneFile, oneFile, outcome, sftpPair } from './sftp-kit.ts'
import {
  data,
  handle,
  kind,
  names,
  packet,
  rawServer,
  rawSftp,
  status,
  string,
  uint32,
  uint64,
  version,
} from './sftp-raw.ts'

const h = Buffer.from('h')
type Extension = readonly [
  method: string,
  announced: string,
  version: string,
  ask: (sftp: SFTPWrapper, callback: never) => unknown,
  request: Buffer,
  reply: (id: number) => Buffer,
  got: readonly unknown[],
]
const ok0 = (id: number): Buffer => status(id, 0)
const extendedReply = (id: number, ...parts: readonly Buffer[]): Buffer => packet(201, uint32(id), ...parts)
const fs = Array.from({ length: 11 }, (_none, at) => at + 1)
const info = {
  f_bsize: 1,
  f_frsize: 2,
  f_blocks: 3,
  f_bfree: 4,
  f_bavail: 5,
  f_files: 6,
  f_ffree: 7,
  f_favail: 8,
  f_sid: 9,
  f_flag: 10,
  f_namemax: 11,
}

const extensions: readonly Extension[] = [
  [
    'ext_openssh_rename',
    'posix-rename@openssh.com',
    '1',
    (s, cb) => s.ext_openssh_rename('a', 'b', cb),
    Buffer.concat([string('a'), string('b')]),
    ok0,
    [],
  ],
  [
    'ext_openssh_statvfs',
    'statvfs@openssh.com',
    '2',
    (s, cb) => s.ext_openssh_statvfs('/', cb),
    string('/'),
    (id) => extendedReply(id, ...fs.map(uint64)),
    [undefined, info],
  ],
  [
    'ext_openssh_fstatvfs',
    'fstatvfs@openssh.com',
    '2',
    (s, cb) => s.ext_openssh_fstatvfs(h, cb),
    string(h),
    (id) => extendedReply(id, ...fs.map(uint64)),
    [undefined, info],
  ],
  [
    'ext_openssh_hardlink',
    'hardlink@openssh.com',
    '1',
    (s, cb) => s.ext_openssh_hardlink('target', 'link', cb),
    Buffer.concat([string('target'), string('link')]),
    ok0,
    [],
  ],
  ['ext_openssh_fsync', 'fsync@openssh.com', '1', (s, cb) => s.ext_openssh_fsync(h, cb), string(h), ok0, []],
  [
    'ext_openssh_lsetstat',
    'lsetstat@openssh.com',
    '1',
    (s, cb) => s.ext_openssh_lsetstat('l', { mode: 0o600 }, cb),
    Buffer.concat([string('l'), uint32(4), uint32(0o600)]),
    ok0,
    [],
  ],
  [
    'ext_openssh_expandPath',
    'expand-path@openssh.com',
    '1',
    (s, cb) => s.ext_openssh_expandPath('~', cb),
    string('~'),
    (id) => names(id, '/home/u'),
    [undefined, '/home/u'],
  ],
  [
    'ext_copy_data',
    'copy-data',
    '1',
    (s, cb) => s.ext_copy_data(h, 1, 2, h, 3, cb),
    Buffer.concat([string(h), uint64(1), uint64(2), string(h), uint64(3)]),
    ok0,
    [],
  ],
  [
    'ext_home_dir',
    'home-directory',
    '1',
    (s, cb) => (s as unknown as { ext_home_dir(...args: unknown[]): void }).ext_home_dir('', cb),
    string(''),
    (id) => names(id, '/home/u'),
    [undefined, '/home/u'],
  ],
  [
    'ext_users_groups',
    'users-groups-by-id@openssh.com',
    '1',
    (s, cb) =>
      (s as unknown as { ext_users_groups(...args: unknown[]): void }).ext_users_groups([0, 5], [7], cb),
    Buffer.concat([string(Buffer.concat([uint32(0), uint32(5)])), string(uint32(7))]),
    (id) => extendedReply(id, string(Buffer.concat([string('root'), string('')])), string(string('seven'))),
    [undefined, ['root', ''], ['seven']],
  ],
]

const extensionCases: readonly Case[] = extensions.map(
  ([method, announced, v, ask, request, reply, got]) => ({
    line: `1.12 ${method}`,
    title: `${announced} as its specification has it`,
    async run(ssh2, world) {
      const { sftp, packets } = await rawSftp(ssh2, world, version({ [announced]: v }), ({ id }) => reply(id))
      deepStrictEqual(await outcome((callback) => ask(sftp, callback as never)), got)
      deepStrictEqual(packets[0]?.body, Buffer.concat([string(announced), request]))
    },
  }),
)

export const sftpObservedCases: readonly Case[] = [
  ...extensionCases,
  {
    line: 'B40',
    title: 'ids start at 0 and go up by one, whatever is asked',
    async run(ssh2, world) {
      let file: OneFile | undefined
      const { sftp } = await sftpPair(ssh2, world, (server) => {
        file = oneFile(server)
      })
      await called((callback) => sftp.stat('x', callback as never))
      await called((callback) => sftp.readFile('/file', callback as never))
      await called((callback) => sftp.rmdir('x', callback))
      deepStrictEqual(file?.ids, [0, 1, 2, 3, 4, 5])
    },
  },
  {
    line: '1.12 side by side',
    title: 'answers come in any order, and each reaches its own callback',
    async run(ssh2, world) {
      const waiting: (() => void)[] = []
      const { sftp } = await sftpPair(ssh2, world, (server) =>
        server.on('REALPATH', (id, path) => {
          waiting.push(() => server.name(id, { filename: path, longname: '', attrs: {} } as never))
          if (waiting.length === 5) for (const answer of waiting.reverse()) answer()
        }),
      )
      const paths = ['a', 'b', 'c', 'd', 'e']
      const got = await Promise.all(
        paths.map((path) => called((callback) => sftp.realpath(path, callback as never))),
      )
      deepStrictEqual(got, paths)
    },
  },
  {
    line: 'B42',
    title: 'a status without text and language still parses',
    async run(ssh2, world) {
      const bare = (id: number): Buffer => packet(101, uint32(id), uint32(4))
      const { sftp } = await rawSftp(ssh2, world, version(), ({ id }) => bare(id))
      const error = await failure((callback) => sftp.stat('x', callback as never))
      deepStrictEqual([error.code, error.message], [4, 'Failure'])
    },
  },
  {
    line: 'B44 127',
    title: 'a program that could not be started: err.code is its exit status',
    async run(ssh2, world) {
      const raw = await rawServer(ssh2, world, undefined)
      const answer = failure((callback) => raw.client.sftp(callback as never))
      while (raw.stream === undefined) await new Promise((resolve) => setImmediate(resolve))
      raw.stream.exit(127)
      raw.stream.end()
      strictEqual((await answer).code, 127)
    },
  },
  {
    line: 'B44 garbage',
    title: 'what is no version is an error of the callback',
    async run(ssh2, world) {
      for (const garbage of [packet(99, uint32(3)), Buffer.from('Welcome to this server!\r\n'), packet(2)]) {
        const raw = await rawServer(ssh2, world, garbage)
        ok((await failure((callback) => raw.client.sftp(callback as never))) instanceof Error)
      }
    },
  },
  {
    line: 'B44 extension',
    title: 'an extension that was not announced throws',
    async run(ssh2, world) {
      const { sftp } = await sftpPair(ssh2, world, () => undefined)
      let thrown: unknown
      try {
        sftp.ext_openssh_fsync(h, (() => undefined) as never)
      } catch (error) {
        thrown = error
      }
      ok(/does not support this extended request/.test(String(thrown)))
    },
  },
  {
    line: 'B43 before INIT',
    title: 'a request before INIT ends the channel',
    async run(ssh2, world) {
      const { client } = await sftpPair(ssh2, world, (server) => server.on('error', () => undefined))
      const stream = await called<NodeJS.ReadWriteStream>((callback) =>
        client.subsys('sftp', callback as never),
      )
      stream.resume()
      const closed = next(stream, 'close')
      stream.write(packet(17, uint32(0), string('/')))
      await closed
    },
  },
  {
    line: 'B45',
    title: 'more data than was asked for is an error',
    async run(ssh2, world) {
      const { sftp } = await rawSftp(ssh2, world, version(), ({ id }) => data(id, Buffer.alloc(20)))
      sftp.on('error', () => undefined)
      const error = await failure((callback) => sftp.read(h, Buffer.alloc(10), 0, 10, 0, callback as never))
      ok(/20 bytes/.test(error.message), error.message)
    },
  },
  {
    line: 'B18 SFTP',
    title: 'everything that waits when the connection is lost gets one error: No response from server',
    async run(ssh2, world) {
      const { client, sftp } = await rawSftp(ssh2, world, version(), ({ id, type }) =>
        type === kind.open || type === kind.opendir ? handle(id) : undefined,
      )
      const counts = new Map<string, number>()
      const errors: string[] = []
      const on = (name: string) => (error?: Error | null) => {
        counts.set(name, (counts.get(name) ?? 0) + 1)
        errors.push(String(error?.message))
      }
      sftp.stat('x', on('stat') as never)
      sftp.readdir('x', on('readdir') as never)
      sftp.readFile('x', on('readFile') as never)
      sftp.writeFile('x', 'data', on('writeFile'))
      sftp.appendFile('x', 'data', on('appendFile'))
      sftp.read(h, Buffer.alloc(5), 0, 5, 0, on('read') as never)
      sftp.write(h, Buffer.alloc(5), 0, 5, 0, on('write') as never)
      sftp.createReadStream('x').on('error', on('read stream')).resume()
      sftp.createWriteStream('x').on('error', on('write stream')).write('data')
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
      const closed = next(sftp, 'close')
      client.destroy()
      await closed
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      deepStrictEqual([...counts].map(([name, count]) => `${name} ${count}`).sort(), [
        'appendFile 1',
        'read 1',
        'read stream 1',
        'readFile 1',
        'readdir 1',
        'stat 1',
        'write 1',
        'write stream 1',
        'writeFile 1',
      ])
      deepStrictEqual([...new Set(errors)], ['No response from server'])
    },
  },
  {
    line: '1.12 lying replies',
    title:
      'replies of the wrong type, for unknown ids and of impossible length end the session with an error',
    async run(ssh2, world) {
      const lies: readonly ((id: number) => Buffer)[] = [
        (id) => handle(id),
        (id) => names(id, 'x'),
        (id) => status(id + 5, 0),
        (id) => status(id, 0),
        () => Buffer.from([0x7f, 0xff, 0xff, 0xff, 105]),
        (id) => packet(104, uint32(id), uint32(0xffff_ffff)),
        (id) => packet(105, uint32(id), uint32(1), Buffer.alloc(3)),
      ]
      for (const lie of lies) {
        const { sftp } = await rawSftp(ssh2, world, version(), ({ id }) => lie(id))
        sftp.on('error', () => undefined)
        ok((await failure((callback) => sftp.stat('x', callback as never))) instanceof Error)
      }
    },
  },
  {
    line: '1.12 hostile listings',
    title: 'a listing with a name that leads elsewhere, and one that gives no names for ever',
    async run(ssh2, world) {
      const listing = (list: readonly string[]) =>
        rawSftp(ssh2, world, version(), ({ id, type }) =>
          type === kind.opendir ? handle(id) : type === kind.close ? status(id, 0) : names(id, ...list),
        )
      for (const name of ['../../etc/passwd', 'a\0b', '/x']) {
        const { sftp } = await listing(['fine', name])
        ok((await failure((callback) => sftp.readdir('x', callback as never))) instanceof Error)
      }
      const { sftp } = await listing([])
      deepStrictEqual(await called((callback) => sftp.readdir('x', callback as never)), [])
    },
  },
  {
    line: '1.12 hostile sizes',
    title: 'a size beyond any file makes neither readFile nor fastGet wait for ever',
    async run(ssh2, world) {
      let reads = 0
      const { sftp } = await rawSftp(ssh2, world, version(), ({ id, type }) => {
        if (type === kind.open) return handle(id)
        if (type === kind.close) return status(id, 0)
        if (type !== kind.read) return packet(105, uint32(id), uint32(1), Buffer.alloc(8, 0xff))
        return reads++ === 0 ? data(id, Buffer.from('all')) : status(id, 1)
      })
      strictEqual(String(await called((callback) => sftp.readFile('x', callback as never))), 'all')
      reads = 0
      const folder = mkdtempSync(join(tmpdir(), 'sftp-case-'))
      world.defer(() => rmSync(folder, { recursive: true }))
      await called((callback) => sftp.fastGet('x', join(folder, 'local'), callback))
      strictEqual(readFileSync(join(folder, 'local'), 'utf8'), 'all')
    },
  },
  {
    line: '1.12 names that are no UTF-8',
    title: 'their bytes survive a listing and lead to the file',
    async run(ssh2, world) {
      const odd = Buffer.from([0x61, 0xff, 0x62])
      let listed = false
      const { sftp, packets } = await rawSftp(ssh2, world, version(), ({ id, type }) => {
        if (type === kind.opendir) return handle(id)
        if (type !== kind.readdir) return status(id, 0)
        if (listed) return status(id, 1)
        listed = true
        return packet(104, uint32(id), uint32(1), string(odd), string(''), uint32(0))
      })
      const [entry] = await called<{ filename: string; filenameRaw: Buffer }[]>((callback) =>
        sftp.readdir('x', callback as never),
      )
      deepStrictEqual(entry?.filenameRaw, odd)
      await called((callback) => sftp.unlink(entry?.filenameRaw as never, callback))
      deepStrictEqual(packets.at(-1)?.body, string(odd))
    },
  },
  {
    line: 'C37',
    title: 'the link path goes first to all but OpenSSH',
    async run(ssh2, world) {
      for (const [ident, expected] of [
        ['Other_1.0', [string('link'), string('target')]],
        ['OpenSSH_9.9', [string('target'), string('link')]],
      ] as const) {
        const { sftp, packets } = await rawSftp(ssh2, world, version(), ({ id }) => status(id, 0), ident)
        await called((callback) => sftp.symlink('target', 'link', callback))
        deepStrictEqual(packets[0]?.body, Buffer.concat(expected))
      }
    },
  },
  {
    line: 'C37 own ident',
    title: 'a server with an identification of its own gets the paths right from its own client',
    async run(ssh2, world) {
      for (const ident of ['Mine_1.0', 'OpenSSH_9.9']) {
        let asked: unknown[] = []
        const { sftp } = await sftpPair(
          ssh2,
          world,
          (server) =>
            server.on('SYMLINK', (id, ...paths) => {
              asked = paths
              server.status(id, 0)
            }),
          { server: { ident }, client: ident.startsWith('OpenSSH') ? ({ ident } as never) : {} },
        )
        await called((callback) => sftp.symlink('target', 'link', callback))
        deepStrictEqual(asked, ['link', 'target'])
      }
    },
  },
  {
    line: '1.4 sftp environment',
    covers: ['1.12 environment'],
    title: 'an environment may be given in front of the callback',
    async run(ssh2, world) {
      const { client, connection } = await sftpPair(ssh2, world, () => undefined)
      const asked: unknown[] = []
      connection.removeAllListeners('session')
      connection.on('session', (accept) => {
        const session = accept()
        session.on('env', (yes, _no, one) => {
          asked.push([one.key, one.val])
          yes?.()
        })
        session.on('sftp', (yes) => void yes())
      })
      const start = client.sftp as unknown as (env: object, callback: unknown) => unknown
      await called((callback) => start.call(client, { A: 'b' }, callback))
      deepStrictEqual(asked, [['A', 'b']])
    },
  },
]
