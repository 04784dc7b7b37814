/** Published vectors, hostile values and agreement of both backends: signatures and keys. */

import { bigintToBytes, bytesToBigint, concat, hexDecode, hexEncode, utf8Encode } from '@hawser/wire'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as node } from './backend.node.ts'
import type { Backend, CurveName, HashName, PrivateKeyParts, PublicKeyParts } from './backend.ts'
import { curves } from './curves.ts'
import { pkcs1Encode, rsaPrivate, rsaSign } from './rsa.ts'

const hex = (text: string): Uint8Array => {
  const bytes = hexDecode(text)
  if (bytes === undefined) throw new Error(`bad hex in a test: ${text}`)
  return bytes
}
const backends = [node, noble] as const
const rsa2048 = await node.generateKey({ type: 'rsa', bits: 2048 })
if (rsa2048.type !== 'rsa') throw new Error('not an RSA key')

afterEach(() => vi.unstubAllGlobals())

interface EcdsaVector {
  readonly curve: CurveName
  readonly hash: HashName
  readonly scalar: string
  readonly x: string
  readonly y: string
  readonly r: string
  readonly s: string
}

/** RFC 6979 appendix A.2.5, A.2.6, A.2.7: the message "sample" with the hash of the curve's size. */
const ecdsaVectors: readonly EcdsaVector[] = [
  {
    curve: 'nistp256',
    hash: 'sha256',
    scalar: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    x: '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6',
    y: '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    r: 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
    s: 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  },
  {
    curve: 'nistp384',
    hash: 'sha384',
    scalar:
      '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    x: 'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13',
    y: '8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
    r: '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
    s: '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  },
  {
    curve: 'nistp521',
    hash: 'sha512',
    scalar:
      '00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538',
    x: '01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4',
    y: '00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5',
    r: '00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa',
    s: '00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a',
  },
]

const pointOf = ({ x, y }: EcdsaVector): Uint8Array => hex(`04${x}${y}`)
const ecdsaPublic = (vector: EcdsaVector): PublicKeyParts => ({
  type: 'ecdsa',
  curve: vector.curve,
  publicKey: pointOf(vector),
})

describe.each(backends)('$name', (backend) => {
  // RFC 8032 §7.1, tests 1, 2, 3 and SHA(abc).
  test.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
    [
      '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ],
  ])('ed25519 %s', async (seed, publicKey, message, signature) => {
    const key = { type: 'ed25519', seed: hex(seed), publicKey: hex(publicKey) } as const
    expect(hexEncode(backend.publicFromPrivate(key))).toBe(publicKey)
    expect(hexEncode(await backend.signer(key)('sha512', hex(message)))).toBe(signature)
    expect(backend.verifier(key)('sha512', hex(message), hex(signature))).toBe(true)
  })

  // Wycheproof eddsa: S at and above the order, special values of R and S, cut and lengthened signatures.
  test('ed25519 refuses edge values', () => {
    const publicKey = hex('7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa')
    const check = backend.verifier({ type: 'ed25519', publicKey })
    const values = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
      'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
      `ed${'ff'.repeat(30)}7f`,
    ]
    for (const r of values)
      for (const s of values) expect(check('sha512', hex('3f'), hex(r + s)), r + s).toBe(false)

    const good = hex(
      '657c1492402ab5ce03e2c3a7f0384d051b9cf3570f1207fc78c1bcc98c281c2bf0cf5b3a289976458a1be6277a5055545253b45b07dcc1abd96c8b989c00f301',
    )
    const message = utf8Encode('123400')
    expect(check('sha512', message, good)).toBe(true)
    // S + L is the same number modulo the order and must not pass for it (RFC 8032 §5.1.7).
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const s = bytesToBigint(good.slice(32).reverse()) + order
    expect(check('sha512', message, concat(good.slice(0, 32), bigintToBytes(s, 32).reverse()))).toBe(false)
    for (const length of [0, 1, 32, 63]) expect(check('sha512', message, good.slice(0, length))).toBe(false)
    expect(check('sha512', message, concat(good, Uint8Array.of(0)))).toBe(false)
    expect(check('sha512', utf8Encode('123401'), good)).toBe(false)
  })

  test.each(ecdsaVectors)('ecdsa $curve', (vector) => {
    const scalar = hex(vector.scalar)
    expect(backend.publicFromPrivate({ type: 'ecdsa', curve: vector.curve, scalar })).toEqual(pointOf(vector))
    const check = backend.verifier(ecdsaPublic(vector))
    const signature = hex(vector.r + vector.s)
    expect(check(vector.hash, utf8Encode('sample'), signature)).toBe(true)
    expect(check(vector.hash, utf8Encode('samplf'), signature)).toBe(false)
    // (r, n - s) is the other form of the same signature, which SSH does not forbid.
    const { order, size } = curves[vector.curve]
    const otherS = bigintToBytes(order - bytesToBigint(hex(vector.s)), size)
    expect(check(vector.hash, utf8Encode('sample'), concat(hex(vector.r), otherS))).toBe(true)
  })

  // Wycheproof ecdsa p1363: values outside of 1 … n - 1, whether in r, in s or in both.
  test.each(ecdsaVectors)('ecdsa $curve refuses edge values of r and s', (vector) => {
    const { order, size } = curves[vector.curve]
    const check = backend.verifier(ecdsaPublic(vector))
    const message = utf8Encode('sample')
    const top = (1n << BigInt(size * 8)) - 1n
    const values = [0n, 1n, order - 1n, order, order + 1n, top].map((value) => bigintToBytes(value, size))
    for (const r of values)
      for (const s of values)
        expect(check(vector.hash, message, concat(r, s)), hexEncode(concat(r, s))).toBe(false)
    for (const value of values) {
      expect(check(vector.hash, message, concat(hex(vector.r), value))).toBe(false)
      expect(check(vector.hash, message, concat(value, hex(vector.s)))).toBe(false)
    }
    const good = concat(hex(vector.r), hex(vector.s))
    for (const signature of [
      new Uint8Array(0),
      good.slice(0, -1),
      good.slice(1),
      concat(good, Uint8Array.of(0)),
      concat(Uint8Array.of(0), hex(vector.r), Uint8Array.of(0), hex(vector.s)),
    ])
      expect(check(vector.hash, message, signature)).toBe(false)
  })

  test.each(ecdsaVectors)('ecdsa $curve refuses keys that are no points', (vector) => {
    const good = pointOf(vector)
    const { size, order } = curves[vector.curve]
    const offCurve = good.slice()
    offCurve[2 * size] = (offCurve[2 * size] as number) ^ 1
    const hybrid = good.slice()
    hybrid[0] = 6 + ((good[2 * size] as number) & 1)
    const compressed = good.slice(0, 1 + size)
    compressed[0] = 2 + ((good[2 * size] as number) & 1)
    const zero = new Uint8Array(good.length)
    zero[0] = 4
    for (const publicKey of [
      offCurve,
      hybrid,
      compressed,
      zero,
      Uint8Array.of(0),
      new Uint8Array(0),
      good.slice(0, -1),
      concat(good, Uint8Array.of(0)),
    ])
      expect(
        () => backend.verifier({ type: 'ecdsa', curve: vector.curve, publicKey }),
        hexEncode(publicKey),
      ).toThrow(RangeError)
    const publicOf = (scalar: Uint8Array) => () =>
      backend.publicFromPrivate({ type: 'ecdsa', curve: vector.curve, scalar })
    for (const value of [0n, order, order + 1n])
      expect(publicOf(bigintToBytes(value, size))).toThrow(RangeError)
    expect(publicOf(new Uint8Array(size - 1).fill(1))).toThrow(RangeError)
    expect(publicOf(new Uint8Array(size + 1).fill(1))).toThrow(RangeError)
    expect(publicOf(bigintToBytes(order - 1n, size))()).toHaveLength(1 + 2 * size)
  })

  // Wycheproof rsa_signature_2048_sha256, tests 1, 4, 8 and 9.
  const wycheproofRsa = {
    type: 'rsa',
    n: hex(
      'a2b451a07d0aa5f96e455671513550514a8a5b462ebef717094fa1fee82224e637f9746d3f7cafd31878d80325b6ef5a1700f65903b469429e89d6eac8845097b5ab393189db92512ed8a7711a1253facd20f79c15e8247f3d3e42e46e48c98e254a2fe9765313a03eff8f17e1a029397a1fa26a8dce26f490ed81299615d9814c22da610428e09c7d9658594266f5c021d0fceca08d945a12be82de4d1ece6b4c03145b5d3495d4ed5411eb878daf05fd7afc3e09ada0f1126422f590975a1969816f48698bcbba1b4d9cae79d460d8f9f85e7975005d9bc22c4e5ac0f7c1a45d12569a62807d3b9a02e5a530e773066f453d1f5b4c2e9cf7820283f742b9d5',
    ),
    e: hex('010001'),
  } as const
  test.each([
    [
      'valid',
      '',
      '840f5dac53106dd1f9c57219224cf51289290c42f20466875ba8e830ac5690e541536fcc8ab03b731f82bf66d83f194e7e180b3963ec7a2f3f7904a7ce49aed47da4d4b79421eaf937d301b3e696169297b797c32c076a12be4de0b58e003c5123051a84a10c62f8dac2f42a8640008eb3c7cccd6760ff5b51b689763922582845f048fb8150e5a7a6ca2eccc7bdc85349ad5b26c52137a79fa3fe5c29ab5cd7615013219c1941b6708e9c3c23feff5febaf0c8ebca5750b54e3e6e99a3e876b396f27860b7f3ec4e9191703c6332d944f6f69751167680c79c4f6b57f1cc8755d24b6ec158ccdbacdb23107a33cb6b332516c13274d1f9dccc21dced869e486',
    ],
    [
      'valid',
      '313233343030',
      '1758eb94588e6fc4f50c1be1afcaa41027869f304cad513b1fb12c2f446d63cdc05c4830a7e3e630da7b2da4f7867cc173bf6420f9732277282596de41ded32e21d0cc31441174da8765f57419c7764ea758f55bc17646eb100c435d1ac0eed6fc7ba6de5f832094ee2f479979765e05ac9976788db3c241a9e32a0da864f0019a87646ba623d63f4411af5dee1be9ec488c7e3e1b231479de70b9ac5f78a17b1f4120aece45f26c07e7bb345fdfeb05e14bcaacc614672a465fc523624cb19f66f9c6c3f642b832ca44cb25176d679f0e05606c3fed022cac24c2bf960a406d48818e3eb7ed53b0446032469047dfed95fc18088c92d91d93722c47f88163a8',
    ],
    [
      'without the NULL of the algorithm',
      '313233343030',
      '095dad1fd82bcd36652a381b7f4dd656bd89b40aa58b56da4f6aa8247874b935e65d2b86752d537df7103884d39dd9ad3d65f87404526b09094c5615c6249979b0dc58d2199ae8696a5b76b4bb03eaf08c2ab6aec686c6b1b289c9b44f648bd30cb1ac6a64a73d68e59cd05e7aa1b780f4bfd7b83dfe3b884ec11821a93dc5bbb47a00eea4557b6b96b5656276001f1f295ddbbbc511a99b9a665b9c2674c8af0d812286d0be3ce74817ba2cad283757de35dfb149f2835f60cb03ff155524a57f78b148feceb84cd20b0ae22e3e48f433fbd9bfd60be8afec93165ee0310be961d3695f309d031320c830aa6ba08b5a51d943797097c57630be391bd23736cc',
    ],
    [
      'with a length in long form',
      '313233343030',
      '8a0e82d4f334aca72a718b6f8f643f69c6048d619d5eba71263a5d2d3ac7a7af133b780c7595ca2c982c006e861948f543cd0210c758691f9626842c25de2843ea314ca8eff285d47e0cffa54180af416004017034962a80a5959c3d3f1bfc154a4824462a93c014f6dfe920824f414a6e30e0e5944d480b99949ec7bf64c4a7461575933b17d7d6b0178b5192392ace3ed8469e8ac1dacae51ad5d3ad73dcb213e056d04596e64d8c0703def3110c7cecc93ba8ac8059f0f3d66b89d8712c62b41d407e4b4a104f4569558b0290c213cad6d0653898b9df8f4a453ab07d13bfb7598d505abbd0c4987e4f1ac66e1a523e113e370ab7cf990f0cc63f50f4f0a4',
    ],
  ])('rsa signature %s', (what, message, signature) => {
    expect(backend.verifier(wycheproofRsa)('sha256', hex(message), hex(signature))).toBe(what === 'valid')
  })

  test('rsa takes one padding only', () => {
    const key = rsaPrivate(rsa2048)
    const check = backend.verifier(rsa2048)
    const message = utf8Encode('message')
    const digest = node.hash('sha256', message)
    const good = pkcs1Encode('sha256', digest, 256)
    const sign = (encoded: Uint8Array): Uint8Array => rsaSign(key, encoded, node.random)
    expect(check('sha256', message, sign(good))).toBe(true)
    expect(check('sha512', message, sign(good))).toBe(false)
    expect(check('sha256', message, sign(pkcs1Encode('sha1', node.hash('sha1', message), 256)))).toBe(false)

    const at = (index: number, value: number): Uint8Array => {
      const changed = good.slice()
      changed[index] = value
      return changed
    }
    const info = good.slice(good.indexOf(0, 2) + 1)
    const short = new Uint8Array(256)
    short.set(concat(Uint8Array.of(0, 1), new Uint8Array(8).fill(0xff), Uint8Array.of(0), info))
    const digestOnly = new Uint8Array(256).fill(0xff)
    digestOnly.set([0, 1])
    digestOnly.set(concat(Uint8Array.of(0), digest), 256 - 33)
    for (const [what, encoded] of [
      ['block type 0', at(1, 0)],
      ['block type 2', at(1, 2)],
      ['padding with another byte', at(2, 0xfe)],
      ['padding that ends early', at(20, 0)],
      ['no zero behind the padding', at(256 - info.length - 1, 0xff)],
      ['another digest', at(255, (good[255] as number) ^ 1)],
      ['bytes behind a short padding', short],
      ['no DigestInfo', digestOnly],
    ] as const)
      expect(check('sha256', message, sign(encoded)), what).toBe(false)
  })

  test('rsa refuses signatures of another length or value', () => {
    const check = backend.verifier(rsa2048)
    const n = bytesToBigint(rsa2048.n)
    const message = utf8Encode('message')
    const good = rsaSign(
      rsaPrivate(rsa2048),
      pkcs1Encode('sha256', node.hash('sha256', message), 256),
      node.random,
    )
    expect(check('sha256', message, good)).toBe(true)
    expect(check('sha256', message, concat(Uint8Array.of(0), good))).toBe(false)
    expect(check('sha256', message, good.slice(0, -1))).toBe(false)
    expect(check('sha256', message, new Uint8Array(0))).toBe(false)
    for (const value of [0n, 1n, n - 1n, n])
      expect(check('sha256', message, bigintToBytes(value, 256))).toBe(false)
    expect(check('sha256', message, new Uint8Array(256).fill(0xff))).toBe(false)
    const more = bytesToBigint(good) + n
    if (more < 1n << 2048n) expect(check('sha256', message, bigintToBytes(more, 256))).toBe(false)
  })

  test('rsa refuses keys that are none', () => {
    const { n, e } = rsa2048
    const odd = (bits: number): Uint8Array => bigintToBytes((1n << BigInt(bits - 1)) + 1n)
    const even = n.slice()
    even[even.length - 1] = (even[even.length - 1] as number) & 0xfe
    for (const [what, key] of [
      ['exponent 0', { n, e: new Uint8Array(0) }],
      ['exponent 1', { n, e: Uint8Array.of(1) }],
      ['even exponent', { n, e: Uint8Array.of(1, 0, 0) }],
      ['exponent as large as the modulus', { n, e: n }],
      ['even modulus', { n: even, e }],
      ['modulus of 512 bits', { n: odd(512), e }],
      ['modulus of 1023 bits', { n: odd(1023), e }],
      ['modulus of 16,385 bits', { n: odd(16_385), e }],
      ['modulus of a million bits', { n: new Uint8Array(125_000).fill(0xff), e }],
      ['a long exponent for a long modulus', { n: odd(4096), e: odd(65) }],
      ['empty modulus', { n: new Uint8Array(0), e }],
    ] as const)
      expect(() => backend.verifier({ type: 'rsa', ...key }), what).toThrow(RangeError)
    expect(() => backend.verifier({ type: 'rsa', n: odd(16_384), e })).not.toThrow()
  })

  test('halves of keys that do not belong together are refused', async () => {
    for (const spec of [{ type: 'ed25519' }, { type: 'ecdsa', curve: 'nistp256' }] as const) {
      const one = await backend.generateKey(spec)
      const other = await backend.generateKey(spec)
      if (one.type === 'rsa' || other.type === 'rsa') throw new Error('not the key that was asked for')
      expect(() => backend.signer({ ...one, publicKey: other.publicKey })).toThrow(RangeError)
    }
    const change = (bytes: Uint8Array): Uint8Array => {
      const changed = bytes.slice()
      changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 2
      return changed
    }
    for (const part of ['n', 'e', 'd', 'p', 'q', 'iqmp'] as const)
      expect(() => backend.signer({ ...rsa2048, [part]: change(rsa2048[part]) }), part).toThrow(RangeError)
    // A private exponent that is right modulo one of p - 1 and q - 1 only.
    for (const part of ['p', 'q'] as const) {
      const d = bigintToBytes(bytesToBigint(rsa2048.d) + bytesToBigint(rsa2048[part]) - 1n)
      expect(() => backend.signer({ ...rsa2048, d: d.subarray(-256) }), part).toThrow(RangeError)
    }
    expect(() => backend.signer({ ...rsa2048, p: Uint8Array.of(1), q: rsa2048.n })).toThrow(RangeError)
    expect(() => backend.signer({ ...rsa2048, p: new Uint8Array(0), q: new Uint8Array(0) })).toThrow(
      RangeError,
    )
  })

  test('raw keys of the wrong length are refused', () => {
    for (const length of [0, 31, 33]) {
      const bad = new Uint8Array(length)
      expect(() => backend.verifier({ type: 'ed25519', publicKey: bad })).toThrow(RangeError)
      expect(() => backend.publicFromPrivate({ type: 'ed25519', seed: bad })).toThrow(RangeError)
    }
  })

  test('sizes of new rsa keys are bounded', async () => {
    for (const bits of [0, 512, 1023, 2047, 16_392, Number.NaN, 2048.5])
      await expect(backend.generateKey({ type: 'rsa', bits })).rejects.toThrow(RangeError)
  })
})

const pairs: readonly (readonly [Backend, Backend])[] = backends.flatMap((maker) =>
  backends.map((checker) => [maker, checker] as const),
)
const specs = [
  { type: 'ed25519' },
  { type: 'ecdsa', curve: 'nistp256' },
  { type: 'ecdsa', curve: 'nistp384' },
  { type: 'ecdsa', curve: 'nistp521' },
  { type: 'rsa', bits: 2048 },
] as const

describe.each(pairs.map(([maker, checker]) => ({ maker, checker })))(
  '$maker.name makes keys and signs, $checker.name checks',
  ({ maker, checker }) => {
    test.each(specs)('%j', async (spec) => {
      const key: PrivateKeyParts = await maker.generateKey(spec)
      const data = maker.random(100)
      if (key.type !== 'rsa') expect(checker.publicFromPrivate(key)).toEqual(key.publicKey)
      const check = checker.verifier(key)
      const hashes: readonly HashName[] = ['sha1', 'sha256', 'sha384', 'sha512']
      for (const hash of hashes) {
        const signature = await maker.signer(key)(hash, data)
        expect(check(hash, data, signature)).toBe(true)
        for (let at = 0; at < signature.length; at += 31) {
          const changed = signature.slice()
          changed[at] = (changed[at] as number) ^ 0x40
          expect(check(hash, data, changed)).toBe(false)
        }
        // The other backend signs with the same parts.
        expect(maker.verifier(key)(hash, data, await checker.signer(key)(hash, data))).toBe(true)
      }
    })
  },
)

describe('noble without WebCrypto', () => {
  test('signs with rsa by itself, to the same signature', async () => {
    const data = utf8Encode('data')
    const expected = await node.signer(rsa2048)('sha512', data)
    expect(await noble.signer(rsa2048)('sha512', data)).toEqual(expected)
    vi.stubGlobal('crypto', { getRandomValues: fillFrom(node) })
    const signed = noble.signer(rsa2048)('sha512', data)
    expect(signed).toBeInstanceOf(Uint8Array)
    expect(signed).toEqual(expected)
  })

  test('says what is missing', async () => {
    vi.stubGlobal('crypto', { getRandomValues: fillFrom(node) })
    await expect(noble.generateKey({ type: 'rsa', bits: 2048 })).rejects.toThrow(/crypto\.subtle/)
    vi.stubGlobal('crypto', undefined)
    expect(() => noble.random(1)).toThrow(/getRandomValues/)
  })
})

test('a signature by BigInt that came out wrong is not given away', () => {
  const key = rsaPrivate(rsa2048)
  const encoded = pkcs1Encode('sha256', node.hash('sha256', utf8Encode('data')), 256)
  expect(() => rsaSign({ ...key, dq: key.dq + 2n }, encoded, node.random)).toThrow(/came out wrong/)
  expect(rsaSign(key, encoded, node.random)).toHaveLength(256)
})

test('both sign with md5 by rsa, which WebCrypto does not know', async () => {
  const data = utf8Encode('data')
  expect(await noble.signer(rsa2048)('md5', data)).toEqual(await node.signer(rsa2048)('md5', data))
})

test('noble signs with fresh nonces', async () => {
  const key = await noble.generateKey({ type: 'ecdsa', curve: 'nistp256' })
  const sign = noble.signer(key)
  const data = utf8Encode('data')
  expect(await sign('sha256', data)).not.toEqual(await sign('sha256', data))
})

function fillFrom(backend: Backend): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    bytes.set(backend.random(bytes.length))
    return bytes
  }
}
