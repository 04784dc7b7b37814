/** Builds bytes in SSH's representations (RFC 4251 §5). */

import { utf8Encode } from './bytes.ts'
import { UsageError } from './errors.ts'
import { mpintEncode, mpintFromUnsigned } from './mpint.ts'

/** A growing writer; every method returns the writer itself. {@link Writer.finish} hands over what was written. */
export class Writer {
  #bytes: Uint8Array
  #at = 0

  /** `capacity` is a first guess at the size in bytes; the writer grows past it. */
  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
  }

  #room(count: number): number {
    const at = this.#at
    const need = at + count
    if (need > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
    }
    this.#at = need
    return at
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  byte(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0)
  }

  uint32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
      throw new UsageError(`${value} is not a uint32`)
    const at = this.#room(4)
    const b = this.#bytes
    b[at] = value >>> 24
    b[at + 1] = value >>> 16
    b[at + 2] = value >>> 8
    b[at + 3] = value
    return this
  }

  uint64(value: bigint): this {
    if (value < 0n || value > 0xffffffffffffffffn) throw new UsageError(`${value} is not a uint64`)
    return this.uint32(Number(value >> 32n)).uint32(Number(value & 0xffffffffn))
  }

  /** `bytes` as they are, without a length. */
  bytes(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** A length and the bytes; text is written as UTF-8. */
  string(value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? utf8Encode(value) : value
    return this.uint32(bytes.length).bytes(bytes)
  }

  nameList(names: readonly string[]): this {
    for (const name of names)
      if (name === '' || !/^[\x21-\x7e]+$/.test(name) || name.includes(','))
        throw new UsageError(`${JSON.stringify(name)} cannot stand in a name-list`)
    return this.string(names.join(','))
  }

  mpint(value: bigint): this {
    return this.string(mpintEncode(value))
  }

  /** The mpint of an unsigned big-endian number. */
  mpintBytes(unsigned: Uint8Array): this {
    return this.string(mpintFromUnsigned(unsigned))
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.length === this.#at ? this.#bytes : this.#bytes.subarray(0, this.#at)
  }
}
