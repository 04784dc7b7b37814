/** Fingerprints of host keys in DNS: SSHFP records (RFC 4255, RFC 6594, RFC 7479). */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { equal, hexDecode, hexEncode, UsageError } from '@hawser/wire'
import { certificateTypeNamed } from '../certificates/types.ts'
import { KeyError } from '../errors.ts'
import type { PublicKey } from '../key.ts'
import { digestOf } from './fingerprint.ts'

export interface SshfpRecord {
  /** RFC 4255 §3.1.1: 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519. */
  readonly algorithm: number
  /** RFC 4255 §3.1.2: 1 SHA-1, 2 SHA-256. */
  readonly hash: number
  readonly fingerprint: Uint8Array
}

export interface SshfpLine extends SshfpRecord {
  /** The owner of the record as it stands in the line: a name, `@`, or empty for "the same as above". */
  readonly host: string
}

/** `match`: a record is of this key. `mismatch`: records for keys of this type are of others. `unknown`: there is none for such keys. */
export type SshfpStatus = 'match' | 'mismatch' | 'unknown'

const algorithms: ReadonlyMap<string, number> = new Map([
  ['ssh-rsa', 1],
  ['ssh-dss', 2],
  ['ecdsa-sha2-nistp256', 3],
  ['ecdsa-sha2-nistp384', 3],
  ['ecdsa-sha2-nistp521', 3],
  ['ssh-ed25519', 4],
])
const hashes = [
  { number: 1, name: 'sha1', bytes: 20 },
  { number: 2, name: 'sha256', bytes: 32 },
] as const

/** No name, no record that we know is as long. */
const mostCharacters = 4096

/** The records of a host key: by SHA-1 and by SHA-256. Throws {@link KeyError} for types that have no number, certificates among them. */
export function sshfpRecords(
  key: PublicKey,
  crypto: CryptoProvider = defaultProvider,
): readonly SshfpRecord[] {
  const algorithm = algorithms.get(key.type)
  if (algorithm === undefined || certificateTypeNamed(key.type) !== undefined)
    throw new KeyError('SSH_KEY_UNSUPPORTED', `there are no SSHFP records for keys of type ${key.type}`)
  return hashes.map(({ number, name }) => ({
    algorithm,
    hash: number,
    fingerprint: digestOf(key, name, crypto),
  }))
}

/** One line for a zone file; `generic` writes it as TYPE44 for servers that do not know SSHFP (RFC 3597 §5). As `ssh-keygen -r`, with -g. */
export function formatSshfp(
  host: string,
  record: SshfpRecord,
  { generic = false }: { readonly generic?: boolean } = {},
): string {
  if (!/^[^\s"();\\]+$/.test(host))
    throw new UsageError(`${JSON.stringify(host)} cannot stand in a zone file as the name of a host`)
  const { algorithm, hash, fingerprint } = record
  if (!generic) return `${host} IN SSHFP ${algorithm} ${hash} ${hexEncode(fingerprint)}`
  const head = hexEncode(Uint8Array.of(algorithm, hash), ' ')
  return `${host} IN TYPE44 \\# ${2 + fingerprint.length} ${head} ${hexEncode(fingerprint)}`
}

/** Reads a line of a zone file or of `dig`: both ways of writing, with or without TTL and class. Throws {@link KeyError}. */
export function parseSshfp(line: string): SshfpLine {
  if (line.length > mostCharacters) throw malformed(`${line.length} characters are too many`)
  const words = line.replace(/[;\r\n].*$/s, '').split(/[ \t()]+/)
  const at = words.findIndex((word) => /^(?:SSHFP|TYPE44)$/i.test(word))
  if (at < 0) throw malformed('there is no SSHFP or TYPE44 in the line')
  const before = words.slice(0, at)
  // A line that starts with white space, a TTL or a class is about the name of the line above.
  const named = before.length > 0 && before[0] !== '' && !isTtlOrClass(before[0] as string)
  const host = named ? (before[0] as string) : ''
  const middle = named || before[0] === '' ? before.slice(1) : before
  const [generic, data] = [/^TYPE44$/i.test(words[at] as string), words.slice(at + 1)]
  if (!middle.every(isTtlOrClass))
    throw malformed('between name and type stand a TTL and the class IN at most')
  if (!generic) {
    const [algorithm = '', hash = '', ...hex] = data
    if (!/^\d{1,3}$/.test(algorithm) || !/^\d{1,3}$/.test(hash))
      throw malformed('the type is not followed by two numbers')
    return { host, ...recordOf(Number(algorithm), Number(hash), hexDecode(hex.join(''))) }
  }
  const [mark, length = '', ...hex] = data
  const bytes = hexDecode(hex.join(''))
  if (mark !== '\\#' || !/^\d{1,5}$/.test(length) || bytes?.length !== Number(length) || bytes.length < 2)
    throw malformed('TYPE44 is not followed by \\#, a length and as many bytes')
  return { host, ...recordOf(bytes[0] as number, bytes[1] as number, bytes.slice(2)) }
}

/** The record in its wire form (RFC 4255 §3.1), as resolvers give it. Throws {@link KeyError}. */
export function readSshfp(data: Uint8Array): SshfpRecord {
  if (data.length < 2 || data.length > mostCharacters) throw malformed(`${data.length} bytes are no record`)
  return recordOf(data[0] as number, data[1] as number, Uint8Array.from(data.subarray(2)))
}

/**
 * What `records` say about a host key. Where a SHA-256 record is there for keys of this type, SHA-1 ones do not count
 * (RFC 6594 §4.1). DNS that is not signed (DNSSEC) proves nothing: that is for the caller to know.
 */
export function checkSshfp(
  records: readonly SshfpRecord[],
  key: PublicKey,
  crypto: CryptoProvider = defaultProvider,
): SshfpStatus {
  const own = sshfpRecords(key, crypto)
  for (const mine of [...own].reverse()) {
    const theirs = records.filter(({ algorithm, hash }) => algorithm === mine.algorithm && hash === mine.hash)
    if (theirs.length > 0)
      return theirs.some((record) => equal(record.fingerprint, mine.fingerprint)) ? 'match' : 'mismatch'
  }
  return 'unknown'
}

function isTtlOrClass(word: string): boolean {
  return /^(?:IN|\d{1,10})$/i.test(word)
}

function recordOf(algorithm: number, hash: number, fingerprint: Uint8Array | undefined): SshfpRecord {
  if (algorithm > 255 || hash > 255) throw malformed('algorithm and hash are numbers up to 255')
  if (fingerprint === undefined || fingerprint.length === 0)
    throw malformed('the fingerprint is not hexadecimal')
  const known = hashes.find(({ number }) => number === hash)
  if (known !== undefined && fingerprint.length !== known.bytes)
    throw malformed(`a fingerprint by ${known.name} has ${known.bytes} bytes, not ${fingerprint.length}`)
  return { algorithm, hash, fingerprint }
}

function malformed(what: string): KeyError {
  const format = 'SSHFP record'
  return new KeyError('SSH_KEY_FORMAT', `${format}: ${what}`, { format })
}
