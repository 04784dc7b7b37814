export { type NodeDuplexOptions, toNodeDuplex } from '@hawser/session/node'
export { dial } from '../dial.node.ts'
export { type DoctorReport, doctor } from './doctor.ts'
export { FileLockedError } from './file-update.ts'
export { dynamic, forwardLocal, forwardRemote, LocalListener, type LocalListenOptions } from './forward.ts'
export { type KnownHostsFileOptions, knownHostsFile } from './known-hosts-file.ts'
export { type ProxyTarget, proxySocket } from './proxy.ts'
export { proxyCommand } from './proxy-command.ts'
export {
  type ResolvedConfig,
  resolveConfig,
  type SshConfigOptions,
} from './ssh-config.ts'
export { type AliasOptions, connectAlias, connectOptionsFor } from './ssh-config-connect.ts'
export { SshConfigError } from './ssh-config-syntax.ts'
export { type NodeProcess, nodeStreams } from './streams.ts'
