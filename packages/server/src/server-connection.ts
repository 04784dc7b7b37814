/** One client of a server: its session, who it is, and the channels that it opens. */

import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import {
  asError,
  type BytePipe,
  beginServer,
  type Channel,
  type Clock,
  ConnectionError,
  handOver,
  type IncomingChannel,
  type IncomingRequest,
  type PipeAddresses,
  type Security,
  type ServerSessionOptions,
  type Session,
  securityOf,
  type Turns,
} from '@hawser/session'
import { type Negotiated, NegotiationError, PolicyError } from '@hawser/transport'
import { ProtocolError } from '@hawser/wire'
import { answerAttempt, type RefusalPolicy } from './auth.ts'
import { streamlocalRequest, tcpipRequest } from './forwarding.ts'
import { announceHostKeys, proveHostKeys } from './host-keys.ts'
import { type ForwardRequest, Forwards } from './listening.ts'
import type { CheckedServerOptions } from './options.ts'
import type { Offence } from './penalties.ts'
import { SessionChannel } from './session-channel.ts'

/** A connection from its first byte on. `ready` tells when somebody has logged in. */
export class ServerConnection {
  readonly session: Session
  readonly remote: PipeAddresses
  readonly #options: CheckedServerOptions
  #user = ''
  #method = ''
  #sessions: Set<SessionChannel> | undefined
  #forwards: Forwards | undefined
  #noMoreSessions = false
  #proving = false

  /** `turns` are those that its login takes with others. */
  constructor(pipe: BytePipe & PipeAddresses, options: CheckedServerOptions, turns?: Turns) {
    this.#options = options
    this.remote = pipe
    this.session = beginServer(pipe, {
      ...this.#sessionOptions(),
      ...(turns === undefined ? {} : { turns }),
    })
    this.session.onChannel = (open) => this.#channel(open)
    this.session.onRequest = (request) => this.#request(request)
    if (options.announceHostKeys !== false)
      this.session.ready.then(
        () => {
          if (this.session.phase === 'ready') announceHostKeys(this.session, options.hostKeys)
        },
        () => undefined, // nobody is there to be told
      )
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

  /** What protects the connection, as of now. Throws UsageError before the first key exchange is over. */
  get security(): Security {
    const name = this.session.negotiated?.serverHostKey ?? ''
    const key = this.#options.hostKeys.find(({ algorithms }) => algorithms.includes(name))
    return securityOf(this.session, key?.publicKey)
  }

  /** What the latest key exchange agreed on; undefined before the first. */
  get negotiated(): Negotiated | undefined {
    return this.session.negotiated
  }

  /** Whether the client has said that it opens no more sessions (OpenSSH PROTOCOL §2.2). */
  get noMoreSessions(): boolean {
    return this.#noMoreSessions
  }

  /**
   * Hands the client an X11 connection from `origin` (RFC 4254 §6.3.2). Only after it has asked for that, by `onX11` of a session.
   * Rejects with ChannelOpenError when it does not take it.
   */
  async openX11(origin: { readonly host: string; readonly port: number }): Promise<Channel> {
    const { x11 } = channelTypes
    return this.session.openChannel(
      x11.name,
      x11.encode({ originatorAddress: origin.host, originatorPort: origin.port }),
    )
  }

  /** Opens a connection to the client's agent. Only after it has asked for that, by `onAgentForward` of a session. */
  openAgent(): Promise<Channel> {
    return this.session.openChannel(channelTypes.authAgent.name)
  }

  /** What there is to say against the client, once the connection is over; undefined for one that had logged in, or was shown out. */
  get offence(): Offence | undefined {
    const { authenticated, drive, error, phase } = this.session
    if (phase !== 'closed' || authenticated || error === undefined) return undefined
    const { failedTries = 0 } = drive.engine.userauthServer ?? {}
    if (failedTries >= 1) return 'authFailed'
    if (error instanceof ConnectionError && error.code === 'SSH_TIMEOUT') return 'graceExceeded'
    // Nothing in common is nobody's fault.
    const isHonest = error instanceof NegotiationError || error instanceof PolicyError
    return error instanceof ProtocolError && !isHonest ? 'protocolError' : 'noAuth'
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
      authMethods: o.authMethods,
      verify: o.verify,
      ...(o.signatureAlgorithmsOf === undefined ? {} : { signatureAlgorithmsOf: o.signatureAlgorithmsOf }),
      onAuth: (exchange) =>
        answerAttempt(
          exchange,
          o.auth,
          refusalPolicy(o.limits.refusalStepMs, this.session.clock),
          (user, method) => {
            this.#user = user
            this.#method = method
          },
          this.remote.remoteAddress,
        ),
      maxAuthTries: o.limits.maxAuthTries,
      maxChannels: o.limits.maxChannels,
      readyTimeoutMs: o.limits.loginGraceMs,
      ...(keepalive === false
        ? {}
        : {
            keepaliveIntervalMs: keepalive.intervalMs,
            keepaliveMaxMissed: keepalive.maxMissed ?? keepaliveDefault.maxMissed,
          }),
      algorithms: o.algorithms,
      ...(o.policy === undefined ? {} : { policy: o.policy }),
      ...(o.crypto === undefined ? {} : { crypto: o.crypto }),
      ...(o.clock === undefined ? {} : { clock: o.clock }),
      ...(o.banner === undefined ? {} : { banner: o.banner }),
      ...(o.greeting === undefined ? {} : { greeting: o.greeting }),
      ...(o.ident === undefined ? {} : { ident: o.ident }),
      ...(o.rekeyLimits === undefined ? {} : { rekeyLimits: o.rekeyLimits }),
      ...(o.rekeyAfterMs === undefined ? {} : { rekeyAfterMs: o.rekeyAfterMs }),
      ...(o.window === undefined ? {} : { window: o.window }),
      ...(o.maxWindow === undefined ? {} : { maxWindow: o.maxWindow }),
      ...(o.maxPacket === undefined ? {} : { maxPacket: o.maxPacket }),
      ...(o.trace === undefined ? {} : { trace: o.trace }),
      ...(o.hooks === undefined ? {} : { hooks: o.hooks }),
    }
  }

  #channel(open: IncomingChannel): void {
    const { onTcpip, onStreamlocal, onChannel } = this.#options
    const { directStreamlocal, directTcpip, session } = channelTypes
    if (open.type === session.name) this.#openSession(open)
    else if (open.type === directTcpip.name && onTcpip !== undefined) {
      const request = tcpipRequest(open)
      if (request !== undefined) handOver(request, () => onTcpip(request, this))
    } else if (open.type === directStreamlocal.name && onStreamlocal !== undefined) {
      const request = streamlocalRequest(open)
      if (request !== undefined) handOver(request, () => onStreamlocal(request, this))
    } else if (onChannel !== undefined) handOver(open, () => onChannel(open, this))
    else if (open.type === directTcpip.name || open.type === directStreamlocal.name)
      open.reject(ChannelOpenReason.administrativelyProhibited, 'forwarding is not allowed')
    else
      open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)
  }

  #openSession(open: IncomingChannel): void {
    const { limits, onSession } = this.#options
    if (onSession === undefined || this.#noMoreSessions)
      return open.reject(ChannelOpenReason.administrativelyProhibited, 'sessions are not served here')
    // Those that closed in this very turn have not been taken out yet.
    const running = [...(this.#sessions ?? [])].filter(({ channel }) => !channel.isClosed).length
    if (running >= limits.maxSessions)
      return open.reject(
        ChannelOpenReason.resourceShortage,
        `more than ${limits.maxSessions} sessions at once`,
      )
    const session = new SessionChannel(open.accept(), limits, this.session.remoteIdent?.software)
    const sessions = (this.#sessions ??= new Set())
    sessions.add(session)
    void session.closed.then(() => sessions.delete(session))
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
      // An arrow function gives whatever its last call gave: only promises are waited for.
      if (typeof waiting === 'object' && 'then' in waiting) waiting.then(listen, failed)
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
    const { onForward, onRequest } = this.#options
    if (request.name === globalRequests.hostkeysProve.name) return this.#prove(request)
    // Without onForward, onRequest gets requests to listen raw, and has to answer for their end too.
    if (onForward !== undefined || onRequest === undefined) {
      const ask =
        onForward === undefined
          ? undefined
          : (asked: ForwardRequest) => handOver(asked, () => onForward(asked, this))
      this.#forwards ??= new Forwards(this.session)
      if (this.#forwards.take(request, ask)) return
    }
    if (onRequest === undefined) request.reject()
    else handOver(request, () => onRequest(request, this))
  }

  /** One at a time: signing takes its time. */
  #prove(request: IncomingRequest): void {
    if (this.#proving) return request.reject()
    this.#proving = true
    const done = (): void => {
      this.#proving = false
    }
    proveHostKeys(this.session, request, this.#options.hostKeys).then(done, (error: unknown) => {
      done()
      this.#options.trace?.({
        layer: 'session',
        type: 'note',
        detail: `the host keys were not proved: ${asError(error).message}`,
      })
    })
  }
}

const keepaliveDefault = { intervalMs: 15_000, maxMissed: 3 } as const

function refusalPolicy(stepMs: number, clock: Clock): RefusalPolicy {
  return {
    stepMs,
    now: () => clock.now(),
    after(milliseconds, callback) {
      if (milliseconds <= 0) callback()
      else clock.setTimeout(callback, milliseconds)
    },
  }
}
