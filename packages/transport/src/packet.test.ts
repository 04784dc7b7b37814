import { defaultProvider, MacError, type PacketOpener, type PacketSealer } from '@hawser/crypto'
import { ByteQueue, concat, equal, noBytes, ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { LimitError } from './errors.ts'
import { PacketReader, PacketWriter } from './packet.ts'
import { seeded } from './testing/kit.ts'

const { backend, ciphers, macs } = defaultProvider

interface Shape {
  readonly name: string
  readonly sealer?: () => PacketSealer
  readonly opener?: () => PacketOpener
}

/** Every cipher with every MAC, and no keys at all. */
const shapes: Shape[] = [{ name: 'no keys' }]
for (const cipher of ciphers)
  for (const mac of cipher.aead ? [undefined] : macs) {
    const random = seeded(3)
    const keys = {
      iv: random(cipher.ivSize),
      key: random(cipher.keySize),
      macKey: random(mac?.keySize ?? 0),
    }
    shapes.push({
      name: `${cipher.name} ${mac?.name ?? ''}`,
      sealer: () => cipher.sealer(backend, keys, mac),
      opener: () => cipher.opener(backend, keys, mac),
    })
  }

function ends(shape: Shape): { writer: PacketWriter; reader: PacketReader; queue: ByteQueue } {
  const writer = new PacketWriter(backend)
  const reader = new PacketReader(backend)
  if (shape.sealer !== undefined) writer.use(shape.sealer(), undefined, true)
  if (shape.opener !== undefined) reader.use(shape.opener(), undefined, true)
  reader.limit = 262_144
  return { writer, reader, queue: new ByteQueue() }
}

const sizes = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 32, 33, 255, 1000, 4096, 32_768, 200_000,
]

describe.each(shapes)('$name', (shape) => {
  test('carries payloads of all sizes, in order, whole and in two parts', () => {
    const { writer, reader, queue } = ends(shape)
    const random = seeded(4)
    const sent: Uint8Array[] = []
    const out: Uint8Array[] = []
    for (const size of sizes) {
      const payload = random(size)
      sent.push(payload)
      const cut = Math.min(9, size - 1)
      const before = out.length
      const bytes =
        size % 2 === 0
          ? writer.write(payload, undefined, out)
          : writer.write(payload.subarray(0, cut), payload.subarray(cut), out)
      expect(bytes).toBe(concat(...out.slice(before)).length)
      expect(bytes).toBeGreaterThanOrEqual(16)
    }
    for (const piece of out) queue.push(piece)
    for (const payload of sent) expect(equal(reader.read(queue) ?? noBytes, payload)).toBe(true)
    expect(reader.read(queue)).toBeUndefined()
    expect(reader.seq).toBe(sizes.length)
    expect(reader.packets).toBe(writer.packets)
    expect(reader.bytes).toBe(writer.bytes)
  })

  test('carries payloads byte by byte', () => {
    const { writer, reader, queue } = ends(shape)
    const out: Uint8Array[] = []
    const payload = seeded(5)(100)
    writer.write(payload, undefined, out)
    const bytes = concat(...out)
    for (const [at, byte] of bytes.entries()) {
      queue.push(Uint8Array.of(byte))
      expect(reader.read(queue)).toEqual(at === bytes.length - 1 ? payload : undefined)
    }
  })

  if (shape.sealer !== undefined)
    test('refuses a packet that was changed at any byte', () => {
      const { writer } = ends(shape)
      const out: Uint8Array[] = []
      writer.write(seeded(6)(20), undefined, out)
      const good = concat(...out)
      for (let at = 0; at < good.length; at++) {
        const { reader, queue } = ends(shape)
        const bad = good.slice()
        bad[at] = (bad[at] as number) ^ 0x10
        queue.push(bad)
        // A changed length may ask for more bytes than there are: nothing is given out then, either.
        queue.push(new Uint8Array(300_000))
        expect(() => reader.read(queue), `byte ${at}`).toThrow(ProtocolError)
      }
    })

  if (shape.sealer !== undefined)
    test('refuses a packet replayed', () => {
      const { writer, reader, queue } = ends(shape)
      const out: Uint8Array[] = []
      writer.write(seeded(6)(20), undefined, out)
      const packet = concat(...out)
      queue.push(packet)
      queue.push(packet)
      expect(reader.read(queue)).toBeDefined()
      expect(() => {
        queue.push(new Uint8Array(300_000))
        reader.read(queue)
      }).toThrow(ProtocolError)
    })
})

describe('what CBC with a MAC of the clear packet shows to whoever changes packets on the way', () => {
  const cbc = shapes.filter(({ name }) => /cbc hmac-sha2-256$/.test(name))

  test('there are such ciphers', () => expect(cbc.length).toBe(4))

  test.each(cbc)(
    '$name: the same error after as many bytes as the longest packet has, wherever it is',
    (shape) => {
      const { writer } = ends(shape)
      const out: Uint8Array[] = []
      writer.write(seeded(6)(100), undefined, out)
      const good = concat(...out)
      const { blockSize, tagSize } = (shape.opener as () => PacketOpener)()
      // The length field, what is encrypted behind it, and the MAC.
      for (const at of [0, 1, 2, 3, blockSize + 1, good.length - 1]) {
        const { reader, queue } = ends(shape)
        const bad = good.slice()
        bad[at] = (bad[at] as number) ^ 0x10
        queue.push(bad)
        expect(reader.read(queue)).toBeUndefined()
        queue.push(new Uint8Array(4 + 262_144 + tagSize - bad.length - 1))
        expect(reader.read(queue), `byte ${at}: too early`).toBeUndefined()
        queue.push(new Uint8Array(1))
        expect(() => reader.read(queue), `byte ${at}`).toThrow(MacError)
      }
    },
  )
})

describe('limits of plain packets', () => {
  const packet = (length: number, padding: number, size = Math.max(length, 1)): Uint8Array => {
    const bytes = new Uint8Array(4 + size)
    new DataView(bytes.buffer).setUint32(0, length)
    bytes[4] = padding
    return bytes
  }
  const table: readonly [string, Uint8Array, RegExp, typeof ProtocolError | typeof LimitError][] = [
    ['length 0', packet(0, 4, 20), /bad packet length 0/, ProtocolError],
    ['length 4', packet(4, 4, 20), /bad packet length 4/, ProtocolError],
    ['length off the block', packet(13, 4), /bad packet length 13/, ProtocolError],
    ['length over the limit', packet(35_004, 4, 8), /the limit is 35000/, LimitError],
    ['length 2^31', packet(2 ** 31 + 4, 4, 8), /bad packet length 2147483652/, LimitError],
    ['length 2^32 - 4', packet(2 ** 32 - 4, 4, 8), /bad packet length 4294967292/, LimitError],
    ['padding under four', packet(12, 3), /bad padding length 3/, ProtocolError],
    ['padding 0', packet(12, 0), /bad padding length 0/, ProtocolError],
    ['padding that leaves no payload', packet(12, 11), /bad padding length 11/, ProtocolError],
    ['padding over the packet', packet(12, 255), /bad padding length 255/, ProtocolError],
  ]
  for (const [name, bytes, message, type] of table)
    test(name, () => {
      const queue = new ByteQueue()
      queue.push(bytes)
      const read = (): unknown => new PacketReader(backend).read(queue)
      expect(read).toThrow(type)
      queue.clear()
      queue.push(bytes)
      expect(read).toThrow(message)
    })

  test('what is just within passes', () => {
    for (const [length, padding] of [
      [12, 4],
      [12, 10],
      [34_996, 255],
    ] as const) {
      const queue = new ByteQueue()
      queue.push(packet(length, padding))
      expect(new PacketReader(backend).read(queue)).toHaveLength(length - padding - 1)
    }
  })

  test('a compressed packet of nothing', () => {
    const queue = new ByteQueue()
    queue.push(packet(12, 4))
    const reader = new PacketReader(backend)
    reader.decompress({ decompress: () => noBytes })
    expect(() => reader.read(queue)).toThrow(/without a payload/)
  })

  test('the limit moves after authentication', () => {
    const reader = new PacketReader(backend)
    reader.limit = 262_144
    const queue = new ByteQueue()
    queue.push(packet(262_140, 4))
    expect(reader.read(queue)).toHaveLength(262_135)
    queue.push(packet(262_148, 4))
    expect(() => reader.read(queue)).toThrow(LimitError)
  })
})

describe('sequence numbers', () => {
  test('wrap at 2^32 and are reset by strict key exchange only', () => {
    const cipher = ciphers[0] as (typeof ciphers)[number]
    const keys = {
      iv: new Uint8Array(cipher.ivSize),
      key: new Uint8Array(cipher.keySize),
      macKey: new Uint8Array(0),
    }
    const writer = new PacketWriter(backend, 2 ** 32 - 2)
    const reader = new PacketReader(backend, 2 ** 32 - 2)
    const queue = new ByteQueue()
    const out: Uint8Array[] = []
    for (let i = 0; i < 3; i++) writer.write(Uint8Array.of(2), undefined, out)
    queue.push(concat(...out))
    for (let i = 0; i < 3; i++) expect(reader.read(queue)).toBeDefined()
    expect([writer.seq, reader.seq]).toEqual([1, 1])
    writer.use(cipher.sealer(backend, keys), undefined, false)
    expect(writer.seq).toBe(1)
    writer.use(cipher.sealer(backend, keys), undefined, true)
    reader.use(cipher.opener(backend, keys), undefined, true)
    expect([writer.seq, reader.seq]).toEqual([0, 0])
    expect(writer.packets).toBe(0)
  })

  test('do not come again under one key, in either direction', () => {
    const last = 2 ** 32 - 1
    const writer = new PacketWriter(backend, 0, last)
    const reader = new PacketReader(backend, 0, last)
    const queue = new ByteQueue()
    const send = (): void => {
      const out: Uint8Array[] = []
      writer.write(Uint8Array.of(2), undefined, out)
      queue.push(concat(...out))
    }
    send()
    expect(reader.read(queue)).toEqual(Uint8Array.of(2))
    expect(send).toThrow(LimitError)
    const out: Uint8Array[] = []
    new PacketWriter(backend).write(Uint8Array.of(2), undefined, out)
    queue.push(concat(...out))
    expect(() => reader.read(queue)).toThrow(LimitError)
  })

  test('a MAC fails with another sequence number', () => {
    const mac = macs[0]
    const cipher = ciphers.find(({ aead }) => !aead)
    if (mac === undefined || cipher === undefined) throw new Error('no cipher with a MAC')
    const keys = {
      iv: new Uint8Array(16),
      key: new Uint8Array(cipher.keySize),
      macKey: new Uint8Array(mac.keySize),
    }
    const writer = new PacketWriter(backend, 5)
    const reader = new PacketReader(backend, 6)
    writer.use(cipher.sealer(backend, keys, mac), undefined, false)
    reader.use(cipher.opener(backend, keys, mac), undefined, false)
    const queue = new ByteQueue()
    const out: Uint8Array[] = []
    writer.write(Uint8Array.of(2), undefined, out)
    queue.push(concat(...out))
    expect(() => reader.read(queue)).toThrow(MacError)
  })
})
