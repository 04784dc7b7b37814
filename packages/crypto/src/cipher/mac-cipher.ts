/**
 * A block cipher with a MAC beside it, in both orders: MAC of the clear packet (RFC 4253 §6.4),
 * or of the ciphertext with the length field in the clear ("-etm", OpenSSH PROTOCOL §1.5).
 */

import { equal, UsageError } from '@hawser/wire'
import type {
  CipherAlgorithm,
  DirectionKeys,
  MacAlgorithm,
  PacketOpener,
  PacketSealer,
} from '../algorithm.ts'
import type { Backend, StreamCipher } from '../backend.ts'
import { authenticOnly, readLength } from './opener.ts'
import { pushPacket } from './output.ts'

/** How blocks are chained, and what that means for reading a packet's first block before the others are there. */
export interface BlockMode {
  readonly blockSize: number
  /** Changed ciphertext decrypts to something that its sender can learn from, were an error to show what it was. */
  readonly malleable?: true
  encrypt(backend: Backend, key: Uint8Array, iv: Uint8Array): StreamCipher
  decrypt(backend: Backend, key: Uint8Array, iv: Uint8Array): StreamCipher
  previewer(backend: Backend, key: Uint8Array, iv: Uint8Array): Previewer
}

/**
 * Runs beside the decrypting cipher, so that this one can take each packet as a whole:
 * that costs no more calls than decrypting the first block and the others in turn, and spares putting them together.
 */
export interface Previewer {
  /** The first block of the next packet, decrypted. */
  first(block: Uint8Array): Uint8Array
  /** `ciphertext` is a packet that has been decrypted. */
  passed(ciphertext: Uint8Array): void
}

export interface MacCipherOptions {
  readonly name: string
  readonly keySize: number
  readonly mode: BlockMode
  readonly rekeyAfterBytes: number
  readonly insecure?: true
}

export function macCipher(options: MacCipherOptions): CipherAlgorithm {
  const { mode, ...facts } = options
  return Object.freeze({
    ...facts,
    ivSize: mode.blockSize,
    aead: false,
    sealer: (backend, keys, mac) => {
      const chosen = required(options.name, mac)
      return chosen.etm ? etmSealer(mode, backend, keys, chosen) : plainSealer(mode, backend, keys, chosen)
    },
    opener: (backend, keys, mac) => {
      const chosen = required(options.name, mac)
      return chosen.etm ? etmOpener(mode, backend, keys, chosen) : plainOpener(mode, backend, keys, chosen)
    },
  } satisfies CipherAlgorithm)
}

function required(name: string, mac: MacAlgorithm | undefined): MacAlgorithm {
  if (mac === undefined) throw new UsageError(`${name} does not authenticate: it needs a MAC`)
  return mac
}

function plainSealer(
  mode: BlockMode,
  backend: Backend,
  keys: DirectionKeys,
  mac: MacAlgorithm,
): PacketSealer {
  const cipher = mode.encrypt(backend, keys.key, keys.iv)
  const tagOf = mac.create(backend, keys.macKey)
  return {
    blockSize: mode.blockSize,
    clearLength: false,
    tagSize: mac.tagSize,
    seal(seq, packet, out) {
      const tag = tagOf(seq, packet)
      pushPacket(out, undefined, cipher.update(packet), tag)
    },
  }
}

/** The MAC covers the clear packet, so everything is decrypted before it can be checked, and nothing used. */
function plainOpener(
  mode: BlockMode,
  backend: Backend,
  keys: DirectionKeys,
  mac: MacAlgorithm,
): PacketOpener {
  const { blockSize } = mode
  const cipher = mode.decrypt(backend, keys.key, keys.iv)
  const preview = mode.previewer(backend, keys.key, keys.iv)
  const tagOf = mac.create(backend, keys.macKey)
  return {
    headSize: blockSize,
    blockSize,
    clearLength: false,
    tagSize: mac.tagSize,
    ...(mode.malleable ? { hidesErrors: true } : {}),
    packetLength: (_seq, head) => readLength(preview.first(head.subarray(0, blockSize))),
    open: authenticOnly(blockSize + mac.tagSize, (seq, packet) => {
      const end = packet.length - mac.tagSize
      if (end % blockSize !== 0) return undefined
      const ciphertext = packet.subarray(0, end)
      const clear = cipher.update(ciphertext)
      preview.passed(ciphertext)
      return equal(tagOf(seq, clear), packet.subarray(end)) ? clear.subarray(4) : undefined
    }),
  }
}

function etmSealer(mode: BlockMode, backend: Backend, keys: DirectionKeys, mac: MacAlgorithm): PacketSealer {
  const cipher = mode.encrypt(backend, keys.key, keys.iv)
  const tagOf = mac.create(backend, keys.macKey)
  return {
    blockSize: mode.blockSize,
    clearLength: true,
    tagSize: mac.tagSize,
    seal(seq, packet, out) {
      const length = packet.subarray(0, 4)
      const ciphertext = cipher.update(packet.subarray(4))
      pushPacket(out, length, ciphertext, tagOf(seq, length, ciphertext))
    },
  }
}

function etmOpener(mode: BlockMode, backend: Backend, keys: DirectionKeys, mac: MacAlgorithm): PacketOpener {
  const { blockSize } = mode
  const cipher = mode.decrypt(backend, keys.key, keys.iv)
  const tagOf = mac.create(backend, keys.macKey)
  return {
    headSize: 4,
    blockSize,
    clearLength: true,
    tagSize: mac.tagSize,
    packetLength: (_seq, head) => readLength(head),
    open: authenticOnly(4 + mac.tagSize, (seq, packet) => {
      const end = packet.length - mac.tagSize
      if ((end - 4) % blockSize !== 0) return undefined
      if (!equal(tagOf(seq, packet.subarray(0, end)), packet.subarray(end))) return undefined
      return cipher.update(packet.subarray(4, end))
    }),
  }
}
