import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexEncode } from './bytes.ts'
import { ProtocolError } from './errors.ts'
import * as fields from './fields.ts'
import { type Infer, message, struct } from './message.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

const point = struct('point', { x: fields.uint32, label: fields.ascii })
const every = message('every', 200, {
  byte: fields.byte,
  boolean: fields.boolean,
  uint32: fields.uint32,
  uint64: fields.uint64,
  string: fields.string,
  utf8: fields.utf8,
  ascii: fields.ascii,
  nameList: fields.nameList,
  mpint: fields.mpint,
  cookie: fields.fixed(16),
  points: fields.counted(point, 5),
  rest: fields.rest,
})
const tail = message('tail', 201, { first: fields.byte, language: fields.optional(fields.utf8, 'none') })
const list = message('list', 202, { numbers: fields.repeat(fields.uint32) })

const text = fc.string({ unit: 'binary', maxLength: 40 })
const values: fc.Arbitrary<Infer<typeof every>> = fc.record({
  byte: fc.integer({ min: 0, max: 255 }),
  boolean: fc.boolean(),
  uint32: fc.integer({ min: 0, max: 0xffffffff }),
  uint64: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  string: fc.uint8Array({ maxLength: 40 }),
  utf8: text,
  ascii: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
  nameList: fc.array(fc.stringMatching(/^[a-z0-9@.-]{1,12}$/), { maxLength: 6 }),
  mpint: fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }),
  cookie: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  points: fc.array(
    fc.record({ x: fc.integer({ min: 0, max: 9 }), label: fc.stringMatching(/^[a-z]{0,5}$/) }),
    { maxLength: 5 },
  ),
  rest: fc.uint8Array({ maxLength: 40 }),
})

describe('message', () => {
  test('writes its number and then its fields in the order of the declaration', () => {
    const open = message('open', 90, { type: fields.ascii, channel: fields.uint32 })
    expect(hexEncode(open.encode({ channel: 7, type: 'x' }))).toBe(`5a${'0000000178'}${'00000007'}`)
    expect(open).toMatchObject({ name: 'open', number: 90 })
    expect(Object.isFrozen(open)).toBe(true)
  })

  test('every kind of field comes back as it went', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(every.decode(every.encode(value))).toEqual(value)
      }),
    )
  })

  test('cut at any byte before its rest, it is refused', () => {
    fc.assert(
      fc.property(values, (value) => {
        const payload = every.encode({ ...value, rest: new Uint8Array(0) })
        for (let length = 0; length < payload.length; length++)
          expect(() => every.decode(payload.subarray(0, length))).toThrow(ProtocolError)
      }),
      { numRuns: 25 },
    )
  })

  test('garbage is refused with ProtocolError or decodes to something that encodes again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (garbage) => {
        const payload = Uint8Array.of(200, ...garbage)
        let value: Infer<typeof every>
        try {
          value = every.decode(payload)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          return
        }
        every.encode(value)
      }),
    )
  })

  test('another number is refused with both numbers', () => {
    expect(() => tail.decode(list.encode({ numbers: [] }))).toThrow(
      'message 202 where tail (201) was expected',
    )
  })

  test('bytes that are left over are refused', () => {
    const payload = tail.encode({ first: 1, language: 'en' })
    expect(() => tail.decode(Uint8Array.of(...payload, 0))).toThrow('tail: 1 bytes too many at offset 8')
  })
})

describe('fields', () => {
  test('an optional field falls back when nothing is left, and is always written', () => {
    expect(tail.decode(Uint8Array.of(201, 5))).toEqual({ first: 5, language: 'none' })
    expect(tail.encode({ first: 5, language: '' }).length).toBe(6)
    expect(() => tail.decode(Uint8Array.of(201, 5, 0))).toThrow(ProtocolError)
  })

  test('a repeated field takes everything that is left, whole elements only', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 20 }), (numbers) => {
        expect(list.decode(list.encode({ numbers }))).toEqual({ numbers })
      }),
    )
    expect(() => list.decode(Uint8Array.of(202, 0, 0, 0))).toThrow(ProtocolError)
  })

  test.each([
    ['a count above the limit', 6, 100, 'a count of 6 with 100 bytes left'],
    ['a count that the bytes cannot hold', 5, 4, 'a count of 5 with 4 bytes left'],
    ['a count of 4 billion', 0xffffffff, 100, 'a count of 4294967295 with 100 bytes left'],
  ])('%s is refused before anything is read', (_name, count, left, words) => {
    const counted = struct('points', { points: fields.counted(fields.byte, 5) })
    const bytes = new Writer().uint32(count).bytes(new Uint8Array(left)).finish()
    const decode = (): unknown => counted.decode(bytes)
    expect(decode).toThrow(ProtocolError)
    expect(decode).toThrow(`points: ${words}`)
  })

  test('a fixed field takes its length only', () => {
    const cookie = struct('cookie', { cookie: fields.fixed(4) })
    expect(() => cookie.encode({ cookie: new Uint8Array(3) })).toThrow('3 bytes given for a field of 4')
    expect(() => cookie.decode(new Uint8Array(5))).toThrow('cookie: 1 bytes too many at offset 4')
  })

  test('malformed UTF-8 reads as U+FFFD in a utf8 field', () => {
    const named = struct('named', { name: fields.utf8 })
    expect(named.decode(new Writer().string(Uint8Array.of(0x61, 0xff)).finish())).toEqual({ name: 'a\ufffd' })
  })
})

describe('struct', () => {
  test('stands inside other fields: read and write work on a reader and a writer', () => {
    const writer = new Writer()
    writer.byte(9)
    point.write(writer, { x: 3, label: 'p' })
    const reader = new Reader(writer.finish())
    expect(reader.byte()).toBe(9)
    expect(point.read(reader)).toEqual({ x: 3, label: 'p' })
    reader.end()
  })

  test('an error of the caller that is no RangeError passes through unchanged', () => {
    const broken = struct('broken', {
      field: {
        read: () => {
          throw new TypeError('mine')
        },
        write: () => {},
      },
    })
    expect(() => broken.decode(new Uint8Array(0))).toThrow(TypeError)
  })
})
