/** A channel as a byte pipe, for what runs inside of it: another connection, an agent, SFTP. */

import type { Channel } from './channel.ts'
import type { BytePipe, PipeAddresses } from './pipe.ts'

/** Bytes that may wait in the channel before the connection inside is asked to wait. */
const highWaterMark = 256 * 1024

/**
 * `channel`'s standard data as a pipe. Extended data (a program's stderr) goes to `onStderr`, or is passed over. `onClose` comes with the peer's EOF; what is written afterwards
 * still goes to the peer, and `onDrain` still comes: what cannot be sent any more takes no room.
 */
export function channelPipe(
  channel: Channel,
  addresses: PipeAddresses = {},
  onStderr: (bytes: Uint8Array) => void = () => undefined,
): BytePipe & PipeAddresses {
  let waiting = 0
  let congested = false
  let paused = false
  let owed = 0
  let started = false
  let closed = false
  const close = (error?: Error): void => {
    if (closed) return
    closed = true
    pipe.onClose(error)
  }
  const start = (): void => {
    started = true
    channel.attach(0, {
      data(bytes) {
        if (paused) owed += bytes.length
        else channel.consumed(bytes.length)
        if (!closed) pipe.onData(bytes)
      },
      end: () => close(),
      close,
    })
    channel.attach(1, {
      data: (bytes) => {
        channel.consumed(bytes.length)
        onStderr(bytes)
      },
      end: () => undefined,
      close: () => undefined,
    })
  }
  const pipe: BytePipe & PipeAddresses = {
    ...addresses,
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write(bytes) {
      waiting += bytes.length
      channel.write(bytes, 0, () => {
        waiting -= bytes.length
        if (!congested || waiting > highWaterMark) return
        congested = false
        pipe.onDrain()
      })
      congested = waiting > highWaterMark
      return !congested
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      channel.consumed(owed)
      owed = 0
      if (!started) start()
    },
    end: () => channel.eof(),
    destroy() {
      if (!channel.isClosed) channel.abort()
      close()
    },
  }
  return pipe
}
