/** known_hosts: which keys hosts are known by (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */

import { type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { base64Decode, base64Encode, equal, UsageError, utf8Encode } from '@hawser/wire'
import { KeyError } from '../errors.ts'
import { readLine, writeLine } from '../formats/openssh-line.ts'
import type { PublicKey } from '../key.ts'
import { matchesPatterns } from './host-patterns.ts'
import { checkLength, readLines, type TrustFileProblem } from './lines.ts'

/** `ok`: the key is known for the host. `unknown`: no key is. `changed`: another key is. `revoked`: it must never be accepted. */
export type KnownHostStatus = 'ok' | 'unknown' | 'changed' | 'revoked'

export interface KnownHostVerdict {
  readonly status: KnownHostStatus
  /** The entries that decided: the one that fits, the one that revokes, all that differ; none for `unknown`. */
  readonly entries: readonly KnownHostEntry[]
}

export interface KnownHostEntry {
  /** Counted from 1. */
  readonly line: number
  /** The file that it stands in, if that was told. */
  readonly file?: string
  /** `revoked`: the key is refused for these hosts. `cert-authority`: it signs certificates for them, and is not a host key. */
  readonly marker?: 'revoked' | 'cert-authority'
  /** As in the file: names, addresses and patterns with commas between them, or one hashed name. */
  readonly hosts: string
  readonly key: PublicKey
}

export interface KnownHosts {
  readonly entries: readonly KnownHostEntry[]
  readonly problems: readonly TrustFileProblem[]
  /** What the file says about `key` being presented by `host` (name or address) on `port`. */
  check(host: string, port: number, key: PublicKey): KnownHostStatus
  /** {@link KnownHosts.check} with the entries and so the line numbers behind it. */
  lookup(host: string, port: number, key: PublicKey): KnownHostVerdict
  /** All keys that the file has for the host, but for revoked ones and authorities: their types are what to ask the server for. */
  keysOf(host: string, port: number): readonly PublicKey[]
  /** The keys that may sign certificates for the host (`@cert-authority`), but for those that are revoked for it. */
  authoritiesOf(host: string, port: number): readonly PublicKey[]
}

export interface KnownHostLineOptions {
  /** Write an HMAC of the name instead of the name. Default: false. */
  readonly hashed?: boolean
  readonly crypto?: CryptoProvider
}

/** The text of a known_hosts file and where it is from, for messages. */
export interface KnownHostsText {
  readonly text: string
  readonly file: string
}

/** Reads the text of a known_hosts file, or of several. Lines that are not understood are passed over and listed in `problems`. */
export function parseKnownHosts(
  source: string | readonly KnownHostsText[],
  { crypto = defaultProvider }: { readonly crypto?: CryptoProvider } = {},
): KnownHosts {
  if (typeof source === 'string') {
    const { entries, problems } = readLines(source, readKnownHost)
    return new KnownHostsFile(entries, problems, crypto)
  }
  const read = source.map(({ text, file }) => ({ file, ...readLines(text, readKnownHost) }))
  return new KnownHostsFile(
    read.flatMap(({ file, entries }) => entries.map((entry) => Object.freeze({ ...entry, file }))),
    read.flatMap(({ file, problems }) => problems.map((problem) => ({ ...problem, file }))),
    crypto,
  )
}

/** One line for a known_hosts file, no line end. Throws UsageError for a host that cannot stand in one. */
export function formatKnownHost(
  host: string,
  port: number,
  key: PublicKey,
  { hashed = false, crypto = defaultProvider }: KnownHostLineOptions = {},
): string {
  const name = knownHostName(host, port)
  if (!/^[^\s,|*?!#@"\0-\x1f\x7f][^\s,|*?!"\0-\x1f\x7f]*$/.test(name))
    throw new UsageError(`${JSON.stringify(host)} cannot stand in a known_hosts file as the name of a host`)
  return `${hashed ? hashName(name, crypto) : name} ${writeLine(key)}`
}

/** How a host is called in the file: in lower case; with its port, when that is not 22, as `[host]:port`. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

class KnownHostsFile implements KnownHosts {
  readonly entries: readonly KnownHostEntry[]
  readonly problems: readonly TrustFileProblem[]
  readonly #crypto: CryptoProvider

  constructor(
    entries: readonly KnownHostEntry[],
    problems: readonly TrustFileProblem[],
    crypto: CryptoProvider,
  ) {
    this.entries = entries
    this.problems = problems
    this.#crypto = crypto
  }

  check(host: string, port: number, key: PublicKey): KnownHostStatus {
    return this.lookup(host, port, key).status
  }

  lookup(host: string, port: number, key: PublicKey): KnownHostVerdict {
    const verdict = this.#judge(knownHostName(host, port), key)
    if (verdict.status !== 'unknown' || port === 22) return verdict
    // As OpenSSH: a key that is known for the host's own port will do for the others, where none is known for them.
    const plain = this.#judge(knownHostName(host, 22), key)
    return plain.status === 'changed' ? verdict : plain
  }

  keysOf(host: string, port: number): readonly PublicKey[] {
    const own = this.#keys(knownHostName(host, port))
    const found = own.length > 0 || port === 22 ? own : this.#keys(knownHostName(host, 22))
    return found.map(({ key }) => key)
  }

  authoritiesOf(host: string, port: number): readonly PublicKey[] {
    // As OpenSSH: what is said about the host's own port counts for the others, where nothing is said about them.
    const names = [knownHostName(host, port), knownHostName(host, 22)]
    for (const name of names) {
      const found = this.#marked('cert-authority', name)
      if (found.length > 0)
        return found.map(({ key }) => key).filter((key) => this.#judge(name, key).status !== 'revoked')
    }
    return []
  }

  #judge(name: string, key: PublicKey): KnownHostVerdict {
    const same = (entry: KnownHostEntry): boolean => equal(entry.key.blob, key.blob)
    const revoked = this.#marked('revoked', name).filter(same)
    if (revoked.length > 0) return { status: 'revoked', entries: revoked }
    const known = this.#keys(name)
    const fitting = known.filter(same)
    if (fitting.length > 0) return { status: 'ok', entries: fitting }
    return known.length > 0 ? { status: 'changed', entries: known } : { status: 'unknown', entries: [] }
  }

  #keys(name: string): readonly KnownHostEntry[] {
    return this.#marked(undefined, name)
  }

  #marked(marker: KnownHostEntry['marker'], name: string): readonly KnownHostEntry[] {
    return this.entries.filter((entry) => entry.marker === marker && isFor(entry, name, this.#crypto))
  }
}

/** Whether the hosts of an entry include `name`, which {@link knownHostName} made. */
export function isFor(entry: KnownHostEntry, name: string, crypto: CryptoProvider): boolean {
  if (!entry.hosts.startsWith('|')) return matchesPatterns(name, entry.hosts)
  const hashed = readHashed(entry.hosts)
  return hashed !== undefined && equal(hashed.mac, macOf(name, hashed.salt, crypto))
}

/** The entry in one line without white space around it. Throws {@link KeyError}. */
export function readKnownHost(content: string, line: number): KnownHostEntry {
  checkLength(content)
  const [, marker, hosts, rest] = /^(?:@(\S+)[ \t]+)?(\S+)[ \t]+(.*)$/.exec(content) ?? []
  if (hosts === undefined || rest === undefined)
    throw new KeyError('SSH_KEY_FORMAT', 'a line of known_hosts needs hosts, a key type and a key')
  if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority')
    throw new KeyError('SSH_KEY_FORMAT', `unknown marker @${marker.slice(0, 40)}`)
  if (hosts.startsWith('|') && readHashed(hosts) === undefined)
    throw new KeyError('SSH_KEY_FORMAT', 'a hashed host must be |1|salt|hash, each 20 bytes in base64')
  return Object.freeze({ line, ...(marker === undefined ? {} : { marker }), hosts, key: readLine(rest) })
}

// hashed names: |1|base64 of the salt|base64 of HMAC-SHA1(salt, name)

const macBytes = 20

function readHashed(hosts: string): { salt: Uint8Array; mac: Uint8Array } | undefined {
  const [, salt64 = '', mac64 = ''] =
    /^\|1\|([A-Za-z0-9+/=]{1,64})\|([A-Za-z0-9+/=]{1,64})$/.exec(hosts) ?? []
  const [salt, mac] = [base64Decode(salt64), base64Decode(mac64)]
  return salt?.length === macBytes && mac?.length === macBytes ? { salt, mac } : undefined
}

/** `name` as a hashed one: another each time. */
export function hashName(name: string, crypto: CryptoProvider): string {
  const salt = crypto.backend.random(macBytes)
  return `|1|${base64Encode(salt)}|${base64Encode(macOf(name, salt, crypto))}`
}

function macOf(name: string, salt: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.backend.hmac('sha1', salt)(utf8Encode(name))
}
