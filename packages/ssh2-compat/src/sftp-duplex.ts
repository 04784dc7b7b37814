/** The 0.8 line's SFTPStream: SFTP of either side as a duplex stream of bytes, to be piped to and from any channel. */

import { Duplex } from 'node:stream'
import { type ByteChannel, SftpLink } from '@hawser/sftp'
import { type Callable, callable } from './callable.ts'
import { asBuffer } from './channel-bytes.ts'
import { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } from './constants.ts'
import { debugTrace } from './debug.ts'
import { SftpClient } from './sftp-client.ts'
import { requestFailure } from './sftp-errors.ts'
import { linkPathFirst } from './sftp-open.ts'
import { SftpServer } from './sftp-server.ts'
import type { SFTPWrapper } from './sftp-wrapper.ts'
import type { DebugFunction } from './types.ts'

export interface SFTPStreamConfig {
  /** Default false: the side that asks. */
  server?: boolean | undefined
  /** Bytes that wait on each side of the stream; default 32 KiB. */
  highWaterMark?: number | undefined
  debug?: DebugFunction | undefined
}

/** What is a stream's own, and told by its own events. */
const ownEvents: readonly string[] = ['end', 'close', 'error']

/**
 * A client after `ready`, or a server at once; methods of the other side throw. `read` and `write` are the stream's: those of SFTP are
 * `readData` and `writeData`.
 */
class Stream extends Duplex {
  static readonly STATUS_CODE: typeof STATUS_CODE = STATUS_CODE
  static readonly OPEN_MODE: typeof OPEN_MODE = OPEN_MODE
  static readonly stringToFlags: typeof stringToFlags = stringToFlags
  static readonly flagsToString: typeof flagsToString = flagsToString
  readonly server: boolean
  readonly #channel: ByteChannel
  #side: SftpClient | SftpServer | undefined
  #held: (() => void) | undefined
  #paused = true
  #congested = false
  #resolveClosed: () => void = () => undefined

  constructor(config: SFTPStreamConfig = {}, remoteIdentRaw = '') {
    super({ highWaterMark: config.highWaterMark ?? 32 * 1024 })
    this.server = config.server === true
    this.#channel = this.#makeChannel()
    const closed = new Promise<void>((resolve) => {
      this.#resolveClosed = resolve
    })
    const shared = { close: () => this.#finish(), linkPathFirst: linkPathFirst(remoteIdentRaw) }
    const trace = debugTrace(config.debug)
    if (this.server) {
      this.#attach(new SftpServer({ ...shared, channel: this.#channel, closed, trace }))
      return
    }
    SftpLink.open(this.#channel, trace === undefined ? {} : { trace }, (error, link) => {
      if (link === undefined) this.destroy(requestFailure(error as Error))
      else {
        this.#attach(new SftpClient({ ...shared, link, closed: closed.then(() => []) }))
        this.emit('ready')
      }
    })
  }

  /** For the methods of both sides: the one that this is. */
  static side(stream: Stream, method: string): Record<string, (...args: unknown[]) => unknown> {
    const side = stream.#side as unknown as Record<string, (...args: unknown[]) => unknown> | undefined
    if (typeof side?.[method] !== 'function')
      throw new Error(
        stream.#side === undefined
          ? `${method}: wait for the event ready`
          : `${method} is a method of the other side than this ${stream.server ? 'server' : 'client'}`,
      )
    return side
  }

  override _read(): void {
    if (!this.#congested) return
    this.#congested = false
    this.#channel.onDrain()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const deliver = (): void => {
      this.#channel.onData(bytes)
      done()
    }
    if (this.#paused) this.#held = deliver
    else deliver()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.onClose()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.onClose(error ?? undefined)
    this.#resolveClosed()
    done(error)
  }

  #makeChannel(): ByteChannel {
    return {
      onData: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
      write: (bytes) => {
        this.#congested = !this.push(asBuffer(bytes))
        return !this.#congested
      },
      pause: () => {
        this.#paused = true
      },
      resume: () => {
        this.#paused = false
        const held = this.#held
        this.#held = undefined
        held?.()
      },
      end: () => this.#finish(),
      destroy: (error) => this.destroy(error),
    }
  }

  #finish(): void {
    if (!this.readableEnded && !this.destroyed) this.push(null)
    // Whoever has ended may have gone without reading our end.
    if (this.writableEnded) this.resume()
  }

  /** Its events are this stream's. */
  #attach(side: SftpClient | SftpServer): void {
    this.#side = side
    side.emit = (event: string | symbol, ...args: unknown[]) =>
      ownEvents.includes(String(event)) ? false : this.emit(event, ...args)
  }
}

for (const method of [...methodsOf(SftpClient), ...methodsOf(SftpServer)])
  if (!(method in Stream.prototype))
    Object.defineProperty(Stream.prototype, method, {
      value(this: Stream, ...args: unknown[]): unknown {
        return Stream.side(this, method)[method]?.(...args)
      },
      configurable: true,
      writable: true,
    })

function methodsOf(side: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(side.prototype).filter((name) => name !== 'constructor')
}

type Methods = Omit<SFTPWrapper, keyof Duplex | 'server'>
type StreamClass = Omit<typeof Stream, 'prototype' | 'side'> &
  (new (
    ...args: ConstructorParameters<typeof Stream>
  ) => Stream & Methods)

/** May be called without `new`, as all of the 0.8 line. */
export const SFTPStream: Callable<StreamClass> = callable(Stream as unknown as StreamClass)
export type SFTPStream = InstanceType<StreamClass>
// `require()` gives the class itself, which carries its name and `default`.
Object.assign(SFTPStream, { SFTPStream, default: SFTPStream })
