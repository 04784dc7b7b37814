/** ssh2's Client: one connection to a server, its requests with callbacks, its life as events. */

import type { Duplex } from 'node:stream'
import { type ProcessRequest, startProcess } from '@hawser/client'
import { ChannelRequestError, channelRequests, channelTypes } from '@hawser/connection'
import { beginClient, type Session, type Channel as SessionChannel } from '@hawser/session'
import { Channel } from './channel.ts'
import { authOrder, type SkippedAttempt } from './client-auth.ts'
import { Dialler } from './client-dial.ts'
import { Forwards } from './client-forwards.ts'
import { type ProgramOptions, programRequest, ptyOptions } from './client-program.ts'
import { debugTrace } from './debug.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import { type ClientErrorExtensions, connectionError, notConnected, requestError } from './errors.ts'
import type { ClientEvents } from './event-types.ts'
import { announcesHostKeys, provenHostKeys } from './host-keys.ts'
import { Link } from './link.ts'
import { type ClientSettings, clientSettings } from './options.ts'
import type {
  Callback,
  ClientCallback,
  ClientForwardCallback,
  ConnectConfig,
  ExecOptions,
  PseudoTtyOptions,
  ShellOptions,
} from './types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<ClientEvents> = emitterOf()

/** Whether a server is OpenSSH, of a version (5 or later) that has the extensions asked for. */
const openssh = /^OpenSSH_(?:[5-9]|\d\d)/

/**
 * A client. `connect()` first; `ready` tells when the rest can be used. Methods that ask the server for something
 * give false when the socket asks to wait for `continue` before more is sent.
 */
export class Client extends Emitter {
  /** The socket of the connection, as long as there is one. */
  _sock: Duplex | undefined
  #settings: ClientSettings | undefined
  #dialler: Dialler | undefined
  #link: Link | undefined
  #forwards: Forwards | undefined
  #failed = false
  #destroyed = false
  #noDelay = true

  /** Connects. A client that is connected ends that connection first, and connects anew after its `close`. */
  connect(config: ConnectConfig): this {
    if (this._sock !== undefined) {
      this.once('close', () => this.connect(config))
      this.end()
      return this
    }
    const settings = clientSettings(config)
    this.#settings = settings
    this.#failed = false
    this.#destroyed = false
    const dialler = new Dialler(settings, {
      connect: () => {
        if (dialler.dialled) this.emit('connect')
      },
      timeout: () => this.emit('timeout'),
      ready: (spentMs) => this.#begin(settings, dialler.socket, spentMs),
      failed: (error) => this.#fail(error),
      closed: () => this.#closed(dialler.socket),
    })
    this.#dialler = dialler
    this._sock = dialler.socket
    return this
  }

  /** Runs `command`. The stream's readable side is its standard output, the writable side its standard input. */
  exec(command: string, callback: ClientCallback): boolean
  exec(command: string, options: ExecOptions | undefined, callback: ClientCallback): boolean
  exec(
    command: string,
    options: ExecOptions | ClientCallback | undefined,
    callback?: ClientCallback,
  ): boolean {
    const [o, done] = split<ExecOptions>(options, callback)
    const { allowHalfOpen } = o
    return this.#program({ command }, 'exec', { ...o, pty: ptyOptions(o.pty) }, done, allowHalfOpen)
  }

  /** Starts a login shell, in a terminal unless `window` is false. */
  shell(callback: ClientCallback): boolean
  shell(window: PseudoTtyOptions | ShellOptions | false | undefined | null, callback: ClientCallback): boolean
  shell(
    window: PseudoTtyOptions | false | undefined | null,
    options: ShellOptions | undefined,
    callback: ClientCallback,
  ): boolean
  shell(
    window: PseudoTtyOptions | ShellOptions | ClientCallback | false | undefined | null,
    options?: ShellOptions | ClientCallback,
    callback?: ClientCallback,
  ): boolean {
    let settings = window
    let surroundings = options
    let done = callback
    if (typeof settings === 'function') [settings, surroundings, done] = [undefined, undefined, settings]
    else if (typeof surroundings === 'function') [surroundings, done] = [undefined, surroundings]
    // With two arguments the first may be either.
    if (settings && ('env' in settings || 'x11' in settings || 'agentForward' in settings)) {
      surroundings ??= settings as ShellOptions
      settings = undefined
    }
    const pty =
      settings === false ? undefined : ptyOptions((settings as PseudoTtyOptions | undefined) ?? true)
    return this.#program(
      { shell: true },
      'shell',
      { ...(surroundings as ShellOptions), pty },
      done as ClientCallback,
    )
  }

  /** Starts the subsystem `name`. */
  subsys(name: string, callback: ClientCallback): boolean {
    return this.#program({ subsystem: name }, 'subsystem', {}, callback)
  }

  /** SFTP is not part of this package yet: `callback` gets an error that says so. */
  sftp(environment: unknown, callback?: (err: Error | undefined, sftp?: never) => void): boolean {
    const done = (typeof environment === 'function' ? environment : callback) as (err: Error) => void
    const { writable } = this.#connected()
    Link.run(() => done(new Error('SFTP is not served by this version of @hawser/ssh2-compat yet')))
    return writable
  }

  /** Asks the server to connect to `dstIP` and `dstPort`; `srcIP` and `srcPort` are told as the origin. */
  forwardOut(
    srcIP: string,
    srcPort: number,
    dstIP: string,
    dstPort: number,
    callback?: ClientCallback,
  ): boolean {
    const data = channelTypes.directTcpip.encode({
      hostToConnect: dstIP,
      portToConnect: dstPort >>> 0,
      originatorAddress: srcIP,
      originatorPort: srcPort >>> 0,
    })
    return this.#open(channelTypes.directTcpip.name, data, callback)
  }

  /** Asks the server to listen; connections come as `tcp connection`. Port 0 lets the server choose. */
  forwardIn(bindAddr: string, bindPort: number, callback?: ClientForwardCallback): boolean {
    const link = this.#connected()
    this.#forwards?.listen(bindAddr, bindPort, callback)
    return link.writable
  }

  unforwardIn(bindAddr: string, bindPort: number, callback?: Callback): boolean {
    const link = this.#connected()
    this.#forwards?.unlisten(bindAddr, bindPort, callback)
    return link.writable
  }

  /** Tells an OpenSSH server that no more sessions will be opened. */
  openssh_noMoreSessions(callback?: Callback): boolean {
    return this.#opensshRequest(callback, (forwards) => forwards.noMoreSessions(callback))
  }

  /** Asks an OpenSSH server to listen on a Unix socket; connections come as `unix connection`. */
  openssh_forwardInStreamLocal(socketPath: string, callback?: Callback): boolean {
    return this.#opensshRequest(callback, (forwards) => forwards.listenUnix(socketPath, callback))
  }

  openssh_unforwardInStreamLocal(socketPath: string, callback?: Callback): boolean {
    return this.#opensshRequest(callback, (forwards) => forwards.unlistenUnix(socketPath, callback))
  }

  /** Asks an OpenSSH server to connect to a Unix socket. */
  openssh_forwardOutStreamLocal(socketPath: string, callback?: ClientCallback): boolean {
    return this.#opensshRequest(callback, () => {
      const data = channelTypes.directStreamlocal.encode({
        socketPath,
        reserved: new Uint8Array(0),
        reservedPort: 0,
      })
      this.#open(channelTypes.directStreamlocal.name, data, callback)
    })
  }

  /** Makes new keys; `callback` is called when they are in use. */
  rekey(callback?: Callback): boolean {
    const link = this.#connected()
    if (typeof callback === 'function') this.once('rekey', callback)
    // A connection that ends first tells so by its own events.
    link.session.rekey().catch(() => undefined)
    return link.writable
  }

  /** TCP_NODELAY is on unless it is turned off here. */
  setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay
    const socket = this._sock as (Duplex & { setNoDelay?: (on: boolean) => void }) | undefined
    socket?.setNoDelay?.(noDelay)
    return this
  }

  /** Ends the connection in order: what was written leaves first. */
  end(): this {
    if (this.#link !== undefined) void this.#link.session.close()
    else this.#dialler?.destroy()
    return this
  }

  /** Closes the socket at once. */
  destroy(): this {
    this.#destroyed = true
    if (this.#link !== undefined) this.#link.session.destroy()
    else this.#dialler?.destroy()
    return this
  }

  /** For this package: the session underneath, once there is one. */
  static session(client: Client): Session | undefined {
    return client.#link?.session
  }

  #begin(settings: ClientSettings, socket: Duplex, spentMs: number): void {
    const skipped: SkippedAttempt[] = []
    const trace = debugTrace(settings.debug)
    this.#link = new Link({
      emitter: this,
      socket,
      role: 'client',
      begin: (pipe, hooks) =>
        beginClient(pipe, {
          user: settings.username,
          auth: authOrder(settings, this, skipped),
          verifyHostKey: ({ key, first, changed }) => (first || changed ? settings.verifyHostKey(key) : true),
          algorithms: settings.algorithms,
          readyTimeoutMs: settings.readyTimeout === 0 ? 0 : Math.max(1, settings.readyTimeout - spentMs),
          keepaliveIntervalMs: settings.keepaliveInterval,
          keepaliveMaxMissed: settings.keepaliveCountMax,
          hooks,
          ...(settings.ident === undefined ? {} : { ident: settings.ident }),
          ...(trace === undefined ? {} : { trace }),
        }),
      hooks: {
        ident: (_remote, greeting) => {
          if (greeting.length > 0) this.emit('greeting', `${greeting.join('\r\n')}\r\n`)
        },
        banner: (message, language) => this.emit('banner', message, language),
        ready: () => this.emit('ready'),
      },
      failed: (error) => {
        const shown = connectionError(error)
        if (shown?.attempts !== undefined && skipped.length > 0)
          shown.attempts = [...shown.attempts, ...skipped]
        if (shown !== undefined) this.#fail(shown)
        // Who was silent until now is not waited for.
        if (shown?.level === 'client-timeout') setImmediate(() => this.#link?.session.destroy())
      },
      closed: () => this.#closed(socket),
    })
    if (!this.#noDelay) this.setNoDelay(false)
    this.#forwards = new Forwards(this, this.#link, settings.agent)
    const { session } = this.#link
    session.onRequest = (asked) => {
      if (!announcesHostKeys(asked) || this.listenerCount('hostkeys') === 0) return asked.reject()
      asked.accept()
      provenHostKeys(session, asked).then(
        (keys) => {
          if (keys.length > 0) Link.run(() => this.emit('hostkeys', keys))
        },
        (error: Error) => settings.debug?.(`Host keys: ${error.message}`),
      )
    }
  }

  #fail(error: Error & ClientErrorExtensions): void {
    // What follows from the program's own destroy() is no news to it.
    if (this.#failed || this.#destroyed) return
    this.#failed = true
    this.emit('error', error)
  }

  #closed(socket: Duplex): void {
    if (this._sock !== socket) return
    this._sock = undefined
    this.#link = undefined
    this.#forwards = undefined
    this.#dialler?.done()
    this.#dialler = undefined
    this.emit('close')
  }

  /** The connection that requests go to; throws `Not connected` without one. */
  #connected(): Link {
    const link = this.#link
    if (link === undefined || !link.session.authenticated || link.session.phase !== 'ready')
      throw notConnected()
    return link
  }

  #open(type: string, data: Uint8Array, callback: ClientCallback | undefined): boolean {
    const link = this.#connected()
    link.session.openChannel(type, data).then(
      (core) => this.#opened(core, link, callback),
      (error) => give(callback, requestError(error, `Unable to open a ${type} channel`)),
    )
    return link.writable
  }

  #opened(core: SessionChannel, link: Link, callback: ClientCallback | undefined): void {
    if (typeof callback !== 'function') void core.close()
    else Link.run(() => callback(undefined, new Channel({ core, owner: link, server: false })))
  }

  #program(
    what: { command: string } | { shell: true } | { subsystem: string },
    subtype: 'exec' | 'shell' | 'subsystem',
    options: ProgramOptions,
    callback: ClientCallback,
    allowHalfOpen = true,
  ): boolean {
    const link = this.#connected()
    const wanted = options.agentForward ?? this.#settings?.agentForward
    const agentForward = wanted === true && this.#forwards?.expectAgent()
    const request = programRequest(what, options, agentForward)
    if (request.x11 !== undefined) this.#forwards?.expectX11(request.x11.singleConnection === true)
    void this.#start(link.session, request).then(
      (core) =>
        Link.run(() =>
          callback(undefined, new Channel({ core, owner: link, server: false, subtype, allowHalfOpen })),
        ),
      (error) => {
        if (request.x11 !== undefined) this.#forwards?.forgetX11()
        if (error instanceof ChannelRequestError && error.request === channelRequests.authAgentReq.name)
          this.#forwards?.forgetAgent()
        give(callback, requestError(error, refusal(error, what)))
      },
    )
    return link.writable
  }

  async #start(session: Session, request: ProcessRequest): Promise<SessionChannel> {
    const core = await session.openChannel(channelTypes.session.name)
    await startProcess(core, request)
    return core
  }

  #opensshRequest(
    callback: ((error: Error, ...none: never[]) => void) | undefined,
    ask: (forwards: Forwards) => void,
  ): boolean {
    const link = this.#connected()
    const software = link.session.remoteIdent?.software ?? ''
    if (this.#settings?.strictVendor === true && !openssh.test(software)) {
      const error = new Error(
        `strictVendor enabled and server is not OpenSSH or compatible version: it calls itself ${software}`,
      )
      Link.run(() => callback?.(error))
    } else if (this.#forwards !== undefined) ask(this.#forwards)
    return link.writable
  }
}

/** What ssh2 says when a request of a program's start is refused. */
function refusal(
  error: unknown,
  what: { command: string } | { shell: true } | { subsystem: string },
): string {
  const request = error instanceof ChannelRequestError ? error.request : ''
  if (request === 'pty-req') return 'Unable to request a pseudo-terminal'
  if (request === 'x11-req') return 'Unable to request X11'
  if (request === 'auth-agent-req@openssh.com') return 'Unable to request agent forwarding'
  if ('subsystem' in what) return `Unable to start subsystem: ${what.subsystem}`
  return 'shell' in what ? 'Unable to open shell' : 'Unable to exec'
}

function give(callback: ((error: Error, ...none: never[]) => void) | undefined, error: Error): void {
  if (typeof callback === 'function') Link.run(() => callback(error))
}

function split<O extends object>(
  options: O | ClientCallback | undefined,
  callback: ClientCallback | undefined,
): [O, ClientCallback] {
  if (typeof options === 'function') return [{} as O, options]
  return [options ?? ({} as O), callback as ClientCallback]
}
