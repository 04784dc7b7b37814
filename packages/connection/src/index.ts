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
export * as messages from './messages.ts'
export { isConnectionMessage } from './messages.ts'
export { Mux } from './mux.ts'
