import { expect, test } from 'vitest'
import { backend } from '../backend.node.ts'
import { none } from './none.ts'

const keys = { key: new Uint8Array(0), iv: new Uint8Array(0), macKey: new Uint8Array(0) }

test.each([16, 2000])('a packet of %i bytes passes as it is, as a copy', (length) => {
  const packet = new Uint8Array(length).map((_, at) => at)
  new DataView(packet.buffer).setUint32(0, length - 4)
  const original = Uint8Array.from(packet)
  const out: Uint8Array[] = []
  none.sealer(backend, keys).seal(0, packet, out)
  packet.fill(0)
  expect(out).toEqual([original])
  const opener = none.opener(backend, keys)
  expect(opener.packetLength(0, original.subarray(0, 4))).toBe(length - 4)
  const clear = opener.open(0, original)
  const expected = original.slice(4)
  original.fill(0)
  expect(clear).toEqual(expected)
})

test('lengths are read unsigned', () => {
  expect(none.opener(backend, keys).packetLength(0, Uint8Array.of(255, 255, 255, 254))).toBe(4294967294)
})
