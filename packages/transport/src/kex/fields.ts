/** The mpint as key exchanges use it: unsigned bytes, never negative. */

import { type Field, ProtocolError } from '@hawser/wire'

/** A non-negative mpint as unsigned big-endian bytes without leading zeros. A negative or padded one is refused. */
export const unsignedMpint: Field<Uint8Array> = {
  read: (reader) => {
    const bytes = reader.string()
    const first = bytes[0]
    if (first === undefined) return bytes
    if (first >= 0x80) throw new ProtocolError('a negative mpint where a public value or prime must stand')
    if (first > 0) return bytes
    if (((bytes[1] ?? 0) & 0x80) === 0) throw new ProtocolError('mpint with a needless leading byte')
    return bytes.subarray(1)
  },
  write: (writer, value) => void writer.mpintBytes(value),
}
