/** The verbs of a connected client. */

import type { PublicKey } from '@hawser/keys'
import type { BytePipe, Channel, OpenChannelOptions, PipeAddresses, Session } from '@hawser/session'
import type { Negotiated } from '@hawser/transport'
import { channelPipe } from './channel-pipe.ts'
import { type Address, openTcpChannel } from './forwarding.ts'
import { Process, type ProcessRequest, type ProcessSurroundings, type Pty, startProcess } from './process.ts'
import { type Security, securityOf } from './security.ts'

/** Options of a program and of the channel that it runs on. */
export interface ExecOptions extends ProcessSurroundings, Omit<OpenChannelOptions, 'signal'> {
  /** Gives up: before the start nothing runs; afterwards the program gets TERM and its channel is closed. */
  readonly signal?: AbortSignal
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
}

/** A connection to a server, logged in. */
export class Client {
  /** The connection underneath, for whatever has no verb here. */
  readonly session: Session
  readonly user: string
  readonly remote: PipeAddresses
  readonly #hostKey: PublicKey | undefined

  constructor(parts: ClientParts) {
    this.session = parts.session
    this.user = parts.user
    this.remote = parts.remote
    this.#hostKey = parts.hostKey
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
    return this.#start({ ...options, command }, options)
  }

  /** Starts the user's login shell, with a terminal unless `pty` is false. */
  shell(options: ShellOptions = {}): Promise<Process> {
    const pty: boolean | Pty = options.pty ?? true
    return this.#start({ ...options, pty, shell: true }, options)
  }

  /** Starts a subsystem, such as `sftp`, and gives its channel. */
  async subsystem(name: string, options: ExecOptions = {}): Promise<Channel> {
    const channel = await this.session.openChannel('session', undefined, options)
    await startProcess(channel, { ...options, subsystem: name })
    return channel
  }

  /** Has the server connect to `to` and carries the bytes. Rejects with ChannelOpenError when it does not or cannot. */
  forwardOut(to: Address, from?: Address, options: OpenChannelOptions = {}): Promise<Channel> {
    return openTcpChannel(this.session, to, from, options)
  }

  /** `forwardOut` as a byte pipe: what `connect` takes as `pipe`. */
  async pipeTo(to: Address, options: OpenChannelOptions = {}): Promise<BytePipe & PipeAddresses> {
    const channel = await this.forwardOut(to, undefined, options)
    return channelPipe(channel, { remoteAddress: to.host, remotePort: to.port })
  }

  /** Makes new keys while everything goes on; resolves with what was agreed. */
  rekey(): Promise<Negotiated> {
    return this.session.rekey()
  }

  /** Closes the connection in order, and those that it runs through. Never rejects. */
  close(): Promise<void> {
    return this.session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #start(request: ProcessRequest, options: ExecOptions): Promise<Process> {
    const { signal } = options
    const channel = await this.session.openChannel('session', undefined, options)
    const process = new Process(channel, signal)
    try {
      await startProcess(channel, request)
    } catch (error) {
      // An abort closes the channel, which fails the requests that wait on it; the abort is the reason to tell.
      if (signal?.aborted === true) await process.exit
      throw error
    }
    return process
  }
}
