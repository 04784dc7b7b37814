export { type MemoryHandle, type MemoryListing, type MemoryOptions, memory } from '../backend/memory.ts'
export type {
  Awaitable,
  CopyRange,
  DirectoryItem,
  PathResult,
  RequestPath,
  ServeErrorFacts,
  SftpHandlers,
} from './handlers.ts'
export { type SftpServerEvent, SftpServerMachine, type SftpServerMachineOptions } from './machine.ts'
export { type ServeSftpOptions, serveSftp } from './serve.ts'
