/** ssh2's Client: one connection to a server, its requests with callbacks, its life as events. */

import type { Duplex } from 'node:stream'
import { channelTypes } from '@hawser/connection'
import type { Session, Channel as SessionChannel } from '@hawser/session'
import { Channel } from './channel.ts'
import { Dialler } from './client-dial.ts'
import { Forwards } from './client-forwards.ts'
import { clientLink } from './client-link.ts'
import { Programs } from './client-programs.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import { type ClientErrorExtensions, extend, notConnected, requestError } from './errors.ts'
import type { ClientEvents } from './event-types.ts'
import { Link } from './link.ts'
import { type ClientSettings, clientSettings } from './options.ts'
import { execArguments, shellArguments } from './program-options.ts'
import type {
  Callback,
  ClientCallback,
  ClientForwardCallback,
  ClientSFTPCallback,
  ConnectConfig,
  ExecOptions,
  PseudoTtyOptions,
  ShellOptions,
} from './types.ts'

/** Listeners have types. */
const Emitter: EmitterOf<ClientEvents> = emitterOf()

/** Whether a server is OpenSSH, of a version (5 or later) that has the extensions asked for. */
const openssh = /^OpenSSH_(?:[5-9]|\d\d)/

/** What a client has as long as its session lasts. */
interface Live {
  readonly link: Link
  readonly forwards: Forwards
  readonly programs: Programs
  readonly settings: ClientSettings
}

/**
 * A client. `connect()` first; `ready` tells when the rest can be used. Methods that ask the server for something
 * give false when the socket asks to wait for `continue` before more is sent.
 */
export class Client extends Emitter {
  /** The socket of the connection, as long as there is one. */
  _sock: Duplex | undefined
  #dialler: Dialler | undefined
  #live: Live | undefined
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
    const [wish, done] = execArguments(options, callback)
    return this.#connected().programs.run({ command }, wish, done)
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
    const [wish, done] = shellArguments(window, options, callback)
    return this.#connected().programs.run({ shell: true }, wish, done)
  }

  /** Starts the subsystem `name`. */
  subsys(name: string, callback: ClientCallback): boolean {
    return this.#connected().programs.run({ subsystem: name }, {}, callback)
  }

  /** Starts SFTP; `environment` is set before. */
  sftp(callback: ClientSFTPCallback): boolean
  sftp(environment: ShellOptions['env'], callback: ClientSFTPCallback): boolean
  sftp(environment: ShellOptions['env'] | ClientSFTPCallback, callback?: ClientSFTPCallback): boolean {
    const [env, done] =
      typeof environment === 'function'
        ? [undefined, environment]
        : [environment, callback as ClientSFTPCallback]
    const { link, programs, settings } = this.#connected()
    programs.sftp(env === undefined || env === null ? {} : { env }, settings.debug, done)
    return link.writable
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
    const { link, forwards } = this.#connected()
    forwards.listen(bindAddr, bindPort, callback)
    return link.writable
  }

  unforwardIn(bindAddr: string, bindPort: number, callback?: Callback): boolean {
    const { link, forwards } = this.#connected()
    forwards.unlisten(bindAddr, bindPort, callback)
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
    const { link } = this.#connected()
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
    if (this.#live !== undefined) void this.#live.link.session.close()
    else this.#dialler?.destroy()
    return this
  }

  /** Closes the socket at once. */
  destroy(): this {
    this.#destroyed = true
    if (this.#live !== undefined) this.#live.link.session.destroy()
    else this.#dialler?.destroy()
    return this
  }

  /** For this package: the session underneath, once there is one. */
  static session(client: Client): Session | undefined {
    return client.#live?.link.session
  }

  #begin(settings: ClientSettings, socket: Duplex, spentMs: number): void {
    let link: Link
    try {
      link = clientLink({
        emitter: this,
        settings,
        socket,
        spentMs,
        failed: (error) => this.#fail(error),
        closed: () => this.#closed(socket),
      })
    } catch (error) {
      // Options that a handshake cannot be made of, such as an empty list or an identification of two lines.
      socket.once('close', () => this.#closed(socket))
      socket.destroy()
      this.#fail(extend(error as Error, { level: 'handshake' }))
      return
    }
    const forwards = new Forwards(this, link, settings.agent)
    const programs = new Programs(link, forwards, settings.agentForward)
    this.#live = { link, forwards, programs, settings }
    if (!this.#noDelay) this.setNoDelay(false)
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
    this.#live = undefined
    this.#dialler?.done()
    this.#dialler = undefined
    this.emit('close')
  }

  /** The connection that requests go to; throws `Not connected` without one. */
  #connected(): Live {
    const live = this.#live
    if (live === undefined) throw notConnected()
    const { session } = live.link
    if (!session.authenticated || session.phase !== 'ready') throw notConnected()
    return live
  }

  #open(type: string, data: Uint8Array, callback: ClientCallback | undefined): boolean {
    const { link } = this.#connected()
    link.session.openChannel(type, data).then(
      (core) => this.#opened(core, link, callback),
      (error) =>
        Link.run(() =>
          callback?.(requestError(error, `Unable to open a ${type} channel`), undefined as never),
        ),
    )
    return link.writable
  }

  #opened(core: SessionChannel, link: Link, callback: ClientCallback | undefined): void {
    if (typeof callback !== 'function') void core.close()
    else Link.run(() => callback(undefined, new Channel({ core, owner: link, server: false })))
  }

  #opensshRequest(
    callback: ((error: Error, ...none: never[]) => void) | undefined,
    ask: (forwards: Forwards) => void,
  ): boolean {
    const { link, forwards, settings } = this.#connected()
    const software = link.session.remoteIdent?.software ?? ''
    if (settings.strictVendor && !openssh.test(software)) {
      const error = new Error(
        `strictVendor enabled and server is not OpenSSH or compatible version: it calls itself ${software}`,
      )
      Link.run(() => callback?.(error))
    } else ask(forwards)
    return link.writable
  }
}
