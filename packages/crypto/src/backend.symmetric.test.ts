/** Published vectors and agreement of both backends: hashes, HMAC, AES, random bytes. */

import { concat, hexDecode, hexEncode, utf8Encode } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import type { HashName } from './backend.ts'

const hex = (text: string): Uint8Array => {
  const bytes = hexDecode(text.replace(/\s/g, ''))
  if (bytes === undefined) throw new Error(`bad hex in a test: ${text}`)
  return bytes
}
const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })
const hashNames: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512']
const keySizes = fc.constantFrom(16, 24, 32)

describe.each([node, noble])('$name', (backend) => {
  // RFC 1321 A.5, FIPS 180-4 examples.
  test.each<[HashName, string, string]>([
    ['md5', '', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['md5', 'abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['sha1', '', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['sha1', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['sha256', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'sha384',
      'abc',
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    ],
    [
      'sha512',
      'abc',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ],
  ])('%s of "%s"', (name, text, expected) => {
    expect(hexEncode(backend.hash(name, utf8Encode(text)))).toBe(expected)
    expect(hexEncode(backend.hash(name, ...[...text].map(utf8Encode)))).toBe(expected)
    const running = backend.hashing(name)
    for (const piece of text) running.update(utf8Encode(piece))
    expect(hexEncode(running.digest())).toBe(expected)
  })

  // RFC 4231 §4.2, §4.3, §4.7, §4.8; RFC 2202 §2, §3.
  test.each<[HashName, string, string, string]>([
    [
      'sha256',
      '0b'.repeat(20),
      'Hi There',
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      'sha384',
      '0b'.repeat(20),
      'Hi There',
      'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
    ],
    [
      'sha512',
      '0b'.repeat(20),
      'Hi There',
      '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    ],
    [
      'sha256',
      hexEncode(utf8Encode('Jefe')),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'sha512',
      hexEncode(utf8Encode('Jefe')),
      'what do ya want for nothing?',
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    ],
    [
      'sha256',
      'aa'.repeat(131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      'sha512',
      'aa'.repeat(131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
    ],
    ['sha1', '0b'.repeat(20), 'Hi There', 'b617318655057264e28bc0b6fb378c8ef146be00'],
    [
      'sha1',
      hexEncode(utf8Encode('Jefe')),
      'what do ya want for nothing?',
      'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
    ],
    [
      'md5',
      hexEncode(utf8Encode('Jefe')),
      'what do ya want for nothing?',
      '750c783e6ab0b503eaa86e310a5db738',
    ],
  ])('hmac %s, key %s, "%s"', (name, key, text, expected) => {
    const mac = backend.hmac(name, hex(key))
    const data = utf8Encode(text)
    expect(hexEncode(mac(data))).toBe(expected)
    expect(hexEncode(mac(data.subarray(0, 3), data.subarray(3)))).toBe(expected)
  })

  // The GCM specification of McGrew and Viega, appendix B, test cases 1, 2, 4, 16 (as in NIST's submission).
  const longKey = 'feffe9928665731c6d6a8f9467308308'
  const longPlain =
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'
  const gcmVectors: readonly [string, string, string, string, string, string][] = [
    ['00'.repeat(16), '00'.repeat(12), '', '', '', '58e2fccefa7e3061367f1d57a4e7455a'],
    [
      '00'.repeat(16),
      '00'.repeat(12),
      '',
      '00'.repeat(16),
      '0388dace60b6a392f328c2b971b2fe78',
      'ab6e47d42cec13bdf53a67b21257bddf',
    ],
    [
      longKey,
      'cafebabefacedbaddecaf888',
      'feedfacedeadbeeffeedfacedeadbeefabaddad2',
      longPlain,
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
      '5bc94fbc3221a5db94fae95ae7121a47',
    ],
    [
      longKey.repeat(2),
      'cafebabefacedbaddecaf888',
      'feedfacedeadbeeffeedfacedeadbeefabaddad2',
      longPlain,
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
      '76fc6ece0f4e1768cddf8853bb2d551b',
    ],
  ]
  test.each(gcmVectors)('aes-gcm, key %s, nonce %s', (key, nonce, aad, plain, ciphertext, tag) => {
    const aead = backend.aesGcm(hex(key))
    const sealed = aead.seal(hex(nonce), hex(aad), hex(plain))
    expect([hexEncode(sealed.ciphertext), hexEncode(sealed.tag)]).toEqual([ciphertext, tag])
    expect(aead.open(hex(nonce), hex(aad), hex(ciphertext), hex(tag))).toEqual(hex(plain))
  })

  test('aes-gcm refuses every changed bit of tag, data and associated data', () => {
    const aead = backend.aesGcm(backend.random(16))
    const nonce = backend.random(12)
    const aad = backend.random(4)
    const { ciphertext, tag } = aead.seal(nonce, aad, backend.random(20))
    for (const part of [aad, ciphertext, tag])
      for (let bit = 0; bit < part.length * 8; bit++) {
        const flip = (): void => {
          part[bit >> 3] = (part[bit >> 3] as number) ^ (1 << (bit & 7))
        }
        flip()
        expect(aead.open(nonce, aad, ciphertext, tag)).toBeUndefined()
        flip()
      }
    expect(aead.open(nonce, aad, ciphertext, tag)).toHaveLength(20)
  })

  test('aes-gcm refuses shortened and lengthened tags', () => {
    const aead = backend.aesGcm(backend.random(32))
    const nonce = backend.random(12)
    const { ciphertext, tag } = aead.seal(nonce, new Uint8Array(0), backend.random(20))
    for (const size of [0, 4, 8, 12, 15])
      expect(aead.open(nonce, new Uint8Array(0), ciphertext, tag.slice(0, size))).toBeUndefined()
    expect(aead.open(nonce, new Uint8Array(0), ciphertext, concat(tag, Uint8Array.of(0)))).toBeUndefined()
    // Nor may the border between data and tag be moved.
    expect(
      aead.open(nonce, new Uint8Array(0), concat(ciphertext, tag.slice(0, 8)), tag.slice(8)),
    ).toBeUndefined()
  })

  // NIST SP 800-38A appendix F.5 and F.2.
  const plain = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  )
  const keys = {
    128: '2b7e151628aed2a6abf7158809cf4f3c',
    192: '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
    256: '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
  } as const
  test.each<[keyof typeof keys, string]>([
    [
      128,
      '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
    ],
    [
      192,
      '1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050',
    ],
    [
      256,
      '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
    ],
  ])('aes%i-ctr', (bits, ciphertext) => {
    const iv = hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')
    expect(hexEncode(backend.aesCtr(hex(keys[bits]), iv).update(plain))).toBe(ciphertext)
    const running = backend.aesCtr(hex(keys[bits]), iv)
    const pieces = [0, 1, 16, 17, 35, 64].map((end, i, ends) =>
      running.update(plain.subarray(ends[i - 1] ?? 0, end)),
    )
    expect(hexEncode(concat(...pieces))).toBe(ciphertext)
  })

  test.each<[keyof typeof keys, string]>([
    [
      128,
      '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
    ],
    [
      256,
      'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b',
    ],
  ])('aes%i-cbc', (bits, ciphertext) => {
    const iv = hex('000102030405060708090a0b0c0d0e0f')
    const encrypt = backend.aesCbc(hex(keys[bits]), iv, 'encrypt')
    const decrypt = backend.aesCbc(hex(keys[bits]), iv, 'decrypt')
    expect(hexEncode(concat(encrypt.update(plain.subarray(0, 16)), encrypt.update(plain.subarray(16))))).toBe(
      ciphertext,
    )
    // Nothing is held back for padding: each block comes out at once.
    expect(decrypt.update(hex(ciphertext).subarray(0, 16))).toEqual(plain.slice(0, 16))
    expect(decrypt.update(hex(ciphertext).subarray(16))).toEqual(plain.slice(16))
  })

  test('aes-cbc takes whole blocks only', () => {
    const cipher = backend.aesCbc(new Uint8Array(16), new Uint8Array(16), 'encrypt')
    expect(() => cipher.update(new Uint8Array(17))).toThrow(RangeError)
    expect(cipher.update(new Uint8Array(0))).toEqual(new Uint8Array(0))
  })

  test('keys, ivs and nonces of the wrong length are refused', () => {
    const good = new Uint8Array(16)
    for (const size of [0, 15, 17, 33]) {
      const bad = new Uint8Array(size)
      expect(() => backend.aesGcm(bad)).toThrow(RangeError)
      expect(() => backend.aesCtr(bad, good)).toThrow(RangeError)
      expect(() => backend.aesCtr(good, bad)).toThrow(RangeError)
      expect(() => backend.aesCbc(bad, good, 'encrypt')).toThrow(RangeError)
      expect(() => backend.aesCbc(good, bad, 'decrypt')).toThrow(RangeError)
      expect(() => backend.aesGcm(good).seal(bad, good, good)).toThrow(RangeError)
      expect(() => backend.aesGcm(good).open(bad, good, good, good)).toThrow(RangeError)
    }
  })

  test('a key array may be erased once it was given', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i)
    const iv = new Uint8Array(16)
    const results = (erase: boolean): readonly Uint8Array[] => {
      const own = key.slice()
      const ownIv = iv.slice()
      const mac = backend.hmac('sha256', own)
      const gcm = backend.aesGcm(own)
      const ctr = backend.aesCtr(own, ownIv)
      const cbc = backend.aesCbc(own, ownIv, 'encrypt')
      if (erase) {
        own.fill(0xee)
        ownIv.fill(0xee)
      }
      return [mac(key), gcm.seal(new Uint8Array(12), iv, key).tag, ctr.update(key), cbc.update(key)]
    }
    expect(results(true)).toEqual(results(false))
  })

  test('results are plain Uint8Arrays, whose slice() is a copy', () => {
    const key = new Uint8Array(16)
    const { ciphertext, tag } = backend.aesGcm(key).seal(new Uint8Array(12), key, key)
    for (const value of [
      ciphertext,
      tag,
      backend.random(8),
      backend.random(100_000),
      backend.hash('sha256', key),
      backend.hmac('sha256', key)(key),
      backend.aesCtr(key, key).update(key),
      backend.x25519().publicKey,
      backend.ecdh('nistp256').publicKey,
      backend.modPow(key.fill(2), key, key.fill(3)),
    ])
      expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
  })

  test('random bytes are as many as asked for, fresh, and not shared with later ones', () => {
    for (const length of [0, 1, 16, 1024, 1025, 8192, 8193, 65_536, 65_537, 200_000])
      expect(backend.random(length)).toHaveLength(length)
    const seen = new Set<string>()
    for (let i = 0; i < 2000; i++) seen.add(hexEncode(backend.random(16)))
    expect(seen.size).toBe(2000)
    // Every byte of a long array is filled: a stretch of 32 zeros would come up once in 2^256.
    expect(hexEncode(backend.random(200_000))).not.toContain('00'.repeat(32))
    const kept = backend.random(32)
    const before = hexEncode(kept)
    for (let i = 0; i < 1000; i++) backend.random(32).fill(0)
    expect(hexEncode(kept)).toBe(before)
  })
})

describe('node and noble agree', () => {
  test('on hashes and macs', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...hashNames),
        bytes(1, 200),
        fc.array(bytes(0, 300), { maxLength: 4 }),
        (name, key, parts) => {
          expect(node.hash(name, ...parts)).toEqual(noble.hash(name, ...parts))
          expect(node.hmac(name, key)(...parts)).toEqual(noble.hmac(name, key)(...parts))
        },
      ),
    )
  })

  test('on aes-gcm', () => {
    fc.assert(
      fc.property(
        keySizes.chain((size) => bytes(size)),
        bytes(12),
        bytes(0, 40),
        bytes(0, 300),
        (key, nonce, aad, plain) => {
          const sealed = node.aesGcm(key).seal(nonce, aad, plain)
          expect(sealed).toEqual(noble.aesGcm(key).seal(nonce, aad, plain))
          expect(noble.aesGcm(key).open(nonce, aad, sealed.ciphertext, sealed.tag)).toEqual(plain)
        },
      ),
    )
  })

  test('on running aes-ctr, however it is cut, also around the end of the counter', () => {
    const ivs = fc.oneof(
      bytes(16),
      bytes(1).map((last) => concat(new Uint8Array(15).fill(0xff), last)),
    )
    fc.assert(
      fc.property(
        keySizes.chain((size) => bytes(size)),
        ivs,
        fc.array(bytes(0, 100), { maxLength: 8 }),
        (key, iv, chunks) => {
          const one = node.aesCtr(key, iv)
          const other = noble.aesCtr(key, iv)
          for (const chunk of chunks) expect(one.update(chunk)).toEqual(other.update(chunk))
        },
      ),
    )
  })

  test('on running aes-cbc, both directions', () => {
    const blocks = fc.integer({ min: 0, max: 5 }).chain((count) => bytes(count * 16))
    fc.assert(
      fc.property(
        keySizes.chain((size) => bytes(size)),
        bytes(16),
        fc.constantFrom('encrypt' as const, 'decrypt' as const),
        fc.array(blocks, { maxLength: 5 }),
        (key, iv, direction, chunks) => {
          const one = node.aesCbc(key, iv, direction)
          const other = noble.aesCbc(key, iv, direction)
          for (const chunk of chunks) expect(one.update(chunk)).toEqual(other.update(chunk))
        },
      ),
    )
  })
})

describe('node', () => {
  const { chacha20 } = node

  // RFC 8439 §2.4.2, whose 32-bit counter and 96-bit nonce fill the same 16 bytes.
  test.runIf(chacha20 !== undefined)('raw chacha20', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i)
    const start = hex('01000000 000000000000004a00000000')
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    const encrypt = (): string => hexEncode(chacha20?.(key, start, utf8Encode(text)) ?? new Uint8Array(0))
    const expected =
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d'
    expect(encrypt()).toBe(expected)
    expect(encrypt()).toBe(expected)
    key.fill(7)
    expect(encrypt()).not.toBe(expected)
  })
})
