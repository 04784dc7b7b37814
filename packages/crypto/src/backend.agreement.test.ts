/** Published vectors, hostile values and agreement of both backends: X25519, ECDH, modular powers. */

import { createDiffieHellmanGroup } from 'node:crypto'
import { bigintToBytes, bytesToBigint, concat, hexDecode, hexEncode } from '@hawser/wire'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import type { CurveName } from './backend.ts'
import { curves } from './curves.ts'

const hex = (text: string): Uint8Array => {
  const bytes = hexDecode(text)
  if (bytes === undefined) throw new Error(`bad hex in a test: ${text}`)
  return bytes
}
const backends = [node, noble] as const
const curveNames = ['nistp256', 'nistp384', 'nistp521'] as const

afterEach(() => vi.unstubAllGlobals())

/** Makes `make` draw `bytes` first, as its secret; noble draws more for the blinding of its multiplication. */
function withRandom<T>(bytes: Uint8Array, make: () => T): T {
  let drawn = false
  vi.stubGlobal('crypto', {
    getRandomValues(into: Uint8Array) {
      if (!drawn) expect(into).toHaveLength(bytes.length)
      into.set(drawn ? node.random(into.length) : bytes)
      drawn = true
      return into
    },
  })
  const made = make()
  vi.unstubAllGlobals()
  return made
}

describe('x25519', () => {
  // RFC 7748 §6.1. Only noble's source of random bytes can be replaced; node agrees with noble, see below.
  test('the example of RFC 7748', () => {
    const alice = withRandom(
      hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
      noble.x25519,
    )
    const bob = withRandom(
      hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
      noble.x25519,
    )
    expect(hexEncode(alice.publicKey)).toBe(
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    )
    expect(hexEncode(bob.publicKey)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    const secret = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    expect(hexEncode(alice.derive(bob.publicKey))).toBe(secret)
    expect(hexEncode(bob.derive(alice.publicKey))).toBe(secret)
  })

  // Wycheproof x25519, tests 1, 2 and 25: normal, on the twist, at the edge of the arithmetic.
  test.each([
    [
      'c8a9d5a91091ad851c668b0736c1c9a02936c0d3ad62670858088047ba057475',
      '504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f9806829',
      '436a2c040cf45fea9b29a0cb81b1f41458f863d0d61b453d0a982720d6d61320',
    ],
    [
      'd85d8c061a50804ac488ad774ac716c3f5ba714b2712e048491379a500211958',
      '63aa40c6e38346c5caf23a6df0a5e6c80889a08647e551b3563449befcfc9733',
      '279df67a7c4611db4708a0e8282b195e5ac0ed6f4b2f292c6fbd0acac30d1332',
    ],
    [
      '300305eb002bf86c71fe9c0b311993727b9dc618d0ce7251d0dfd8552d17905d',
      'ffffffffffffff00000000000000ffffffffffffff00000000000000ffffff7f',
      'f8624d6e35e6c548ac47832f2e5d151a8e53b9290363b28d2ab8d84ab7cb6a72',
    ],
  ])('secret of %s', (scalar, peer, secret) => {
    expect(hexEncode(withRandom(hex(scalar), noble.x25519).derive(hex(peer)))).toBe(secret)
  })

  const lowOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]
  describe.each(backends)('$name', (backend) => {
    test.each(lowOrder)('refuses the low-order value %s, with and without its ignored top bit', (value) => {
      const peer = hex(value)
      expect(() => backend.x25519().derive(peer)).toThrow(RangeError)
      peer[31] = (peer[31] as number) | 0x80
      expect(() => backend.x25519().derive(peer)).toThrow(RangeError)
    })

    test.each([0, 31, 33, 64])('refuses a value of %i bytes', (length) => {
      expect(() => backend.x25519().derive(new Uint8Array(length).fill(9))).toThrow(RangeError)
    })

    test('makes a fresh pair each time', () => {
      expect(backend.x25519().publicKey).not.toEqual(backend.x25519().publicKey)
    })
  })

  test('node and noble derive the same', () => {
    for (let i = 0; i < 20; i++) {
      const one = node.x25519()
      const other = noble.x25519()
      expect(one.derive(other.publicKey)).toEqual(other.derive(one.publicKey))
    }
  })
})

describe('ecdh', () => {
  // RFC 5903 §8.1. noble draws the scalar as one more than a number of 48 bytes.
  test('the example of RFC 5903 on nistp256', () => {
    const scalars = {
      i: 'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
      r: 'c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53',
    }
    const points = {
      i: '04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3',
      r: '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
    }
    const secret = 'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de'
    const pair = (scalar: string): ReturnType<typeof noble.ecdh> =>
      withRandom(bigintToBytes(bytesToBigint(hex(scalar)) - 1n, 48), () => noble.ecdh('nistp256'))
    const i = pair(scalars.i)
    const r = pair(scalars.r)
    expect(hexEncode(i.publicKey)).toBe(points.i)
    expect(hexEncode(r.publicKey)).toBe(points.r)
    expect(hexEncode(i.derive(hex(points.r)))).toBe(secret)
    expect(hexEncode(r.derive(hex(points.i)))).toBe(secret)
    for (const backend of backends)
      for (const who of ['i', 'r'] as const)
        expect(
          hexEncode(
            backend.publicFromPrivate({ type: 'ecdsa', curve: 'nistp256', scalar: hex(scalars[who]) }),
          ),
        ).toBe(points[who])
  })

  test.each(curveNames)('node and noble derive the same on %s, as long as the field', (curve) => {
    for (let i = 0; i < 5; i++) {
      const one = node.ecdh(curve)
      const other = noble.ecdh(curve)
      const secret = one.derive(other.publicKey)
      expect(secret).toEqual(other.derive(one.publicKey))
      expect(secret).toHaveLength(curves[curve].size)
    }
  })

  describe.each(backends)('$name', (backend) => {
    test.each(curveNames)('refuses what is no point of %s', (curve) => {
      const pair = backend.ecdh(curve)
      for (const [what, peer] of badPoints(curve)) expect(() => pair.derive(peer), what).toThrow(RangeError)
      // It still works afterwards.
      const other = backend.ecdh(curve)
      expect(pair.derive(other.publicKey)).toEqual(other.derive(pair.publicKey))
    })

    test('refuses a coordinate that is not reduced', () => {
      // (0, sqrt(b)) is on the curve; (p, sqrt(b)) is another way to write it that must not be taken.
      const y = '66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4'
      const p = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'
      const pair = backend.ecdh('nistp256')
      expect(pair.derive(hex(`04${'00'.repeat(32)}${y}`))).toHaveLength(32)
      expect(() => pair.derive(hex(`04${p}${y}`))).toThrow(RangeError)
    })
  })
})

function badPoints(curve: CurveName): readonly (readonly [string, Uint8Array])[] {
  const good = node.ecdh(curve).publicKey
  const { size } = curves[curve]
  const parity = (good[2 * size] as number) & 1
  const changed = (change: (point: Uint8Array) => void): Uint8Array => {
    const point = good.slice()
    change(point)
    return point
  }
  return [
    ['empty', new Uint8Array(0)],
    ['infinity', Uint8Array.of(0)],
    ['infinity at full length', new Uint8Array(good.length)],
    ['zero', changed((point) => point.fill(0, 1))],
    ['not on the curve by y', changed((point) => point.set([(point[2 * size] as number) ^ 1], 2 * size))],
    ['all ones', changed((point) => point.fill(0xff, 1))],
    ['one byte short', good.slice(0, -1)],
    ['one byte long', concat(good, Uint8Array.of(0))],
    ['compressed', concat(Uint8Array.of(2 + parity), good.slice(1, 1 + size))],
    ['hybrid', changed((point) => point.set([6 + parity]))],
    ['without its first byte', good.slice(1)],
    ['a point of another curve', node.ecdh(curve === 'nistp256' ? 'nistp384' : 'nistp256').publicKey],
  ]
}

describe.each(backends)('modPow of $name', (backend) => {
  const prime = Uint8Array.from(createDiffieHellmanGroup('modp14').getPrime())
  const one = bigintToBytes(1n, 256)

  test('Fermat: any base to the power of p - 1 is 1', () => {
    const exponent = bigintToBytes(bytesToBigint(prime) - 1n)
    for (const base of [Uint8Array.of(2), Uint8Array.of(3), backend.random(255)])
      expect(backend.modPow(base, exponent, prime)).toEqual(one)
  })

  test.each<[string, bigint, bigint, bigint]>([
    ['exponent 0', 5n, 0n, 1n],
    ['exponent 1', 5n, 1n, 5n],
    ['exponent 2', 5n, 2n, 25n],
    ['base 0', 0n, 5n, 0n],
    ['base 1', 1n, 5n, 1n],
    ['base p', bytesToBigint(prime), 5n, 0n],
    ['base p + 2', bytesToBigint(prime) + 2n, 3n, 8n],
    ['base p - 1, even exponent', bytesToBigint(prime) - 1n, 2n, 1n],
    ['base p - 1, odd exponent', bytesToBigint(prime) - 1n, 3n, bytesToBigint(prime) - 1n],
  ])('%s', (_, base, exponent, expected) => {
    expect(backend.modPow(bigintToBytes(base), bigintToBytes(exponent), prime)).toEqual(
      bigintToBytes(expected, 256),
    )
    // Leading zeros mean nothing.
    const zeros = new Uint8Array(3)
    expect(
      backend.modPow(concat(zeros, bigintToBytes(base)), concat(zeros, bigintToBytes(exponent)), prime),
    ).toEqual(bigintToBytes(expected, 256))
  })

  test('the result is as long as the modulus, whose leading zeros count', () => {
    expect(backend.modPow(Uint8Array.of(3), Uint8Array.of(4), Uint8Array.of(0, 0, 7))).toEqual(
      Uint8Array.of(0, 0, 4),
    )
    const longer = concat(Uint8Array.of(0, 0), prime)
    expect(backend.modPow(Uint8Array.of(3), Uint8Array.of(4), longer)).toEqual(bigintToBytes(81n, 258))
  })

  test('modulus 1 gives 0, modulus 0 is refused', () => {
    expect(backend.modPow(Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(1))).toEqual(Uint8Array.of(0))
    expect(() => backend.modPow(Uint8Array.of(3), Uint8Array.of(1), Uint8Array.of(0))).toThrow(RangeError)
    expect(() => backend.modPow(Uint8Array.of(3), Uint8Array.of(1), new Uint8Array(0))).toThrow(RangeError)
  })
})

test('node and noble compute the same powers, to the plainest computation', () => {
  const plainest = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
    let result = 1n % modulus
    for (const bit of exponent.toString(2)) {
      result = (result * result) % modulus
      if (bit === '1') result = (result * base) % modulus
    }
    return result
  }
  const sizes = [1, 8, 63, 64, 65, 128, 255, 256, 257, 384, 512]
  const numbers = fc
    .constantFrom(...sizes)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  fc.assert(
    fc.property(numbers, fc.uint8Array({ maxLength: 70 }), numbers, (base, exponent, modulus) => {
      const m = bytesToBigint(modulus)
      fc.pre(m > 0n)
      const expected = bigintToBytes(
        plainest(bytesToBigint(base) % m, bytesToBigint(exponent), m),
        modulus.length,
      )
      expect(node.modPow(base, exponent, modulus)).toEqual(expected)
      expect(noble.modPow(base, exponent, modulus)).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})

test.each([2048, 3072, 4096, 8192])('both compute the same power with %i bits of unknown modulus', (bits) => {
  const modulus = node.random(bits / 8)
  modulus[0] = (modulus[0] as number) | 0x80
  modulus[bits / 8 - 1] = (modulus[bits / 8 - 1] as number) | 1
  const base = node.random(bits / 8)
  const exponent = node.random(64)
  expect(node.modPow(base, exponent, modulus)).toEqual(noble.modPow(base, exponent, modulus))
})
