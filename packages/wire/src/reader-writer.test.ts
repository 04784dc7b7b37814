import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexDecode, hexEncode } from './bytes.ts'
import { ProtocolError, UsageError } from './errors.ts'
import { nameListLimits, Reader } from './reader.ts'
import { Writer } from './writer.ts'

const hex = (text: string): Uint8Array => hexDecode(text.replaceAll(' ', '')) as Uint8Array

describe('representations', () => {
  test.each<[string, (w: Writer) => Writer, string, (r: Reader) => unknown, unknown]>([
    ['byte', (w) => w.byte(0xfe), 'fe', (r) => r.byte(), 0xfe],
    ['boolean false', (w) => w.boolean(false), '00', (r) => r.boolean(), false],
    ['boolean true', (w) => w.boolean(true), '01', (r) => r.boolean(), true],
    ['uint32, the example of RFC 4251', (w) => w.uint32(699921578), '29b7f4aa', (r) => r.uint32(), 699921578],
    ['uint32 at its end', (w) => w.uint32(0xffffffff), 'ffffffff', (r) => r.uint32(), 0xffffffff],
    [
      'uint64',
      (w) => w.uint64(0x0102030405060708n),
      '0102030405060708',
      (r) => r.uint64(),
      0x0102030405060708n,
    ],
    [
      'uint64 at its end',
      (w) => w.uint64(0xffffffffffffffffn),
      'ffffffffffffffff',
      (r) => r.uint64(),
      0xffffffffffffffffn,
    ],
    [
      'string, the example of RFC 4251',
      (w) => w.string('testing'),
      '00000007 74657374696e67',
      (r) => r.utf8(),
      'testing',
    ],
    ['string, empty', (w) => w.string(new Uint8Array(0)), '00000000', (r) => r.utf8(), ''],
    ['string of UTF-8', (w) => w.string('ü€'), '00000005 c3bce282ac', (r) => r.utf8(), 'ü€'],
    ['name-list, empty', (w) => w.nameList([]), '00000000', (r) => r.nameList(), []],
    ['name-list of one', (w) => w.nameList(['zlib']), '00000004 7a6c6962', (r) => r.nameList(), ['zlib']],
    [
      'name-list of two',
      (w) => w.nameList(['zlib', 'none']),
      '00000009 7a6c69622c6e6f6e65',
      (r) => r.nameList(),
      ['zlib', 'none'],
    ],
    ['mpint 0', (w) => w.mpint(0n), '00000000', (r) => r.mpint(), 0n],
    [
      'mpint 9a378f9b2e332a7',
      (w) => w.mpint(0x9a378f9b2e332a7n),
      '00000008 09a378f9b2e332a7',
      (r) => r.mpint(),
      0x9a378f9b2e332a7n,
    ],
    ['mpint 80', (w) => w.mpint(0x80n), '00000002 0080', (r) => r.mpint(), 0x80n],
    ['mpint -1234', (w) => w.mpint(-0x1234n), '00000002 edcc', (r) => r.mpint(), -0x1234n],
    ['mpint -deadbeef', (w) => w.mpint(-0xdeadbeefn), '00000005 ff21524111', (r) => r.mpint(), -0xdeadbeefn],
    ['mpint -128', (w) => w.mpint(-128n), '00000001 80', (r) => r.mpint(), -128n],
    ['mpint of unsigned bytes', (w) => w.mpintBytes(hex('0000ff')), '00000002 00ff', (r) => r.mpint(), 0xffn],
  ])('%s', (_name, write, bytes, read, value) => {
    expect(hexEncode(write(new Writer(1)).finish())).toBe(bytes.replaceAll(' ', ''))
    const reader = new Reader(hex(bytes))
    expect(read(reader)).toEqual(value)
    expect(reader.left).toBe(0)
    reader.end()
  })

  test('any non-zero boolean is true (RFC 4251 §5)', () => {
    expect(new Reader(hex('80')).boolean()).toBe(true)
  })

  test('strings and bytes are views of the input, not copies', () => {
    const input = hex('00000002 abcd 01')
    const view = new Reader(input).string()
    input[4] = 0xff
    expect(hexEncode(view)).toBe('ffcd')
  })

  test('offset, left and rest say where the reader is', () => {
    const reader = new Reader(hex('01 02 03 04 05'))
    reader.byte()
    expect([reader.offset, reader.left]).toEqual([1, 4])
    expect(hexEncode(reader.rest())).toBe('02030405')
    expect([reader.offset, reader.left]).toEqual([5, 0])
    expect(reader.rest().length).toBe(0)
  })
})

describe('a reader refuses', () => {
  test.each<[string, string, (r: Reader) => unknown, RegExp, string]>([
    [
      'a byte that is not there',
      '',
      (r) => r.byte(),
      /byte needs 1 bytes at offset 0 where only 0 are left/,
      'SSH_TRUNCATED',
    ],
    [
      'half a uint32',
      '0102',
      (r) => r.uint32(),
      /uint32 needs 4 bytes at offset 0 where only 2/,
      'SSH_TRUNCATED',
    ],
    [
      'half a uint64',
      '0102030405',
      (r) => r.uint64(),
      /uint32 needs 4 bytes at offset 4 where only 1/,
      'SSH_TRUNCATED',
    ],
    [
      'a string that is longer than the data',
      '00000005 61',
      (r) => r.string(),
      /string needs 5 bytes at offset 4 where only 1/,
      'SSH_TRUNCATED',
    ],
    ['a string of 4 GiB', 'ffffffff 61', (r) => r.string(), /string needs 4294967295 bytes/, 'SSH_TRUNCATED'],
    ['more bytes than there are', '01', (r) => r.bytes(2), /bytes needs 2/, 'SSH_TRUNCATED'],
    [
      'a byte above 0x7f in a US-ASCII string',
      '00000002 61c3',
      (r) => r.ascii(),
      /byte 0xc3 in a US-ASCII string/,
      'SSH_PROTOCOL_ERROR',
    ],
    [
      'an empty name',
      '00000003 612c2c',
      (r) => r.nameList(),
      /empty name in the name-list at offset 0/,
      'SSH_PROTOCOL_ERROR',
    ],
    [
      'a name that would move the cursor',
      '00000003 611b62',
      (r) => r.nameList(),
      /byte 0x1b in the name-list at offset 0/,
      'SSH_PROTOCOL_ERROR',
    ],
    ['a lone comma', '00000001 2c', (r) => r.nameList(), /empty name/, 'SSH_PROTOCOL_ERROR'],
    [
      'an mpint with a needless 00',
      '00000002 007f',
      (r) => r.mpint(),
      /needless leading byte/,
      'SSH_PROTOCOL_ERROR',
    ],
    ['an mpint of a lone 00', '00000001 00', (r) => r.mpint(), /needless leading byte/, 'SSH_PROTOCOL_ERROR'],
    [
      'an mpint with a needless ff',
      '00000002 ff80',
      (r) => r.mpint(),
      /needless leading byte/,
      'SSH_PROTOCOL_ERROR',
    ],
    ['left-over bytes', '0102', (r) => r.end(), /2 bytes too many at offset 0/, 'SSH_TRAILING_BYTES'],
  ])('%s', (_name, bytes, read, words, code) => {
    const reader = new Reader(hex(bytes), 'thing')
    const error = caught(() => read(reader))
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(words) })
    expect((error as Error).message).toMatch(/^thing: /)
  })

  test('a name-list beyond its limits, and takes one at its limits', () => {
    const list = (text: string): Reader => new Reader(new Writer().string(text).finish())
    const { names, bytes } = nameListLimits
    expect(list(Array(names).fill('a').join()).nameList().length).toBe(names)
    expect(
      caught(() =>
        list(
          Array(names + 1)
            .fill('a')
            .join(),
        ).nameList(),
      ),
    ).toMatchObject({
      code: 'SSH_LIMIT_NAME_LIST',
      message: `data: name-list of ${names + 1} names, the limit is ${names}`,
    })
    expect(list('a'.repeat(bytes)).nameList()).toEqual(['a'.repeat(bytes)])
    expect(caught(() => list('a'.repeat(bytes + 1)).nameList())).toMatchObject({
      code: 'SSH_LIMIT_NAME_LIST',
    })
  })
})

describe('a writer refuses', () => {
  test.each<[string, (w: Writer) => unknown, RegExp]>([
    ['a negative uint32', (w) => w.uint32(-1), /-1 is not a uint32/],
    ['a uint32 of 33 bits', (w) => w.uint32(2 ** 32), /4294967296 is not a uint32/],
    ['a fraction', (w) => w.uint32(1.5), /1.5 is not a uint32/],
    ['NaN', (w) => w.uint32(Number.NaN), /NaN is not a uint32/],
    ['a negative uint64', (w) => w.uint64(-1n), /-1 is not a uint64/],
    ['a uint64 of 65 bits', (w) => w.uint64(1n << 64n), /18446744073709551616 is not a uint64/],
    ['an empty name', (w) => w.nameList(['a', '']), /"" cannot stand in a name-list/],
    ['a comma in a name', (w) => w.nameList(['a,b']), /"a,b" cannot stand in a name-list/],
    ['a space in a name', (w) => w.nameList(['a b']), /"a b" cannot/],
    ['a letter beyond US-ASCII in a name', (w) => w.nameList(['ä']), /"ä" cannot/],
  ])('%s', (_name, write, words) => {
    const error = caught(() => write(new Writer()))
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toMatch(words)
  })
})

describe('properties', () => {
  const bytes = fc.uint8Array({ maxLength: 300 })

  test('what is written is read back, in any order, and grows past any first capacity', () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((v) => ['byte', v] as const),
      fc.boolean().map((v) => ['boolean', v] as const),
      fc.integer({ min: 0, max: 0xffffffff }).map((v) => ['uint32', v] as const),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((v) => ['uint64', v] as const),
      bytes.map((v) => ['string', v] as const),
      fc.bigInt({ min: -(1n << 300n), max: 1n << 300n }).map((v) => ['mpint', v] as const),
      fc
        .array(fc.stringMatching(/^[a-z0-9@.-]{1,12}$/), { maxLength: 8 })
        .map((v) => ['nameList', v] as const),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.integer({ min: 0, max: 9 }), (parts, capacity) => {
        const writer = new Writer(capacity)
        for (const [kind, value] of parts) (writer[kind] as (v: unknown) => Writer)(value)
        const written = writer.finish()
        expect(writer.length).toBe(written.length)
        const reader = new Reader(written)
        for (const [kind, value] of parts) expect(reader[kind]()).toEqual(value)
        reader.end()
      }),
    )
  })

  test('an mpint is the shortest two’s complement that holds its value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }), (value) => {
        const content = new Reader(new Writer().mpint(value).finish()).string()
        const bits = BigInt(content.length * 8)
        const shorter = bits === 0n ? 0n : 1n << (bits - 9n > 0n ? bits - 9n : 0n)
        if (content.length > 1) expect(value < -shorter || value >= shorter).toBe(true)
        expect(content.length === 0).toBe(value === 0n)
      }),
    )
  })

  test('an mpint of unsigned bytes is the mpint of their number', () => {
    fc.assert(
      fc.property(bytes, (unsigned) => {
        const value = unsigned.length === 0 ? 0n : BigInt(`0x${hexEncode(unsigned)}`)
        expect(new Writer().mpintBytes(unsigned).finish()).toEqual(new Writer().mpint(value).finish())
      }),
    )
  })

  test('no input makes a reader throw anything but ProtocolError, and none goes past the end', () => {
    const kinds = [
      'byte',
      'boolean',
      'uint32',
      'uint64',
      'string',
      'utf8',
      'ascii',
      'nameList',
      'mpint',
      'rest',
    ] as const
    fc.assert(
      fc.property(bytes, fc.array(fc.constantFrom(...kinds), { maxLength: 10 }), (input, reads) => {
        const reader = new Reader(input)
        try {
          for (const read of reads) reader[read]()
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
        expect(reader.left).toBeGreaterThanOrEqual(0)
        expect(reader.offset + reader.left).toBe(input.length)
      }),
    )
  })
})

function caught(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test('what is read of an array with a slice() of its own, such as a Buffer, can be copied', () => {
  class Sharing extends Uint8Array {
    override slice(from?: number, to?: number): Uint8Array<ArrayBuffer> {
      return this.subarray(from, to) as Uint8Array<ArrayBuffer>
    }
  }
  const bytes = new Sharing([9, 0, 0, 0, 1, 7, 8]).subarray(1)
  const from = new Reader(bytes)
  const [field, rest] = [from.string().slice(), from.rest().slice()]
  bytes.fill(0)
  expect([field, rest]).toEqual([Uint8Array.of(7), Uint8Array.of(8)])
})
