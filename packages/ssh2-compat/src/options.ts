/** ssh2's `connect()` options, checked once and turned into what the layers below take. */

import { createHash, getHashes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { AlgorithmNames } from '@hawser/crypto'
import type { PublicKey, Signer } from '@hawser/keys'
import { type AgentMethods, agentOption } from './agent.ts'
import { clientAlgorithms } from './algorithms.ts'
import { asBuffer } from './channel-bytes.ts'
import { keySigner, type ParsedKey, parsePrivate, withCertificate } from './keys.ts'
import type {
  AnyAuthMethod,
  AuthenticationType,
  AuthHandlerMiddleware,
  ConnectConfig,
  DebugFunction,
} from './types.ts'

export interface ClientSettings {
  readonly host: string
  readonly port: number
  /** 4, 6, or 0 for either. */
  readonly family: 0 | 4 | 6
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly sock: ConnectConfig['sock']
  readonly username: string
  readonly password: string | Buffer | undefined
  readonly privateKey: ParsedKey | undefined
  /** What logs in by `privateKey`: with its certificate, where there is one. */
  readonly signer: Signer | undefined
  readonly agent: AgentMethods | undefined
  /** Whether every program may use the agent. */
  readonly agentForward: boolean
  /** Set only when hostbased authentication is possible. */
  readonly hostbased: { readonly host: string; readonly user: string } | undefined
  readonly tryKeyboard: boolean
  readonly authHandler: AuthHandlerMiddleware | readonly (AuthenticationType | AnyAuthMethod)[] | undefined
  readonly verifyHostKey: (key: PublicKey) => Promise<boolean> | boolean
  readonly algorithms: Partial<AlgorithmNames>
  readonly readyTimeout: number
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
  readonly strictVendor: boolean
  readonly timeout: number
  readonly ident: string | undefined
  readonly debug: DebugFunction | undefined
}

/** Throws for what cannot be used: no user name, a key that cannot be read, an algorithm or hash that is not there. */
export function clientSettings(config: ConnectConfig): ClientSettings {
  const username = config.username ?? config.user
  if (typeof username !== 'string') throw new Error('Invalid username')
  const agent = agentOption(config.agent)
  if (config.agentForward === true && agent === undefined)
    throw new Error('You must set a valid agent path to allow agent forwarding')
  const { localHostname, localUsername } = config
  const privateKey =
    config.privateKey === undefined || config.privateKey === null
      ? undefined
      : parsePrivate(config.privateKey, config.passphrase ?? undefined, 'privateKey')
  return {
    host: config.host || config.hostname || 'localhost',
    port: config.port === undefined || config.port === null || config.port === '' ? 22 : Number(config.port),
    family: config.forceIPv4 === true ? 4 : config.forceIPv6 === true ? 6 : 0,
    localAddress: typeof config.localAddress === 'string' ? config.localAddress : undefined,
    localPort: optionalPort(config.localPort),
    sock: config.sock ?? undefined,
    username,
    password: config.password === undefined || config.password === null ? undefined : config.password,
    privateKey,
    signer: signerOf(privateKey, config.certificate),
    agent,
    agentForward: config.agentForward === true,
    hostbased:
      privateKey !== undefined && localHostname && localUsername
        ? { host: localHostname, user: localUsername }
        : undefined,
    tryKeyboard: config.tryKeyboard === true,
    authHandler: config.authHandler ?? undefined,
    verifyHostKey: hostVerifier(config),
    algorithms: clientAlgorithms(config.algorithms, config.compress),
    readyTimeout: milliseconds(config.readyTimeout, 20_000),
    keepaliveInterval: milliseconds(config.keepaliveInterval, 0),
    keepaliveCountMax: milliseconds(config.keepaliveCountMax, 3),
    strictVendor: config.strictVendor !== false,
    timeout: milliseconds(config.timeout, 0),
    ident: identText(config.ident),
    debug: typeof config.debug === 'function' ? config.debug : undefined,
  }
}

function signerOf(key: ParsedKey | undefined, certificate: ConnectConfig['certificate']): Signer | undefined {
  if (certificate === undefined || certificate === null) return key === undefined ? undefined : keySigner(key)
  if (key === undefined) throw new Error('certificate needs privateKey: the key that it certifies')
  return withCertificate(keySigner(key), certificate, 'user')
}

/** What follows `SSH-2.0-`, each byte of a Buffer as one character. */
export function identText(ident: string | Buffer | null | undefined): string | undefined {
  if (ident === undefined || ident === null || ident.length === 0) return undefined
  return typeof ident === 'string' ? ident : ident.toString('latin1')
}

export function milliseconds(value: number | undefined, standard: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : standard
}

function optionalPort(port: number | string | undefined): number | undefined {
  if (port === undefined || port === null || port === '') return undefined
  return Number(port)
}

/** The answer may come as a boolean, from a promise or by the callback, whichever is first. */
function hostVerifier({ hostVerifier: verify, hostHash }: ConnectConfig): ClientSettings['verifyHostKey'] {
  if (
    hostHash !== undefined &&
    hostHash !== null &&
    !getHashes().includes(hostHash.toLowerCase()) &&
    !getHashes().includes(hostHash)
  )
    throw new Error(`Invalid host hash algorithm: ${hostHash} (valid are ${getHashes().join(', ')})`)
  if (typeof verify !== 'function') return () => true
  return (key) =>
    new Promise<boolean>((resolve, reject) => {
      const bytes = Buffer.from(asBuffer(key.blob))
      const shown = hostHash ? createHash(hostHash).update(bytes).digest('hex') : bytes
      const answer = verify(shown as Buffer & string, (valid) => resolve(valid === true))
      if (typeof answer === 'boolean') resolve(answer)
      else if (answer !== undefined && answer !== null && typeof answer.then === 'function')
        answer.then((valid: boolean | undefined) => {
          if (valid !== undefined) resolve(valid === true)
        }, reject)
      else if (answer !== undefined) resolve(Boolean(answer))
    })
}

/** Whether `sock` is a pair of web streams and not a stream of Node's. */
export function isWebPair(
  sock: NonNullable<ConnectConfig['sock']>,
): sock is Exclude<NonNullable<ConnectConfig['sock']>, Duplex> {
  return typeof (sock as { on?: unknown }).on !== 'function'
}
