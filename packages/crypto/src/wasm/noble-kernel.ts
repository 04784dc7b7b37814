/** The packet kernel over @noble/ciphers, for runtimes without WebAssembly or SIMD, or where compiling is forbidden. */

import { equal } from '@hawser/wire'
import { poly1305 } from '@noble/ciphers/_poly1305.js'
import { chacha20 } from '@noble/ciphers/chacha.js'
import type { PacketKernel } from './kernel.ts'

export const nobleKernel: PacketKernel = {
  name: 'noble',

  packetLength(key, seq, head) {
    const b = chacha20(lengthKey(key), nonceOf(seq), head.subarray(0, 4))
    return new DataView(b.buffer, b.byteOffset, 4).getUint32(0)
  },

  payload: (key, seq, data) => chacha20(payloadKey(key), nonceOf(seq), data, undefined, 1),

  frame(key, seq, packet, ciphertext, to) {
    const field = chacha20(lengthKey(key), nonceOf(seq), packet.subarray(0, 4))
    to.set(field)
    to.set(poly1305.create(oneTimeKey(key, seq)).update(field).update(ciphertext).digest(), 4)
  },

  verify(key, seq, packet) {
    const end = packet.length - 16
    return equal(poly1305(packet.subarray(0, end), oneTimeKey(key, seq)), packet.subarray(end))
  },
}

function payloadKey(key: Uint8Array): Uint8Array {
  return key.subarray(0, 32)
}

function lengthKey(key: Uint8Array): Uint8Array {
  return key.subarray(32, 64)
}

/** The first half of block 0 of the payload's key stream. */
function oneTimeKey(key: Uint8Array, seq: number): Uint8Array {
  return chacha20(payloadKey(key), nonceOf(seq), new Uint8Array(32))
}

/** The sequence number as 64 bits big-endian, behind what RFC 8439 uses as nonce and SSH as the counter's high half: 0. */
function nonceOf(seq: number): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setUint32(8, seq)
  return nonce
}
