/** The MACs by their SSH names: RFC 4253 §6.4, RFC 6668, OpenSSH's UMAC (PROTOCOL.mac) and encrypt-then-MAC variants (PROTOCOL §1.5). */

import type { MacAlgorithm } from './algorithm.ts'
import type { HashName } from './backend.ts'
import { umac } from './umac.ts'

/** In order of preference; a new one is a row here. */
export const macs: readonly MacAlgorithm[] = Object.freeze([
  hmac('hmac-sha2-256-etm@openssh.com', 'sha256', 32),
  hmac('hmac-sha2-512-etm@openssh.com', 'sha512', 64),
  umacOf('umac-128-etm@openssh.com', 16),
  umacOf('umac-64-etm@openssh.com', 8),
  hmac('hmac-sha2-256', 'sha256', 32),
  hmac('hmac-sha2-512', 'sha512', 64),
  umacOf('umac-128@openssh.com', 16),
  umacOf('umac-64@openssh.com', 8),
  hmac('hmac-sha1-etm@openssh.com', 'sha1', 20, { insecure: true }),
  hmac('hmac-sha1', 'sha1', 20, { insecure: true }),
  hmac('hmac-sha1-96-etm@openssh.com', 'sha1', 20, { insecure: true, tagSize: 12 }),
  hmac('hmac-sha1-96', 'sha1', 20, { insecure: true, tagSize: 12 }),
  hmac('hmac-md5-etm@openssh.com', 'md5', 16, { insecure: true }),
  hmac('hmac-md5', 'md5', 16, { insecure: true }),
  hmac('hmac-md5-96-etm@openssh.com', 'md5', 16, { insecure: true, tagSize: 12 }),
  hmac('hmac-md5-96', 'md5', 16, { insecure: true, tagSize: 12 }),
])

/** The key is as long as the digest, and so is the tag unless `tagSize` cuts it. */
function hmac(
  name: string,
  hash: HashName,
  size: number,
  more: Partial<Pick<MacAlgorithm, 'insecure' | 'tagSize'>> = {},
): MacAlgorithm {
  const { tagSize = size } = more
  return Object.freeze({
    name,
    keySize: size,
    etm: name.endsWith('-etm@openssh.com'),
    ...more,
    tagSize,
    create(backend, key) {
      const mac = backend.hmac(hash, key)
      const sequence = new Uint8Array(4)
      const view = new DataView(sequence.buffer)
      return (seq, ...parts) => {
        view.setUint32(0, seq)
        const tag = mac(sequence, ...parts)
        return tag.length === tagSize ? tag : tag.subarray(0, tagSize)
      }
    },
  } satisfies MacAlgorithm)
}

/** The nonce is the sequence number as 64 bits. */
function umacOf(name: string, tagSize: 8 | 16): MacAlgorithm {
  return Object.freeze({
    name,
    keySize: 16,
    tagSize,
    etm: name.endsWith('-etm@openssh.com'),
    create: (backend, key) => umac(backend, key, tagSize),
  } satisfies MacAlgorithm)
}
