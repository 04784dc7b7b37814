/** Field codecs: what a message declaration is made of. Each reads and writes one representation of RFC 4251 §5. */

import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export interface Field<T> {
  read(reader: Reader): T
  write(writer: Writer, value: T): void
}

export const byte: Field<number> = {
  read: (r) => r.byte(),
  write: (w, value) => void w.byte(value),
}

export const boolean: Field<boolean> = {
  read: (r) => r.boolean(),
  write: (w, value) => void w.boolean(value),
}

export const uint32: Field<number> = {
  read: (r) => r.uint32(),
  write: (w, value) => void w.uint32(value),
}

export const uint64: Field<bigint> = {
  read: (r) => r.uint64(),
  write: (w, value) => void w.uint64(value),
}

/** Binary string; what `read` gives is a view of the message. */
export const string: Field<Uint8Array> = {
  read: (r) => r.string(),
  write: (w, value) => void w.string(value),
}

/** Text; malformed UTF-8 reads as U+FFFD. */
export const utf8: Field<string> = {
  read: (r) => r.utf8(),
  write: (w, value) => void w.string(value),
}

/** US-ASCII text; any other byte is an error. */
export const ascii: Field<string> = {
  read: (r) => r.ascii(),
  write: (w, value) => void w.string(value),
}

export const nameList: Field<readonly string[]> = {
  read: (r) => r.nameList(),
  write: (w, value) => void w.nameList(value),
}

export const mpint: Field<bigint> = {
  read: (r) => r.mpint(),
  write: (w, value) => void w.mpint(value),
}

/** Everything up to the end of the message. */
export const rest: Field<Uint8Array> = {
  read: (r) => r.rest(),
  write: (w, value) => void w.bytes(value),
}

/** Exactly `length` bytes without a length in front. */
export function fixed(length: number): Field<Uint8Array> {
  return {
    read: (r) => r.bytes(length),
    write: (w, value) => {
      if (value.length !== length)
        throw new RangeError(`${value.length} bytes given for a field of ${length}`)
      w.bytes(value)
    },
  }
}

/** A field that an older peer leaves out at the end of a message: `fallback` when nothing is left. Always written. */
export function optional<T>(field: Field<T>, fallback: T): Field<T> {
  return {
    read: (r) => (r.left === 0 ? fallback : field.read(r)),
    write: (w, value) => field.write(w, value),
  }
}

/** A uint32 count and that many of `field`. Each element must take at least one byte, so that a lying count ends early. */
export function counted<T>(field: Field<T>, most = 65_536): Field<readonly T[]> {
  return {
    read: (r) => {
      const count = r.uint32()
      if (count > most || count > r.left)
        throw new RangeError(`a count of ${count} with ${r.left} bytes left`)
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(field.read(r))
      return values
    },
    write: (w, values) => {
      w.uint32(values.length)
      for (const value of values) field.write(w, value)
    },
  }
}

/** `field` again and again until the end of the message. Each element must take at least one byte. */
export function repeat<T>(field: Field<T>): Field<readonly T[]> {
  return {
    read: (r) => {
      const values: T[] = []
      while (r.left > 0) values.push(field.read(r))
      return values
    },
    write: (w, values) => {
      for (const value of values) field.write(w, value)
    },
  }
}
