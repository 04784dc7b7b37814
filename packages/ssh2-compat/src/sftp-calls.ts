/** The requests of an SFTP client with callbacks in ssh2's manner, and the boolean that each of them gives. */

import {
  type ExtensionFields,
  type ExtensionName,
  extensions,
  type messages,
  type SftpLink,
} from '@hawser/sftp'
import { BufferPool } from '@hawser/sftp/node'
import { ProtocolError } from '@hawser/wire'
import { asBuffer } from './channel-bytes.ts'
import { Link } from './link.ts'
import { requestFailure } from './sftp-errors.ts'
import { type Stats, toStats } from './stats.ts'
import type { Callback } from './types.ts'

type Result<T> = (err: Error | undefined, value: T) => void
export type HandleCallback = Result<Buffer>
export type StatsCallback = Result<Stats>
export type PathCallback = Result<string>

type SftpReply = messages.SftpReply
type Outcome = (error: Error | undefined, reply: SftpReply | undefined) => void
type PlainRequest = Exclude<messages.SftpRequest, { readonly type: 'extended' }>

/** Requests without an answer, and bytes of data in them, from which a program is asked to wait. */
const enough = { requests: 1024, bytes: 4 * 1024 * 1024 } as const

export interface CallHooks {
  /** There is room again, after a method gave false. */
  readonly continued: () => void
  /** Every request has its answer. */
  readonly idle: () => void
}

/** Callbacks are called free of any promise, in the order of the answers. */
export class SftpCalls {
  readonly link: SftpLink
  /** For the transfers of files: new memory for each of many small ones would cost more than sending them. */
  readonly pool = new BufferPool(256 * 1024, 32)
  readonly #hooks: CallHooks
  #bytes = 0
  #waiting = false

  constructor(link: SftpLink, hooks: CallHooks) {
    this.link = link
    this.#hooks = hooks
  }

  /** Whether there is room for more at the moment; after a false answer comes `continued`. */
  get writable(): boolean {
    if (this.#free) return true
    this.#waiting = true
    if (this.link.congested) this.link.whenDrained(() => this.#continue())
    return false
  }

  /** `bytes`: how much data the request carries. `done` runs at once when the answer is there. */
  ask(request: PlainRequest, done: Outcome, bytes = 0): boolean {
    this.#bytes += bytes
    this.link.request(request, (error: Error | undefined, reply: SftpReply | undefined) => {
      this.#bytes -= bytes
      done(error, reply)
      this.answered()
    })
    return this.writable
  }

  /** A read whose data may be gathered in `into`. */
  read(request: PlainRequest, into: Uint8Array, done: Outcome): void {
    const settled = (error: Error | undefined, reply: SftpReply | undefined): void => {
      done(error, reply)
      this.answered()
    }
    this.link.request(request, settled, into)
  }

  /** A request that is answered by a status alone. */
  status(request: PlainRequest, callback: Callback | undefined): boolean {
    return this.ask(request, (error) => answer(callback, error))
  }

  handle(request: PlainRequest, callback: HandleCallback | undefined): boolean {
    return this.ask(request, (error, reply) => answer(callback, error, () => [bufferOf(reply)]))
  }

  stats(request: PlainRequest, callback: StatsCallback | undefined): boolean {
    return this.ask(request, (error, reply) =>
      answer(callback, error, () => [toStats((reply as Extract<SftpReply, { type: 'attrs' }>).attrs)]),
    )
  }

  /** A request that is answered by one name. */
  path(request: PlainRequest, callback: PathCallback | undefined): boolean {
    return this.ask(request, (error, reply) => answer(callback, error, () => [onlyName(reply as SftpReply)]))
  }

  /** Throws when the server did not announce the extension. `values` makes what the callback gets of the reply. */
  extended<N extends ExtensionName>(
    name: N,
    fields: ExtensionFields<N>,
    callback: unknown,
    values?: (reply: SftpReply) => readonly unknown[],
  ): boolean {
    if (!this.link.has(name))
      throw new Error(`Server does not support this extended request (${extensions[name].name})`)
    this.link.extended(name, fields, (error: Error | undefined, reply: SftpReply | undefined) => {
      answer(callback, error, values === undefined ? undefined : () => values(reply as SftpReply))
      this.answered()
    })
    return this.writable
  }

  get #free(): boolean {
    const { congested, outstanding } = this.link
    return !congested && outstanding < enough.requests && this.#bytes < enough.bytes
  }

  /** For transfers, whose requests do not come through here: some of them have been answered. */
  answered(): void {
    this.#continue()
    if (this.link.outstanding === 0) this.#hooks.idle()
  }

  #continue(): void {
    if (!this.#waiting || !this.#free) return
    this.#waiting = false
    Link.run(this.#hooks.continued)
  }
}

/** The one name of a reply. */
export function onlyName(reply: SftpReply): string {
  const [first] = (reply as Extract<SftpReply, { type: 'name' }>).names
  return asBuffer((first as { readonly filename: Uint8Array }).filename).toString()
}

/**
 * Gives `callback` the outcome, later than whatever runs now: an error, or the values that `values` gives. A callback that is none
 * is not called.
 */
export function answer(
  callback: unknown,
  error: Error | undefined,
  values: () => readonly unknown[] = () => [],
): void {
  if (typeof callback !== 'function') return
  const outcome = error === undefined ? decoded(values) : [requestFailure(error)]
  Link.run(() => callback(...outcome))
}

/** A reply that cannot be read is an error like any other. */
function decoded(values: () => readonly unknown[]): readonly unknown[] {
  try {
    const made = values()
    // Success without a value is told by nothing at all, as programs that count arguments know it.
    return made.length === 0 ? made : [undefined, ...made]
  } catch (error) {
    if (error instanceof ProtocolError) return [error]
    throw error
  }
}

function bufferOf(reply: SftpReply | undefined): Buffer {
  return Buffer.from((reply as Extract<SftpReply, { type: 'handle' }>).handle)
}
