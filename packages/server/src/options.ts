/** What a server takes, checked once at the door. */

import { type AlgorithmNames, type CryptoProvider, defaultProvider, presets } from '@hawser/crypto'
import {
  type Certificate,
  certificateSigner,
  certificateVerifier,
  createVerifier,
  type Signer,
  type VerifySignature,
} from '@hawser/keys'
import type { Clock, IncomingChannel, IncomingRequest, SessionHooks } from '@hawser/session'
import { type RekeyLimits, type SecurityPolicy, Transport } from '@hawser/transport'
import { type Trace, UsageError } from '@hawser/wire'
import { type AuthHandlers, methodsOf } from './auth.ts'
import type { StreamlocalRequest, TcpipRequest } from './forwarding.ts'
import { defaultLimits, type ServerLimits } from './limits.ts'
import type { ForwardRequest } from './listening.ts'
import { defaultPenalties } from './penalties.ts'
import type { ServerConnection } from './server-connection.ts'
import type { SessionChannel } from './session-channel.ts'

/** A host key and what an authority says about it: clients that know the authority are shown the certificate, others the key. */
export interface CertifiedHostKey {
  readonly key: Signer
  /** One for hosts, and for `key`. Its time is for clients to check: make a new one before it is over. */
  readonly certificate: Certificate
}

export interface ServerOptions {
  /** Private keys, best first; each serves the algorithms of its type. */
  readonly hostKeys: readonly (Signer | CertifiedHostKey)[]
  /** Who may log in. */
  readonly auth: AuthHandlers
  /** Takes `session` channels: set its handlers, at once or before the promise settles. Absent, they are refused. */
  readonly onSession?: (
    session: SessionChannel,
    connection: ServerConnection,
  ) => void | SessionChannel | PromiseLike<void>
  /** Takes requests for connections to elsewhere (`ssh -L`, `-W`, `-D`). Absent, they are refused. */
  readonly onTcpip?: (request: TcpipRequest, connection: ServerConnection) => void
  /** Takes requests for connections to Unix sockets (`ssh -L /here:/there`). Absent, they are refused. */
  readonly onStreamlocal?: (request: StreamlocalRequest, connection: ServerConnection) => void
  /** Takes requests to listen, at TCP addresses and Unix sockets (`ssh -R`); cancelling is seen to. Absent, they are refused. */
  readonly onForward?: (request: ForwardRequest, connection: ServerConnection) => void
  /** Takes channels of all other types. Absent, they are refused. */
  readonly onChannel?: (open: IncomingChannel, connection: ServerConnection) => void
  /** Takes global requests that nobody else takes; what it leaves unanswered when it returns stays so. Absent, they are refused. */
  readonly onRequest?: (request: IncomingRequest, connection: ServerConnection) => void
  /** Tells clients, once logged in, which host keys there are; each is proved to whom asks. Default true. */
  readonly announceHostKeys?: boolean
  /**
   * The signature algorithms that the keys of `user` may sign by, such as `['ssh-ed25519']`; clients that take it are told once they
   * name the user (`ext-info-in-auth@openssh.com`). Undefined for a user, or absent: all.
   */
  readonly signatureAlgorithmsOf?: (user: string) => readonly string[] | undefined
  readonly limits?: Partial<ServerLimits>
  /** Algorithms per category, best first; categories left out are those of the preset `modern` of @hawser/crypto, which has `default` and `legacy`, too. */
  readonly algorithms?: Partial<AlgorithmNames>
  /** What connections must be: `{ requirePostQuantum: true }` refuses clients without such a key exchange. */
  readonly policy?: SecurityPolicy
  readonly crypto?: CryptoProvider
  /** Shown before the login, by most clients. */
  readonly banner?: string
  /** Lines before our identification. */
  readonly greeting?: readonly string[]
  /** Software version in our identification line. */
  readonly ident?: string
  /** Requests that notice the loss of a client. Default: every 15 s, lost after 3; false: none. */
  readonly keepalive?: { readonly intervalMs: number; readonly maxMissed?: number } | false
  readonly rekeyLimits?: Partial<RekeyLimits>
  readonly rekeyAfterMs?: number
  /** Receive window of each channel in bytes; default 2 MiB. */
  readonly window?: number
  /** How large the window of a busy channel may become, while that makes it faster. Default 64 MiB; with `window` given, that. */
  readonly maxWindow?: number
  /** Largest data packet that we take, in bytes; default 255 KiB. */
  readonly maxPacket?: number
  readonly trace?: Trace
  /** What time goes by. Default: the system's; tests have one that they move by hand. */
  readonly clock?: Clock
  /** Moments of each connection. */
  readonly hooks?: SessionHooks
}

/** Options that were found usable, with their limits. */
export interface CheckedServerOptions extends ServerOptions {
  /** Those with certificates twice: once with it, once without. */
  readonly hostKeys: readonly Signer[]
  readonly limits: ServerLimits
  readonly algorithms: Partial<AlgorithmNames>
  /** The methods that `auth` serves. */
  readonly authMethods: readonly string[]
  /** Checks users' signatures. */
  readonly verify: VerifySignature
}

/** Finds what is wrong with `options` before anybody connects. Throws {@link UsageError} that names option and value. */
export function checkServerOptions(options: ServerOptions): CheckedServerOptions {
  const { auth } = options
  if (!Array.isArray(options.hostKeys) || options.hostKeys.length === 0)
    throw new UsageError(
      'serve: the option hostKeys must hold at least one private key, such as parsePrivateKey of @hawser/keys gives',
    )
  const hostKeys = options.hostKeys.flatMap((entry, at) => signersOf(entry, `serve: hostKeys[${at}]`))
  if (typeof auth !== 'object' || auth === null)
    throw new UsageError(
      'serve: the option auth is missing: say who may log in, such as { publickey: attempt => … }',
    )
  if (methodsOf(auth).length === 0 && auth.none === undefined)
    throw new UsageError(
      'serve: the option auth has no handler: nobody could log in; give publickey, password, keyboardInteractive, hostbased or none',
    )
  const limits = {
    ...defaultLimits,
    ...options.limits,
    startups: { ...defaultLimits.startups, ...options.limits?.startups },
    penalties:
      options.limits?.penalties === false
        ? (false as const)
        : { ...defaultPenalties, ...options.limits?.penalties },
  }
  for (const [name, value] of [limits, limits.startups, limits.penalties].flatMap((each) =>
    Object.entries<unknown>(each || {}),
  ))
    if (typeof value === 'number' && !(Number.isInteger(value) && value >= 0))
      throw new UsageError(`serve: the limit ${name} is ${value}; it must be a whole number from 0 up`)
  const algorithms = serverAlgorithms(options)
  checkHandshake({ ...options, algorithms }, hostKeys)
  return {
    ...options,
    hostKeys,
    limits,
    algorithms,
    authMethods: methodsOf(auth),
    // Whether somebody has to touch a security key depends on the key's line, so that it is asked after the handler.
    verify: certificateVerifier(createVerifier(options.crypto, { touchRequired: false })),
  }
}

function signersOf(entry: Signer | CertifiedHostKey, where: string): readonly Signer[] {
  const isCertified = typeof entry === 'object' && entry !== null && 'certificate' in entry
  const key = isCertified ? entry.key : entry
  if (typeof key?.sign !== 'function')
    throw new UsageError(`${where} cannot sign: it must be a private key, or { key, certificate }`)
  if (!isCertified) return [key]
  const { certificate } = entry
  if (certificate?.kind !== 'host')
    throw new UsageError(
      `${where}: its certificate must be one for hosts, such as parseCertificate of @hawser/keys gives`,
    )
  return [certificateSigner(key, certificate), key]
}

/** Throws for what would fail with every client: an identification that cannot be sent, keys that fit no algorithm. */
function checkHandshake(o: ServerOptions, hostKeys: readonly Signer[]): void {
  new Transport({
    role: 'server',
    hostKeys,
    ...(o.crypto === undefined ? {} : { crypto: o.crypto }),
    ...(o.algorithms === undefined ? {} : { algorithms: o.algorithms }),
    ...(o.policy === undefined ? {} : { policy: o.policy }),
    ...(o.rekeyLimits === undefined ? {} : { rekey: o.rekeyLimits }),
    ...(o.maxPacket === undefined ? {} : { maxPacket: o.maxPacket }),
    ...(o.greeting === undefined ? {} : { greeting: o.greeting }),
    ...(o.ident === undefined ? {} : { ident: o.ident }),
  })
}

/** What is offered for `options`. */
function serverAlgorithms({ algorithms, crypto = defaultProvider }: ServerOptions): Partial<AlgorithmNames> {
  const has = (names: readonly string[], entries: readonly { readonly name: string }[]): readonly string[] =>
    names.filter((name) => entries.some((entry) => entry.name === name))
  return {
    kex: has(presets.modern.kex, crypto.agreements),
    mac: has(presets.modern.mac, crypto.macs),
    ...algorithms,
  }
}
