export { type ConnectTcpOptions, connectTcp } from './connect-tcp.ts'
export { Listener, type ListenOptions, listen } from './listen.ts'
export { type NodeStreams, nodeStreams, type SpawnOptions, spawnProcess } from './spawn.ts'
