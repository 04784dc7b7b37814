export {
  type AgentMethods,
  BaseAgent,
  CygwinAgent,
  createAgent,
  type GetStreamCallback,
  OpenSSHAgent,
  PageantAgent,
} from './agent.ts'
export {
  type AgentInboundRequest,
  AgentProtocol,
  type IdentityCallback,
  type KnownPublicKeys,
  type SignCallback,
  type SigningRequestOptions,
} from './agent-protocol.ts'
export type {
  AuthContext,
  AuthContextBase,
  HostbasedAuthContext,
  KeyboardAuthContext,
  NoneAuthContext,
  PasswordAuthContext,
  PublicKeyAuthContext,
} from './auth-context.ts'
export { Channel } from './channel.ts'
export { Connection } from './connection.ts'
export type * from './declared-types.ts'
export type { ClientErrorExtensions } from './errors.ts'
export type * from './event-types.ts'
export type { KeyPairCallback, KeyPairOptions, KeyPairReturn, KeyPairType } from './generate.ts'
export type { HTTPAgentOptions, HTTPSAgentOptions } from './http-agents.ts'
export type { ParsedKey } from './keys.ts'
export {
  Client,
  HTTPAgent,
  HTTPSAgent,
  Server,
  SFTP_OPEN_MODE,
  SFTP_STATUS_CODE,
  ssh2 as default,
} from './module.ts'
export type { ServerConnectionListener } from './server.ts'
export type { Session } from './session.ts'
export type * from './sftp-types.ts'
export type * from './sftp-wrapper.ts'
export type { Stats } from './stats.ts'
export type * from './types.ts'
export { utils } from './utils.ts'
