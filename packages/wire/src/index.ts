export type { ByteChannel } from './byte-channel.ts'
export { ByteQueue } from './byte-queue.ts'
export * from './bytes.ts'
export * from './errors.ts'
export type { Field } from './fields.ts'
export * as fields from './fields.ts'
export {
  type FromShape,
  type Infer,
  type Message,
  message,
  type Shape,
  type Struct,
  struct,
} from './message.ts'
export {
  bigintToBytes,
  bytesToBigint,
  mpintDecode,
  mpintEncode,
  mpintFromUnsigned,
} from './mpint.ts'
export { nameListLimits, Reader } from './reader.ts'
export type { Trace, TraceEvent } from './trace.ts'
export { Writer } from './writer.ts'
