/** A crypto provider whose packets a mutator sends: the peer under it keeps to the protocol, and what leaves it does not. */

import { type CryptoProvider, createProvider, defaultProvider, type PacketSealer } from '@hawser/crypto'
import type { Rng } from '@hawser/test-kit'
import { joined, type MessageMutator } from './mutate.ts'

/** The default algorithms; cookies and padding come from `rng`. */
export function seededProvider(rng: Rng): CryptoProvider {
  return createProvider({ ...defaultProvider.backend, random: (length) => rng.bytes(length) })
}

/** Spoils packets after they were framed: rightly sealed, so that only the packet itself is wrong. */
export function hostileProvider(rng: Rng, mutator: MessageMutator): CryptoProvider {
  const provider = seededProvider(rng)
  return {
    ...provider,
    ciphers: provider.ciphers.map((cipher) => ({
      ...cipher,
      sealer: (...args: Parameters<typeof cipher.sealer>) => spoiled(cipher.sealer(...args), mutator, rng),
    })),
  }
}

function spoiled(inner: PacketSealer, mutator: MessageMutator, rng: Rng): PacketSealer {
  // Packets more or fewer than there were shift the numbers of those behind them.
  let shift = 0
  return {
    blockSize: inner.blockSize,
    clearLength: inner.clearLength,
    tagSize: inner.tagSize,
    seal: (seq, packet, out) => {
      const payload = packet.slice(5, packet.length - (packet[4] as number))
      const messages = mutator.next(payload)
      for (const [at, message] of messages.entries())
        inner.seal((seq + shift + at) >>> 0, framed(message, inner.blockSize, inner.clearLength, rng), out)
      shift += messages.length - 1
    },
  }
}

/** Packets before the first keys: found in the bytes of one write, changed, and framed again. What is none passes as it is. */
export function spoiledPlain(bytes: Uint8Array, mutator: MessageMutator, rng: Rng): Uint8Array {
  const parts: Uint8Array[] = []
  let at = 0
  if (bytes[0] === 0x53) {
    at = bytes.indexOf(0x0a) + 1
    const ident = bytes.slice(0, at)
    // Seldom: behind a spoiled identification nothing is reached.
    if (rng.chance(0.03)) ident[rng.below(ident.length)] = rng.below(256)
    parts.push(ident)
  }
  while (at + 5 < bytes.length) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
    const end = at + 4 + length
    if (length > 40_000 || end > bytes.length) break
    const padding = bytes[at + 4] as number
    const payload = bytes.subarray(at + 5, end - padding)
    for (const message of mutator.next(payload)) parts.push(framed(message, 8, false, rng))
    at = end
    // What follows NEWKEYS is sealed, and has been spoiled before that.
    if (payload[0] === 21) break
  }
  return joined(...parts, bytes.subarray(at))
}

/** Whether NEWKEYS goes by in these clear packets. */
export function hasNewKeys(bytes: Uint8Array): boolean {
  let at = bytes[0] === 0x53 ? bytes.indexOf(0x0a) + 1 : 0
  while (at + 5 < bytes.length) {
    if (bytes[at + 5] === 21) return true
    at += 4 + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
  }
  return false
}

function framed(payload: Uint8Array, block: number, clearLength: boolean, rng: Rng): Uint8Array {
  const aligned = (clearLength ? 1 : 5) + payload.length
  let padding = block - (aligned % block)
  while (padding < 4 || 5 + payload.length + padding < 16) padding += block
  const packet = new Uint8Array(5 + payload.length + padding)
  new DataView(packet.buffer).setUint32(0, packet.length - 4)
  packet[4] = rng.chance(0.003) ? rng.below(256) : padding
  packet.set(payload, 5)
  return packet
}
