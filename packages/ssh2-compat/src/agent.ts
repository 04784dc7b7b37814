/** ssh2's agents: what a program can give as `agent`, and the ones of this computer. */

import type { Duplex } from 'node:stream'
import { AgentError } from '@hawser/agent'
import { connectCygwin, isPipe, openAgentSocket, pageantPath } from '@hawser/agent/node'
import {
  AgentProtocol,
  type IdentityCallback,
  type KeysCallback,
  type SignCallback,
  type SigningRequestOptions,
} from './agent-protocol.ts'
import { type ClientErrorExtensions, extend } from './errors.ts'
import type { ParsedKey } from './keys.ts'

export type GetStreamCallback = (err?: Error | null, stream?: Duplex) => void
export type AgentPublicKey = ParsedKey | Buffer | string

/** What is needed of an agent; instances of {@link BaseAgent} and objects with the two methods alike. */
export interface AgentMethods {
  getIdentities(callback: IdentityCallback<AgentPublicKey>): unknown
  sign(key: AgentPublicKey, data: Buffer, options: SigningRequestOptions, callback: SignCallback): unknown
  getStream?(callback: GetStreamCallback): unknown
}

/** For agents of one's own. `getStream`, which is optional, gives a stream that speaks the agent protocol, for forwarding. */
export abstract class BaseAgent<TPublicKey extends AgentPublicKey = AgentPublicKey> {
  abstract getIdentities(callback: IdentityCallback<TPublicKey>): void
  abstract sign(
    pubKey: TPublicKey,
    data: Buffer,
    options: SigningRequestOptions,
    callback?: SignCallback,
  ): void
  abstract sign(pubKey: TPublicKey, data: Buffer, callback: SignCallback): void
  getStream?(callback: GetStreamCallback): void
}

// What a class without them falls back to; declared abstract, so that TypeScript asks for them.
const missing = (name: string) => ({
  configurable: true,
  writable: true,
  value: (...args: unknown[]): void => {
    const callback = args.findLast((arg) => typeof arg === 'function') as ((error: Error) => void) | undefined
    callback?.(new Error(`Missing ${name}() implementation`))
  },
})
Object.defineProperties(BaseAgent.prototype, {
  getIdentities: missing('getIdentities'),
  sign: missing('sign'),
})

/** The agent at a Unix socket or a named pipe of Windows. Each call is a connection of its own. */
export class OpenSSHAgent extends BaseAgent<ParsedKey> {
  readonly socketPath: string

  constructor(socketPath: string) {
    super()
    this.socketPath = socketPath
  }

  override getStream(callback: GetStreamCallback): void {
    opened(openAgentSocket(this.socketPath), callback)
  }

  override getIdentities(callback: KeysCallback): void {
    this.#talk(callback, (protocol, done) => protocol.getIdentities(done))
  }

  override sign(
    pubKey: AgentPublicKey,
    data: Buffer,
    options?: SigningRequestOptions,
    callback?: SignCallback,
  ): boolean
  override sign(pubKey: AgentPublicKey, data: Buffer, callback?: SignCallback): boolean
  override sign(
    pubKey: AgentPublicKey,
    data: Buffer,
    options?: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): boolean {
    const [wish, done] = typeof options === 'function' ? [{}, options] : [options ?? {}, callback]
    this.#talk<Buffer>(done ?? (() => undefined), (protocol, answered) =>
      protocol.sign(pubKey, data, wish, answered),
    )
    return true
  }

  /** One request over a connection of its own; `callback` is called once, whatever happens. */
  #talk<T>(
    callback: (err?: Error | null, value?: T) => void,
    ask: (protocol: AgentProtocol, done: (err?: Error | null, value?: T) => void) => void,
  ): void {
    this.getStream((error, stream) => {
      if (stream === undefined) return callback(error ?? new Error('Failed to connect to agent'))
      const protocol = new AgentProtocol(true)
      let over = false
      const finish = (failure: Error | null | undefined, value?: T): void => {
        if (over) return
        over = true
        protocol.destroy()
        stream.destroy()
        if (failure) callback(agentError(failure.message, failure))
        else callback(null, value)
      }
      protocol.on('error', finish)
      stream.on('error', finish)
      stream.on('close', () => finish(closed()))
      stream.on('end', () => finish(closed()))
      stream.pipe(protocol).pipe(stream)
      try {
        ask(protocol, finish)
      } catch (failure) {
        finish(failure as Error)
      }
    })
  }
}

/** An agent of Cygwin or MSYS2, by the path of its socket file. */
export class CygwinAgent extends OpenSSHAgent {
  override getStream(callback: GetStreamCallback): void {
    opened(connectCygwin(this.socketPath), callback)
  }
}

/** PuTTY's Pageant, 0.75 or later. */
export class PageantAgent extends OpenSSHAgent {
  constructor() {
    super('pageant')
  }

  override getStream(callback: GetStreamCallback): void {
    opened((async () => openAgentSocket(pageantPath()))(), callback)
  }
}

/** As the client's option `agent` is understood: `pageant`, a named pipe, on Windows otherwise a Cygwin socket file, elsewhere a Unix socket. */
export function createAgent(socketPath: string): OpenSSHAgent {
  if (process.platform === 'win32' && socketPath === 'pageant') return new PageantAgent()
  if (process.platform === 'win32' && !isPipe(socketPath)) return new CygwinAgent(socketPath)
  return new OpenSSHAgent(socketPath)
}

/** The agent of an option; undefined when there is none. Throws for what cannot be one. */
export function agentOption(value: unknown): AgentMethods | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return createAgent(value) as AgentMethods
  const agent = value as Partial<AgentMethods>
  if (
    typeof agent === 'object' &&
    typeof agent.getIdentities === 'function' &&
    typeof agent.sign === 'function'
  )
    return agent as AgentMethods
  throw new Error('Invalid agent: give the path of its socket, or an object with getIdentities and sign')
}

/** Whether `error` says that nobody is there to ask again. */
export function isAgentGone(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    if (at instanceof AgentError && at.code !== 'SSH_AGENT_REFUSED') return true
  return false
}

function opened(opening: Promise<Duplex>, callback: GetStreamCallback): void {
  opening.then(
    (stream) => queueMicrotask(() => callback(null, stream)),
    (error: Error) =>
      queueMicrotask(() => callback(agentError(`Failed to connect to agent: ${error.message}`, error))),
  )
}

function closed(): Error {
  return new AgentError('SSH_AGENT_CLOSED', 'the agent closed the connection before it answered')
}

function agentError(message: string, cause: Error): Error & ClientErrorExtensions {
  const code = (cause as { code?: string }).code
  return extend(new Error(message, { cause }), { level: 'agent', ...(code === undefined ? {} : { code }) })
}
