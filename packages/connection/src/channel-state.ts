/** One channel: where it stands, which messages that allows, its two windows and what waits to be sent on it. */

import type { ChannelId, RequestId } from './events.ts'
import { Fifo } from './fifo.ts'
import { Lane } from './lane.ts'
import {
  channelClose,
  channelData,
  channelEof,
  channelExtendedData,
  channelFailure,
  channelOpenConfirmation,
  channelOpenFailure,
  channelRequest,
  channelSuccess,
  channelWindowAdjust,
} from './messages.ts'
import { ReplyLine } from './replies.ts'
import { type ReceiveWindow, SendWindow } from './window.ts'

/** Seen from our side; what we have sent as EOF is not part of it, since it limits only ourselves. */
export type ChannelState =
  /** Our OPEN is unanswered. */
  | 'opening'
  /** The peer's OPEN waits for the application. */
  | 'asked'
  | 'open'
  /** Open, and the peer has sent EOF. */
  | 'eof'
  /** We have sent CLOSE, the peer has not. */
  | 'closing'
  /** The same, and the peer has sent EOF. */
  | 'closing-eof'
  /** The peer has sent CLOSE, or refused our OPEN: nothing more may come. */
  | 'closed'

/** `drop`: it crossed our CLOSE, or says nothing new. `refuse`: the peer broke the protocol. */
export type Verdict = 'take' | 'drop' | 'refuse'

type Row = Readonly<Partial<Record<number, Verdict>>>

const live: Row = {
  [channelWindowAdjust.number]: 'take',
  [channelData.number]: 'take',
  [channelExtendedData.number]: 'take',
  [channelEof.number]: 'take',
  [channelClose.number]: 'take',
  [channelRequest.number]: 'take',
  [channelSuccess.number]: 'take',
  [channelFailure.number]: 'take',
}

/** After EOF no data may come; requests may (RFC 4254 §5.3: EOF is about data only; Go sends signals after it). */
const ended: Row = {
  ...live,
  [channelData.number]: 'refuse',
  [channelExtendedData.number]: 'refuse',
  [channelEof.number]: 'drop',
}

/**
 * RFC 4254 §5: which message about a channel is legal in which of its states. What is not listed is refused.
 * Data that crosses our CLOSE is taken for the window's sake and goes no further.
 */
export const receiveTable: Readonly<Record<ChannelState, Row>> = {
  opening: { [channelOpenConfirmation.number]: 'take', [channelOpenFailure.number]: 'take' },
  asked: {},
  open: live,
  eof: ended,
  closing: { ...live, [channelWindowAdjust.number]: 'drop' },
  'closing-eof': { ...ended, [channelWindowAdjust.number]: 'drop' },
  closed: {},
}

/** A channel in the table of a Mux. Fields are the Mux's to change. */
export class ChannelEntry {
  readonly id: ChannelId
  readonly type: string
  state: ChannelState
  receive: ReceiveWindow
  /** The peer's number of the channel, window and largest data message; meaningless while `opening`. */
  remoteId = 0
  send = new SendWindow(0)
  maxSend = 0
  /** Data, and what must not overtake it, on its way out. */
  readonly lane = new Lane()
  /** Our requests that want a reply, oldest first. */
  readonly outstanding = new Fifo<RequestId>()
  /** The peer's requests that want a reply. */
  readonly line: ReplyLine
  /** We have sent EOF (or it is on its way). */
  eofSent = false
  /** `write` took less than it was given, and `writable` is owed. */
  blocked = false
  /** Among the channels whose `writable` is to be handed out. */
  ready = false
  /** Among the channels whose lane has something. */
  active = false
  /** Among the channels that owe a window adjust. */
  adjusting = false
  /** Our CLOSE has left. */
  closeTaken = false
  /** The application has been told that the channel is gone: its verbs are errors from here on. */
  reported = false

  constructor(owner: object, id: ChannelId, type: string, state: ChannelState, receive: ReceiveWindow) {
    this.id = id
    this.type = type
    this.state = state
    this.receive = receive
    this.line = new ReplyLine(owner, this)
  }
}

/** Whether our CLOSE has been sent or put in line. */
export function closeSent(state: ChannelState): boolean {
  return state === 'closing' || state === 'closing-eof' || state === 'closed'
}
