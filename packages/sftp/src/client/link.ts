/** One SFTP connection as its users see it: requests with callbacks, and every one of them called exactly once. */

import type { ByteChannel } from '@hawser/wire'
import { concat, ProtocolError, UsageError, utf8Decode } from '@hawser/wire'
import { IdTable } from '../id-table.ts'
import { SftpStatus } from '../protocol/constants.ts'
import { type ExtensionFields, type ExtensionName, extensions } from '../protocol/extensions.ts'
import type { ReplyName, replyTo, SftpReply, SftpRequest } from '../protocol/messages.ts'
import { type RequestOptions, SftpClientMachine, type SftpClientMachineOptions } from './machine.ts'
import { badPath, lost, lostRequest, type Paths, pathsOf, pathsOfFields, refusal } from './request-facts.ts'
import { type KnownLimits, knownLimits } from './server-limits.ts'

export type { KnownLimits } from './server-limits.ts'

/** `trace` sees every message; the rest is as the machine has it. */
export type LinkOptions = Pick<SftpClientMachineOptions, 'trace' | 'linkPathFirst'>

/** Called once: with an error (a refusal of the server, or the loss of the channel), or with what the request is answered by. */
export type Done<R extends SftpReply = SftpReply> = (
  ...outcome: [error: Error, reply: undefined] | [error: undefined, reply: R]
) => void

export type Reply<N extends ReplyName> = Extract<SftpReply, { readonly type: N }>
export type PlainRequest = Exclude<SftpRequest, { readonly type: 'extended' }>
/** What answers a request of that name, when it is not refused. */
export type ReplyOf<T extends PlainRequest['type']> = Reply<(typeof replyTo)[T]>

interface Waiting {
  readonly paths: Paths
  readonly op: string
  readonly done: Done
  readonly onPiece: OnPiece | undefined
}

/** Takes a part of a read's data as soon as it is there; parts come in order, and `done` after the last. */
export type OnPiece = (data: Uint8Array) => void

/** Pieces of one turn that are no longer than this leave together. */
const joinUpTo = 2048
/** Bytes of one such write. */
const joinedAtMost = 32 * 1024

/**
 * An SFTP client's channel after the version exchange. Requests of one round of the event loop leave together. A refusal comes as
 * {@link SftpError}; when the channel ends, everything that waits gets one with the status `connectionLost`, and so does every later
 * request.
 */
export class SftpLink {
  readonly #channel: ByteChannel
  readonly #machine: SftpClientMachine
  readonly #waiting = new IdTable<Waiting>()
  readonly #drained: (() => void)[] = []
  #extensions: ReadonlyMap<string, Uint8Array> = new Map()
  #limits: KnownLimits = {}
  #flushing = false
  #congested = false
  #over: Error | undefined
  #ended = false
  #onVersion: ((error: Error | undefined) => void) | undefined
  #resolveClosed: () => void = () => undefined
  /** Settles when the channel is over; never rejects. */
  readonly closed: Promise<void>

  /**
   * Takes over `channel`, exchanges versions and calls `done` once: with the link, or with why there is none. The function given back
   * closes the channel; `done` gets its error when it still waits.
   */
  static open(
    channel: ByteChannel,
    o: LinkOptions,
    done: (error: Error | undefined, link?: SftpLink) => void,
  ): (error: Error) => void {
    const link = new SftpLink(channel, o)
    link.#onVersion = (error) => (error === undefined ? done(undefined, link) : done(error))
    channel.onData = (bytes) => link.#receive(bytes)
    channel.onDrain = () => link.#onDrain()
    channel.onClose = (cause) => link.#end(lost(cause))
    link.#machine.start()
    link.#flush()
    channel.resume()
    return (error) => link.destroy(error)
  }

  private constructor(channel: ByteChannel, o: LinkOptions) {
    this.#channel = channel
    this.#machine = new SftpClientMachine(o)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** What the server announced, by the extension's name on the wire; the value is its version or data. */
  get extensions(): ReadonlyMap<string, Uint8Array> {
    return this.#extensions
  }

  /** What limits@openssh.com said. The answer comes in front of that to the first request of anybody. */
  get limits(): KnownLimits {
    return this.#limits
  }

  /** Requests without an answer yet. */
  get outstanding(): number {
    return this.#waiting.size
  }

  /** Whether the channel asks to wait: see {@link SftpLink.whenDrained}. */
  get congested(): boolean {
    return this.#congested
  }

  /** Why the link is over; undefined while it is not. */
  get error(): Error | undefined {
    return this.#over
  }

  /** Calls `done` once: when the channel has room again, or is over. At once when there is room now. */
  whenDrained(done: () => void): void {
    if (this.#congested && this.#over === undefined) this.#drained.push(done)
    else done()
  }

  /** Whether the server announced the extension in the version that is known here. */
  has(name: ExtensionName): boolean {
    const { name: wireName, version } = extensions[name]
    const announced = this.#extensions.get(wireName)
    return announced !== undefined && utf8Decode(announced) === version
  }

  /**
   * Sends a request; false asks to wait until {@link SftpLink.whenDrained} before the next. `done` is called later, never within this
   * call. Bytes given are not copied and must stay unchanged until then. A status other than OK comes as an error, also the end of a file.
   */
  request<R extends PlainRequest>(
    request: R,
    done: Done<ReplyOf<R['type']>>,
    into?: Uint8Array | OnPiece,
  ): boolean {
    const o =
      into === undefined
        ? {}
        : typeof into === 'function'
          ? { into: 'pieces' as const, onPiece: into }
          : { into }
    return this.#request(request, request.type, done as Done, o)
  }

  /** Sends an extended request of the table. Whether the server has it is for the caller to ask first. */
  extended<N extends ExtensionName>(
    name: N,
    fields: ExtensionFields<N>,
    done: Done<Reply<(typeof extensions)[N]['reply']>>,
  ): boolean {
    const row = extensions[name]
    const request = {
      type: 'extended',
      request: row.name,
      data: row.request.encode(fields as never),
    } as const
    return this.#request(request, name, done as Done, { expects: row.reply, paths: pathsOfFields(fields) })
  }

  /** Sends an extended request that is not in the table. `any` where it is not known what answers it. */
  extendedRaw<N extends ReplyName | 'any'>(
    name: string,
    data: Uint8Array,
    expects: N,
    done: Done<N extends ReplyName ? Reply<N> : SftpReply>,
  ): boolean {
    return this.#request({ type: 'extended', request: name, data }, name, done as Done, { expects })
  }

  /** Ends our side when everything that waits has been answered: OpenSSH's server forgets its answers at the end. Later requests are refused. */
  end(): void {
    if (this.#ended || this.#over !== undefined) return
    this.#ended = true
    this.#flush()
    this.#endIfIdle()
  }

  /** Closes at once; what waits gets `error`, or one that says so. */
  destroy(error?: Error): void {
    if (this.#over !== undefined) return
    this.#end(error ?? lost(undefined))
    this.#channel.destroy(error)
  }

  #request(
    request: SftpRequest,
    op: string,
    done: Done,
    o: RequestOptions & { readonly paths?: Paths; readonly onPiece?: OnPiece },
  ): boolean {
    const { paths = pathsOf(request) } = o
    const refused = this.#refusal(paths, op)
    if (refused !== undefined) {
      queueMicrotask(() => done(refused, undefined))
      return !this.#congested
    }
    const id = this.#machine.request(request, o)
    this.#waiting.add(id, { paths, op, done, onPiece: o.onPiece })
    if (!this.#flushing) {
      this.#flushing = true
      soon(() => this.#flush())
    }
    return !this.#congested
  }

  #refusal(paths: Paths, op: string): Error | undefined {
    if (this.#over !== undefined) return lostRequest(paths, op, this.#over)
    if (this.#ended) return new UsageError(`${op}: this SFTP client was ended before`)
    return badPath(paths, op)
  }

  #flush(): void {
    this.#flushing = false
    if (this.#over !== undefined) return
    let small: Uint8Array[] = []
    let bytes = 0
    const send = (): void => {
      if (bytes === 0) return
      this.#write(small.length === 1 ? (small[0] as Uint8Array) : concat(...small))
      small = []
      bytes = 0
    }
    for (let next = this.#machine.takeOutput(); next !== undefined; next = this.#machine.takeOutput()) {
      if (next.length > joinUpTo || bytes + next.length > joinedAtMost) send()
      small.push(next)
      bytes += next.length
      // Data is not copied: the channel puts the head that went before into the same message.
      if (next.length > joinUpTo) send()
    }
    send()
  }

  #write(bytes: Uint8Array): void {
    if (this.#over === undefined && !this.#channel.write(bytes)) this.#congested = true
  }

  #onDrain(): void {
    this.#congested = false
    for (const done of this.#drained.splice(0)) call(done)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over !== undefined) return
    this.#machine.receive(bytes)
    this.#checked(() => {
      for (let event = this.#machine.poll(); event !== undefined; event = this.#machine.poll()) {
        if (event.type === 'piece') call(this.#waiting.get(event.id)?.onPiece ?? ignore, event.data)
        else if (event.type === 'version') this.#start(event.extensions)
        else this.#answer(event.id, event.reply)
        if (this.#over !== undefined) return
      }
    })
  }

  /** Runs `work` on what the server sent; where that breaks the protocol, the channel is closed. */
  #checked(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#end(error)
      this.#channel.destroy(error)
    }
  }

  #start(pairs: readonly { readonly name: string; readonly data: Uint8Array }[]): void {
    this.#extensions = new Map(pairs.map((pair) => [pair.name, pair.data.slice()]))
    if (this.has('limits'))
      this.extended('limits', {}, (error, reply) => {
        // A server that announces its limits and does not tell them has none that we could keep.
        if (error === undefined) this.#checked(() => (this.#limits = knownLimits(reply.data)))
      })
    const ready = this.#onVersion
    this.#onVersion = undefined
    if (ready !== undefined) call(ready, undefined)
  }

  #answer(id: number, reply: SftpReply): void {
    const waiting = this.#waiting.get(id) as Waiting
    this.#waiting.delete(id)
    if (reply.type === 'status' && reply.code !== SftpStatus.ok)
      call(waiting.done, refusal(waiting.paths, waiting.op, reply), undefined)
    else call(waiting.done, undefined, reply)
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (this.#ended && this.#waiting.size === 0 && this.#over === undefined) this.#channel.end()
  }

  #end(why: Error): void {
    if (this.#over !== undefined) return
    this.#over = why
    const waiting = this.#waiting.drain()
    const onVersion = this.#onVersion
    this.#onVersion = undefined
    if (onVersion !== undefined) call(onVersion, why)
    for (const { paths, op, done } of waiting) call(done, lostRequest(paths, op, why), undefined)
    this.#congested = false
    for (const done of this.#drained.splice(0)) call(done)
    this.#resolveClosed()
  }
}

/** After all that is due now: in Node, answers of the disk to several transfers come in one round, and their requests fill one packet. */
const soon: (callback: () => void) => void =
  (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate ?? queueMicrotask

function ignore(): void {
  // whoever wanted the data did not ask for it in pieces
}

/**
 * Calls a user's function. What it throws is an uncaught exception of its own, as it would be in a promise's callback nobody waits for:
 * the other replies of the same bytes still reach their callers.
 */
function call<A extends unknown[]>(callback: (...args: A) => void, ...args: A): void {
  try {
    callback(...args)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
