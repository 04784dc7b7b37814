/** allowed_signers: whose signatures over messages are believed (ssh-keygen(1), "ALLOWED SIGNERS"). */

import { equal } from '@hawser/wire'
import { type Certificate, isCertificate, parseCertificate } from '../certificates/certificate.ts'
import { type CertificateCheck, checkCertificate, secondsOf } from '../certificates/check.ts'
import type { RevocationList } from '../certificates/krl.ts'
import { parseTime, type TimeZoneOptions } from '../certificates/time.ts'
import { KeyError } from '../errors.ts'
import { looksLikeLine, readLine } from '../formats/openssh-line.ts'
import type { PublicKey } from '../key.ts'
import { fitsPatternList, matchesPattern } from './host-patterns.ts'
import { readLines, type TrustFileProblem } from './lines.ts'
import { readLineOptions } from './option-list.ts'

export interface AllowedSigner {
  /** Counted from 1. */
  readonly line: number
  /** Identities, with commas between them, that may be patterns with `*`, `?` and `!`. */
  readonly principals: string
  readonly key: PublicKey
  /** The key signs certificates for these principals, and no messages. */
  readonly certAuthority: boolean
  /** Patterns for namespaces, with commas between them; undefined is all. */
  readonly namespaces?: string
  /** Seconds since 1970: signatures count from here on, */
  readonly validAfter?: bigint
  /** and until here. */
  readonly validBefore?: bigint
}

export interface SignerQuestion {
  readonly identity: string
  readonly namespace: string
  /** A plain key or a certificate. */
  readonly key: PublicKey
  /** When it was signed, as far as that is known: often just now. */
  readonly now: Date
  readonly revoked?: RevocationList
  readonly crypto?: CertificateCheck['crypto']
}

export type SignerVerdict =
  | { readonly allowed: true; readonly entry: AllowedSigner }
  | { readonly allowed: false; readonly message: string }

export interface AllowedSigners {
  readonly entries: readonly AllowedSigner[]
  /** Lines that are not understood: they allow nobody. ssh-keygen gives up at such a line. */
  readonly problems: readonly TrustFileProblem[]
  /** Whether a signature by `key`, which fits, is to be taken for one of `identity` (`ssh-keygen -Y verify`). Throws {@link KeyError} for a malformed certificate. */
  check(question: SignerQuestion): SignerVerdict
  /** Who a key belongs to, by the first line that knows it (`-Y find-principals`): names and patterns of that line, or of the certificate. Throws {@link KeyError} for a malformed certificate. */
  findPrincipals(
    key: PublicKey,
    o: { readonly now: Date; readonly crypto?: CertificateCheck['crypto'] },
  ): readonly string[]
  /** The principals, as they are written, of every line that `identity` fits (`-Y match-principals`). */
  matchPrincipals(identity: string): readonly string[]
}

/** Reads the text of an allowed_signers file. Times without `Z` are by the local time zone, as in ssh-keygen, or by `timeZone`. */
export function parseAllowedSigners(text: string, options: TimeZoneOptions = {}): AllowedSigners {
  const { entries, problems } = readLines(text, (content, line) => readEntry(content, line, options))
  return Object.freeze({
    entries,
    problems,
    check: (question: SignerQuestion) => check(entries, question),
    findPrincipals: (key: PublicKey, o: Pick<SignerQuestion, 'now' | 'crypto'>) =>
      findPrincipals(entries, key, o),
    matchPrincipals: (identity: string) =>
      entries
        .filter((entry) => fitsPatternList(identity, entry.principals))
        .map(({ principals }) => principals),
  })
}

function check(entries: readonly AllowedSigner[], question: SignerQuestion): SignerVerdict {
  const { identity, namespace, key, now, revoked } = question
  const seconds = secondsOf(now)
  const revocation = revoked?.check(key)
  if (revocation !== undefined) return { allowed: false, message: revocation.message }
  const certificate = isCertificate(key) ? parseCertificate(key) : undefined
  let message = `no line has this key for ${JSON.stringify(identity)}`
  for (const entry of entries) {
    if (!fitsPatternList(identity, entry.principals)) continue
    if (entry.certAuthority) {
      if (certificate === undefined || !equal(entry.key.blob, certificate.authority.blob)) continue
      const verdict = certified(certificate, [identity], question)
      if (!verdict.valid) {
        message = `line ${entry.line}: ${verdict.message}`
        continue
      }
    } else if (!equal(entry.key.blob, key.blob)) continue
    const problem = limitProblem(entry, namespace, seconds)
    if (problem === undefined) return { allowed: true, entry }
    message = `line ${entry.line}: ${problem}`
  }
  return { allowed: false, message }
}

function limitProblem(entry: AllowedSigner, namespace: string, seconds: bigint): string | undefined {
  const { namespaces } = entry
  if (namespaces !== undefined && !fitsPatternList(namespace, namespaces))
    return `the key may sign for ${namespaces}, not for ${JSON.stringify(namespace)}`
  return timeProblem(entry, seconds)
}

function timeProblem({ validAfter, validBefore }: AllowedSigner, seconds: bigint): string | undefined {
  if (validAfter !== undefined && seconds < validAfter) return 'the key is not valid yet'
  if (validBefore !== undefined && seconds > validBefore) return 'the key is not valid any more'
  return undefined
}

function findPrincipals(
  entries: readonly AllowedSigner[],
  key: PublicKey,
  o: Pick<SignerQuestion, 'now' | 'crypto'>,
): readonly string[] {
  const certificate = isCertificate(key) ? parseCertificate(key) : undefined
  const seconds = secondsOf(o.now)
  for (const entry of entries) {
    // For which namespaces the line is good does not matter here, as in ssh-keygen.
    if (timeProblem(entry, seconds) !== undefined) continue
    if (!entry.certAuthority) {
      if (equal(entry.key.blob, key.blob)) return entry.principals.split(',').filter((name) => name !== '')
    } else if (certificate !== undefined && equal(entry.key.blob, certificate.authority.blob)) {
      if (!certified(certificate, certificate.principals, o).valid) continue
      const named = namesFor(entry.principals, certificate.principals)
      if (named.length > 0) return named
    }
  }
  return []
}

/** Pattern by pattern, as ssh-keygen lists them, names twice that fit two; but none that the line excludes by `!`. */
function namesFor(list: string, names: readonly string[]): string[] {
  return list
    .split(',')
    .flatMap((pattern) => names.filter((name) => matchesPattern(name, pattern)))
    .filter((name) => fitsPatternList(name, list))
}

function certified(
  certificate: Certificate,
  principals: readonly string[],
  { now, crypto }: Pick<SignerQuestion, 'now' | 'crypto'>,
): ReturnType<typeof checkCertificate> {
  // What a certificate allows at logins says nothing about messages: its options are not looked at, as in ssh-keygen.
  return checkCertificate(
    { ...certificate, criticalOptions: [] },
    {
      kind: 'user',
      principals,
      authorities: [certificate.authority],
      now,
      ...(crypto === undefined ? {} : { crypto }),
    },
  )
}

function readEntry(content: string, line: number, zone: TimeZoneOptions): AllowedSigner {
  const [, quoted, plain, rest] = /^(?:"([^"]*)"|([^\s"]+))[ \t]+(.*)$/.exec(content) ?? []
  const principals = quoted ?? plain
  if (principals === undefined || principals === '' || rest === undefined)
    throw new KeyError('SSH_KEY_FORMAT', 'a line of allowed_signers needs principals, a key type and a key')
  if (looksLikeLine(rest))
    return Object.freeze({ line, principals, key: readLine(rest), certAuthority: false })
  const { options, rest: keyLine } = readLineOptions(rest)
  const values = new Map<string, string | undefined>()
  for (const { name, value } of options) {
    if (values.has(name)) throw new KeyError('SSH_KEY_FORMAT', `the option ${name} is there twice`)
    if (name === 'cert-authority' ? value !== undefined : value === undefined || !valued.includes(name))
      throw new KeyError('SSH_KEY_FORMAT', `the option ${name} is not known, or has or lacks a value`)
    values.set(name, value)
  }
  const namespaces = values.get('namespaces')
  const validAfter = timeOf(values, 'valid-after', zone)
  const validBefore = timeOf(values, 'valid-before', zone)
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter)
    throw new KeyError('SSH_KEY_FORMAT', 'valid-before is not behind valid-after')
  return Object.freeze({
    line,
    principals,
    key: readLine(keyLine),
    certAuthority: values.has('cert-authority'),
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(validAfter === undefined ? {} : { validAfter }),
    ...(validBefore === undefined ? {} : { validBefore }),
  })
}

const valued: readonly string[] = ['namespaces', 'valid-after', 'valid-before']

function timeOf(
  values: ReadonlyMap<string, string | undefined>,
  name: string,
  zone: TimeZoneOptions,
): bigint | undefined {
  const text = values.get(name)
  if (text === undefined) return undefined
  const time = parseTime(text, zone)
  if (time === undefined)
    throw new KeyError(
      'SSH_KEY_FORMAT',
      `${name} must be YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC`,
    )
  return time
}
