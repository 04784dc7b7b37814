/** What every cipher with every MAC must do, on both backends and between them. */

import { concat } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type {
  CipherAlgorithm,
  DirectionKeys,
  MacAlgorithm,
  PacketOpener,
  PacketSealer,
} from '../algorithm.ts'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import type { Backend } from '../backend.ts'
import { MacError } from '../errors.ts'
import { macs } from '../mac.ts'
import { chooseKernel } from '../wasm/load.ts'
import { nobleKernel } from '../wasm/noble-kernel.ts'
import { aes128Ctr } from './aes-ctr.ts'
import { chacha20Poly1305With } from './chacha20-poly1305.ts'
import { ciphers } from './index.ts'

interface Side {
  readonly name: string
  readonly backend: Backend
  readonly cipher: CipherAlgorithm
}

const { whole: _, ...wasmInParts } = chooseKernel()

/** Every way there is to compute `cipher`. */
function sidesOf(cipher: CipherAlgorithm): readonly Side[] {
  const sides = [
    { name: 'node', backend: node, cipher },
    { name: 'noble', backend: noble, cipher },
  ]
  if (!cipher.name.startsWith('chacha20')) return sides
  return [
    ...sides,
    { name: 'noble without wasm', backend: noble, cipher: chacha20Poly1305With(() => nobleKernel) },
    { name: 'node without wasm', backend: node, cipher: chacha20Poly1305With(() => nobleKernel) },
    { name: 'node with wasm in parts', backend: node, cipher: chacha20Poly1305With(() => wasmInParts) },
    { name: 'wasm in parts', backend: noble, cipher: chacha20Poly1305With(() => wasmInParts) },
  ]
}

/** Every MAC with one cipher, every cipher with a MAC of each kind. */
const combinations = ciphers.flatMap(
  (cipher): { name: string; cipher: CipherAlgorithm; mac?: MacAlgorithm }[] =>
    cipher.aead
      ? [{ name: cipher.name, cipher }]
      : macs
          .filter((mac) => cipher === aes128Ctr || mac.name.startsWith('hmac-sha2-256'))
          .map((mac) => ({ name: `${cipher.name} with ${mac.name}`, cipher, mac })),
)

/** The same bytes in every run. */
function bytes(length: number, seed: number): Uint8Array {
  const result = new Uint8Array(length)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    result[at] = state >>> 24
  }
  return result
}

function keysFor(cipher: CipherAlgorithm, mac: MacAlgorithm | undefined): DirectionKeys {
  return { key: bytes(cipher.keySize, 1), iv: bytes(cipher.ivSize, 2), macKey: bytes(mac?.keySize ?? 0, 3) }
}

/** A packet whose aligned part has `size` bytes, rounded up to whole blocks. */
function packetOf(size: number, { blockSize, clearLength }: PacketSealer): Uint8Array {
  const aligned = Math.ceil(size / blockSize) * blockSize
  const packet = bytes(aligned + (clearLength ? 4 : 0), size)
  new DataView(packet.buffer).setUint32(0, packet.length - 4)
  return packet
}

function seal(sealer: PacketSealer, seq: number, packet: Uint8Array): Uint8Array {
  const out: Uint8Array[] = []
  sealer.seal(seq, packet, out)
  return concat(...out)
}

/** As the transport does it: bounds the length field by what there is, then opens. */
function open(opener: PacketOpener, seq: number, sealed: Uint8Array): Uint8Array {
  opener.packetLength(seq, sealed.subarray(0, opener.headSize))
  return opener.open(seq, sealed)
}

describe.each(combinations)('$name', ({ cipher, mac }) => {
  const keys = keysFor(cipher, mac)
  const sides = sidesOf(cipher)
  const sealerOf = (side: Side): PacketSealer => side.cipher.sealer(side.backend, keys, mac)
  const openerOf = (side: Side): PacketOpener => side.cipher.opener(side.backend, keys, mac)
  const [first] = sides as readonly [Side, ...Side[]]

  describe.each(sides)('sealed by $name', (from) => {
    test.each(sides)('opened by $name', (to) => {
      const sealer = sealerOf(from)
      const opener = openerOf(to)
      expect([opener.blockSize, opener.clearLength, opener.tagSize]).toEqual([
        sealer.blockSize,
        sealer.clearLength,
        sealer.tagSize,
      ])
      const sizes = [
        32, 16, 48, 128, 144, 1000, 1024, 1040, 4096, 8176, 8192, 16_384, 32_768, 65_536, 262_144,
      ]
      let seq = 2 ** 32 - 8
      for (const size of sizes) {
        const packet = packetOf(size, sealer)
        const sealed = seal(sealer, seq, packet)
        expect(sealed.length).toBe(packet.length + sealer.tagSize)
        expect(opener.packetLength(seq, sealed.subarray(0, opener.headSize))).toBe(packet.length - 4)
        // Asked twice, it answers twice.
        expect(opener.packetLength(seq, sealed.subarray(0, opener.headSize))).toBe(packet.length - 4)
        const received = Uint8Array.from(sealed)
        const clear = opener.open(seq, received)
        expect(same(received, sealed)).toBe(true)
        expect(clear.constructor).toBe(Uint8Array)
        received.fill(0)
        expect(same(clear, packet.subarray(4))).toBe(true)
        seq = (seq + 1) >>> 0
      }
    })
  })

  test('what is sealed does not change when the scratch memory is used again', () => {
    for (const side of sides)
      for (const size of [32, 2048, 20_000]) {
        const sealer = sealerOf(side)
        const packet = packetOf(size, sealer)
        const original = Uint8Array.from(packet)
        const out: Uint8Array[] = []
        sealer.seal(7, packet, out)
        packet.fill(0)
        expect(same(open(openerOf(side), 7, concat(...out)), original.subarray(4)), side.name).toBe(true)
      }
  })

  test('short packets leave in one piece, and two of them in two', () => {
    for (const side of sides) {
      const sealer = sealerOf(side)
      const out: Uint8Array[] = []
      sealer.seal(0, packetOf(64, sealer), out)
      sealer.seal(1, packetOf(900, sealer), out)
      expect(out.length, side.name).toBe(2)
      const opener = openerOf(side)
      for (const [seq, sealed] of out.entries()) open(opener, seq, sealed)
    }
  })

  test.each(sides)('$name refuses every flipped bit of a short packet', (side) => {
    const sealer = sealerOf(side)
    const sealed = seal(sealer, 3, packetOf(32, sealer))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => open(openerOf(side), 3, changed), `bit ${bit}`).toThrow(MacError)
    }
    open(openerOf(side), 3, sealed)
  })

  test.each(sides)('$name refuses a changed bit anywhere in a long packet', (side) => {
    const sealer = sealerOf(side)
    const sealed = seal(sealer, 3, packetOf(40_000, sealer))
    for (const at of [
      0,
      3,
      4,
      5,
      20,
      16_383,
      16_384,
      16_388,
      32_768,
      sealed.length - 70,
      sealed.length - 1,
    ]) {
      const changed = Uint8Array.from(sealed)
      changed[at] = (changed[at] as number) ^ 0x10
      expect(() => open(openerOf(side), 3, changed), `byte ${at}`).toThrow(MacError)
    }
  })

  test.each(sides)('$name refuses a packet that was cut short or made longer', (side) => {
    const sealer = sealerOf(side)
    const sealed = seal(sealer, 0, packetOf(32, sealer))
    for (let length = 0; length < sealed.length; length++)
      expect(() => openerOf(side).open(0, sealed.subarray(0, length)), `${length} bytes`).toThrow(MacError)
    for (const more of [1, sealer.blockSize])
      expect(() => openerOf(side).open(0, concat(sealed, new Uint8Array(more)))).toThrow(MacError)
  })

  test.each(sides)('$name refuses a replayed, a skipped and a misnumbered packet', (side) => {
    const sealer = sealerOf(side)
    const one = seal(sealer, 0, packetOf(32, sealer))
    const two = seal(sealer, 1, packetOf(48, sealer))
    const replay = openerOf(side)
    open(replay, 0, one)
    expect(() => open(replay, 1, one)).toThrow(MacError)
    expect(() => open(openerOf(side), 0, two)).toThrow(MacError)
    if (!cipher.name.includes('gcm')) {
      // AES-GCM counts by itself; for the others the number is part of what is authenticated.
      expect(() => open(openerOf(side), 1, one)).toThrow(MacError)
      expect(() => open(openerOf(side), 2 ** 31, one)).toThrow(MacError)
    }
  })

  test.each(sides)('$name is dead after a refusal', (side) => {
    const sealer = sealerOf(side)
    const sealed = seal(sealer, 0, packetOf(32, sealer))
    const opener = openerOf(side)
    const changed = Uint8Array.from(sealed)
    changed[20] = (changed[20] as number) ^ 1
    expect(() => open(opener, 0, changed)).toThrow(MacError)
    expect(() => open(opener, 0, sealed)).toThrow(/earlier/)
  })

  test('another key is refused', () => {
    const sealer = sealerOf(first)
    const sealed = seal(sealer, 0, packetOf(32, sealer))
    const other = {
      ...keys,
      ...(cipher.aead ? { key: bytes(cipher.keySize, 9) } : { macKey: bytes(mac?.keySize ?? 0, 9) }),
    }
    for (const side of sides)
      expect(() => side.cipher.opener(side.backend, other, mac).open(0, sealed), side.name).toThrow(MacError)
  })

  test('keys are not kept by reference', () => {
    for (const side of sides) {
      const lent = {
        key: Uint8Array.from(keys.key),
        iv: Uint8Array.from(keys.iv),
        macKey: Uint8Array.from(keys.macKey),
      }
      const sealer = side.cipher.sealer(side.backend, lent, mac)
      const opener = side.cipher.opener(side.backend, lent, mac)
      for (const array of Object.values(lent)) array.fill(0)
      const packet = packetOf(32, sealer)
      const sealed = seal(sealer, 0, packet)
      expect(same(sealed, seal(sealerOf(side), 0, packet)), side.name).toBe(true)
      open(opener, 0, sealed)
    }
  })
})

/** `toEqual` on a large array takes seconds. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at])
}
