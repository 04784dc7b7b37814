/** For the tests of this package: two muxes with a wire between them, and a mux with a hand-made peer. */

import { concat, type ProtocolError } from '@hawser/wire'
import { expect } from 'vitest'
import type { ChannelId, MuxEvent, MuxOptions, Payload } from './events.ts'
import * as messages from './messages.ts'
import { Mux } from './mux.ts'

export function flat({ head, body }: Payload): Uint8Array {
  return body === undefined ? head : concat(head, body)
}

/** All events that are there now. */
export function events(mux: Mux): MuxEvent[] {
  const list: MuxEvent[] = []
  for (let event = mux.poll(); event !== undefined; event = mux.poll()) list.push(event)
  return list
}

/** All payloads that are there now. */
export function payloads(mux: Mux): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let next = mux.takeOutput(); next !== undefined; next = mux.takeOutput()) list.push(flat(next))
  return list
}

/** What `mux` makes of `payload`. */
export function feed(mux: Mux, ...given: readonly Uint8Array[]): MuxEvent[] {
  for (const payload of given) mux.receive(payload)
  return events(mux)
}

export interface Seen {
  readonly a: readonly MuxEvent[]
  readonly b: readonly MuxEvent[]
}

/** Carries everything to and fro until nothing moves. */
export function settle(
  a: Mux,
  b: Mux,
  on: { a?: (e: MuxEvent) => void; b?: (e: MuxEvent) => void } = {},
): Seen {
  const seen = { a: [] as MuxEvent[], b: [] as MuxEvent[] }
  for (let round = 0; round < 10_000; round++) {
    let moved = 0
    for (const [from, to, side] of [
      [a, b, 'b'],
      [b, a, 'a'],
    ] as const) {
      for (const payload of payloads(from)) {
        moved++
        to.receive(payload.slice())
      }
      for (const event of [...events(to)]) {
        moved++
        seen[side].push(event)
        on[side]?.(event)
      }
    }
    if (moved === 0) return seen
  }
  throw new Error('the two still talk')
}

/** A pair with one open channel, opened by `a`. */
export function pairWithChannel(options: { a?: MuxOptions; b?: MuxOptions } = {}): {
  a: Mux
  b: Mux
  inA: ChannelId
  inB: ChannelId
} {
  const a = new Mux(options.a)
  const b = new Mux(options.b)
  const inA = a.open('session')
  let inB = -1
  settle(a, b, {
    b: (event) => {
      if (event.type !== 'open-request') return
      inB = event.channel
      b.accept(event.channel)
    },
  })
  expect(inB).toBe(0)
  return { a, b, inA, inB }
}

/** A mux with an open channel 0 whose other end, number 7, is the test itself. */
export function muxWithChannel(
  o: { mux?: MuxOptions; peerWindow?: number; peerMaxPacket?: number } = {},
): Mux {
  const mux = new Mux(o.mux)
  mux.open('session')
  payloads(mux)
  const opened = feed(
    mux,
    messages.channelOpenConfirmation.encode({
      recipientChannel: 0,
      senderChannel: 7,
      initialWindowSize: o.peerWindow ?? 1_000_000,
      maximumPacketSize: o.peerMaxPacket ?? 32_768,
      data: new Uint8Array(0),
    }),
  )
  expect(opened.map(({ type }) => type)).toEqual(['opened'])
  return mux
}

export function openMessage(
  over: Partial<Parameters<typeof messages.channelOpen.encode>[0]> = {},
): Uint8Array {
  return messages.channelOpen.encode({
    channelType: 'session',
    senderChannel: 9,
    initialWindowSize: 1000,
    maximumPacketSize: 32_768,
    data: new Uint8Array(0),
    ...over,
  })
}

export function dataMessage(data: Uint8Array | number, recipientChannel = 0): Uint8Array {
  return messages.channelData.encode({
    recipientChannel,
    data: typeof data === 'number' ? new Uint8Array(data) : data,
  })
}

export function requestMessage(requestType: string, wantReply: boolean, recipientChannel = 0): Uint8Array {
  return messages.channelRequest.encode({ recipientChannel, requestType, wantReply, data: new Uint8Array(0) })
}

/** The names of `given` payloads, with the number of the channel. */
export function named(given: readonly Uint8Array[]): string[] {
  return given.map((payload) => {
    const number = payload[0] as number
    const name = messages.connectionMessages.get(number) ?? String(number)
    return number <= messages.channelOpen.number ? name : `${name} ${messages.uint32At(payload, 1)}`
  })
}

/** The error that `run` throws. */
export function thrown(run: () => unknown): ProtocolError {
  try {
    run()
  } catch (error) {
    return error as ProtocolError
  }
  throw new Error('nothing was thrown')
}
