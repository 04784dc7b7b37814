/** A TCP relay on loopback that spoils the line between two ends in a way that a test can count on. */

import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'

/** What happens to the bytes of one direction. Offsets count from the start of each connection. */
export interface LineOptions {
  /** Pass on pieces of this many bytes, each in a write and a turn of its own. The receiving kernel may still join them. */
  readonly piece?: number | (() => number)
  /** Wait this many milliseconds before each piece. */
  readonly delayMs?: number
  /** At most this many bytes in a second. */
  readonly bytesPerSecond?: number
  /** Break the connection once exactly this many bytes have passed. */
  readonly cutAfter?: number
  /** Pass on nothing more after this many bytes, and keep the connection open. */
  readonly stallAfter?: number
  /** End this direction after exactly this many bytes; what comes later is lost, and the other direction goes on. */
  readonly endAfter?: number
  /** Replace bytes; `offset` is where the piece starts. Must not change the length. */
  readonly alter?: (piece: Buffer, offset: number) => Uint8Array
}

export interface RelayOptions {
  readonly target: { readonly host?: string; readonly port: number }
  readonly toServer?: LineOptions
  readonly toClient?: LineOptions
  /** How a cut ends the sockets: both ends see an orderly end, or a reset. Default: reset. */
  readonly cutBy?: 'end' | 'reset'
}

export interface Relay {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Connections taken so far. */
  readonly connections: number
  /** Bytes passed on so far, over all connections. */
  readonly passed: { readonly toServer: number; readonly toClient: number }
  /** Breaks every open connection now. */
  cut(): void
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Link {
  readonly client: Socket
  readonly server: Socket
  cut(): void
}

/** Starts a relay to `target`; resolves when it listens. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const links = new Set<Link>()
  const passed = { toServer: 0, toClient: 0 }
  let connections = 0
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    connections++
    const { host = '127.0.0.1', port } = options.target
    const server = dial({ host, port, allowHalfOpen: true })
    client.setNoDelay(true)
    server.setNoDelay(true)
    const cut = (): void => {
      links.delete(link)
      for (const socket of [client, server])
        if (options.cutBy === 'end') {
          socket.end()
          // What still comes is lost; read on, or the other side's end would never be seen.
          socket.removeAllListeners('data')
          socket.resume()
        } else socket.resetAndDestroy()
    }
    const link: Link = { client, server, cut }
    links.add(link)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // A broken end is what a relay is for; 'close' passes it on.
      socket.on('error', () => {})
      socket.on('close', (hadError) => {
        links.delete(link)
        if (hadError) other.destroy()
      })
    }
    const count = (direction: keyof typeof passed) => (bytes: number) => {
      passed[direction] += bytes
    }
    void carry(client, server, options.toServer ?? {}, count('toServer'), cut)
    void carry(server, client, options.toClient ?? {}, count('toClient'), cut)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const stop = async (): Promise<void> => {
    for (const link of links) {
      link.client.destroy()
      link.server.destroy()
    }
    if (!listener.listening) return
    listener.close()
    await once(listener, 'close')
  }
  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    passed,
    cut: () => {
      for (const link of [...links]) link.cut()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Carries one direction until its source ends; never rejects: a socket that dies ends it. */
async function carry(
  from: Socket,
  to: Socket,
  line: LineOptions,
  count: (bytes: number) => void,
  cut: () => void,
): Promise<void> {
  const paced = line.piece !== undefined || line.delayMs !== undefined || line.bytesPerSecond !== undefined
  const queue: Buffer[] = []
  let ended = false
  let wake: (() => void) | undefined
  from.on('data', (chunk: Buffer) => {
    queue.push(chunk)
    from.pause()
    wake?.()
  })
  from.once('end', () => {
    ended = true
    wake?.()
  })
  from.once('close', () => {
    ended = true
    wake?.()
  })
  let offset = 0
  for (;;) {
    const chunk = queue.shift()
    if (chunk === undefined) {
      if (ended) break
      from.resume()
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      wake = undefined
      continue
    }
    for (let at = 0; at < chunk.length; ) {
      const stop = Math.min(line.cutAfter ?? Infinity, line.stallAfter ?? Infinity, line.endAfter ?? Infinity)
      const room = Math.min(chunk.length - at, stop - offset)
      if (room <= 0) break
      const size = Math.min(room, pieceSize(line))
      if (line.delayMs !== undefined) await sleep(line.delayMs)
      const piece = chunk.subarray(at, at + size)
      await write(to, line.alter?.(piece, offset) ?? piece)
      at += size
      offset += size
      count(size)
      if (line.bytesPerSecond !== undefined) await sleep((size / line.bytesPerSecond) * 1000)
      else if (paced) await new Promise((resolve) => setImmediate(resolve))
    }
    if (line.cutAfter !== undefined && offset >= line.cutAfter) {
      cut()
      return
    }
    const over = line.endAfter !== undefined && offset >= line.endAfter
    if (over) to.end()
    if (over || (line.stallAfter !== undefined && offset >= line.stallAfter)) {
      from.removeAllListeners('data')
      from.resume()
      if (!ended) await once(from, 'close')
      break
    }
  }
  to.end()
}

function pieceSize(line: LineOptions): number {
  const { piece } = line
  if (piece !== undefined) return Math.max(1, typeof piece === 'number' ? piece : piece())
  return line.bytesPerSecond === undefined ? Infinity : Math.max(1, Math.ceil(line.bytesPerSecond / 100))
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
