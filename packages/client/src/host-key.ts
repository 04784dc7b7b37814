/** Who decides that a host key is the right one: fingerprints, known_hosts, or a question to the application. */

import {
  type Certificate,
  certificateAlgorithm,
  fingerprint,
  type HostKeysAnnouncement,
  isCertificate,
  type KnownHostEntry,
  type KnownHosts,
  type PublicKey,
  parseCertificate,
  parseKnownHosts,
  plainAlgorithm,
  type RevocationList,
} from '@hawser/keys'
import type { Awaitable, HostKeyOffer } from '@hawser/session'
import { HostKeyError } from '@hawser/transport'
import { equal, UsageError } from '@hawser/wire'
import { judgeHostCertificate } from './host-certificate.ts'
import { type SshfpFinding, type SshfpResolver, sshfpFinding } from './sshfp.ts'

/** What is known when a person or program is asked about a host key. */
export interface HostKeyQuestion {
  readonly host: string
  readonly port: number
  /** The host key; the one that is certified, where the server showed a certificate. */
  readonly key: PublicKey
  /** What the server showed in place of the key alone. */
  readonly certificate?: Certificate
  /** `SHA256:…`, as OpenSSH shows it. */
  readonly fingerprint: string
  /** The signature algorithm that proved it. */
  readonly algorithm: string
  /** At a rekey: it is another key than the one the connection began with. */
  readonly changed: boolean
  /** What DNS says about the key, where a resolver was given and asked. Unless `authenticated`, anybody may have said it. */
  readonly sshfp?: SshfpFinding
}

/** What a server said about its host keys, and proved; `host` and `port` are those that known_hosts knows it by. */
export interface HostKeysUpdate extends HostKeysAnnouncement {
  readonly host: string
  readonly port: number
}

/** Says that any host key will do: no protection against an impostor. For tests on loopback, and named so that a search finds it. */
export const acceptAnyHostKey = Symbol('accept any host key: no protection against an impostor')

/** Which host keys are trusted. Only a plain `true` from a callback accepts. */
export type HostKeyPolicy =
  /** One of these keys, as `SHA256:…` (or `MD5:…`, or plain hexadecimal MD5 with colons) as `ssh-keygen -l` prints it. */
  | { readonly fingerprints: readonly string[] }
  /** One of these keys. */
  | { readonly keys: readonly PublicKey[] }
  /**
   * Keys of a known_hosts file, by the options' host and port. An unknown host is refused, unless `acceptNew`
   * says true (which should also store the key); a changed or revoked key is refused always. For hosts that have a line
   * `@cert-authority`, certificates are asked for first. One that its authority has signed, for this name and this time, is trusted;
   * with any other the key in it must be known, and `acceptNew` is not asked.
   */
  | {
      readonly knownHosts: KnownHosts | string
      readonly acceptNew?: (question: HostKeyQuestion) => Awaitable<boolean>
      /**
       * SSHFP records, asked for where the host is unknown. Authenticated ones decide: a match is accepted, and `acceptNew` not
       * asked; a mismatch is refused. Others are told to `acceptNew` as `sshfp` and decide nothing. When it rejects, so does `connect`.
       */
      readonly sshfp?: SshfpResolver
      /** Told the host keys that the server announces once it has proved them, for known_hosts to follow. Should not reject. */
      readonly updateHostKeys?: (update: HostKeysUpdate) => Awaitable<void>
      /** Keys, certificates and authorities that no longer count, besides the lines `@revoked`. */
      readonly revoked?: RevocationList
    }
  /** Asks; at a rekey only when the key has changed. */
  | { readonly ask: (question: HostKeyQuestion) => Awaitable<boolean> }
  /** SSHFP records of the options' host alone: authenticated ones decide, with others `ask` does; without it they are refused. */
  | { readonly sshfp: SshfpResolver; readonly ask?: (question: HostKeyQuestion) => Awaitable<boolean> }
  | typeof acceptAnyHostKey

/** Why a genuine host key was not trusted. */
export type HostKeyReason = 'unknown' | 'changed' | 'revoked' | 'refused' | 'certificate'

/** The server's host key is genuine but not the one to trust. Code `SSH_HOST_KEY_REJECTED`. */
export class HostKeyRejectedError extends HostKeyError {
  readonly reason: HostKeyReason
  readonly host: string
  readonly port: number
  /** `SHA256:…` of the key that the server presented. */
  readonly fingerprint: string
  /** Fingerprints of the keys that would have been accepted; empty when none is known. */
  readonly expected: readonly string[]
  /** The entries of known_hosts that speak against it, with file and line; empty for other policies. */
  readonly known: readonly KnownHostEntry[]

  /** `why` is what speaks against it in particular, as a sentence. */
  constructor(
    reason: HostKeyReason,
    question: HostKeyQuestion,
    expected: readonly string[] = [],
    why?: string,
    known: readonly KnownHostEntry[] = [],
  ) {
    super(
      'SSH_HOST_KEY_REJECTED',
      rejection(reason, question, known.length === 0 ? expected : known.map(shown), why),
      question.algorithm,
      question.key.blob,
    )
    this.reason = reason
    this.host = question.host
    this.port = question.port
    this.fingerprint = question.fingerprint
    this.expected = expected
    this.known = known
  }
}

/** `policy` as the session's question. Throws UsageError for a policy that cannot be used. */
export function hostKeyVerifier(
  policy: HostKeyPolicy,
  target: { readonly host: string; readonly port: number },
): (offer: HostKeyOffer) => Awaitable<boolean> {
  const { host, port } = target
  const question = ({ key, algorithm, changed }: HostKeyOffer): HostKeyQuestion => {
    const certificate = isCertificate(key) ? parseCertificate(key) : undefined
    return {
      host,
      port,
      key: certificate?.key ?? key,
      ...(certificate === undefined ? {} : { certificate }),
      fingerprint: fingerprint(key),
      algorithm,
      changed,
    }
  }
  const check = decider(policy, host, port)
  return (offer) => {
    // The key that was accepted at the start is not asked about again.
    if (!offer.first && !offer.changed && check.once) return true
    const asked = question(offer)
    const refuse: Refuse = (reason, expected, why, known) => {
      throw new HostKeyRejectedError(reason, asked, expected, why, known)
    }
    return check.decide(asked, refuse)
  }
}

/**
 * `names` with what `policy` knows for the host in front, so that a server with several keys shows one of those: certificates, if an
 * authority is known, then keys of the known types. RFC 8332 §3: `rsa-sha2-*` are for `ssh-rsa` keys.
 */
export function preferKnown(
  names: readonly string[],
  policy: HostKeyPolicy,
  target: { readonly host: string; readonly port: number },
): readonly string[] {
  if (typeof policy !== 'object') return names
  const known = 'knownHosts' in policy ? knownHostsOf(policy) : undefined
  const keys = 'keys' in policy ? policy.keys : (known?.keysOf(target.host, target.port) ?? [])
  const types = new Set(keys.map(({ type }) => type))
  const isKnown = (name: string): boolean => types.has(/^rsa-sha2-/.test(name) ? 'ssh-rsa' : name)
  const hasAuthority = known !== undefined && known.authoritiesOf(target.host, target.port).length > 0
  // Composite keys have no certificates here.
  const certifiable = names.filter((name) => !name.startsWith('ssh-mldsa44-'))
  const certified = hasAuthority ? certifiable.map(plainAlgorithm).map(certificateAlgorithm) : []
  return [...new Set([...certified, ...names.filter(isKnown), ...names])]
}

function knownHostsOf({ knownHosts }: Extract<HostKeyPolicy, { readonly knownHosts: unknown }>): KnownHosts {
  return typeof knownHosts === 'string' ? parseKnownHosts(knownHosts) : knownHosts
}

interface Decider {
  /** A person may be behind it: ask once per key. */
  readonly once: boolean
  decide(question: HostKeyQuestion, refuse: Refuse): Awaitable<boolean>
}

type Refuse = (
  reason: HostKeyReason,
  expected?: readonly string[],
  why?: string,
  known?: readonly KnownHostEntry[],
) => never

function decider(policy: HostKeyPolicy, host: string, port: number): Decider {
  if (policy === acceptAnyHostKey) return { once: false, decide: () => true }
  if (typeof policy !== 'object' || policy === null)
    throw new UsageError(
      'the option hostKey must be { fingerprints }, { keys }, { knownHosts }, { sshfp } or { ask }',
    )
  if ('fingerprints' in policy) return byFingerprint(policy.fingerprints)
  if ('keys' in policy) return byKey(policy.keys)
  if ('knownHosts' in policy) return byKnownHosts(policy, host, port)
  if ('sshfp' in policy) return bySshfp(policy, host)
  if ('ask' in policy && typeof policy.ask === 'function') return { once: true, decide: asker(policy.ask) }
  throw new UsageError(
    'the option hostKey must be { fingerprints }, { keys }, { knownHosts }, { sshfp } or { ask }',
  )
}

function asker(ask: (question: HostKeyQuestion) => Awaitable<boolean>): Decider['decide'] {
  return (question, refuse) => {
    const judge = (answer: unknown): boolean => answer === true || refuse('refused')
    const answer = ask(question)
    return isPromiseLike(answer) ? answer.then(judge) : judge(answer)
  }
}

/** Answers come from applications: they may be anything. */
function isPromiseLike(answer: unknown): answer is PromiseLike<unknown> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function'
}

function byFingerprint(list: readonly string[]): Decider {
  if (!Array.isArray(list) || list.length === 0)
    throw new UsageError("hostKey.fingerprints must name at least one key, such as 'SHA256:…'")
  const wanted = list.map(normalized)
  return {
    once: false,
    decide: ({ key, changed }, refuse) =>
      wanted.some(({ hash, value }) => normalized(fingerprint(key, hash)).value === value) ||
      refuse(changed ? 'changed' : 'refused', list),
  }
}

function byKey(keys: readonly PublicKey[]): Decider {
  if (!Array.isArray(keys) || keys.length === 0)
    throw new UsageError('hostKey.keys must hold at least one public key')
  return {
    once: false,
    decide: ({ key, certificate, changed }, refuse) =>
      [key, ...(certificate === undefined ? [] : [certificate.publicKey])].some((shown) =>
        keys.some((known) => equal(known.blob, shown.blob)),
      ) ||
      refuse(
        changed ? 'changed' : 'refused',
        keys.map((known) => fingerprint(known)),
      ),
  }
}

function byKnownHosts(
  policy: Extract<HostKeyPolicy, { readonly knownHosts: unknown }>,
  host: string,
  port: number,
): Decider {
  if (host === '') throw new UsageError('hostKey.knownHosts needs the option host: the name to look up')
  const known = knownHostsOf(policy)
  const { revoked, sshfp } = policy
  const acceptNew = policy.acceptNew === undefined ? undefined : asker(policy.acceptNew)
  return {
    once: true,
    decide: (question, refuse) => {
      const { certificate, key } = question
      const { status, entries } = known.lookup(host, port, key)
      const standing =
        certificate === undefined
          ? undefined
          : judgeHostCertificate(certificate, known, { host, port }, { now: new Date(), revoked })
      if (standing?.status === 'trusted') return true
      if (standing?.status === 'revoked') return refuse('revoked', [], standing.why)
      const revocation = revoked?.check(key)
      if (revocation !== undefined) return refuse('revoked', [], revocation.message)
      if (status === 'ok') return true
      if (standing?.status === 'refused') return refuse('certificate', [], standing.why)
      if (status === 'unknown' && !question.changed) {
        const next = acceptNew ?? ((_, no) => no('unknown'))
        return sshfp === undefined ? next(question, refuse) : askDns(sshfp, host, next)(question, refuse)
      }
      if (status === 'unknown') return refuse('unknown')
      const expected = status === 'changed' ? entries.map(({ key }) => fingerprint(key)) : []
      return refuse(status, expected, undefined, entries)
    },
  }
}

function bySshfp(
  policy: Extract<HostKeyPolicy, { readonly sshfp: SshfpResolver; readonly ask?: unknown }>,
  host: string,
): Decider {
  if (host === '') throw new UsageError('hostKey.sshfp needs the option host: the name to look up')
  const { ask, sshfp } = policy
  return {
    once: true,
    decide: askDns(sshfp, host, ask === undefined ? (_, no) => no('refused') : asker(ask)),
  }
}

/** Authenticated records decide; `next` is asked where there are none, and learns what others say. */
function askDns(resolver: SshfpResolver, host: string, next: Decider['decide']): Decider['decide'] {
  if (typeof resolver !== 'function')
    throw new UsageError('hostKey.sshfp must be a function that gives { records, authenticated }')
  return async (question, refuse) => {
    const sshfp = sshfpFinding(await resolver(host), question.key)
    if (sshfp.authenticated && sshfp.status === 'match') return true
    if (sshfp.authenticated && sshfp.status === 'mismatch')
      return refuse('refused', [], 'the authenticated SSHFP records of the host are of other keys')
    return next({ ...question, sshfp }, refuse)
  }
}

/** `SHA256:` with or without padding; `MD5:` or bare pairs of hexadecimal digits. */
function normalized(text: string): { hash: 'sha256' | 'md5'; value: string } {
  const md5 = /^(?:MD5:)?((?:[0-9a-f]{2}:){15}[0-9a-f]{2})$/i.exec(text)
  if (md5 !== null) return { hash: 'md5', value: (md5[1] as string).toLowerCase() }
  const sha256 = /^SHA256:([A-Za-z0-9+/]{43})=?$/.exec(text)
  if (sha256 !== null) return { hash: 'sha256', value: sha256[1] as string }
  throw new UsageError(
    `${JSON.stringify(text)} is not a fingerprint: SHA256: and 43 characters, or 16 pairs of hexadecimal digits with colons`,
  )
}

function shown({ key, file = 'known_hosts', line }: KnownHostEntry): string {
  return `${key.type} ${fingerprint(key)} (${file} line ${line})`
}

function rejection(
  reason: HostKeyReason,
  question: HostKeyQuestion,
  expected: readonly string[],
  why: string | undefined,
): string {
  const { host, port, key } = question
  const where = host === '' ? 'the server' : `${host}${port === 22 ? '' : `:${port}`}`
  const presents = `${where} presents the ${key.type} host key ${question.fingerprint}`
  const wanted = expected.length === 0 ? '' : `, expected was ${expected.join(' or ')}`
  const because = why === undefined ? '' : ` (${why})`
  return `host key verification failed: ${presents}${wanted}${because}; ${advice[reason]}`
}

const advice: Readonly<Record<HostKeyReason, string>> = {
  unknown:
    'no key is known for this host: compare the fingerprint with one from the server’s owner, then add the key to known_hosts',
  changed:
    'another key was known: somebody may be in between, or the server has a new key; ask its owner before you replace the known one',
  certificate:
    'its certificate is not to be believed, and its key is not known: ask the server’s owner for a certificate that is for this name and now',
  revoked: 'this key is marked as revoked: do not connect until the server has another',
  refused:
    'it was not accepted: compare the fingerprint with one from the server’s owner before you trust it',
}
