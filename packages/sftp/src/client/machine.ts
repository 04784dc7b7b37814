/** The client's side of SFTP as a machine: requests go out under ids, replies come back in any order. */

import {
  ByteQueue,
  noBytes,
  ProtocolError,
  Reader,
  type Trace,
  UsageError,
  utf8Decode,
  Writer,
} from '@hawser/wire'
import { IdTable } from '../id-table.ts'
import { sftpLimits } from '../limits.ts'
import { SftpStatus, sftpVersion } from '../protocol/constants.ts'
import {
  data as dataMessage,
  type ExtensionPair,
  init,
  type ReplyName,
  replyByNumber,
  replyTo,
  requests,
  type SftpReply,
  type SftpRequest,
  version,
  write,
} from '../protocol/messages.ts'

export type SftpClientEvent =
  /** The server's first message. */
  | { readonly type: 'version'; readonly extensions: readonly ExtensionPair[] }
  | { readonly type: 'reply'; readonly id: number; readonly reply: SftpReply }
  /** A part of a read's data, in order; only for requests that asked for pieces. The reply follows, with empty data. */
  | { readonly type: 'piece'; readonly id: number; readonly data: Uint8Array }

export interface SftpClientMachineOptions {
  readonly trace?: Trace
  /** Most bytes of one packet that is read. Default: 257 KiB. */
  readonly maxPacket?: number
  /**
   * Sends the paths of a symlink in the draft's order (§6.10), the link's first. OpenSSH has them the other way round, and so have all
   * who were written to go with it; asyncssh's server takes the draft's from everybody it does not know. Default: false.
   */
  readonly linkPathFirst?: boolean
}

/** What a request's reply is to be. */
export interface RequestOptions {
  /** The reply of an extended request; `any` leaves that open. */
  readonly expects?: ReplyName | 'any'
  /**
   * Where a read's data is put when it would have to be gathered anyway; the reply tells by `data` where it is. `pieces` gives the data
   * as it comes, without a copy and without waiting for the rest.
   */
  readonly into?: Uint8Array | 'pieces'
}

interface Pending {
  readonly type: SftpRequest['type']
  /** The reply besides a status; `status` when only that may come; `any` for an extension that only its caller knows. */
  readonly expects: ReplyName | 'any'
  /** Bytes that a read asked for. */
  readonly length: number
  readonly into: Uint8Array | 'pieces' | undefined
}

/**
 * `start`, `request`, `takeOutput`; `receive`, then `poll` until it gives nothing. Ids count up from 0 and wrap at 2^32.
 * What the server sends is checked: first a version, then only replies to what was asked, of a type that the request can get,
 * and no more data than was asked for.
 */
export class SftpClientMachine {
  readonly #input = new ByteQueue()
  #output: Uint8Array[] = []
  #outputAt = 0
  readonly #pending = new IdTable<Pending>()
  readonly #trace: Trace | undefined
  readonly #maxPacket: number
  readonly #linkPathFirst: boolean
  #nextId = 0
  #state: 'new' | 'waiting' | 'ready' = 'new'
  #dead: Error | undefined
  /** The data that is being handed out in pieces. */
  #partial: { readonly id: number; left: number } | undefined

  constructor(o: SftpClientMachineOptions = {}) {
    this.#trace = o.trace
    this.#maxPacket = o.maxPacket ?? sftpLimits.packet
    this.#linkPathFirst = o.linkPathFirst ?? false
  }

  /** Requests without a reply yet. */
  get outstanding(): number {
    return this.#pending.size
  }

  /** Sends INIT (draft-ietf-secsh-filexfer-02 §4); once. */
  start(): void {
    if (this.#state !== 'new') throw new UsageError('this SFTP client was started before')
    this.#state = 'waiting'
    const writer = new Writer().uint32(0).byte(init.number)
    init.write(writer, { version: sftpVersion, extensions: [] })
    this.#send('init', init.number, writer.finish())
  }

  /**
   * Sends a request and gives its id. `data` of a write must stay unchanged until it has been sent.
   * Throws UsageError before the version came and after the server broke the protocol.
   */
  request(request: SftpRequest, o: RequestOptions = {}): number {
    if (this.#dead !== undefined)
      throw new UsageError('this SFTP server broke the protocol before', { cause: this.#dead })
    if (this.#state !== 'ready') throw new UsageError(`${request.type} before the SFTP version was agreed on`)
    const expects = replyTo[request.type] ?? o.expects
    if (expects === undefined) throw new UsageError('say which reply the extended request expects')
    const id = this.#takeId()
    if (request.type === 'write') {
      const head = new Writer(32 + request.handle.length)
      head
        .uint32(21 + request.handle.length + request.data.length)
        .byte(write.number)
        .uint32(id)
      head.string(request.handle).uint64(request.offset).uint32(request.data.length)
      this.#output.push(head.finish())
      if (request.data.length > 0) this.#output.push(request.data)
      this.#note('out', 'write', write.number, 21 + request.handle.length + request.data.length)
    } else {
      const declared = requests[request.type]
      const writer = new Writer().uint32(0).byte(declared.number)
      // The id first: behind a spread of many shapes it makes a hidden class each time, which wakes the garbage collector.
      declared.write(writer, { id, ...this.#asServerHasIt(request) } as never)
      this.#send(request.type, declared.number, writer.finish())
    }
    const length = request.type === 'read' ? request.len : 0
    this.#pending.add(id, { type: request.type, expects, length, into: o.into })
    return id
  }

  /** Stores bytes of the server, which now belong to the machine. Never throws. */
  receive(bytes: Uint8Array): void {
    if (this.#dead === undefined) this.#input.push(bytes)
  }

  /** The next event. Throws {@link ProtocolError} when the server broke the protocol, and the same again from then on. */
  poll(): SftpClientEvent | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      return this.#next()
    } catch (error) {
      this.#dead = error as Error
      this.#input.clear()
      throw error
    }
  }

  /** The next bytes for the server. */
  takeOutput(): Uint8Array | undefined {
    const next = this.#output[this.#outputAt++]
    if (next !== undefined) return next
    // Not by shift(): of a long list each would move all the rest.
    this.#output = []
    this.#outputAt = 0
    return undefined
  }

  #next(): SftpClientEvent | undefined {
    if (this.#partial !== undefined) return this.#piece(this.#partial)
    const head = this.#input.peek(4)
    if (head === undefined) return undefined
    const length = new Reader(head).uint32()
    if (length === 0 || length > this.#maxPacket) throw this.#badLength(length)
    if (this.#input.length < 4 + length && !this.#inPieces(length)) return undefined
    this.#input.skip(4)
    const number = (this.#input.peek(1) as Uint8Array)[0] as number
    if (number === dataMessage.number && length >= dataHead && this.#state === 'ready')
      return this.#data(length)
    const payload = this.#input.take(length) as Uint8Array
    return this.#state === 'ready' ? this.#reply(number, payload) : this.#version(number, payload)
  }

  #version(number: number, payload: Uint8Array): SftpClientEvent {
    this.#note('in', number === version.number ? 'version' : String(number), number, payload.length)
    if (this.#state === 'new') throw new ProtocolError(`SFTP message ${number} before our INIT`)
    if (number !== version.number)
      throw new ProtocolError(
        `SFTP message ${number} where the server's VERSION (${version.number}) was expected`,
      )
    const { version: theirs, extensions } = version.decode(payload)
    if (theirs !== sftpVersion)
      throw new ProtocolError(
        `the server speaks SFTP version ${theirs}; this client speaks version ${sftpVersion} and nothing else`,
        { code: 'SSH_SFTP_VERSION' },
      )
    this.#state = 'ready'
    return { type: 'version', extensions }
  }

  #reply(number: number, payload: Uint8Array): SftpClientEvent {
    const declared = replyByNumber.get(number)
    this.#note('in', declared?.name ?? String(number), number, payload.length)
    if (declared === undefined)
      throw new ProtocolError(
        `SFTP message ${number} from the server, which is no reply (draft-ietf-secsh-filexfer-02 §3)`,
      )
    const { id, ...fields } = declared.message.decode(payload)
    const pending = this.#settle(id)
    const reply = { type: declared.name, ...fields } as SftpReply
    checkReply(pending, reply)
    return { type: 'reply', id, reply }
  }

  /** A DATA reply, the one that carries the bulk: its data is copied only where it crosses chunks, and then into the reader's memory. */
  #data(length: number): SftpClientEvent | undefined {
    this.#note('in', 'data', dataMessage.number, length)
    const head = new Reader(this.#input.take(dataHead) as Uint8Array, 'data')
    head.byte()
    const id = head.uint32()
    const size = head.uint32()
    if (size !== length - dataHead)
      throw new ProtocolError(`a data reply of ${length} bytes that says it has ${size} bytes of data`)
    const pending = this.#asked(id)
    if (pending.expects !== 'data' && pending.expects !== 'any') throw wrongReply(pending, 'data')
    if (size > pending.length && pending.expects === 'data')
      throw new ProtocolError(`${size} bytes of data in reply to a read of ${pending.length}`, {
        code: 'SSH_SFTP_DATA_TOO_LONG',
      })
    if (pending.into === 'pieces' && size > 0) {
      this.#partial = { id, left: size }
      return this.#next()
    }
    this.#pending.delete(id)
    // "No bytes" again and again would be asked for ever: it is the end, as for OpenSSH's client.
    if (size === 0 && pending.length > 0) return { type: 'reply', id, reply: endOfFile }
    const into = pending.into === 'pieces' ? undefined : pending.into
    const data = size === 0 ? noBytes : (this.#input.take(size, into) as Uint8Array)
    return { type: 'reply', id, reply: { type: 'data', data } }
  }

  /** Whether the packet that has begun is data which somebody takes in pieces. */
  #inPieces(length: number): boolean {
    if (this.#state !== 'ready' || length < dataHead) return false
    const head = this.#input.peek(4 + dataHead)
    if (head?.[4] !== dataMessage.number) return false
    const id = new Reader(head.subarray(5)).uint32()
    return this.#pending.get(id)?.into === 'pieces'
  }

  #piece(partial: { readonly id: number; left: number }): SftpClientEvent | undefined {
    const { id } = partial
    if (partial.left === 0) {
      this.#partial = undefined
      this.#pending.delete(id)
      return { type: 'reply', id, reply: { type: 'data', data: noBytes } }
    }
    const data = this.#input.takePiece(partial.left)
    if (data === undefined) return undefined
    partial.left -= data.length
    return { type: 'piece', id, data }
  }

  #asServerHasIt(request: SftpRequest): SftpRequest {
    if (request.type !== 'symlink' || !this.#linkPathFirst) return request
    return { type: 'symlink', targetpath: request.linkpath, linkpath: request.targetpath }
  }

  #settle(id: number): Pending {
    const pending = this.#asked(id)
    this.#pending.delete(id)
    return pending
  }

  #asked(id: number): Pending {
    const pending = this.#pending.get(id)
    if (pending === undefined)
      throw new ProtocolError(`a reply to the SFTP request ${id}, which is not waiting for one`, {
        code: 'SSH_SFTP_UNKNOWN_ID',
      })
    return pending
  }

  #takeId(): number {
    // After 2^32 requests an old one may still be waiting.
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0
    const id = this.#nextId
    this.#nextId = (id + 1) >>> 0
    return id
  }

  /** `packet` has room for its length in front. */
  #send(name: string, number: number, packet: Uint8Array): void {
    const length = packet.length - 4
    for (let at = 0; at < 4; at++) packet[at] = length >>> (24 - 8 * at)
    this.#output.push(packet)
    this.#note('out', name, number, length)
  }

  #note(direction: 'in' | 'out', name: string, number: number, size: number): void {
    this.#trace?.({ layer: 'sftp', type: 'message', direction, name, number, size })
  }

  /** Text in place of the first packet is what a login script of the server prints. */
  #badLength(length: number): ProtocolError {
    const first = this.#input.peek(Math.min(this.#input.length, 80)) as Uint8Array
    if (
      this.#state !== 'ready' &&
      first.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))
    )
      return new ProtocolError(
        `the server sent the text ${JSON.stringify(utf8Decode(first))} where SFTP was expected: ` +
          'a start-up file of its shell prints something, or the program is no SFTP server',
        { code: 'SSH_SFTP_NOT_SFTP' },
      )
    return new ProtocolError(`an SFTP packet of ${length} bytes; 1 to ${this.#maxPacket} are possible`, {
      code: 'SSH_LIMIT_SFTP_PACKET',
    })
  }
}

/** Bytes in front of the data of a DATA reply: number, id, length. */
const dataHead = 9

const endOfFile: SftpReply = { type: 'status', code: SftpStatus.eof, message: 'no data', language: '' }

function checkReply(pending: Pending, reply: SftpReply): void {
  if (pending.expects === 'any') return
  if (reply.type === 'status') {
    if (reply.code === 0 && pending.expects !== 'status') throw wrongReply(pending, 'status OK')
    return
  }
  if (reply.type !== pending.expects) throw wrongReply(pending, reply.type)
  if (reply.type === 'handle' && reply.handle.length > sftpLimits.handle)
    throw new ProtocolError(
      `a handle of ${reply.handle.length} bytes; the most is ${sftpLimits.handle} (draft-ietf-secsh-filexfer-02 §6.3)`,
      { code: 'SSH_LIMIT_SFTP_HANDLE' },
    )
  if (reply.type === 'name' && pending.type !== 'readdir' && reply.names.length !== 1)
    throw new ProtocolError(
      `${reply.names.length} names in reply to ${pending.type}, which is answered with one`,
    )
}

function wrongReply(pending: Pending, got: string): ProtocolError {
  return new ProtocolError(`${got} in reply to ${pending.type}, which is answered by ${pending.expects}`, {
    code: 'SSH_SFTP_WRONG_REPLY',
  })
}
