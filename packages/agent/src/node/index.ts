export { connectCygwin } from './cygwin.ts'
export { pageantPath } from './pageant.ts'
export { agentAt, isPipe, listenAgent, openAgentSocket } from './sockets.ts'
export { streamChannel } from './stream-channel.ts'
