/** The sending direction: what is framed and waits to be taken, and what a key exchange holds back. */

import type { Backend, CompressionAlgorithm, PacketSealer } from '@hawser/crypto'
import { LimitError } from './errors.ts'
import { PacketWriter } from './packet.ts'

/** What may wait for the end of a key exchange. */
export const heldLimits = { messages: 64, bytes: 1_048_576 } as const

interface Held {
  readonly head: Uint8Array
  readonly body: Uint8Array | undefined
}

const userauthSuccess = 52

/** Frames messages at once or later, in order; the transport says which. */
export class Outgoing {
  readonly #writer: PacketWriter
  #chunks: Uint8Array[] = []
  #at = 0
  #waiting = 0
  #held: Held[] = []
  #heldBytes = 0
  /** Compression that starts after SUCCESS. */
  #delayed: CompressionAlgorithm | undefined

  constructor(backend: Backend) {
    this.#writer = new PacketWriter(backend)
  }

  /** Bytes that were not taken yet or are held back. */
  get queued(): number {
    return this.#waiting + this.#heldBytes
  }

  /** What the present key has carried. */
  get used(): { readonly bytes: number; readonly packets: number } {
    return this.#writer
  }

  /** The sequence number of the next packet. */
  get seq(): number {
    return this.#writer.seq
  }

  take(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#at]
    if (chunk === undefined) return undefined
    this.#at++
    this.#waiting -= chunk.length
    if (this.#at === this.#chunks.length) {
      this.#chunks = []
      this.#at = 0
    }
    return chunk
  }

  /** Bytes that are no packet: greeting and identification. */
  raw(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#waiting += bytes.length
  }

  write(head: Uint8Array, body?: Uint8Array): void {
    this.#waiting += this.#writer.write(head, body, this.#chunks)
  }

  /** Keeps a message until {@link release}. Throws {@link LimitError} when too many wait. */
  hold(head: Uint8Array, body?: Uint8Array): void {
    const size = head.length + (body === undefined ? 0 : body.length)
    if (this.#held.length >= heldLimits.messages || this.#heldBytes + size > heldLimits.bytes)
      throw new LimitError(
        'kex-queue',
        `more than ${heldLimits.messages} messages or ${heldLimits.bytes} bytes wait for the end of a key exchange`,
      )
    this.#held.push({ head, body })
    this.#heldBytes += size
  }

  /**
   * New keys. Delayed compression starts with them when `authenticated`,
   * unless SUCCESS itself is still held back: the peer starts only when it has read that.
   */
  use(
    sealer: PacketSealer,
    compression: CompressionAlgorithm,
    authenticated: boolean,
    resetSeq: boolean,
  ): void {
    const starts =
      !compression.delayed || (authenticated && !this.#held.some(({ head }) => head[0] === userauthSuccess))
    this.#delayed = starts ? undefined : compression
    this.#writer.use(sealer, starts ? compression.compressor?.() : undefined, resetSeq)
  }

  /** Starts delayed compression with the next packet; SUCCESS has gone out, or come in. */
  compress(): void {
    const compressor = this.#delayed?.compressor?.()
    this.#delayed = undefined
    if (compressor !== undefined) this.#writer.compress(compressor)
  }

  /** Sends what was held back. */
  release(authenticated: boolean): void {
    const held = this.#held
    this.forget()
    for (const { head, body } of held) {
      this.write(head, body)
      if (authenticated && head[0] === userauthSuccess) this.compress()
    }
  }

  /** Drops what is held back. */
  forget(): void {
    this.#held = []
    this.#heldBytes = 0
  }
}
