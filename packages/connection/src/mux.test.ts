import { concat, type TraceEvent, UsageError, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { MuxEvent } from './events.ts'
import * as messages from './messages.ts'
import {
  dataMessage,
  events,
  feed,
  flat,
  muxWithChannel,
  named,
  openMessage,
  pairWithChannel,
  payloads,
  requestMessage,
  settle,
} from './mux.test-kit.ts'
import { Mux } from './mux.ts'

const none = new Uint8Array(0)

function bytes(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + seed * 7) & 0xff)
}

describe('opening', () => {
  test('open, accept and the data that go with them', () => {
    const a = new Mux({ window: 5000, maxPacket: 2000 })
    const b = new Mux()
    const id = a.open('direct-tcpip', utf8Encode('where to'))
    const seen = settle(a, b, {
      b: (event) => event.type === 'open-request' && b.accept(event.channel, utf8Encode('welcome')),
    })
    expect(seen.b).toEqual([
      { type: 'open-request', channel: 0, channelType: 'direct-tcpip', data: utf8Encode('where to') },
    ])
    expect(seen.a).toEqual([{ type: 'opened', channel: id, data: utf8Encode('welcome') }])
    expect(b.writable(0)).toBe(5000)
    expect(a.writable(id)).toBe(1_048_576)
  })

  test('the peer is told the options of the mux, or those of the channel', () => {
    const mux = new Mux({ window: 5000, maxPacket: 2000 })
    mux.open('session')
    mux.open('session', none, { window: 70_000, maxPacket: 4000 })
    expect(payloads(mux).map((payload) => messages.channelOpen.decode(payload))).toMatchObject([
      { senderChannel: 0, initialWindowSize: 5000, maximumPacketSize: 2000 },
      { senderChannel: 1, initialWindowSize: 70_000, maximumPacketSize: 4000 },
    ])
    feed(mux, openMessage())
    mux.accept(2, none, { window: 80_000 })
    expect(payloads(mux).map((payload) => messages.channelOpenConfirmation.decode(payload))).toMatchObject([
      { recipientChannel: 9, senderChannel: 2, initialWindowSize: 80_000, maximumPacketSize: 2000 },
    ])
  })

  test('reject', () => {
    const a = new Mux()
    const b = new Mux()
    const id = a.open('x11')
    const seen = settle(a, b, {
      b: (event) => event.type === 'open-request' && b.reject(event.channel, 3, 'no such type'),
    })
    expect(seen.a).toEqual([{ type: 'open-failed', channel: id, reason: 3, description: 'no such type' }])
    expect([a.channelCount, b.channelCount]).toEqual([0, 0])
    expect(a.open('session')).toBe(id)
  })

  test('a failure without text and language, as old peers send it', () => {
    const mux = new Mux()
    mux.open('session')
    const short = messages.channelOpenFailure
      .encode({ recipientChannel: 0, reasonCode: 1, description: '', languageTag: '' })
      .subarray(0, 9)
    expect(feed(mux, short)).toEqual([{ type: 'open-failed', channel: 0, reason: 1, description: '' }])
  })

  test('more channels than allowed: ours throw, the peer’s are refused for shortage', () => {
    const trace: TraceEvent[] = []
    const mux = new Mux({ maxChannels: 2, trace: (event) => trace.push(event) })
    mux.open('session')
    expect(feed(mux, openMessage())).toHaveLength(1)
    expect(() => mux.open('session')).toThrow(/2 that maxChannels allows/)
    payloads(mux)
    expect(feed(mux, openMessage({ senderChannel: 77 }))).toEqual([])
    const [refusal] = payloads(mux)
    expect(messages.channelOpenFailure.decode(refusal as Uint8Array)).toMatchObject({
      recipientChannel: 77,
      reasonCode: 4,
    })
    expect(trace.filter(({ type }) => type === 'limit')).toHaveLength(1)
  })

  test('numbers: the lowest free one, and only after both sides have closed', () => {
    const { a, b } = pairWithChannel()
    const second = a.open('session')
    const third = a.open('session')
    expect([second, third]).toEqual([1, 2])
    settle(a, b, { b: (event) => event.type === 'open-request' && b.accept(event.channel) })
    a.close(1)
    expect(payloads(a).map((payload) => payload[0])).toEqual([messages.channelClose.number])
    expect(a.open('session'), 'the peer has not closed yet').toBe(3)
    payloads(a)
    const closed = feed(a, messages.channelClose.encode({ recipientChannel: 1 }))
    expect(closed).toEqual([{ type: 'closed', channel: 1 }])
    expect(a.open('session')).toBe(1)
    expect(a.open('session')).toBe(4)
  })

  test('a number is not used again while our CLOSE waits, or before the application knows', () => {
    const mux = muxWithChannel()
    mux.write(0, bytes(10))
    expect(feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))).toEqual([
      { type: 'closed', channel: 0 },
    ])
    expect(mux.open('session'), 'CLOSE has not left').toBe(1)
    payloads(mux)
    expect(mux.open('session')).toBe(0)

    const other = muxWithChannel()
    other.request(0, 'exec', none, true)
    other.receive(messages.channelClose.encode({ recipientChannel: 0 }))
    expect(other.poll()).toMatchObject({ type: 'reply', lost: true })
    expect(named(payloads(other))).toEqual(['channelRequest 7', 'channelClose 7'])
    expect(other.open('session'), 'closed was not handed out').toBe(1)
    expect(other.poll()).toEqual({ type: 'closed', channel: 0 })
    expect(other.open('session')).toBe(0)
  })
})

describe('data', () => {
  test('both ways, on both streams, in order', () => {
    const { a, b, inA, inB } = pairWithChannel()
    expect(a.write(inA, utf8Encode('one '))).toBe(4)
    expect(a.write(inA, utf8Encode('two '), 1)).toBe(4)
    expect(a.write(inA, utf8Encode('three'))).toBe(5)
    expect(settle(a, b).b).toEqual([
      { type: 'data', channel: inB, stream: 0, data: utf8Encode('one '), ranDry: false },
      { type: 'data', channel: inB, stream: 1, data: utf8Encode('two '), ranDry: false },
      { type: 'data', channel: inB, stream: 0, data: utf8Encode('three'), ranDry: false },
    ])
    b.write(inB, utf8Encode('back'))
    expect(settle(a, b).a).toMatchObject([
      { type: 'data', channel: inA, stream: 0, data: utf8Encode('back') },
    ])
  })

  test('a receiver is told when its peer had no credit left but by adjusts that may be on their way', () => {
    const { a, b, inA, inB } = pairWithChannel({ b: { window: 400_000, maxPacket: 100_000 } })
    const send = (length: number): boolean[] => {
      a.write(inA, bytes(length))
      const out = payloads(a)
      return feed(b, ...out).map((event) => event.type === 'data' && event.ranDry)
    }
    expect(send(200_000)).toEqual([false, false])
    b.consumed(inB, 200_000)
    const adjust = payloads(b)
    // The peer has 200,000 bytes of its first credit, and does not know yet of the rest.
    expect(send(199_999)).toEqual([false, false])
    expect(send(1)).toEqual([true])
    feed(a, ...adjust)
    expect(send(100_000)).toEqual([false])
    // Past the mark by a longer message: it had the adjust in time.
    b.consumed(inB, 300_000)
    feed(a, ...payloads(b))
    expect(send(100_000), 'the end of what it had before').toEqual([true])
    b.consumed(inB, 100_000)
    expect(send(150_000)).toEqual([false, false])
  })

  test('bodies are views of what was given; a large write is cut to the peer’s maximum', () => {
    const mux = muxWithChannel({ peerMaxPacket: 1000 })
    const given = bytes(2500)
    expect(mux.write(0, given)).toBe(2500)
    expect(mux.queued).toBe(2500)
    const sizes: number[] = []
    const parts: Uint8Array[] = []
    for (let next = mux.takeOutput(); next !== undefined; next = mux.takeOutput()) {
      expect(next.body?.buffer).toBe(given.buffer)
      sizes.push(next.body?.length ?? -1)
      parts.push(messages.channelData.decode(flat(next)).data)
    }
    expect(sizes).toEqual([1000, 1000, 500])
    expect(concat(...parts)).toEqual(given)
    expect(mux.queued).toBe(0)
  })

  test('a maximum that no packet could hold counts as none; a large one is used up to 128 KiB', () => {
    for (const [announced, expected] of [
      [0xffffffff, 32_768],
      [1_048_577, 32_768],
      [1_048_576, 131_072],
      [65_536, 65_536],
      [1, 1],
    ] as const) {
      const mux = muxWithChannel({ peerMaxPacket: announced })
      mux.write(0, bytes(200_000))
      expect(mux.takeOutput()?.body?.length, `announced ${announced}`).toBe(expected)
    }
  })

  test('small writes that wait leave together, up to the peer’s maximum, each stream by itself', () => {
    const mux = muxWithChannel({ peerMaxPacket: 1000 })
    for (let at = 0; at < 5; at++) mux.write(0, bytes(300, at))
    mux.write(0, bytes(10), 1)
    mux.write(0, bytes(20), 1)
    mux.write(0, bytes(5))
    const left = payloads(mux)
    expect(left.map((payload) => payload.length - (payload[0] === 94 ? 9 : 13))).toEqual([900, 600, 30, 5])
    expect(messages.channelData.decode(left[0] as Uint8Array).data).toEqual(
      concat(bytes(300, 0), bytes(300, 1), bytes(300, 2)),
    )
  })

  test('a short chunk fills one message with the long one behind it, which is not copied', () => {
    const mux = muxWithChannel({ peerMaxPacket: 4000 })
    const long = bytes(9000, 7)
    mux.write(0, bytes(30, 1))
    mux.write(0, bytes(20, 2))
    mux.write(0, long)
    mux.write(0, bytes(5, 3), 1)
    mux.write(0, bytes(10, 4))
    mux.write(0, bytes(2500, 5))
    expect(mux.queued).toBe(11_565)
    const left: number[][] = []
    const data: Uint8Array[] = []
    for (let next = mux.takeOutput(); next !== undefined; next = mux.takeOutput()) {
      const stream = next.head[0] === 95 ? 1 : 0
      const headSize = stream === 1 ? 13 : 9
      left.push([stream, next.head.length - headSize, next.body?.length ?? 0])
      if (stream === 0) data.push(messages.channelData.decode(flat(next)).data)
      if (left.length <= 3) expect(next.body?.buffer).toBe(long.buffer)
    }
    expect(left).toEqual([
      [0, 50, 3950],
      [0, 0, 4000],
      [0, 0, 1050],
      [1, 0, 5],
      [0, 10, 2500],
    ])
    expect(concat(...data)).toEqual(concat(bytes(30, 1), bytes(20, 2), long, bytes(10, 4), bytes(2500, 5)))
    expect(mux.queued).toBe(0)
  })

  test('nothing is taken past the window; writable follows the adjust', () => {
    const mux = muxWithChannel({ peerWindow: 10 })
    expect(mux.write(0, bytes(25))).toBe(10)
    expect(mux.write(0, bytes(5))).toBe(0)
    payloads(mux)
    expect(events(mux)).toEqual([])
    const adjust = (bytesToAdd: number): Uint8Array =>
      messages.channelWindowAdjust.encode({ recipientChannel: 0, bytesToAdd })
    expect(feed(mux, adjust(0))).toEqual([])
    expect(feed(mux, adjust(3), adjust(4))).toEqual([{ type: 'writable', channel: 0 }])
    expect(mux.writable(0)).toBe(7)
    expect(mux.write(0, bytes(7))).toBe(7)
    expect(feed(mux, adjust(4)), 'all was taken: nothing is owed').toEqual([])
  })

  test('nothing is taken past maxQueued; writable follows when half has left', () => {
    const mux = muxWithChannel({ mux: { maxQueued: 4000 }, peerMaxPacket: 1000 })
    expect(mux.write(0, bytes(6000))).toBe(4000)
    mux.takeOutput()
    expect(events(mux)).toEqual([])
    mux.takeOutput()
    expect(events(mux)).toEqual([{ type: 'writable', channel: 0 }])
    expect(events(mux), 'once').toEqual([])
    expect(mux.write(0, bytes(6000))).toBe(2000)
  })

  test('channels with data take turns, and small messages go before them', () => {
    const { a, b } = pairWithChannel({ b: { maxPacket: 32_768 } })
    a.open('session')
    settle(a, b, { b: (event) => event.type === 'open-request' && b.accept(event.channel) })
    a.write(0, bytes(100_000))
    a.write(1, bytes(40_000))
    a.request(1, 'signal', none, false)
    a.globalRequest('keepalive@openssh.com', none, true)
    expect(named(payloads(a))).toEqual([
      'globalRequest',
      'channelData 0',
      'channelData 1',
      'channelData 0',
      'channelData 1',
      'channelData 0',
      'channelRequest 1',
      'channelData 0',
    ])
  })

  test('an empty write is nothing', () => {
    const mux = muxWithChannel()
    expect(mux.write(0, none)).toBe(0)
    expect(payloads(mux)).toEqual([])
    expect(events(mux)).toEqual([])
  })

  test('empty data from the peer is no event', () => {
    expect(feed(muxWithChannel(), dataMessage(0))).toEqual([])
  })
})

describe('credit', () => {
  test('goes back in batches of a quarter of the window', () => {
    const mux = muxWithChannel({ mux: { window: 2_097_152 } })
    const adjusts: number[] = []
    for (let at = 0; at < 64; at++) {
      feed(mux, dataMessage(32_768))
      mux.consumed(0, 32_768)
      for (const payload of payloads(mux))
        adjusts.push(messages.channelWindowAdjust.decode(payload).bytesToAdd)
    }
    expect(adjusts).toEqual(Array.from({ length: 4 }, () => 524_288))
  })

  test.each([
    ['the peer’s EOF', (mux: Mux) => feed(mux, messages.channelEof.encode({ recipientChannel: 0 }))],
    ['our close', (mux: Mux) => mux.close(0)],
  ])('is of no use after %s', (_, end) => {
    for (const consumeFirst of [true, false]) {
      const mux = muxWithChannel({ mux: { window: 1000, maxPacket: 1024 } })
      feed(mux, dataMessage(900))
      if (consumeFirst) mux.consumed(0, 900)
      end(mux)
      if (!consumeFirst) mux.consumed(0, 900)
      expect(payloads(mux).filter(([number]) => number === messages.channelWindowAdjust.number)).toEqual([])
    }
  })

  test('of several batches goes back in one message when the output was not taken', () => {
    const mux = muxWithChannel({ mux: { window: 131_072 } })
    feed(mux, dataMessage(32_768), dataMessage(32_768), dataMessage(32_768), dataMessage(32_768))
    for (let at = 0; at < 4; at++) mux.consumed(0, 32_768)
    expect(payloads(mux).map((payload) => messages.channelWindowAdjust.decode(payload))).toEqual([
      { recipientChannel: 7, bytesToAdd: 131_072 },
    ])
  })

  test('does not stall a window smaller than a packet', () => {
    const mux = muxWithChannel({ mux: { window: 100, maxPacket: 1024 } })
    for (let at = 0; at < 20; at++) {
      feed(mux, dataMessage(100))
      mux.consumed(0, 100)
      expect(payloads(mux)).toHaveLength(1)
    }
  })

  test('is for what was delivered, not more', () => {
    const mux = muxWithChannel()
    feed(mux, dataMessage(100))
    mux.consumed(0, 60)
    expect(() => mux.consumed(0, 41)).toThrow(/41 bytes cannot be consumed on channel 0: 40 are delivered/)
    expect(() => mux.consumed(0, -1)).toThrow(UsageError)
    expect(() => mux.consumed(0, 0.5)).toThrow(UsageError)
    mux.consumed(0, 40)
  })

  test('of unknown extended data goes back, with a note', () => {
    const trace: TraceEvent[] = []
    const mux = muxWithChannel({
      mux: { window: 1000, maxPacket: 1024, trace: (event) => trace.push(event) },
    })
    const payload = messages.channelExtendedData.encode({
      recipientChannel: 0,
      dataTypeCode: 2,
      data: new Uint8Array(600),
    })
    expect(feed(mux, payload)).toEqual([])
    expect(messages.channelWindowAdjust.decode(payloads(mux)[0] as Uint8Array).bytesToAdd).toBe(600)
    expect(trace.filter(({ type }) => type === 'note')).toHaveLength(1)
  })

  test('growWindow tells the peer at once, and never shrinks', () => {
    const mux = muxWithChannel({ mux: { window: 1000 } })
    mux.growWindow(0, 1000)
    expect(payloads(mux)).toEqual([])
    mux.growWindow(0, 5000)
    expect(messages.channelWindowAdjust.decode(payloads(mux)[0] as Uint8Array).bytesToAdd).toBe(4000)
    expect(() => mux.growWindow(0, 4999)).toThrow(/cannot shrink/)
    expect(() => mux.growWindow(0, 2 ** 32)).toThrow(UsageError)
    expect(feed(mux, dataMessage(5000))).toHaveLength(1)
  })
})

describe('the end', () => {
  test('eof and close stay behind the data, and closed comes to both', () => {
    const { a, b, inA, inB } = pairWithChannel({ b: { maxPacket: 32_768 } })
    a.write(inA, bytes(40_000))
    a.eof(inA)
    const seen = settle(a, b)
    expect(seen.b.map(({ type }) => type)).toEqual(['data', 'data', 'eof'])
    b.write(inB, bytes(3))
    b.request(inB, 'exit-status', none, false)
    b.eof(inB)
    b.close(inB)
    const end = settle(a, b)
    expect(end.a.map(({ type }) => type)).toEqual(['data', 'request', 'eof', 'closed'])
    expect(end.b.map(({ type }) => type)).toEqual(['closed'])
    expect([a.channelCount, b.channelCount]).toEqual([0, 0])
  })

  test('eof and close again are nothing', () => {
    const mux = muxWithChannel()
    mux.eof(0)
    mux.eof(0)
    mux.close(0)
    mux.close(0)
    mux.eof(0)
    expect(named(payloads(mux))).toEqual(['channelEof 7', 'channelClose 7'])
  })

  test('both close at once', () => {
    const { a, b, inA, inB } = pairWithChannel()
    a.close(inA)
    b.close(inB)
    const seen = settle(a, b)
    expect([seen.a, seen.b]).toEqual([[{ type: 'closed', channel: 0 }], [{ type: 'closed', channel: 0 }]])
    expect([a.channelCount, b.channelCount]).toEqual([0, 0])
  })

  test('the peer’s close is answered at once, behind the data that was taken', () => {
    const mux = muxWithChannel()
    mux.write(0, bytes(10))
    feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))
    expect(named(payloads(mux))).toEqual(['channelData 7', 'channelClose 7'])
  })

  test('what crosses our close is dropped without credit, but for what is only told and for replies', () => {
    const mux = muxWithChannel({ mux: { window: 1000, maxPacket: 1024 } })
    const request = mux.request(0, 'exec', none, true) as number
    mux.close(0)
    payloads(mux)
    const crossing = feed(
      mux,
      messages.channelWindowAdjust.encode({ recipientChannel: 0, bytesToAdd: 10 }),
      dataMessage(900),
      requestMessage('wants-reply', true),
      requestMessage('exit-status', false),
      messages.channelSuccess.encode({ recipientChannel: 0 }),
      messages.channelEof.encode({ recipientChannel: 0 }),
      messages.channelClose.encode({ recipientChannel: 0 }),
    )
    expect(crossing).toEqual([
      { type: 'request', channel: 0, name: 'exit-status', data: none },
      { type: 'reply', channel: 0, request, ok: true },
      { type: 'closed', channel: 0 },
    ])
    expect(payloads(mux)).toEqual([])
    expect(mux.channelCount).toBe(0)
  })

  test('our requests that the peer did not answer are lost', () => {
    const mux = muxWithChannel()
    const first = mux.request(0, 'env', none, true) as number
    const second = mux.request(0, 'exec', none, true) as number
    expect(feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))).toEqual([
      { type: 'reply', channel: 0, request: first, ok: false, lost: true },
      { type: 'reply', channel: 0, request: second, ok: false, lost: true },
      { type: 'closed', channel: 0 },
    ])
  })

  test('verbs are silent until closed was handed out, and errors afterwards', () => {
    const mux = muxWithChannel()
    const waiting = mux.request(0, 'exec', none, true) as number
    const seen: MuxEvent[] = []
    feed(mux, dataMessage(10))
    mux.receive(messages.channelClose.encode({ recipientChannel: 0 }))
    seen.push(mux.poll() as MuxEvent)
    expect(seen[0]).toMatchObject({ type: 'reply', request: waiting, lost: true })
    expect(mux.write(0, bytes(5))).toBe(0)
    expect(mux.writable(0)).toBe(0)
    mux.consumed(0, 10)
    mux.growWindow(0, 2 ** 30)
    mux.eof(0)
    mux.close(0)
    expect(mux.request(0, 'signal', none, false)).toBeUndefined()
    const late = mux.request(0, 'exec', none, true) as number
    expect(events(mux)).toEqual([
      { type: 'closed', channel: 0 },
      { type: 'reply', channel: 0, request: late, ok: false, lost: true },
    ])
    for (const verb of [
      () => mux.write(0, bytes(5)),
      () => mux.consumed(0, 0),
      () => mux.eof(0),
      () => mux.close(0),
      () => mux.request(0, 'exec', none, true),
      () => mux.writable(0),
    ])
      expect(verb).toThrow(/channel 0, which does not exist/)
  })

  test('verbs out of turn', () => {
    const mux = new Mux()
    const opening = mux.open('session')
    for (const verb of [
      () => mux.write(opening, none),
      () => mux.close(opening),
      () => mux.eof(opening),
      () => mux.request(opening, 'shell', none, false),
      () => mux.consumed(opening, 0),
    ])
      expect(verb).toThrow(/not open yet/)
    expect(() => mux.accept(opening)).toThrow(/does not wait for an answer/)
    expect(() => mux.reject(opening, 1)).toThrow(UsageError)
    feed(mux, openMessage())
    expect(() => mux.write(1, none)).toThrow(/not open yet/)
    mux.accept(1)
    expect(() => mux.accept(1)).toThrow(/does not wait for an answer/)
    mux.eof(1)
    expect(() => mux.write(1, bytes(1))).toThrow(/after its eof/)
    mux.request(1, 'signal', none, false)
    mux.close(1)
    expect(() => mux.write(1, bytes(1))).toThrow(/after its close/)
    expect(() => mux.request(1, 'signal', none, false)).toThrow(/after its close/)
    expect(() => mux.write(55, bytes(1))).toThrow(/channel 55, which does not exist/)
  })
})

test.each([
  [{ window: 0 }],
  [{ window: 2 ** 32 }],
  [{ window: 1.5 }],
  [{ maxPacket: 1023 }],
  [{ maxPacket: 261_121 }],
  [{ maxChannels: 0 }],
  [{ maxPendingRequests: -1 }],
  [{ maxQueued: Number.NaN }],
])('options that cannot be used are refused at the door: %j', (options) => {
  expect(() => new Mux(options)).toThrow(UsageError)
})

test('trace: every message by its name, in and out', () => {
  const trace: TraceEvent[] = []
  const { a, b, inA } = pairWithChannel({ a: { trace: (event) => trace.push(event) } })
  a.write(inA, bytes(3))
  settle(a, b)
  expect(trace).toEqual([
    { layer: 'connection', type: 'message', direction: 'out', name: 'channelOpen', number: 90, size: 24 },
    {
      layer: 'connection',
      type: 'message',
      direction: 'in',
      name: 'channelOpenConfirmation',
      number: 91,
      size: 17,
    },
    { layer: 'connection', type: 'message', direction: 'out', name: 'channelData', number: 94, size: 12 },
  ])
})

describe('order between channels', () => {
  test.each(['ours', 'the answer to theirs'])(
    'a CLOSE, %s, leaves before an open that is asked for after it',
    (whose) => {
      const mux = muxWithChannel()
      payloads(mux)
      if (whose === 'ours') mux.close(0)
      else feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))
      mux.open('session')
      expect(payloads(mux).map((payload) => payload[0])).toEqual([
        messages.channelClose.number,
        messages.channelOpen.number,
      ])
    },
  )
})
