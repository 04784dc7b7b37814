/** What the cases of the conformance suite are made of: a pair of client and server of the module under test. */

import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { sharedKeyFile } from '@hawser/test-kit'
import type { Client, ClientChannel, ConnectConfig, Connection, Server, ServerConfig, Session } from 'ssh2'

/** Any module that is shaped like ssh2. */
export type Ssh2 = typeof import('ssh2')

/** One line of the checklist and what shows that it holds. A case fails by throwing. */
export interface Case {
  /** Section and item of the checklist, or the number of the conflict (C…) or observed behaviour (B…). */
  readonly line: string
  /** Further lines of the checklist that it shows. */
  readonly covers?: readonly string[]
  readonly title: string
  run(ssh2: Ssh2, world: World): Promise<void> | void
}

/** Things that end with the case. */
export class World {
  readonly #ends: (() => void)[] = []

  defer(end: () => void): void {
    this.#ends.push(end)
  }

  end(): void {
    for (const end of this.#ends.reverse()) end()
  }
}

export interface PairOptions {
  readonly server?: Partial<ServerConfig>
  readonly client?: Partial<ConnectConfig>
  /** Called with each connection of the server, in place of letting everybody in. */
  readonly onConnection?: (connection: Connection) => void
  /** Called before the client connects. */
  readonly onClient?: (client: Client) => void
}

export interface Pair {
  readonly server: Server
  readonly client: Client
  /** Resolves with the server's side of the client. */
  readonly connection: Promise<Connection>
}

export const hostKey = (): Buffer => Buffer.from(sharedKeyFile('ed25519', 'host').privateText)
export const userKey = (): { private: Buffer; public: string } => {
  const file = sharedKeyFile('ed25519', 'user')
  return { private: Buffer.from(file.privateText), public: file.publicLine }
}

/** A server that listens and a client that connects to it, which ends with `world`. Anybody may log in unless `onConnection` says otherwise. */
export async function pair(ssh2: Ssh2, world: World, o: PairOptions = {}): Promise<Pair> {
  const events = new EventEmitter()
  const connection = once(events, 'connection').then(([first]) => first as Connection)
  const server = new ssh2.Server({ hostKeys: [hostKey()], ...o.server } as ServerConfig, (connected) => {
    connected.on('error', () => undefined)
    if (o.onConnection === undefined) connected.on('authentication', (ctx) => ctx.accept())
    else o.onConnection(connected)
    events.emit('connection', connected)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  world.defer(() => server.close())
  const client = new ssh2.Client()
  world.defer(() => client.destroy())
  o.onClient?.(client)
  client.connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    username: 'user',
    password: 'password',
    ...o.client,
  })
  return { server, client, connection }
}

/** A pair whose client is ready. */
export async function readyPair(ssh2: Ssh2, world: World, o: PairOptions = {}): Promise<Pair> {
  const made = await pair(ssh2, world, o)
  await once(made.client, 'ready')
  return made
}

/** Lets everybody in and hands each session over. */
export function serving(
  onSession: (session: Session, connection: Connection) => void,
): (c: Connection) => void {
  return (connection) => {
    connection.on('authentication', (ctx) => ctx.accept())
    connection.on('session', (accept) => onSession(accept(), connection))
  }
}

/** Runs a command and gives its stream; `attach` gets it at once, as a callback would. */
export function exec(
  client: Client,
  command: string,
  options: object = {},
  attach: (stream: ClientChannel) => void = () => undefined,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, options, (error, stream) => {
      if (error) return reject(error)
      attach(stream)
      resolve(stream)
    })
  })
}

/** Runs a command, reads its output and gives the events of `names` up to `close`. */
export async function execEvents(
  client: Client,
  names: readonly string[],
): Promise<[name: string, ...args: unknown[]][]> {
  let seen: [string, ...unknown[]][] = []
  let closed: Promise<unknown> = Promise.resolve()
  await exec(client, 'x', {}, (stream) => {
    seen = record(stream, names)
    closed = next(stream, 'close')
    stream.resume()
  })
  await closed
  return seen
}

/** The arguments of the next `event`; unlike `once` of node:events it does not mind errors. */
export function next(emitter: NodeJS.EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(event, (...args: unknown[]) => resolve(args)))
}

/** Every event of `names` in order, with its arguments. */
export function record(
  emitter: NodeJS.EventEmitter,
  names: readonly string[],
): [name: string, ...args: unknown[]][] {
  const seen: [string, ...unknown[]][] = []
  for (const name of names) emitter.on(name, (...args: unknown[]) => seen.push([name, ...args]))
  return seen
}

export async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += chunk
  return all
}

/** The value that a callback of (error, value) gets; rejects with its error. */
export function called<T>(ask: (callback: (error?: Error | null, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error ? reject(error) : resolve(value as T)))
  })
}

/** Methods and properties that the declarations of @types/ssh2 lack. */
export function untyped(object: object): Record<string, (...args: unknown[]) => unknown> {
  return object as never
}

/** Ports of `server`. */
export function portOf(server: { address(): unknown }): number {
  return (server.address() as { port: number }).port
}

/** A TCP relay to `port` that can stop passing anything on, in both directions, with both sides left open. */
export async function relay(world: World, port: number): Promise<{ port: number; freeze(): void }> {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.pipe(far).pipe(near)
    sockets.push(near, far)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  world.defer(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: portOf(server),
    freeze() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}
