/** Web streams as views of a channel, with its window as their back-pressure. */

import type { Channel, StreamNumber } from './channel.ts'

/** Bytes that a stream holds for a slow reader before the window stops growing back. */
const highWaterMark = 256 * 1024

/** Stream `number` of `channel` as a web stream; cancelling it throws further data away, and tells peers that know how (`eow@openssh.com`). */
export function readableOf(channel: Channel, number: StreamNumber): ReadableStream<Uint8Array> {
  let owed = 0
  let cancelled = false
  let ended = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        channel.attach(number, {
          data(bytes) {
            if (cancelled) return channel.consumed(bytes.length)
            controller.enqueue(bytes)
            owed += bytes.length
            if ((controller.desiredSize ?? 0) > 0) giveBack()
          },
          end() {
            if (cancelled || ended) return
            ended = true
            controller.close()
          },
          close(error) {
            if (cancelled || ended) return
            ended = true
            if (error === undefined) controller.close()
            else controller.error(error)
          },
        })
      },
      pull() {
        giveBack()
      },
      cancel() {
        cancelled = true
        giveBack()
        if (number === 0) channel.stopReading()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark }),
  )

  function giveBack(): void {
    const bytes = owed
    owed = 0
    channel.consumed(bytes)
  }
}

/** Writes to `channel`; closing sends EOF, aborting closes the channel. */
export function writableOf(channel: Channel, number: StreamNumber = 0): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(
    {
      write: (bytes) =>
        new Promise((resolve, reject) => {
          channel.write(bytes, number, (error) => (error === undefined ? resolve() : reject(error)))
        }),
      close: () => channel.eof(),
      abort: () => channel.abort(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark }),
  )
}
