export { type ConnectTcpOptions, type ConnectUnixOptions, connectTcp, connectUnix } from './connect.ts'
export { Listener, type ListenOptions, listen } from './listen.ts'
export { type ListenForwardOptions, listenForward } from './listen-forward.ts'
export { type NodeStreams, nodeStreams, type SpawnOptions, spawnProcess } from './spawn.ts'
