export {
  type AttemptBase,
  type AuthDecision,
  type AuthHandlers,
  answerAttempt,
  type Dialog,
  type HostbasedAttempt,
  methodsOf,
  type NoneAttempt,
  type PasswordAttempt,
  type PublicKeyAttempt,
  passwordsOf,
  type RefusalPolicy,
  sameSecret,
} from './auth.ts'
export {
  type AuthorizedKeysOptions,
  type AuthorizedKeysSource,
  authorizedKeys,
  type CertifiedLogin,
} from './authorized-keys.ts'
export {
  type OpenRequest,
  type StreamlocalRequest,
  streamlocalRequest,
  type TcpipRequest,
  tcpipRequest,
} from './forwarding.ts'
export { announceHostKeys, proveHostKeys } from './host-keys.ts'
export {
  defaultLimits,
  dropChance,
  type ServerLimits,
  StartupGate,
  type StartupLimits,
  untilNextStep,
} from './limits.ts'
export {
  type Forward,
  type ForwardAddress,
  type ForwardRequest,
  Forwards,
  openForwarded,
} from './listening.ts'
export {
  type CertifiedHostKey,
  type CheckedServerOptions,
  checkServerOptions,
  type ServerOptions,
} from './options.ts'
export { defaultPenalties, type Offence, Penalties, type PenaltyLimits } from './penalties.ts'
export { type ProxyHeader, readProxyHeader } from './proxy-protocol.ts'
export { beginServing, serve } from './serve.ts'
export { ServerConnection } from './server-connection.ts'
export { ServerProcess, type SignalEnd } from './server-process.ts'
export {
  type ExecRequest,
  type ProgramRequest,
  SessionChannel,
  type SessionChannelLimits,
  type SubsystemRequest,
  type X11ForwardRequest,
} from './session-channel.ts'
export {
  type Asked,
  type Pty,
  type SessionRequestHandlers,
  sessionRequests,
  type TerminalSize,
  type X11Forwarding,
} from './session-requests.ts'
export { serveSftpProgram } from './sftp.ts'
