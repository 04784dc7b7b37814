/** One client of a server: its session, who it is, and the channels that it opens. */

import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import {
  type BytePipe,
  beginServer,
  type IncomingChannel,
  type IncomingRequest,
  type PipeAddresses,
  type ServerSessionOptions,
  type Session,
} from '@hawser/session'
import type { Negotiated } from '@hawser/transport'
import { answerAttempt, methodsOf, type RefusalPolicy } from './auth.ts'
import { tcpipRequest } from './forwarding.ts'
import type { CheckedServerOptions } from './options.ts'
import { SessionChannel } from './session-channel.ts'

/** A connection from its first byte on. `ready` tells when somebody has logged in. */
export class ServerConnection {
  readonly session: Session
  readonly remote: PipeAddresses
  readonly #options: CheckedServerOptions
  #user = ''
  #method = ''
  readonly #sessions = new Set<SessionChannel>()
  #noMoreSessions = false

  constructor(pipe: BytePipe & PipeAddresses, options: CheckedServerOptions) {
    this.#options = options
    this.remote = pipe
    this.session = beginServer(pipe, this.#sessionOptions())
    this.session.onChannel = (open) => this.#channel(open)
    this.session.onRequest = (request) => this.#request(request)
  }

  /** Settles when the client is logged in; rejects with the one error that prevented it. */
  get ready(): Promise<void> {
    return this.session.ready
  }

  /** Settles when the connection is over; never rejects: `session.error` says why it failed, if it did. */
  get closed(): Promise<void> {
    return this.session.closed
  }

  /** Who has logged in; empty before. */
  get user(): string {
    return this.#user
  }

  /** The method that completed the login, such as `publickey`; empty before. */
  get method(): string {
    return this.#method
  }

  /** What the latest key exchange agreed on; undefined before the first. */
  get negotiated(): Negotiated | undefined {
    return this.session.negotiated
  }

  /** Whether the client has said that it opens no more sessions (OpenSSH PROTOCOL §2.2). */
  get noMoreSessions(): boolean {
    return this.#noMoreSessions
  }

  rekey(): Promise<Negotiated> {
    return this.session.rekey()
  }

  /** Ends the connection in order; never rejects. */
  close(description?: string): Promise<void> {
    return this.session.close(description)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #sessionOptions(): ServerSessionOptions {
    const o = this.#options
    const keepalive = o.keepalive ?? keepaliveDefault
    return {
      hostKeys: o.hostKeys,
      authMethods: methodsOf(o.auth),
      onAuth: (exchange) =>
        answerAttempt(exchange, o.auth, refusalPolicy(o.limits.refusalStepMs), (user, method) => {
          this.#user = user
          this.#method = method
        }),
      maxAuthTries: o.limits.maxAuthTries,
      maxChannels: o.limits.maxChannels,
      readyTimeoutMs: o.limits.loginGraceMs,
      ...(keepalive === false
        ? {}
        : {
            keepaliveIntervalMs: keepalive.intervalMs,
            keepaliveMaxMissed: keepalive.maxMissed ?? keepaliveDefault.maxMissed,
          }),
      ...(o.algorithms === undefined ? {} : { algorithms: o.algorithms }),
      ...(o.crypto === undefined ? {} : { crypto: o.crypto }),
      ...(o.banner === undefined ? {} : { banner: o.banner }),
      ...(o.greeting === undefined ? {} : { greeting: o.greeting }),
      ...(o.ident === undefined ? {} : { ident: o.ident }),
      ...(o.rekeyLimits === undefined ? {} : { rekeyLimits: o.rekeyLimits }),
      ...(o.rekeyAfterMs === undefined ? {} : { rekeyAfterMs: o.rekeyAfterMs }),
      ...(o.window === undefined ? {} : { window: o.window }),
      ...(o.maxPacket === undefined ? {} : { maxPacket: o.maxPacket }),
      ...(o.trace === undefined ? {} : { trace: o.trace }),
      ...(o.hooks === undefined ? {} : { hooks: o.hooks }),
    }
  }

  #channel(open: IncomingChannel): void {
    const { onTcpip, onChannel } = this.#options
    if (open.type === channelTypes.session.name) this.#openSession(open)
    else if (open.type === channelTypes.directTcpip.name && onTcpip !== undefined) {
      const request = tcpipRequest(open)
      if (request !== undefined) onTcpip(request, this)
    } else if (onChannel !== undefined) onChannel(open, this)
    else if (open.type === channelTypes.directTcpip.name)
      open.reject(ChannelOpenReason.administrativelyProhibited, 'forwarding is not allowed')
    else
      open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)
  }

  #openSession(open: IncomingChannel): void {
    const { limits, onSession } = this.#options
    if (onSession === undefined || this.#noMoreSessions)
      return open.reject(ChannelOpenReason.administrativelyProhibited, 'sessions are not served here')
    // Those that closed in this very turn have not been taken out yet.
    const running = [...this.#sessions].filter(({ channel }) => !channel.isClosed).length
    if (running >= limits.maxSessions)
      return open.reject(
        ChannelOpenReason.resourceShortage,
        `more than ${limits.maxSessions} sessions at once`,
      )
    const session = new SessionChannel(open.accept(), limits)
    this.#sessions.add(session)
    void session.closed.then(() => this.#sessions.delete(session))
    const listen = (): void => session.listen()
    // A handler that fails serves nobody: the channel is closed, and the failure surfaces as the application's own.
    const failed = (error: unknown): void => {
      void session.close()
      queueMicrotask(() => {
        throw error
      })
    }
    try {
      const waiting = onSession(session, this)
      if (typeof waiting === 'object') waiting.then(listen, failed)
      else listen()
    } catch (error) {
      failed(error)
    }
  }

  #request(request: IncomingRequest): void {
    if (request.name === globalRequests.noMoreSessions.name) {
      this.#noMoreSessions = true
      return request.accept()
    }
    if (this.#options.onRequest === undefined) request.reject()
    else this.#options.onRequest(request, this)
  }
}

const keepaliveDefault = { intervalMs: 15_000, maxMissed: 3 } as const

function refusalPolicy(stepMs: number): RefusalPolicy {
  return {
    stepMs,
    now: () => performance.now(),
    after(milliseconds, callback) {
      if (milliseconds <= 0) callback()
      else setTimeout(callback, milliseconds)
    },
  }
}
