/** Breaks connections at every stage, between Hawser and the real OpenSSH, and tells what came of it. */

import { connect } from '@hawser/client'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { listen, spawnProcess } from '@hawser/server/node'
import {
  type LineOptions,
  type Relay,
  runSsh,
  type Sshd,
  sharedKeyFile,
  startRelay,
  startSsh,
  startSshd,
} from '@hawser/test-kit'
import type { Trace } from '@hawser/wire'

export type Role = 'client' | 'server'

/** `end` and `reset` cut the socket; `silence` keeps it open and passes on nothing more. */
export const faultKinds = ['end', 'reset', 'silence'] as const
export type FaultKind = (typeof faultKinds)[number]

/** Where our side waits for something of the peer that does not come any more. */
export const stages = [
  { name: 'before the identification', phase: 'identification' },
  { name: 'after the identification', phase: 'key-exchange' },
  { name: 'after KEXINIT', phase: 'key-exchange' },
  { name: 'in the middle of the key exchange', phase: 'key-exchange' },
  { name: 'before NEWKEYS', phase: 'key-exchange' },
  { name: 'at the service request', phase: 'authentication' },
  { name: 'during authentication', phase: 'authentication' },
  { name: 'while a channel opens', phase: 'ready' },
  { name: 'while a program runs', phase: 'ready' },
] as const
export type Stage = (typeof stages)[number]

/** What our side told about a connection that broke. */
export interface Seen {
  readonly code: unknown
  readonly phase: unknown
  readonly message: string
  /** The name of the error's class. */
  readonly type: string
  /** How often each was told: the error by hook, the end by hook, the error by whatever the caller waited for. */
  readonly times: { readonly failed: number; readonly closed: number; readonly rejected: number }
  /** Whether hook and promise told of the same error object. */
  readonly same: boolean
}

/** What is expected of a fault at a stage. */
export function expectedOf(stage: Stage, kind: FaultKind): { readonly code: string; readonly phase: string } {
  const { phase } = stage
  if (kind !== 'silence') return { code: 'SSH_CONNECTION_LOST', phase }
  return { code: phase === 'ready' ? 'SSH_KEEPALIVE_TIMEOUT' : 'SSH_TIMEOUT', phase }
}

/** How long our side waits for a silent peer, here and in the programs: long enough to get to the stage on a busy machine. */
const patience = {
  readyMs: 4_000,
  keepalive: { intervalMs: 250, maxMissed: 2 },
  silentMs: 15_000,
} as const

/** The one cipher of these sessions: it leaves packet lengths readable, so that the line can be cut at messages. */
const cipher = 'aes128-gcm@openssh.com'
const tagSize = 16

/** The servers, and where in their streams each stage is. */
export class FaultBench {
  readonly sshd: Sshd
  readonly #offsets: Readonly<Record<Role, readonly number[]>>

  private constructor(sshd: Sshd, offsets: Readonly<Record<Role, readonly number[]>>) {
    this.sshd = sshd
    this.#offsets = offsets
  }

  /** Runs one good session in each role and finds the stages in what the peer sent. */
  static async start(): Promise<FaultBench> {
    const sshd = await startSshd({ hostKeys: ['ed25519'], ciphers: [cipher] })
    try {
      return new FaultBench(sshd, { client: await clientOffsets(sshd), server: await serverOffsets() })
    } catch (error) {
      await sshd.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    return this.sshd.stop()
  }

  /** What spoils the line of the peer of `role` at `stage`. */
  fault(role: Role, stage: Stage, kind: FaultKind): LineOptions {
    const at = this.#offsets[role][stages.indexOf(stage)] as number
    return kind === 'silence' ? { stallAfter: at } : { cutAfter: at }
  }

  /** Breaks one connection of `role` and tells what was seen of it. */
  run(role: Role, stage: Stage, kind: FaultKind): Promise<Seen> {
    return role === 'client' ? this.#client(stage, kind) : this.#server(stage, kind)
  }

  /** A relay to sshd that breaks at `stage`. */
  relay(stage: Stage, kind: FaultKind): Promise<Relay> {
    return startRelay({
      target: this.sshd,
      toClient: this.fault('client', stage, kind),
      cutBy: kind === 'end' ? 'end' : 'reset',
    })
  }

  async #client(stage: Stage, kind: FaultKind): Promise<Seen> {
    await using relay = await this.relay(stage, kind)
    const witness = new Witness()
    const session = async (): Promise<void> => {
      const client = await connect({ ...ourClient(this.sshd, relay.port), hooks: witness.hooks })
      const process = await client.exec('echo ready; cat')
      await process.exit
    }
    await session().catch((error: unknown) => witness.rejected(error))
    await witness.closed
    return witness.seen()
  }

  async #server(stage: Stage, kind: FaultKind): Promise<Seen> {
    const witness = new Witness()
    await using server = await listen({
      ...ourServer(),
      limits: { loginGraceMs: patience.readyMs },
      hooks: witness.hooks,
      onConnectionError: (error) => witness.rejected(error),
    })
    await using relay = await startRelay({
      target: { port: server.port },
      toServer: this.fault('server', stage, kind),
      cutBy: kind === 'end' ? 'end' : 'reset',
    })
    const ssh = startSsh(sshOptions(relay.port))
    await witness.closed
    const { code, timedOut } = await ssh.done
    if (code !== 255 || timedOut) throw new Error(`ssh ended with ${timedOut ? 'a stall' : code}`)
    return witness.seen()
  }
}

/** Counts what is told of one connection. */
class Witness {
  readonly closed: Promise<void>
  readonly hooks: { failed(error: Error): void; closed(): void }
  #failed: unknown[] = []
  #rejected: unknown[] = []
  #closes = 0

  constructor() {
    let close: () => void = () => undefined
    const late = setTimeout(() => close(), patience.silentMs)
    this.closed = new Promise((resolve) => {
      close = () => {
        clearTimeout(late)
        resolve()
      }
    })
    this.hooks = {
      failed: (error) => this.#failed.push(error),
      closed: () => {
        this.#closes++
        // Whatever is told after the end would be told in the same turn or the next.
        setImmediate(close)
      },
    }
  }

  rejected(error: unknown): void {
    this.#rejected.push(error)
  }

  seen(): Seen {
    const error = this.#failed[0] as { code?: unknown; phase?: unknown; message?: string } | undefined
    return {
      code: error?.code,
      phase: error?.phase,
      message: error?.message ?? '',
      type: error?.constructor.name ?? 'nothing',
      times: { failed: this.#failed.length, closed: this.#closes, rejected: this.#rejected.length },
      same: this.#rejected[0] === error,
    }
  }
}

/** Options of our client for `sshd`, through the relay at `port`. */
export function ourClient(sshd: Sshd, port: number) {
  const hostKey = parsePublicKey(sshd.hostKeys.get('ed25519')?.publicLine ?? '')
  return {
    host: '127.0.0.1',
    port,
    user: sshd.user,
    auth: [
      {
        method: 'publickey',
        // The stages count what a probe brings.
        probe: true,
        signer: parsePrivateKey(sharedKeyFile('ed25519', 'user').privateText),
      },
    ],
    hostKey: { keys: [hostKey] },
    algorithms: { cipher: [cipher], kex: ['curve25519-sha256'] },
    readyTimeoutMs: patience.readyMs,
    keepalive: patience.keepalive,
  } as const
}

/** Options of our server for {@link sshOptions}. */
function ourServer() {
  const user = parsePublicKey(sharedKeyFile('ed25519', 'user').publicLine)
  return {
    port: 0,
    hostKeys: [parsePrivateKey(sharedKeyFile('ed25519', 'host').privateText)],
    auth: {
      publickey: ({ key }: { readonly key: { readonly blob: Uint8Array } }) =>
        Buffer.compare(key.blob, user.blob) === 0,
    },
    algorithms: { cipher: [cipher], kex: ['curve25519-sha256'] },
    keepalive: patience.keepalive,
    onSession: (session: import('@hawser/server').SessionChannel) => {
      session.onExec((exec) => spawnProcess(exec.accept(), { shellCommand: exec.command }))
    },
  } as const
}

/** A run of ssh that sends a line and then keeps its input open. */
export function sshOptions(port: number) {
  return {
    port,
    identities: [sharedKeyFile('ed25519', 'user').path],
    command: 'cat',
    input: 'ready\n',
    keepInputOpen: true,
    timeoutMs: patience.silentMs,
  } as const
}

async function clientOffsets(sshd: Sshd): Promise<number[]> {
  const line = new Line()
  await using relay = await startRelay({ target: sshd, toClient: { alter: line.alter } })
  const client = await connect({ ...ourClient(sshd, relay.port), trace: line.trace })
  const process = await client.exec('echo ready; cat')
  await process.stdout.getReader().read()
  await client.close()
  return [
    0,
    line.identification,
    line.end('kexInit'),
    line.middle('kexEcdhReply'),
    line.end('kexEcdhReply'),
    line.end('newKeys'),
    line.end('userauthPkOk'),
    line.end('userauthSuccess'),
    line.end('channelData'),
  ]
}

async function serverOffsets(): Promise<number[]> {
  const line = new Line()
  await using server = await listen({ ...ourServer(), trace: line.trace })
  await using relay = await startRelay({ target: server, toServer: { alter: line.alter } })
  const { command, input, ...options } = sshOptions(relay.port)
  const { code, stderr } = await runSsh({ ...options, command, input, keepInputOpen: false })
  if (code !== 0) throw new Error(`ssh ended with ${code}: ${stderr}`)
  return [
    0,
    line.identification,
    line.end('kexInit'),
    line.middle('kexEcdhInit'),
    line.end('kexEcdhInit'),
    line.end('newKeys'),
    line.end('userauthRequest'),
    line.middle('channelOpen'),
    line.end('channelData'),
  ]
}

/** One direction of a good session: where its messages are, by the names that our side gave them. */
class Line {
  readonly #chunks: Buffer[] = []
  readonly #names: string[] = []

  readonly alter = (piece: Buffer): Buffer => {
    this.#chunks.push(Buffer.from(piece))
    return piece
  }

  readonly trace: Trace = (event) => {
    if (event.type === 'message' && event.direction === 'in') this.#names.push(event.name)
  }

  /** The end of the identification line. */
  get identification(): number {
    return Buffer.concat(this.#chunks).indexOf('\n') + 1
  }

  end(name: string): number {
    return this.#find(name).end
  }

  middle(name: string): number {
    const { start, end } = this.#find(name)
    return (start + end) >> 1
  }

  /** RFC 4253 §6 packets, then RFC 5647 ones: the length is in the clear, a tag follows. */
  #find(name: string): { readonly start: number; readonly end: number } {
    const stream = Buffer.concat(this.#chunks)
    let start = this.identification
    let sealed = false
    for (const found of this.#names) {
      const end = start + 4 + stream.readUInt32BE(start) + (sealed ? tagSize : 0)
      if (found === name) return { start, end }
      if (found === 'newKeys') sealed = true
      start = end
    }
    throw new Error(`no ${name} among ${this.#names.join(', ')}`)
  }
}
