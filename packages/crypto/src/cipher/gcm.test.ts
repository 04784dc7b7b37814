import { hexDecode, hexEncode, UsageError } from '@hawser/wire'
import { expect, test } from 'vitest'
import { invocationNonce } from './gcm.ts'

function hex(text: string): Uint8Array {
  return hexDecode(text) as Uint8Array
}

test.each([
  ['00000000' + '0000000000000000', '00000000' + '0000000000000001'],
  ['ffffffff' + '00000000000000ff', 'ffffffff' + '0000000000000100'],
  ['01020304' + '00ffffffffffffff', '01020304' + '0100000000000000'],
  ['01020304' + 'fffffffffffffffe', '01020304' + 'ffffffffffffffff'],
])('the nonce after %s is %s (RFC 5647 §7.1)', (iv, following) => {
  const nonce = invocationNonce(hex(iv))
  expect(hexEncode(nonce.next())).toBe(iv)
  expect(hexEncode(nonce.next())).toBe(following)
})

test('the counter does not go around: no nonce is used twice', () => {
  const nonce = invocationNonce(hex('01020304' + 'ffffffffffffffff'))
  expect(hexEncode(nonce.next())).toBe('01020304ffffffffffffffff')
  expect(() => nonce.next()).toThrow(UsageError)
  expect(() => nonce.next()).toThrow(/new keys/)
})

test('the iv that was given stays as it is', () => {
  const iv = hex('0102030400000000000000ff')
  const nonce = invocationNonce(iv)
  nonce.next()
  nonce.next()
  expect(hexEncode(iv)).toBe('0102030400000000000000ff')
})
