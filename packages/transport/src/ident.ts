/** The identification exchange (RFC 4253 §4.2): reading the peer's line within limits, writing ours. */

import { DisconnectReason, latin1Decode, latin1Encode, UsageError, utf8Encode } from '@hawser/wire'
import { IdentificationError } from './errors.ts'

/** The peer's identification line. */
export interface Ident {
  /** The whole line without its end, each byte as the character of the same number. */
  readonly raw: string
  /** `2.0`, or `1.99` from a server that would also speak SSH 1. */
  readonly protocol: string
  /** Name and version of the peer's software. */
  readonly software: string
  /** What follows the first space; empty when nothing does. */
  readonly comments: string
}

export const identLimits = {
  /** A line of a server with its end: RFC 4253 §4.2 allows 255; old servers send more, OpenSSH reads up to 8,192. */
  line: 8_192,
  /** The line of a client with its end (RFC 4253 §4.2). */
  clientLine: 255,
  /** Lines that a server may send before its identification. */
  lines: 50,
  /** Bytes of those lines together. */
  greeting: 65_536,
} as const

const newline = 0x0a
const carriageReturn = 0x0d
const prefix = latin1Encode('SSH-')

/** Reads lines byte by byte, however they are cut, until one is the peer's identification. */
export class IdentReader {
  readonly #role: 'client' | 'server'
  readonly #longest: number
  readonly #greeting: string[] = []
  #line: Uint8Array = new Uint8Array(256)
  #length = 0
  #total = 0
  #first = ''

  /** `role` is ours: only a client accepts lines before the identification. */
  constructor(role: 'client' | 'server') {
    this.#role = role
    this.#longest = role === 'server' ? identLimits.clientLine : identLimits.line
  }

  /** Lines that came before the identification, so far. */
  get greeting(): readonly string[] {
    return this.#greeting
  }

  /** The first bytes received, at most 256: what to tell when the identification never comes. */
  get received(): string {
    return this.#first
  }

  /**
   * Takes bytes up to the end of the identification: how many were used, and the identification when it is complete.
   * Throws {@link IdentificationError}.
   */
  read(bytes: Uint8Array): { readonly used: number; readonly ident?: Ident } {
    if (this.#first.length < 256) this.#first += latin1Decode(bytes.subarray(0, 256 - this.#first.length))
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte === 0) throw this.#error('a NUL byte where the identification was expected')
      if (byte === newline) {
        const ident = this.#endOfLine()
        if (ident !== undefined) return { used: at + 1, ident }
      } else this.#append(byte)
    }
    return { used: bytes.length }
  }

  #append(byte: number): void {
    // One for this byte, one for the end of the line.
    if (this.#length + 2 > this.#longest)
      throw this.#error(`an identification line longer than ${this.#longest} bytes`)
    if (this.#role === 'client' && ++this.#total > identLimits.greeting + identLimits.line)
      throw this.#error(`more than ${identLimits.greeting} bytes before the identification`)
    if (this.#length === this.#line.length) {
      const grown = new Uint8Array(this.#line.length * 2)
      grown.set(this.#line)
      this.#line = grown
    }
    this.#line[this.#length++] = byte
    // What does not begin like an identification is refused as soon as enough is there to say what it is.
    if (this.#length === 16 && this.#role === 'server' && !this.#isIdent()) throw this.#notSsh()
    if (this.#length === 3 && (this.#line[0] === 0x16 || this.#line[0] === 0x15)) throw this.#notSsh()
  }

  #isIdent(): boolean {
    for (let at = 0; at < prefix.length; at++) if (this.#line[at] !== prefix[at]) return false
    return this.#length >= prefix.length
  }

  #endOfLine(): Ident | undefined {
    const end =
      this.#length > 0 && this.#line[this.#length - 1] === carriageReturn ? this.#length - 1 : this.#length
    const line = latin1Decode(this.#line.subarray(0, end))
    const isIdent = this.#isIdent()
    this.#length = 0
    if (isIdent) return this.#parse(line)
    if (this.#role === 'server' || /^HTTP\/\d/.test(line)) throw this.#notSsh()
    if (this.#total > identLimits.greeting)
      throw this.#error(`more than ${identLimits.greeting} bytes before the identification`)
    if (this.#greeting.length === identLimits.lines)
      throw this.#error(`more than ${identLimits.lines} lines before the identification`)
    this.#greeting.push(line)
    return undefined
  }

  #parse(raw: string): Ident {
    const match = /^SSH-([^-\s]+)-([^ ]*)(?: (.*))?$/s.exec(raw)
    if (match === null)
      throw this.#error(
        `${quote(raw)} is no identification; SSH-2.0-software and perhaps a space and comments are expected`,
      )
    const [, protocol = '', software = '', comments = ''] = match
    if (protocol !== '2.0' && protocol !== '1.99')
      throw new IdentificationError(
        `the peer speaks SSH protocol ${quote(protocol)} (${quote(raw)}), only 2.0 is spoken here; it must be updated or configured for version 2`,
        this.#first,
        DisconnectReason.protocolVersionNotSupported,
      )
    return { raw, protocol, software, comments }
  }

  #notSsh(): IdentificationError {
    const what = recognise(this.#first)
    const hint =
      this.#role === 'client'
        ? 'check host and port: an SSH server usually listens on port 22'
        : 'only SSH clients are served here'
    return this.#error(
      `the peer ${what === undefined ? 'does not speak SSH' : `seems to speak ${what}, not SSH`}; ${hint}`,
    )
  }

  #error(message: string): IdentificationError {
    return new IdentificationError(
      `${message}; the peer began with ${quote(this.#first.slice(0, 128))}`,
      this.#first,
    )
  }
}

/** What the first bytes look like, where that is plain. */
function recognise(text: string): string | undefined {
  if (/^(HTTP\/\d|(GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|PATCH|TRACE|PRI) )/.test(text)) return 'HTTP'
  if (/^[\x15\x16]\x03/.test(text)) return 'TLS'
  if (/^[\x04\x05][\x01\x02]/.test(text)) return 'SOCKS'
  if (/^(EHLO|HELO|220[ -].*SMTP)/i.test(text)) return 'SMTP'
  if (/^\x03\x00\x00/.test(text)) return 'RDP'
  return undefined
}

function quote(text: string): string {
  return JSON.stringify(text.length > 256 ? `${text.slice(0, 256)}…` : text)
}

/**
 * Our identification line without its end. `software` is `name_version`, and may go on with a space and comments.
 * Throws {@link UsageError} where RFC 4253 §4.2 forbids it.
 */
export function formatIdent(software: string): string {
  if (!/^[\x21-\x7e]+( [\x20-\x7e]*)?$/.test(software))
    throw new UsageError(
      `the identification ${quote(software)} cannot be sent: printable US-ASCII is needed, without line ends (RFC 4253 §4.2)`,
    )
  const line = `SSH-2.0-${software}`
  if (line.length > 253)
    throw new UsageError(
      `the identification would be ${line.length + 2} bytes with its line end, RFC 4253 §4.2 allows 255`,
    )
  return line
}

/** Lines for a server to send before its identification. Throws {@link UsageError} for one that a client could not read. */
export function formatGreeting(lines: readonly string[]): Uint8Array {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
  for (const line of lines)
    if (/[\r\n\0]/.test(line) || line.startsWith('SSH-') || line.length > 253)
      throw new UsageError(
        `the greeting line ${quote(line)} cannot be sent: no line ends, no NUL, at most 253 characters, not beginning with SSH- (RFC 4253 §4.2)`,
      )
  if (lines.length > identLimits.lines)
    throw new UsageError(`${lines.length} greeting lines, at most ${identLimits.lines} are read by clients`)
  return utf8Encode(lines.map((line) => `${line}\r\n`).join(''))
}
