/** What a server says of its limits by limits@openssh.com (OpenSSH PROTOCOL §4.8). */

import { limitsReply } from '../protocol/extensions.ts'

/** In bytes, and a number of handles; undefined where the server did not say. */
export interface KnownLimits {
  readonly packet?: number
  readonly read?: number
  readonly write?: number
  readonly handles?: number
}

/** Reads the extension's reply. Throws ProtocolError when it is malformed. */
export function knownLimits(reply: Uint8Array): KnownLimits {
  const limits = limitsReply.decode(reply)
  return {
    ...known('packet', limits.maxPacketLength),
    ...known('read', limits.maxReadLength),
    ...known('write', limits.maxWriteLength),
    ...known('handles', limits.maxOpenHandles),
  }
}

/** 0 stands for "not said". */
function known<K extends string>(name: K, value: bigint): { readonly [P in K]?: number } {
  return value === 0n || value > 0xffffffffn
    ? {}
    : ({ [name]: Number(value) } as { readonly [P in K]: number })
}
