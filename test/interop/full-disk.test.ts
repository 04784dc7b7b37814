/** Real disks that are full and real permissions that are missing, at either end: one error that says what and where, and the rest goes on. */

import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Running, sharedKeyFile, start, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { build } from 'esbuild'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asNobody, type FullDisk, fullDisks, scriptOf } from './full-disk.ts'
import type { DiskReport, DiskSurface, DiskWish, ErrorFacts } from './programs/disk.ts'
import { sftp } from './sftp-server-kit.ts'
import { sftpServer } from './sftp-transfer-kit.ts'

/** More than the servers of these tests may have files open: a handle that stays open in each would be noticed. */
const times = 30
const handles = 20

const folder = temporaryFolder('disks')
const program = join(folder, 'disk.mjs')
const at = (name: string): string => join(folder, name)
/** Larger than the room of a full disk. */
const big = 600_000

beforeAll(async () => {
  // Nobody shall come as far as the permissions that are tried.
  chmodSync(folder, 0o755)
  await build({
    entryPoints: [fileURLToPath(new URL('./programs/disk.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['@hawser/source'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  })
  for (const name of ['here', 'full', 'closed', 'tree']) mkdirSync(at(name))
  writeFileSync(at('good'), 'good', { mode: 0o644 })
  writeFileSync(at('big'), Buffer.alloc(big, 1))
  for (let number = 0; number < 8; number++)
    writeFileSync(at(`tree/${number}`), Buffer.alloc(300_000, number))
  writeFileSync(at('secret'), 'secret', { mode: 0o000 })
  chmodSync(at('closed'), 0o555)
})

beforeEach(() => {
  rmSync(at('here'), { recursive: true })
  mkdirSync(at('here'))
})

const commandOf = (wish: DiskWish): string[] => [process.execPath, program, JSON.stringify(wish)]

const standard: Omit<DiskWish, 'role' | 'key'> = {
  surface: 'promises',
  operations: [],
  times,
  handles,
  port: 0,
  user: 'ada',
  hostKey: sharedKeyFile('ed25519', 'host').publicLine,
  local: at('big'),
  remote: at('big'),
  tree: at('tree'),
  good: at('good'),
  unprivileged: false,
  watch: undefined,
}

function startProgram(command: readonly string[], keepInputOpen = false): Running {
  const [file = '', ...args] = command
  return start(file, args, { timeoutMs: 50_000, keepInputOpen })
}

/** The end of a program: by itself, without a word of complaint. */
async function reportOf(running: Running): Promise<DiskReport> {
  const { code, signal, stderr, text, timedOut } = await running.done
  expect({ code, signal, stderr, timedOut }).toEqual({ code: 0, signal: null, stderr: '', timedOut: false })
  const report = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as DiskReport
  expect(report.uncaught).toEqual([])
  expect(report.descriptors[1]).toBe(report.descriptors[0])
  return report
}

/** A client of ours that does `wish`, on `disk` if there is one. */
async function runClient(wish: Partial<DiskWish>, disk?: FullDisk): Promise<DiskReport['operations']> {
  const all: DiskWish = {
    ...standard,
    role: 'client',
    key: sharedKeyFile('ed25519', 'user').path,
    ...wish,
  }
  const command = commandOf(all)
  const report = await reportOf(startProgram(disk === undefined ? command : disk.run(at('full'), command)))
  expect(report.good).toBe('good')
  expect(Object.keys(report.operations)).toEqual(all.operations)
  for (const { calls } of Object.values(report.operations)) expect(calls).toBe(times)
  return report.operations
}

interface ServedSftp {
  readonly port: number
  readonly user: string
  [Symbol.asyncDispose](): Promise<void>
}

/** A server whose SFTP runs on `disk`, or as nobody. */
type Serve = (disk: FullDisk | undefined) => Promise<ServedSftp>

/** sshd with its sftp-server. */
const serveBySshd: Serve = async (disk) => {
  const command = [sftpServer ?? '']
  const script = scriptOf(
    folder,
    `subsystem-${disk?.code ?? 'nobody'}`,
    disk === undefined ? asNobody(command) : disk.run(at('full'), command),
    handles,
  )
  const sshd = await startSshd({ hostKeys: ['ed25519'], extra: [`ForceCommand ${script}`] })
  return { port: sshd.port, user: sshd.user, [Symbol.asyncDispose]: sshd.stop }
}

/** Our server, over a folder, in a process of its own, which must end with as many descriptors as it began with. */
const serveByOurs: Serve = async (disk) => {
  const command = commandOf({
    ...standard,
    role: 'server',
    key: sharedKeyFile('ed25519', 'host').path,
    local: '/',
    unprivileged: disk === undefined,
  })
  const running = startProgram(disk === undefined ? command : disk.run(at('full'), command), true)
  const [first] = (await Promise.race([once(running.child.stdout, 'data'), running.done])) as [Buffer]
  return {
    port: Number(String(first)),
    user: 'ada',
    async [Symbol.asyncDispose]() {
      running.child.stdin.end()
      // What the disk refuses is no fault of the program that serves it.
      expect((await reportOf(running)).good).toBe('')
    },
  }
}

/** The errors of an operation: one each time. */
function errorsOf(operations: DiskReport['operations'], name: string): readonly ErrorFacts[] {
  const errors = operations[name]?.errors ?? []
  expect(errors.reduce((sum, each) => sum + each.times, 0)).toBe(times)
  return errors.map(({ error }) => error)
}

/** Errors of this machine's disk: Node's, with the path. */
function expectLocal(errors: readonly ErrorFacts[], code: string, path: string): void {
  for (const error of errors) {
    const place = String(error['path'])
    expect(error).toMatchObject({ code, path: expect.stringContaining(path) })
    expect(error['message']).toMatch(new RegExp(`^${code}: .*, [a-z]+ '${place}'$`))
  }
}

/** Errors of the server's disk, by its status and in its words. */
function expectRemote(
  errors: readonly ErrorFacts[],
  surface: DiskSurface,
  [status, words]: readonly [3 | 4, string],
  path: string,
): void {
  const facts = {
    code: status === 3 ? 'EACCES' : 'SFTP_FAILURE',
    status,
    path: expect.stringContaining(path),
    serverMessage: words,
  }
  for (const error of errors)
    if (surface === 'promises') {
      expect(error).toMatchObject(facts)
      expect(error['message']).toContain(`${JSON.stringify(error['path'])}: ${words}`)
      // As ssh2 has it; its cause tells where.
    } else expect(error).toMatchObject({ code: status, message: words, cause: facts })
}

const receiving = {
  promises: ['get', 'atomic get', 'get of a tree', 'read stream'],
  compat: ['fastGet', 'read stream'],
} as const
const sending = {
  promises: [
    ...[
      'put',
      'atomic put',
      'put of a tree',
      'writeFile',
      'write of a file',
      'web stream in',
      'write stream',
    ],
  ],
  compat: ['fastPut', 'writeFile', 'write stream'],
} as const
const surfaces = ['promises', 'compat'] as const

/** What a transfer that failed may leave: never a file that looks complete, and with `atomic` the one that was there. */
function expectPartial(name: string, left: Readonly<Record<string, number>> | undefined): void {
  const { x, ...others } = left ?? {}
  if (name.startsWith('atomic')) expect(x).toBe('old'.length)
  else if (!name.endsWith('of a tree')) expect(x).toBeLessThan(big)
  expect(Object.keys(others)).toEqual(
    name.endsWith('of a tree') ? ['x-tree'] : name.startsWith('atomic') ? ['.x.hawser-part'] : [],
  )
}

/** Where a disk cannot be had, the title says why. */
const disks = fullDisks.map((disk) => ({
  disk,
  title: disk.missing === undefined ? disk.name : `${disk.name} (${disk.missing})`,
}))

describePeers(['sshd'], 'a client of ours on this side', () => {
  describe.for(disks)('$title', ({ disk }) => {
    test.skipIf(disk.missing !== undefined).for(surfaces)(
      '%s: what is received does not fit: one error, everything is closed, and the connection goes on',
      async (surface) => {
        await using sshd = await startSshd({ hostKeys: ['ed25519'] })
        const names = receiving[surface]
        const server = { port: sshd.port, user: sshd.user }
        const done = await runClient(
          { surface, operations: names, ...server, local: at('full/x'), watch: 'local' },
          disk,
        )
        for (const name of names) {
          const errors = errorsOf(done, name)
          expectPartial(name, done[name]?.left)
          if (name === 'get of a tree') expectLocal(errors, disk.code, at('full/x-tree/'))
          // The stream into the file is Node's own, which leaves the path out.
          else if (name === 'read stream') expect(errors).toMatchObject([{ code: disk.code }])
          else
            expectLocal(errors, disk.code, at(name === 'get' || name === 'fastGet' ? 'full/x' : 'full/.x.'))
        }
      },
    )
  })

  test.for(surfaces)('%s: a folder that is closed, and a file that must not be read', async (surface) => {
    await using sshd = await startSshd({ hostKeys: ['ed25519'] })
    const wish = { surface, port: sshd.port, user: sshd.user, unprivileged: true } as const
    const received = await runClient({ ...wish, operations: receiving[surface], local: at('closed/x') })
    for (const name of receiving[surface])
      expectLocal(
        errorsOf(received, name),
        'EACCES',
        at(`closed/${name === 'atomic get' ? '.x.hawser-part' : 'x'}`),
      )
    const sends = sending[surface].filter((name) => /^(atomic )?put$|fastPut|stream$/.test(name))
    const sent = await runClient({ ...wish, operations: sends, local: at('secret'), remote: at('here/y') })
    for (const name of sends) expectLocal(errorsOf(sent, name), 'EACCES', at('secret'))
    // Streams are opened side by side; a transfer begins nothing over there before it can read here.
    expect(readdirSync(at('here'))).toEqual(['y'])
  })
})

describePeers(['sshd'], 'a server', () => {
  const servers = [
    { name: 'sftp-server of sshd', serve: serveBySshd, full: () => 'Failure' },
    { name: 'our own', serve: serveByOurs, full: (disk: FullDisk) => disk.words },
  ]
  describe.for(servers)('$name', ({ serve, full }) => {
    describe.for(disks)('$title', ({ disk }) => {
      test.skipIf(disk.missing !== undefined).for(surfaces)(
        '%s: what is sent does not fit: one error, everything is closed, and the connection goes on',
        async (surface) => {
          await using server = await serve(disk)
          const names = sending[surface]
          const to = { port: server.port, user: server.user, remote: at('full/x') }
          const done = await runClient({ surface, operations: names, ...to, watch: 'remote' })
          for (const name of names) {
            expectPartial(name, done[name]?.left)
            const path =
              name === 'atomic put'
                ? 'full/.x.hawser-part'
                : name === 'put of a tree'
                  ? 'full/x-tree/'
                  : 'full/x'
            expectRemote(errorsOf(done, name), surface, [4, full(disk)], at(path))
          }
        },
      )
    })

    test.for(surfaces)('%s: a folder that is closed, and a file that must not be read', async (surface) => {
      await using server = await serve(undefined)
      const to = { surface, port: server.port, user: server.user }
      const sends = [...sending[surface], 'mkdir']
      const sent = await runClient({ ...to, operations: sends, remote: at('closed/x') })
      for (const name of sends)
        expectRemote(
          errorsOf(sent, name),
          surface,
          [3, 'Permission denied'],
          at(`closed/${name === 'atomic put' ? '.x.hawser-part' : 'x'}`),
        )
      const reads =
        surface === 'promises'
          ? ['get', 'atomic get', 'readFile', 'web stream out']
          : ['fastGet', 'readFile', 'read stream']
      const local = at('here/z')
      const read = await runClient({ ...to, operations: reads, remote: at('secret'), local })
      for (const name of reads)
        expectRemote(errorsOf(read, name), surface, [3, 'Permission denied'], at('secret'))
      // The stream into the file is Node's own, and begins with an empty one.
      expect(readdirSync(at('here'))).toEqual(surface === 'compat' ? ['z'] : [])
    })
  })
})

const lines = (text: string): string[] => text.trimEnd().split(/[\r\n]+/)

describePeers(['sftp'], 'our server, and sftp(1)', () => {
  test.for(disks.filter(({ disk }) => disk.missing === undefined))('$title', async ({ disk }) => {
    await using server = await serveByOurs(disk)
    const batch = [`-put ${at('big')} ${at('full/x')}`, `get ${at('good')} ${at('here/good')}`]
    const { code, stderr } = await sftp(server.port, batch)
    expect({ code, said: lines(stderr) }).toEqual({
      code: 0,
      said: [`write remote "${at('full/x')}": Failure`],
    })
    expect(readFileSync(at('here/good'), 'utf8')).toBe('good')
    const { code: failed } = await sftp(server.port, [`put ${at('big')} ${at('full/x')}`])
    expect(failed).toBe(1)
    if (disk.code === 'EFBIG') rmSync(at('full/x'))
  })

  test('a folder that is closed, and a file that must not be read', async () => {
    await using server = await serveByOurs(undefined)
    const batch = [
      `-put ${at('big')} ${at('closed/x')}`,
      `-get ${at('secret')} ${at('here/s')}`,
      `-mkdir ${at('closed/y')}`,
      `get ${at('good')} ${at('here/good')}`,
    ]
    const { code, stderr } = await sftp(server.port, batch)
    expect({ code, said: lines(stderr) }).toEqual({
      code: 0,
      said: [
        `dest open "${at('closed/x')}": Permission denied`,
        `remote open "${at('secret')}": Permission denied`,
        `remote mkdir "${at('closed/y')}": Permission denied`,
      ],
    })
    expect(readFileSync(at('here/good'), 'utf8')).toBe('good')
  })
})
