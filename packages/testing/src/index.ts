export { byteAtATime, type Chunking, randomChunks, whole } from './chunking.ts'
export { HandClock } from './clock.ts'
export {
  Conversation,
  type ConversationEntry,
  ReplayError,
  type ReplayPipe,
  recordPipe,
  replayPipe,
} from './conversation.ts'
export { seededCrypto } from './crypto.ts'
export type { Fault, FaultEffect, FaultPoint } from './faults.ts'
export { beginPair, type PairOptions, type StartedPair, type TestPair, testPair } from './pair.ts'
export {
  type Gate,
  type MemoryPipe,
  type MemoryPipeOptions,
  type MemoryPipes,
  memoryPipes,
} from './pipes.ts'
export { Rng } from './rng.ts'
