/** A Node stream as the channel between an agent and its client. */

import type { Duplex } from 'node:stream'
import type { ByteChannel } from '@hawser/wire'

/** `stream`, which must be open, as a channel; it owns it from here on. */
export function streamChannel(stream: Duplex): ByteChannel {
  let over = false
  const close = (error?: Error): void => {
    if (over) return
    over = true
    channel.onClose(error)
  }
  const channel: ByteChannel = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write: (bytes) => stream.write(bytes),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    end: () => void stream.end(),
    destroy: (error) => void stream.destroy(error),
  }
  // Nothing may pass by before somebody listens.
  stream.pause()
  stream.on('data', (bytes: Uint8Array) => channel.onData(bytes))
  stream.on('drain', () => channel.onDrain())
  stream.on('end', () => close())
  stream.on('error', close)
  stream.on('close', () => close())
  return channel
}
