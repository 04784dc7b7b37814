/** No encryption and no MAC: how packets travel before the first keys (RFC 4253 §6). */

import type { CipherAlgorithm } from '../algorithm.ts'
import { readLength } from './opener.ts'
import { isShort, shortOutput } from './output.ts'

/** Not offered in negotiation: where it stands is before NEWKEYS. */
export const none: CipherAlgorithm = Object.freeze<CipherAlgorithm>({
  name: 'none',
  keySize: 0,
  ivSize: 0,
  aead: false,
  rekeyAfterBytes: Number.POSITIVE_INFINITY,
  insecure: true,

  sealer: () => ({
    blockSize: 8,
    clearLength: false,
    tagSize: 0,
    seal(_seq, packet, out) {
      const copy = isShort(packet.length) ? shortOutput(packet.length) : new Uint8Array(packet.length)
      copy.set(packet)
      out.push(copy)
    },
  }),

  opener: () => ({
    headSize: 4,
    blockSize: 8,
    clearLength: false,
    tagSize: 0,
    packetLength: (_seq, head) => readLength(head),
    open: (_seq, packet) => new Uint8Array(packet.subarray(4)),
  }),
})
