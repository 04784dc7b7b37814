export * as channelRequests from './channel-requests.ts'
export { requestLimits } from './channel-requests.ts'
export * as channelTypes from './channel-types.ts'
export {
  ChannelOpenError,
  ChannelOpenReason,
  ChannelRequestError,
  channelOpenReasonName,
} from './errors.ts'
export type {
  ChannelId,
  ChannelOptions,
  MuxEvent,
  MuxOptions,
  Payload,
  ReplyToken,
  RequestId,
  StreamNumber,
} from './events.ts'
export * as globalRequests from './global-requests.ts'
export * as messages from './messages.ts'
export { isConnectionMessage } from './messages.ts'
export { Mux } from './mux.ts'
export {
  decodeTerminalModes,
  encodeTerminalModes,
  type TerminalModeName,
  type TerminalModes,
  terminalModeOpcodes,
} from './terminal-modes.ts'
