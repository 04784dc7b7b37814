/** A `session` channel from the server's side: typed requests, and one program per channel. */

import { type Channel, handOver, type IncomingRequest } from '@hawser/session'
import type { ServeSftpOptions, SftpHandlers } from '@hawser/sftp/server'
import { utf8Encode } from '@hawser/wire'
import { ServerProcess } from './server-process.ts'
import {
  type Asked,
  type Pty,
  type SessionRequestHandlers,
  sessionRequests,
  type X11Forwarding,
} from './session-requests.ts'
import { serveSftpProgram, sftpSymlinkOrder } from './sftp.ts'

/** A client wants a program to run. Answer it by `accept` or `reject`, once, at once or later. */
export interface ProgramRequest {
  readonly pty: Pty | undefined
  /** What the client has set, as far as it was accepted. */
  readonly env: ReadonlyMap<string, string>
  readonly answered: boolean
  /** Starts it: the client sees success, and what is written to the process from now on. */
  accept(): ServerProcess
  reject(): void
}

export interface ExecRequest extends ProgramRequest {
  readonly command: string
}

export interface SubsystemRequest extends ProgramRequest {
  readonly name: string
}

/** A client wants X11 connections handed to it. Accept, listen somewhere, and `openX11` of the connection hands them over. */
export interface X11ForwardRequest extends Asked {
  readonly x11: X11Forwarding
}

/** Bounds of what one channel takes, in bytes. */
export interface SessionChannelLimits {
  readonly maxEnvironment: number
  readonly maxCommand: number
}

/**
 * One `session` channel. Set the handlers before {@link listen} is called (`onSession` may wait for something in between:
 * nothing is lost); requests without a handler are refused. Terminal and environment are accepted and kept for the program.
 */
export class SessionChannel {
  readonly channel: Channel
  readonly #limits: SessionChannelLimits
  readonly #software: string
  readonly #env = new Map<string, string>()
  #envBytes = 0
  #pty: Pty | undefined
  #process: ServerProcess | undefined
  #asked = false
  #onExec: ((request: ExecRequest) => void) | undefined
  #onShell: ((request: ProgramRequest) => void) | undefined
  #onSubsystem: ((request: SubsystemRequest) => void) | undefined
  #onSftp: ((request: ProgramRequest) => void) | undefined
  #onX11: ((request: X11ForwardRequest) => void) | undefined
  #onAgentForward: ((request: Asked) => void) | undefined
  #onOther: ((request: IncomingRequest) => void) | undefined

  /** `software`: the client's name and version as its identification has them. */
  constructor(channel: Channel, limits: SessionChannelLimits, software = '') {
    this.channel = channel
    this.#software = software
    this.#limits = limits
  }

  /** The terminal that the client asked for. */
  get pty(): Pty | undefined {
    return this.#pty
  }

  get env(): ReadonlyMap<string, string> {
    return this.#env
  }

  /** Settles when the channel is closed; never rejects. */
  get closed(): Promise<void> {
    return this.channel.closed
  }

  /** Takes commands (RFC 4254 §6.5). */
  onExec(handler: (request: ExecRequest) => void): this {
    this.#onExec = handler
    return this
  }

  /** Takes the request for a login shell. */
  onShell(handler: (request: ProgramRequest) => void): this {
    this.#onShell = handler
    return this
  }

  /**
   * Serves the subsystem `sftp` by `handlers`, such as `directory(path)` of `@hawser/sftp/node`, and ends it in order: an exit status,
   * without which scp takes a transfer for failed, then the close, which sftp waits for. Other subsystems still go to `onSubsystem`.
   */
  onSftp<F, D>(handlers: SftpHandlers<F, D>, options: ServeSftpOptions = {}): this {
    this.#onSftp = (request) =>
      void serveSftpProgram(request.accept(), handlers, {
        symlinkOrder: sftpSymlinkOrder(this.#software),
        ...options,
      })
    return this
  }

  /** Takes subsystems, by their name. */
  onSubsystem(handler: (request: SubsystemRequest) => void): this {
    this.#onSubsystem = handler
    return this
  }

  /** Takes requests for X11 forwarding (RFC 4254 §6.3.1); set DISPLAY of the program that follows. */
  onX11(handler: (request: X11ForwardRequest) => void): this {
    this.#onX11 = handler
    return this
  }

  /** Takes requests for agent forwarding; `openAgent` of the connection reaches the agent then. */
  onAgentForward(handler: (request: Asked) => void): this {
    this.#onAgentForward = handler
    return this
  }

  /** Takes every other request; what it does not answer is refused. */
  onOther(handler: (request: IncomingRequest) => void): this {
    this.#onOther = handler
    return this
  }

  /** Closes the channel without having run anything, or cuts the program off. */
  close(): Promise<void> {
    return this.channel.close()
  }

  /** From now on requests are handled. Called by `serve` once `onSession` is done. */
  listen(): void {
    sessionRequests(this.channel, this.#handlers())
  }

  #handlers(): SessionRequestHandlers {
    return {
      env: (request) => this.#setEnv(request),
      pty: (request) => {
        if (this.#asked) return request.reject()
        this.#pty = request.pty
        request.accept()
      },
      exec: (request) => {
        if (utf8Encode(request.command).length > this.#limits.maxCommand) return request.reject()
        this.#program(request, this.#onExec, { command: request.command })
      },
      shell: (request) => this.#program(request, this.#onShell, {}),
      subsystem: (request) =>
        this.#program(
          request,
          request.subsystem === 'sftp' && this.#onSftp !== undefined ? this.#onSftp : this.#onSubsystem,
          { name: request.subsystem },
        ),
      windowChange: (size) => {
        if (this.#pty === undefined) return
        this.#pty = { ...this.#pty, ...size }
        this.#process?.receiveResize(size)
      },
      signal: (name) => this.#process?.receiveSignal(name),
      x11: (request) => {
        const handler = this.#onX11
        if (handler === undefined) request.reject()
        else handOver(request, () => handler(request))
      },
      agentForward: (request) => {
        const handler = this.#onAgentForward
        if (handler === undefined) request.reject()
        else handOver(request, () => handler(request))
      },
      other: (request) => {
        this.#onOther?.(request)
        if (!request.answered) request.reject()
      },
    }
  }

  #setEnv(request: Asked & { readonly name: string; readonly value: string }): void {
    const bytes = utf8Encode(request.name).length + utf8Encode(request.value).length
    if (this.#asked || this.#envBytes + bytes > this.#limits.maxEnvironment) return request.reject()
    this.#envBytes += bytes
    this.#env.set(request.name, request.value)
    request.accept()
  }

  /** RFC 4254 §6.5: only one of these requests can succeed per channel. */
  #program<F extends object>(
    asked: Asked,
    handler: ((request: ProgramRequest & F) => void) | undefined,
    facts: F,
  ): void {
    if (this.#asked || handler === undefined) return asked.reject()
    this.#asked = true
    const pty = this.#pty
    const env = this.#env
    const request = {
      ...facts,
      pty,
      env,
      get answered() {
        return asked.answered
      },
      accept: () => {
        asked.accept()
        this.#process = new ServerProcess(this.channel, { pty, env })
        return this.#process
      },
      reject: () => {
        asked.reject()
        // Only now: what was accepted stays the one program of this channel.
        this.#asked = false
      },
    }
    handOver(request, () => handler(request))
  }
}
