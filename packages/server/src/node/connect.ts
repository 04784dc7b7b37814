/** The ready-made answers to requests for connections. */

import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { ChannelOpenReason } from '@hawser/connection'
import type { Channel } from '@hawser/session'
import { joinChannel } from '@hawser/session/node'
import type { OpenRequest, StreamlocalRequest, TcpipRequest } from '../forwarding.ts'

export interface ConnectUnixOptions {
  /** Gives up after so many milliseconds; default 30,000. */
  readonly timeoutMs?: number
}

export interface ConnectTcpOptions extends ConnectUnixOptions {
  readonly localAddress?: string
}

/**
 * Connects to where `request` wants to go, accepts it and carries the bytes; refuses it when the target cannot be reached.
 * It goes wherever this machine can go: look at `request.host` and `request.port` before you call it. Resolves when the connection
 * is there (or was refused: undefined); it ends by itself. Rejects with UsageError when `request` was accepted or rejected meanwhile.
 */
export function connectTcp(
  request: TcpipRequest,
  options: ConnectTcpOptions = {},
): Promise<Socket | undefined> {
  const { host, port } = request
  const { localAddress } = options
  return connectTo({ host, port, ...(localAddress === undefined ? {} : { localAddress }) }, request, options)
}

/** The same for a Unix socket. It may go wherever this process may: look at `request.path` before you call it. */
export function connectUnix(
  request: StreamlocalRequest,
  options: ConnectUnixOptions = {},
): Promise<Socket | undefined> {
  return connectTo({ path: request.path }, request, options)
}

function connectTo(
  where: NetConnectOpts,
  request: OpenRequest,
  { timeoutMs = 30_000 }: ConnectUnixOptions,
): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...where, allowHalfOpen: true, noDelay: true })
    const refuse = (why: string): void => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => undefined) // given up: whatever else goes wrong with it concerns nobody
      socket.destroy()
      if (!request.answered) request.reject(ChannelOpenReason.connectFailed, why)
      resolve(undefined)
    }
    const failed = (error: Error): void => refuse(error.message)
    const timer = setTimeout(() => refuse(`no answer within ${timeoutMs} ms`), timeoutMs)
    socket.once('error', failed)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeListener('error', failed)
      let channel: Channel
      try {
        channel = request.accept()
      } catch (error) {
        // Answered meanwhile by who has given it to us.
        socket.destroy()
        reject(error)
        return
      }
      if (channel.isClosed) {
        socket.destroy()
        resolve(undefined)
        return
      }
      joinChannel(channel, socket)
      resolve(socket)
    })
  })
}
