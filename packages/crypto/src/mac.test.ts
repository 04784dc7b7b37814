import { hexEncode, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import { macs } from './mac.ts'

/** RFC 4231 §4.3, RFC 2202 §3 case 2: "what do ya want for nothing?", whose first four bytes are the number here. */
const tags = [
  [/^hmac-sha2-256/, '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  [
    /^hmac-sha2-512/,
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554' +
      '9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  ],
  [/^hmac-sha1/, 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
  [/^hmac-md5/, '750c783e6ab0b503eaa86e310a5db738'],
] as const

describe.each([node, noble])('$name', (backend) => {
  test.each(macs.filter(({ name }) => name.startsWith('hmac')))(
    '$name covers the sequence number, then the parts',
    (mac) => {
      const tag = tags.find(([name]) => name.test(mac.name))?.[1].slice(0, mac.tagSize * 2)
      const tagOf = mac.create(backend, utf8Encode('Jefe'))
      expect(hexEncode(tagOf(0x77686174, utf8Encode(' do ya want '), utf8Encode('for nothing?')))).toBe(tag)
      expect(hexEncode(tagOf(0x77686174, utf8Encode(' do ya want for nothing?')))).toBe(tag)
      expect(tag).toHaveLength(mac.tagSize * 2)
    },
  )
})

test('which are encrypt-then-MAC, and which insecure', () => {
  expect(macs.map(({ name, etm, insecure }) => [name, etm, insecure === true])).toEqual([
    ['hmac-sha2-256-etm@openssh.com', true, false],
    ['hmac-sha2-512-etm@openssh.com', true, false],
    ['umac-128-etm@openssh.com', true, false],
    ['umac-64-etm@openssh.com', true, false],
    ['hmac-sha2-256', false, false],
    ['hmac-sha2-512', false, false],
    ['umac-128@openssh.com', false, false],
    ['umac-64@openssh.com', false, false],
    ['hmac-sha1-etm@openssh.com', true, true],
    ['hmac-sha1', false, true],
    ['hmac-sha1-96-etm@openssh.com', true, true],
    ['hmac-sha1-96', false, true],
    ['hmac-md5-etm@openssh.com', true, true],
    ['hmac-md5', false, true],
    ['hmac-md5-96-etm@openssh.com', true, true],
    ['hmac-md5-96', false, true],
  ])
})
