export { SshHttpAgent, type SshHttpAgentOptions, SshHttpsAgent, type SshHttpsAgentOptions } from './agents.ts'
export type { Forwarder, OwnedForwarder, SharingOptions, Via } from './shared-connection.ts'
export { type SshConnect, type SshConnectOptions, type SshConnectTarget, sshConnect } from './undici.ts'
