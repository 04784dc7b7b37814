/** Multiple precision integers (RFC 4251 §5): two's complement, big-endian, in as few bytes as possible. */

import { ProtocolError } from './errors.ts'

/** The unsigned big-endian bytes of `value`, no leading zero; empty for 0. */
export function bigintToBytes(value: bigint, length?: number): Uint8Array {
  if (value < 0n) throw new RangeError('negative value')
  let hex = value === 0n ? '' : value.toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  const size = hex.length / 2
  const bytes = new Uint8Array(length ?? size)
  if (bytes.length < size) throw new RangeError(`value needs ${size} bytes, not ${bytes.length}`)
  const pad = bytes.length - size
  for (let at = 0; at < size; at++) bytes[pad + at] = Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16)
  return bytes
}

/** The value of unsigned big-endian bytes. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex === '' ? 0n : BigInt(`0x${hex}`)
}

/** The content bytes of the mpint for an unsigned big-endian number: leading zeros dropped, one added where the top bit is set. */
export function mpintFromUnsigned(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length && bytes[start] === 0) start++
  if (start === bytes.length) return new Uint8Array(0)
  if ((bytes[start] as number) < 0x80) return bytes.subarray(start)
  const padded = new Uint8Array(bytes.length - start + 1)
  padded.set(bytes.subarray(start), 1)
  return padded
}

/** The content bytes of the mpint for `value`, which may be negative. */
export function mpintEncode(value: bigint): Uint8Array {
  if (value >= 0n) return mpintFromUnsigned(bigintToBytes(value))
  let size = 1
  while (value < -(1n << BigInt(size * 8 - 1))) size++
  return bigintToBytes((1n << BigInt(size * 8)) + value, size)
}

/** The value of an mpint's content bytes. Needless leading bytes are an error (RFC 4251 §5: MUST NOT be included). */
export function mpintDecode(bytes: Uint8Array, what = 'mpint'): bigint {
  const first = bytes[0]
  if (first === undefined) return 0n
  const second = bytes[1]
  const needless =
    (first === 0 && (second === undefined || second < 0x80)) ||
    (first === 0xff && second !== undefined && second >= 0x80)
  if (needless) throw new ProtocolError(`${what}: mpint with a needless leading byte`)
  const value = bytesToBigint(bytes)
  return first < 0x80 ? value : value - (1n << BigInt(bytes.length * 8))
}
