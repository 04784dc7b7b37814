/** The server's side of SFTP as a machine: requests come in, each is answered once, in any order. */

import { ByteQueue, ProtocolError, Reader, type Trace, UsageError, Writer } from '@hawser/wire'
import { sftpLimits } from '../limits.ts'
import { SftpStatus, sftpVersion } from '../protocol/constants.ts'
import { extensionByWireName, extensions } from '../protocol/extensions.ts'
import {
  data as dataMessage,
  type ExtensionPair,
  init,
  type ReplyName,
  replies,
  replyTo,
  requestByNumber,
  type SftpReply,
  type SftpRequest,
  status,
  version,
  write,
} from '../protocol/messages.ts'

export type SftpServerEvent =
  /** The client's first message; it has been answered already. */
  | { readonly type: 'init'; readonly version: number; readonly extensions: readonly ExtensionPair[] }
  | { readonly type: 'request'; readonly id: number; readonly request: SftpRequest }

export interface SftpServerMachineOptions {
  /** What VERSION announces: names of extensions, each with its version or other data. Default: none. */
  readonly extensions?: readonly ExtensionPair[]
  /** Most bytes of one packet that is read. Default: 257 KiB. */
  readonly maxPacket?: number
  /** Most requests without an answer; more are left unread. Default: 1,024. */
  readonly maxOutstanding?: number
  /**
   * Offers memory of at least so many bytes for a write. One that arrived in pieces is gathered there: its `data` is then a view of
   * it. One that did not leaves it untouched. Default: new memory for each that is gathered.
   */
  readonly gather?: (bytes: number) => Uint8Array
  readonly trace?: Trace
}

/** What may answer a request besides a status that is not OK. */
interface Outstanding {
  readonly type: string
  /** Undefined for an extended request that is not in our table: anything may answer it. */
  readonly expects: ReplyName | undefined
}

/**
 * `receive`, then `poll` until it gives nothing; `reply` to each request once; `takeOutput` until it gives nothing.
 * The version exchange, requests with unknown numbers (opUnsupported) and requests that cannot be decoded (badMessage) are answered
 * here. While {@link SftpServerMachine.paused}, `poll` gives nothing: stop reading, and poll again after the next reply.
 */
export class SftpServerMachine {
  readonly #input = new ByteQueue()
  readonly #output: Uint8Array[] = []
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #extensions: readonly ExtensionPair[]
  readonly #maxPacket: number
  readonly #maxOutstanding: number
  readonly #gather: ((bytes: number) => Uint8Array) | undefined
  readonly #trace: Trace | undefined
  #ready = false
  #dead: Error | undefined

  constructor(o: SftpServerMachineOptions = {}) {
    this.#extensions = o.extensions ?? []
    this.#maxPacket = o.maxPacket ?? sftpLimits.packet
    this.#maxOutstanding = o.maxOutstanding ?? sftpLimits.queuedRequests
    this.#gather = o.gather
    this.#trace = o.trace
  }

  /** Requests without an answer yet. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Whether so many requests wait for an answer that no more are taken. */
  get paused(): boolean {
    return this.#outstanding.size >= this.#maxOutstanding
  }

  /** Bytes received that are no part of any event yet. */
  get buffered(): number {
    return this.#input.length
  }

  /** Stores bytes of the client, which now belong to the machine. Never throws. */
  receive(bytes: Uint8Array): void {
    if (this.#dead === undefined) this.#input.push(bytes)
  }

  /**
   * The next event. Throws {@link ProtocolError} when the client broke the protocol, and the same again from then on.
   * The bytes in a request are views of what was received, or of `gather`'s memory.
   */
  poll(): SftpServerEvent | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      return this.#next()
    } catch (error) {
      this.#dead = error as Error
      this.#input.clear()
      throw error
    }
  }

  /** The next bytes for the client. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.shift()
  }

  /**
   * Answers the request `id`. `data` of a data reply is not copied and must stay unchanged.
   * Throws UsageError, and leaves the request unanswered, when the request has been answered or never came, when the reply is of a type
   * that does not answer it, and when it cannot be encoded. How much data a read asked for is for the caller to keep.
   */
  reply(id: number, reply: SftpReply): void {
    const asked = this.#outstanding.get(id)
    if (asked === undefined)
      throw new UsageError(`a reply to the SFTP request ${id}, which is not waiting for one`, {
        code: 'SSH_SFTP_UNKNOWN_ID',
      })
    checkReply(asked, reply)
    if (reply.type === 'data') {
      const length = 9 + reply.data.length
      this.#output.push(
        new Writer(13).uint32(length).byte(dataMessage.number).uint32(id).uint32(reply.data.length).finish(),
      )
      if (reply.data.length > 0) this.#output.push(reply.data)
      this.#note('out', 'data', dataMessage.number, length)
    } else {
      const declared = replies[reply.type]
      this.#send(reply.type, declared.number, declared.encode({ id, ...reply } as never))
    }
    this.#outstanding.delete(id)
  }

  #next(): SftpServerEvent | undefined {
    while (!this.paused) {
      const head = this.#input.peek(4)
      if (head === undefined) return undefined
      const length = new Reader(head).uint32()
      if (length === 0 || length > this.#maxPacket)
        throw new ProtocolError(
          `an SFTP packet of ${length} bytes from the client; 1 to ${this.#maxPacket} are possible`,
          { code: 'SSH_LIMIT_SFTP_PACKET' },
        )
      if (this.#input.length < 4 + length) return undefined
      this.#input.skip(4)
      const event = this.#packet(length)
      if (event !== undefined) return event
    }
    return undefined
  }

  /** One whole packet; undefined when it was answered here. */
  #packet(length: number): SftpServerEvent | undefined {
    const number = (this.#input.peek(1) as Uint8Array)[0] as number
    const scratch = number === write.number && length > gatherFrom ? this.#gather?.(length) : undefined
    const payload = this.#input.take(length, scratch) as Uint8Array
    if (!this.#ready) return this.#init(number, payload)
    const declared = requestByNumber.get(number)
    this.#note('in', declared?.name ?? String(number), number, length)
    if (number === init.number)
      throw new ProtocolError('a second SFTP INIT (draft-ietf-secsh-filexfer-02 §4 has one)')
    if (length < 5)
      throw new ProtocolError(`the SFTP message ${number} of ${length} bytes has no room for its id`, {
        code: 'SSH_TRUNCATED',
      })
    const id = new Reader(payload.subarray(1, 5)).uint32()
    if (this.#outstanding.has(id))
      throw new ProtocolError(`the SFTP request ${id} came again before it was answered`, {
        code: 'SSH_SFTP_DUPLICATE_ID',
      })
    if (declared === undefined) {
      this.#status(id, SftpStatus.opUnsupported, `message ${number} is no request of SFTP version 3`)
      return undefined
    }
    const fields = decoded(() => declared.message.decode(payload))
    if (fields instanceof ProtocolError) {
      this.#status(id, SftpStatus.badMessage, fields.message)
      return undefined
    }
    const { id: _, ...rest } = fields
    const request = { type: declared.name, ...rest } as SftpRequest
    this.#outstanding.set(id, { type: request.type, expects: expectedReply(request) })
    return { type: 'request', id, request }
  }

  #init(number: number, payload: Uint8Array): SftpServerEvent {
    this.#note('in', number === init.number ? 'init' : String(number), number, payload.length)
    if (number !== init.number)
      throw new ProtocolError(
        `SFTP message ${number} where the client's INIT (${init.number}) was expected (draft-ietf-secsh-filexfer-02 §4)`,
      )
    const theirs = init.decode(payload)
    this.#ready = true
    // A client of another version learns from this one that nothing is common, and leaves; OpenSSH's server does the same.
    this.#send(
      'version',
      version.number,
      version.encode({ version: sftpVersion, extensions: this.#extensions }),
    )
    return { type: 'init', ...theirs }
  }

  #status(id: number, code: number, message: string): void {
    this.#send('status', status.number, status.encode({ id, code, message, language: '' }))
  }

  #send(name: string, number: number, payload: Uint8Array): void {
    this.#output.push(new Writer(4 + payload.length).string(payload).finish())
    this.#note('out', name, number, payload.length)
  }

  #note(direction: 'in' | 'out', name: string, number: number, size: number): void {
    this.#trace?.({ layer: 'sftp', type: 'message', direction, name, number, size })
  }
}

/** Writes of up to so many bytes are gathered in new memory: it costs less than keeping account of it. */
const gatherFrom = 8 * 1024

function decoded<T>(decode: () => T): T | ProtocolError {
  try {
    return decode()
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

function expectedReply(request: SftpRequest): ReplyName | undefined {
  if (request.type !== 'extended') return replyTo[request.type]
  const known = extensionByWireName.get(request.request)
  return known === undefined ? undefined : extensions[known].reply
}

function checkReply(asked: Outstanding, reply: SftpReply): void {
  if (reply.type === 'status') {
    if (reply.code === SftpStatus.ok && asked.expects !== undefined && asked.expects !== 'status')
      throw new UsageError(`status OK in reply to ${asked.type}, which is answered by ${asked.expects}`)
    return
  }
  if (asked.expects !== undefined && reply.type !== asked.expects)
    throw new UsageError(`${reply.type} in reply to ${asked.type}, which is answered by ${asked.expects}`)
  if (reply.type === 'handle' && (reply.handle.length === 0 || reply.handle.length > sftpLimits.handle))
    throw new UsageError(
      `a handle of ${reply.handle.length} bytes; 1 to ${sftpLimits.handle} are possible (draft-ietf-secsh-filexfer-02 §6.3)`,
    )
  if (reply.type === 'name' && (asked.type === 'realpath' || asked.type === 'readlink'))
    if (reply.names.length !== 1)
      throw new UsageError(
        `${reply.names.length} names in reply to ${asked.type}, which is answered with one`,
      )
}
