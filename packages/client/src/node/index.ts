export { type NodeDuplexOptions, toNodeDuplex } from '@hawser/session/node'
export { dial } from '../dial.node.ts'
export { dynamic, forwardLocal, forwardRemote, LocalListener, type LocalListenOptions } from './forward.ts'
export { type KnownHostsFileOptions, knownHostsFile } from './known-hosts-file.ts'
export {
  type ResolvedConfig,
  resolveConfig,
  type SshConfigOptions,
} from './ssh-config.ts'
export { SshConfigError } from './ssh-config-syntax.ts'
export { type NodeProcess, nodeStreams } from './streams.ts'
