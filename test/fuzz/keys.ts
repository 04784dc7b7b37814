/**
 * Mutated inputs for every parser of @hawser/keys: only results and KeyErrors may come out, each within 50 ms. What a seed
 * gives is always the same. `npm run fuzz -- --only keys` runs millions of it, `keys.test.ts` some thousands.
 */

import {
  addKnownHost,
  authorizeKey,
  checkCertificate,
  createVerifier,
  hashKnownHosts,
  KeyError,
  type PublicKey,
  parseAllowedSigners,
  parseAuthorizedKeys,
  parseCertificate,
  parseGitObject,
  parseKnownHosts,
  parseMessageSignature,
  parsePrivateKey,
  parsePublicKey,
  parseRevocationList,
  parseSshfp,
  privateKeyFromJwk,
  publicKeyFromBlob,
  readAgentKey,
  readSshfp,
  removeKnownHost,
  securityKeyFacts,
  whyUnusable,
} from '@hawser/keys'
import { Rng } from '@hawser/test-kit'
import { base64Decode, base64Encode, latin1Decode, latin1Encode, Reader, utf8Decode } from '@hawser/wire'
import { seeds } from './key-seeds.ts'
import { changedOnce } from './mutate.ts'

export interface FuzzOptions {
  readonly seed: number
  /** The most inputs. */
  readonly count: number
  /** Ends early after this many milliseconds. Default: never. */
  readonly budgetMs?: number
}

export interface FuzzFinding {
  readonly parser: string
  readonly problem: string
  /** Of the input. */
  readonly base64: string
}

export interface FuzzResult {
  readonly inputs: number
  /** For each parser and what came of it: `result`, or the code of the error. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly slowestMs: number
  readonly findings: readonly FuzzFinding[]
}

const slowMs = 50

/** Key derivations that take some milliseconds are let through now and then; the rest are asked for nothing. */
const cheap = { passphrase: 'open sesame', maxKdfRounds: 0, maxKdfIterations: 0, maxKdfMemory: 0 } as const
const some = {
  passphrase: 'open sesame',
  maxKdfRounds: 2,
  maxKdfIterations: 2048,
  maxKdfMemory: 1_048_576,
  maxKdfWork: 1_048_576,
} as const

type Parser = (bytes: Uint8Array, rng: Rng) => unknown

const now = new Date(1_700_000_000_000)
const verify = createVerifier(undefined, { insecure: true, minRsaBits: 1024 })
const hostKey = parsePublicKey(seeds.line[0] as string)
const signingKeys: readonly PublicKey[] = seeds.line.map((line) => parsePublicKey(line))

const parsers = {
  private: (bytes, rng) =>
    parsePrivateKey(rng.chance(0.5) ? bytes : utf8Decode(bytes), rng.chance(0.005) ? some : cheap),
  public: (bytes, rng) => parsePublicKey(rng.chance(0.5) ? bytes : utf8Decode(bytes)),
  blob: (bytes) => whyUnusable(publicKeyFromBlob(bytes)),
  jwk: (bytes) => {
    const value = jsonOf(bytes)
    return typeof value === 'object' && value !== null ? privateKeyFromJwk(value) : undefined
  },
  agentKey: (bytes) => readAgentKey(new Reader(bytes)),
  signature: (bytes, rng) => {
    securityKeyFacts(bytes)
    const key = signingKeys[rng.below(signingKeys.length)] as PublicKey
    return verify(key, latin1Decode(bytes.subarray(4, 4 + (bytes[3] ?? 0))), bytes, bytes)
  },
  certificate: (bytes) => checked(parseCertificate(utf8Decode(bytes))),
  certificateBlob: (bytes) => checked(parseCertificate(bytes)),
  revocations: (bytes) => parseRevocationList(bytes).check(hostKey),
  messageSignature: (bytes) => parseMessageSignature(bytes),
  git: (bytes) => parseGitObject(bytes),
  knownHosts: (bytes) => parseKnownHosts(utf8Decode(bytes)).check('host.example', 22, hostKey),
  knownHostsEdit: (bytes) => {
    const text = utf8Decode(bytes)
    const added = addKnownHost(text, 'host.example', 22, hostKey)
    return hashKnownHosts(removeKnownHost(added, 'other.example', 22).text).kept
  },
  authorizedKeys: (bytes) => {
    const file = parseAuthorizedKeys(utf8Decode(bytes))
    // The key of the first line, so that its options are looked at.
    const { key } = file.entries[0] ?? { key: hostKey }
    return authorizeKey(file, { key, user: 'a', now, address: '10.0.0.1', host: 'host.example' })
  },
  allowedSigners: (bytes) => {
    const signers = parseAllowedSigners(utf8Decode(bytes))
    const { key } = signers.entries[0] ?? { key: hostKey }
    signers.matchPrincipals('a@example.com')
    signers.findPrincipals(key, { now })
    return signers.check({ identity: 'a@example.com', namespace: 'file', key, now })
  },
  sshfp: (bytes) => parseSshfp(utf8Decode(bytes)),
  sshfpData: (bytes) => readSshfp(bytes),
} as const satisfies Record<string, Parser>
type ParserName = keyof typeof parsers
const names = Object.keys(parsers) as readonly ParserName[]

function checked(certificate: ReturnType<typeof parseCertificate>): unknown {
  return checkCertificate(certificate, { kind: 'user', principals: ['a'], authorities: [hostKey], now })
}

/** JSON.parse throws SyntaxError, which is not the matter here. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(bytes))
  } catch {
    return undefined
  }
}

/** What each parser is given changed forms of; the two with the most formats more often. */
const corpus: readonly (readonly [ParserName, readonly Uint8Array[]])[] = (
  Object.entries(seeds.byParser) as [ParserName, readonly (string | Uint8Array)[]][]
).flatMap(([name, list]) => {
  const row = [
    name,
    list.map((seed) => (typeof seed === 'string' ? new TextEncoder().encode(seed) : seed)),
  ] as const
  return name === 'private' || name === 'public' ? [row, row, row, row] : [row]
})

/** Runs `count` inputs. Never throws for what a parser does. */
export function fuzzKeys({ seed, count, budgetMs = Number.POSITIVE_INFINITY }: FuzzOptions): FuzzResult {
  const rng = new Rng(seed)
  const outcomes: Record<string, Record<string, number>> = {}
  const findings: FuzzFinding[] = []
  const end = performance.now() + budgetMs
  let slowestMs = 0
  let inputs = 0
  for (; inputs < count && findings.length < 20; inputs++) {
    if (inputs % 256 === 0 && performance.now() > end) break
    const [own, list] = corpus[rng.below(corpus.length)] as (typeof corpus)[number]
    const name = rng.chance(0.1) ? (names[rng.below(names.length)] as ParserName) : own
    const input = mutated(list[rng.below(list.length)] as Uint8Array, list, rng)
    const { outcome, ms } = tried(name, input, rng.uint32())
    slowestMs = Math.max(slowestMs, ms)
    const row = (outcomes[name] ??= {})
    row[outcome] = (row[outcome] ?? 0) + 1
    const slow = ms > slowMs && fastest(name, input) > slowMs
    if (outcome.startsWith('!') || slow)
      findings.push({
        parser: name,
        problem: slow ? `took ${Math.round(ms)} ms` : outcome,
        base64: base64Encode(input),
      })
  }
  return { inputs, outcomes, slowestMs, findings }
}

function tried(name: ParserName, input: Uint8Array, seed: number): { outcome: string; ms: number } {
  const begun = performance.now()
  let outcome = 'result'
  try {
    parsers[name](input, new Rng(seed))
  } catch (error) {
    outcome = error instanceof KeyError ? error.code : `! ${String((error as Error)?.stack ?? error)}`
  }
  return { outcome, ms: performance.now() - begun }
}

/** Other programs take the processor too: the least processor time of five tries is the parser's own. */
function fastest(name: ParserName, input: Uint8Array): number {
  const times = [1, 2, 3, 4, 5].map((seed) => {
    const before = process.cpuUsage()
    tried(name, input, seed)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}

// mutations

function mutated(seed: Uint8Array, others: readonly Uint8Array[], rng: Rng): Uint8Array {
  // The base64 of armour and lines hides what is in it from changes of the text: half of the time, change that.
  const inside = rng.chance(0.6) ? insideBase64(seed, rng) : undefined
  if (inside !== undefined) return inside
  let bytes: Uint8Array = seed.slice()
  for (let count = 1 + rng.below(4); count > 0; count--) bytes = changedOnce(bytes, others, rng)
  return bytes
}

const base64Run = /[A-Za-z0-9+/]{16,}={0,2}(?:\r?\n[A-Za-z0-9+/]{1,76}={0,2})*/g

/** The same text with changed bytes behind one of its runs of base64. */
function insideBase64(seed: Uint8Array, rng: Rng): Uint8Array | undefined {
  const text = latin1Decode(seed)
  const runs = [...text.matchAll(base64Run)]
  const run = runs[rng.below(Math.max(1, runs.length))]
  const content = run === undefined ? undefined : base64Decode(run[0])
  if (run === undefined || content === undefined || content.length === 0) return undefined
  let bytes = content
  for (let count = 1 + rng.below(3); count > 0; count--) bytes = changedOnce(bytes, [content], rng)
  return latin1Encode(text.slice(0, run.index) + base64Encode(bytes) + text.slice(run.index + run[0].length))
}

/** Inputs as long as may be, made to be slow: how long each parser of one key takes for the worst of them. */
export function slowestOfLong(): { readonly name: string; readonly ms: number }[] {
  const long = (piece: string): Uint8Array => latin1Encode(piece.repeat(Math.ceil(1_048_000 / piece.length)))
  const wrapped = (label: string, piece: string): Uint8Array =>
    latin1Encode(
      `-----BEGIN ${label}-----\n${latin1Decode(long(piece)).slice(0, 1_040_000)}\n-----END ${label}-----\n`,
    )
  const inputs: readonly (readonly [string, Uint8Array])[] = [
    ...[
      '-',
      '-----BEGIN ',
      '-----BEGIN X-----',
      'ssh-rsa ',
      'A',
      ' ',
      '\t',
      '\n',
      '\\\n',
      '{',
      '{"kty":',
      '"',
      '0 ',
    ].map((piece) => [JSON.stringify(piece), long(piece)] as const),
    ...[
      'OPENSSH PRIVATE KEY',
      'PRIVATE KEY',
      'ENCRYPTED PRIVATE KEY',
      'RSA PRIVATE KEY',
      'PUBLIC KEY',
      'SSH SIGNATURE',
    ].flatMap((label) =>
      ['A', 'x: y\n', ' ', 'MIIB'].map(
        (piece) => [`${label} of ${JSON.stringify(piece)}`, wrapped(label, piece)] as const,
      ),
    ),
    ['PPK', latin1Encode(`PuTTY-User-Key-File-3: ${latin1Decode(long('a\n'))}`.slice(0, 1_048_000))],
    [
      'RFC 4716',
      latin1Encode(`---- BEGIN SSH2 PUBLIC KEY ----\n${latin1Decode(long('a: b\\\n'))}`.slice(0, 1_048_000)),
    ],
    ['nested JSON', latin1Encode(`{"kty":${'['.repeat(1_000_000)}`)],
    ['line', latin1Encode(`ssh-ed25519 ${'A'.repeat(1_000_000)}`)],
  ]
  return (['private', 'public', 'certificate', 'messageSignature', 'sshfp'] as const).flatMap((name) =>
    inputs.map(([what, input]) => {
      const first = tried(name, input, 1)
      if (first.outcome.startsWith('!')) throw new Error(`${name}, ${what}: ${first.outcome}`)
      return { name: `${name}, ${what}`, ms: first.ms > slowMs ? fastest(name, input) : first.ms }
    }),
  )
}
