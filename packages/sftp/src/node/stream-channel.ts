/** Node streams as the channel between an SFTP client and its server: a child process, a socket, anything that carries bytes. */

import type { Readable, Writable } from 'node:stream'
import type { ByteChannel } from '@hawser/wire'

/** Two streams, or one of both kinds twice. `{ readable: child.stdout, writable: child.stdin }` leads to a child process. */
export interface ChannelStreams {
  readonly readable: Readable
  readonly writable: Writable
}

/** The streams as a channel, which owns them from now on. It is over when `readable` ends or either of them fails. */
export function streamChannel({ readable, writable }: ChannelStreams): ByteChannel {
  let started = false
  let over: { readonly error: Error | undefined } | undefined
  const close = (error?: Error): void => {
    if (over !== undefined) return
    over = { error }
    if (started) channel.onClose(error)
  }
  const channel: ByteChannel = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write: (bytes) => over !== undefined || writable.write(bytes),
    pause: () => void readable.pause(),
    resume() {
      if (started) return void readable.resume()
      started = true
      if (over !== undefined) return channel.onClose(over.error)
      readable.on('data', (bytes: Uint8Array) => {
        if (over === undefined) channel.onData(bytes)
      })
    },
    end: () => void writable.end(),
    destroy(error) {
      readable.destroy(error)
      writable.destroy(error)
      close(error)
    },
  }
  for (const stream of [readable, writable]) stream.on('error', close)
  readable.on('end', () => close())
  readable.on('close', () => close())
  writable.on('drain', () => channel.onDrain())
  if (readable.destroyed || readable.readableEnded) close(readable.errored ?? undefined)
  return channel
}
