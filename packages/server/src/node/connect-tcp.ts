/** The ready-made answer to a request for a TCP connection. */

import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { ChannelOpenReason } from '@hawser/connection'
import type { Channel } from '@hawser/session'
import { toNodeDuplex } from '@hawser/session/node'
import { UsageError } from '@hawser/wire'
import type { TcpipRequest } from '../forwarding.ts'

export interface ConnectTcpOptions {
  /** Gives up after so many milliseconds; default 30,000. */
  readonly timeoutMs?: number
  readonly localAddress?: string
}

/**
 * Connects to where `request` wants to go, accepts it and carries the bytes; refuses it when the target cannot be reached.
 * It goes wherever this machine can go: look at `request.host` and `request.port` before you call it. Resolves when the connection
 * is there (or was refused: undefined); it ends by itself.
 */
export function connectTcp(
  request: TcpipRequest,
  options: ConnectTcpOptions = {},
): Promise<Socket | undefined> {
  const { host, port } = request
  const { timeoutMs = 30_000, localAddress } = options
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    const refuse = (why: string): void => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
      socket.destroy()
      request.reject(ChannelOpenReason.connectFailed, why)
      resolve(undefined)
    }
    const failed = (error: Error): void => refuse(error.message)
    const timer = setTimeout(() => refuse(`no answer within ${timeoutMs} ms`), timeoutMs)
    socket.once('error', failed)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeListener('error', failed)
      const channel = accepted(request)
      if (channel === undefined) {
        socket.destroy()
        resolve(undefined)
        return
      }
      join(channel, socket)
      resolve(socket)
    })
  })
}

/** The channel; undefined when the client has left meanwhile. */
function accepted(request: TcpipRequest): Channel | undefined {
  try {
    return request.accept()
  } catch (error) {
    if (error instanceof UsageError) throw error
    return undefined
  }
}

/** Both ways until each side has ended; a side that breaks takes the other with it, which is how its peer learns of it. */
function join(channel: Channel, socket: Socket): void {
  const duplex = toNodeDuplex(channel)
  const ended = (error?: Error | null): void => {
    if (error == null) return
    duplex.destroy()
    socket.destroy()
  }
  pipeline(duplex, socket, ended)
  pipeline(socket, duplex, ended)
}
