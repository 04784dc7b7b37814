/** The verbs of a connected client. */

import { ChannelRequestError, channelRequests, channelTypes, globalRequests } from '@hawser/connection'
import type { PublicKey } from '@hawser/keys'
import {
  type BytePipe,
  type Channel,
  channelPipe,
  type OpenChannelOptions,
  type PipeAddresses,
  type Security,
  type Session,
  securityOf,
} from '@hawser/session'
import { type SftpClient, sftpWindow } from '@hawser/sftp'
import type { Negotiated } from '@hawser/transport'
import { UsageError } from '@hawser/wire'
import { type ForwardedAgent, forwardAgent, forwardingBinding } from './agent-forwarding.ts'
import { type Address, openTcpChannel, openUnixChannel, type SocketPath } from './forwarding.ts'
import { type IncomingHandlers, takeChannel, takeRequests } from './incoming.ts'
import { type ListenOptions, type RemoteListener, RemoteListeners } from './listening.ts'
import { Process, type ProcessRequest, type ProcessSurroundings, type Pty, startProcess } from './process.ts'
import { type SftpOptions, sftpOver } from './sftp.ts'
import { type CallOptions, unlessAborted, within } from './waiting.ts'

/** Options of a channel that is opened. */
export interface ForwardOptions extends OpenChannelOptions, CallOptions {
  readonly signal?: AbortSignal
}

/** Options of a program and of the channel that it runs on. */
export interface ExecOptions extends ProcessSurroundings, Omit<OpenChannelOptions, 'signal'>, CallOptions {
  /** Gives up: before the start nothing runs; afterwards the program gets TERM and its channel is closed. */
  readonly signal?: AbortSignal
  /** For the start: opening the channel, and the server's consent to all that was asked for. */
  readonly timeoutMs?: number
}

/** As {@link ExecOptions}; a shell has a terminal unless `pty` is false. */
export type ShellOptions = ExecOptions

/** What a client is made of; `connect` makes it. */
export interface ClientParts {
  readonly session: Session
  readonly user: string
  readonly hostKey?: PublicKey
  readonly remote: PipeAddresses
  /** Clients that this one runs through, nearest first; they are closed with it. */
  readonly through?: readonly Client[]
  /** What the server may ask of us. */
  readonly handlers?: IncomingHandlers
  /** Variables for every program; those of a program itself win. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether programs get the agent that do not say whether. Default: false. */
  readonly agentForward?: boolean
}

/** A connection to a server, logged in. */
export class Client {
  /** The connection underneath, for whatever has no verb here. */
  readonly session: Session
  readonly user: string
  readonly remote: PipeAddresses
  readonly #hostKey: PublicKey | undefined
  readonly #listeners: RemoteListeners
  readonly #agent: ForwardedAgent | undefined
  readonly #env: Readonly<Record<string, string>> | undefined
  readonly #agentForward: boolean
  #agentWanted = false
  #x11Wanted = false
  #noMoreSessions = false

  constructor(parts: ClientParts) {
    this.session = parts.session
    this.user = parts.user
    this.remote = parts.remote
    this.#hostKey = parts.hostKey
    this.#env = parts.env
    this.#agentForward = parts.agentForward ?? false
    const { handlers = {}, session } = parts
    this.#listeners = new RemoteListeners(session)
    this.#agent = handlers.agent
    session.onChannel = (open) => {
      if (this.#listeners.take(open)) return
      if (open.type === channelTypes.authAgent.name && this.#agentWanted && this.#agent !== undefined)
        void forwardAgent(open, this.#agent, forwardingBinding(session), handlers.trace)
      else takeChannel(open, handlers, this.#x11Wanted)
    }
    takeRequests(session, parts.hostKey, handlers)
    const through = [...(parts.through ?? [])].reverse()
    if (through.length > 0)
      void this.session.closed.then(async () => {
        for (const client of through) await client.close()
      })
  }

  /** What was negotiated, as of now. */
  get security(): Security {
    return securityOf(this.session, this.#hostKey)
  }

  /** The host key that the server proved. */
  get hostKey(): PublicKey | undefined {
    return this.#hostKey
  }

  /** Settles when the connection is over; never rejects: `session.error` says why it failed, if it did. */
  get closed(): Promise<void> {
    return this.session.closed
  }

  /** Runs `command` by the user's login shell. Rejects with ChannelOpenError or ChannelRequestError when the server refuses. */
  exec(command: string, options: ExecOptions = {}): Promise<Process> {
    const wanted = this.#withAgent(options)
    return this.#start({ ...wanted, command }, wanted)
  }

  /** Starts the user's login shell, with a terminal unless `pty` is false. */
  shell(options: ShellOptions = {}): Promise<Process> {
    const pty: boolean | Pty = options.pty ?? true
    const wanted = this.#withAgent(options)
    return this.#start({ ...wanted, pty, shell: true }, wanted)
  }

  /** Starts a subsystem, such as `sftp`, and gives its channel. */
  subsystem(name: string, options: ExecOptions = {}): Promise<Channel> {
    return within(this.session.clock, `starting the subsystem ${name}`, options, async (signal) => {
      const channel = await this.#sessionChannel(options, signal)
      const abort = (): void => channel.abort()
      signal?.addEventListener('abort', abort, { once: true })
      try {
        await unlessAborted(this.#startProcess(channel, { ...options, subsystem: name }), signal)
      } finally {
        signal?.removeEventListener('abort', abort)
      }
      return channel
    })
  }

  /**
   * Starts SFTP, and gives its client; several may run side by side. Rejects with SftpStartError when the program over there ends
   * instead, with ChannelRequestError when the server refuses it, and with ProtocolError when something else than SFTP answers.
   */
  sftp(options: SftpOptions = {}): Promise<SftpClient> {
    const { command, subsystem = 'sftp' } = options
    const request = command === undefined ? { ...options, subsystem } : { ...options, command }
    return within(this.session.clock, 'starting SFTP', options, async (signal) => {
      const channel = await this.#sessionChannel({ firstWindow: sftpWindow, ...options }, signal)
      return unlessAborted(
        sftpOver(channel, () => this.#startProcess(channel, request), {
          signal,
          trace: options.trace ?? this.session.trace,
          software: this.session.remoteIdent?.software ?? '',
        }),
        signal,
        (late) => late.destroy(),
      )
    })
  }

  /** Has the server connect to `to`, a TCP port or a Unix socket, and carries the bytes. Rejects with ChannelOpenError when it does not or cannot. */
  forwardOut(to: Address | SocketPath, from?: Address, options: ForwardOptions = {}): Promise<Channel> {
    return within(
      this.session.clock,
      `the server connects to ${'path' in to ? to.path : `${to.host} port ${to.port}`}`,
      options,
      (signal) => {
        const opening = { ...options, ...(signal === undefined ? {} : { signal }) }
        return 'path' in to
          ? openUnixChannel(this.session, to, opening)
          : openTcpChannel(this.session, to, from, opening)
      },
    )
  }

  /** `forwardOut` as a byte pipe: what `connect` takes as `pipe`. */
  async pipeTo(to: Address, options: ForwardOptions = {}): Promise<BytePipe & PipeAddresses> {
    const channel = await this.forwardOut(to, undefined, options)
    return channelPipe(channel, { remoteAddress: to.host, remotePort: to.port })
  }

  /**
   * Has the server listen at a TCP address (port 0: it chooses; host `''`: on all of its addresses) or a Unix socket, and hand over
   * who connects there. Rejects with ListenError when it refuses.
   */
  listen(at: Address | SocketPath, options: ListenOptions = {}): Promise<RemoteListener> {
    return within(this.session.clock, 'asking the server to listen', options, (signal) =>
      this.#listeners.listen(at, { ...options, ...(signal === undefined ? {} : { signal }) }),
    )
  }

  /** Promises the server that no more programs will be started here (OpenSSH PROTOCOL §2.2); forwards go on. */
  noMoreSessions(): void {
    this.session.notify(globalRequests.noMoreSessions.name)
    this.#noMoreSessions = true
  }

  /** How many milliseconds the server takes to answer, by `ping@openssh.com` where it has announced that. */
  ping(options: CallOptions = {}): Promise<number> {
    return within(this.session.clock, 'waiting for a sign of life', options, (signal) =>
      unlessAborted(this.session.ping(), signal),
    )
  }

  /** Makes new keys while everything goes on; resolves with what was agreed. Giving up does not stop the key exchange. */
  rekey(options: CallOptions = {}): Promise<Negotiated> {
    return within(this.session.clock, 'making new keys', options, (signal) =>
      unlessAborted(this.session.rekey(), signal),
    )
  }

  /** Closes the connection in order, and those that it runs through. Never rejects. */
  close(): Promise<void> {
    return this.session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What holds for all programs is asked for without waiting for consent: a server that refuses it still runs them. */
  #withAgent(options: ExecOptions): ExecOptions {
    if (options.agentForward !== undefined || !this.#agentForward) return options
    return { ...options, agentForward: 'again' }
  }

  #start(request: ProcessRequest, options: ExecOptions): Promise<Process> {
    return within(this.session.clock, 'starting the program', options, async (signal) => {
      const channel = await this.#sessionChannel(options, signal)
      const process = new Process(channel, signal)
      try {
        await this.#startProcess(channel, request)
      } catch (error) {
        // An abort closes the channel, which fails the requests that wait on it; the abort is the reason to tell.
        if (signal?.aborted === true) await process.exit
        throw error
      }
      return process
    })
  }

  async #startProcess(channel: Channel, wanted: ProcessRequest): Promise<void> {
    const request = this.#env === undefined ? wanted : { ...wanted, env: { ...this.#env, ...wanted.env } }
    if (request.agentForward === undefined || request.agentForward === false)
      return startProcess(channel, request)
    const again = this.#agentWanted || request.agentForward === 'again'
    this.#agentWanted = true
    try {
      await startProcess(channel, { ...request, agentForward: again ? 'again' : true })
    } catch (error) {
      if (error instanceof ChannelRequestError && error.request === channelRequests.authAgentReq.name)
        this.#agentWanted = false
      throw error
    }
  }

  async #sessionChannel(options: ExecOptions, signal: AbortSignal | undefined): Promise<Channel> {
    // sshd ends the whole connection for it.
    if (this.#noMoreSessions)
      throw new UsageError('no more programs can be started: noMoreSessions() promised that to the server')
    if (options.agentForward && this.#agent === undefined)
      throw new UsageError('agentForward: there is no agent to forward; give connect the option agent')
    if (options.x11 !== undefined) this.#x11Wanted = true
    const opening = { ...options, ...(signal === undefined ? {} : { signal }) }
    return this.session.openChannel(channelTypes.session.name, undefined, opening)
  }
}
