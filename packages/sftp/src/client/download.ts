/** Files of the server as bytes and web streams. */

import { concat } from '@hawser/wire'
import type { SftpLink } from './link.ts'
import type { SftpPath } from './path.ts'
import { type Position, ReadAhead } from './read-ahead.ts'
import type { FlowOptions } from './transfer-flow.ts'

export interface ReadRangeOptions extends FlowOptions {
  /** The file's, for errors. */
  readonly path?: SftpPath | undefined
  /** The first byte, and behind the last. Default: the whole file. */
  readonly start?: Position | undefined
  readonly end?: Position | undefined
  /** What the file's size is said to be, if it was asked for: see {@link ReadAhead}. */
  readonly size?: Position | undefined
  readonly signal?: AbortSignal | undefined
}

/** Reads an open file, or a range of it, into memory. The handle stays open. */
export function readRange(link: SftpLink, handle: Uint8Array, o: ReadRangeOptions = {}): Promise<Uint8Array> {
  const { signal } = o
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const pieces: Uint8Array[] = []
    const abort = (): void => {
      ahead.stop()
      reject(signal?.reason)
    }
    const ahead = new ReadAhead({
      ...given(o),
      link,
      handle,
      onData: (bytes) => {
        pieces.push(bytes)
        return true
      },
      onEnd: (error) => {
        signal?.removeEventListener('abort', abort)
        if (error === undefined) resolve(concat(...pieces))
        else reject(error)
      },
    })
    signal?.addEventListener('abort', abort, { once: true })
    ahead.start()
  })
}

export interface ReadableOptions extends ReadRangeOptions {
  /** Called once, when nothing is read any more: at the end, after an error, after `cancel`. Closing the handle belongs here. */
  readonly close?: () => Promise<void>
}

/** Bytes that may wait in a web stream for its reader before the reading ahead stops. */
const waitingBytes = 256 * 1024

/** An open file, or a range of it, as a web stream. It is read ahead as far as the line is worth, and no further when nobody reads. */
export function readableFile(
  link: SftpLink,
  handle: Uint8Array,
  o: ReadableOptions = {},
): ReadableStream<Uint8Array> {
  const { signal, close } = o
  let ahead: ReadAhead | undefined
  let abort: (() => void) | undefined
  const finish = async (): Promise<void> => {
    if (abort !== undefined) signal?.removeEventListener('abort', abort)
    ahead?.stop()
    await close?.()
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        abort = () => {
          controller.error(signal?.reason)
          // Whether closing works is no news after an abort.
          finish().catch(() => undefined)
        }
        if (signal?.aborted) return abort()
        signal?.addEventListener('abort', abort, { once: true })
      },
      pull(controller) {
        if (ahead !== undefined) return ahead.resume()
        ahead = new ReadAhead({
          ...given(o),
          link,
          handle,
          onData: (bytes) => {
            controller.enqueue(bytes)
            return (controller.desiredSize ?? 0) > 0
          },
          onEnd: (error) => {
            finish().then(
              () => (error === undefined ? controller.close() : controller.error(error)),
              (closeError: unknown) => controller.error(error ?? closeError),
            )
          },
        })
        ahead.start()
      },
      cancel: finish,
    },
    { highWaterMark: waitingBytes, size: (chunk) => chunk.length },
  )
}

/** The options of the engine, without those that are there and undefined. */
function given(
  o: ReadRangeOptions,
): FlowOptions & { path?: SftpPath; start?: Position; end?: Position; size?: Position } {
  const { chunkSize, maxBytes, maxRequests, path, start, end, size } = o
  return {
    ...(path === undefined ? undefined : { path }),
    ...(chunkSize === undefined ? undefined : { chunkSize }),
    ...(maxBytes === undefined ? undefined : { maxBytes }),
    ...(maxRequests === undefined ? undefined : { maxRequests }),
    ...(start === undefined ? undefined : { start }),
    ...(end === undefined ? undefined : { end }),
    ...(size === undefined ? undefined : { size }),
  }
}
