import { hexDecode, hexEncode, latin1Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { argon2 } from './argon2.ts'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import type { Backend } from './backend.ts'
import { tripleDesCbc } from './des.ts'

const hex = (text: string): Uint8Array => hexDecode(text.replaceAll(' ', '')) as Uint8Array
const bytes = latin1Encode

const tripleDes: readonly (readonly [string, Backend['tripleDesCbc']])[] = [
  ['node', node.tripleDesCbc],
  ['noble', noble.tripleDesCbc],
  ['our own', tripleDesCbc],
]

describe.each(tripleDes)('triple DES by %s', (_name, create) => {
  const key = hex('0123456789abcdef 23456789abcdef01 456789abcdef0123')

  test('gives the blocks of NIST SP 800-67 appendix B.1', () => {
    const texts = ['The qufc', 'k brown ', 'fox jump']
    const found = texts.map((text) =>
      hexEncode(create(key, new Uint8Array(8), 'encrypt').update(bytes(text))),
    )
    expect(found).toEqual(['a826fd8ce53b855f', 'cce21c8112256fe6', '68d5c05dd9b6b900'])
  })

  test('keeps its chain from call to call, both ways, and leaves its inputs alone', () => {
    const iv = bytes('initial!')
    const data = Uint8Array.from({ length: 64 }, (_, i) => i * 7)
    const whole = create(key, iv, 'encrypt').update(data)
    const pieces = create(key, iv, 'encrypt')
    expect(pieces.update(data.subarray(0, 24))).toEqual(whole.subarray(0, 24))
    expect(pieces.update(data.subarray(24))).toEqual(whole.subarray(24))
    const back = create(key, iv, 'decrypt')
    expect(back.update(whole.subarray(0, 8))).toEqual(data.subarray(0, 8))
    expect(back.update(whole.subarray(8))).toEqual(data.subarray(8))
    expect(iv).toEqual(bytes('initial!'))
    expect(whole).toEqual(tripleDesCbc(key, iv, 'encrypt').update(data))
    expect(back.update(new Uint8Array(0))).toEqual(new Uint8Array(0))
  })

  test('refuses other lengths', () => {
    expect(() => create(key.subarray(8), new Uint8Array(8), 'encrypt')).toThrow(RangeError)
    expect(() => create(key, new Uint8Array(16), 'encrypt')).toThrow(RangeError)
    expect(() => create(key, new Uint8Array(8), 'decrypt').update(new Uint8Array(7))).toThrow(RangeError)
  })
})

describe.each([
  ['node', node],
  ['noble', noble],
] as const)('keys from passphrases over %s', (_name, backend) => {
  test.each([
    // RFC 6070 §2
    ['sha1', 'password', 'salt', 4096, '4b007901b765489abead49d926f721d065a429c1'],
    ['sha1', 'pass\0word', 'sa\0lt', 4096, '56fa6aa75548099dcc37d7f03425e0c3'],
    // RFC 7914 §11
    [
      'sha256',
      'passwd',
      'salt',
      1,
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
  ] as const)('pbkdf2 by %s of %j, %j, %i', (hash, password, salt, iterations, expected) => {
    const length = expected.length / 2
    expect(hexEncode(backend.pbkdf2(hash, bytes(password), bytes(salt), iterations, length))).toBe(expected)
  })

  test.each([
    // RFC 7914 §12
    ['', '', 16, 1, 1, '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442'],
    ['password', 'NaCl', 1024, 8, 16, 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162'],
  ] as const)('scrypt of %j, %j, %i, %i, %i', (password, salt, n, r, p, expected) => {
    const found = backend.scrypt(bytes(password), bytes(salt), { n, r, p }, 64)
    expect(hexEncode(found).slice(0, 64)).toBe(expected)
  })

  test.each([
    // The test program of the reference implementation, version 1.3, 256 KiB, two passes.
    ['argon2i', 1, '89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f'],
    ['argon2id', 1, '9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe'],
    ['argon2id', 2, '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037'],
  ] as const)('%s with parallelism %i', (variant, parallelism, expected) => {
    const cost = { variant, memory: 256, passes: 2, parallelism }
    for (const run of [backend.argon2, argon2])
      expect(hexEncode(run(bytes('password'), bytes('somesalt'), cost, 32))).toBe(expected)
  })

  test('impossible costs are RangeErrors', () => {
    const [password, salt] = [bytes('password'), bytes('somesalt')]
    expect(() => backend.pbkdf2('sha1', password, salt, 0, 20)).toThrow(RangeError)
    expect(() => backend.scrypt(password, salt, { n: 1000, r: 8, p: 1 }, 32)).toThrow(RangeError)
    const cost = { variant: 'argon2d', memory: 1, passes: 1, parallelism: 1 } as const
    expect(() => backend.argon2(password, salt, cost, 32)).toThrow(RangeError)
  })
})

describe('ed25519 from a seed', () => {
  test.each([
    // RFC 8032 §7.1
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    ],
  ])('the public half of %s', (seed, publicKey) => {
    for (const backend of [node, noble])
      expect(hexEncode(backend.publicFromPrivate({ type: 'ed25519', seed: hex(seed) }))).toBe(publicKey)
  })
})
