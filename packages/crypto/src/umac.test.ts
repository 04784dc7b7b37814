/** UMAC by the vectors of RFC 4418, and that it does not matter how a message is cut. */

import { hexEncode, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import { umac } from './umac.ts'

const key = utf8Encode('abcdefghijklmnop')
/** The nonce "bcdefghi". */
const [nonceHigh, nonceLow] = [0x62636465, 0x66676869]

/** RFC 4418's appendix, tags of 64 bits. */
const vectors = [
  ['', '6e155fad26900be1'],
  ['a'.repeat(3), '44b5cb542f220104'],
  ['a'.repeat(2 ** 10), '26bf2f5d60118bd9'],
  ['a'.repeat(2 ** 15), '27f8ef643b0d118d'],
  ['a'.repeat(2 ** 20), 'a4477e87e9f55853'],
  ['abc', 'd4d7b9f6bd4fbfcf'],
  ['abc'.repeat(500), 'd4cf26ddefd5c01a'],
] as const

describe.each([node, noble])('$name', (backend) => {
  test.each(vectors)('a vector of RFC 4418', (message, tag) => {
    expect(hexEncode(umac(backend, key, 8, nonceHigh)(nonceLow, utf8Encode(message)))).toBe(tag)
  })

  test.each([8, 16] as const)('%i bytes: parts are one message, and every packet has its own tag', (size) => {
    const tagOf = umac(backend, key, size)
    const message = node.random(5000)
    const whole = tagOf(6, message)
    expect(whole).toHaveLength(size)
    expect(tagOf(6, message.subarray(0, 1), message.subarray(1, 3333), message.subarray(3333))).toEqual(whole)
    for (const seq of [0, 7, 8, 2 ** 32 - 1]) expect(tagOf(seq, message)).not.toEqual(whole)
    // The order of packets does not change their tags: a block is kept for two of them.
    expect(tagOf(6, message)).toEqual(whole)
    message[4999] = (message[4999] as number) ^ 1
    expect(tagOf(6, message)).not.toEqual(whole)
  })

  test('words that are not below the prime', () => {
    // All ones make such words likely; both backends and both ways of cutting agree about them.
    const message = new Uint8Array(2 ** 18).fill(0xff)
    expect(umac(backend, key, 16)(1, message)).toEqual(umac(node, key, 16)(1, message))
  })
})

test('what is too long is refused', () => {
  expect(() => umac(node, key, 8)(0, new Uint8Array(2 ** 24 + 1))).toThrow('too long')
})
