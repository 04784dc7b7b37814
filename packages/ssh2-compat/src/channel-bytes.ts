/** How the bytes of a channel meet Node's streams: `stderr` of either role, writes in one go, views as Buffers. */

import { Readable, Writable } from 'node:stream'
import type { Channel as SessionChannel, StreamNumber } from '@hawser/session'

type Done = (error?: Error | null) => void

/** A client's `stderr`: what the command writes there. A reader that stops stops the command. */
export function stderrToRead(core: SessionChannel): Readable {
  let owed = 0
  const giveBack = (): void => {
    const bytes = owed
    owed = 0
    core.consumed(bytes)
  }
  const readable = new Readable({ read: giveBack, emitClose: false })
  const end = (): void => {
    if (!readable.destroyed && !readable.readableEnded) readable.push(null)
  }
  core.attach(1, {
    data(bytes) {
      if (readable.destroyed) return core.consumed(bytes.length)
      owed += bytes.length
      if (readable.push(asBuffer(bytes))) giveBack()
    },
    end,
    close: end,
  })
  return readable
}

/** A server's `stderr`, to be written to. */
export function stderrToWrite(core: SessionChannel): Writable {
  // A client sends no extended data; what a strange one sends is dropped, so that it cannot fill the window.
  core.attach(1, {
    data: (bytes) => core.consumed(bytes.length),
    end: () => undefined,
    close: () => undefined,
  })
  return new Writable({
    emitClose: false,
    write: (bytes: Buffer, _encoding, done) => core.write(bytes, 1, written(core, done)),
    writev: (chunks, done) => writeAll(core, 1, chunks as { chunk: Buffer }[], written(core, done)),
  })
}

/** Writes all chunks in their order; `done` comes once, with the first error if there was one. */
export function writeAll(
  core: SessionChannel,
  stream: StreamNumber,
  chunks: readonly { readonly chunk: Buffer }[],
  done: (error?: Error) => void,
): void {
  const last = chunks.length - 1
  let failure: Error | undefined
  chunks.forEach(({ chunk }, at) => {
    core.write(
      chunk,
      stream,
      at === last
        ? (error) => done(failure ?? error)
        : (error) => {
            failure ??= error
          },
    )
  })
}

/** `done` for a write: what was written to a channel that is gone is lost; ssh2's manners are to say so by `close` alone. */
export function written(core: SessionChannel, done: Done): (error?: Error) => void {
  return (error) => {
    if (error === undefined) done()
    // Never at once: a program that writes until it is told to wait would not come to an end.
    else process.nextTick(() => (core.isClosed ? done() : done(error)))
  }
}

/** A view with exactly Buffer's prototype. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
