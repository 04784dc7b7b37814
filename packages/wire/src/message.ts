/** Declares a message once: its name, number and fields give its type, its encoder and its decoder. */

import { ProtocolError } from './errors.ts'
import type { Field } from './fields.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

// biome-ignore lint/suspicious/noExplicitAny: a shape is generic in every field's value
export type Shape = Readonly<Record<string, Field<any>>>
export type FromShape<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never
}

/** Fields in order, without a message number: the data of channel opens, requests, blobs. */
export interface Struct<T> {
  readonly name: string
  encode(value: T): Uint8Array
  /** Throws {@link ProtocolError} for bytes that do not fit, also when some are left over. */
  decode(bytes: Uint8Array): T
  read(reader: Reader): T
  write(writer: Writer, value: T): void
}

/** A message of the protocol: a {@link Struct} behind its number. */
export interface Message<T> extends Struct<T> {
  readonly number: number
}

/** The type of a message's or struct's value. */
export type Infer<M> = M extends Struct<infer T> ? T : never

export function struct<const S extends Shape>(name: string, fields: S): Struct<FromShape<S>> {
  const entries = Object.entries(fields)
  const read = (reader: Reader): FromShape<S> => {
    const value: Record<string, unknown> = {}
    for (const [key, field] of entries) value[key] = field.read(reader)
    return value as FromShape<S>
  }
  const write = (writer: Writer, value: FromShape<S>): void => {
    for (const [key, field] of entries) field.write(writer, value[key])
  }
  return Object.freeze({
    name,
    read,
    write,
    encode: (value: FromShape<S>) => {
      const writer = new Writer()
      write(writer, value)
      return writer.finish()
    },
    decode: (bytes: Uint8Array) =>
      guarded(name, () => {
        const reader = new Reader(bytes, name)
        const value = read(reader)
        reader.end()
        return value
      }),
  })
}

/**
 * `decode` expects the whole payload, number included; a wrong number is a {@link ProtocolError}.
 */
export function message<const S extends Shape>(
  name: string,
  number: number,
  fields: S,
): Message<FromShape<S>> {
  const body = struct(name, fields)
  return Object.freeze({
    ...body,
    number,
    encode: (value: FromShape<S>) => {
      const writer = new Writer()
      writer.byte(number)
      body.write(writer, value)
      return writer.finish()
    },
    decode: (payload: Uint8Array) =>
      guarded(name, () => {
        const reader = new Reader(payload, name)
        const got = reader.byte()
        if (got !== number) throw new ProtocolError(`message ${got} where ${name} (${number}) was expected`)
        const value = body.read(reader)
        reader.end()
        return value
      }),
  })
}

/** Field codecs may throw RangeError for a value that lies; for the caller that is the peer's fault. */
function guarded<T>(name: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof RangeError) throw new ProtocolError(`${name}: ${error.message}`, { cause: error })
    throw error
  }
}
