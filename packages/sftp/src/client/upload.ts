/** Bytes and web streams into files of the server. */

import type { SftpLink } from './link.ts'
import type { SftpPath } from './path.ts'
import type { Position } from './read-ahead.ts'
import type { FlowOptions } from './transfer-flow.ts'
import { WriteBehind } from './write-behind.ts'

/** What a file can be filled with. */
export type FileContent =
  | Uint8Array
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>

export interface WriteRangeOptions extends FlowOptions {
  /** The file's, for errors. */
  readonly path?: SftpPath | undefined
  /** Where the first byte goes. Default 0. */
  readonly start?: Position | undefined
  /** One request at a time: for files that are open for appending. */
  readonly serial?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes `content` to an open file and gives how many bytes the server has answered for. The handle stays open. Chunks must stay
 * unchanged until the promise settles.
 */
export async function writeRange(
  link: SftpLink,
  handle: Uint8Array,
  content: FileContent,
  o: WriteRangeOptions = {},
): Promise<number> {
  o.signal?.throwIfAborted()
  const writer = new Writing(link, handle, o)
  try {
    if (content instanceof Uint8Array) writer.behind.write(content)
    else
      for await (const chunk of chunksOf(content)) {
        const room = writer.write(chunk)
        if (room !== undefined) await room
      }
    await writer.finish()
    return writer.behind.acknowledged
  } catch (error) {
    writer.stop(error)
    throw error
  } finally {
    writer.release()
  }
}

export interface WritableOptions extends WriteRangeOptions {
  /** Called once, when nothing is written any more: after `close`, `abort` and errors. Closing the handle belongs here. */
  readonly close?: () => Promise<void>
}

/** An open file as a web stream. `write` resolves when there is room for more, `close` when the server has answered for everything. */
export function writableFile(
  link: SftpLink,
  handle: Uint8Array,
  o: WritableOptions = {},
): WritableStream<Uint8Array> {
  const writing = new Writing(link, handle, o)
  const end = async (): Promise<void> => {
    writing.release()
    await o.close?.()
  }
  return new WritableStream<Uint8Array>(
    {
      start(controller) {
        writing.onAbort = (reason) => {
          controller.error(reason)
          // Whether closing works is no news after an abort.
          end().catch(() => undefined)
        }
      },
      async write(chunk) {
        // The writer may use its memory again when the promise resolves.
        await writing.write(chunk.slice())
      },
      async close() {
        try {
          await writing.finish()
        } catch (error) {
          await end().catch(() => undefined) // the first error is the one to tell
          throw error
        }
        await end()
      },
      async abort(reason) {
        writing.stop(reason)
        await end()
      },
    },
    { highWaterMark: 256 * 1024, size: (chunk) => chunk.length },
  )
}

/** Promises over a {@link WriteBehind}. */
class Writing {
  readonly behind: WriteBehind
  /** Called once when the signal aborts. */
  onAbort: (reason: unknown) => void = () => undefined
  readonly #signal: AbortSignal | undefined
  readonly #abort: () => void
  #drained: (() => void) | undefined

  constructor(link: SftpLink, handle: Uint8Array, o: WriteRangeOptions) {
    const { chunkSize, maxBytes, maxRequests, path, start, serial, signal } = o
    this.behind = new WriteBehind({
      link,
      handle,
      ...(chunkSize === undefined ? undefined : { chunkSize }),
      ...(maxBytes === undefined ? undefined : { maxBytes }),
      ...(maxRequests === undefined ? undefined : { maxRequests }),
      ...(path === undefined ? undefined : { path }),
      ...(start === undefined ? undefined : { start }),
      ...(serial === undefined ? undefined : { serial }),
      onDrain: () => this.#drained?.(),
    })
    this.#signal = signal
    this.#abort = () => {
      this.stop(signal?.reason)
      this.onAbort(signal?.reason)
    }
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** Undefined when there is room for more at once. Rejects with the first error. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    const room = this.behind.write(chunk)
    if (this.behind.error !== undefined) return Promise.reject(this.behind.error)
    if (room) return undefined
    return new Promise((resolve, reject) => {
      this.#drained = () => {
        this.#drained = undefined
        if (this.behind.error === undefined) resolve()
        else reject(this.behind.error)
      }
    })
  }

  finish(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.behind.finish((error) => (error === undefined ? resolve() : reject(error))),
    )
  }

  stop(reason: unknown): void {
    this.behind.stop(reason instanceof Error ? reason : new Error(String(reason)))
    this.#drained?.()
  }

  release(): void {
    this.#signal?.removeEventListener('abort', this.#abort)
  }
}

function chunksOf(
  content: Exclude<FileContent, Uint8Array>,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (!(content instanceof ReadableStream)) return content
  return streamChunks(content)
}

/** Not every runtime's web streams are iterable. */
async function* streamChunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader()
  let done = false
  try {
    for (;;) {
      const next = await reader.read()
      done = next.done
      if (next.done) return
      yield next.value
    }
  } finally {
    if (!done) await reader.cancel()
    reader.releaseLock()
  }
}
