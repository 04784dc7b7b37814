import { concat, hexDecode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { KeyError } from './errors.ts'
import { readLine } from './formats/openssh-line.ts'
import { formatPublicBlob, publicKeyFromBlob, readPublicBlob } from './public-blob.ts'
import { lines } from './testing/fixtures.ts'
import { codeOf } from './testing/kit.ts'

const fields = (...values: (Uint8Array | string)[]): Uint8Array => {
  const to = new Writer()
  for (const value of values) to.string(value)
  return to.finish()
}
const filled = (length: number, last = 0x01, first = 0x01): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x55)
  bytes[0] = first
  bytes[length - 1] = last
  return bytes
}
const e = Uint8Array.of(1, 0, 1)
const point = (size: number): Uint8Array => filled(1 + 2 * size, 1, 4)

describe('publicKeyFromBlob', () => {
  test.each(Object.entries(lines).filter(([name]) => ['ed25519', 'p256', 'rsa', 'rsa1024'].includes(name)))(
    'reads and writes %s to the same bytes',
    (_name, line) => {
      const { blob } = readLine(line)
      const parts = readPublicBlob(blob)
      expect(parts).toBeDefined()
      expect(formatPublicBlob(parts as NonNullable<typeof parts>)).toEqual(blob)
    },
  )

  test('keeps types that it does not know as they are', () => {
    for (const blob of [
      fields('ssh-dss2', 'anything'),
      fields('x@example.com'),
      concat(fields('new-type'), filled(9)),
    ])
      expect(publicKeyFromBlob(blob).blob).toEqual(blob)
    expect(publicKeyFromBlob(readLine(lines.dsa).blob).type).toBe('ssh-dss')
    expect(publicKeyFromBlob(fields('ssh-xmss@openssh.com', 'x'), 'me').comment).toBe('me')
  })

  test('copies the blob', () => {
    const blob = fields('ssh-ed25519', filled(32))
    const key = publicKeyFromBlob(blob)
    blob.fill(0)
    expect(key.blob).toEqual(fields('ssh-ed25519', filled(32)))
    expect(Object.isFrozen(key)).toBe(true)
  })

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'SSH_KEY_FORMAT'],
    ['no type', fields(''), 'SSH_KEY_FORMAT'],
    ['a type with a space', fields('ssh ed25519', filled(32)), 'SSH_KEY_FORMAT'],
    ['a type of 65 characters', fields('x'.repeat(65)), 'SSH_KEY_FORMAT'],
    ['a type with a byte over 127', fields(Uint8Array.of(0x73, 0xe9)), 'SSH_KEY_FORMAT'],
    ['a blob of 64 KiB', concat(fields('x'), new Uint8Array(65_536)), 'SSH_KEY_FORMAT'],
    ['ed25519 of 31 bytes', fields('ssh-ed25519', filled(31)), 'SSH_KEY_FORMAT'],
    ['ed25519 of 33 bytes', fields('ssh-ed25519', filled(33)), 'SSH_KEY_FORMAT'],
    ['ed25519 with a byte too many', concat(fields('ssh-ed25519', filled(32)), e), 'SSH_KEY_FORMAT'],
    ['ecdsa of another curve', fields('ecdsa-sha2-nistp256', 'nistp384', point(48)), 'SSH_KEY_INVALID'],
    ['a compressed point', fields('ecdsa-sha2-nistp256', 'nistp256', filled(33, 1, 2)), 'SSH_KEY_INVALID'],
    ['a hybrid point', fields('ecdsa-sha2-nistp256', 'nistp256', filled(65, 1, 6)), 'SSH_KEY_INVALID'],
    ['the point at infinity', fields('ecdsa-sha2-nistp256', 'nistp256', Uint8Array.of(0)), 'SSH_KEY_INVALID'],
    ['a point with a byte too many', fields('ecdsa-sha2-nistp521', 'nistp521', point(67)), 'SSH_KEY_INVALID'],
    ['rsa of 1016 bits', fields('ssh-rsa', e, filled(127)), 'SSH_KEY_INVALID'],
    ['rsa of 1023 bits', fields('ssh-rsa', e, filled(128, 1, 0x7f)), 'SSH_KEY_INVALID'],
    ['rsa of 16,392 bits', fields('ssh-rsa', e, filled(2049)), 'SSH_KEY_FORMAT'],
    ['an even modulus', fields('ssh-rsa', e, filled(256, 2)), 'SSH_KEY_INVALID'],
    ['e = 1', fields('ssh-rsa', Uint8Array.of(1), filled(256)), 'SSH_KEY_INVALID'],
    ['e = 0', fields('ssh-rsa', '', filled(256)), 'SSH_KEY_FORMAT'],
    ['an even e', fields('ssh-rsa', Uint8Array.of(2), filled(256)), 'SSH_KEY_INVALID'],
    ['e longer than n', fields('ssh-rsa', filled(257), filled(256)), 'SSH_KEY_INVALID'],
    ['a negative e', fields('ssh-rsa', Uint8Array.of(0x81), filled(256)), 'SSH_KEY_FORMAT'],
    ['a negative modulus', fields('ssh-rsa', e, filled(256, 1, 0x80)), 'SSH_KEY_FORMAT'],
    [
      'a modulus with a needless zero',
      fields('ssh-rsa', e, concat(Uint8Array.of(0), filled(256))),
      'SSH_KEY_FORMAT',
    ],
    ['an e with a needless zero', fields('ssh-rsa', Uint8Array.of(0, 3), filled(256)), 'SSH_KEY_FORMAT'],
  ])('refuses %s', (_name, blob, code) => {
    expect(codeOf(() => publicKeyFromBlob(blob))).toBe(code)
  })

  test.each(['ed25519', 'p256', 'rsa'] as const)('refuses every prefix of a %s blob', (name) => {
    const { blob } = readLine(lines[name])
    for (let length = 0; length < blob.length; length++)
      expect(() => publicKeyFromBlob(blob.subarray(0, length))).toThrow(KeyError)
  })

  test('a bad type name does not get into the message', () => {
    const blob = hexDecode('00000004deadbeef') as Uint8Array
    expect(() => publicKeyFromBlob(blob)).toThrow(/US-ASCII/)
  })
})
