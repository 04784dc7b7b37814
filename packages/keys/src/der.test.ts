import { hexDecode, hexEncode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { DerReader, der } from './der.ts'
import { KeyError } from './errors.ts'

const from = (hex: string): DerReader => new DerReader(hexDecode(hex.replaceAll(' ', '')) as Uint8Array)

describe('DerReader', () => {
  test.each<[string, string, (r: DerReader) => unknown]>([
    ['nothing', '', (r) => r.sequence()],
    ['a lone tag', '30', (r) => r.sequence()],
    ['another tag', '31 00', (r) => r.sequence()],
    ['an indefinite length', '30 80 00 00', (r) => r.sequence()],
    ['a length in more bytes than needed', '30 81 01 00', (r) => r.sequence()],
    ['a length with a leading zero', `04 82 00 81 ${'00'.repeat(129)}`, (r) => r.octetString()],
    ['a length in 4 bytes', '30 84 00 00 00 01 00', (r) => r.sequence()],
    ['a length that is cut off', '30 82 01', (r) => r.sequence()],
    ['content that is cut off', '04 03 01 02', (r) => r.octetString()],
    ['an empty integer', '02 00', (r) => r.unsigned()],
    ['a negative integer', '02 01 80', (r) => r.unsigned()],
    ['an integer with a needless zero', '02 02 00 7f', (r) => r.unsigned()],
    ['a version of two bytes', '02 02 01 00', (r) => r.small()],
    ['bits that are no bytes', '03 02 01 fe', (r) => r.bitString()],
    ['a bit string without its first byte', '03 00', (r) => r.bitString()],
    ['a null with content', '05 01 00', (r) => r.null()],
    ['an empty oid', '06 00', (r) => r.oid()],
    ['an oid that is cut off', '06 02 2a 86', (r) => r.oid()],
    ['an oid with a needless byte', '06 03 2a 80 01', (r) => r.oid()],
    ['an oid with a huge number', '06 08 2a ff ff ff ff ff ff 7f', (r) => r.oid()],
    ['a byte too many', '05 00 00', (r) => [r.null(), r.end()]],
  ])('refuses %s', (_name, hex, read) => {
    expect(() => read(from(hex))).toThrow(KeyError)
  })

  test('reads what it must', () => {
    expect(from('02 02 00 80').unsigned()).toEqual(Uint8Array.of(0x80))
    expect(from('02 01 00').unsigned()).toEqual(new Uint8Array(0))
    expect(from('06 03 2b 65 70').oid()).toBe('1.3.101.112')
    expect(from('06 09 2a 86 48 86 f7 0d 01 01 01').oid()).toBe('1.2.840.113549.1.1.1')
    expect(from('a1 02 05 00').context(0)).toBeUndefined()
    expect(from('a1 02 05 00').context(1)).toEqual(Uint8Array.of(5, 0))
  })
})

describe('der', () => {
  test.each(['1.3.101.112', '1.2.840.113549.1.1.1', '2.5.4.3', '1.3.132.0.35'])(
    'oid %s comes back',
    (dotted) => {
      expect(new DerReader(der.oid(dotted)).oid()).toBe(dotted)
    },
  )

  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('%s bytes come back', (length) => {
    const content = new Uint8Array(length).fill(1)
    expect(new DerReader(der.octetString(content)).octetString()).toEqual(content)
  })

  test('integers are in their shortest form', () => {
    expect(hexEncode(der.integer(Uint8Array.of(0, 0, 0x80)))).toBe('02020080')
    expect(hexEncode(der.integer(new Uint8Array(0)))).toBe('020100')
    expect(hexEncode(der.integer(Uint8Array.of(1)))).toBe('020101')
  })
})
