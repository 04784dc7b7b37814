/** What the peer refused: a channel, or a request on one. */

import { SshError } from '@hawser/wire'

/** Reason codes of CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export const ChannelOpenReason = {
  administrativelyProhibited: 1,
  connectFailed: 2,
  unknownChannelType: 3,
  resourceShortage: 4,
} as const
export type ChannelOpenReason = (typeof ChannelOpenReason)[keyof typeof ChannelOpenReason]

const reasonNames: ReadonlyMap<number, string> = new Map([
  [1, 'ADMINISTRATIVELY_PROHIBITED'],
  [2, 'CONNECT_FAILED'],
  [3, 'UNKNOWN_CHANNEL_TYPE'],
  [4, 'RESOURCE_SHORTAGE'],
])

/** The RFC's name of a reason without its prefix, such as `CONNECT_FAILED`; its number when it has none. */
export function channelOpenReasonName(reason: number): string {
  return reasonNames.get(reason) ?? String(reason)
}

const advice: ReadonlyMap<number, string> = new Map([
  [1, 'the peer does not allow it'],
  [2, 'the peer could not reach what the channel is for'],
  [3, 'the peer does not know this type of channel'],
  [4, 'the peer has no room for more channels; close some first'],
])

/** The peer answered CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export class ChannelOpenError extends SshError {
  readonly channelType: string
  /** The number in the message; those of the RFC are in {@link ChannelOpenReason}. */
  readonly reason: number
  readonly reasonName: string
  /** The peer's words. */
  readonly description: string

  constructor(channelType: string, reason: number, description: string) {
    const name = channelOpenReasonName(reason)
    const words = description === '' ? '' : `: ${JSON.stringify(description)}`
    const hint = advice.get(reason)
    super(
      'SSH_CHANNEL_OPEN_FAILED',
      `opening a channel of type "${channelType}" was refused with ${name}${words}${hint === undefined ? '' : ` (${hint})`}`,
    )
    this.channelType = channelType
    this.reason = reason
    this.reasonName = name
    this.description = description
  }
}

/** The peer answered CHANNEL_FAILURE to a request (RFC 4254 §5.4). */
export class ChannelRequestError extends SshError {
  /** The request's name, such as `exec`. */
  readonly request: string

  constructor(request: string) {
    super('SSH_CHANNEL_REQUEST_FAILED', `the peer refused the request "${request}" on this channel`)
    this.request = request
  }
}
