/** Extension negotiation (RFC 8308): the markers in KEXINIT and what EXT_INFO says. */

import { latin1Decode, Writer } from '@hawser/wire'
import { extInfo } from './messages.ts'

/** In the first KEXINIT's kex list: "I take EXT_INFO" (RFC 8308 §2.1). Never negotiated. */
export const extInfoMarker = { client: 'ext-info-c', server: 'ext-info-s' } as const

/** In the first KEXINIT's kex list: strict key exchange (OpenSSH PROTOCOL §1.10). Never negotiated. */
export const strictMarker = {
  client: 'kex-strict-c-v00@openssh.com',
  server: 'kex-strict-s-v00@openssh.com',
} as const

const markers: ReadonlySet<string> = new Set([
  ...Object.values(extInfoMarker),
  ...Object.values(strictMarker),
])

/** Whether `name` stands in kex lists only as a flag. */
export function isMarker(name: string): boolean {
  return markers.has(name)
}

/** The server's EXT_INFO: the signature algorithms for user keys (RFC 8308 §3.1), and that it answers pings. */
export function serverExtInfo(signatureAlgorithms: readonly string[]): Uint8Array {
  const text = (value: string): Uint8Array => new Writer().string(value).finish().subarray(4)
  return extInfo.encode({
    extensions: [
      { name: 'server-sig-algs', value: text(signatureAlgorithms.join(',')) },
      { name: 'ping@openssh.com', value: text('0') },
    ],
  })
}

/** The extensions of a received EXT_INFO by name; of a name that comes twice the last counts. */
export function readExtInfo(payload: Uint8Array): ReadonlyMap<string, Uint8Array> {
  return new Map(extInfo.decode(payload).extensions.map(({ name, value }) => [name, value]))
}

/** The names in a `server-sig-algs` value; empty names of careless servers are dropped. */
export function readSignatureAlgorithms(value: Uint8Array): readonly string[] {
  return latin1Decode(value.subarray(0, 16_384))
    .split(',')
    .filter((name) => name !== '')
}
