/** Random interleavings of everything that two applications can do: all data arrives, in order, and nothing is left over. */

import { concat } from '@hawser/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChannelId, MuxEvent, ReplyToken, StreamNumber } from './events.ts'
import { flat } from './mux.test-kit.ts'
import { Mux } from './mux.ts'

const none = new Uint8Array(0)

type Step =
  | { readonly do: 'write'; readonly channel: number; readonly size: number; readonly stream: StreamNumber }
  | { readonly do: 'consume' | 'eof' | 'close' | 'request'; readonly channel: number }
  | { readonly do: 'carry'; readonly most: number }
  | { readonly do: 'answer' }

/** One end's view of one channel. */
interface End {
  readonly id: ChannelId
  /** What the application wants to send still, and has sent, per stream. */
  readonly queue: { readonly bytes: Uint8Array; readonly stream: StreamNumber }[]
  readonly sent: [Uint8Array[], Uint8Array[]]
  readonly got: [Uint8Array[], Uint8Array[]]
  unconsumed: number
  requests: number
  replies: number
  eof: boolean
  gotEof: boolean
  closed: boolean
}

class Side {
  readonly mux: Mux
  readonly ends = new Map<ChannelId, End>()
  readonly all: End[] = []
  readonly tokens: ReplyToken[] = []
  #next = 0

  constructor(mux: Mux) {
    this.mux = mux
  }

  add(id: ChannelId): End {
    const fresh: End = {
      id,
      queue: [],
      sent: [[], []],
      got: [[], []],
      unconsumed: 0,
      requests: 0,
      replies: 0,
      eof: false,
      gotEof: false,
      closed: false,
    }
    this.ends.set(id, fresh)
    this.all.push(fresh)
    return fresh
  }

  write(end: End, size: number, stream: StreamNumber): void {
    if (end.eof || end.closed) return
    end.queue.push({ bytes: Uint8Array.from({ length: size }, () => this.#next++ & 0xff), stream })
    this.flush(end)
  }

  flush(end: End): void {
    for (let first = end.queue[0]; first !== undefined; first = end.queue[0]) {
      const taken = this.mux.write(end.id, first.bytes, first.stream)
      end.sent[first.stream].push(first.bytes.subarray(0, taken))
      if (taken < first.bytes.length) {
        end.queue[0] = { bytes: first.bytes.subarray(taken), stream: first.stream }
        return
      }
      end.queue.shift()
    }
  }

  event(event: MuxEvent): void {
    if (!('channel' in event)) return
    const end = this.ends.get(event.channel)
    if (end === undefined) {
      expect(event.type).toBe('open-request')
      this.mux.accept(event.channel)
      this.add(event.channel)
    } else if (event.type === 'data') {
      end.got[event.stream].push(event.data)
      end.unconsumed += event.data.length
    } else if (event.type === 'writable') this.flush(end)
    else if (event.type === 'request') this.tokens.push(event.reply as ReplyToken)
    else if (event.type === 'reply') end.replies++
    else if (event.type === 'eof') end.gotEof = true
    else if (event.type === 'closed') {
      end.closed = true
      this.ends.delete(event.channel)
    }
  }

  poll(): number {
    let count = 0
    for (let event = this.mux.poll(); event !== undefined; event = this.mux.poll()) {
      this.event(event)
      count++
    }
    return count
  }

  consume(end: End): void {
    if (end.closed) return
    this.mux.consumed(end.id, end.unconsumed)
    end.unconsumed = 0
  }

  finish(end: End): void {
    if (end.closed || end.eof || end.queue.length > 0) return
    end.eof = true
    this.mux.eof(end.id)
  }
}

function carry(from: Side, to: Side, most: number): number {
  let count = 0
  while (count < most) {
    const payload = from.mux.takeOutput()
    if (payload === undefined) break
    to.mux.receive(flat(payload).slice())
    to.poll()
    count++
  }
  return count
}

const channels = 3
const which = fc.nat(channels - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      channel: which,
      size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6000 })),
      stream: fc.constantFrom(0 as const, 1 as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('consume' as const), channel: which }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('eof' as const, 'close' as const), channel: which }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('request' as const), channel: which }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('carry' as const), most: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
)

test.each([
  ['nobody closes in the middle', false],
  ['channels are closed in the middle', true],
] as const)('%s', (_, withClose) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), step), { maxLength: 150 }),
      fc.integer({ min: 1, max: 9000 }),
      (steps, window) => {
        const a = new Side(new Mux({ window, maxPacket: 1024, maxQueued: 5000 }))
        const b = new Side(new Mux({ window: 3000, maxPacket: 2048 }))
        for (let at = 0; at < channels; at++) a.add(a.mux.open('session'))
        carry(a, b, 99)
        carry(b, a, 99)
        for (const [inA, one] of steps) {
          const [side, other] = inA ? [a, b] : [b, a]
          const end = 'channel' in one ? (side.all[one.channel] as End) : undefined
          if (one.do === 'carry') carry(side, other, one.most)
          else if (one.do === 'answer') {
            // the newest first: the mux puts the answers in order
            const token = side.tokens.pop()
            if (token !== undefined) side.mux.reply(token, true)
          } else if (end === undefined) continue
          else if (one.do === 'write') side.write(end, one.size, one.stream)
          else if (one.do === 'consume') side.consume(end)
          else if (one.do === 'request' && !end.closed && !end.eof) {
            end.requests++
            side.mux.request(end.id, 'r', none, true)
          } else if (one.do === 'eof') side.finish(end)
          else if (one.do === 'close' && withClose && !end.closed) {
            end.eof = true
            end.queue.length = 0
            side.mux.close(end.id)
          }
        }
        const rounds = (): void => {
          for (let moved = 1; moved > 0; ) {
            moved = carry(a, b, 999) + carry(b, a, 999)
            for (const side of [a, b]) {
              for (const token of side.tokens.splice(0)) {
                side.mux.reply(token, true)
                moved++
              }
              for (const end of side.ends.values()) {
                moved += end.unconsumed
                side.consume(end)
              }
              moved += side.poll()
            }
          }
        }
        rounds()
        for (const side of [a, b]) for (const end of [...side.ends.values()]) side.finish(end)
        rounds()
        if (!withClose)
          for (const [from, to] of [
            [a, b],
            [b, a],
          ] as const)
            for (const [at, end] of from.all.entries()) {
              expect(end.queue).toEqual([])
              expect((to.all[at] as End).gotEof).toBe(true)
            }
        for (const side of [a, b]) for (const end of side.ends.values()) side.mux.close(end.id)
        rounds()
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const)
          for (const [at, end] of from.all.entries()) {
            const peer = to.all[at] as End
            for (const stream of [0, 1] as const) {
              const sent = concat(...end.sent[stream])
              const got = concat(...peer.got[stream])
              // A channel that was closed may have lost the end of what was sent, never anything else.
              expect(got).toEqual(withClose ? sent.subarray(0, got.length) : sent)
            }
            expect(end.closed).toBe(true)
            expect(end.replies).toBe(end.requests)
          }
        for (const side of [a, b]) {
          expect(side.mux.channelCount).toBe(0)
          expect(side.mux.queued).toBe(0)
          expect(side.mux.takeOutput()).toBeUndefined()
        }
      },
    ),
    { numRuns: 400 },
  )
})
