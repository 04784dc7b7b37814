export { MacError } from '@hawser/crypto'
export * from './errors.ts'
export type { TransportEvent } from './event.ts'
export type { HostProof } from './host-key.ts'
export { type Ident, identLimits } from './ident.ts'
export type { GexLimits } from './kex/method.ts'
export {
  debug,
  disconnect,
  extInfo,
  ignore,
  type KexInit,
  kexInit,
  newKeys,
  ping,
  pong,
  serviceAccept,
  serviceRequest,
  unimplemented,
} from './messages.ts'
export type { Negotiated } from './negotiate.ts'
export type { HostKey, SecurityPolicy, TransportOptions } from './options.ts'
export { packetLimits } from './packet.ts'
export type { Quirk } from './quirks.ts'
export type { RekeyLimits } from './rekey.ts'
export { Transport } from './transport.ts'
