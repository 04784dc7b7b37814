/** The subset of DER that keys are written in (ITU-T X.690 §8, §10), read strictly: one encoding for each value. */

import { concat } from '@hawser/wire'
import { KeyError } from './errors.ts'

const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
} as const

/** A cursor over elements. Arrays that it returns are views. Every method throws {@link KeyError} for anything unexpected. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** A reader over the content of a SEQUENCE. */
  sequence(): DerReader {
    return new DerReader(this.#element(tags.sequence, 'SEQUENCE'))
  }

  /** An INTEGER that is not negative, as unsigned bytes without leading zeros: empty for 0. */
  unsigned(): Uint8Array {
    const content = this.#element(tags.integer, 'INTEGER')
    const [first, second] = content
    if (first === undefined || (first === 0 && second !== undefined && second < 0x80))
      throw malformed('an INTEGER is not in its shortest form')
    if (first >= 0x80) throw malformed('an INTEGER is negative')
    return first === 0 ? content.subarray(1) : content
  }

  /** A small INTEGER, such as a version. */
  small(): number {
    const bytes = this.unsigned()
    if (bytes.length > 1) throw malformed('an INTEGER is larger than a version can be')
    return bytes[0] ?? 0
  }

  /** An INTEGER from 0 to 2^32 - 1, such as a count. */
  count(): number {
    const bytes = this.unsigned()
    if (bytes.length > 4) throw malformed('an INTEGER is larger than a count can be')
    return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  }

  octetString(): Uint8Array {
    return this.#element(tags.octetString, 'OCTET STRING')
  }

  /** A BIT STRING of whole bytes. */
  bitString(): Uint8Array {
    const content = this.#element(tags.bitString, 'BIT STRING')
    if (content[0] !== 0) throw malformed('a BIT STRING is not of whole bytes')
    return content.subarray(1)
  }

  null(): void {
    if (this.#element(tags.null, 'NULL').length > 0) throw malformed('a NULL has content')
  }

  /** An OBJECT IDENTIFIER as numbers with dots. */
  oid(): string {
    const content = this.#element(tags.oid, 'OBJECT IDENTIFIER')
    if (content.length === 0 || content.length > 32)
      throw malformed('an OBJECT IDENTIFIER has a strange length')
    const numbers: number[] = []
    let number = 0
    for (const [index, byte] of content.entries()) {
      if (number === 0 && byte === 0x80) throw malformed('an OBJECT IDENTIFIER is not in its shortest form')
      number = number * 128 + (byte & 0x7f)
      if (number > 0xffffffff) throw malformed('a number of an OBJECT IDENTIFIER is too large')
      if (byte < 0x80) {
        numbers.push(number)
        number = 0
      } else if (index === content.length - 1) throw malformed('an OBJECT IDENTIFIER is cut off')
    }
    const first = numbers[0] as number
    const top = Math.min(Math.floor(first / 40), 2)
    return [top, first - 40 * top, ...numbers.slice(1)].join('.')
  }

  /** Whether the next element is an OBJECT IDENTIFIER. */
  get isOid(): boolean {
    return this.#bytes[this.#at] === tags.oid
  }

  /** Whether the next element is an INTEGER. */
  get isInteger(): boolean {
    return this.#bytes[this.#at] === tags.integer
  }

  /** The content of the element with context tag `number`, if that comes next. */
  context(number: number, o: { readonly primitive?: boolean } = {}): Uint8Array | undefined {
    const tag = (o.primitive === true ? 0x80 : 0xa0) | number
    return this.#bytes[this.#at] === tag ? this.#element(tag, `[${number}]`) : undefined
  }

  /** Throws when something is left over. */
  end(): void {
    if (this.left > 0) throw malformed(`${this.left} bytes too many`)
  }

  #element(tag: number, name: string): Uint8Array {
    if (this.left < 2) throw malformed(`it ends where ${name} is needed`)
    if (this.#bytes[this.#at] !== tag)
      throw malformed(`tag 0x${(this.#bytes[this.#at] as number).toString(16)} where ${name} is needed`)
    let length = this.#bytes[this.#at + 1] as number
    let start = this.#at + 2
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 3 || this.left < 2 + count)
        throw malformed(`the length of ${name} is malformed`)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (this.#bytes[start + i] as number)
      if (length < 0x80 || length < 256 ** (count - 1))
        throw malformed(`the length of ${name} is not in its shortest form`)
      start += count
    }
    if (length > this.#bytes.length - start)
      throw malformed(`${name} has ${length} bytes where only ${this.#bytes.length - start} are left`)
    this.#at = start + length
    return this.#bytes.subarray(start, start + length)
  }
}

function malformed(what: string): KeyError {
  return new KeyError('SSH_KEY_FORMAT', `malformed DER: ${what}`)
}

/** Writers of elements; `der.integer` takes unsigned bytes. */
export const der = {
  sequence: (...content: readonly Uint8Array[]) => element(tags.sequence, content),
  octetString: (content: Uint8Array) => element(tags.octetString, [content]),
  bitString: (content: Uint8Array) => element(tags.bitString, [Uint8Array.of(0), content]),
  null: () => element(tags.null, []),
  context: (number: number, content: Uint8Array) => element(0xa0 | number, [content]),

  integer(unsigned: Uint8Array): Uint8Array {
    let start = 0
    while (start < unsigned.length && unsigned[start] === 0) start++
    const digits = unsigned.subarray(start)
    const lead = digits.length === 0 || (digits[0] as number) >= 0x80 ? [Uint8Array.of(0)] : []
    return element(tags.integer, [...lead, digits])
  },

  oid(dotted: string): Uint8Array {
    const [top = 0, second = 0, ...others] = dotted.split('.').map(Number)
    const bytes: number[] = []
    for (const number of [top * 40 + second, ...others]) {
      const digits = [number & 0x7f]
      for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128))
        digits.unshift(0x80 | (rest & 0x7f))
      bytes.push(...digits)
    }
    return element(tags.oid, [Uint8Array.from(bytes)])
  },
} as const

function element(tag: number, content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  const head = [tag]
  if (length < 0x80) head.push(length)
  else {
    const digits: number[] = []
    for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff)
    head.push(0x80 | digits.length, ...digits)
  }
  return concat(Uint8Array.from(head), ...content)
}
