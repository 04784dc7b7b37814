/** Signatures as ssh2's programs see them: raw bytes for RSA and Ed25519, DER for ECDSA, with the hash beside. */

import { Reader, Writer } from '@hawser/wire'

/** Names of hashes as node:crypto takes them, by signature algorithm; Ed25519 has its own within. */
const hashes: Readonly<Record<string, string>> = {
  'ssh-rsa': 'sha1',
  'rsa-sha2-256': 'sha256',
  'rsa-sha2-512': 'sha512',
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
  'ssh-ed25519': 'sha512',
  'ssh-dss': 'sha1',
}

/** Algorithms of the signatures that were handed out, so that checking one needs no third argument. */
const algorithms = new WeakMap<Uint8Array, string>()

/** The hash of a signature algorithm. */
export function hashOf(algorithm: string): string | undefined {
  return hashes[algorithm]
}

/** The signature algorithm of a key of `type` with `hash`; without one, the only one there is, or SHA-1 for RSA as in old programs. */
export function algorithmFor(type: string, hash: string | undefined): string {
  if (type !== 'ssh-rsa') return type
  switch (hash?.toLowerCase()) {
    case undefined:
    case 'sha1':
    case 'rsa-sha1':
      return 'ssh-rsa'
    case 'sha256':
    case 'rsa-sha256':
      return 'rsa-sha2-256'
    case 'sha512':
    case 'rsa-sha512':
      return 'rsa-sha2-512'
    default:
      throw new Error(`Unsupported hash for an RSA key: ${hash} (sha1, sha256 and sha512 are possible)`)
  }
}

/** The algorithm of a signature that {@link fromBlob} handed out. */
export function rememberedAlgorithm(signature: Uint8Array): string | undefined {
  return algorithms.get(signature)
}

/** Signatures of security keys (OpenSSH PROTOCOL.u2f) have more behind their content: flags, a counter, what a browser added. */
function isSecurityKey(algorithm: string): boolean {
  return /^(?:webauthn-)?sk-/.test(algorithm)
}

/**
 * The content of an SSH signature blob (RFC 4253 §6.6), ECDSA's two numbers as DER; of security keys' signatures all that follows the
 * name.
 */
export function fromBlob(blob: Uint8Array): Buffer {
  const reader = new Reader(blob, 'signature')
  const algorithm = reader.ascii()
  const signature = isSecurityKey(algorithm)
    ? Buffer.from(reader.rest())
    : contentOf(algorithm, reader.string())
  algorithms.set(signature, algorithm)
  return signature
}

function contentOf(algorithm: string, content: Uint8Array): Buffer {
  return algorithm.startsWith('ecdsa-') ? toDer(content) : Buffer.from(content)
}

/** The SSH signature blob around `signature`; undefined when DER makes no sense that should be ECDSA's or DSA's. */
export function toBlob(algorithm: string, signature: Uint8Array): Uint8Array | undefined {
  if (isSecurityKey(algorithm)) return new Writer().string(algorithm).bytes(signature).finish()
  const content = algorithm.startsWith('ecdsa-')
    ? fromDer(signature)
    : algorithm === 'ssh-dss'
      ? bareDsa(signature)
      : signature
  if (content === undefined) return undefined
  return new Writer().string(algorithm).string(content).finish()
}

/** RFC 5656 §3.1.2 (mpint r, mpint s) as SEQUENCE of two INTEGERs; mpints and INTEGERs have the same content bytes. */
export function toDer(content: Uint8Array): Buffer {
  const reader = new Reader(content, 'ecdsa signature')
  const numbers = [reader.string(), reader.string()]
  reader.end()
  const body = Buffer.concat(numbers.map((number) => Buffer.concat([derHead(0x02, number.length), number])))
  return Buffer.concat([derHead(0x30, body.length), body])
}

/** The inverse of {@link toDer}. */
export function fromDer(der: Uint8Array): Uint8Array | undefined {
  const sequence = derValue(der, 0, 0x30)
  if (sequence === undefined || sequence.end !== der.length) return undefined
  const r = derValue(der, sequence.start, 0x02)
  const s = r === undefined ? undefined : derValue(der, r.end, 0x02)
  if (r === undefined || s === undefined || s.end !== sequence.end) return undefined
  return new Writer().string(der.subarray(r.start, r.end)).string(der.subarray(s.start, s.end)).finish()
}

/** 20 bytes each of r and s (RFC 4253 §6.6), of DER or as they are. */
function bareDsa(signature: Uint8Array): Uint8Array | undefined {
  const numbers = fromDer(signature)
  if (numbers === undefined) return signature.length === 40 ? signature : undefined
  const reader = new Reader(numbers, 'dsa signature')
  const bare = new Uint8Array(40)
  for (const end of [20, 40]) {
    const number = reader.string()
    const digits = number[0] === 0 ? number.subarray(1) : number
    if (digits.length > 20) return undefined
    bare.set(digits, end - digits.length)
  }
  return bare
}

function derHead(tag: number, length: number): Buffer {
  return length < 0x80 ? Buffer.from([tag, length]) : Buffer.from([tag, 0x81, length])
}

function derValue(der: Uint8Array, at: number, tag: number): { start: number; end: number } | undefined {
  if (der[at] !== tag) return undefined
  const first = der[at + 1]
  if (first === undefined) return undefined
  const long = first === 0x81
  if (first > 0x7f && !long) return undefined
  const length = long ? der[at + 2] : first
  if (length === undefined) return undefined
  const start = at + (long ? 3 : 2)
  return start + length > der.length ? undefined : { start, end: start + length }
}
