/**
 * A program beside a disk that is full, or that it may not use: a client that does operations of SFTP again and again on one connection, or
 * a server of a folder. At its own end it prints a {@link DiskReport}; nothing in it ends the process. Its argument is a {@link DiskWish} as
 * JSON.
 */

import {
  createReadStream,
  createWriteStream,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { listen } from '@hawser/server/node'
import { directory, get, put, SftpReadStream, SftpWriteStream } from '@hawser/sftp/node'
import { Client as CompatClient, type SFTPWrapper } from '@hawser/ssh2-compat'

export type DiskSurface = 'promises' | 'compat'

export interface DiskWish {
  readonly role: 'client' | 'server'
  readonly surface: DiskSurface
  /** Names of operations below; done in turn. */
  readonly operations: readonly string[]
  /** How often each of them is done. */
  readonly times: number
  readonly port: number
  readonly user: string
  /** Files that a client may have open at a server. */
  readonly handles: number
  /** Path of the key: the user's for a client, the host's for a server. */
  readonly key: string
  /** Line of the server's key; for clients. */
  readonly hostKey: string
  /** A file here, to read or to make; for servers the folder that they serve. */
  readonly local: string
  /** Likewise at the server. */
  readonly remote: string
  /** A folder at the server that trees are made from, or one here. */
  readonly tree: string
  /** A small file at the server, which can be read all the time. */
  readonly good: string
  /** Go on as nobody, where this is root. */
  readonly unprivileged: boolean
  /** The folder of `local` or of `remote` that is looked at after each operation, and emptied. */
  readonly watch: 'local' | 'remote' | undefined
}

/** What there is to know of an error. */
export type ErrorFacts = Readonly<Record<string, unknown>>

export interface OperationReport {
  /** Errors that are not alike, and how often each came. */
  readonly errors: readonly { readonly error: ErrorFacts; readonly times: number }[]
  /** How often its callback was called, or its promise settled. */
  readonly calls: number
  /** Of the watched folder: names and sizes, after the last time. */
  readonly left: Readonly<Record<string, number>>
}

export interface DiskReport {
  readonly operations: Readonly<Record<string, OperationReport>>
  /** Open descriptors before and after. */
  readonly descriptors: readonly [before: number, after: number]
  /** What surfaced as uncaught. */
  readonly uncaught: readonly string[]
  /** What the good file held afterwards; of a server what it was told of errors that are its own fault. */
  readonly good: string
}

const wish = JSON.parse(process.argv[2] ?? '{}') as DiskWish
const uncaught: string[] = []
process.on('uncaughtException', (error) => void uncaught.push(String(error)))
process.on('unhandledRejection', (error) => void uncaught.push(String(error)))
const keyText = readFileSync(wish.key, 'utf8')
if (wish.unprivileged && process.getuid?.() === 0) {
  process.setgroups?.([])
  process.setgid?.(65_534)
  process.setuid?.(65_534)
}
const size = 600_000
const content = Buffer.alloc(size, 'pack my box with five dozen liquor jugs. ')
const openDescriptors = (): number => readdirSync('/proc/self/fd').length
const report = (done: Omit<DiskReport, 'uncaught'>): void =>
  void process.once('exit', () =>
    writeSync(1, `${JSON.stringify({ ...done, uncaught } satisfies DiskReport)}\n`),
  )

type Done = (error: Error | null | undefined) => void
/** The remote end as either surface has it. */
interface Remote {
  readonly operations: Readonly<Record<string, (done: Done) => void>>
  readonly read: (path: string) => Promise<string>
  readonly write: (path: string, text: string) => Promise<void>
  /** Names and sizes in a folder, which is empty afterwards. */
  readonly clear: (folder: string) => Promise<Record<string, number>>
  close(): Promise<void>
}

async function promiseRemote(): Promise<Remote> {
  const client = await connect({
    host: '127.0.0.1',
    port: wish.port,
    user: wish.user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(keyText) }],
    hostKey: { keys: [parsePublicKey(wish.hostKey)] },
  })
  const sftp = await client.sftp()
  const { local, remote, tree } = wish
  const path = Buffer.from(remote)
  const operations: Record<string, () => Promise<unknown>> = {
    get: () => get(sftp, remote, local),
    'atomic get': () => get(sftp, remote, local, { atomic: true }),
    'get of a tree': () => get(sftp, tree, `${local}-tree`, { concurrency: 4 }),
    put: () => put(sftp, local, remote),
    'atomic put': () => put(sftp, local, remote, { atomic: true }),
    'put of a tree': () => put(sftp, tree, `${remote}-tree`, { concurrency: 4 }),
    readFile: () => sftp.readFile(remote),
    writeFile: () => sftp.writeFile(remote, content),
    'write of a file': async () => {
      const file = await sftp.open(remote, 'w')
      try {
        await file.write(content)
      } finally {
        await file.close()
      }
    },
    'web stream in': async () => {
      const writer = (await sftp.open(remote, 'w')).writable({ autoClose: true }).getWriter()
      // Told by `closed` too, which somebody else may have an eye on.
      writer.closed.catch(() => undefined)
      for (let at = 0; at < size; at += 100_000) await writer.write(content.subarray(at, at + 100_000))
      await writer.close()
    },
    'web stream out': async () => {
      const file = await sftp.open(remote)
      for await (const chunk of file.readable({ autoClose: true }) as AsyncIterable<Uint8Array>) void chunk
    },
    mkdir: () => sftp.mkdir(remote),
    'read stream': () => pipeline(new SftpReadStream(sftp.connection, { path }), createWriteStream(local)),
    'write stream': () => pipeline(createReadStream(local), new SftpWriteStream(sftp.connection, { path })),
  }
  return {
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, run]) => [
        name,
        (done: Done) =>
          void run().then(
            () => done(undefined),
            (error: Error) => done(error),
          ),
      ]),
    ),
    read: (place) => sftp.readFile(place, { encoding: 'utf8' }),
    write: (place, text) => sftp.writeFile(place, text),
    async clear(folder) {
      const left: Record<string, number> = {}
      for await (const { name, stats } of sftp.readdir(folder)) left[name] = stats.size ?? -1
      for (const name of Object.keys(left)) await sftp.rm(`${folder}/${name}`, { recursive: true })
      return left
    },
    async close() {
      await sftp.close()
      await client.close()
    },
  }
}

async function compatRemote(): Promise<Remote> {
  const client = new CompatClient()
  await new Promise<void>((resolve, reject) => {
    client.on('ready', resolve).on('error', reject)
    client.connect({ host: '127.0.0.1', port: wish.port, username: wish.user, privateKey: keyText })
  })
  const called = <T>(
    start: (done: (error: Error | null | undefined, value: T) => void) => void,
  ): Promise<T> =>
    new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))))
  const sftp = await called<SFTPWrapper>((done) => client.sftp(done))
  const { local, remote } = wish
  const streams =
    (make: () => [NodeJS.ReadableStream, NodeJS.WritableStream]) =>
    (done: Done): void => {
      const [from, to] = make()
      pipeline(from, to).then(() => done(undefined), done)
    }
  return {
    operations: {
      fastGet: (done) => sftp.fastGet(remote, local, done),
      fastPut: (done) => sftp.fastPut(local, remote, done),
      readFile: (done) => sftp.readFile(remote, (error) => done(error)),
      writeFile: (done) => sftp.writeFile(remote, content, done),
      mkdir: (done) => void sftp.mkdir(remote, done),
      'read stream': streams(() => [sftp.createReadStream(remote), createWriteStream(local)]),
      'write stream': streams(() => [createReadStream(local), sftp.createWriteStream(remote)]),
    },
    read: async (path) => String(await called<Buffer>((done) => sftp.readFile(path, done))),
    write: (path, text) => called((done) => sftp.writeFile(path, text, done)),
    async clear(folder) {
      const found = await called<readonly { filename: string; attrs: { size?: number } }[]>(
        (done) => void sftp.readdir(folder, done as never),
      )
      for (const { filename } of found)
        await called((done) => void sftp.unlink(`${folder}/${filename}`, (error) => done(error, undefined)))
      return Object.fromEntries(found.map(({ filename, attrs }) => [filename, attrs.size ?? -1]))
    },
    async close() {
      sftp.end()
      const closed = new Promise((resolve) => client.once('close', resolve))
      client.end()
      await closed
    },
  }
}

function factsOf(error: Error): ErrorFacts {
  const { name, message, cause } = error
  const { code, syscall, path, op, status, serverMessage } = error as unknown as Record<string, unknown>
  const facts = { name, message, code, syscall, path, op, status, serverMessage }
  return cause instanceof Error ? { ...facts, cause: factsOf(cause) } : facts
}

/** Names and sizes of what the operation left; then it is gone. */
async function clear(remote: Remote): Promise<Record<string, number>> {
  if (wish.watch === 'remote') return remote.clear(dirname(wish.remote))
  const left: Record<string, number> = {}
  if (wish.watch === 'local') {
    const folder = dirname(wish.local)
    for (const name of readdirSync(folder)) left[name] = statSync(join(folder, name)).size
    for (const name of Object.keys(left)) rmSync(join(folder, name), { recursive: true })
  }
  return left
}

async function runClient(): Promise<void> {
  const remote = await (wish.surface === 'promises' ? promiseRemote() : compatRemote())
  await remote.read(wish.good)
  const before = openDescriptors()
  const operations: Record<string, OperationReport> = {}
  for (const name of wish.operations) {
    const errors = new Map<string, number>()
    let calls = 0
    let left: Record<string, number> = {}
    for (let at = 0; at < wish.times; at++) {
      // What is replaced in one step or not at all.
      if (name === 'atomic get' && wish.watch === 'local') writeFileSync(wish.local, 'old')
      if (name === 'atomic put' && wish.watch === 'remote') await remote.write(wish.remote, 'old')
      const error = await new Promise<Error | null | undefined>((resolve) =>
        remote.operations[name]?.((given) => {
          calls++
          resolve(given)
        }),
      )
      // A second call would come while that is looked at.
      left = await clear(remote)
      const told = JSON.stringify(error ? factsOf(error) : {})
      errors.set(told, (errors.get(told) ?? 0) + 1)
    }
    operations[name] = {
      errors: [...errors].map(([told, times]) => ({ error: JSON.parse(told) as ErrorFacts, times })),
      calls,
      left,
    }
  }
  const good = await remote.read(wish.good)
  // Answers to closes that nobody waits for came before that of the good file.
  report({ operations, descriptors: [before, openDescriptors()], good })
  await remote.close()
}

async function runServer(): Promise<void> {
  const host = parsePrivateKey(keyText)
  const told: string[] = []
  const listener = await listen({
    port: 0,
    hostKeys: [host],
    auth: { publickey: () => true },
    onSession: (session) =>
      void session.onSftp(directory(wish.local), {
        maxHandles: wish.handles,
        onError: (error) => void told.push(String(error)),
      }),
  })
  const stdin = process.stdin
  // The socket that listens will be closed.
  const before = openDescriptors() - 1
  writeSync(1, `${listener.port}\n`)
  for await (const chunk of stdin) void chunk
  await listener.close()
  report({ operations: {}, descriptors: [before, openDescriptors()], good: told.join('; ') })
}

;(wish.role === 'client' ? runClient() : runServer()).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
