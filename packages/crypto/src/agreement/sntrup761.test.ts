/** sntrup761 by its published known answer, and what a KEM must do beyond it. */

import { createCipheriv } from 'node:crypto'
import { concat, hexEncode, latin1Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import type { Backend } from '../backend.ts'
import { sntrup761 } from './sntrup761.ts'
import { inverseMod3, inverseOfTriple } from './sntrup761-inverse.ts'
import {
  centred,
  centredMod3,
  multiplySmall,
  p,
  q,
  randomShort,
  randomSmall,
  weight,
} from './sntrup761-ring.ts'
import { decodeWords, encodeWords } from './sntrup761-words.ts'

/** The generator of NIST's known answer tests: CTR_DRBG with AES-256, no derivation function (SP 800-90A §10.2.1). */
function drbg(entropy: Uint8Array): (length: number) => Uint8Array {
  let key: Uint8Array = new Uint8Array(32)
  let counter: Uint8Array = new Uint8Array(16)
  const block = (): Uint8Array => {
    counter = counter.slice()
    for (let at = 15; at >= 0; at--) {
      counter[at] = (counter[at] as number) + 1
      if (counter[at] !== 0) break
    }
    return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(counter)
  }
  const update = (data: Uint8Array = new Uint8Array(48)): void => {
    const fresh = concat(block(), block(), block()).map((byte, at) => byte ^ (data[at] as number))
    key = fresh.slice(0, 32)
    counter = fresh.slice(32)
  }
  update(entropy)
  return (length) => {
    const blocks: Uint8Array[] = []
    while (blocks.length * 16 < length) blocks.push(block())
    update()
    return concat(...blocks).slice(0, length)
  }
}

const packSmall = (f: Int32Array): Uint8Array =>
  Uint8Array.from({ length: 191 }, (_, byte) =>
    [0, 1, 2, 3].reduce(
      (sum, at) => sum + (4 * byte + at < p ? ((f[4 * byte + at] as number) + 1) << (2 * at) : 0),
      0,
    ),
  )

describe('sntrup761', () => {
  test('the known answer of PQClean', () => {
    const seed = drbg(Uint8Array.from({ length: 48 }, (_, at) => at))(48)
    const random = drbg(seed)
    const kem = sntrup761({ ...node, random })
    const { publicKey, decapsulate } = kem.generate()
    const { ciphertext, secret } = kem.encapsulate(publicKey)
    expect(decapsulate(ciphertext)).toEqual(secret)

    // The private key never leaves the KEM: its parts are made once more, from the same numbers.
    const again: Backend = { ...node, random: drbg(seed) }
    let g = randomSmall(again)
    while (inverseMod3(g) === undefined) g = randomSmall(again)
    const f = randomShort(again)
    const privateKey = concat(
      packSmall(f),
      packSmall(inverseMod3(g) as Int32Array),
      publicKey,
      again.random(191),
      node.hash('sha512', Uint8Array.of(4), publicKey).slice(0, 32),
    )
    expect(privateKey).toHaveLength(1763)
    const lines = { seed, pk: publicKey, sk: privateKey, ct: ciphertext, ss: secret }
    const text = Object.entries(lines).map(([name, value]) => `${name} = ${hexEncode(value).toUpperCase()}\n`)
    expect(hexEncode(node.hash('sha256', latin1Encode(`count = 0\n${text.join('')}`)))).toBe(
      'afc42c3a5b10f4ef69654250097ebda9b9564570f4086744b24a6daf2bd1f89a',
    )
  })

  test.each([node, noble])('$name: fresh keys and secrets, and no answer for what was made up', (backend) => {
    const kem = sntrup761(backend)
    const { publicKey, decapsulate } = kem.generate()
    const first = kem.encapsulate(publicKey)
    const second = kem.encapsulate(publicKey)
    expect(first.secret).not.toEqual(second.secret)
    expect(decapsulate(first.ciphertext)).toEqual(first.secret)
    expect(decapsulate(second.ciphertext)).toEqual(second.secret)
    // Everywhere: in what carries r, and in the hash that confirms it.
    for (const at of [0, 500, 1006, 1007, 1038]) {
      const changed = first.ciphertext.slice()
      changed[at] = (changed[at] as number) ^ 1
      const rejected = decapsulate(changed)
      expect(rejected).toHaveLength(32)
      expect(rejected).not.toEqual(first.secret)
      expect(decapsulate(changed), 'always the same').toEqual(rejected)
    }
    expect(() => decapsulate(first.ciphertext.subarray(1))).toThrow(RangeError)
    expect(() => kem.encapsulate(concat(publicKey, publicKey))).toThrow(RangeError)
  })

  test('remainders are around zero and right for every value in use', () => {
    const wrong: number[] = []
    for (let value = -(2 ** 24); value <= 2 ** 24; value += 61) {
      const remainder = centred(value)
      if (Math.abs(remainder) > (q - 1) / 2 || (value - remainder) % q !== 0) wrong.push(value)
    }
    for (let value = -8192; value <= 8192; value++) {
      const remainder = centredMod3(value)
      if (Math.abs(remainder) > 1 || (value - remainder) % 3 !== 0) wrong.push(value)
    }
    expect(wrong).toEqual([])
  })

  test('inverses are inverses, and short polynomials are short', () => {
    const f = randomShort(node)
    expect(f.reduce((sum, value) => sum + Math.abs(value), 0)).toBe(weight)
    const one = multiplySmall(
      inverseOfTriple(f).map((value) => centred(3 * value)),
      f,
    )
    expect(one[0]).toBe(1)
    expect(one.subarray(1).every((value) => value === 0)).toBe(true)
    // x^p - x - 1 has a factor modulo 3: multiples of it have no inverse. 0 is the simplest.
    expect(inverseMod3(new Int32Array(p))).toBeUndefined()
  })

  test('words come back from their bytes, and any bytes are words below the bound', () => {
    for (const [bound, length] of [
      [q, 1158],
      [1531, 1007],
    ] as const) {
      const words = Int32Array.from({ length: p }, (_, at) => (at * 7919 + 13) % bound)
      const bytes = encodeWords(words, bound)
      expect(bytes).toHaveLength(length)
      expect(decodeWords(bytes, bound)).toEqual(words)
      for (const fill of [0, 0xff])
        expect(
          decodeWords(new Uint8Array(length).fill(fill), bound).every((word) => word >= 0 && word < bound),
        ).toBe(true)
    }
  })
})
