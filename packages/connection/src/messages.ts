/** Messages 80–82 and 90–100 of the connection protocol (RFC 4254), each declared once. */

import { fields, message, ProtocolError } from '@hawser/wire'

const { ascii, boolean, optional, rest, string, uint32, utf8 } = fields

/** RFC 4254 §4 */
export const globalRequest = message('globalRequest', 80, {
  requestName: ascii,
  wantReply: boolean,
  data: rest,
})

/** RFC 4254 §4 */
export const requestSuccess = message('requestSuccess', 81, { data: rest })

/** RFC 4254 §4 */
export const requestFailure = message('requestFailure', 82, {})

/** RFC 4254 §5.1 */
export const channelOpen = message('channelOpen', 90, {
  channelType: ascii,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  data: rest,
})

/** RFC 4254 §5.1 */
export const channelOpenConfirmation = message('channelOpenConfirmation', 91, {
  recipientChannel: uint32,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  data: rest,
})

/** RFC 4254 §5.1; old peers leave the text and the language out. */
export const channelOpenFailure = message('channelOpenFailure', 92, {
  recipientChannel: uint32,
  reasonCode: uint32,
  description: optional(utf8, ''),
  languageTag: optional(ascii, ''),
})

/** RFC 4254 §5.2 */
export const channelWindowAdjust = message('channelWindowAdjust', 93, {
  recipientChannel: uint32,
  bytesToAdd: uint32,
})

/** RFC 4254 §5.2. The mux reads and writes it by hand: {@link dataHead}, {@link readData}. */
export const channelData = message('channelData', 94, { recipientChannel: uint32, data: string })

/** RFC 4254 §5.2. The mux reads and writes it by hand: {@link dataHead}, {@link readData}. */
export const channelExtendedData = message('channelExtendedData', 95, {
  recipientChannel: uint32,
  dataTypeCode: uint32,
  data: string,
})

/** RFC 4254 §5.3 */
export const channelEof = message('channelEof', 96, { recipientChannel: uint32 })

/** RFC 4254 §5.3 */
export const channelClose = message('channelClose', 97, { recipientChannel: uint32 })

/** RFC 4254 §5.4 */
export const channelRequest = message('channelRequest', 98, {
  recipientChannel: uint32,
  requestType: ascii,
  wantReply: boolean,
  data: rest,
})

/** RFC 4254 §5.4 */
export const channelSuccess = message('channelSuccess', 99, { recipientChannel: uint32 })

/** RFC 4254 §5.4 */
export const channelFailure = message('channelFailure', 100, { recipientChannel: uint32 })

/** The only extended data type that is defined (RFC 4254 §5.2). */
export const stderrDataType = 1

/** Every message of this layer by its number. */
export const connectionMessages = new Map(
  [
    globalRequest,
    requestSuccess,
    requestFailure,
    channelOpen,
    channelOpenConfirmation,
    channelOpenFailure,
    channelWindowAdjust,
    channelData,
    channelExtendedData,
    channelEof,
    channelClose,
    channelRequest,
    channelSuccess,
    channelFailure,
  ].map((declared) => [declared.number, declared.name] as const),
)

/** Whether `number` is a message of this layer; others from 80 on are to be answered with UNIMPLEMENTED. */
export function isConnectionMessage(number: number): boolean {
  return connectionMessages.has(number)
}

/** What stands in front of `length` bytes of data: channelData for stream 0, channelExtendedData (stderr) for 1. */
export function dataHead(recipientChannel: number, stream: 0 | 1, length: number): Uint8Array {
  if (stream === 0) {
    const head = new Uint8Array(9)
    head[0] = channelData.number
    putUint32(head, 1, recipientChannel)
    putUint32(head, 5, length)
    return head
  }
  const head = new Uint8Array(13)
  head[0] = channelExtendedData.number
  putUint32(head, 1, recipientChannel)
  putUint32(head, 5, stderrDataType)
  putUint32(head, 9, length)
  return head
}

/** The uint32 at `offset`; throws ProtocolError when the payload ends before it. */
export function uint32At(payload: Uint8Array, offset: number): number {
  if (offset + 4 > payload.length)
    throw new ProtocolError(
      `${connectionMessages.get(payload[0] as number) ?? 'message'} of ${payload.length} bytes ends inside a uint32 at offset ${offset}`,
      { code: 'SSH_TRUNCATED' },
    )
  return (
    (((payload[offset] as number) << 24) |
      ((payload[offset + 1] as number) << 16) |
      ((payload[offset + 2] as number) << 8) |
      (payload[offset + 3] as number)) >>>
    0
  )
}

/** The data string at `offset`, which must be the last thing in the payload; a view. */
export function readData(payload: Uint8Array, offset: number): Uint8Array {
  const length = uint32At(payload, offset)
  if (length !== payload.length - offset - 4)
    throw new ProtocolError(
      `${connectionMessages.get(payload[0] as number)} says ${length} bytes of data and holds ${payload.length - offset - 4}`,
      { code: 'SSH_TRUNCATED' },
    )
  return payload.subarray(offset + 4)
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
