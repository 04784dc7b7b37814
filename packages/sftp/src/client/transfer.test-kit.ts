/** A scripted SFTP server in memory, for tests of transfers: it answers when and how the test says. */

import type { ByteChannel } from '@hawser/wire'
import { ByteQueue, Reader, Writer } from '@hawser/wire'
import { SftpStatus } from '../protocol/constants.ts'
import { type ReplyName, replies, requestByNumber, type SftpRequest } from '../protocol/messages.ts'
import { SftpLink } from './link.ts'

export type ReadRequest = Extract<SftpRequest, { readonly type: 'read' }>
export type WriteRequest = Extract<SftpRequest, { readonly type: 'write' }>

/** How a server treats requests; a file of `content` stands behind every handle. */
export interface Script {
  content?: Uint8Array
  /** Most bytes of one answer. */
  mostRead?: number
  /** Longer requests are refused with this status. */
  refuseOver?: number
  refuseWith?: number
  /** Answer only when the test calls `answer`. */
  held?: boolean
  limits?: { readonly read: number; readonly write: number }
  /** Called for every read and write before it is answered; a number is the status to answer with. */
  onRequest?: (request: ReadRequest | WriteRequest, count: number) => number | undefined
}

export class ScriptedServer {
  readonly script: Script
  /** Every read and write, in order of arrival. */
  readonly seen: (ReadRequest | WriteRequest)[] = []
  readonly #waiting: (() => void)[] = []
  readonly #input = new ByteQueue()
  readonly channel: ByteChannel
  content: Uint8Array

  constructor(script: Script) {
    this.script = script
    this.content = script.content ?? new Uint8Array(0)
    this.channel = {
      onData: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
      write: (bytes) => {
        this.#input.push(bytes.slice())
        queueMicrotask(() => this.#work())
        return true
      },
      pause: () => undefined,
      resume: () => undefined,
      end: () => queueMicrotask(() => this.channel.onClose()),
      destroy: () => queueMicrotask(() => this.channel.onClose()),
    }
  }

  /** Requests that wait for `answer`. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Answers the oldest request that waits, or the one at `at`, then lets everything that follows from it happen. */
  async answer(at = 0): Promise<void> {
    this.#waiting.splice(at, 1)[0]?.()
    await settled()
  }

  open(): Promise<SftpLink> {
    return new Promise((resolve, reject) =>
      SftpLink.open(this.channel, {}, (error, link) =>
        link === undefined ? reject(error ?? new Error('no link')) : resolve(link),
      ),
    )
  }

  #work(): void {
    for (;;) {
      const head = this.#input.peek(4)
      if (head === undefined) return
      const length = new Reader(head).uint32()
      if (this.#input.length < 4 + length) return
      this.#input.skip(4)
      this.#request(this.#input.take(length) as Uint8Array)
    }
  }

  #request(payload: Uint8Array): void {
    if (payload[0] === 1) return this.#version()
    const declared = requestByNumber.get(payload[0] as number)
    if (declared === undefined) throw new Error(`no request: ${payload[0]}`)
    const { id, ...fields } = declared.message.decode(payload) as { readonly id: number }
    const request = { type: declared.name, ...fields } as SftpRequest
    if (request.type === 'extended') return this.#limits(id)
    if (request.type !== 'read' && request.type !== 'write') return this.#status(id, SftpStatus.ok)
    this.seen.push(request)
    const answer = (): void => this.#answer(id, request)
    if (this.script.held === true) this.#waiting.push(answer)
    else answer()
  }

  #answer(id: number, request: ReadRequest | WriteRequest): void {
    const { script } = this
    const status = script.onRequest?.(request, this.seen.length)
    if (status !== undefined) return this.#status(id, status)
    const length = request.type === 'read' ? request.len : request.data.length
    if (length > (script.refuseOver ?? Infinity))
      return this.#status(id, script.refuseWith ?? SftpStatus.failure)
    const at = Number(request.offset)
    if (request.type === 'write') {
      const size = Math.max(this.content.length, at + request.data.length)
      const content = new Uint8Array(size)
      content.set(this.content)
      content.set(request.data, at)
      this.content = content
      return this.#status(id, SftpStatus.ok)
    }
    const data = this.content.subarray(at, at + Math.min(request.len, script.mostRead ?? Infinity))
    if (data.length === 0) this.#status(id, SftpStatus.eof)
    else this.#reply('data', { id, data })
  }

  #version(): void {
    const w = new Writer().byte(2).uint32(3)
    if (this.script.limits !== undefined) w.string('limits@openssh.com').string('1')
    this.#send(w.finish())
  }

  #limits(id: number): void {
    const { read, write } = this.script.limits ?? { read: 0, write: 0 }
    const w = new Writer().uint64(262_144n).uint64(BigInt(read)).uint64(BigInt(write)).uint64(0n)
    this.#reply('extendedReply', { id, data: w.finish() })
  }

  #status(id: number, code: number): void {
    this.#reply('status', { id, code, message: '', language: '' })
  }

  #reply(name: ReplyName, fields: object): void {
    this.#send(replies[name].encode(fields as never))
  }

  #send(payload: Uint8Array): void {
    this.channel.onData(new Writer().string(payload).finish())
  }
}

/** Lets everything happen that needs no time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Bytes that differ everywhere. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = x >>> 16
  }
  return bytes
}
