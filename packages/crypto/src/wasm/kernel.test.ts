import { concat, hexDecode, hexEncode, utf8Encode } from '@hawser/wire'
import { poly1305 } from '@noble/ciphers/_poly1305.js'
import { chacha20 } from '@noble/ciphers/chacha.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { chooseKernel, packetKernel } from './load.ts'
import { type ChachaPolyExports, instantiate, layout } from './module.ts'
import { nobleKernel } from './noble-kernel.ts'
import { wasmKernel } from './wasm-kernel.ts'

const hex = (text: string): Uint8Array => hexDecode(text.replaceAll(' ', '')) as Uint8Array

const wasm = instantiate() as ChachaPolyExports
const memory = new Uint8Array(wasm.memory.buffer)
const kernel = wasmKernel(wasm)

/** The two primitives, each by WebAssembly and by noble. */
const primitives = [
  {
    name: 'wasm',
    chacha20: (key: Uint8Array, counter: number, nonce: Uint8Array, data: Uint8Array): Uint8Array => {
      const words = new DataView(nonce.buffer, nonce.byteOffset)
      memory.set(key, layout.keys)
      memory.set(data, layout.data)
      wasm.chacha20(
        data.length,
        counter,
        words.getUint32(0, true),
        words.getUint32(4, true),
        words.getUint32(8, true),
      )
      return memory.slice(layout.data, layout.data + data.length)
    },
    poly1305: (key: Uint8Array, data: Uint8Array): Uint8Array => {
      memory.set(key, layout.keys)
      memory.set(data, layout.data)
      wasm.beginMac()
      wasm.authenticate(data.length)
      wasm.finishTag()
      return memory.slice(layout.tag, layout.tag + 16)
    },
  },
  {
    name: 'noble',
    chacha20: (key: Uint8Array, counter: number, nonce: Uint8Array, data: Uint8Array): Uint8Array =>
      chacha20(key, nonce, data, undefined, counter),
    poly1305: (key: Uint8Array, data: Uint8Array): Uint8Array => poly1305(data, key),
  },
]
const [byWasm, byNoble] = primitives as [(typeof primitives)[0], (typeof primitives)[0]]

const counting = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
const zero32 = '00'.repeat(32)

describe.each(primitives)('RFC 8439 by $name', ({ chacha20: cipher, poly1305: mac }) => {
  test.each([
    {
      section: '2.3.2',
      key: counting,
      counter: 1,
      nonce: '000000090000004a00000000',
      plain: new Uint8Array(64),
      ciphertext:
        '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
        'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    },
    {
      section: '2.4.2',
      key: counting,
      counter: 1,
      nonce: '000000000000004a00000000',
      plain: utf8Encode(
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
      ),
      ciphertext:
        '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b' +
        'f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8' +
        '07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736' +
        '5af90bbf74a35be6b40b8eedf2785e42874d',
    },
    {
      section: 'A.1 #1',
      key: hex(zero32),
      counter: 0,
      nonce: '00'.repeat(12),
      plain: new Uint8Array(64),
      ciphertext:
        '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
        'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
    },
    {
      section: 'A.1 #2',
      key: hex(zero32),
      counter: 1,
      nonce: '00'.repeat(12),
      plain: new Uint8Array(64),
      ciphertext:
        '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    },
  ])('ChaCha20 §$section', ({ key, counter, nonce, plain, ciphertext }) => {
    expect(hexEncode(cipher(key, counter, hex(nonce), plain))).toBe(ciphertext)
  })

  test.each([
    [
      '§2.5.2',
      '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
      hexEncode(utf8Encode('Cryptographic Forum Research Group')),
      'a8061dc1305136c6c22b8baf0c0127a9',
    ],
    ['A.3 #1: all zero', zero32, '00'.repeat(64), '00'.repeat(16)],
    ['A.3 #5: the sum is not fully reduced', `02${'00'.repeat(31)}`, 'ff'.repeat(16), `03${'00'.repeat(15)}`],
    [
      'A.3 #6: the sum with s overflows',
      `02${'00'.repeat(15)}${'ff'.repeat(16)}`,
      `02${'00'.repeat(15)}`,
      `03${'00'.repeat(15)}`,
    ],
    [
      'A.3 #7: carries from limbs of ones',
      `01${'00'.repeat(31)}`,
      `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`,
      `05${'00'.repeat(15)}`,
    ],
    [
      'A.3 #8: the sum is 2^130 - 5',
      `01${'00'.repeat(31)}`,
      `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`,
      '00'.repeat(16),
    ],
    ['A.3 #9: the sum is 2^130 - 6', `02${'00'.repeat(31)}`, `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
    [
      'A.3 #10: carries in four blocks',
      '01000000000000000400000000000000 00000000000000000000000000000000',
      'e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000' +
        '0000000000000000000000000000000001000000000000000000000000000000',
      '14000000000000005500000000000000',
    ],
    [
      'A.3 #11: carries in three blocks',
      '01000000000000000400000000000000 00000000000000000000000000000000',
      'e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000',
      '13000000000000000000000000000000',
    ],
  ])('Poly1305 %s', (_name, key, data, tag) => {
    expect(hexEncode(mac(hex(key), hex(data)))).toBe(tag)
  })
})

describe('WebAssembly against noble', () => {
  const random = generator(1)

  test('ChaCha20 of every length to 600, with counters and nonces of all kinds', () => {
    for (let length = 0; length <= 600; length++) {
      const [key, nonce, data] = [random(32), random(12), random(length)]
      const counter = length % 3 === 0 ? 2 ** 31 + length : length
      expect(hexEncode(byWasm.chacha20(key, counter, nonce, data)), `${length} bytes`).toBe(
        hexEncode(byNoble.chacha20(key, counter, nonce, data)),
      )
    }
  })

  test('Poly1305 of every length to 600', () => {
    for (let length = 0; length <= 600; length++) {
      const [key, data] = [random(32), random(length)]
      expect(hexEncode(byWasm.poly1305(key, data)), `${length} bytes`).toBe(
        hexEncode(byNoble.poly1305(key, data)),
      )
    }
  })

  test.each([
    ['all ones', 0xff, 0xff],
    ['a key of ones', 0xff, 0],
    ['data of ones', 1, 0xff],
    ['data near the prime', 0xff, 0xfb],
  ])('Poly1305 with the largest carries: %s', (_name, keyByte, dataByte) => {
    const key = new Uint8Array(32).fill(keyByte)
    for (const length of [16, 63, 64, 191, 192, 255, 256, 320, 1024, 4095, 16_384, 60_000]) {
      const data = new Uint8Array(length).fill(dataByte)
      expect(hexEncode(byWasm.poly1305(key, data)), `${length} bytes`).toBe(
        hexEncode(byNoble.poly1305(key, data)),
      )
    }
  })

  const limit = kernel.whole?.limit ?? 0
  const lengths = [...Array.from({ length: 600 }, (_, at) => at + 5)]
  lengths.push(4095, 8192, 16_380, 16_384, 16_388, 16_400, 32_768, limit - 16, limit - 15, 100_003, 262_148)

  test.each(['in parts', 'as a whole'])('packets %s', (how) => {
    for (const length of lengths) {
      const [key, packet] = [random(64), random(length)]
      const seq = new DataView(random(4).buffer).getUint32(0)
      const ciphertext = nobleKernel.payload(key, seq, packet.subarray(4))
      const frame = new Uint8Array(20)
      nobleKernel.frame(key, seq, packet, ciphertext, frame)
      const sealed = concat(frame.subarray(0, 4), ciphertext, frame.subarray(4))
      const changed = Uint8Array.from(sealed)
      changed[seq % sealed.length] = (changed[seq % sealed.length] as number) ^ 0x80
      expect(kernel.packetLength(key, seq, sealed)).toBe(nobleKernel.packetLength(key, seq, sealed))
      expect(kernel.packetLength(key, seq, sealed)).toBe(new DataView(packet.buffer).getUint32(0))
      if (how === 'in parts') {
        const byParts = new Uint8Array(20)
        kernel.frame(key, seq, packet, ciphertext, byParts)
        expect(hexEncode(byParts), `${length} bytes`).toBe(hexEncode(frame))
        expect(same(kernel.payload(key, seq, packet.subarray(4)), ciphertext), `${length} bytes`).toBe(true)
        for (const one of [kernel, nobleKernel]) {
          expect(one.verify(key, seq, sealed)).toBe(true)
          expect(one.verify(key, seq, changed)).toBe(false)
        }
      } else if (sealed.length <= limit) {
        const to = new Uint8Array(sealed.length)
        kernel.whole?.seal(key, seq, packet, to)
        expect(same(to, sealed), `${length} bytes`).toBe(true)
        expect(same(kernel.whole?.open(key, seq, sealed) ?? to, packet.subarray(4))).toBe(true)
        expect(kernel.whole?.open(key, seq, changed)).toBeUndefined()
      }
    }
  })

  test('no key, key stream or clear payload stays in the memory', () => {
    const [key, packet] = [random(64), random(3000)]
    const to = new Uint8Array(3016)
    const stays = (): boolean => {
      const all = hexEncode(memory)
      const stream = hexEncode(nobleKernel.payload(key, 5, new Uint8Array(128)).subarray(64))
      const secrets = [key.subarray(0, 8), key.subarray(32, 40), packet.subarray(100, 108)].map((part) =>
        hexEncode(part),
      )
      return [...secrets, stream].some((secret) => all.includes(secret))
    }
    kernel.whole?.seal(key, 5, packet, to)
    expect(stays()).toBe(false)
    kernel.whole?.open(key, 5, to)
    expect(stays()).toBe(false)
    kernel.packetLength(key, 5, to)
    expect(stays()).toBe(false)
    kernel.payload(key, 5, to.subarray(4, 3000))
    expect(stays()).toBe(false)
    kernel.verify(key, 5, to)
    kernel.frame(key, 5, packet, to.subarray(4, 3000), new Uint8Array(20))
    expect(stays()).toBe(false)
    // The test itself can see.
    memory.set(key, 2000)
    expect(stays()).toBe(true)
    memory.fill(0, 2000, 2064)
  })
})

describe('which kernel is taken', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  test('WebAssembly where it works, once for all', () => {
    expect(chooseKernel().name).toBe('wasm')
    expect(packetKernel()).toBe(packetKernel())
  })

  test('noble where there is no WebAssembly', () => {
    vi.stubGlobal('WebAssembly', undefined)
    expect(chooseKernel().name).toBe('noble')
  })

  test('noble where compiling is forbidden or SIMD is unknown', () => {
    const refused = {
      Module: class {
        constructor() {
          throw new Error('refused to compile: unsafe-eval is not allowed')
        }
      },
    }
    vi.stubGlobal('WebAssembly', refused)
    expect(chooseKernel().name).toBe('noble')
  })
})

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at])
}

/** The same bytes in every run. */
function generator(seed: number): (length: number) => Uint8Array {
  let state = seed
  return (length) =>
    new Uint8Array(length).map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    })
}
