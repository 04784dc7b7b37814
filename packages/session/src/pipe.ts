/** A byte pipe: the one thing that a session needs from the outside world. */

/**
 * A duplex stream of bytes in callback shape: moving a chunk costs a call, where a web stream costs microseconds.
 * The session sets the three `on…` properties, then calls `resume`; the pipe calls nothing before that, and keeps what has come.
 */
export interface BytePipe {
  /** Bytes arrived; they belong to the receiver, but where {@link BytePipe.lends} is true. */
  onData: (bytes: Uint8Array) => void
  /** `write` returned false and there is room again. */
  onDrain: () => void
  /** No more bytes will come, called once: the peer ended its side, the pipe closed, or failed with `error`. */
  onClose: (error?: Error) => void
  /** Takes `bytes`, which must not be changed afterwards. False asks to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean
  /** As `write`, and the memory of `bytes` is the pipe's from then on: it may free it as soon as they are sent. Default: `write`. */
  give?(bytes: Uint8Array): boolean
  /** Whether the bytes given to `onData` are only lent: their memory is used again as soon as the call returns. Default: false. */
  readonly lends?: boolean
  /** Between `cork` and `uncork` writes are held, to leave together. */
  cork?(): void
  uncork?(): void
  /** Asks for a pause and for more: `onData` may still be called a few times after `pause`. The first `resume` starts it. */
  pause(): void
  resume(): void
  /** Sends what was written, then ends our side. */
  end(): void
  /** Closes at once and frees everything. */
  destroy(error?: Error): void
}

/** Where a pipe leads, as far as it knows; for messages to people and for the server's policies. */
export interface PipeAddresses {
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly localAddress?: string
  readonly localPort?: number
}

/** A {@link BytePipe} over a pair of web streams: Deno connections, Workers sockets, WebSocketStream, tests. */
export function fromWebStreams(pair: {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}): BytePipe {
  const reader = pair.readable.getReader()
  const writer = pair.writable.getWriter()
  let paused = false
  let started = false
  let wake: (() => void) | undefined
  let closed = false
  let waiting = false
  const close = (error?: unknown): void => {
    if (closed) return
    closed = true
    pipe.onClose(error === undefined ? undefined : asError(error))
  }
  const pipe: BytePipe = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write(bytes) {
      // Small chunks are cut from memory that packets share, and some writables take the whole buffer away.
      writer.write(bytes.length < bytes.buffer.byteLength ? bytes.slice() : bytes).catch(close)
      const room = (writer.desiredSize ?? 0) > 0
      if (!room && !waiting) {
        waiting = true
        writer.ready.then(() => {
          waiting = false
          if (!closed) pipe.onDrain()
        }, close)
      }
      return room
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      wake?.()
      if (started) return
      started = true
      pump().catch(close)
    },
    end() {
      writer.close().catch(close)
    },
    destroy(error) {
      wake?.()
      reader.cancel(error).catch(() => undefined) // the stream failed already: nothing is left to cancel
      writer.abort(error).catch(() => undefined) // likewise
      close(error)
    },
  }
  const pump = async (): Promise<void> => {
    while (!closed) {
      const { done, value } = await reader.read()
      if (done) return close()
      pipe.onData(value)
      if (paused)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return pipe
}

/** `value` as an Error, for the rare code that throws something else. */
export function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value))
}
