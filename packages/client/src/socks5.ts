/** The server's side of a SOCKS5 handshake (RFC 1928): no authentication, CONNECT only. Pure. */

import { ProtocolError, utf8DecodeStrict } from '@hawser/wire'
import type { Address } from './forwarding.ts'

/** What became of a CONNECT (RFC 1928 §6). */
export const SocksReply = {
  succeeded: 0,
  generalFailure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const

const version = 5
const noAuthentication = 0
const noneAcceptable = 0xff
const connect = 1

/** Longest handshake: 2 + 255 bytes of methods, then 4 + 1 + 255 + 2 of the request. */
const maxHandshake = 257 + 262

/** A handshake that cannot go on; `reply` tells the client why. */
export class SocksError extends ProtocolError {
  readonly reply: Uint8Array

  constructor(message: string, reply: Uint8Array) {
    super(message, { code: 'SSH_SOCKS' })
    this.reply = reply
  }
}

/**
 * Feed it what the client sends: `receive` gives the target once it is known, `takeOutput` what to send before. Answer the target by
 * {@link socksReply}. Throws SocksError for whatever it does not serve.
 */
export class SocksHandshake {
  #input = new Uint8Array(0)
  #output: Uint8Array | undefined
  #greeted = false

  /** The target, and what the client has sent after it; undefined while more is needed. */
  receive(bytes: Uint8Array): { readonly target: Address; readonly rest: Uint8Array } | undefined {
    const all = new Uint8Array(this.#input.length + bytes.length)
    all.set(this.#input)
    all.set(bytes, this.#input.length)
    this.#input = all
    if (!this.#greeted && !this.#greet()) return undefined
    const found = this.#request()
    if (found === undefined && this.#input.length > maxHandshake)
      throw new SocksError(`a SOCKS handshake of more than ${maxHandshake} bytes`, new Uint8Array(0))
    return found
  }

  takeOutput(): Uint8Array | undefined {
    const output = this.#output
    this.#output = undefined
    return output
  }

  /** RFC 1928 §3. */
  #greet(): boolean {
    const [said, count] = this.#input
    if (said !== undefined && said !== version)
      throw new SocksError(`SOCKS version ${said} is not served, only ${version}`, new Uint8Array(0))
    if (count === undefined || this.#input.length < 2 + count) return false
    const methods = this.#input.subarray(2, 2 + count)
    if (!methods.includes(noAuthentication))
      throw new SocksError(
        'the SOCKS client wants to authenticate, which is not served',
        Uint8Array.of(version, noneAcceptable),
      )
    this.#input = this.#input.subarray(2 + count)
    this.#output = Uint8Array.of(version, noAuthentication)
    this.#greeted = true
    return true
  }

  /** RFC 1928 §4, §5. */
  #request(): { readonly target: Address; readonly rest: Uint8Array } | undefined {
    const input = this.#input
    if (input[0] !== undefined && input[0] !== version)
      throw new SocksError(`a SOCKS request of version ${input[0]}`, socksReply(SocksReply.generalFailure))
    if (input.length < 5) return undefined
    const [, command, , kind, length] = input as unknown as number[]
    if (command !== connect)
      throw new SocksError(
        `the SOCKS command ${command} is not served, only CONNECT`,
        socksReply(SocksReply.commandNotSupported),
      )
    const [start, size] = spanOf(kind as number, length as number)
    const end = start + size
    if (input.length < end + 2) return undefined
    const host = hostOf(kind as number, input.subarray(start, end))
    const port = ((input[end] as number) << 8) | (input[end + 1] as number)
    return { target: { host, port }, rest: input.subarray(end + 2) }
  }
}

/** The answer to a CONNECT (RFC 1928 §6). Where we are bound concerns nobody: 0.0.0.0 port 0. */
export function socksReply(reply: number): Uint8Array {
  return Uint8Array.of(version, reply, 0, 1, 0, 0, 0, 0, 0, 0)
}

const kinds = { ipv4: 1, domain: 3, ipv6: 4 } as const

/** Where the address is, in bytes. */
function spanOf(kind: number, length: number): [start: number, size: number] {
  switch (kind) {
    case kinds.ipv4:
      return [4, 4]
    case kinds.ipv6:
      return [4, 16]
    case kinds.domain:
      if (length === 0)
        throw new SocksError('a SOCKS request for an empty name', socksReply(SocksReply.generalFailure))
      return [5, length]
    default:
      throw new SocksError(
        `the SOCKS address type ${kind} is not served`,
        socksReply(SocksReply.addressTypeNotSupported),
      )
  }
}

function hostOf(kind: number, bytes: Uint8Array): string {
  if (kind === kinds.ipv4) return bytes.join('.')
  if (kind === kinds.domain) return nameOf(bytes)
  const groups: string[] = []
  for (let at = 0; at < 16; at += 2)
    groups.push((((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16))
  return groups.join(':')
}

function nameOf(bytes: Uint8Array): string {
  const name = bytes.includes(0) ? undefined : utf8DecodeStrict(bytes)
  if (name === undefined)
    throw new SocksError('a SOCKS request for a name that is no text', socksReply(SocksReply.generalFailure))
  return name
}
