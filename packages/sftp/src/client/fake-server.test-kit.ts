/** A server in memory that says what a test wants, also what no server may say. */

import type { ByteChannel } from '@hawser/wire'
import { ByteQueue, Reader, utf8Encode, Writer } from '@hawser/wire'
import { type ExtensionName, extensions as known } from '../protocol/extensions.ts'
import {
  type ReplyName,
  replies,
  requestByNumber,
  type SftpReply,
  type SftpRequest,
} from '../protocol/messages.ts'
import type { SftpClient } from './client.ts'
import { SftpLink } from './link.ts'
import { openSftp } from './open.ts'

/** Answers a request: with replies, with bytes as they are, or not at all (later, by `FakeServer.send`). */
export type Answer = (
  request: SftpRequest,
  id: number,
  server: FakeServer,
) => SftpReply | Uint8Array | undefined

export const ok: SftpReply = { type: 'status', code: 0, message: '', language: '' }
export const eof: SftpReply = { type: 'status', code: 1, message: 'End of file', language: '' }
export const handle: SftpReply = { type: 'handle', handle: utf8Encode('h') }

export function status(code: number, message = ''): SftpReply {
  return { type: 'status', code, message, language: '' }
}

export function names(...list: readonly (string | Uint8Array)[]): SftpReply {
  const bytes = (name: string | Uint8Array): Uint8Array =>
    typeof name === 'string' ? utf8Encode(name) : name
  return {
    type: 'name',
    names: list.map((name) => ({
      filename: bytes(name),
      longname: utf8Encode('-rw-r--r-- a line'),
      attrs: { permissions: 0o100644, size: 5n },
    })),
  }
}

/** A reply as a packet. */
export function packet(id: number, { type, ...fields }: SftpReply): Uint8Array {
  return framed(replies[type as ReplyName].encode({ ...fields, id } as never))
}

export function framed(payload: Uint8Array): Uint8Array {
  return new Writer().string(payload).finish()
}

export function version(...extensions: readonly ExtensionName[]): Uint8Array {
  const w = new Writer().byte(2).uint32(3)
  for (const name of extensions) w.string(known[name].name).string(known[name].version)
  return framed(w.finish())
}

export class FakeServer {
  /** Every request, in order of arrival, without INIT. */
  readonly seen: SftpRequest[] = []
  /** What the client's side of the channel was told. */
  ended = false
  destroyed = false
  /** What `write` gives: false says that the channel is full. */
  room = true
  readonly channel: ByteChannel
  readonly #input = new ByteQueue()
  readonly #answer: Answer
  readonly #version: Uint8Array

  constructor(answer: Answer, firstWords: Uint8Array = version()) {
    this.#answer = answer
    this.#version = firstWords
    this.channel = {
      onData: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
      write: (bytes) => {
        this.#input.push(bytes.slice())
        queueMicrotask(() => this.#work())
        return this.room
      },
      pause: () => undefined,
      resume: () => undefined,
      end: () => {
        this.ended = true
        queueMicrotask(() => this.channel.onClose())
      },
      destroy: () => {
        this.destroyed = true
      },
    }
  }

  send(bytes: Uint8Array): void {
    this.channel.onData(bytes)
  }

  open(): Promise<SftpClient> {
    return openSftp(this.channel)
  }

  /** The link alone. */
  link(): Promise<SftpLink> {
    return new Promise((resolve, reject) => {
      SftpLink.open(this.channel, {}, (error, link) =>
        link === undefined ? reject(error ?? new Error('no link')) : resolve(link),
      )
    })
  }

  /** The types of the requests that came. */
  get types(): string[] {
    return this.seen.map((request) => (request.type === 'extended' ? request.request : request.type))
  }

  #work(): void {
    for (;;) {
      const head = this.#input.peek(4)
      const length = head === undefined ? Infinity : new Reader(head).uint32()
      if (this.#input.length < 4 + length) return
      this.#input.skip(4)
      this.#request(this.#input.take(length) as Uint8Array)
    }
  }

  #request(payload: Uint8Array): void {
    if (payload[0] === 1) return this.send(this.#version)
    const declared = requestByNumber.get(payload[0] as number)
    if (declared === undefined) throw new Error(`no request: ${payload[0]}`)
    const { id, ...fields } = declared.message.decode(payload) as { readonly id: number }
    const request = { type: declared.name, ...fields } as SftpRequest
    this.seen.push(request)
    const reply = this.#answer(request, id, this)
    if (reply !== undefined) this.send(reply instanceof Uint8Array ? reply : packet(id, reply))
  }
}

/** Lets everything happen that needs no time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
