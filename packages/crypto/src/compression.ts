/** The compressions by their SSH names (RFC 4253 §6.2): zlib streams (RFC 1950) that are flushed after each packet. */

import { concat, SshError } from '@hawser/wire'
import {
  Z_BUF_ERROR,
  Z_NEED_DICT,
  Z_NO_FLUSH,
  Z_OK,
  Z_PARTIAL_FLUSH,
  Z_STREAM_END,
  Z_SYNC_FLUSH,
  ZStream,
  zlibDeflate,
  zlibDeflateInit,
  zlibInflate,
  zlibInflateInit,
} from '#zlib'
import type { CompressionAlgorithm, Compressor, Decompressor } from './algorithm.ts'
import { CompressionError } from './errors.ts'

/** Zlib's own default. */
const level = 6

/** Bytes that a piece of output memory holds: what comes of the usual packet, with 32 KiB of data. */
const pieceSize = 36_864

class Deflater implements Compressor {
  readonly #stream = new ZStream()
  #out = new Uint8Array(pieceSize)

  constructor() {
    zlibDeflateInit(this.#stream, level)
  }

  compress(head: Uint8Array, body?: Uint8Array): Uint8Array {
    this.#stream.output = this.#out
    this.#stream.next_out = 0
    this.#stream.avail_out = this.#out.length
    if (body === undefined) this.#deflate(head, Z_PARTIAL_FLUSH)
    else {
      this.#deflate(head, Z_NO_FLUSH)
      this.#deflate(body, Z_PARTIAL_FLUSH)
    }
    return this.#out.subarray(0, this.#stream.next_out)
  }

  #deflate(bytes: Uint8Array, flush: typeof Z_NO_FLUSH | typeof Z_PARTIAL_FLUSH): void {
    const stream = this.#stream
    stream.input = bytes
    stream.next_in = 0
    stream.avail_in = bytes.length
    while (true) {
      const status = zlibDeflate(stream, flush)
      // Nothing to do is no fault: all had gone out before.
      if (status !== Z_OK && status !== Z_BUF_ERROR)
        throw new SshError('SSH_COMPRESSION_FAILED', `zlib cannot compress: status ${status}`)
      // Room that is left says that nothing waits in the stream.
      if (stream.avail_out > 0) return
      const more = new Uint8Array(this.#out.length * 2)
      more.set(this.#out)
      stream.output = this.#out = more
      stream.avail_out = more.length - stream.next_out
    }
  }
}

class Inflater implements Decompressor {
  readonly #stream = new ZStream()
  /** Where pieces are inflated to; what is given out is copied from it. */
  readonly #piece = new Uint8Array(pieceSize)
  #broken = false

  constructor() {
    zlibInflateInit(this.#stream)
  }

  decompress(payload: Uint8Array, limit: number): Uint8Array {
    if (this.#broken) throw new CompressionError('a zlib stream goes on after it broke')
    // Until the end is reached, so that no way out leaves a broken stream usable.
    this.#broken = true
    const stream = this.#stream
    stream.input = payload
    stream.next_in = 0
    stream.avail_in = payload.length
    const pieces: Uint8Array[] = []
    let length = 0
    do {
      stream.output = this.#piece
      stream.next_out = 0
      // One byte more than may come is enough to know that too many do.
      stream.avail_out = Math.min(this.#piece.length, limit + 1 - length)
      check(zlibInflate(stream, Z_SYNC_FLUSH), stream)
      length += stream.next_out
      if (length > limit)
        throw new CompressionError(
          `a packet of ${payload.length} bytes inflates to more than ${limit} bytes`,
          'SSH_LIMIT_DECOMPRESSED',
        )
      if (stream.next_out > 0) pieces.push(this.#piece.slice(0, stream.next_out))
    } while (stream.avail_out === 0)
    if (stream.avail_in > 0)
      throw new CompressionError(`${stream.avail_in} bytes of a compressed packet belong to nothing`)
    this.#broken = false
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : concat(...pieces)
  }
}

function check(status: number, stream: ZStream): void {
  // A buffer error says that all had been inflated before: not a fault.
  if (status === Z_OK || status === Z_BUF_ERROR) return
  if (status === Z_STREAM_END)
    throw new CompressionError('a zlib stream ends, which it must not before the connection or its keys do')
  if (status === Z_NEED_DICT)
    throw new CompressionError('a zlib stream wants a preset dictionary, which SSH has none of')
  throw new CompressionError(`broken zlib stream: ${stream.msg || `status ${status}`}`)
}

const streams = {
  compressor: (): Compressor => new Deflater(),
  decompressor: (): Decompressor => new Inflater(),
}

/** In order of preference; a new one is a row here. */
export const compressions: readonly CompressionAlgorithm[] = Object.freeze([
  Object.freeze({ name: 'none', delayed: false }),
  /** From draft-miller-secsh-compression-delayed: nothing is inflated for a peer that has not logged in. */
  Object.freeze({ name: 'zlib@openssh.com', delayed: true, ...streams }),
  /** Lets everybody who can connect reach the inflater, and the length of packets tell about passwords. */
  Object.freeze({ name: 'zlib', delayed: false, insecure: true as const, ...streams }),
])
