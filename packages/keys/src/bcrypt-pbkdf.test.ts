import { defaultProvider } from '@hawser/crypto'
import { base64Decode, bigintToBytes, hexEncode, latin1Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { bcryptPbkdf } from './bcrypt-pbkdf.ts'
import { piDigits } from './blowfish-pi.generated.ts'

const { backend } = defaultProvider
const bytes = latin1Encode

test("Blowfish's tables are the digits of pi, by Machin's formula", () => {
  const bits = 1042n * 32n
  const unit = 1n << (bits + 64n)
  const arctanOfOneOver = (x: bigint): bigint => {
    let sum = 0n
    let sign = 1n
    for (let [term, n] = [unit / x, 1n]; term > 0n; term /= x * x, n += 2n, sign = -sign)
      sum += sign * (term / n)
    return sum
  }
  const pi = 4n * (4n * arctanOfOneOver(5n) - arctanOfOneOver(239n))
  expect(hexEncode(base64Decode(piDigits) as Uint8Array)).toBe(
    hexEncode(bigintToBytes((pi - 3n * unit) >> 64n, 4168)),
  )
})

describe('bcryptPbkdf', () => {
  test('gives the value that other implementations give', () => {
    expect(hexEncode(bcryptPbkdf(backend, bytes('password'), bytes('salt'), 4, 32))).toBe(
      '5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9',
    )
  })

  test('every byte of a long output depends on the length asked for', () => {
    const [long, short] = [48, 32].map((length) => bcryptPbkdf(backend, bytes('a'), bytes('b'), 1, length))
    expect(long?.length).toBe(48)
    expect(hexEncode((long as Uint8Array).subarray(0, 4))).not.toBe(
      hexEncode((short as Uint8Array).subarray(0, 4)),
    )
    // Two blocks dealt out in turn: the even bytes of 48 are the first 24 of the block that 32 show whole.
    expect((long as Uint8Array).filter((_, index) => index % 2 === 0)).toEqual(
      (short as Uint8Array).subarray(0, 24),
    )
  })

  test.each([
    ['empty passphrase', '', 'salt', 1, 32],
    ['empty salt', 'a', '', 1, 32],
    ['no round', 'a', 'salt', 0, 32],
    ['no length', 'a', 'salt', 1, 0],
    ['length over 1024', 'a', 'salt', 1, 1025],
  ])('refuses %s', (_name, passphrase, salt, rounds, length) => {
    expect(() => bcryptPbkdf(backend, bytes(passphrase), bytes(salt), rounds, length)).toThrow(RangeError)
  })
})
