/** The binary packet protocol (RFC 4253 §6): framing, padding, sequence numbers; sealing and opening is the cipher's. */

import {
  type Backend,
  type Compressor,
  type Decompressor,
  MacError,
  none,
  type PacketOpener,
  type PacketSealer,
} from '@hawser/crypto'
import { type ByteQueue, noBytes, ProtocolError } from '@hawser/wire'
import { LimitError } from './errors.ts'
import { packetsPerKey } from './rekey.ts'

export const packetLimits = {
  /** Length field before the peer is authenticated (RFC 4253 §6.1). */
  beforeAuthentication: 35_000,
  /** Length field afterwards, by default (OpenSSH's limit). */
  afterAuthentication: 262_144,
} as const

/** RFC 4253 §6: at least four bytes of padding; the smallest packet is 16 bytes. */
const leastPadding = 4
const leastPacket = 16

/** What goes before the first keys: no encryption, alignment to 8 (RFC 4253 §6). */
const noKeys = { iv: noBytes, key: noBytes, macKey: noBytes }

/**
 * Where packets are framed, and put together that came in several pieces: sealers and openers keep nothing of what they are given, and
 * nothing runs in between, so that one piece of warm memory serves all connections. A connection that does nothing then holds none.
 */
let framing = new Uint8Array(16_384)
let gathering = new Uint8Array(16_384)

/** Frames payloads into packets; counts what its key has carried. */
export class PacketWriter {
  readonly #backend: Backend
  #sealer: PacketSealer
  #compressor: Compressor | undefined
  #seq: number
  #bytes = 0
  #packets = 0

  /** `seq` is the number of the first packet, `packets` what the key has carried; 0 but for tests. */
  constructor(backend: Backend, seq = 0, packets = 0) {
    this.#backend = backend
    this.#sealer = none.sealer(backend, noKeys)
    this.#seq = seq
    this.#packets = packets
  }

  /** The sequence number of the next packet. */
  get seq(): number {
    return this.#seq
  }

  /** Bytes and packets under the present key. */
  get bytes(): number {
    return this.#bytes
  }
  get packets(): number {
    return this.#packets
  }

  /** New keys (RFC 4253 §7.3); `resetSeq` for strict key exchange. */
  use(sealer: PacketSealer, compressor: Compressor | undefined, resetSeq: boolean): void {
    this.#sealer = sealer
    this.#compressor = compressor
    this.#bytes = 0
    this.#packets = 0
    if (resetSeq) this.#seq = 0
  }

  /** Starts compression in the middle of a key's life: the delayed kind, after authentication. */
  compress(compressor: Compressor): void {
    this.#compressor = compressor
  }

  /** Appends the packet for the payload `head ‖ body` to `out` and returns the bytes that it takes on the wire. */
  write(head: Uint8Array, body: Uint8Array | undefined, out: Uint8Array[]): number {
    if (this.#compressor !== undefined) {
      head = this.#compressor.compress(head, body)
      body = undefined
    }
    const sealer = this.#sealer
    const payload = head.length + (body === undefined ? 0 : body.length)
    const packet = this.#frame(head, body, payload, sealer)
    if (this.#packets >= packetsPerKey)
      throw new LimitError('packets-per-key', 'sequence numbers under one key are used up')
    sealer.seal(this.#seq, packet, out)
    this.#seq = (this.#seq + 1) >>> 0
    this.#packets++
    const size = packet.length + sealer.tagSize
    this.#bytes += size
    return size
  }

  #frame(head: Uint8Array, body: Uint8Array | undefined, payload: number, sealer: PacketSealer): Uint8Array {
    const block = sealer.blockSize
    const aligned = (sealer.clearLength ? 1 : 5) + payload
    let padding = block - (aligned % block)
    while (padding < leastPadding || 5 + payload + padding < leastPacket) padding += block
    const size = 5 + payload + padding
    if (size > framing.length) framing = new Uint8Array(roomFor(size))
    const packet = framing.subarray(0, size)
    const length = size - 4
    packet[0] = length >>> 24
    packet[1] = length >>> 16
    packet[2] = length >>> 8
    packet[3] = length
    packet[4] = padding
    packet.set(head, 5)
    if (body !== undefined) packet.set(body, 5 + head.length)
    packet.set(this.#backend.random(padding), size - padding)
    return packet
  }
}

/** Takes packets out of a queue of bytes; bounds everything before it is used; counts what its key has carried. */
export class PacketReader {
  #opener: PacketOpener
  #decompressor: Decompressor | undefined
  #limit: number = packetLimits.beforeAuthentication
  /** Of the packet being read; -1 while its head is not there yet. */
  #length = -1
  #seq: number
  #bytes = 0
  #packets = 0
  /** Bytes that are still to be dropped before a failure is told; see `hidesErrors` of the opener. */
  #discard = -1

  /** `seq` is the number of the first packet, `packets` what the key has carried; 0 but for tests. */
  constructor(backend: Backend, seq = 0, packets = 0) {
    this.#opener = none.opener(backend, noKeys)
    this.#seq = seq
    this.#packets = packets
  }

  /** The sequence number of the next packet. */
  get seq(): number {
    return this.#seq
  }

  /** Bytes and packets under the present key. */
  get bytes(): number {
    return this.#bytes
  }
  get packets(): number {
    return this.#packets
  }

  /** New keys (RFC 4253 §7.3); `resetSeq` for strict key exchange. */
  use(opener: PacketOpener, decompressor: Decompressor | undefined, resetSeq: boolean): void {
    this.#opener = opener
    this.#decompressor = decompressor
    this.#bytes = 0
    this.#packets = 0
    if (resetSeq) this.#seq = 0
  }

  /** Starts decompression in the middle of a key's life. */
  decompress(decompressor: Decompressor): void {
    this.#decompressor = decompressor
  }

  /** The largest length field that is accepted from now on. */
  set limit(bytes: number) {
    this.#limit = bytes
  }

  /**
   * The payload of the next packet, or undefined when it is not all there. Throws {@link ProtocolError}, MacError
   * and {@link LimitError} among them, and must not be used afterwards.
   */
  read(queue: ByteQueue): Uint8Array | undefined {
    const opener = this.#opener
    if (opener.hidesErrors) return this.#readHidden(queue, opener)
    return this.#readOpen(queue, opener)
  }

  /**
   * Whatever is wrong with a packet is told after as many bytes as the longest one has, and always in the same words, so that nobody
   * who changes packets can find out what their length field became.
   */
  #readHidden(queue: ByteQueue, opener: PacketOpener): Uint8Array | undefined {
    const before = queue.length
    if (this.#discard < 0)
      try {
        return this.#readOpen(queue, opener)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        this.#discard = 4 + this.#limit + opener.tagSize - (before - queue.length)
      }
    this.#discard -= queue.length
    queue.clear()
    if (this.#discard > 0) return undefined
    throw new MacError()
  }

  #readOpen(queue: ByteQueue, opener: PacketOpener): Uint8Array | undefined {
    if (this.#length < 0) {
      const head = queue.peek(opener.headSize)
      if (head === undefined) return undefined
      this.#length = this.#checkLength(opener.packetLength(this.#seq, head), opener)
    }
    const length = this.#length
    const size = 4 + length + opener.tagSize
    if (size > queue.length) return undefined
    if (gathering.length < size) gathering = new Uint8Array(roomFor(size))
    // Openers keep nothing of a packet and give nothing that is a view of it, so its memory can serve again.
    const packet = queue.take(size, gathering) as Uint8Array
    this.#length = -1
    if (this.#packets >= packetsPerKey)
      throw new LimitError('packets-per-key', 'the peer has used up the sequence numbers under one key')
    const opened = opener.open(this.#seq, packet)
    this.#seq = (this.#seq + 1) >>> 0
    this.#packets++
    this.#bytes += size
    const padding = opened[0] as number
    if (padding < leastPadding || padding > length - 2)
      throw new ProtocolError(
        `bad padding length ${padding} in a packet of length ${length}: ${leastPadding} to ${length - 2} are possible`,
      )
    const payload = opened.subarray(1, length - padding)
    return this.#decompressor === undefined ? payload : this.#inflate(this.#decompressor, payload)
  }

  #inflate(decompressor: Decompressor, payload: Uint8Array): Uint8Array {
    const inflated = decompressor.decompress(payload, this.#limit)
    if (inflated.length === 0) throw new ProtocolError('a compressed packet without a payload')
    return inflated
  }

  /** Unauthenticated for most ciphers: nothing is allocated or awaited before this. */
  #checkLength(length: number, opener: PacketOpener): number {
    const aligned = opener.clearLength ? length : length + 4
    if (length < 1 + 1 + leastPadding || aligned % opener.blockSize !== 0)
      throw new ProtocolError(
        `bad packet length ${length}: not a multiple of the block size ${opener.blockSize}, or too small`,
        { code: 'SSH_PACKET_LENGTH' },
      )
    if (length > this.#limit)
      throw new LimitError('packet-length', `bad packet length ${length}: the limit is ${this.#limit}`)
    return length
  }
}

/** Room for packets of `size` and a little more, so that it grows a few times at most. */
function roomFor(size: number): number {
  let room = 16_384
  while (room < size) room *= 2
  return room
}
