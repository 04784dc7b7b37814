import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  base64Decode,
  base64Encode,
  concat,
  equal,
  erase,
  hexDecode,
  hexEncode,
  latin1Decode,
  latin1Encode,
  utf8Decode,
  utf8DecodeStrict,
  utf8Encode,
} from './bytes.ts'
import { bigintToBytes, bytesToBigint, mpintDecode, mpintEncode } from './mpint.ts'

const bytes = fc.uint8Array({ maxLength: 200 })

describe('text and bytes', () => {
  test('hexadecimal comes back, in either case', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(hexDecode(hexEncode(value))).toEqual(value)
        expect(hexDecode(hexEncode(value).toUpperCase())).toEqual(value)
      }),
    )
    expect(hexEncode(Uint8Array.of(1, 0xab, 0), ':')).toBe('01:ab:00')
  })

  test.each(['a', 'zz', '0g', 'abc', '0x12', ' 12'])('%j is not hexadecimal', (text) => {
    expect(hexDecode(text)).toBeUndefined()
  })

  /** RFC 4648 §10. */
  test.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('base64 of %j is %j', (text, encoded) => {
    expect(base64Encode(utf8Encode(text))).toBe(encoded)
    expect(base64Encode(utf8Encode(text), false)).toBe(encoded.replace(/=/g, ''))
    expect(base64Decode(encoded)).toEqual(utf8Encode(text))
  })

  test('base64 comes back, with and without padding, across lines', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(base64Decode(base64Encode(value))).toEqual(value)
        expect(base64Decode(base64Encode(value, false))).toEqual(value)
        expect(base64Decode(base64Encode(value).replace(/.{5}/g, '$&\r\n '))).toEqual(value)
      }),
    )
  })

  test.each(['A', 'AAAAA', 'Zg=a', 'Zh==', 'Zm9=', 'Zm-v', 'Zm9v====', 'Zmü='])(
    '%j is not base64',
    (text) => {
      expect(base64Decode(text)).toBeUndefined()
    },
  )

  test('UTF-8 comes back; what is malformed becomes U+FFFD or, strictly, nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Decode(utf8Encode(text))).toBe(text)
        expect(utf8DecodeStrict(utf8Encode(text))).toBe(text)
      }),
    )
    expect(utf8Decode(Uint8Array.of(0x61, 0xc3))).toBe('a\ufffd')
    // A byte order mark is kept: two user names must not read as one.
    expect(utf8Decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
    expect(utf8DecodeStrict(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
    expect(utf8DecodeStrict(Uint8Array.of(0x61, 0xc3))).toBeUndefined()
  })

  test('ISO 8859-1 comes back, also when long', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(latin1Encode(latin1Decode(value))).toEqual(value)
      }),
    )
    const long = new Uint8Array(100_000).fill(0xe9)
    expect(latin1Decode(long)).toBe('é'.repeat(100_000))
  })
})

describe('equal, concat, erase', () => {
  test('equal is true for the same bytes only', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(), (a, b, at) => {
        expect(equal(a, a.slice())).toBe(true)
        expect(equal(a, b)).toBe(hexEncode(a) === hexEncode(b))
        if (a.length === 0) return
        const changed = a.slice()
        changed[at % a.length] = (changed[at % a.length] as number) ^ (1 << (at % 8))
        expect(equal(a, changed)).toBe(false)
        expect(equal(a, a.subarray(1))).toBe(false)
      }),
    )
  })

  test('concat joins in order', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), (parts) => {
        expect(hexEncode(concat(...parts))).toBe(parts.map((part) => hexEncode(part)).join(''))
      }),
    )
  })

  test('erase leaves zeros', () => {
    const secret = Uint8Array.of(1, 2, 3)
    erase(secret, undefined)
    expect(secret).toEqual(new Uint8Array(3))
  })
})

describe('big numbers', () => {
  test('unsigned bytes and their number come back, padded to a length', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 256n }), (value) => {
        expect(bytesToBigint(bigintToBytes(value))).toBe(value)
        expect(bigintToBytes(value, 40).length).toBe(40)
        expect(bytesToBigint(bigintToBytes(value, 40))).toBe(value)
      }),
    )
    expect(bigintToBytes(0n).length).toBe(0)
  })

  test('a number that is negative or too big for the length is refused', () => {
    expect(() => bigintToBytes(-1n)).toThrow(RangeError)
    expect(() => bigintToBytes(0x10000n, 2)).toThrow('value needs 3 bytes, not 2')
  })

  test('the content of an mpint comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 256n), max: 1n << 256n }), (value) => {
        expect(mpintDecode(mpintEncode(value))).toBe(value)
      }),
    )
  })
})
