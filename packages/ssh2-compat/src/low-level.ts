/** The helpers that `utils` of the 0.8 line let slip out; programs that build packets by hand use them. */

import { Reader } from '@hawser/wire'
import { fromDer, toDer } from './signatures.ts'

/** A Buffer that is read piece by piece: {@link readString} leaves here where the next piece starts. */
type Positioned = Buffer & { _pos?: number }

/** Whoever waits for a whole packet: told when one is too short. */
interface Cleaning {
  _cleanup(callback?: () => void): void
}

/**
 * The unsigned 32-bit number at `start`; false when the buffer is too short, after `stream` was told.
 * @deprecated Use `buffer.readUInt32BE()`.
 */
export function readInt(
  buffer: Buffer,
  start: number,
  stream?: Cleaning,
  callback?: () => void,
): number | false {
  if (buffer.length - start >= 4) return buffer.readUInt32BE(start)
  stream?._cleanup(callback)
  return false
}

/**
 * The string (RFC 4251 §5) at `start`, as text with `encoding`; `buffer._pos` is then the place behind it.
 * False when the buffer is too short or the string longer than `maxLength`.
 * @deprecated
 */
export function readString(
  buffer: Positioned,
  start: number,
  encoding?: BufferEncoding | Cleaning | null,
  stream?: Cleaning | (() => void) | null,
  callback?: (() => void) | number,
  maxLength?: number,
): Buffer | string | false {
  // The encoding may be left out.
  if (typeof encoding === 'object' && encoding !== null)
    return readString(
      buffer,
      start,
      undefined,
      encoding,
      stream as (() => void) | undefined,
      callback as number | undefined,
    )
  const told = (stream ?? undefined) as Cleaning | undefined
  const length = readInt(buffer, start, told, callback as (() => void) | undefined)
  if (length === false) return false
  const from = start + 4
  if (buffer.length - from < length || (maxLength !== undefined && length > maxLength)) {
    told?._cleanup(callback as (() => void) | undefined)
    return false
  }
  buffer._pos = from + length
  const bytes = buffer.subarray(from, from + length)
  return typeof encoding === 'string' ? bytes.toString(encoding) : bytes
}

/**
 * Adds one to the invocation counter of a nonce of AES-GCM: its last 8 of 12 bytes (RFC 5647 §7.1), in place.
 * @deprecated
 */
export function iv_inc(iv: Uint8Array): void {
  for (let at = 11; at > 3; at--) {
    const next = ((iv[at] as number) + 1) & 0xff
    iv[at] = next
    if (next !== 0) return
  }
}

/**
 * The content of an SSH signature of `type` as node:crypto takes it: DER for DSA and ECDSA, itself for others; false when it makes no sense.
 * @deprecated `key.verify()` takes what the server hands out.
 */
export function sigSSHToASN1(
  signature: Buffer,
  type: string,
  stream?: Cleaning,
  callback?: () => void,
): Buffer | false {
  try {
    if (type === 'ssh-dss') {
      if (signature.length !== 40) throw new Error('a DSA signature has 40 bytes')
      return toDer(Buffer.concat([mpint(signature.subarray(0, 20)), mpint(signature.subarray(20))]))
    }
    return type.startsWith('ecdsa-sha2-') ? toDer(signature) : signature
  } catch {
    // Told by the return value, as for everything here.
    stream?._cleanup(callback)
    return false
  }
}

/**
 * A DSA signature in DER as the 40 bytes of SSH (RFC 4253 §6.6).
 * @deprecated
 */
export function DSASigBERToBare(signature: Buffer): Buffer {
  if (signature.length === 40 && fromDer(signature) === undefined) return signature
  return Buffer.concat(
    numbers(signature, 'DSA').map((number) => {
      const bare = number[0] === 0 ? number.subarray(1) : number
      if (bare.length > 20) throw new Error('a number of a DSA signature has at most 20 bytes')
      return Buffer.concat([Buffer.alloc(20 - bare.length), bare])
    }),
  )
}

/**
 * An ECDSA signature in DER as the two mpints of SSH (RFC 5656 §3.1.2).
 * @deprecated
 */
export function ECDSASigASN1ToSSH(signature: Buffer): Buffer {
  const ssh = fromDer(signature)
  if (ssh === undefined) throw new Error('this is no ECDSA signature in DER')
  return Buffer.from(ssh)
}

function numbers(der: Buffer, what: string): readonly Uint8Array[] {
  const ssh = fromDer(der)
  if (ssh === undefined) throw new Error(`this is no ${what} signature in DER`)
  const reader = new Reader(ssh, `${what} signature`)
  return [reader.string(), reader.string()]
}

/** RFC 4251 §5: no needless zeros, one zero before a high bit. */
function mpint(unsigned: Buffer): Buffer {
  const first = unsigned.findIndex((byte) => byte !== 0)
  const bare = first < 0 ? Buffer.alloc(1) : unsigned.subarray(first)
  const body = (bare[0] as number) > 0x7f ? Buffer.concat([Buffer.alloc(1), bare]) : bare
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}
