/** The table cut-point × operation × role: runs one cell on a line in memory and holds it against what programs are promised. */

import type { Duplex } from 'node:stream'
import { type Client, connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { beginServing, type SessionChannel } from '@hawser/server'
import { fromNodeSocket } from '@hawser/session/node'
import { memory } from '@hawser/sftp/server'
import {
  type ClientChannel,
  Client as CompatClient,
  Server as CompatServer,
  type SFTPWrapper,
} from '@hawser/ssh2-compat'
import { Rng, sharedKeyFile } from '@hawser/test-kit'
import { breaks, FaultyLine, HandClock, type LineFault, lineFaults, type Side } from './fault-line.ts'

/** Which of our surfaces is at both ends. */
export const surfaces = ['promises', 'compat'] as const
export type Surface = (typeof surfaces)[number]

export const operations = ['login', 'exec', 'forward', 'upload', 'download', 'rekey'] as const
export type Operation = (typeof operations)[number]

export interface Cell {
  readonly surface: Surface
  readonly operation: Operation
  /** Whose input breaks: the role under test. The other end is one of ours too, and is held to the same. */
  readonly role: Side
  readonly fault: LineFault
  /** Bytes of the role's input before the fault. */
  readonly at: number
  readonly seed: number
}

export interface CellResult {
  /** What did not hold; empty when all did. */
  readonly problems: readonly string[]
  /** How the operation ended: `done`, or the error's code. */
  readonly outcome: string
  /** Bytes that each role received in all, and by the time of the login. */
  readonly received: Readonly<Record<Side, number>>
  readonly atLogin: Readonly<Record<Side, number>>
  /** Ends of the pieces in which each role received them: the borders of messages. */
  readonly borders: Readonly<Record<Side, readonly number[]>>
}

let content = contentOf(40_000)

/** How many bytes the operations move from now on. Default: 40,000. */
export function moveBytes(length: number): void {
  content = contentOf(length)
}

function contentOf(length: number): Buffer {
  return Buffer.alloc(length, 'the quick brown fox jumps over the lazy dog. ')
}

const algorithms = { kex: ['curve25519-sha256'], cipher: ['aes128-gcm@openssh.com'] } as const
const compatAlgorithms = { kex: ['curve25519-sha256'], cipher: ['aes128-gcm@openssh.com'] } as const

/** Counts what is told of one end. */
class Witness {
  readonly #side: string
  readonly errors: unknown[] = []
  closes = 0
  /** A server of the compat surface tells programs of a connection once the client has named itself. */
  told = true
  closedAt: number | undefined
  late: string[] = []
  #pending = new Map<string, number>()
  readonly #clock: HandClock

  constructor(side: string, clock: HandClock) {
    this.#side = side
    this.#clock = clock
  }

  readonly failed = (error: unknown): void => {
    if (this.closes > 0) this.late.push('error')
    this.errors.push(error)
  }

  readonly closed = (): void => {
    this.closes++
    this.closedAt = this.#clock.now
  }

  /** A callback that has to be called once; `told` gets what it is called with. */
  once<A extends unknown[]>(
    name: string,
    told: (...given: A) => void = () => undefined,
  ): (...given: A) => void {
    this.#pending.set(name, this.#pending.get(name) ?? 0)
    return (...given) => {
      this.#pending.set(name, (this.#pending.get(name) ?? 0) + 1)
      told(...given)
    }
  }

  get problems(): string[] {
    const found: string[] = []
    if (this.errors.length > 1) found.push(`${this.#side}: ${this.errors.length} errors`)
    if (this.errors.some((each) => !(each instanceof Error)))
      found.push(`${this.#side}: an error that is none`)
    if (this.closes !== (this.told ? 1 : 0)) found.push(`${this.#side}: close told ${this.closes} times`)
    if (this.late.length > 0) found.push(`${this.#side}: ${this.late.join(', ')} after close`)
    for (const [name, times] of this.#pending)
      if (times !== 1) found.push(`${this.#side}: ${name} called ${times} times`)
    return found
  }
}

/** Runs `cell` to its end. Nothing else may run in this process meanwhile: its clock stands still. */
export async function runCell(cell: Cell): Promise<CellResult> {
  const clock = new HandClock()
  const rng = new Rng(cell.seed)
  const problems: string[] = []
  const uncaught = (error: unknown): void => void problems.push(`uncaught: ${String(error)}`)
  const guards = ['uncaughtException', 'unhandledRejection'] as const
  const others = guards.map((name) => process.rawListeners(name))
  guards.forEach((name) => {
    process.removeAllListeners(name)
    process.on(name, uncaught)
  })
  clock.install()
  try {
    return await runGuarded(cell, clock, rng, problems)
  } finally {
    clock.restore()
    guards.forEach((name, at) => {
      process.removeListener(name, uncaught)
      for (const listener of others[at] ?? []) process.on(name, listener as () => void)
    })
  }
}

async function runGuarded(cell: Cell, clock: HandClock, rng: Rng, problems: string[]): Promise<CellResult> {
  const line = new FaultyLine({ fault: cell.fault, toward: cell.role, at: cell.at, rng, clock })
  const borders: Record<Side, number[]> = { client: [], server: [] }
  for (const end of [line.client, line.server]) {
    const arrive = end.arrive.bind(end)
    end.arrive = (bytes) => {
      arrive(bytes)
      borders[end.side].push(end.received)
    }
  }
  const witnesses = { client: new Witness('client', clock), server: new Witness('server', clock) }
  const began = clock.now
  const atLogin: Record<Side, number> = { client: 0, server: 0 }
  const loggedIn = (): void => {
    atLogin.client = line.client.received
    atLogin.server = line.server.received
  }
  let outcome: string | undefined
  const { client, server } = ends[cell.surface]
  server(line.server, witnesses.server)
  client(line.client, witnesses.client, cell.operation, loggedIn).then(
    () => {
      outcome = 'done'
    },
    (error: unknown) => {
      outcome = String((error as { code?: unknown }).code ?? (error as { level?: unknown }).level ?? error)
      if (!(error instanceof Error)) problems.push('the operation failed with something that is no Error')
    },
  )
  const over = (): boolean =>
    outcome !== undefined &&
    witnesses.client.closes > 0 &&
    (witnesses.server.told ? witnesses.server.closes > 0 : line.server.destroyed)
  for (let quiet = 0, turns = 0; !over() && turns < 2_000_000; turns++) {
    const before = line.activity
    await turn()
    quiet = line.activity === before ? quiet + 1 : 0
    if (quiet < 12) continue
    quiet = 0
    if (!clock.advance() || clock.now - began > 3_600_000) break
  }
  for (let i = 0; i < 30; i++) await turn()
  if (outcome === undefined) problems.push('the operation never settled')
  problems.push(...witnesses.client.problems, ...witnesses.server.problems)
  if (clock.left > 0) problems.push(`${clock.left} timers left`)
  for (const end of [line.client, line.server])
    if (!end.destroyed) problems.push(`the socket of the ${end.side} is open`)
  if (!breaks(cell.fault) && outcome !== 'done') problems.push(`the operation failed: ${outcome}`)
  const since = line.brokenAt ?? began
  const most = cell.fault === 'silence' ? 122_000 : breaks(cell.fault) ? 12_000 : Number.POSITIVE_INFINITY
  for (const [side, { closedAt }] of Object.entries(witnesses))
    if (closedAt !== undefined && closedAt - since > most)
      problems.push(`the ${side} closed after ${closedAt - since} ms`)
  const received = { client: line.client.received, server: line.server.received }
  return { problems, outcome: outcome ?? 'nothing', received, atLogin, borders }
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

type ClientEnd = (
  socket: Duplex,
  witness: Witness,
  operation: Operation,
  loggedIn: () => void,
) => Promise<void>
type ServerEnd = (socket: Duplex, witness: Witness) => void

const userKey = sharedKeyFile('ed25519', 'user')
const hostKeyFile = sharedKeyFile('ed25519', 'host')

const promiseClient: ClientEnd = async (socket, witness, operation, loggedIn) => {
  const client = await connect({
    pipe: fromNodeSocket(socket),
    host: 'memory',
    user: 'ann',
    auth: [{ method: 'publickey', signer: parsePrivateKey(userKey.privateText) }],
    hostKey: { keys: [parsePublicKey(hostKeyFile.publicLine)] },
    algorithms,
    hooks: { failed: witness.failed, closed: witness.closed },
  })
  loggedIn()
  try {
    await promiseOperations[operation](client)
  } finally {
    await client.close()
  }
}

const promiseOperations: Readonly<Record<Operation, (client: Client) => Promise<void>>> = {
  login: async () => undefined,
  async exec(client) {
    const program = await client.exec('say')
    const [output, exit] = await Promise.all([all(program.stdout), program.exit])
    if (!output.equals(content) || exit.code !== 0)
      throw new Error(`${output.length} bytes of output, exit ${exit.code}`)
  },
  async forward(client) {
    const channel = await client.forwardOut({ host: 'echo', port: 7 })
    const written = (async () => {
      const writer = channel.writable.getWriter()
      await writer.write(content)
      await writer.close()
    })()
    const [echo] = await Promise.all([all(channel.readable), written])
    if (!echo.equals(content)) throw new Error(`${echo.length} bytes came back`)
  },
  async upload(client) {
    const sftp = await client.sftp()
    await sftp.writeFile('/up', content)
    if ((await sftp.stat('/up')).size !== content.length) throw new Error('the file is not complete')
    await sftp.close()
  },
  async download(client) {
    const sftp = await client.sftp()
    if (!Buffer.from(await sftp.readFile('/down')).equals(content)) throw new Error('another content')
    await sftp.close()
  },
  async rekey(client) {
    const program = await client.exec('say')
    const [output] = await Promise.all([all(program.stdout), client.rekey()])
    if (!output.equals(content)) throw new Error(`${output.length} bytes of output`)
  },
}

const promiseServer: ServerEnd = (socket, witness) => {
  const settles = (name: string, promise: Promise<unknown>): void => {
    const settled = witness.once(name)
    promise.then(
      () => settled(),
      () => settled(),
    )
  }
  let number = 0
  beginServing(fromNodeSocket(socket), {
    hostKeys: [parsePrivateKey(hostKeyFile.privateText)],
    auth: { publickey: () => true },
    algorithms,
    hooks: { failed: witness.failed, closed: witness.closed },
    onSession: (session: SessionChannel) => {
      settles(`closed of session ${++number}`, session.closed)
      session
        .onExec((request) => {
          const program = request.accept()
          settles('the write', program.write(content))
          settles('the exit', program.exit(0))
        })
        .onSftp(memory({ files: { '/down': content } }))
    },
    onTcpip: (request) => {
      const channel = request.accept()
      settles('the echo', channel.readable.pipeTo(channel.writable))
    },
  })
}

const compatClient: ClientEnd = (socket, witness, operation, loggedIn) => {
  const client = new CompatClient()
  return new Promise((resolve, reject) => {
    const settled = witness.once('the operation', (error?: unknown) => {
      if (error === undefined || error === null) resolve()
      else reject(error)
    })
    let began = false
    client.on('error', (error) => {
      witness.failed(error)
      if (!began) {
        began = true
        settled(error)
      }
    })
    client.on('close', () => {
      witness.closed()
      if (!began) {
        began = true
        settled(new Error('closed before the login, without an error'))
      }
    })
    client.on('ready', () => {
      began = true
      loggedIn()
      compatOperations[operation](client, witness).then(
        () => {
          settled()
          client.end()
        },
        (error: unknown) => {
          settled(error)
          client.end()
        },
      )
    })
    client.connect({
      sock: socket as never,
      username: 'ann',
      privateKey: userKey.privateText,
      hostVerifier: () => true,
      algorithms: compatAlgorithms as never,
      keepaliveInterval: 15_000,
    })
  })
}

/** `start` with a callback that must be called once, as a promise. */
function called<T>(
  witness: Witness,
  name: string,
  start: (done: (error: Error | null | undefined, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start(
      witness.once(name, (error: Error | null | undefined, value: T) =>
        error ? reject(error) : resolve(value),
      ),
    )
  })
}

/** Everything that comes by `stream` until its close, which must come once. */
function wholeOf(witness: Witness, name: string, stream: ClientChannel): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let failure: Error | undefined
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', (error: Error) => {
      if (failure !== undefined) witness.late.push(`a second error of ${name}`)
      failure = error
    })
    stream.on(
      'close',
      witness.once(`close of ${name}`, () => (failure ? reject(failure) : resolve(Buffer.concat(chunks)))),
    )
  })
}

const compatOperations: Readonly<
  Record<Operation, (client: CompatClient, witness: Witness) => Promise<void>>
> = {
  login: async () => undefined,
  async exec(client, witness) {
    const stream = await called<ClientChannel>(witness, 'exec', (done) => client.exec('say', done as never))
    const output = await wholeOf(witness, 'the program', stream)
    if (!output.equals(content)) throw new Error(`${output.length} bytes of output`)
  },
  async forward(client, witness) {
    const stream = await called<ClientChannel>(witness, 'forwardOut', (done) =>
      client.forwardOut('here', 1, 'echo', 7, done as never),
    )
    stream.end(content)
    const echo = await wholeOf(witness, 'the forward', stream)
    if (!echo.equals(content)) throw new Error(`${echo.length} bytes came back`)
  },
  async upload(client, witness) {
    const sftp = await called<SFTPWrapper>(witness, 'sftp', (done) => client.sftp(done as never))
    sftp.on('error', () => undefined)
    await called(witness, 'writeFile', (done) => sftp.writeFile('/up', content, done as never))
  },
  async download(client, witness) {
    const sftp = await called<SFTPWrapper>(witness, 'sftp', (done) => client.sftp(done as never))
    sftp.on('error', () => undefined)
    const file = await called<Buffer>(witness, 'readFile', (done) => sftp.readFile('/down', done as never))
    if (!file.equals(content)) throw new Error('another content')
  },
  async rekey(client, witness) {
    const stream = await called<ClientChannel>(witness, 'exec', (done) => client.exec('say', done as never))
    const whole = wholeOf(witness, 'the program', stream)
    // As documented it is a listener of the event, which does not come when the connection is lost.
    let rekeys = 0
    client.rekey(() => rekeys++)
    const output = await whole
    if (rekeys > 1) witness.late.push('a second rekey')
    if (!output.equals(content)) throw new Error(`${output.length} bytes of output`)
  },
}

const compatServer: ServerEnd = (socket, witness) => {
  witness.told = false
  const server = new CompatServer(
    {
      hostKeys: [hostKeyFile.privateText],
      algorithms: compatAlgorithms as never,
      keepaliveInterval: 15_000,
    } as never,
    (connection) => {
      witness.told = true
      connection.on('error', witness.failed)
      connection.on('close', witness.closed)
      connection.on('authentication', (context) => context.accept())
      connection.on('tcpip', (accept) => {
        const stream = accept()
        stream.on('error', () => undefined)
        stream.on('close', witness.once('close of the forward'))
        stream.pipe(stream)
      })
      connection.on('session', (accept) => {
        const session = accept()
        session.on('close', witness.once('close of the session'))
        session.on('exec', (acceptExec) => {
          const stream = acceptExec()
          stream.on('error', () => undefined)
          stream.on('close', witness.once('close of the program'))
          stream.resume()
          stream.write(content)
          stream.exit(0)
          stream.end()
        })
        session.on('sftp', (acceptSftp) => serveOneFile(acceptSftp()))
      })
    },
  )
  server.injectSocket(socket as never)
}

function serveOneFile(sftp: SFTPWrapper): void {
  const emitter = sftp as unknown as {
    on(event: string, listener: (id: number, ...given: never[]) => void): void
  }
  emitter.on('error', () => undefined)
  emitter.on('OPEN', (id) => sftp.handle(id, Buffer.from('file')))
  emitter.on('CLOSE', (id) => sftp.status(id, 0))
  emitter.on('FSTAT', (id) =>
    sftp.attrs(id, { mode: 0o100644, uid: 1, gid: 1, size: content.length, atime: 1, mtime: 1 } as never),
  )
  emitter.on('FSETSTAT', (id) => sftp.status(id, 0))
  emitter.on('WRITE', (id) => sftp.status(id, 0))
  emitter.on('READ', (id, ...given) => {
    const [, offset, length] = given as unknown as [Buffer, number, number]
    if (offset >= content.length) sftp.status(id, 1)
    else sftp.data(id, content.subarray(offset, offset + length))
  })
}

const ends: Readonly<Record<Surface, { readonly client: ClientEnd; readonly server: ServerEnd }>> = {
  promises: { client: promiseClient, server: promiseServer },
  compat: { client: compatClient, server: compatServer },
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    chunks.push(value)
  }
}

/** One row of the table: an operation under a fault, with all of its cut points. */
export interface Row {
  readonly surface: Surface
  readonly role: Side
  readonly operation: Operation
  readonly fault: LineFault
  readonly cells: readonly Cell[]
}

export interface RowOptions {
  /** One point in so many bytes, and each border of messages with its neighbours. 0: a seeded sample of `most` points. */
  readonly every: number
  readonly most?: number
  readonly seed: number
}

/** The cells of one role and operation under each fault; a good run first tells where the borders are. */
export async function rowsOf(
  surface: Surface,
  role: Side,
  operation: Operation,
  o: RowOptions,
): Promise<Row[]> {
  const good = await runCell({ surface, operation, role, fault: 'none', at: 0, seed: o.seed })
  if (good.problems.length > 0) throw new Error(`without a fault: ${good.problems.join('; ')}`)
  const rng = new Rng(`${o.seed} ${surface} ${role} ${operation}`)
  // Before the login all operations are the same.
  const first = operation === 'login' ? 0 : good.atLogin[role]
  const last = good.received[role]
  const points = new Set<number>()
  if (o.every === 0) for (let i = 0; i < (o.most ?? 1); i++) points.add(rng.between(first, last))
  else {
    for (let at = first; at <= last; at += o.every) points.add(at)
    for (const border of good.borders[role])
      for (const at of [border - 1, border, border + 1]) if (at >= first && at <= last) points.add(at)
  }
  return lineFaults.map((fault) => ({
    surface,
    role,
    operation,
    fault,
    cells: [...(breaks(fault) ? points : [0])].map((at) => ({
      surface,
      role,
      operation,
      fault,
      at,
      seed: rng.uint32(),
    })),
  }))
}
