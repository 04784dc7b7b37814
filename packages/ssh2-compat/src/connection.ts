/** A client as the server sees it: its login, its sessions, the connections and listeners that it asks for. */

import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import type { AlgorithmNames } from '@hawser/crypto'
import type { Signer } from '@hawser/keys'
import {
  type AuthExchange,
  beginServer,
  handOver,
  type IncomingChannel,
  type IncomingRequest,
} from '@hawser/session'
import { loginTurns } from '@hawser/session/node'
import type { Trace } from '@hawser/wire'
import { authContext } from './auth-context.ts'
import { Channel } from './channel.ts'
import { header, lines, requestInfo, withLineEnd } from './connection-info.ts'
import { debugTrace } from './debug.ts'
import { decoded } from './decode.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import { connectionError, notConnected, requestError } from './errors.ts'
import type { ConnectionEvents } from './event-types.ts'
import { announceHostKeys, asksForProof, proveHostKeys } from './host-keys.ts'
import { Link } from './link.ts'
import { Session } from './session.ts'
import type { Callback, ClientCallback, DebugFunction, Header } from './types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<ConnectionEvents> = emitterOf()

export interface ConnectionSettings {
  readonly hostKeys: readonly Signer[]
  readonly algorithms: Partial<AlgorithmNames>
  readonly greeting: string | undefined
  readonly banner: string | undefined
  readonly ident: string | undefined
  readonly highWaterMark: number | undefined
  readonly debug: DebugFunction | undefined
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
}

/** What is named when a program refuses a login without naming anything. */
const authMethods = ['publickey', 'password', 'keyboard-interactive', 'hostbased'] as const

/** Failed tries before a client is sent away; programs of ssh2 count for themselves, in dialogs of many rounds. */
const mostTries = 20

/** One client of a {@link Server}. Methods that ask the client for something give false as in {@link Client}. */
export class Connection extends Emitter {
  /** The socket. */
  readonly _sock: Duplex
  authenticated = false
  /** Set once the client has said that it will open no more sessions. */
  noMoreSessions = false
  readonly #link: Link
  readonly #settings: ConnectionSettings
  readonly #trace: Trace | undefined

  constructor(
    settings: ConnectionSettings,
    socket: Duplex,
    label: string,
    identified: (header: Header) => void,
  ) {
    super()
    this._sock = socket
    this.#settings = settings
    const trace = debugTrace(settings.debug, label)
    this.#trace = trace
    this.#link = new Link({
      emitter: this,
      socket,
      role: 'server',
      begin: (pipe, hooks) =>
        beginServer(pipe, {
          hostKeys: settings.hostKeys,
          algorithms: settings.algorithms,
          authMethods,
          keepaliveIntervalMs: settings.keepaliveInterval,
          keepaliveMaxMissed: settings.keepaliveCountMax,
          maxAuthTries: mostTries,
          onAuth: (exchange) => this.#authentication(exchange),
          hooks,
          turns: loginTurns,
          ...(settings.greeting === undefined ? {} : { greeting: lines(settings.greeting) }),
          ...(settings.banner === undefined ? {} : { banner: withLineEnd(settings.banner) }),
          ...(settings.ident === undefined ? {} : { ident: settings.ident }),
          ...(trace === undefined ? {} : { trace }),
        }),
      hooks: {
        ident: (remote) => identified(header(remote)),
        ready: () => {
          this.authenticated = true
          announceHostKeys(this.#link.session, settings.hostKeys)
          this.emit('ready')
        },
      },
      failed: (error) => {
        const shown = connectionError(error)
        // A client that fails must not end a server whose program does not listen for it.
        if (shown !== undefined && this.listenerCount('error') > 0) this.emit('error', shown)
      },
      closed: () => this.emit('close'),
    })
    this.#link.session.onChannel = (open) => this.#channelAsked(open)
    this.#link.session.onRequest = (request) => this.#requested(request)
  }

  /** Ends the connection in order. */
  end(): boolean {
    const { writable } = this.#link
    void this.#link.session.close()
    return writable
  }

  /** Tells the client of a connection to its X server. */
  x11(originAddr: string, originPort: number, callback: ClientCallback): boolean {
    const data = channelTypes.x11.encode({ originatorAddress: originAddr, originatorPort: originPort >>> 0 })
    return this.#open(channelTypes.x11.name, data, callback)
  }

  /** Tells the client of a connection to `boundAddr` and `boundPort`, where it asked to be listened. */
  forwardOut(
    boundAddr: string,
    boundPort: number,
    remoteAddr: string,
    remotePort: number,
    callback: ClientCallback,
  ): boolean {
    const data = channelTypes.forwardedTcpip.encode({
      connectedAddress: boundAddr,
      connectedPort: boundPort >>> 0,
      originatorAddress: remoteAddr,
      originatorPort: remotePort >>> 0,
    })
    return this.#open(channelTypes.forwardedTcpip.name, data, callback)
  }

  /** Tells the client of a connection to a Unix socket that it asked to be listened on. */
  openssh_forwardOutStreamLocal(socketPath: string, callback: ClientCallback): boolean {
    const data = channelTypes.forwardedStreamlocal.encode({ socketPath, reserved: new Uint8Array(0) })
    return this.#open(channelTypes.forwardedStreamlocal.name, data, callback)
  }

  /** Opens a connection to the client's agent, after it asked for forwarding (`auth-agent` of its session). npm ssh2 has no such method. */
  openssh_authAgent(callback: ClientCallback): boolean {
    return this.#open(channelTypes.authAgent.name, channelTypes.authAgent.encode({}), callback)
  }

  /** Makes new keys; `callback` is called when they are in use. */
  rekey(callback?: Callback): boolean {
    const link = this.#live()
    if (typeof callback === 'function') this.once('rekey', callback)
    // A connection that ends first tells so by its own events.
    link.session.rekey().catch(() => undefined)
    return link.writable
  }

  setNoDelay(noDelay = true): this {
    const socket = this._sock as Duplex & { setNoDelay?: (on: boolean) => void }
    socket.setNoDelay?.(noDelay)
    return this
  }

  #authentication(exchange: AuthExchange): void {
    const context = authContext(exchange)
    // Nobody who decides means that nobody gets in.
    handOver(context, () => {
      if (!this.emit('authentication', context)) context.reject()
    })
  }

  #live(): Link {
    if (this.#link.session.phase !== 'ready') throw notConnected()
    return this.#link
  }

  #open(type: string, data: Uint8Array, callback: ClientCallback): boolean {
    const link = this.#live()
    link.session.openChannel(type, data).then(
      (core) => Link.run(() => callback(undefined, this.#channel(core))),
      (error) =>
        Link.run(() => callback(requestError(error, `Unable to open a ${type} channel`), undefined as never)),
    )
    return link.writable
  }

  #channel(core: ConstructorParameters<typeof Channel>[0]['core']): Channel {
    const { highWaterMark } = this.#settings
    return new Channel({
      core,
      owner: this.#link,
      server: true,
      ...(highWaterMark === undefined ? {} : { highWaterMark }),
    })
  }

  #channelAsked(open: IncomingChannel): void {
    switch (open.type) {
      case channelTypes.session.name:
        if (this.noMoreSessions) return refuse(open)
        return this.#offer(
          'session',
          open,
          () => new Session(open.accept(), this.#link, { ...this.#settings, trace: this.#trace }),
        )
      case channelTypes.directTcpip.name: {
        const o = decoded(channelTypes.directTcpip, open.data)
        if (o === undefined) return refuse(open)
        return this.#offer('tcpip', open, () => this.#channel(open.accept()), {
          destIP: o.hostToConnect,
          destPort: o.portToConnect,
          srcIP: o.originatorAddress,
          srcPort: o.originatorPort,
        })
      }
      case channelTypes.directStreamlocal.name: {
        const o = decoded(channelTypes.directStreamlocal, open.data)
        if (o === undefined) return refuse(open)
        return this.#offer('openssh.streamlocal', open, () => this.#channel(open.accept()), {
          socketPath: o.socketPath,
        })
      }
      default:
        open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)
    }
  }

  /** `accept` and `reject` answer once; a second call does nothing. */
  #offer(event: string, open: IncomingChannel, make: () => EventEmitter, ...info: readonly object[]): void {
    const accept = (): EventEmitter | undefined => (open.answered ? undefined : make())
    const reject = (): boolean => {
      if (!open.answered) refuse(open)
      return this.#link.writable
    }
    if (!this.emit(event, accept, reject, ...info)) refuse(open)
  }

  #requested(request: IncomingRequest): void {
    const { name } = request
    if (name === globalRequests.noMoreSessions.name) {
      this.noMoreSessions = true
      request.accept()
      return
    }
    if (asksForProof(request)) {
      // A key that cannot sign proves nothing.
      proveHostKeys(this.#link.session, this.#settings.hostKeys, request).catch(() => {
        if (!request.answered) request.reject()
      })
      return
    }
    const info = requestInfo(request)
    if (info === undefined) return request.reject()
    const { bindPort } = info
    const accept = (chosenPort?: number): boolean => {
      if (request.answered) return this.#link.writable
      if (name === globalRequests.tcpipForward.name && bindPort === 0 && typeof chosenPort === 'number')
        request.accept(globalRequests.tcpipForwardReply.encode({ boundPort: chosenPort }))
      else request.accept()
      return this.#link.writable
    }
    const reject = (): boolean => {
      if (!request.answered) request.reject()
      return this.#link.writable
    }
    const asked = request.wantReply ? ([accept, reject] as const) : ([undefined, undefined] as const)
    if (!this.emit('request', ...asked, name, info)) request.reject()
  }
}

function refuse(open: IncomingChannel): void {
  open.reject(ChannelOpenReason.administrativelyProhibited, '')
}
