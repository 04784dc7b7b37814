/** What a Mux tells and is told: events, handles and options. */

import type { Trace } from '@hawser/wire'

/** Our number of a channel. Numbers are used again once both sides have closed and `closed` was handed out. */
export type ChannelId = number

/** A request of ours that waits for its reply. */
export type RequestId = number

/** 0 is standard data, 1 is extended data of the type stderr (RFC 4254 §5.2). */
export type StreamNumber = 0 | 1

/** The right to answer one request of the peer, once. Opaque; hand it to `reply`. */
export interface ReplyToken {
  /** The request's name. */
  readonly name: string
}

/** A payload in two parts, so that bulk data need not be copied to be framed. */
export interface Payload {
  readonly head: Uint8Array
  /** A view of the array that was given to `write`. */
  readonly body?: Uint8Array
}

export type MuxEvent =
  | {
      readonly type: 'open-request'
      readonly channel: ChannelId
      readonly channelType: string
      readonly data: Uint8Array
    }
  | { readonly type: 'opened'; readonly channel: ChannelId; readonly data: Uint8Array }
  | {
      readonly type: 'open-failed'
      readonly channel: ChannelId
      readonly reason: number
      readonly description: string
    }
  | {
      readonly type: 'data'
      readonly channel: ChannelId
      readonly stream: StreamNumber
      /** Never empty; a view of the payload, which nobody else uses. */
      readonly data: Uint8Array
      /** The peer has now used up its credit, but for adjusts that may still be on their way to it. */
      readonly ranDry: boolean
    }
  | { readonly type: 'writable'; readonly channel: ChannelId }
  | {
      readonly type: 'request'
      readonly channel: ChannelId
      readonly name: string
      readonly data: Uint8Array
      /** Absent when the peer wants no reply. */
      readonly reply?: ReplyToken
    }
  | {
      readonly type: 'reply'
      readonly channel: ChannelId
      readonly request: RequestId
      readonly ok: boolean
      /** The channel closed before the peer answered. */
      readonly lost?: true
    }
  | { readonly type: 'eof'; readonly channel: ChannelId }
  | { readonly type: 'closed'; readonly channel: ChannelId }
  | {
      readonly type: 'global-request'
      readonly name: string
      readonly data: Uint8Array
      readonly reply?: ReplyToken
    }
  | {
      readonly type: 'global-reply'
      readonly request: RequestId
      readonly ok: boolean
      readonly data: Uint8Array
    }

/** What one channel does differently. */
export interface ChannelOptions {
  /** Receive window in bytes, up to 2^32-1. */
  readonly window?: number
  /** Largest data message that we take, in bytes: 1,024 to 261,120. */
  readonly maxPacket?: number
}

export interface MuxOptions extends ChannelOptions {
  /** Receive window of each channel in bytes. Default 2 MiB. */
  readonly window?: number
  /** Largest data message that we take, in bytes: 1,024 to 261,120. The default is the most. */
  readonly maxPacket?: number
  /** Channels at once, of both sides together. The peer's further ones are refused for shortage. Default 1,024. */
  readonly maxChannels?: number
  /** Requests of the peer whose reply the application owes or the wire has not taken yet; each channel but the first adds four to it. Default 128. */
  readonly maxPendingRequests?: number
  /** Bytes of unsent data per channel past which `write` takes no more. Default 1 MiB. */
  readonly maxQueued?: number
  readonly trace?: Trace
}
