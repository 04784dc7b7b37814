/** The packet kernel over our WebAssembly module: bytes are copied in, worked on in place, and copied out. */

import type { PacketKernel } from './kernel.ts'
import { type ChachaPolyExports, layout } from './module.ts'

/** Longer data pass through the module's memory in pieces of this many bytes: they stay in the processor's cache. */
const piece = 16_384

/**
 * One instance serves all connections. The module erases keys and key streams at the end of each call;
 * of packets it keeps what the next one overwrites, and short plaintexts are erased here.
 */
export function wasmKernel(wasm: ChachaPolyExports): PacketKernel {
  const memory = new Uint8Array(wasm.memory.buffer)
  const { keys, tag, data } = layout
  const limit = layout.memory - data - 16

  /** Runs `bytes` from `from` on through the MAC that has been begun. */
  const authenticate = (bytes: Uint8Array, from: number): void => {
    for (let at = from; at < bytes.length; at += piece) {
      const part = bytes.subarray(at, at + piece)
      memory.set(part, data)
      wasm.authenticate(part.length)
    }
  }

  return {
    name: 'wasm',

    packetLength(key, seq, head) {
      memory.set(key, keys)
      return swap(wasm.lengthField(seq, littleEndian(head)))
    },

    payload(key, seq, bytes) {
      const result = new Uint8Array(bytes.length)
      for (let at = 0; at < bytes.length; at += piece) {
        const part = bytes.subarray(at, at + piece)
        memory.set(key, keys)
        memory.set(part, data)
        wasm.chacha20(part.length, 1 + at / 64, 0, 0, swap(seq))
        result.set(memory.subarray(data, data + part.length), at)
      }
      memory.fill(0, data, data + Math.min(piece, bytes.length))
      return result
    },

    frame(key, seq, packet, ciphertext, to) {
      memory.set(key, keys)
      const field = littleEndian(packet) ^ wasm.beginPacket(seq)
      for (let at = 0; at < 4; at++) memory[data + at] = to[at] = (field >>> (at * 8)) & 0xff
      const beside = Math.min(ciphertext.length, piece - 4)
      memory.set(ciphertext.subarray(0, beside), data + 4)
      wasm.authenticate(4 + beside)
      authenticate(ciphertext, beside)
      wasm.finishTag()
      to.set(memory.subarray(tag, tag + 16), 4)
    },

    verify(key, seq, packet) {
      const end = packet.length - 16
      memory.set(key, keys)
      wasm.beginPacket(seq)
      memory.set(packet.subarray(end), tag)
      authenticate(packet.subarray(0, end), 0)
      return wasm.verifyTag() !== 0
    },

    whole: {
      limit,

      seal(key, seq, packet, to) {
        memory.set(key, keys)
        memory.set(packet, data)
        wasm.seal(seq, packet.length)
        to.set(memory.subarray(data, data + packet.length + 16))
      },

      open(key, seq, packet) {
        memory.set(key, keys)
        memory.set(packet, data)
        const end = data + packet.length - 16
        if (wasm.open(seq, packet.length - 16) === 0) return undefined
        const clear = memory.slice(data + 4, end)
        memory.fill(0, data, end)
        return clear
      },
    },
  }
}

function littleEndian(b: Uint8Array): number {
  return (b[0] as number) | ((b[1] as number) << 8) | ((b[2] as number) << 16) | ((b[3] as number) << 24)
}

/** The 32-bit value with its bytes in the other order, unsigned. */
function swap(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0
}
