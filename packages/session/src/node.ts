/** The session's ends in Node: sockets and other duplex streams as pipes, channels as duplex streams. */

import { connect, Socket, type TcpNetConnectOpts } from 'node:net'
import { Duplex, pipeline, Readable, Writable } from 'node:stream'
import type { Channel, StreamNumber } from './channel.ts'
import { freeMemory, isWorthFreeing } from './free-memory.node.ts'
import type { BytePipe, PipeAddresses } from './pipe.ts'
import { Turns } from './turns.ts'

/** For all servers of a process: what logins compute, 4 ms of it in a round of the event loop, so that a burst of them stalls nobody. */
export const loginTurns = new Turns({ budgetMs: 4, now: () => performance.now(), later: setImmediate })

/** Bytes held in user space before writers are asked to wait. */
const socketHighWaterMark = 512 * 1024

const nothing = (): void => undefined

/** What sockets of ours are read into: each read is used up, or its rest copied, before the next one begins. */
let readBuffer: Buffer | undefined
const readSize = 64 * 1024

/** Where the bytes of a socket go that is read into `readBuffer`. */
const lentReads = new WeakMap<Duplex, { onBytes: (bytes: Uint8Array) => void }>()

/**
 * A socket that connects, to be given to {@link fromNodeSocket} at the latest in its `connect` event. It is read into memory that is used
 * again and again, and emits no `data`: at some hundred MiB a second, new buffers cost the garbage collector more than decrypting does.
 */
export function connectSocket(o: TcpNetConnectOpts): Socket {
  const reads = { onBytes: (_bytes: Uint8Array): void => undefined }
  const socket = connect({
    noDelay: true,
    ...o,
    onread: {
      buffer: () => (readBuffer ??= Buffer.allocUnsafeSlow(readSize)),
      callback: (length, buffer) => {
        reads.onBytes(buffer.subarray(0, length))
        return true
      },
    },
  })
  lentReads.set(socket, reads)
  return socket
}

/**
 * A connected socket, or any other duplex stream of bytes, as a pipe. Sockets get TCP_NODELAY:
 * a session writes once per turn, so there is nothing for Nagle's algorithm to gather, only to delay.
 */
export function fromNodeSocket(socket: Duplex): BytePipe & PipeAddresses {
  return new SocketPipe(socket)
}

/** A class rather than closures: of a server's idle connection, fifteen of them took more memory than the socket itself. */
class SocketPipe implements BytePipe {
  onData: (bytes: Uint8Array) => void = nothing
  onDrain: () => void = nothing
  onClose: (error?: Error) => void = nothing
  readonly lends: boolean
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly localAddress?: string
  readonly localPort?: number
  readonly #socket: Duplex
  /** Other streams may keep what they have taken. */
  readonly #plain: boolean
  #started = false
  #over = false
  #error: Error | undefined
  #congested = false

  constructor(socket: Duplex) {
    this.#socket = socket
    this.#plain = Object.getPrototypeOf(socket) === Socket.prototype && !Object.hasOwn(socket, 'write')
    const net = socket as Partial<Socket>
    const reads = lentReads.get(socket)
    this.lends = reads !== undefined
    if (net.remoteAddress !== undefined) this.remoteAddress = net.remoteAddress
    if (net.remotePort !== undefined) this.remotePort = net.remotePort
    if (net.localAddress !== undefined) this.localAddress = net.localAddress
    if (net.localPort !== undefined) this.localPort = net.localPort
    net.setNoDelay?.(true)
    // Nothing may pass by before somebody listens.
    socket.pause()
    if (reads !== undefined) reads.onBytes = (bytes) => this.onData(bytes)
    // A runtime that does not know `onread` gives its bytes here, and they are the session's own.
    socket.on('data', (bytes: Uint8Array | string) => {
      this.onData(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    })
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.#close())
    socket.on('close', () => {
      this.#close()
      // A half-closed socket has told of its end before; whoever still waits to write to it waits no longer.
      this.#drained()
    })
    socket.on('error', (error: Error) => this.#close(error))
  }

  write(bytes: Uint8Array): boolean {
    return this.#afterwards(this.#socket.write(bytes))
  }

  give(bytes: Uint8Array): boolean {
    return this.#afterwards(
      this.#plain && isWorthFreeing(bytes)
        ? this.#socket.write(bytes, () => freeMemory(bytes.buffer as ArrayBuffer))
        : this.#socket.write(bytes),
    )
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#started) {
      this.#started = true
      if (this.#socket.destroyed) this.#over = true
      if (this.#over) {
        queueMicrotask(() => this.onClose(this.#error))
        return
      }
    }
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error)
  }

  #close(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#error = error
    if (this.#started) this.onClose(error)
  }

  #afterwards(free: boolean): boolean {
    this.#congested = !free && this.#socket.writableLength > socketHighWaterMark
    return !this.#congested
  }

  #drained(): void {
    if (!this.#congested) return
    this.#congested = false
    this.onDrain()
  }
}

/** Options of {@link toNodeDuplex}. */
export interface NodeDuplexOptions {
  /** Bytes that the readable side holds before the window stops growing back. Default: Node's own. */
  readonly highWaterMark?: number
  /** Whether ending one side leaves the other open. Default true. */
  readonly allowHalfOpen?: boolean
}

/** The credit of one stream of a channel while it passes through a Node readable. */
class Credit {
  readonly #channel: Channel
  #owed = 0

  constructor(channel: Channel) {
    this.#channel = channel
  }

  push(readable: Readable, bytes: Uint8Array): void {
    this.#owed += bytes.length
    if (readable.push(asBuffer(bytes))) this.giveBack()
  }

  giveBack(): void {
    const bytes = this.#owed
    this.#owed = 0
    this.#channel.consumed(bytes)
  }
}

/** `channel`'s standard data as a Node duplex stream: ending it sends EOF, destroying it closes the channel. */
export function toNodeDuplex(channel: Channel, o: NodeDuplexOptions = {}): Duplex {
  const credit = new Credit(channel)
  const duplex = new Duplex({
    allowHalfOpen: o.allowHalfOpen ?? true,
    ...(o.highWaterMark === undefined ? {} : { highWaterMark: o.highWaterMark }),
    read: () => credit.giveBack(),
    write: (bytes: Buffer, _encoding, done) => channel.write(bytes, 0, done),
    writev: (chunks, done) => writeAll(channel, 0, chunks, done),
    final: (done) => {
      channel.eof()
      done()
    },
    destroy: (error, done) => {
      channel.abort()
      done(error)
    },
  })
  feed(channel, 0, duplex, credit)
  return duplex
}

/**
 * Carries bytes between `channel` and `socket`, both ways until each side has ended; a side that breaks takes the other
 * with it, which is how its peer learns of it. A socket should allow half-open connections.
 */
export function joinChannel(channel: Channel, socket: Duplex): void {
  const duplex = toNodeDuplex(channel)
  const ended = (error?: Error | null): void => {
    if (error == null) return
    duplex.destroy()
    socket.destroy()
  }
  pipeline(duplex, socket, ended)
  pipeline(socket, duplex, ended)
}

/** One incoming stream of `channel` as a Node readable. */
export function toNodeReadable(channel: Channel, stream: StreamNumber, o: NodeDuplexOptions = {}): Readable {
  const credit = new Credit(channel)
  const readable = new Readable({
    ...(o.highWaterMark === undefined ? {} : { highWaterMark: o.highWaterMark }),
    read: () => credit.giveBack(),
  })
  feed(channel, stream, readable, credit)
  return readable
}

/** Writes to one stream of `channel`; ending it sends nothing, since EOF belongs to the whole channel. */
export function toNodeWritable(channel: Channel, stream: StreamNumber): Writable {
  return new Writable({
    write: (bytes: Buffer, _encoding, done) => channel.write(bytes, stream, done),
    writev: (chunks, done) => writeAll(channel, stream, chunks, done),
  })
}

/** After the peer's EOF everything is there: a loss of the channel then takes nothing from the reader, it only ends a duplex's other side. */
function feed(channel: Channel, stream: StreamNumber, readable: Readable, credit: Credit): void {
  let ended = false
  channel.attach(stream, {
    data(bytes) {
      if (readable.destroyed) channel.consumed(bytes.length)
      else credit.push(readable, bytes)
    },
    end() {
      ended = true
      readable.push(null)
    },
    close(error) {
      if (!ended) {
        if (error === undefined) readable.push(null)
        else readable.destroy(error)
      } else if (error !== undefined && readable instanceof Duplex) {
        if (readable.readableEnded) readable.destroy(error)
        else readable.once('end', () => readable.destroy(error))
      }
    },
  })
}

function writeAll(
  channel: Channel,
  stream: StreamNumber,
  chunks: readonly { readonly chunk: Buffer }[],
  done: (error?: Error | null) => void,
): void {
  const last = chunks.length - 1
  let failure: Error | undefined
  chunks.forEach(({ chunk }, at) => {
    channel.write(chunk, stream, (error) => {
      failure ??= error
      if (at === last) done(failure)
    })
  })
}

/** Node's streams hand out Buffers; a view costs nothing but its object. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
