/** The few DER structures in which node:crypto takes keys apart and together (RFC 5958, 5480, 8017, 8410). */

import { bigintToBytes, concat } from '@hawser/wire'

/** Any element: tag, length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concat(...content)
  const length = body.length
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x10000
          ? [tag, 0x82, length >> 8, length & 0xff]
          : undefined
  if (head === undefined) throw new RangeError(`der: ${length} bytes are too many for one element`)
  return concat(Uint8Array.from(head), body)
}

export const sequence = (...content: readonly Uint8Array[]): Uint8Array => element(0x30, ...content)
export const octetString = (content: Uint8Array): Uint8Array => element(0x04, content)
export const bitString = (content: Uint8Array): Uint8Array => element(0x03, Uint8Array.of(0), content)

/** INTEGER of an unsigned value. */
export function integer(value: bigint | Uint8Array): Uint8Array {
  const bytes = typeof value === 'bigint' ? bigintToBytes(value) : value
  let start = 0
  while (start < bytes.length && bytes[start] === 0) start++
  const digits = bytes.subarray(start)
  const needsZero = digits.length === 0 || (digits[0] as number) >= 0x80
  return element(0x02, needsZero ? Uint8Array.of(0) : digits.subarray(0, 0), digits)
}
