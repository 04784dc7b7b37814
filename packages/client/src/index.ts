export type { Channel, Security } from '@hawser/session'
export { channelPipe } from '@hawser/session'
export { type ForwardedAgent, forwardAgent } from './agent-forwarding.ts'
export { type AgentAttempt, attemptsInOrder, orderOf } from './auth-order.ts'
export {
  Client,
  type ClientParts,
  type ExecOptions,
  type ForwardOptions,
  type ShellOptions,
} from './client.ts'
export { type BegunClient, beginConnect, connect } from './connect.ts'
export { type Address, openTcpChannel, openUnixChannel, type SocketPath } from './forwarding.ts'
export {
  acceptAnyHostKey,
  type HostKeyPolicy,
  type HostKeyQuestion,
  type HostKeyReason,
  HostKeyRejectedError,
  type HostKeysUpdate,
  hostKeyVerifier,
} from './host-key.ts'
export { proveHostKeys } from './hostkeys-update.ts'
export { type IncomingHandlers, type X11Request, x11Request } from './incoming.ts'
export {
  type ConnectionRequest,
  ListenError,
  type ListenOptions,
  type RemoteConnection,
  RemoteListener,
  RemoteListeners,
} from './listening.ts'
export {
  type CheckedOptions,
  type ConnectHooks,
  type ConnectOptions,
  checkConnectOptions,
  clientSessionOptions,
  type Dial,
  type DialOptions,
} from './options.ts'
export {
  Process,
  type ProcessExit,
  type ProcessHooks,
  type ProcessRequest,
  type ProcessResult,
  type ProcessSurroundings,
  type Pty,
  resizeTerminal,
  sendSignal,
  startProcess,
  type TerminalSize,
  watchProcess,
  type X11Forwarding,
} from './process.ts'
export type { ProxyAddress } from './proxy-address.ts'
export { type SftpOptions, SftpStartError } from './sftp.ts'
export type { SshfpAnswer, SshfpFinding, SshfpResolver } from './sshfp.ts'
export type { CallOptions } from './waiting.ts'
