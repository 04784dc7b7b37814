/** A pair of SFTP client and server of the module under test, and a server that keeps a record of what it is asked. */

import { once } from 'node:events'
import type { Client, Connection, FileEntry, SFTPWrapper } from 'ssh2'
import { called, type PairOptions, pair, type Ssh2, serving, untyped, type World } from './kit.ts'

/** A request as the server's events tell it. */
export type Asked = [event: string, ...args: unknown[]]

export interface SftpPair {
  readonly client: Client
  readonly connection: Connection
  readonly sftp: SFTPWrapper
  /** The server's side. */
  readonly server: SFTPWrapper
}

const requestEvents = [
  'OPEN',
  'READ',
  'WRITE',
  'FSTAT',
  'FSETSTAT',
  'CLOSE',
  'OPENDIR',
  'READDIR',
  'LSTAT',
  'STAT',
  'REMOVE',
  'RMDIR',
  'REALPATH',
  'READLINK',
  'SETSTAT',
  'MKDIR',
  'RENAME',
  'SYMLINK',
  'EXTENDED',
] as const

/** Any listener of any event. */
type Listener = (...args: unknown[]) => void
export interface AnyEmitter {
  on(event: string, listener: Listener): unknown
  emit(event: string, ...args: unknown[]): boolean
}

/** `serve` gets the server's side before the client's first request. */
export async function sftpPair(
  ssh2: Ssh2,
  world: World,
  serve: (server: SFTPWrapper) => void,
  o: PairOptions = {},
): Promise<SftpPair> {
  let server: SFTPWrapper | undefined
  const onConnection = serving((session) => {
    session.on('sftp', (accept) => {
      server = accept()
      serve(server)
    })
  })
  const made = await pair(ssh2, world, { ...o, onConnection })
  await once(made.client, 'ready')
  // Nagle's algorithm would make a case with many round trips take too long.
  made.client.setNoDelay(true)
  untyped(await made.connection)['setNoDelay']?.(true)
  const sftp = await called<SFTPWrapper>((callback) => made.client.sftp(callback as never))
  return {
    client: made.client,
    connection: await made.connection,
    sftp,
    server: server as SFTPWrapper,
  }
}

/** Everything that the server is asked, in order, the ids left out; `answer` answers it. */
export function recording(
  server: SFTPWrapper,
  answer: (event: string, id: number, ...args: never[]) => void,
): Asked[] {
  const asked: Asked[] = []
  for (const event of requestEvents)
    (server as unknown as AnyEmitter).on(event, (id, ...args) => {
      asked.push([event, ...args])
      answer(event, id as number, ...(args as never[]))
    })
  return asked
}

/** A server with one file, `/file`, whatever path it is asked for; READs give at most `most` bytes. */
export interface OneFile {
  content: Buffer
  readonly asked: Asked[]
  /** Ids in their order. */
  readonly ids: number[]
  most: number
  /** What FSTAT and STAT tell in place of the size. */
  size: number | undefined
}

export function oneFile(server: SFTPWrapper, content: Buffer = Buffer.from('hello world')): OneFile {
  const file: OneFile = { content, asked: [], ids: [], most: 1 << 20, size: undefined }
  const attrs = (): never =>
    ({ mode: 0o100644, uid: 1, gid: 2, size: file.size ?? file.content.length, atime: 3, mtime: 4 }) as never
  const answers: Record<string, (id: number, ...args: never[]) => void> = {
    OPEN: (id) => server.handle(id, Buffer.from('file')),
    READ: (id, _handle, offset: number, length: number) => {
      if (offset >= file.content.length) server.status(id, 1)
      else server.data(id, file.content.subarray(offset, offset + Math.min(length, file.most)))
    },
    WRITE: (id, _handle, offset: number, data: Buffer) => {
      const grown = Buffer.alloc(Math.max(file.content.length, offset + data.length))
      file.content.copy(grown)
      data.copy(grown, offset)
      file.content = grown
      server.status(id, 0)
    },
    FSTAT: (id) => server.attrs(id, attrs()),
    STAT: (id) => server.attrs(id, attrs()),
    LSTAT: (id) => server.attrs(id, attrs()),
  }
  for (const event of requestEvents)
    (server as unknown as AnyEmitter).on(event, (id, ...args) => {
      file.asked.push([event, ...args])
      file.ids.push(id as number)
      const answer = answers[event]
      if (answer === undefined) server.status(id as number, 0)
      else answer(id as number, ...(args as never[]))
    })
  return file
}

/** The names of the events, runs of READs or WRITEs as one. */
export function shape(asked: readonly Asked[]): string {
  return asked
    .map(([event]) => event)
    .filter((event, at, all) => event !== all[at - 1] || !/^(READ|WRITE)$/.test(event))
    .join(' ')
}

/** The arguments of a callback that gets more than (error, value). */
export function outcome(ask: (callback: (...outcome: unknown[]) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => {
    ask((...args) => resolve(args))
  })
}

/** The error of a callback. */
export async function failure(
  ask: (callback: (...outcome: unknown[]) => void) => unknown,
): Promise<Error & { code?: unknown }> {
  const [error] = await outcome(ask)
  if (!(error instanceof Error)) throw new Error('it went well')
  return error
}

/** Entries of a listing for these names. */
export function entries(names: readonly string[]): FileEntry[] {
  return names.map((filename) => ({ filename, longname: `-rw-r--r-- ${filename}`, attrs: {} as never }))
}
