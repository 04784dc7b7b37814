/** A client and a server joined in memory. */

import { type Client, type ConnectOptions, connect } from '@hawser/client'
import { generateKey, type PrivateKey } from '@hawser/keys'
import { beginServing, type ServerConnection, type ServerOptions } from '@hawser/server'
import type { Clock } from '@hawser/session'
import type { Trace } from '@hawser/wire'
import type { Chunking } from './chunking.ts'
import { type Conversation, recordPipe } from './conversation.ts'
import { seededCrypto } from './crypto.ts'
import { type Fault, FaultScript } from './faults.ts'
import { memoryPipes } from './pipes.ts'

export interface PairOptions {
  /**
   * What the server is given beside or in place of the pair's own: a host key made for it, everybody let in, refusals without
   * waiting. `onSession` and the like are what there is to test against.
   */
  readonly server?: Partial<ServerOptions>
  /** What the client is given beside or in place of the pair's own: the user `tester`, the method `none`, the server's keys trusted. */
  readonly client?: Partial<Omit<ConnectOptions, 'pipe' | 'jump' | 'dial' | 'proxy'>>
  /** What goes wrong on the line between them. */
  readonly faults?: readonly Fault[]
  /** What both ends and delays go by, such as a `HandClock`. Default: the system's. */
  readonly clock?: Clock
  /** The same seed gives the same host key, cookies, padding and session keys. Default: real randomness. */
  readonly seed?: number | string
  /** How each write arrives at the other end. Default: as it was written. */
  readonly chunking?: Chunking
}

/** What both states of a pair have. */
interface Line {
  /** The server's side, from its first byte on. */
  readonly server: ServerConnection
  /** Faults that have not happened. A test of what happens then had better find none. */
  readonly pendingFaults: readonly Fault[]
  /** What the client has written and got so far, for a file and `replayPipe`. */
  conversation(): Conversation
  /** Closes the line for both, now. */
  cut(error?: Error): void
  /** From now on nothing arrives anywhere, and nobody is told. */
  silence(): void
  /** Closes the client in order and waits for both ends; a line that is silent is cut. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A pair whose client connects at this moment. */
export interface StartedPair extends Line {
  /** Rejects with the one error that prevented it. */
  readonly client: Promise<Client>
}

/** A pair that is logged in. */
export interface TestPair extends Line {
  readonly client: Client
}

/** A client that is logged in at a server, in memory. Rejects with the client's error if that cannot be, and then nothing is left open. */
export async function testPair(options: PairOptions = {}): Promise<TestPair> {
  const started = await beginPair(options)
  try {
    const client = await started.client
    await started.server.ready
    return withClient(started, client)
  } catch (error) {
    await started.close()
    throw error
  }
}

/** The same without waiting for the login: to move a clock meanwhile, or to see both ends fail. */
export async function beginPair(options: PairOptions = {}): Promise<StartedPair> {
  const { seed, clock, chunking } = options
  const script = new FaultScript(options.faults ?? [])
  const hostKeys = options.server?.hostKeys ?? [await hostKey(seed)]
  const ends = memoryPipes({
    gate: script,
    ...(clock === undefined ? {} : { clock }),
    ...(chunking === undefined ? {} : { chunking }),
  })
  const common = (role: 'client' | 'server', trace: Trace | undefined) => ({
    ...(clock === undefined ? {} : { clock }),
    ...(seed === undefined ? {} : { crypto: seededCrypto(`${seed} ${role}`) }),
    trace: listening(script, role, trace),
  })
  const server = beginServing(ends.b, {
    auth: { none: () => true },
    ...options.server,
    hostKeys,
    ...common('server', options.server?.trace),
    limits: { refusalStepMs: 0, ...options.server?.limits },
  })
  const recorded = recordPipe(ends.a)
  const client = connect({
    host: 'server.test',
    user: 'tester',
    auth: [],
    hostKey: { keys: hostKeys.map((key) => ('key' in key ? key.key : key).publicKey) },
    ...options.client,
    ...common('client', options.client?.trace),
    pipe: recorded.pipe,
  })
  client.catch(() => undefined) // whoever waits for it is told; the pair may be closed before that
  let connected: Client | undefined
  client.then(
    (one) => {
      connected = one
    },
    () => undefined, // likewise
  )
  const close = async (): Promise<void> => {
    let over = false
    const closing = Promise.all([connected?.close(), server.closed]).then(() => {
      over = true
    })
    // In memory an orderly end takes turns, not time; what takes longer waits for a line that is silent or held.
    for (let turn = 0; turn < mostTurns && connected !== undefined && !over; turn++)
      await new Promise((resolve) => setImmediate(resolve))
    ends.cut()
    await closing
  }
  return {
    client,
    server,
    get pendingFaults() {
      return script.pending
    },
    conversation: () => recorded.conversation(),
    cut: ends.cut,
    silence: ends.silence,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Turns of the event loop that an orderly end may take. */
const mostTurns = 100

function withClient(started: StartedPair, client: Client): TestPair {
  return {
    client,
    server: started.server,
    get pendingFaults() {
      return started.pendingFaults
    },
    conversation: started.conversation,
    cut: started.cut,
    silence: started.silence,
    close: started.close,
    [Symbol.asyncDispose]: started.close,
  }
}

let anyHostKey: Promise<PrivateKey> | undefined

/** One for this process; with a seed, one for the seed. */
function hostKey(seed: number | string | undefined): Promise<PrivateKey> {
  if (seed !== undefined) return generateKey('ed25519', { crypto: seededCrypto(`${seed} host key`) })
  anyHostKey ??= generateKey('ed25519')
  return anyHostKey
}

/** A trace that tells the script which messages an end has read, and passes everything on. */
function listening(script: FaultScript, role: 'client' | 'server', trace: Trace | undefined): Trace {
  return (event) => {
    if (event.type === 'message' && event.direction === 'in') script.saw(role, event.name)
    trace?.(event)
  }
}
