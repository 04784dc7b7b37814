export { type NodeDuplexOptions, toNodeDuplex } from '@hawser/session/node'
export { dial } from '../dial.node.ts'
export { type KnownHostsFileOptions, knownHostsFile } from './known-hosts-file.ts'
export { type NodeProcess, nodeStreams } from './streams.ts'
