/** The table stage × operation × fault × role × surface: programs of their own against the real OpenSSH, over a line that breaks. */

import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type LineOptions,
  type Relay,
  Rng,
  type Running,
  type RunResult,
  removeFolder,
  type Sshd,
  sharedKeyFile,
  start,
  startRelay,
  startSsh,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { build } from 'esbuild'
import type { FaultyReport, FaultyWish } from './programs/faulty.ts'
import { sshOptions as quietSsh } from './sftp-server-kit.ts'

export type PeerOperation = FaultyWish['operation']

export const peerOperations = ['exec', 'get', 'put', 'forward', 'backward', 'rekey'] as const
/** `kill` is SIGKILL for the peer's processes; the last four only make the line odd. */
export const peerFaults = [
  'end',
  'reset',
  'half',
  'silence',
  'kill',
  'none',
  'bytes',
  'random',
  'delays',
] as const
export type PeerFault = (typeof peerFaults)[number]

export interface PeerCell {
  readonly surface: FaultyWish['surface']
  readonly role: FaultyWish['role']
  readonly operation: PeerOperation
  readonly fault: PeerFault
  /** Where it breaks: a share of what our side receives before the login (below 1), or 1 and a share of what it receives from then on. */
  readonly at: number
}

export interface PeerResult {
  readonly problems: readonly string[]
  /** How the program ended: its exit code, what it was told, and the outcome. */
  readonly summary: string
}

interface Extent {
  readonly atLogin: number
  readonly total: number
}

const breaking: readonly PeerFault[] = ['end', 'reset', 'half', 'silence', 'kill']
/** A peer that is killed must not have sent everything by then: more than any window and socket buffer holds. */
const sizes: Partial<Record<PeerFault, number>> = {
  bytes: 3_000,
  end: 400_000,
  reset: 400_000,
  half: 400_000,
  silence: 400_000,
  kill: 12_000_000,
}
/** How long a program may take to end by itself. */
const patienceMs = 20_000

/** The peers of all cells. */
export class PeerBench {
  readonly #sshd: Sshd
  readonly #echo: Server
  readonly #folder: string
  readonly #program: string
  readonly #extents = new Map<string, Promise<Extent>>()
  #files = 0

  private constructor(sshd: Sshd, echo: Server, folder: string, program: string) {
    this.#sshd = sshd
    this.#echo = echo
    this.#folder = folder
    this.#program = program
  }

  static async start(): Promise<PeerBench> {
    const folder = temporaryFolder('fault-peers')
    const program = join(folder, 'faulty.mjs')
    await build({
      entryPoints: [fileURLToPath(new URL('./programs/faulty.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['@hawser/source'],
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    })
    const echo = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    return new PeerBench(await startSshd({ hostKeys: ['ed25519'] }), echo, folder, program)
  }

  async stop(): Promise<void> {
    this.#echo.close()
    await this.#sshd.stop()
    removeFolder(this.#folder)
  }

  /** Runs one cell and holds what its program tells against what programs are promised. */
  async run(cell: PeerCell): Promise<PeerResult> {
    const { fault } = cell
    const size = sizes[fault] ?? 60_000
    let line: LineOptions = {}
    let at = Number.POSITIVE_INFINITY
    if (breaking.includes(fault)) {
      const { atLogin, total } = await this.#extent(cell, size)
      at = Math.floor(cell.at < 1 ? cell.at * atLogin : atLogin + (cell.at - 1) * (total - atLogin))
    }
    const rng = new Rng(JSON.stringify(cell))
    if (fault === 'end' || fault === 'reset') line = { cutAfter: at }
    else if (fault === 'half') line = { endAfter: at }
    else if (fault === 'silence') line = { stallAfter: at }
    else if (fault === 'bytes') line = { piece: 1 }
    else if (fault === 'random') line = { piece: () => rng.between(1, 700) }
    else if (fault === 'delays') line = { piece: 4_000, delayMs: 20 }
    const { result } = await this.#once(cell, size, line, at)
    return judge(cell, result)
  }

  /** What a good run receives, for this operation. */
  #extent(cell: PeerCell, size: number): Promise<Extent> {
    const { surface, role, operation } = cell
    const name = `${surface} ${role} ${operation} ${size}`
    let extent = this.#extents.get(name)
    if (extent === undefined) {
      const good = { ...cell, fault: 'none' } as const
      extent = this.#once(good, size, {}, Number.POSITIVE_INFINITY).then(({ result, ...told }) => {
        const { problems } = judge(good, result)
        if (problems.length > 0) throw new Error(`${name}, without a fault: ${problems.join('; ')}`)
        return told
      })
      this.#extents.set(name, extent)
    }
    return extent
  }

  async #once(
    cell: PeerCell,
    size: number,
    line: LineOptions,
    killAt: number,
  ): Promise<Extent & { readonly result: RunResult }> {
    const ours = cell.role === 'client' ? 'toClient' : 'toServer'
    let peer: number | undefined
    const alter = (piece: Buffer, offset: number): Buffer => {
      if (cell.fault === 'kill' && peer !== undefined && offset + piece.length >= killAt) {
        killBelow(peer, cell.role === 'server')
        peer = undefined
      }
      return piece
    }
    const wish = this.#wish(cell, size)
    const relayTo = (port: number): Promise<Relay> =>
      startRelay({
        target: { port },
        [ours]: { ...line, alter },
        cutBy: cell.fault === 'end' ? 'end' : 'reset',
      })
    let relay: Relay
    let program: Running
    let ssh: Running | undefined
    if (cell.role === 'client') {
      // A killed sshd must not take the others' connections along: each cell of that fault has one of its own.
      const sshd = cell.fault === 'kill' ? await startSshd({ hostKeys: ['ed25519'] }) : this.#sshd
      peer = sshd.pid
      relay = await relayTo(sshd.port)
      program = this.#start({ ...wish, port: relay.port })
      if (cell.fault === 'kill') void program.done.then(() => sshd.stop())
    } else {
      program = this.#start(wish)
      const [first] = (await once(program.child.stdout, 'data')) as [Buffer]
      relay = await relayTo(Number(first.toString()))
      ssh = this.#peer(cell.operation, relay.port, size)
      peer = ssh.child.pid
    }
    let atLogin = 0
    program.child.stdout.on('data', (chunk: Buffer) => {
      if (atLogin === 0 && chunk.includes('ready')) atLogin = relay.passed[ours]
    })
    const result = await program.done
    const total = relay.passed[ours]
    await relay.stop()
    if (ssh !== undefined) await ssh.stop()
    return { result, atLogin, total }
  }

  #start(wish: FaultyWish): Running {
    return start(process.execPath, [this.#program, JSON.stringify(wish)], { timeoutMs: patienceMs })
  }

  #wish({ surface, role, operation }: PeerCell, size: number): FaultyWish {
    const source = join(this.#folder, `source-${size}`)
    writeFileSync(source, Buffer.alloc(size, 1))
    return {
      surface,
      role,
      operation,
      size,
      user: this.#sshd.user,
      key: sharedKeyFile('ed25519', role === 'client' ? 'user' : 'host').path,
      hostKey: this.#sshd.hostKeys.get('ed25519')?.publicLine ?? '',
      port: 0,
      echoPort: this.#echoPort,
      source: role === 'client' ? source : this.#folder,
      target: join(this.#folder, `target-${++this.#files}`),
    }
  }

  get #echoPort(): number {
    return (this.#echo.address() as AddressInfo).port
  }

  /** The client of OpenSSH that does `operation` with a server of ours. */
  #peer(operation: PeerOperation, port: number, size: number): Running {
    const content = Buffer.alloc(size, 1)
    const source = join(this.#folder, `source-${size}`)
    const target = join(this.#folder, `target-${++this.#files}`)
    if (operation === 'get' || operation === 'put') {
      const words =
        operation === 'get' ? `get /source-${size} ${target}` : `put ${source} /uploaded-${this.#files}`
      return start('sftp', [...quietSsh(port), '-b', '-', '127.0.0.1'], {
        input: `${words}\n`,
        timeoutMs: patienceMs,
      })
    }
    const common = { port, identities: [sharedKeyFile('ed25519', 'user').path], timeoutMs: patienceMs }
    if (operation === 'forward') return startSsh({ ...common, flags: ['-W', 'echo:7'], input: content })
    if (operation === 'backward')
      return startSsh({ ...common, flags: ['-N', '-R', `7:127.0.0.1:${this.#echoPort}`] })
    return startSsh({ ...common, command: 'cat', input: content })
  }
}

/** What of `result` is not as promised. */
function judge({ fault, role, surface }: PeerCell, result: RunResult): PeerResult {
  const problems: string[] = []
  if (result.timedOut) problems.push('the process did not end by itself')
  else if (result.code !== 0) problems.push(`exit code ${result.code ?? result.signal}`)
  if (result.stderr !== '') problems.push(`it complained: ${result.stderr.slice(0, 400)}`)
  const last = result.text.trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) return { problems: [...problems, 'it told nothing'], summary: 'nothing' }
  const { told, calls, outcome, error } = JSON.parse(last) as FaultyReport
  const order = told.join(', ')
  const broken = breaking.includes(fault)
  // A server of the compat surface tells its program of a client once that has named itself; ssh2 has no error for an orderly end.
  const silentEnd = surface === 'compat' && (order === 'close' || (role === 'server' && order === ''))
  if (broken ? order !== 'error, close' && !silentEnd : order !== 'close')
    problems.push(`it was told: ${order || 'nothing'}${error === undefined ? '' : ` (${error.message})`}`)
  for (const [name, times] of Object.entries(calls)) if (times !== 1) problems.push(`${name}: ${times} times`)
  if (!broken && outcome !== 'done') problems.push(`it failed: ${outcome}`)
  if (broken && role === 'client' && outcome === 'done') problems.push('nothing broke')
  const summary = `exit code ${result.code}, ${order || 'nothing'}, ${String(error?.code ?? error?.level ?? outcome)}`
  return { problems, summary }
}

/**
 * Kills the processes that `pid` has started, and itself if `too`: of sshd those that serve one connection. Parents first: a program that
 * dies before who speaks for it would be reported in order.
 */
function killBelow(pid: number, too: boolean): void {
  const all = too ? [pid] : childrenOf(pid)
  for (let at = 0; at < all.length; at++) all.push(...childrenOf(all[at] as number))
  for (const each of all)
    try {
      process.kill(each, 'SIGKILL')
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid)
}

function parentOf(pid: number): number | undefined {
  try {
    // The name, in brackets, may hold anything; the state and the parent follow.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
