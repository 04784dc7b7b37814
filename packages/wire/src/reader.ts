/** A cursor over bytes in SSH's representations (RFC 4251 §5); every read is checked against what is there. */

import { latin1Decode, utf8Decode } from './bytes.ts'
import { ProtocolError } from './errors.ts'
import { mpintDecode } from './mpint.ts'

/** The longest name-list that is accepted, in bytes, and the most names in one. */
export const nameListLimits = { bytes: 16_384, names: 256 } as const

/**
 * Reads from the front of `bytes`. Arrays that it returns are views of the input, not copies.
 * Every method throws {@link ProtocolError} when the bytes end too early or are malformed.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  /** `what` names the thing being read, for error messages. */
  constructor(bytes: Uint8Array, what = 'data') {
    // slice() of a Buffer is a view, and who reads fields relies on it to copy.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#at
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  #take(count: number, field: string): number {
    const at = this.#at
    if (count > this.#bytes.length - at)
      throw new ProtocolError(
        `${this.#what}: ${field} needs ${count} bytes at offset ${at} where only ${this.#bytes.length - at} are left`,
        { code: 'SSH_TRUNCATED' },
      )
    this.#at = at + count
    return at
  }

  byte(): number {
    return this.#bytes[this.#take(1, 'byte')] as number
  }

  /** Any non-zero value is true (RFC 4251 §5). */
  boolean(): boolean {
    return this.#bytes[this.#take(1, 'boolean')] !== 0
  }

  uint32(): number {
    const at = this.#take(4, 'uint32')
    const b = this.#bytes
    return (
      (((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number)) >>>
      0
    )
  }

  uint64(): bigint {
    const high = this.uint32()
    return (BigInt(high) << 32n) | BigInt(this.uint32())
  }

  /** Exactly `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count, 'bytes')
    return this.#bytes.subarray(at, at + count)
  }

  string(): Uint8Array {
    const length = this.uint32()
    const at = this.#take(length, 'string')
    return this.#bytes.subarray(at, at + length)
  }

  /** A string as text; malformed UTF-8 becomes U+FFFD. */
  utf8(): string {
    return utf8Decode(this.string())
  }

  /** A string that the RFCs restrict to US-ASCII; other bytes are an error. */
  ascii(): string {
    const bytes = this.string()
    for (const byte of bytes)
      if (byte > 0x7f)
        throw new ProtocolError(`${this.#what}: byte 0x${byte.toString(16)} in a US-ASCII string`)
    return latin1Decode(bytes)
  }

  nameList(): readonly string[] {
    const start = this.#at
    const text = this.ascii()
    if (text.length > nameListLimits.bytes)
      throw new ProtocolError(
        `${this.#what}: name-list of ${text.length} bytes, the limit is ${nameListLimits.bytes}`,
        { code: 'SSH_LIMIT_NAME_LIST' },
      )
    if (text === '') return []
    const names = text.split(',')
    if (names.length > nameListLimits.names)
      throw new ProtocolError(
        `${this.#what}: name-list of ${names.length} names, the limit is ${nameListLimits.names}`,
        { code: 'SSH_LIMIT_NAME_LIST' },
      )
    if (names.includes(''))
      throw new ProtocolError(
        `${this.#what}: empty name in the name-list at offset ${start} (RFC 4251 §5 forbids it)`,
      )
    // Names are shown to people, whose terminals obey some of these. Spaces are left to those who write lists for people.
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code < 0x20 || code === 0x7f)
        throw new ProtocolError(
          `${this.#what}: byte 0x${code.toString(16)} in the name-list at offset ${start} (RFC 4251 §6 forbids control characters)`,
        )
    }
    return names
  }

  mpint(): bigint {
    return mpintDecode(this.string(), this.#what)
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    const at = this.#at
    this.#at = this.#bytes.length
    return this.#bytes.subarray(at)
  }

  /** Throws when bytes are left over. */
  end(): void {
    if (this.left > 0)
      throw new ProtocolError(`${this.#what}: ${this.left} bytes too many at offset ${this.#at}`, {
        code: 'SSH_TRAILING_BYTES',
      })
  }
}
