/** The shapes of ssh2's options, callbacks and event arguments, under the names that its type declarations use. */

import type { Duplex } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import type { AgentMethods, BaseAgent } from './agent.ts'
import type { Channel } from './channel.ts'
import type { ParsedKey } from './keys.ts'
import type { SFTPWrapper } from './sftp-wrapper.ts'

/** Names, or changes to the default list: single values and patterns are taken as well. */
export type AlgorithmList<T extends string = string> =
  | readonly T[]
  | T
  | {
      readonly append?: T | RegExp | readonly (T | RegExp)[]
      readonly prepend?: T | RegExp | readonly (T | RegExp)[]
      readonly remove?: T | RegExp | readonly (T | RegExp)[]
    }

export interface Algorithms {
  kex?: AlgorithmList
  cipher?: AlgorithmList
  serverHostKey?: AlgorithmList
  hmac?: AlgorithmList
  compress?: AlgorithmList
}

export interface Prompt {
  prompt: string
  echo?: boolean
}

export type AuthenticationType =
  | 'none'
  | 'password'
  | 'publickey'
  | 'agent'
  | 'keyboard-interactive'
  | 'hostbased'

export interface NoAuthMethod {
  type: 'none'
  username?: string
}
export interface PasswordAuthMethod {
  type: 'password'
  username?: string
  password: string | Buffer
}
export interface PublicKeyAuthMethod {
  type: 'publickey'
  username?: string
  key: string | Buffer | ParsedKey
  passphrase?: string | Buffer
  /** Not in ssh2: presented in place of `key` alone; the text of a `-cert.pub` file, or its wire form. */
  certificate?: string | Buffer
}
export interface HostBasedAuthMethod {
  type: 'hostbased'
  username?: string
  localHostname: string
  localUsername: string
  key: string | Buffer | ParsedKey
  passphrase?: string | Buffer
}
export interface AgentAuthMethod {
  type: 'agent'
  username?: string
  agent: string | AgentMethods | BaseAgent
}
export interface KeyboardInteractiveAuthMethod {
  type: 'keyboard-interactive'
  username?: string
  prompt: (
    name: string,
    instructions: string,
    lang: string,
    prompts: Prompt[],
    finish: KeyboardInteractiveCallback,
  ) => void
}
export type AnyAuthMethod =
  | NoAuthMethod
  | PasswordAuthMethod
  | PublicKeyAuthMethod
  | HostBasedAuthMethod
  | AgentAuthMethod
  | KeyboardInteractiveAuthMethod

/** What an authentication handler may answer; `false` stops. */
export type NextAuth = AuthenticationType | AnyAuthMethod | false
export type NextAuthHandler = (next: NextAuth) => void
export type AuthHandlerMiddleware = (
  authsLeft: AuthenticationType[] | null,
  partialSuccess: boolean | null,
  next: NextAuthHandler,
  // biome-ignore lint/suspicious/noConfusingVoidType: handlers that use the callback return nothing
) => NextAuth | Promise<NextAuth> | void

export type VerifyCallback = (valid: boolean) => void
/** Gets the key, or with `hostHash` its digest in hexadecimal; answers by return value, promise or callback. */
export type HostVerifier<K = Buffer & string> = (
  key: K,
  verify: VerifyCallback,
  // biome-ignore lint/suspicious/noConfusingVoidType: verifiers that use the callback return nothing
) => boolean | Promise<boolean> | void

export type DebugFunction = (message: string) => void
export type KeyboardInteractiveCallback = (answers: string[]) => void
export type ChangePasswordCallback = (newPassword: string) => void

export interface ConnectConfig {
  /** Default `localhost`. */
  host?: string | undefined
  /** @deprecated Use `host`. */
  hostname?: string | undefined
  /** Default 22. */
  port?: number | string | undefined
  localAddress?: string | undefined
  localPort?: number | string | undefined
  forceIPv4?: boolean | undefined
  forceIPv6?: boolean | undefined
  /** Any hash of Node's; the verifier then gets a hexadecimal digest. */
  hostHash?: string | undefined
  hostVerifier?: HostVerifier | undefined
  username?: string | undefined
  /** @deprecated Use `username`. */
  user?: string | undefined
  password?: string | Buffer | null | undefined
  /** Path of an agent's socket, `pageant`, or an agent of your own. */
  agent?: string | AgentMethods | BaseAgent | null | undefined
  agentForward?: boolean | undefined
  privateKey?: string | Buffer | ParsedKey | null | undefined
  passphrase?: string | Buffer | null | undefined
  /** Not in ssh2: an OpenSSH certificate for `privateKey`, presented in its place; the text of a `-cert.pub` file, or its wire form. */
  certificate?: string | Buffer | null | undefined
  localHostname?: string | undefined
  localUsername?: string | undefined
  tryKeyboard?: boolean | undefined
  authHandler?: AuthHandlerMiddleware | readonly (AuthenticationType | AnyAuthMethod)[] | undefined
  /** Milliseconds; 0 (the default) sends none. */
  keepaliveInterval?: number | undefined
  /** Default 3. */
  keepaliveCountMax?: number | undefined
  /** Milliseconds until authenticated; 0 is no limit. Default 20,000. The clock rests while people and callbacks are asked. */
  readyTimeout?: number | undefined
  /** A socket or any other duplex stream, or a pair of web streams. */
  sock?: Duplex | { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> } | undefined
  /** Default true: extensions of OpenSSH are asked of OpenSSH only. */
  strictVendor?: boolean | undefined
  algorithms?: Algorithms | undefined
  /**
   * `true` compresses if the server can, 'force' fails if it cannot, `false` never does; by default only a server that
   * insists is served, be it by zlib from the first packet on. `algorithms.compress` wins.
   * @deprecated Use `algorithms.compress`.
   */
  compress?: boolean | 'force' | undefined
  debug?: DebugFunction | null | undefined
  /** Milliseconds of silence after which `timeout` is emitted; default 0, never. */
  timeout?: number | undefined
  /** What follows `SSH-2.0-` in our identification. */
  ident?: string | Buffer | undefined
}

export interface PseudoTtyOptions {
  rows?: number
  cols?: number
  height?: number
  width?: number
  term?: string
  modes?: Record<string, number> | null
}

export interface X11Options {
  single?: boolean
  screen?: number
  protocol?: string
  cookie?: string | Buffer
}

export interface ShellOptions {
  env?: Record<string, string | number | undefined>
  x11?: X11Options | number | boolean
  agentForward?: boolean
}

export interface ExecOptions extends ShellOptions {
  pty?: PseudoTtyOptions | boolean
  allowHalfOpen?: boolean
}

export interface TcpConnectionDetails {
  destIP: string
  destPort: number
  srcIP: string
  srcPort: number
}
export interface X11Details {
  srcIP: string
  srcPort: number
}
export interface UNIXConnectionDetails {
  socketPath: string
}

export interface NegotiatedDirection {
  cipher: string
  mac: string
  compress: string
  lang: string
}
export interface NegotiatedAlgorithms {
  kex: string
  srvHostKey: string
  serverHostKey: string
  cs: NegotiatedDirection
  sc: NegotiatedDirection
}

export type AcceptConnection<T = Channel> = () => T
export type RejectConnection = () => boolean
export type Callback = (err?: Error | null) => void
export type ClientCallback = (err: Error | undefined, channel: Channel) => void
export type ClientForwardCallback = (err: Error | undefined, port: number) => void
export type ClientSFTPCallback = (err: Error | undefined, sftp: SFTPWrapper) => void

export interface EncryptedPrivateKey {
  key: string | Buffer
  passphrase: string | Buffer
}

/** Not in ssh2: a host key with an OpenSSH certificate for it, which clients that know its authority go by. */
export interface ServerHostKey {
  key: string | Buffer | ParsedKey
  passphrase?: string | Buffer | undefined
  /** The text of a `-cert.pub` file, or its wire form. */
  certificate?: string | Buffer | undefined
}

export interface ServerConfig {
  hostKeys: readonly (string | Buffer | ParsedKey | EncryptedPrivateKey | ServerHostKey)[]
  algorithms?: Algorithms | undefined
  greeting?: string | undefined
  banner?: string | undefined
  ident?: string | Buffer | undefined
  /** Bytes that the readable side of each channel holds; default Node's own. */
  highWaterMark?: number | undefined
  debug?: DebugFunction | null | undefined
  keepaliveInterval?: number | undefined
  keepaliveCountMax?: number | undefined
}

export interface Header {
  identRaw: string
  greeting: string
  versions: { protocol: string; software: string }
  comments: string | undefined
}
export interface ClientInfo {
  ip: string
  family: string
  port: number
  header: Header
}
