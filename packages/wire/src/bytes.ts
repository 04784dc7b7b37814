/** Small helpers over bytes that every layer needs. */

/** The one part of the web platform that pure code uses; every runtime we support has it. */
const { TextEncoder, TextDecoder } = globalThis as unknown as {
  TextEncoder: new () => { encode(text: string): Uint8Array }
  TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => { decode(bytes: Uint8Array): string }
}

const encoder = new TextEncoder()
// A byte order mark is a character like any other: `\uFEFFroot` is not `root`.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A shared empty array; never write to it. */
export const noBytes: Uint8Array = new Uint8Array(0)

/** The UTF-8 bytes of `text`. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text)
}

/** `bytes` as UTF-8; malformed sequences become U+FFFD. */
export function utf8Decode(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** `bytes` as UTF-8, or undefined when they are not valid UTF-8. */
export function utf8DecodeStrict(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Each byte as the character of the same number (ISO 8859-1); the inverse of {@link latin1Encode}. */
export function latin1Decode(bytes: Uint8Array): string {
  let text = ''
  // Spreading the array takes four times as long: it goes through an iterator.
  for (let at = 0; at < bytes.length; at += 4096)
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 4096))
  return text
}

/** The low byte of each character's code. */
export function latin1Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

/** One new array with all of `parts` in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/**
 * Whether `a` and `b` hold the same bytes, in a time that depends on their lengths only.
 * Use it for everything secret: MACs, tags, passwords, digests.
 */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= (a[at] as number) ^ (b[at] as number)
  return difference === 0
}

/** Overwrites every given array with zeros. */
export function erase(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0)
}

/** Lower-case hexadecimal. */
export function hexEncode(bytes: Uint8Array, separator = ''): string {
  const pairs: string[] = []
  for (const byte of bytes) pairs.push(byte.toString(16).padStart(2, '0'))
  return pairs.join(separator)
}

/** The bytes of an even number of hexadecimal digits, or undefined when `text` is something else. */
export function hexDecode(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(text.slice(at * 2, at * 2 + 2), 16)
  return bytes
}

const base64Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const base64Values = new Int8Array(128).fill(-1)
for (let value = 0; value < 64; value++) base64Values[base64Digits.charCodeAt(value)] = value

/** Base64 of RFC 4648 §4, with padding unless `pad` is false. */
export function base64Encode(bytes: Uint8Array, pad = true): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += base64Digits[group >> 18]
    text += base64Digits[(group >> 12) & 63]
    text += left > 1 ? base64Digits[(group >> 6) & 63] : pad ? '=' : ''
    text += left > 2 ? base64Digits[group & 63] : pad ? '=' : ''
  }
  return text
}

/**
 * The bytes of base64 text (RFC 4648 §4; padding may be missing, white space is skipped),
 * or undefined when `text` has any other character, a lone digit at its end or non-zero spare bits.
 */
export function base64Decode(text: string): Uint8Array | undefined {
  const digits = text.replace(/[\s]+/g, '').replace(/={0,2}$/, '')
  if (digits.length % 4 === 1) return undefined
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i)
    const value = code < 128 ? (base64Values[code] as number) : -1
    if (value < 0) return undefined
    bits = ((bits << 6) | value) & 0xffffff
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[at++] = (bits >> held) & 0xff
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined
}
