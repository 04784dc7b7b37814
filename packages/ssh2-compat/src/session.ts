/** A session on the server: the client's requests around one program, as events with accept and reject. */

import { type Asked, sessionRequests, type TerminalSize } from '@hawser/server'
import type { Channel as SessionChannel } from '@hawser/session'
import type { Trace } from '@hawser/wire'
import { Channel } from './channel.ts'
import { type EmitterOf, emitterOf } from './emitter.ts'
import type { SessionEvents } from './event-types.ts'
import { Link } from './link.ts'
import { openSftpServer } from './sftp-open.ts'
import type { SftpServer } from './sftp-server.ts'

/** Listeners have types. */
const Emitter: EmitterOf<SessionEvents> = emitterOf()

type Answer = (() => unknown) | undefined

/** What a session takes over from its connection. */
export interface SessionSettings {
  readonly highWaterMark: number | undefined
  /** Our identification, if the program gave one. */
  readonly ident: string | undefined
  readonly trace: Trace | undefined
}

/**
 * One `session` channel. A request without a listener is refused. `accept` and `reject` are undefined where the client
 * wants no reply, except for those that start a program: their `accept` gives the channel.
 */
export class Session extends Emitter {
  readonly type = 'session'
  subtype: string | undefined
  readonly server = true
  readonly #core: SessionChannel
  readonly #link: Link
  readonly #settings: SessionSettings
  #asked = false

  constructor(core: SessionChannel, link: Link, settings: SessionSettings) {
    super()
    this.#core = core
    this.#link = link
    this.#settings = settings
    // Listeners are attached once the program has this object.
    queueMicrotask(() => this.#listen())
    core.onRemoteEnd = () => {
      this.emit('eof')
      this.emit('end')
    }
    void core.closed.then(() => Link.run(() => this.emit('close')))
  }

  #listen(): void {
    sessionRequests(this.#core, {
      pty: (request) => {
        const { term, columns, rows, widthPixels, heightPixels, modes } = request.pty
        const info = {
          term,
          cols: columns,
          rows,
          width: widthPixels,
          height: heightPixels,
          modes: { ...modes },
        }
        this.#ask('pty', request, info)
      },
      env: (request) => {
        const info = { key: request.name, val: request.value }
        Object.defineProperty(info, 'value', { value: request.value, enumerable: false })
        this.#ask('env', request, info)
      },
      x11: (request) => {
        const { singleConnection, protocol, cookie, screen } = request.x11
        // The digits as bytes: their text is the documented string.
        this.#ask('x11', request, {
          single: singleConnection,
          protocol,
          cookie: Buffer.from(cookie, 'latin1'),
          screen,
        })
      },
      agentForward: (request) => this.#ask('auth-agent', request),
      windowChange: (size) => this.emit('window-change', undefined, undefined, windowInfo(size)),
      signal: (name) => this.emit('signal', undefined, undefined, { name }),
      shell: (request) => this.#program('shell', 'shell', request),
      exec: (request) => this.#program('exec', 'exec', request, { command: request.command }),
      subsystem: (request) => {
        const name = request.subsystem
        // Nobody who serves SFTP as such: whoever serves subsystems may.
        if (name === 'sftp' && this.listenerCount('sftp') > 0)
          this.#start('sftp', 'sftp', request, () => this.#sftp())
        else this.#program('subsystem', `subsystem:${name}`, request, { name })
      },
    })
  }

  #ask(event: string, request: Asked, ...info: readonly object[]): void {
    const once = (verb: () => void) => (): boolean => {
      if (!request.answered) verb()
      return this.#link.writable
    }
    const accept: Answer = request.wantReply ? once(() => request.accept()) : undefined
    const reject: Answer = request.wantReply ? once(() => request.reject()) : undefined
    if (!this.emit(event, accept, reject, ...info) && !request.answered) request.reject()
  }

  #program(event: string, subtype: string, request: Asked, ...info: readonly object[]): void {
    this.#start(event, subtype, request, () => this.#channel(subtype), ...info)
  }

  /** `accept` gives what `make` makes of the channel, the same to every call. */
  #start(
    event: string,
    subtype: string,
    request: Asked,
    make: () => object,
    ...info: readonly object[]
  ): void {
    // RFC 4254 §6.5: only one of these requests can succeed per channel.
    if (this.#asked) return request.reject()
    this.#asked = true
    let made: object | undefined
    const accept = (): object | undefined => {
      if (request.answered) return made
      request.accept()
      this.subtype = subtype
      made = make()
      return made
    }
    const reject = (): boolean => {
      if (!request.answered) {
        this.#asked = false
        request.reject()
      }
      return this.#link.writable
    }
    if (!this.emit(event, accept, reject, ...info)) reject()
  }

  #sftp(): SftpServer {
    const { software = '' } = this.#link.session.remoteIdent ?? {}
    return openSftpServer(this.#core, { client: software, ...this.#settings })
  }

  #channel(subtype: string): Channel {
    const { highWaterMark } = this.#settings
    return new Channel({
      core: this.#core,
      owner: this.#link,
      server: true,
      subtype,
      ...(highWaterMark === undefined ? {} : { highWaterMark }),
    })
  }
}

function windowInfo({ columns, rows, widthPixels, heightPixels }: TerminalSize): object {
  return { cols: columns, rows, width: widthPixels, height: heightPixels }
}
