import { hexDecode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { encodeBlock } from '../armour.ts'
import { der } from '../der.ts'
import { parsePrivateKey } from '../parse.ts'
import { codeOf, providers } from '../testing/kit.ts'

const oid = der.oid('1.2.840.10045.3.1.7')
/** The scalar 1, whose public half is the base point of the curve (FIPS 186-4 appendix D.1.2.3). */
const basePoint = hexDecode(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
) as Uint8Array

const file = (scalar: Uint8Array, ...more: readonly Uint8Array[]): string =>
  encodeBlock('EC PRIVATE KEY', der.sequence(der.integer(Uint8Array.of(1)), der.octetString(scalar), ...more))
const ones = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  bytes[length - 1] = 1
  return bytes
}

describe.each(providers)('EC PRIVATE KEY over %s', (_name, crypto) => {
  const read = (text: string): Uint8Array => parsePrivateKey(text, { crypto }).publicKey.blob.subarray(-65)

  test.each([1, 31, 32, 33])('a scalar in %i bytes is the same number', (length) => {
    expect(read(file(ones(length), der.context(0, oid)))).toEqual(basePoint)
  })

  test('the public half is compared when it is there', () => {
    const withPublic = (point: Uint8Array): string =>
      file(ones(32), der.context(0, oid), der.context(1, der.bitString(point)))
    expect(read(withPublic(basePoint))).toEqual(basePoint)
    const negated = basePoint.slice()
    ;(negated[64] as number) ^= 1
    expect(codeOf(() => read(withPublic(negated)))).toBe('SSH_KEY_INVALID')
    expect(codeOf(() => read(withPublic(basePoint.subarray(0, 33))))).toBe('SSH_KEY_INVALID')
  })

  test.each<[string, string, string]>([
    ['the scalar 0', file(new Uint8Array(32), der.context(0, oid)), 'SSH_KEY_INVALID'],
    ['the order', file(order(), der.context(0, oid)), 'SSH_KEY_INVALID'],
    ['no scalar', file(new Uint8Array(0), der.context(0, oid)), 'SSH_KEY_INVALID'],
    ['a scalar of 34 bytes', file(ones(34), der.context(0, oid)), 'SSH_KEY_INVALID'],
    [
      'a scalar of 33 bytes that is too large',
      file(new Uint8Array(33).fill(1), der.context(0, oid)),
      'SSH_KEY_INVALID',
    ],
    ['no curve', file(ones(32)), 'SSH_KEY_FORMAT'],
    ['another curve', file(ones(32), der.context(0, der.oid('1.3.132.0.10'))), 'SSH_KEY_UNSUPPORTED'],
  ])('%s is refused', (_title, text, code) => {
    expect(codeOf(() => read(text))).toBe(code)
  })
})

function order(): Uint8Array {
  return hexDecode('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551') as Uint8Array
}
