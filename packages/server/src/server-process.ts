/** A program that the server runs for a client: its streams, its signals, its end. */

import { channelRequests } from '@hawser/connection'
import type { Channel, StreamNumber } from '@hawser/session'
import { utf8Encode } from '@hawser/wire'
import type { Pty, TerminalSize } from './session-requests.ts'

const { exitSignal, exitStatus } = channelRequests

/** Bytes that wait in a stream before its writer is asked to wait. */
const highWaterMark = 256 * 1024

/** Signals that may wait for somebody who listens. */
const mostSignals = 16

export interface SignalEnd {
  readonly coreDumped?: boolean
  /** A message for the user. */
  readonly description?: string
}

/**
 * What the accepted program does, done by you: read `stdin`, write `stdout` and `stderr`, then `exit`.
 * Nothing that was written before `exit` is lost. Closing `stdout` or `stderr` sends nothing: the end comes with `exit`.
 */
export class ServerProcess {
  readonly channel: Channel
  readonly pty: Pty | undefined
  readonly env: ReadonlyMap<string, string>
  readonly #out: Outlet
  readonly #err: Outlet
  #onSignal: ((name: string) => void) | undefined
  #onResize: ((size: TerminalSize) => void) | undefined
  #signals: string[] = []
  #ended = false

  constructor(
    channel: Channel,
    o: { readonly pty: Pty | undefined; readonly env: ReadonlyMap<string, string> },
  ) {
    this.channel = channel
    this.pty = o.pty
    this.env = o.env
    this.#out = new Outlet(channel, 0)
    this.#err = new Outlet(channel, 1)
  }

  /** Standard input; it ends when the client ends its side. */
  get stdin(): ReadableStream<Uint8Array> {
    return this.channel.readable
  }

  get stdout(): WritableStream<Uint8Array> {
    return this.#out.stream
  }

  get stderr(): WritableStream<Uint8Array> {
    return this.#err.stream
  }

  /** Settles when the channel is closed, by either side; never rejects. */
  get closed(): Promise<void> {
    return this.channel.closed
  }

  /** Takes signals of the client, named without `SIG`; those that came before are delivered at once. */
  set onSignal(handler: (name: string) => void) {
    this.#onSignal = handler
    for (const name of this.#signals.splice(0)) handler(name)
  }

  /** Called when the client says that it reads standard output no more (`eow@openssh.com`): what is written to it is thrown away. */
  set onUnread(handler: () => void) {
    this.channel.onUnread = handler
  }

  /** Takes new sizes of the client's terminal. */
  set onResize(handler: (size: TerminalSize) => void) {
    this.#onResize = handler
  }

  /**
   * Writes text or bytes to standard output, past `stdout`; do not mix the two. Gives true when it has left for the pipe,
   * false when the client went away first, or reads no more. Never rejects: a client that leaves is nobody's error.
   */
  write(data: string | Uint8Array): Promise<boolean> {
    return this.#out.write(data)
  }

  /** Writes text or bytes to standard error, past `stderr`, as {@link write} does. */
  writeError(data: string | Uint8Array): Promise<boolean> {
    return this.#err.write(data)
  }

  /** Ends the program with `code` (0 is success) after everything that was written; settles when the channel is closed. */
  exit(code = 0): Promise<void> {
    return this.#end(() =>
      this.channel.notify(exitStatus.name, exitStatus.encode({ exitStatus: code >>> 0 })),
    )
  }

  /** Ends the program as if by a signal, named with or without `SIG`. */
  exitWithSignal(name: string, o: SignalEnd = {}): Promise<void> {
    const data = exitSignal.encode({
      signalName: name.replace(/^SIG/, ''),
      coreDumped: o.coreDumped ?? false,
      errorMessage: o.description ?? '',
      languageTag: '',
    })
    return this.#end(() => this.channel.notify(exitSignal.name, data))
  }

  /** For the channel's requests. */
  receiveSignal(name: string): void {
    if (this.#onSignal !== undefined) this.#onSignal(name)
    else if (this.#signals.length < mostSignals) this.#signals.push(name)
  }

  receiveResize(size: TerminalSize): void {
    this.#onResize?.(size)
  }

  async #end(tell: () => void): Promise<void> {
    if (!this.#ended) {
      this.#ended = true
      await Promise.all([this.#out.idle(), this.#err.idle()])
      tell()
      this.channel.eof()
      void this.channel.close()
    }
    await this.channel.closed
  }
}

/** One outgoing stream of a channel that knows when nothing of it waits any more. */
class Outlet {
  readonly #channel: Channel
  readonly #number: StreamNumber
  #stream: WritableStream<Uint8Array> | undefined
  /** Chunks given to the stream and not yet handed over. */
  #waiting = 0
  #idle: (() => void)[] = []

  constructor(channel: Channel, number: StreamNumber) {
    this.#channel = channel
    this.#number = number
  }

  get stream(): WritableStream<Uint8Array> {
    this.#stream ??= new WritableStream<Uint8Array>(
      {
        write: (bytes) => this.#send(bytes).finally(() => this.#done(1)),
        abort: () => this.#done(this.#waiting),
      },
      {
        highWaterMark,
        // Called for each chunk as it is written, which makes it the place to count what waits inside the stream.
        size: (bytes) => {
          this.#waiting++
          return bytes.length
        },
      },
    )
    return this.#stream
  }

  write(data: string | Uint8Array): Promise<boolean> {
    this.#waiting++
    return this.#send(typeof data === 'string' ? utf8Encode(data) : data)
      .then(
        () => this.#number !== 0 || !this.#channel.unread,
        () => false,
      )
      .finally(() => this.#done(1))
  }

  /** Settles when everything written so far has left, or cannot. */
  idle(): Promise<void> {
    return this.#waiting === 0 || this.#channel.ended
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#idle.push(resolve)
        })
  }

  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#channel.write(bytes, this.#number, (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  #done(chunks: number): void {
    this.#waiting = Math.max(0, this.#waiting - chunks)
    // A chunk that cannot be sent fails the whole stream: those behind it will never come.
    if (this.#waiting > 0 && !this.#channel.ended) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
