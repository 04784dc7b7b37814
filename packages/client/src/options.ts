/** What `connect` takes, checked once at the door, and what a session is started with because of it. */

import { type AlgorithmNames, type CryptoProvider, defaultNames, defaultProvider } from '@hawser/crypto'
import type {
  AuthOrder,
  BytePipe,
  ClientSessionOptions,
  Clock,
  LoginAttempt,
  PipeAddresses,
  SessionHooks,
} from '@hawser/session'
import type { RekeyLimits, SecurityPolicy } from '@hawser/transport'
import { type Trace, UsageError } from '@hawser/wire'
import { type AgentAttempt, orderOf } from './auth-order.ts'
import { type HostKeyPolicy, hostKeyVerifier, preferKnown } from './host-key.ts'
import type { IncomingHandlers } from './incoming.ts'
import { type ProxyAddress, parseProxy } from './proxy-address.ts'

/** Where to dial and how. */
export interface DialOptions {
  readonly host: string
  readonly port: number
  /** Address and port on this side. */
  readonly localAddress?: string
  readonly localPort?: number
  /** 4 or 6 to use only this version of IP; default: whichever answers. */
  readonly family?: 4 | 6
  /** Gives up: the connection attempt ends and the promise rejects. */
  readonly signal: AbortSignal
  /** Who connects to `host` on our behalf. */
  readonly proxy?: ProxyAddress
  /** The proxy is connected, and asked to go on; for messages about what takes too long. */
  readonly proxyReached?: () => void
}

/** Makes the byte pipe of a connection. Rejects when it cannot. */
export type Dial = (target: DialOptions) => Promise<BytePipe & PipeAddresses>

/** Moments of a connection from the dial on, each called synchronously and in order. */
export interface ConnectHooks extends SessionHooks {
  /** The pipe is there; SSH begins. */
  connected?(pipe: BytePipe & PipeAddresses): void
}

export interface ConnectOptions extends IncomingHandlers {
  /** Name or address of the server. Needed unless `pipe` is given; also the name under which known_hosts is searched. */
  readonly host?: string
  /** Default 22. */
  readonly port?: number
  /** An open byte pipe to the server, in place of dialling. */
  readonly pipe?: BytePipe & PipeAddresses
  /** Servers to go through, nearest first; each is logged in to with its own options. */
  readonly jump?: readonly ConnectOptions[]
  /** The user name to log in with. */
  readonly user: string
  /**
   * Login attempts in order (`none`, which asks what the server takes, goes first by itself), or a function that chooses each.
   * `agent` stands for each key of an agent, which is told of the session.
   */
  readonly auth: readonly (LoginAttempt | AgentAttempt)[] | AuthOrder
  /** Which host key is trusted. Required: there is no default that accepts any. */
  readonly hostKey: HostKeyPolicy
  /** The name under which known_hosts is searched, in place of host and port (HostKeyAlias of ssh_config). */
  readonly hostKeyAlias?: string
  /** Variables for every program that is started; the server takes those that it is set up for. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether programs get `agent` that do not say whether. Default: false. */
  readonly agentForward?: boolean
  /** Algorithms per category, best first; categories left out keep their defaults. A preset of @hawser/crypto is a value for it. */
  readonly algorithms?: Partial<AlgorithmNames>
  /**
   * What the connection must be: `{ requirePostQuantum: true }` ends with a PolicyError where the server has no such key exchange, and so
   * does, unless `{ terrapin: 'allow' }`, a cipher that is not safe without the strict key exchange that old servers lack.
   */
  readonly policy?: SecurityPolicy
  readonly crypto?: CryptoProvider
  /** Requests that keep the connection and notice its loss. Default: every 15 s, lost after 3; false: none. */
  readonly keepalive?: { readonly intervalMs: number; readonly maxMissed?: number } | false
  /** From dialling to logged in, less the time that callbacks take; 0 is no limit. Default 20,000. */
  readonly readyTimeoutMs?: number
  /** Bytes and packets after which keys are renewed. */
  readonly rekeyLimits?: Partial<RekeyLimits>
  /** Age of keys before they are renewed; 0 is no limit. Default one hour. */
  readonly rekeyAfterMs?: number
  /** Receive window of each channel in bytes; default 2 MiB. */
  readonly window?: number
  /** How large the window of a busy channel may become, while that makes it faster. Default 64 MiB; with `window` given, that. */
  readonly maxWindow?: number
  /** Largest data packet that we take, in bytes; default 255 KiB. */
  readonly maxPacket?: number
  /** Software version in our identification line. */
  readonly ident?: string
  /** Gives up connecting. A connection that is made is not touched by it. */
  readonly signal?: AbortSignal
  readonly localAddress?: string
  readonly localPort?: number
  readonly family?: 4 | 6
  /**
   * A proxy that connects to the server on our behalf and looks its name up: `socks5://user:password@host:port` or
   * `http://user:password@host:port`, by which it is asked with CONNECT. Only where the runtime has TCP.
   */
  readonly proxy?: string
  /** In place of the runtime's own TCP. */
  readonly dial?: Dial
  readonly trace?: Trace
  /** What time goes by. Default: the system's; tests have one that they move by hand. */
  readonly clock?: Clock
  readonly hooks?: ConnectHooks
}

/** Options that were found usable, with their defaults. */
export interface CheckedOptions extends ConnectOptions {
  readonly host: string
  readonly port: number
  readonly readyTimeoutMs: number
  readonly jump: readonly CheckedOptions[]
  readonly proxyAddress?: ProxyAddress
}

const keepaliveDefault = { intervalMs: 15_000, maxMissed: 3 } as const

/** Finds what is wrong with `options` before anything is dialled. Throws {@link UsageError} that names option and value. */
export function checkConnectOptions(options: ConnectOptions, where = 'connect'): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw wrong(where, 'options', options, 'an object')
  const { host, port = 22, pipe, jump = [], user, auth, hostKey, readyTimeoutMs = 20_000 } = options
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    throw wrong(where, 'host', host, 'a name or an address')
  if (host === undefined && pipe === undefined)
    throw new UsageError(`${where}: give the option host (a name or an address) or pipe (an open byte pipe)`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw wrong(where, 'port', port, 'a whole number from 1 to 65535')
  if (typeof user !== 'string') throw wrong(where, 'user', user, 'the name to log in with')
  if (typeof auth !== 'function' && !Array.isArray(auth))
    // Not what it is: it may be somebody's password.
    throw new UsageError(
      `${where}: the option auth is of type ${typeof auth}; it must be a list of login attempts such as [{ method: 'password', password: … }], or a function`,
    )
  if (Array.isArray(auth)) auth.forEach((attempt, at) => checkAttempt(attempt, `${where}: auth[${at}]`))
  if (hostKey === undefined)
    throw new UsageError(
      `${where}: the option hostKey is missing: say which host key to trust, by { fingerprints: ['SHA256:…'] }, { knownHosts: text } or { ask: question => … }`,
    )
  checkTimes(options, readyTimeoutMs, where)
  if (!Array.isArray(jump)) throw wrong(where, 'jump', jump, 'a list of connect options')
  if (jump.length > 0 && pipe !== undefined)
    throw new UsageError(
      `${where}: the options pipe and jump exclude each other; give the pipe to the first jump`,
    )
  const checked: CheckedOptions = {
    ...options,
    ...proxyOf(options, where),
    host: host ?? pipe?.remoteAddress ?? '',
    port,
    readyTimeoutMs,
    jump: jump.map((hop, at) => checkHop(hop, at, `${where}: jump[${at}]`)),
  }
  hostKeyVerifier(hostKey, knownAs(checked)) // throws for a policy that cannot be used
  return checked
}

/** What the session below is started with. `spentMs` is the part of the ready time that is gone already. */
export function clientSessionOptions(options: CheckedOptions, spentMs = 0): ClientSessionOptions {
  const { keepalive = keepaliveDefault, readyTimeoutMs } = options
  return {
    user: options.user,
    auth: orderOf(options.auth),
    verifyHostKey: hostKeyVerifier(options.hostKey, knownAs(options)),
    readyTimeoutMs,
    readySpentMs: spentMs,
    ...(keepalive === false
      ? {}
      : {
          keepaliveIntervalMs: keepalive.intervalMs,
          keepaliveMaxMissed: keepalive.maxMissed ?? keepaliveDefault.maxMissed,
        }),
    algorithms: { ...options.algorithms, serverHostKey: hostKeyAlgorithms(options) },
    ...picked(options, [
      'crypto',
      'policy',
      'rekeyLimits',
      'rekeyAfterMs',
      'window',
      'maxWindow',
      'maxPacket',
      'ident',
      'signal',
      'trace',
      'clock',
      'hooks',
    ]),
  }
}

/** What known_hosts is asked about. */
export function knownAs({ host, port, hostKeyAlias }: CheckedOptions): {
  readonly host: string
  readonly port: number
} {
  return hostKeyAlias === undefined ? { host, port } : { host: hostKeyAlias, port: 22 }
}

function hostKeyAlgorithms(options: CheckedOptions): readonly string[] {
  const names =
    options.algorithms?.serverHostKey ?? defaultNames(options.crypto ?? defaultProvider).serverHostKey
  return preferKnown(names, options.hostKey, knownAs(options))
}

function proxyOf(
  { proxy, pipe, dial, jump = [] }: ConnectOptions,
  where: string,
): { readonly proxyAddress?: ProxyAddress } {
  if (proxy === undefined) return {}
  if (pipe !== undefined || dial !== undefined)
    throw new UsageError(
      `${where}: the options proxy and ${pipe === undefined ? 'dial' : 'pipe'} exclude each other`,
    )
  if (jump.length > 0)
    throw new UsageError(
      `${where}: the options proxy and jump exclude each other; give the proxy to the first jump, which is where it leads`,
    )
  return { proxyAddress: parseProxy(proxy, where) }
}

function checkHop(hop: ConnectOptions, at: number, where: string): CheckedOptions {
  const checked = checkConnectOptions(hop, where)
  if (checked.jump.length > 0)
    throw new UsageError(`${where}: a jump has no jumps of its own; list them all in one`)
  if (at > 0 && hop.pipe !== undefined)
    throw new UsageError(
      `${where}: only the first jump can have a pipe; this one is reached through the jump before`,
    )
  if (at > 0 && hop.proxy !== undefined)
    throw new UsageError(
      `${where}: only the first jump can have a proxy; this one is reached through the jump before`,
    )
  return checked
}

function checkAttempt(attempt: LoginAttempt | AgentAttempt, where: string): void {
  switch (attempt?.method) {
    case 'none':
      return
    case 'password':
      if (typeof attempt.password !== 'string' && !((attempt.password as unknown) instanceof Uint8Array))
        throw new UsageError(`${where}: password must be a string or bytes`)
      return
    case 'publickey':
    case 'hostbased':
      if (typeof attempt.signer?.sign !== 'function')
        throw new UsageError(
          `${where}: signer must be a key that can sign, such as parsePrivateKey of @hawser/keys gives`,
        )
      return
    case 'agent':
      if (typeof attempt.agent !== 'object' || attempt.agent === null)
        throw new UsageError(
          `${where}: agent must be one that runs, such as agentAt of @hawser/agent/node gives, or a Keyring`,
        )
      return
    case 'keyboard-interactive':
      if (typeof attempt.respond !== 'function')
        throw new UsageError(`${where}: respond must be a function that answers the server's prompts`)
      return
    default:
      throw new UsageError(
        `${where}: method is ${JSON.stringify((attempt as { method?: unknown } | undefined)?.method)}; it must be none, password, publickey, agent, keyboard-interactive or hostbased`,
      )
  }
}

function checkTimes(options: ConnectOptions, readyTimeoutMs: number, where: string): void {
  const times: [string, unknown][] = [['readyTimeoutMs', readyTimeoutMs]]
  if (options.rekeyAfterMs !== undefined) times.push(['rekeyAfterMs', options.rekeyAfterMs])
  if (options.keepalive) {
    times.push(['keepalive.intervalMs', options.keepalive.intervalMs])
    if (options.keepalive.maxMissed !== undefined)
      times.push(['keepalive.maxMissed', options.keepalive.maxMissed])
  }
  for (const [name, value] of times)
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0x7fffffff)
      throw wrong(where, name, value, 'a whole number from 0 to 2147483647')
}

function wrong(where: string, option: string, value: unknown, expected: string): UsageError {
  const shown = typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : typeof value
  return new UsageError(`${where}: the option ${option} is ${shown}; it must be ${expected}`)
}

/** The named properties of `from` that are there. */
function picked<T extends object, K extends keyof T>(
  from: T,
  names: readonly K[],
): { [P in K]?: NonNullable<T[P]> } {
  const result: { [P in K]?: NonNullable<T[P]> } = {}
  for (const name of names) {
    const value = from[name]
    if (value !== undefined) result[name] = value as NonNullable<T[K]>
  }
  return result
}
