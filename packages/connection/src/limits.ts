/** Bounds of the multiplexer, and the checks at its door. */

import { ProtocolError, UsageError } from '@hawser/wire'
import type { ChannelOptions, MuxOptions } from './events.ts'
import { largestWindow, ReceiveWindow } from './window.ts'

/** RFC 4253 §6.1: every implementation takes payloads of 32,768 bytes. */
const everyMaxPacket = 32_768
/** A data message and its head must fit into a packet of 256 KiB. */
const maxPacketRange = { least: 1024, most: 261_120 } as const
/** What a packet costs hardly depends on its length; and a peer that has much to send gets it sent in one piece. */
const defaultMaxPacket = maxPacketRange.most
/** The largest data message that we send, whatever the peer would take: other channels wait behind it. */
const largestSend = 131_072
/** A peer that announces more says nothing about what it can take; RFC 4253 §6.1 then gives 32 KiB. */
const absurdMaxPacket = 1_048_576

/** Refused channels whose refusal has not left yet: a peer that opens without reading ends here. */
export const mostRefusals = 1024

/** What a channel asks before it is of use: a terminal, its variables, an agent, a program. Peers may ask for all of it ahead. */
const pendingPerChannel = 4

/** Requests of the peer that may wait for their answers while there are so many channels: who starts many programs at once is no attacker. */
export function mostPending({ maxPendingRequests }: Limits, channels: number): number {
  return maxPendingRequests + pendingPerChannel * Math.max(0, channels - 1)
}

/** {@link MuxOptions} with the defaults filled in. */
export interface Limits {
  readonly window: number
  readonly maxPacket: number
  readonly maxChannels: number
  readonly maxPendingRequests: number
  readonly maxQueued: number
}

/** Throws UsageError for a value that cannot be used. */
export function checkedLimits(options: MuxOptions): Limits {
  return {
    window: checkedWindow(options.window ?? 2_097_152),
    maxPacket: checkedMaxPacket(options.maxPacket ?? defaultMaxPacket),
    maxChannels: checkedCount('maxChannels', options.maxChannels ?? 1024),
    maxPendingRequests: checkedCount('maxPendingRequests', options.maxPendingRequests ?? 128),
    maxQueued: checkedCount('maxQueued', options.maxQueued ?? 1_048_576),
  }
}

/** The receive window of one channel. */
export function receiveWindow(limits: Limits, options: ChannelOptions): ReceiveWindow {
  return new ReceiveWindow(
    options.window === undefined ? limits.window : checkedWindow(options.window),
    options.maxPacket === undefined ? limits.maxPacket : checkedMaxPacket(options.maxPacket),
  )
}

/** How much one data message to the peer may hold. Throws ProtocolError for 0, with which a writer would loop for ever. */
export function sendLimit(announced: number, channelType: string): number {
  if (announced === 0)
    throw new ProtocolError(
      `the peer announced a maximum packet size of 0 for a channel of type "${channelType}"`,
    )
  return announced > absurdMaxPacket ? everyMaxPacket : Math.min(announced, largestSend)
}

export function checkedWindow(window: number): number {
  if (!Number.isInteger(window) || window < 1 || window > largestWindow)
    throw new UsageError(`a window of ${window} bytes: it must be from 1 to 2^32-1`)
  return window
}

function checkedMaxPacket(maxPacket: number): number {
  const { least, most } = maxPacketRange
  if (!Number.isInteger(maxPacket) || maxPacket < least || maxPacket > most)
    throw new UsageError(`a maximum packet size of ${maxPacket} bytes: it must be from ${least} to ${most}`)
  return maxPacket
}

function checkedCount(option: string, count: number): number {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new UsageError(`${option} is ${count}: it must be a whole number from 1 up`)
  return count
}
