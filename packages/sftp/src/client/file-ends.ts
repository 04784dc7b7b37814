/** A file at the server as one end of a transfer: opened, and closed whatever happens. */

import type { Attributes } from '../protocol/attributes.ts'
import type { SftpLink } from './link.ts'

/** How a transfer ends: once, with an error or without. */
export type Finished = (error?: Error) => void

/** Opens a file and calls `done` once with its handle. */
export function openHandle(
  link: SftpLink,
  path: Uint8Array,
  pflags: number,
  attrs: Attributes,
  done: (...outcome: [error: Error, handle: undefined] | [error: undefined, handle: Uint8Array]) => void,
): void {
  link.request({ type: 'open', filename: path, pflags, attrs }, (error, reply) => {
    if (error === undefined) done(undefined, reply.handle)
    else done(error, undefined)
  })
}

/** Closes a handle; an error that was there before wins over the one of the close. */
export function closeHandle(
  link: SftpLink,
  handle: Uint8Array,
  error: Error | undefined,
  done: Finished,
): void {
  link.request({ type: 'close', handle }, (closeError, _reply) => done(error ?? closeError))
}
