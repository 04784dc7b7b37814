/** Options of a transport: defaults, and the checks at the door. */

import {
  type AlgorithmNames,
  type CryptoProvider,
  defaultNames,
  defaultProvider,
  groupExchangeBits,
  isPostQuantum,
  supported,
  supportedNames,
} from '@hawser/crypto'
import {
  certificateAlgorithm,
  certificateVerifier,
  createVerifier,
  plainAlgorithm,
  type Signer,
  type VerifySignature,
} from '@hawser/keys'
import { type Trace, UsageError } from '@hawser/wire'
import { formatGreeting, formatIdent } from './ident.ts'
import type { GexLimits } from './kex/method.ts'
import { packetLimits } from './packet.ts'
import { type RekeyLimits, rekeyLimits } from './rekey.ts'

/** A host key as the transport needs it: signing is asked for by an event. */
export type HostKey = Pick<Signer, 'publicKey' | 'algorithms'>

/** What a connection must be, whatever the peer offers. */
export interface SecurityPolicy {
  /**
   * Offers only key exchanges that hold against quantum computers, and ends with `PolicyError` when the peer has none.
   * Throws {@link UsageError} when `algorithms.kex` names none.
   */
  readonly requirePostQuantum?: boolean
  /**
   * What happens where the peer has no strict key exchange and the two agree on a cipher that needs it (CVE-2023-48795, "Terrapin":
   * ChaCha20-Poly1305, and CBC with a MAC of the sealed packet). `refuse` ends with `PolicyError`. Default: `refuse` as a client,
   * `allow` as a server: there the client chooses, and clients of before 2024 choose ChaCha20. Either way the trace has a note.
   */
  readonly terrapin?: 'refuse' | 'allow'
}

export interface TransportOptions {
  readonly role: 'client' | 'server'
  /** Algorithms and the runtime's primitives, the random source among them; default: `defaultProvider`. */
  readonly crypto?: CryptoProvider
  /** Name and version of our software, perhaps a space and comments; default `Hawser_0.1.0`. */
  readonly ident?: string
  /** Server: lines to send before the identification. */
  readonly greeting?: readonly string[]
  /** Names per category, best first; a category left out keeps its default. */
  readonly algorithms?: Partial<AlgorithmNames>
  readonly policy?: SecurityPolicy
  /** Server, and required there: what it can prove itself with. */
  readonly hostKeys?: readonly HostKey[]
  /** Server: the signature algorithms for user keys that EXT_INFO announces; default: all host key algorithms of the defaults, and those of security keys. */
  readonly serverSigAlgs?: readonly string[]
  /**
   * Checks the host key's signature; default: `certificateVerifier(createVerifier(crypto))`, which takes `ssh-rsa` only when the
   * algorithms name it.
   */
  readonly verify?: VerifySignature
  /** When new keys are due. */
  readonly rekey?: Partial<RekeyLimits>
  /** The largest packet length accepted after authentication, in bytes, 35,000 to 2^30; default 262,144. */
  readonly maxPacket?: number
  /** Bits in group exchange; default 2,048 to 8,192 (RFC 8270), and 4,096 preferred. */
  readonly gex?: Partial<GexLimits>
  readonly trace?: Trace
}

/** OpenSSH PROTOCOL.u2f: they sign for users, not for hosts. */
const securityKeyAlgorithms = [
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
] as const

/** The options with everything filled in. */
export interface TransportConfig {
  readonly role: 'client' | 'server'
  readonly crypto: CryptoProvider
  /** Our whole identification line, without its end. */
  readonly ident: string
  readonly greeting: Uint8Array
  readonly algorithms: AlgorithmNames
  readonly policy: SecurityPolicy
  readonly known: AlgorithmNames
  readonly hostKeys: readonly HostKey[]
  readonly serverSigAlgs: readonly string[]
  readonly verify: VerifySignature
  readonly rekey: RekeyLimits
  readonly maxPacket: number
  readonly gex: GexLimits
  readonly trace: Trace | undefined
}

/** What a server's options came to, by its list of host keys: one value serves all its connections. */
const resolvedServers = new WeakMap<
  readonly HostKey[],
  { readonly options: TransportOptions; readonly config: TransportConfig }
>()

/**
 * Throws {@link UsageError} for a value that cannot be used, with what could be. A server that gives the very same values for each
 * connection gets the same answer, which is not worked out again; so they must not be changed in between.
 */
export function resolveOptions(options: TransportOptions): TransportConfig {
  const { hostKeys } = options
  if (options.role !== 'server' || hostKeys === undefined) return resolve(options)
  const known = resolvedServers.get(hostKeys)
  if (known !== undefined && isSame(known.options, options)) return known.config
  const config = resolve(options)
  resolvedServers.set(hostKeys, { options, config })
  return config
}

function isSame(a: TransportOptions, b: TransportOptions): boolean {
  const names = Object.keys(a) as (keyof TransportOptions)[]
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

/** The check of host keys that serves by default, per provider, without and with `ssh-rsa`. */
const verifiers = {
  safe: new WeakMap<CryptoProvider, VerifySignature>(),
  insecure: new WeakMap<CryptoProvider, VerifySignature>(),
}

function verifierFor(crypto: CryptoProvider, insecure: boolean): VerifySignature {
  const known = insecure ? verifiers.insecure : verifiers.safe
  let verify = known.get(crypto)
  if (verify === undefined) {
    verify = certificateVerifier(createVerifier(crypto, { insecure }))
    known.set(crypto, verify)
  }
  return verify
}

function resolve(options: TransportOptions): TransportConfig {
  const { role, crypto = defaultProvider, hostKeys = [] } = options
  const known = knownNames(crypto)
  const { policy = {} } = options
  const defaults = defaultNames(crypto)
  const algorithms = obeying(policy, resolveAlgorithms(options.algorithms ?? {}, known, defaults))
  if (role === 'server' && hostKeys.length === 0)
    throw new UsageError('a server needs at least one host key in the option hostKeys')
  if (role === 'client' && options.greeting !== undefined)
    throw new UsageError('only a server sends a greeting before its identification (RFC 4253 §4.2)')
  const maxPacket = options.maxPacket ?? packetLimits.afterAuthentication
  if (!Number.isInteger(maxPacket) || maxPacket < packetLimits.beforeAuthentication || maxPacket > 2 ** 30)
    throw new UsageError(
      `maxPacket is ${maxPacket}, ${packetLimits.beforeAuthentication} to ${2 ** 30} are possible (RFC 4253 §6.1)`,
    )
  return {
    role,
    crypto,
    ident: formatIdent(options.ident ?? 'Hawser_0.1.0'),
    greeting: formatGreeting(options.greeting ?? []),
    algorithms: role === 'server' ? withHostKeys(algorithms, hostKeys) : algorithms,
    known,
    policy,
    hostKeys,
    serverSigAlgs: options.serverSigAlgs ?? [...defaults.serverHostKey, ...securityKeyAlgorithms],
    verify:
      options.verify ??
      verifierFor(
        crypto,
        algorithms.serverHostKey.some((name) => plainAlgorithm(name) === 'ssh-rsa'),
      ),
    rekey: rekeyLimits(options.rekey),
    maxPacket,
    gex: gexLimits(options.gex),
    trace: options.trace,
  }
}

function obeying(policy: SecurityPolicy, algorithms: AlgorithmNames): AlgorithmNames {
  if (policy.requirePostQuantum !== true) return algorithms
  const kex = algorithms.kex.filter(isPostQuantum)
  if (kex.length === 0)
    throw new UsageError(
      `policy.requirePostQuantum needs a post-quantum key exchange in algorithms.kex: ${supported.kex.filter(isPostQuantum).join(', ')}`,
    )
  return { ...algorithms, kex }
}

/** Every name that `crypto` can serve. */
function knownNames(crypto: CryptoProvider): AlgorithmNames {
  const names = (entries: readonly { readonly name: string }[]): string[] => entries.map(({ name }) => name)
  return {
    kex: names(crypto.agreements),
    serverHostKey: [
      ...supportedNames(crypto).serverHostKey,
      // Composite keys have no certificates here.
      ...supported.serverHostKey.map(certificateAlgorithm),
    ],
    cipher: names(crypto.ciphers),
    mac: names(crypto.macs),
    compression: names(crypto.compressions),
  }
}

function resolveAlgorithms(
  wished: Partial<AlgorithmNames>,
  known: AlgorithmNames,
  defaults: AlgorithmNames,
): AlgorithmNames {
  const list = (category: keyof AlgorithmNames): readonly string[] => {
    const names = wished[category]
    if (names === undefined) return defaults[category].filter((name) => known[category].includes(name))
    const unknown = names.filter((name) => !known[category].includes(name))
    if (unknown.length > 0)
      throw new UsageError(
        `unknown in algorithms.${category}: ${unknown.map((name) => JSON.stringify(name)).join(', ')}; supported are ${known[category].join(', ')}`,
        { code: 'SSH_UNKNOWN_ALGORITHM' },
      )
    if (names.length === 0)
      throw new UsageError(`algorithms.${category} is empty; supported are ${known[category].join(', ')}`)
    return [...new Set(names)]
  }
  return {
    kex: list('kex'),
    serverHostKey: list('serverHostKey'),
    cipher: list('cipher'),
    mac: list('mac'),
    compression: list('compression'),
  }
}

/** A server offers only what one of its keys can sign; what it may sign by with a key it may with the key's certificate. */
function withHostKeys(algorithms: AlgorithmNames, hostKeys: readonly HostKey[]): AlgorithmNames {
  const able = new Set(hostKeys.flatMap((key) => key.algorithms))
  const allowed = algorithms.serverHostKey
  const serverHostKey = [...new Set([...allowed.map(certificateAlgorithm), ...allowed])].filter((name) =>
    able.has(name),
  )
  if (serverHostKey.length === 0)
    throw new UsageError(
      `no host key fits algorithms.serverHostKey: the keys can do ${[...able].join(', ') || 'nothing'}, allowed are ${allowed.join(', ')}`,
    )
  return { ...algorithms, serverHostKey }
}

function gexLimits(wished: Partial<GexLimits> = {}): GexLimits {
  const { least, preferred: usual, most } = groupExchangeBits
  const limits = { min: least, preferred: usual, max: most, ...wished }
  const { min, preferred, max } = limits
  if (!(min >= least && min <= preferred && preferred <= max && max <= most))
    throw new UsageError(
      `gex wants ${least} <= min <= preferred <= max <= ${most}, not min ${min}, preferred ${preferred}, max ${max}`,
    )
  return limits
}
