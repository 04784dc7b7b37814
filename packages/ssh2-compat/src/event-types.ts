/** The events of clients, servers, connections and sessions, with the names that @types/ssh2 has for their arguments. */

import type { AuthContext } from './auth-context.ts'
import type { Channel } from './channel.ts'
import type { Connection } from './connection.ts'
import type { ClientErrorExtensions } from './errors.ts'
import type { ParsedKey } from './keys.ts'
import type { Session } from './session.ts'
import type { SFTPWrapper } from './sftp-wrapper.ts'
import type {
  AcceptConnection,
  ChangePasswordCallback,
  ClientInfo,
  KeyboardInteractiveCallback,
  NegotiatedAlgorithms,
  Prompt,
  RejectConnection,
  TcpConnectionDetails,
  UNIXConnectionDetails,
  X11Details,
} from './types.ts'

/** A channel as a client has it: `stderr` is read. */
export type ClientChannel = Channel
/** A channel as a server has it: `stderr` is written. */
export type ServerChannel = Channel
export type AcceptSftpConnection = () => SFTPWrapper
export type ServerCallback = (err: Error | undefined, channel: ServerChannel) => void
export type ChannelType = 'session' | 'sftp' | 'direct-tcpip' | 'direct-streamlocal@openssh.com'
export type ChannelSubType = 'exec' | 'shell' | 'subsystem'
export type ErrorCallback = (err: Error) => void

export interface Versions {
  protocol: string
  software: string
}
/** The key of an authentication request. */
export interface PublicKey {
  algo: string
  data: Buffer
}

export type SessionAccept = () => void
export type SessionAcceptReject = () => void

export interface TcpipRequestInfo {
  srcIP: string
  srcPort: number
  destIP: string
  destPort: number
}
export interface SocketRequestInfo {
  socketPath: string
}
export interface TcpipBindInfo {
  bindAddr: string
  bindPort: number
}
export interface SocketBindInfo {
  socketPath: string
}

/** Arguments of terminal modes by their names, such as `ECHO`. */
export type TerminalModes = Record<string, number>
export interface WindowChangeInfo {
  rows: number
  cols: number
  height: number
  width: number
}
export interface PseudoTtyInfo extends WindowChangeInfo {
  term: string
  modes: TerminalModes
}
export interface X11Info {
  single: boolean
  protocol: string
  /** 32 digits as bytes; their text is what the 0.8 documentation has. */
  cookie: Buffer
  screen: number
}
export interface SetEnvInfo {
  key: string
  val: string
  /** @deprecated The documented name; programs use `val`. */
  value: string
}
export interface SignalInfo {
  /** Without `SIG`. */
  name: string
}
export interface ExecInfo {
  command: string
}
export interface SubsystemInfo {
  name: string
}

export interface ClientEvents {
  banner: [message: string, language: string]
  ready: []
  connect: []
  timeout: []
  greeting: [greeting: string]
  handshake: [negotiated: NegotiatedAlgorithms]
  rekey: []
  /** @deprecated Only programs that look at the booleans of the methods need it. */
  continue: []
  hostkeys: [keys: ParsedKey[]]
  'tcp connection': [details: TcpConnectionDetails, accept: AcceptConnection, reject: RejectConnection]
  'unix connection': [details: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection]
  x11: [details: X11Details, accept: AcceptConnection, reject: RejectConnection]
  'keyboard-interactive': [
    name: string,
    instructions: string,
    lang: string,
    prompts: Prompt[],
    finish: KeyboardInteractiveCallback,
  ]
  'change password': [message: string, done: ChangePasswordCallback, again: ChangePasswordCallback]
  error: [error: Error & ClientErrorExtensions]
  end: []
  close: []
}

export interface ServerEvents {
  connection: [client: Connection, info: ClientInfo]
  listening: []
  error: [error: Error]
  close: []
}

export interface ConnectionEvents {
  authentication: [context: AuthContext]
  ready: []
  handshake: [negotiated: NegotiatedAlgorithms]
  rekey: []
  continue: []
  session: [accept: AcceptConnection<Session>, reject: RejectConnection]
  tcpip: [accept: AcceptConnection, reject: RejectConnection, info: TcpipRequestInfo]
  'openssh.streamlocal': [accept: AcceptConnection, reject: RejectConnection, info: SocketRequestInfo]
  /** `accept` and `reject` are undefined when the client wants no reply. */
  request: [
    accept: ((chosenPort?: number) => void) | undefined,
    reject: (() => void) | undefined,
    name: string,
    info: TcpipBindInfo & SocketBindInfo,
  ]
  error: [error: Error & ClientErrorExtensions]
  end: []
  close: []
}

/** A client's `exit`, repeated by `close`: (code) alone, or all five with null for the code. */
export interface ChannelEvents {
  exit: [code: number | null, signal: string, didCoreDump: boolean, description: string, language: string]
  close: [
    code: number | null | undefined,
    signal: string,
    didCoreDump: boolean,
    description: string,
    language: string,
  ]
}

/** `accept` and `reject` are functions only when a reply is wanted; programs have never looked. */
export interface SessionEvents {
  pty: [accept: SessionAccept, reject: SessionAcceptReject, info: PseudoTtyInfo]
  'window-change': [accept: SessionAccept, reject: SessionAcceptReject, info: WindowChangeInfo]
  x11: [accept: SessionAccept, reject: SessionAcceptReject, info: X11Info]
  env: [accept: SessionAccept, reject: SessionAcceptReject, info: SetEnvInfo]
  signal: [accept: SessionAccept, reject: SessionAcceptReject, info: SignalInfo]
  'auth-agent': [accept: SessionAccept, reject: SessionAcceptReject]
  shell: [accept: AcceptConnection, reject: RejectConnection]
  exec: [accept: AcceptConnection, reject: RejectConnection, info: ExecInfo]
  sftp: [accept: AcceptSftpConnection, reject: RejectConnection]
  subsystem: [accept: AcceptConnection, reject: RejectConnection, info: SubsystemInfo]
  eof: []
  end: []
  close: []
}
