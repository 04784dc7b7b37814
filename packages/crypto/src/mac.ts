/** The MACs by their SSH names: RFC 4253 §6.4, RFC 6668, and OpenSSH's encrypt-then-MAC variants (PROTOCOL §1.5). */

import type { MacAlgorithm } from './algorithm.ts'
import type { HashName } from './backend.ts'

/** In order of preference; a new one is a row here. */
export const macs: readonly MacAlgorithm[] = Object.freeze([
  hmac('hmac-sha2-256-etm@openssh.com', 'sha256', 32),
  hmac('hmac-sha2-512-etm@openssh.com', 'sha512', 64),
  hmac('hmac-sha2-256', 'sha256', 32),
  hmac('hmac-sha2-512', 'sha512', 64),
  hmac('hmac-sha1-etm@openssh.com', 'sha1', 20, { insecure: true }),
  hmac('hmac-sha1', 'sha1', 20, { insecure: true }),
])

/** The key is as long as the tag, which is the whole digest. */
function hmac(
  name: string,
  hash: HashName,
  size: number,
  more: Pick<MacAlgorithm, 'insecure'> = {},
): MacAlgorithm {
  return Object.freeze({
    name,
    keySize: size,
    tagSize: size,
    etm: name.endsWith('-etm@openssh.com'),
    ...more,
    create(backend, key) {
      const mac = backend.hmac(hash, key)
      const sequence = new Uint8Array(4)
      const view = new DataView(sequence.buffer)
      return (seq, ...parts) => {
        view.setUint32(0, seq)
        return mac(sequence, ...parts)
      }
    },
  } satisfies MacAlgorithm)
}
