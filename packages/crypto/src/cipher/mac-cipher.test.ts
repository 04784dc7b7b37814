/** What a mode that takes whole blocks only, and chains differently from CTR, must do with every MAC. */

import { concat } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import { MacError } from '../errors.ts'
import { macs } from '../mac.ts'
import { aes128Cbc } from './cbc.ts'

const cipher = aes128Cbc

describe.each([node, noble])('$name', (backend) => {
  describe.each(macs)('$name', (mac) => {
    const keys = {
      key: new Uint8Array(16).fill(1),
      iv: new Uint8Array(16).fill(2),
      macKey: new Uint8Array(mac.keySize).fill(3),
    }
    const sealed = (lengths: readonly number[]): Uint8Array[] => {
      const sealer = cipher.sealer(backend, keys, mac)
      return lengths.map((length, seq) => {
        const packet = new Uint8Array(length + (mac.etm ? 4 : 0)).fill(seq)
        new DataView(packet.buffer).setUint32(0, packet.length - 4)
        const out: Uint8Array[] = []
        sealer.seal(seq, packet, out)
        return concat(...out)
      })
    }

    test('packets one after the other', () => {
      const opener = cipher.opener(backend, keys, mac)
      const lengths = [16, 32, 1600, 16, 40_000]
      for (const [seq, packet] of sealed(lengths).entries()) {
        const length = opener.packetLength(seq, packet.subarray(0, opener.headSize))
        expect(4 + length + mac.tagSize).toBe(packet.length)
        const clear = opener.open(seq, packet)
        expect(clear.length).toBe(length)
        expect(clear.every((byte) => byte === seq)).toBe(true)
      }
    })

    test('nothing is kept of a packet that was lent, also not as a view: slice() of a Buffer is one', () => {
      class Lent extends Uint8Array {
        override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
          return this.subarray(start, end) as Uint8Array<ArrayBuffer>
        }
      }
      const opener = cipher.opener(backend, keys, mac)
      for (const [seq, packet] of sealed([32, 48, 64]).entries()) {
        const lent = new Lent(packet)
        expect(4 + opener.packetLength(seq, lent.subarray(0, opener.headSize)) + mac.tagSize).toBe(
          packet.length,
        )
        opener.open(seq, lent)
        lent.fill(0xa5)
      }
    })

    test('errors are hidden where they would tell something', () => {
      expect(cipher.opener(backend, keys, mac).hidesErrors).toBe(mac.etm ? undefined : true)
    })

    test('what is not whole blocks is refused, not an error of the cipher', () => {
      const [packet] = sealed([64]) as [Uint8Array]
      for (let cut = 1; cut < 16; cut++)
        expect(() => cipher.opener(backend, keys, mac).open(0, packet.subarray(cut))).toThrow(MacError)
      // Also when whoever has the keys made it.
      const partial = new Uint8Array(mac.etm ? 24 : 20)
      const tag = mac.create(backend, keys.macKey)(0, partial)
      expect(() => cipher.opener(backend, keys, mac).open(0, concat(partial, tag))).toThrow(MacError)
    })
  })
})
