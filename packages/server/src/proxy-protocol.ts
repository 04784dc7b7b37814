/** The header by which a proxy says whose connection it carries: HAProxy's PROXY protocol, versions 1 and 2. Pure. */

import { parseAddress } from '@hawser/keys'
import type { PipeAddresses } from '@hawser/session'
import { DisconnectReason, ProtocolError } from '@hawser/wire'

/** A header that is complete. */
export interface ProxyHeader {
  /** Bytes that it takes; SSH begins behind them. */
  readonly length: number
  /** Who connected to the proxy, and where; undefined when the proxy speaks for itself (health checks) or does not know. */
  readonly addresses: Required<PipeAddresses> | undefined
}

/** CR LF CR LF NUL CR LF Q U I T LF (version 2, section 2.2): nothing that another protocol begins with. */
const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
const versionOne = Uint8Array.from('PROXY ', (letter) => letter.charCodeAt(0))
/** Longest line of version 1, its end included (section 2.1). */
const longestLine = 107
/** Of version 2 behind its first 16 bytes: addresses and all that a proxy adds (TLS names, identifiers). The format has room for 65,535. */
const mostAfterHead = 2_048

/** The header at the start of `bytes`; undefined while more bytes are needed. Throws {@link ProtocolError} for what begins otherwise or breaks the format. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (beginsLike(bytes, signature)) return bytes.length < 16 ? undefined : versionTwo(bytes)
  if (beginsLike(bytes, versionOne)) return line(bytes)
  throw refused('the connection of a trusted proxy does not begin with one')
}

/** Whether one is the beginning of the other. */
function beginsLike(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return bytes.subarray(0, beginning.length).every((byte, at) => byte === beginning[at])
}

function line(bytes: Uint8Array): ProxyHeader | undefined {
  const end = bytes.subarray(0, longestLine).indexOf(0x0a)
  if (end < 0) {
    if (bytes.length >= longestLine) throw refused(`its line has no end within ${longestLine} bytes`)
    return undefined
  }
  const text = String.fromCharCode(...bytes.subarray(0, end + 1))
  const length = end + 1
  if (/^PROXY UNKNOWN(?: [ -~]*)?\r\n$/.test(text)) return { length, addresses: undefined }
  const found = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(text)
  const [, family, from = '', to = '', fromPort, toPort] = found ?? []
  const [remotePort, localPort] = [Number(fromPort), Number(toPort)]
  const fits = (address: string): boolean =>
    parseAddress(address) !== undefined && address.includes(':') === (family === '6')
  if (found === null || !fits(from) || !fits(to) || remotePort > 65_535 || localPort > 65_535)
    throw refused('its line is malformed')
  return { length, addresses: { remoteAddress: from, remotePort, localAddress: to, localPort } }
}

function versionTwo(bytes: Uint8Array): ProxyHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const command = view.getUint8(12)
  const kind = view.getUint8(13)
  const after = view.getUint16(14)
  if (command !== 0x20 && command !== 0x21)
    throw refused(`its version and command are 0x${command.toString(16)}; 0x20 and 0x21 are known`)
  if (after > mostAfterHead) throw refused(`it announces ${after} bytes; ${mostAfterHead} is the limit`)
  const length = 16 + after
  const size = kind === 0x11 ? 4 : kind === 0x21 ? 16 : undefined
  if (command === 0x21 && size === undefined && kind !== 0)
    throw refused(`its kind of connection is 0x${kind.toString(16)}; TCP over IPv4 and IPv6 are known`)
  const speaks = command === 0x21 && size !== undefined
  if (speaks && after < 2 * size + 4)
    throw refused(`it announces ${after} bytes; addresses need ${2 * size + 4}`)
  if (bytes.length < length) return undefined
  if (!speaks) return { length, addresses: undefined }
  return {
    length,
    addresses: {
      remoteAddress: addressText(bytes.subarray(16, 16 + size)),
      localAddress: addressText(bytes.subarray(16 + size, 16 + 2 * size)),
      remotePort: view.getUint16(16 + 2 * size),
      localPort: view.getUint16(18 + 2 * size),
    },
  }
}

/** As sockets show it; the longest run of zeros is left out (RFC 5952 §4.2). */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] as number) << 8) | (bytes[2 * at + 1] as number)).toString(16),
  )
  const text = groups.join(':')
  let run = { at: 0, length: 0 }
  for (const { 0: zeros, index } of text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g))
    if (zeros.length > run.length) run = { at: index, length: zeros.length }
  if (run.length === 0) return text
  const [head, tail] = [text.slice(0, run.at), text.slice(run.at + run.length)]
  return `${head}:${tail === '' ? ':' : tail}`
}

function refused(why: string): ProtocolError {
  return new ProtocolError(`the PROXY protocol header is refused: ${why}`, {
    disconnectReason: DisconnectReason.protocolError,
  })
}
