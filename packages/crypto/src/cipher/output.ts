/** How sealed packets are handed over: short ones in one piece of shared memory, long ones in the pieces they were made in. */

/** Up to this many bytes a copy costs less than handing over another array. */
const joinLimit = 1024
const slabSize = 16_384

let slab = new Uint8Array(0)
let used = 0

/**
 * Memory for a short piece of output, cut from a larger array: one of more than 64 bytes costs most of a microsecond to allocate.
 * Only for what goes on the wire; sealed packets of several connections lie side by side, so their buffers must not be transferred.
 */
export function shortOutput(length: number): Uint8Array {
  // Not `slabSize - used`: the length is 0 when somebody did transfer it.
  if (length > slab.length - used) {
    slab = new Uint8Array(slabSize)
    used = 0
  }
  const piece = slab.subarray(used, used + length)
  used += length
  return piece
}

/** Whether a packet of `length` bytes on the wire is to be handed over in one piece. */
export function isShort(length: number): boolean {
  return length <= joinLimit
}

/**
 * Appends a packet: the first four bytes of `packet` (its clear length field, which is scratch memory) when `clearLength`,
 * then `ciphertext` and `tag`, which are fresh memory.
 */
export function pushPacket(
  out: Uint8Array[],
  clearLength: Uint8Array | undefined,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): void {
  const head = clearLength === undefined ? 0 : 4
  const total = head + ciphertext.length + tag.length
  if (isShort(total)) {
    const whole = shortOutput(total)
    if (clearLength !== undefined) whole.set(clearLength)
    whole.set(ciphertext, head)
    whole.set(tag, head + ciphertext.length)
    out.push(whole)
    return
  }
  if (clearLength !== undefined) {
    const field = shortOutput(4)
    field.set(clearLength)
    out.push(field)
  }
  out.push(ciphertext, tag)
}
