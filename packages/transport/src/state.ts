/** Which message may come or go when: the phases and their tables (RFC 4253 §6–§10, strict key exchange). */

import type { KexResult } from './kex/method.ts'

/** What somebody has to say before a key exchange can go on. */
export interface Ask {
  readonly type: 'host-key' | 'signature'
  readonly result: KexResult
}

/** What the peer may send. The first exchange has phases of its own, because strict key exchange restricts only that one. */
export type ReceivePhase =
  /** Its identification. */
  | 'ident'
  /** Its first KEXINIT. */
  | 'first-kexinit'
  /** Messages of the first key exchange, then NEWKEYS. */
  | 'first-kex'
  | 'first-kex-strict'
  | 'first-newkeys'
  | 'first-newkeys-strict'
  /** Anything; connection messages only after authentication. */
  | 'open'
  | 'open-authenticated'
  /** Its KEXINIT of a later exchange has come. */
  | 'kex'
  | 'newkeys'

/** What we may send: `kex` from our KEXINIT to our NEWKEYS. */
export type SendPhase = 'kex' | 'kex-authenticated' | 'open' | 'open-authenticated'

/** What to do with a received message; `refuse` ends the connection. */
export type Receipt = 'handle' | 'deliver' | 'unimplemented' | 'refuse'
/** What to do with a message of a higher layer. */
export type Dispatch = 'now' | 'hold' | 'refuse'

const groups = [
  'disconnect',
  'noise',
  'serviceRequest',
  'serviceAccept',
  'extInfo',
  'kexInit',
  'newKeys',
  'kexMethod',
  'authentication',
  'connection',
  'ping',
  'unknown',
  'unknownHigh',
] as const
type Group = (typeof groups)[number]

/** RFC 4250 §4.1: the ranges of message numbers. */
function groupOf(number: number): Group {
  if (number === 1) return 'disconnect'
  if (number >= 2 && number <= 4) return 'noise'
  if (number === 5) return 'serviceRequest'
  if (number === 6) return 'serviceAccept'
  if (number === 7) return 'extInfo'
  if (number === 20) return 'kexInit'
  if (number === 21) return 'newKeys'
  if (number >= 30 && number <= 49) return 'kexMethod'
  if (number >= 50 && number <= 79) return 'authentication'
  if (number >= 80 && number <= 127) return 'connection'
  if (number === 192 || number === 193) return 'ping'
  return number < 80 ? 'unknown' : 'unknownHigh'
}

const refuseAll: Readonly<Record<Group, Receipt>> = {
  disconnect: 'refuse',
  noise: 'refuse',
  serviceRequest: 'refuse',
  serviceAccept: 'refuse',
  extInfo: 'refuse',
  kexInit: 'refuse',
  newKeys: 'refuse',
  kexMethod: 'refuse',
  authentication: 'refuse',
  connection: 'refuse',
  ping: 'refuse',
  unknown: 'refuse',
  unknownHigh: 'refuse',
}
/** Strict key exchange: nothing but the exchange itself, and an end (OpenSSH PROTOCOL §1.10). */
const strict: Readonly<Record<Group, Receipt>> = { ...refuseAll, disconnect: 'handle' }
/** RFC 4253 §7.1: messages 1–4 stay legal during an exchange, and unknown ones of the transport are answered. */
const lenient: Readonly<Record<Group, Receipt>> = { ...strict, noise: 'handle', unknown: 'unimplemented' }
const open: Readonly<Record<Group, Receipt>> = {
  ...lenient,
  serviceRequest: 'deliver',
  serviceAccept: 'deliver',
  extInfo: 'handle',
  kexInit: 'handle',
  authentication: 'deliver',
}

/** May-receive: phase by group. */
export const mayReceive: Readonly<Record<ReceivePhase, Readonly<Record<Group, Receipt>>>> = {
  ident: refuseAll,
  'first-kexinit': { ...lenient, kexInit: 'handle' },
  'first-kex': { ...lenient, kexMethod: 'handle' },
  'first-kex-strict': { ...strict, kexMethod: 'handle' },
  'first-newkeys': { ...lenient, newKeys: 'handle' },
  'first-newkeys-strict': { ...strict, newKeys: 'handle' },
  open,
  // RFC 8308 §2.4: EXT_INFO comes before SUCCESS or not at all.
  'open-authenticated': {
    ...open,
    extInfo: 'refuse',
    connection: 'deliver',
    ping: 'handle',
    unknownHigh: 'unimplemented',
  },
  kex: { ...lenient, kexMethod: 'handle' },
  newkeys: { ...lenient, newKeys: 'handle' },
}

/** May-send and must-queue, for what higher layers give us (RFC 4253 §7.1); the transport's own messages it orders itself. */
export const maySend: Readonly<Record<SendPhase, Readonly<Record<Group, Dispatch>>>> = {
  kex: outgoing('hold', 'refuse'),
  'kex-authenticated': outgoing('hold', 'hold'),
  open: outgoing('now', 'refuse'),
  'open-authenticated': outgoing('now', 'now'),
}

function outgoing(service: Dispatch, connection: Dispatch): Readonly<Record<Group, Dispatch>> {
  return {
    disconnect: 'refuse',
    noise: 'refuse',
    serviceRequest: service,
    serviceAccept: service,
    extInfo: 'refuse',
    kexInit: 'refuse',
    newKeys: 'refuse',
    kexMethod: 'refuse',
    authentication: service,
    connection,
    ping: 'refuse',
    unknown: 'refuse',
    unknownHigh: connection,
  }
}

const groupTable: readonly Group[] = Array.from({ length: 256 }, (_, number) => groupOf(number))

/** What a peer must not send because of its role, wherever the phase stands (RFC 4253 §10). */
const wrongRole = { client: 'serviceRequest', server: 'serviceAccept' } as const

/** The verdict on a received message; `role` is ours. */
export function receipt(phase: ReceivePhase, role: 'client' | 'server', number: number): Receipt {
  const group = groupTable[number] as Group
  return group === wrongRole[role] ? 'refuse' : mayReceive[phase][group]
}

/** The verdict on a message that a higher layer wants to send; `role` is ours. */
export function dispatch(phase: SendPhase, role: 'client' | 'server', number: number): Dispatch {
  const group = groupTable[number] as Group
  return group === wrongRole[role === 'client' ? 'server' : 'client'] ? 'refuse' : maySend[phase][group]
}

/** What is awaited in `phase`, for messages to people. */
export const awaited: Readonly<Record<ReceivePhase, string>> = {
  ident: 'the identification is expected',
  'first-kexinit': 'KEXINIT is expected',
  'first-kex': 'the first key exchange is going on',
  'first-kex-strict': 'the first key exchange is going on, a strict one',
  'first-newkeys': 'NEWKEYS is expected',
  'first-newkeys-strict': 'NEWKEYS is expected',
  open: 'the connection is not authenticated yet',
  'open-authenticated': 'no key exchange is going on',
  kex: 'a key exchange is going on',
  newkeys: 'NEWKEYS is expected',
}
