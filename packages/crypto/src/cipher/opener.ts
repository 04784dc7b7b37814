/** What all openers of packets have in common. */

import { MacError } from '../errors.ts'

/** The length field in the clear (RFC 4253 §6). */
export function readLength(bytes: Uint8Array): number {
  return (
    (((bytes[0] as number) << 24) |
      ((bytes[1] as number) << 16) |
      ((bytes[2] as number) << 8) |
      (bytes[3] as number)) >>>
    0
  )
}

/**
 * Makes of `open`, which gives undefined for a packet that is not authentic, one that throws {@link MacError},
 * then and ever after. Packets shorter than `minimum` bytes cannot be authentic and do not reach `open`.
 */
export function authenticOnly(
  minimum: number,
  open: (seq: number, packet: Uint8Array) => Uint8Array | undefined,
): (seq: number, packet: Uint8Array) => Uint8Array {
  let dead = false
  return (seq, packet) => {
    if (dead) throw new MacError('packet refused: the authentication of an earlier one failed')
    // Dead until proved otherwise, so that an error thrown on the way counts too.
    dead = true
    const clear = packet.length < minimum ? undefined : open(seq, packet)
    if (clear === undefined) throw new MacError()
    dead = false
    return clear
  }
}
