/** Messages of the transport layer: RFC 4253 §10, §11, §7.1 and §7.3, RFC 8308 §2.3, OpenSSH's ping. Key exchanges declare theirs in `kex/`. */

import { fields, type Infer, message, struct } from '@hawser/wire'
import { limits } from './limits.ts'

/** RFC 4253 §11.1. Some peers leave the language tag out, or even the description. */
export const disconnect = message('disconnect', 1, {
  reasonCode: fields.uint32,
  description: fields.optional(fields.utf8, ''),
  languageTag: fields.optional(fields.utf8, ''),
})

/** A DISCONNECT; the description is cut to what peers take. */
export function farewell(reasonCode: number, description: string): Uint8Array {
  return disconnect.encode({
    reasonCode,
    description: description.slice(0, limits.description),
    languageTag: '',
  })
}

/** RFC 4253 §11.2. */
export const ignore = message('ignore', 2, { data: fields.rest })

/** RFC 4253 §11.4. */
export const unimplemented = message('unimplemented', 3, { packetSequenceNumber: fields.uint32 })

/** RFC 4253 §11.3. */
export const debug = message('debug', 4, {
  alwaysDisplay: fields.boolean,
  message: fields.optional(fields.utf8, ''),
  languageTag: fields.optional(fields.utf8, ''),
})

/** RFC 4253 §10; client to server. */
export const serviceRequest = message('serviceRequest', 5, { serviceName: fields.ascii })

/** RFC 4253 §10; server to client. */
export const serviceAccept = message('serviceAccept', 6, { serviceName: fields.ascii })

/** RFC 8308 §2.3. A list of more than 128 extensions is refused. */
export const extInfo = message('extInfo', 7, {
  extensions: fields.counted(struct('extension', { name: fields.ascii, value: fields.string }), 128),
})

/** RFC 4253 §7.1. */
export const kexInit = message('kexInit', 20, {
  cookie: fields.fixed(16),
  kexAlgorithms: fields.nameList,
  serverHostKeyAlgorithms: fields.nameList,
  encryptionAlgorithmsClientToServer: fields.nameList,
  encryptionAlgorithmsServerToClient: fields.nameList,
  macAlgorithmsClientToServer: fields.nameList,
  macAlgorithmsServerToClient: fields.nameList,
  compressionAlgorithmsClientToServer: fields.nameList,
  compressionAlgorithmsServerToClient: fields.nameList,
  languagesClientToServer: fields.nameList,
  languagesServerToClient: fields.nameList,
  firstKexPacketFollows: fields.boolean,
  reserved: fields.uint32,
})
export type KexInit = Infer<typeof kexInit>

/** RFC 4253 §7.3. */
export const newKeys = message('newKeys', 21, {})

/** OpenSSH PROTOCOL §1.9, `ping@openssh.com`. */
export const ping = message('ping', 192, { data: fields.string })
export const pong = message('pong', 193, { data: fields.string })

/** The declared name of each message, for traces. */
export const messageNames: ReadonlyMap<number, string> = new Map(
  [
    disconnect,
    ignore,
    unimplemented,
    debug,
    serviceRequest,
    serviceAccept,
    extInfo,
    kexInit,
    newKeys,
    ping,
    pong,
  ].map(({ number, name }) => [number, name]),
)
