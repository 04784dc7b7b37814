/** A channel in ssh2's shape: a duplex stream with `exit` and `close` events, `stderr`, `signal`, `setWindow` and `exit`. */

import { errorMonitor } from 'node:events'
import type { DuplexOptions, Readable, Writable } from 'node:stream'
import { channelRequests } from '@hawser/connection'
import type { IncomingRequest, Channel as SessionChannel } from '@hawser/session'
import { asBuffer, stderrToRead, stderrToWrite, writeAll, written } from './channel-bytes.ts'
import { signalName } from './constants.ts'
import { decoded } from './decode.ts'
import { duplexOf, type TypedDuplex } from './emitter.ts'
import type { ChannelEvents } from './event-types.ts'

/** Listeners have types. */
const Stream: new (options?: DuplexOptions) => TypedDuplex<ChannelEvents> = duplexOf()

/** What a channel asks of its connection. */
export interface ChannelOwner {
  /** Whether the socket takes more; false asks the caller to wait for `continue`. */
  readonly writable: boolean
}

export interface ChannelParts {
  readonly core: SessionChannel
  readonly owner: ChannelOwner
  readonly server: boolean
  /** What a session channel runs: `exec`, `shell`, or `subsystem`. */
  readonly subtype?: string
  readonly allowHalfOpen?: boolean
  readonly highWaterMark?: number
}

type WriteDone = (error: Error | null | undefined) => void

/** The arguments of `exit`, repeated by `close`. */
export type Exit =
  | readonly [code: number]
  | readonly [code: null, signal: string, coreDumped: boolean, description: string, language: string]

/**
 * One channel, either role. `end()` sends EOF; a server's session channel is closed with it, since the command is over.
 * `close` comes when both sides have closed and the data has been read.
 */
export class Channel extends Stream {
  readonly type: string
  readonly subtype: string | undefined
  readonly server: boolean
  readonly stdin: this
  readonly stdout: this
  /** Client: what the command writes to its standard error. Server, for exec and shell: where to write it. */
  readonly stderr: Readable & Writable
  /** State of each direction, for programs that look: `open`, `eof` or `closed`. */
  readonly incoming: { readonly id: number; state: string }
  readonly outgoing: { readonly id: number; state: string }
  readonly #core: SessionChannel
  readonly #owner: ChannelOwner
  #owed = 0
  #exit: Exit | undefined
  #exitSent = false
  #coreClosed = false
  /** The peer closed before the program had ended what it writes. */
  #cutOff = false
  #closeEmitted = false
  #settled = false
  #closeOnEnd: boolean

  constructor(parts: ChannelParts) {
    const { core, server } = parts
    super({
      allowHalfOpen: parts.allowHalfOpen ?? true,
      autoDestroy: false,
      emitClose: false,
      decodeStrings: true,
      ...(parts.highWaterMark === undefined ? {} : { highWaterMark: parts.highWaterMark }),
    })
    this.#core = core
    this.#owner = parts.owner
    this.type = core.type
    this.subtype = parts.subtype
    this.server = server
    this.stdin = this
    this.stdout = this
    this.incoming = { id: core.id, state: 'open' }
    this.outgoing = { id: core.id, state: 'open' }
    this.#closeOnEnd = server && core.type === 'session'
    const stderr = server ? stderrToWrite(core) : stderrToRead(core)
    this.stderr = stderr as Readable & Writable
    this.once('finish', () => {
      if (this.#closeOnEnd) this.close()
      else this.#closeWhenBothEnded()
    })
    this.once('end', () => this.#finishClose())
    // After an error, of a write after the end for example, Node emits no `end` any more. Watching takes the error from nobody.
    this.on(errorMonitor, () => this.#finishClose())
    // Once whoever gets this channel, be it by a promise, has had the chance to listen.
    setImmediate(() => {
      this.#settled = true
      if (!server) core.onRequest = (request) => this.#onRequest(request)
      this.#finishClose()
    })
    core.attach(0, {
      data: (bytes) => this.#push(bytes),
      end: () => {
        this.incoming.state = 'eof'
        this.push(null)
        this.#closeWhenBothEnded()
      },
      close: () => this.#onClosed(),
    })
  }

  /** Sends EOF once everything written has left. */
  eof(): boolean {
    this.#core.eof()
    return this.#owner.writable
  }

  /** Sends CLOSE once everything written has left. */
  close(): boolean {
    if (this.outgoing.state !== 'closed') {
      this.outgoing.state = 'closing'
      void this.#core.close()
    }
    return this.#owner.writable
  }

  /** Client: sends a signal, with or without `SIG`. False when the channel is closed, or when the socket asks to wait. */
  signal(name: string): boolean {
    if (this.server) throw new Error('Client-only method called in server mode')
    const signal = signalName(name)
    return (
      this.#core.notify('signal', channelRequests.signal.encode({ signalName: signal })) &&
      this.#owner.writable
    )
  }

  /** Client: tells the terminal's new size, in characters and pixels. */
  setWindow(rows: number, cols: number, height: number, width: number): boolean {
    if (this.server) throw new Error('Client-only method called in server mode')
    const size = channelRequests.windowChange.encode({
      widthColumns: cols >>> 0,
      heightRows: rows >>> 0,
      widthPixels: width >>> 0,
      heightPixels: height >>> 0,
    })
    return this.#core.notify('window-change', size) && this.#owner.writable
  }

  /** Server: how the command ended: its code, or the signal that killed it. Once, before `end()` or in the same turn. */
  exit(statusOrSignal: number | string, coreDumped = false, message = ''): boolean {
    if (!this.server) throw new Error('Server-only method called in client mode')
    if (this.#exitSent) return this.#owner.writable
    let sent: boolean
    if (typeof statusOrSignal === 'number')
      sent = this.#core.notify(
        'exit-status',
        channelRequests.exitStatus.encode({ exitStatus: statusOrSignal >>> 0 }),
      )
    else {
      const data = {
        signalName: signalName(statusOrSignal),
        coreDumped,
        errorMessage: message,
        languageTag: '',
      }
      sent = this.#core.notify('exit-signal', channelRequests.exitSignal.encode(data))
    }
    this.#exitSent = sent
    return sent && this.#owner.writable
  }

  /** What is written after the peer's CLOSE goes nowhere, and nobody has to listen for an error: `close` says so. */
  override write(chunk: unknown, encoding?: BufferEncoding | WriteDone, done?: WriteDone): boolean {
    if (!this.#cutOff) return super.write(chunk, encoding as BufferEncoding, done)
    const called = typeof encoding === 'function' ? encoding : done
    if (called !== undefined) process.nextTick(called)
    return false
  }

  override end(chunk?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    if (!this.#cutOff) return super.end(chunk, encoding as BufferEncoding, done)
    const called = [chunk, encoding, done].find((argument) => typeof argument === 'function')
    if (called !== undefined) process.nextTick(called as () => void)
    return this
  }

  override _read(): void {
    const bytes = this.#owed
    this.#owed = 0
    this.#core.consumed(bytes)
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#core.write(bytes, 0, written(this.#core, done))
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[] & { chunk: unknown; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    writeAll(this.#core, 0, chunks, written(this.#core, done))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.outgoing.state = 'eof'
    this.#core.eof()
    done()
  }

  /** Closes without waiting for anything that is unsent or unread; `close` follows the peer's answer. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#core.abort()
    if (!this.server && this.stderr.readable) this.stderr.push(null)
    done(error)
    this.#finishClose()
  }

  #push(bytes: Uint8Array): void {
    if (this.destroyed) {
      this.#core.consumed(bytes.length)
      return
    }
    this.#owed += bytes.length
    if (this.push(asBuffer(bytes))) this._read()
  }

  #onRequest(request: IncomingRequest): void {
    const exit = readExit(request)
    if (exit === undefined) {
      request.reject()
      return
    }
    request.accept()
    if (this.#exit !== undefined) return
    this.#exit = exit
    this.emit('exit', ...exit)
  }

  #onClosed(): void {
    this.#coreClosed = true
    this.incoming.state = 'closed'
    this.outgoing.state = 'closed'
    if (!this.destroyed && !this.readableEnded) this.push(null)
    if (this.server) this.stderr.destroy()
    // Nothing more can be written; ends the writable side without an error.
    if (!this.writableEnded && !this.destroyed) {
      this.end()
      this.#cutOff = true
    }
    this.#stopEcho()
    this.#finishClose()
  }

  /** A channel that is piped into itself waits for its own `drain`, which never comes now: what is unread has nowhere to go. */
  #stopEcho(): void {
    let piped = false
    const unpiped = (): void => {
      piped = true
    }
    this.on('unpipe', unpiped)
    this.unpipe(this)
    this.removeListener('unpipe', unpiped)
    if (piped && this.readableFlowing === false) this.resume()
  }

  /** RFC 4254 §5.3: a channel other than a session's is of no more use once both sides have sent EOF. */
  #closeWhenBothEnded(): void {
    if (this.type === 'session') return
    if (this.#core.remoteEnded && this.writableFinished) this.close()
  }

  #finishClose(): void {
    if (!this.#settled || !this.#coreClosed || this.#closeEmitted) return
    if (!this.destroyed && !this.readableEnded && this.errored === null) return
    this.#closeEmitted = true
    process.nextTick(() => {
      if (!this.destroyed) super.destroy()
      if (this.#exit !== undefined) this.emit('close', ...this.#exit)
      else if (this.type === 'session' && !this.server) this.emit('close', undefined)
      else this.emit('close')
    })
  }
}

/** The arguments of an `exit` event; undefined for any other request and for one that makes no sense. */
export function readExit(request: IncomingRequest): Exit | undefined {
  if (request.name === 'exit-status') {
    const status = decoded(channelRequests.exitStatus, request.data)
    return status === undefined ? undefined : [status.exitStatus]
  }
  if (request.name !== 'exit-signal') return undefined
  const how = decoded(channelRequests.exitSignal, request.data)
  if (how === undefined) return undefined
  return [null, `SIG${how.signalName}`, how.coreDumped, how.errorMessage, how.languageTag]
}
