/** chacha20-poly1305@openssh.com over packets (OpenSSH PROTOCOL.chacha20poly1305). */

import type { CipherAlgorithm } from '../algorithm.ts'
import type { Backend } from '../backend.ts'
import type { PacketKernel } from '../wasm/kernel.ts'
import { packetKernel } from '../wasm/load.ts'
import { authenticOnly } from './opener.ts'
import { isShort, pushPacket, shortOutput } from './output.ts'

export const chacha20Poly1305: CipherAlgorithm = chacha20Poly1305With(packetKernel)

/** The cipher over another kernel than the one for this process: for tests, which try all there are. */
export function chacha20Poly1305With(kernelFor: () => PacketKernel): CipherAlgorithm {
  return Object.freeze<CipherAlgorithm>({
    name: 'chacha20-poly1305@openssh.com',
    keySize: 64,
    ivSize: 0,
    aead: true,
    /** A cap of ours; the cipher itself has no such bound: each packet has its own nonce. */
    rekeyAfterBytes: 2 ** 36,

    sealer(backend, keys) {
      const key = new Uint8Array(keys.key)
      const kernel = kernelFor()
      const payload = payloadCipher(backend, kernel, key)
      const limit = wholeLimit(backend, kernel)
      return {
        blockSize: 8,
        clearLength: true,
        tagSize: 16,
        seal(seq, packet, out) {
          const total = packet.length + 16
          if (total <= limit) {
            const sealed = isShort(total) ? shortOutput(total) : new Uint8Array(total)
            kernel.whole?.seal(key, seq, packet, sealed)
            out.push(sealed)
            return
          }
          const ciphertext = payload(seq, packet.subarray(4))
          const frame = shortOutput(20)
          kernel.frame(key, seq, packet, ciphertext, frame)
          pushPacket(out, frame.subarray(0, 4), ciphertext, frame.subarray(4))
        },
      }
    },

    opener(backend, keys) {
      const key = new Uint8Array(keys.key)
      const kernel = kernelFor()
      const payload = payloadCipher(backend, kernel, key)
      const limit = wholeLimit(backend, kernel)
      return {
        headSize: 4,
        blockSize: 8,
        clearLength: true,
        tagSize: 16,
        packetLength: (seq, head) => kernel.packetLength(key, seq, head),
        open: authenticOnly(20, (seq, packet) => {
          if (packet.length <= limit) return kernel.whole?.open(key, seq, packet)
          if (!kernel.verify(key, seq, packet)) return undefined
          return payload(seq, packet.subarray(4, packet.length - 16))
        }),
      }
    },
  })
}

/**
 * Which packets the kernel takes as a whole: measured with bench/micro-crypto.ts, OpenSSL's ChaCha20 overtakes ours
 * between 4 and 16 KiB, as creating a cipher takes it 2 µs. Where the runtime has none, all that fit.
 */
function wholeLimit(backend: Backend, kernel: PacketKernel): number {
  if (kernel.whole === undefined) return 0
  return backend.chacha20 === undefined ? kernel.whole.limit : 8192
}

/** ChaCha20 from block 1 on, by the runtime where it has one. */
function payloadCipher(
  backend: Backend,
  kernel: PacketKernel,
  key: Uint8Array,
): (seq: number, data: Uint8Array) => Uint8Array {
  const chacha20 = backend.chacha20?.bind(backend)
  if (chacha20 === undefined) return (seq, data) => kernel.payload(key, seq, data)
  const payloadKey = key.subarray(0, 32)
  // The counter, 64 bits little-endian, then the sequence number, 64 bits big-endian.
  const counterAndNonce = new Uint8Array(16)
  counterAndNonce[0] = 1
  const view = new DataView(counterAndNonce.buffer)
  return (seq, data) => {
    view.setUint32(12, seq)
    return chacha20(payloadKey, counterAndNonce, data)
  }
}
