/** ML-KEM-768 by published answers, both backends against each other, and what must be refused. */

import { concat, hexEncode } from '@hawser/wire'
import { shake128 } from '@noble/hashes/sha3.js'
import { describe, expect, test } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import { nobleMlKem768 } from './ml-kem.ts'

test('the accumulated answers of a hundred keys, messages and made up ciphertexts', () => {
  // By the procedure of C2SP's CCTV; the value is the one in the tests of Go's crypto/mlkem.
  const input = shake128.create({})
  const output = shake128.create({ dkLen: 32 })
  const kem = nobleMlKem768((length) => input.xof(length))
  for (let round = 0; round < 100; round++) {
    const { publicKey, decapsulate } = kem.generate()
    output.update(publicKey)
    const { ciphertext, secret } = kem.encapsulate(publicKey)
    output.update(ciphertext).update(secret)
    expect(decapsulate(ciphertext)).toEqual(secret)
    output.update(decapsulate(input.xof(1088)))
  }
  expect(hexEncode(output.digest())).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415')
})

const pairs = [node, noble].flatMap((owner) => [node, noble].map((sender) => ({ owner, sender })))

describe.each(pairs)('$owner.name from $sender.name', ({ owner, sender }) => {
  test('carries a secret, and another one when it is changed', () => {
    const { publicKey, decapsulate } = owner.mlKem768.generate()
    const { ciphertext, secret } = sender.mlKem768.encapsulate(publicKey)
    expect([publicKey.length, ciphertext.length, secret.length]).toEqual([1184, 1088, 32])
    expect(decapsulate(ciphertext)).toEqual(secret)
    const changed = ciphertext.slice()
    changed[700] = (changed[700] as number) ^ 4
    expect(decapsulate(changed)).not.toEqual(secret)
  })

  test('refuses wrong lengths and keys that are not reduced (FIPS 203 §7.2)', () => {
    const { publicKey, decapsulate } = owner.mlKem768.generate()
    expect(() => decapsulate(new Uint8Array(1087))).toThrow(RangeError)
    for (const bad of [
      publicKey.subarray(1),
      concat(publicKey, new Uint8Array(1)),
      new Uint8Array(1184).fill(0xff),
    ])
      expect(() => sender.mlKem768.encapsulate(bad)).toThrow(RangeError)
  })
})
