/** A request as a promise: abortable, with the caller in the stack of its error, and nothing lost of a reply that comes too late. */

import { SftpError } from '../errors.ts'
import { SftpStatus } from '../protocol/constants.ts'
import type { ExtensionFields, ExtensionName, extensions } from '../protocol/extensions.ts'
import type { SftpReply } from '../protocol/messages.ts'
import type { Done, PlainRequest, Reply, ReplyOf, SftpLink } from './link.ts'
import type { SftpPath } from './path.ts'

/** Patience of one call. */
export interface SftpCallOptions {
  /** Gives up: the promise rejects at once with the signal's reason. What was asked of the server may still happen. */
  readonly signal?: AbortSignal | undefined
}

export interface AskOptions<R extends SftpReply> extends SftpCallOptions {
  /** For errors of requests that only have a handle. */
  readonly path?: SftpPath
  /** Gets the reply that came after the caller had given up. */
  readonly late?: (reply: R) => void
}

/** Sends `request`; gives its reply. Rejects with {@link SftpError}. */
export function ask<R extends PlainRequest>(
  link: SftpLink,
  request: R,
  o: AskOptions<ReplyOf<R['type']>> = {},
): Promise<ReplyOf<R['type']>> {
  return asked(o, (done) => link.request(request, done))
}

/** Sends a request of an extension that the server has. */
export function askExtended<N extends ExtensionName>(
  link: SftpLink,
  name: N,
  fields: ExtensionFields<N>,
  o: AskOptions<Reply<(typeof extensions)[N]['reply']>> = {},
): Promise<Reply<(typeof extensions)[N]['reply']>> {
  return asked(o, (done) => link.extended(name, fields, done))
}

/** Runs `send`, which calls `done` once. */
export function asked<R extends SftpReply>(o: AskOptions<R>, send: (done: Done<R>) => void): Promise<R> {
  return about(o.path, answer(o, send))
}

/** `work`, with `path` and the caller in the errors of its requests. Await it directly: what is in between is not seen. */
export async function about<T>(path: SftpPath | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SftpError)) throw error
    throw atCaller(error, path)
  }
}

/** A handle that nobody waits for any more; whether closing it works is nobody's concern either. */
export function abandon(link: SftpLink, handle: Uint8Array): void {
  link.request({ type: 'close', handle }, () => undefined)
}

/** What a request gave, or undefined where the server refuses with one of `statuses`. */
export async function unless<T>(reply: Promise<T>, ...statuses: readonly number[]): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof SftpError && statuses.includes(error.status)) return undefined
    throw error
  }
}

/** The error of a verb that needs what the server does not offer. */
export function unsupported(op: string, needs: string, path?: SftpPath): SftpError {
  return new SftpError(
    { status: SftpStatus.opUnsupported, op, ...(path === undefined ? undefined : { path }) },
    `${op}: the server does not offer ${needs}`,
  )
}

function answer<R extends SftpReply>(
  { signal, late }: AskOptions<R>,
  send: (done: Done<R>) => void,
): Promise<R> {
  if (signal === undefined)
    return new Promise((resolve, reject) =>
      send((error, reply) => (error === undefined ? resolve(reply) : reject(error))),
    )
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    let over = false
    const abort = (): void => {
      over = true
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    send((error, reply) => {
      signal.removeEventListener('abort', abort)
      if (!over) return error === undefined ? resolve(reply) : reject(error)
      if (reply !== undefined) late?.(reply)
    })
  })
}

/**
 * The error was made where the reply came in. Here, behind an `await`, the engine knows who waits; it costs nothing until a request fails.
 */
function atCaller(error: SftpError, path: SftpPath | undefined): SftpError {
  const named = path === undefined || error.path !== undefined ? error : error.about(path)
  Error.captureStackTrace?.(named, about)
  return named
}
