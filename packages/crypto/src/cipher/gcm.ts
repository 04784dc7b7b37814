/** AES-GCM over packets as OpenSSH does it: RFC 5647 §7, with the negotiation of PROTOCOL §1.6 (the MAC list is ignored). */

import { UsageError } from '@hawser/wire'
import type { CipherAlgorithm } from '../algorithm.ts'
import { authenticOnly, readLength } from './opener.ts'
import { pushPacket } from './output.ts'

export const aes128Gcm = gcm('aes128-gcm@openssh.com', 16)
export const aes256Gcm = gcm('aes256-gcm@openssh.com', 32)

function gcm(name: string, keySize: number): CipherAlgorithm {
  return Object.freeze<CipherAlgorithm>({
    name,
    keySize,
    ivSize: 12,
    aead: true,
    /** 2^32 blocks of 16 bytes (RFC 4344 §3.2). */
    rekeyAfterBytes: 2 ** 36,

    sealer(backend, keys) {
      const aead = backend.aesGcm(keys.key)
      const nonce = invocationNonce(keys.iv)
      return {
        blockSize: 16,
        clearLength: true,
        tagSize: 16,
        seal(_seq, packet, out) {
          const length = packet.subarray(0, 4)
          const { ciphertext, tag } = aead.seal(nonce.next(), length, packet.subarray(4))
          pushPacket(out, length, ciphertext, tag)
        },
      }
    },

    opener(backend, keys) {
      const aead = backend.aesGcm(keys.key)
      const nonce = invocationNonce(keys.iv)
      return {
        headSize: 4,
        blockSize: 16,
        clearLength: true,
        tagSize: 16,
        packetLength: (_seq, head) => readLength(head),
        open: authenticOnly(20, (_seq, packet) => {
          const end = packet.length - 16
          return aead.open(nonce.next(), packet.subarray(0, 4), packet.subarray(4, end), packet.subarray(end))
        }),
      }
    },
  })
}

/**
 * RFC 5647 §7.1: four bytes that stay, then a counter of eight bytes, big-endian, plus one per packet.
 * `next` gives the same array each time, and throws {@link UsageError} rather than count around:
 * a nonce must never be used twice with a key, and new keys are due long before.
 */
export function invocationNonce(iv: Uint8Array): { next(): Uint8Array } {
  const following = new Uint8Array(iv)
  const current = new Uint8Array(12)
  let ended = false
  return {
    next() {
      if (ended) throw new UsageError('the packet counter of aes-gcm is at its end: new keys are needed')
      current.set(following)
      let at = 11
      while (at >= 4 && following[at] === 0xff) following[at--] = 0
      if (at >= 4) following[at] = (following[at] as number) + 1
      else ended = true
      return current
    },
  }
}
