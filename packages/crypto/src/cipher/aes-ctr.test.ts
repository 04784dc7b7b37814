import { concat, hexDecode, hexEncode, UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import { macs } from '../mac.ts'
import { aes128Ctr, aes192Ctr, aes256Ctr } from './aes-ctr.ts'

const hex = (text: string): Uint8Array => hexDecode(text) as Uint8Array
const mac = macs.find(({ name }) => name === 'hmac-sha2-256')
if (mac === undefined) throw new Error('hmac-sha2-256 is missing')

/** NIST SP 800-38A, F.5: the plaintext and counter that are common to all key sizes. */
const plaintext = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
)
const iv = hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')
const vectors = [
  {
    cipher: aes128Ctr,
    key: '2b7e151628aed2a6abf7158809cf4f3c',
    ciphertext:
      '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff' +
      '5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
  },
  {
    cipher: aes192Ctr,
    key: '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
    ciphertext:
      '1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94' +
      '1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050',
  },
  {
    cipher: aes256Ctr,
    key: '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    ciphertext:
      '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5' +
      '2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
  },
] as const

describe.each([node, noble])('$name', (backend) => {
  test.each(vectors)('NIST SP 800-38A F.5 as a packet: $cipher.name', ({ cipher, key, ciphertext }) => {
    const keys = { key: hex(key), iv, macKey: new Uint8Array(32) }
    const out: Uint8Array[] = []
    cipher.sealer(backend, keys, mac).seal(0, plaintext, out)
    const sealed = concat(...out)
    expect(hexEncode(sealed.subarray(0, 64))).toBe(ciphertext)
    const opener = cipher.opener(backend, keys, mac)
    expect(opener.packetLength(0, sealed.subarray(0, 16))).toBe(0x6bc1bee2)
    expect(hexEncode(opener.open(0, sealed))).toBe(hexEncode(plaintext.subarray(4)))
  })

  test.each([
    'ffffffffffffffffffffffffffffffff',
    '00000000000000000000ffffffffffff',
    'fffffffffffffffffffffffffffffffd',
  ])('the length of each packet is found when the counter carries from %s', (start) => {
    const keys = { key: new Uint8Array(16).fill(5), iv: hex(start), macKey: new Uint8Array(32) }
    const sealer = aes128Ctr.sealer(backend, keys, mac)
    const opener = aes128Ctr.opener(backend, keys, mac)
    for (const [seq, blocks] of [1, 2, 3, 255, 256, 257, 5000, 1].entries()) {
      const packet = new Uint8Array(blocks * 16)
      new DataView(packet.buffer).setUint32(0, packet.length - 4)
      const out: Uint8Array[] = []
      sealer.seal(seq, packet, out)
      const sealed = concat(...out)
      expect(opener.packetLength(seq, sealed.subarray(0, 16))).toBe(packet.length - 4)
      opener.open(seq, sealed)
    }
  })
})

test('without a MAC it cannot be used', () => {
  const keys = { key: new Uint8Array(16), iv, macKey: new Uint8Array(0) }
  expect(() => aes128Ctr.sealer(node, keys)).toThrow(UsageError)
  expect(() => aes128Ctr.opener(node, keys)).toThrow(/needs a MAC/)
})
