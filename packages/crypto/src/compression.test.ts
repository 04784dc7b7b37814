import { constants, createDeflate, deflateSync, inflateSync } from 'node:zlib'
import { concat, DisconnectReason, equal, utf8Encode } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CompressionAlgorithm, Compressor, Decompressor } from './algorithm.ts'
import { compressions } from './compression.ts'
import { CompressionError } from './errors.ts'

const limit = 262_144
const algorithm = (name: string) => compressions.find((each) => each.name === name) as CompressionAlgorithm
const zlib = algorithm('zlib')
const deflater = () => (zlib.compressor as () => Compressor)()
const inflater = () => (zlib.decompressor as () => Decompressor)()
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

/** Bytes that do not compress, the same each time. */
function noise(length: number): Uint8Array {
  const out = new Uint8Array(length)
  let state = 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    out[at] = state >>> 24
  }
  return out
}

/** What comes before the end: a flush, as SSH has it, and not the end of the stream. */
const flushed = { finishFlush: constants.Z_PARTIAL_FLUSH }
const deflated = (plain: Uint8Array) => new Uint8Array(deflateSync(plain, flushed))

/** Much faster than toEqual where there are many bytes. */
function expectSame(given: Uint8Array, wanted: Uint8Array): void {
  expect(given.length).toBe(wanted.length)
  expect(equal(given, wanted)).toBe(true)
}

function failureOf(act: () => unknown): CompressionError {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(CompressionError)
    return error as CompressionError
  }
  throw new Error('nothing was thrown')
}

test('which there are, and how they stand', () => {
  expect(compressions.map(({ name, delayed, insecure }) => [name, delayed, insecure ?? false])).toEqual([
    ['none', false, false],
    ['zlib@openssh.com', true, false],
    ['zlib', false, true],
  ])
  expect(algorithm('none').compressor).toBeUndefined()
  expect(algorithm('none').decompressor).toBeUndefined()
})

describe('known streams', () => {
  const hello = utf8Encode('Hello')
  /** The blocks of RFC 7692 §7.2.3, each with the empty stored block that ends it there. */
  const blocks = {
    'fixed codes': 'f2 48 cd c9 c9 07 00 00 00 ff ff',
    'a stored block': '00 05 00 fa ff 48 65 6c 6c 6f 00 00 00 ff ff',
    'a block in two fragments': 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00 00 00 ff ff',
  }
  for (const [what, block] of Object.entries(blocks))
    test(what, () => expect(inflater().decompress(bytes(`78 9c ${block}`), limit)).toEqual(hello))

  test('what was said before is remembered', () => {
    const stream = inflater()
    expect(stream.decompress(bytes('78 9c f2 48 cd c9 c9 07 00 00 00 ff ff'), limit)).toEqual(hello)
    expect(stream.decompress(bytes('f2 00 11 00 00 00 00 ff ff'), limit)).toEqual(hello)
  })

  test('dynamic codes, and every level and window of zlib', () => {
    const plain = utf8Encode('to be or not to be, that is the question; '.repeat(200) + 'x'.repeat(70_000))
    for (const level of [0, 1, 6, 9])
      for (const windowBits of [9, 15]) {
        const packet = new Uint8Array(deflateSync(plain, { ...flushed, level, windowBits }))
        expectSame(inflater().decompress(packet, limit), plain)
      }
  })
})

describe('packets through one stream', () => {
  const payloads = [
    Uint8Array.of(21),
    utf8Encode('a short one'),
    utf8Encode('a short one'),
    noise(32_777),
    utf8Encode('much the same '.repeat(18_000)),
    noise(200_000),
    utf8Encode('a short one'),
  ]

  test('zlib reads what we write', () => {
    const stream = deflater()
    const all = concat(...payloads.map((payload) => stream.compress(payload).slice()))
    const read = inflateSync(all, { finishFlush: constants.Z_SYNC_FLUSH })
    expectSame(new Uint8Array(read), concat(...payloads))
  })

  for (const flush of [constants.Z_PARTIAL_FLUSH, constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH])
    test(`we read what zlib writes with flush ${flush}, packet by packet`, async () => {
      const stream = inflater()
      const peer = createDeflate({ flush })
      const written: Buffer[] = []
      peer.on('data', (chunk: Buffer) => void written.push(chunk))
      for (const payload of payloads) {
        await new Promise((resolve) => void peer.write(payload, resolve))
        const packet = new Uint8Array(Buffer.concat(written.splice(0)))
        expectSame(stream.decompress(packet, limit), payload)
      }
      peer.destroy()
    })

  test('any payloads, whole or as head and body, come back one by one', () => {
    const payload = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.tuple(fc.nat(40_000), fc.nat(255)).map(([length, byte]) => new Uint8Array(length + 1).fill(byte)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(payload, fc.nat(20)), { minLength: 1, maxLength: 12 }), (packets) => {
        const [out, back] = [deflater(), inflater()]
        for (const [plain, cut] of packets) {
          const packet =
            cut === 0 ? out.compress(plain) : out.compress(plain.subarray(0, cut), plain.subarray(cut))
          expectSame(back.decompress(packet, limit), plain)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('what was given out stays as it is', () => {
    const [out, back] = [deflater(), inflater()]
    const first = back.decompress(out.compress(noise(1_000)), limit)
    back.decompress(out.compress(new Uint8Array(60_000)), limit)
    expect(first).toEqual(noise(1_000))
  })

  test('repetition gets small', () => {
    const stream = deflater()
    stream.compress(noise(10_000))
    expect(stream.compress(noise(10_000)).length).toBeLessThan(200)
  })
})

describe('hostile streams', () => {
  test('up to the limit, and not a byte more', () => {
    const bomb = deflated(new Uint8Array(35_000))
    expectSame(inflater().decompress(bomb, 35_000), new Uint8Array(35_000))
    expect(failureOf(() => inflater().decompress(bomb, 34_999))).toMatchObject({
      code: 'SSH_LIMIT_DECOMPRESSED',
      disconnectReason: DisconnectReason.compressionError,
      message: `a packet of ${bomb.length} bytes inflates to more than 34999 bytes`,
    })
  })

  test('a bomb is left before it is inflated', () => {
    const bomb = deflated(new Uint8Array(64 * 1_048_576))
    expect(bomb.length).toBeLessThan(limit)
    const before = process.memoryUsage().arrayBuffers
    expect(failureOf(() => inflater().decompress(bomb, limit)).code).toBe('SSH_LIMIT_DECOMPRESSED')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1_048_576)
  })

  test('what inflates to nothing gives nothing', () => {
    expect(inflater().decompress(new Uint8Array(0), limit)).toEqual(new Uint8Array(0))
    expect(inflater().decompress(deflated(new Uint8Array(0)), limit)).toEqual(new Uint8Array(0))
  })

  const plain = utf8Encode('some words, some more words')
  const refused: readonly [what: string, packet: Uint8Array, why: RegExp][] = [
    ['a stream that ends', new Uint8Array(deflateSync(plain)), /stream ends/],
    ['bytes behind the end', concat(new Uint8Array(deflateSync(plain)), plain), /stream ends/],
    ['a wrong checksum', bytes('78 9c 01 01 00 fe ff 41 00 00 00 00'), /incorrect data check/],
    [
      'a preset dictionary',
      new Uint8Array(deflateSync(plain, { ...flushed, dictionary: plain })),
      /dictionary/,
    ],
    ['no header', plain, /incorrect header check/],
    ['gzip', bytes('1f 8b 08 00 00 00 00 00 00 03'), /incorrect header check/],
    ['another method', bytes('79 01'), /./],
    ['a window that is too large', bytes('88 1c'), /invalid window size/],
    ['a block of no type', bytes('78 9c 06'), /invalid block type/],
    ['a stored block of two lengths', bytes('78 9c 00 05 00 05 00 41'), /invalid stored block lengths/],
    ['a distance before the beginning', bytes('78 9c 02 02 00 00'), /too far back/],
  ]
  for (const [what, packet, why] of refused)
    test(what, () => {
      const stream = inflater()
      const error = failureOf(() => stream.decompress(packet, limit))
      expect(error.message).toMatch(why)
      expect(error).toMatchObject({
        code: 'SSH_COMPRESSION_ERROR',
        disconnectReason: DisconnectReason.compressionError,
      })
      expect(failureOf(() => stream.decompress(deflated(plain), limit)).message).toMatch(/after it broke/)
    })

  test('garbage behind a flush is no stream', () => {
    expect(
      failureOf(() => inflater().decompress(concat(deflated(plain), bytes('ff ff ff ff')), limit)).code,
    ).toBe('SSH_COMPRESSION_ERROR')
  })

  test('a packet that was cut gives a beginning or nothing, never something else', () => {
    const whole = deflated(plain)
    for (let cut = 0; cut < whole.length - 2; cut++) {
      const read = inflater().decompress(whole.subarray(0, cut), limit)
      expect(read).toEqual(plain.subarray(0, read.length))
    }
    expect(inflater().decompress(whole.subarray(0, 10), limit).length).toBeLessThan(plain.length)
  })

  test('any bytes: an error of ours or at most the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (junk, header) => {
        try {
          const packet = header ? concat(bytes('78 9c'), junk) : junk
          expect(inflater().decompress(packet, 1_000).length).toBeLessThanOrEqual(1_000)
        } catch (error) {
          if (!(error instanceof CompressionError)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})
