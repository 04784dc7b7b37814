import { UsageError, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { MuxEvent, ReplyToken } from './events.ts'
import * as messages from './messages.ts'
import {
  feed,
  muxWithChannel,
  named,
  openMessage,
  pairWithChannel,
  payloads,
  requestMessage,
  settle,
  thrown,
} from './mux.test-kit.ts'
import { Mux } from './mux.ts'

const none = new Uint8Array(0)

function tokens(seen: readonly MuxEvent[]): ReplyToken[] {
  return seen.flatMap((event) => ('reply' in event && event.reply !== undefined ? [event.reply] : []))
}

function globalMessage(requestName: string, wantReply = true): Uint8Array {
  return messages.globalRequest.encode({ requestName, wantReply, data: none })
}

describe('channel requests', () => {
  test('there and back, with and without reply', () => {
    const { a, b, inA, inB } = pairWithChannel()
    expect(a.request(inA, 'env', utf8Encode('x'), false)).toBeUndefined()
    const shell = a.request(inA, 'shell', none, true) as number
    const exec = a.request(inA, 'exec', none, true) as number
    const asked = settle(a, b).b
    expect(asked).toMatchObject([
      { type: 'request', channel: inB, name: 'env', data: utf8Encode('x') },
      { type: 'request', channel: inB, name: 'shell', reply: { name: 'shell' } },
      { type: 'request', channel: inB, name: 'exec' },
    ])
    expect('reply' in (asked[0] as MuxEvent)).toBe(false)
    const [first, second] = tokens(asked) as [ReplyToken, ReplyToken]
    b.reply(first, true)
    b.reply(second, false)
    expect(settle(a, b).a).toEqual([
      { type: 'reply', channel: inA, request: shell, ok: true },
      { type: 'reply', channel: inA, request: exec, ok: false },
    ])
  })

  test('answers given out of order leave in the order of the requests', () => {
    const mux = muxWithChannel()
    const [first, second, third] = tokens(
      feed(mux, requestMessage('a', true), requestMessage('b', true), requestMessage('c', true)),
    ) as [ReplyToken, ReplyToken, ReplyToken]
    mux.reply(third, false)
    mux.reply(second, true)
    expect(payloads(mux)).toEqual([])
    mux.reply(first, false)
    expect(named(payloads(mux))).toEqual(['channelFailure 7', 'channelSuccess 7', 'channelFailure 7'])
  })

  test('one channel does not wait for another', () => {
    const mux = muxWithChannel()
    feed(mux, openMessage({ senderChannel: 8 }))
    mux.accept(1)
    payloads(mux)
    const [slow, quick] = tokens(feed(mux, requestMessage('a', true, 0), requestMessage('b', true, 1))) as [
      ReplyToken,
      ReplyToken,
    ]
    mux.reply(quick, true)
    expect(named(payloads(mux))).toEqual(['channelSuccess 8'])
    mux.reply(slow, true)
    expect(named(payloads(mux))).toEqual(['channelSuccess 7'])
  })

  test('each is answered once, by its own mux, without data', () => {
    const mux = muxWithChannel()
    const [token, other] = tokens(feed(mux, requestMessage('a', true), requestMessage('b', true))) as [
      ReplyToken,
      ReplyToken,
    ]
    expect(() => new Mux().reply(token, true)).toThrow(/not one of this mux/)
    expect(() => mux.reply({ name: 'made up' }, true)).toThrow(UsageError)
    expect(() => mux.reply(token, true, utf8Encode('x'))).toThrow(/cannot carry data/)
    mux.reply(token, true)
    expect(() => mux.reply(token, true)).toThrow(/"a" was answered already/)
    mux.reply(other, true)
    expect(named(payloads(mux))).toEqual(['channelSuccess 7', 'channelSuccess 7'])
  })

  test('answers to a channel that has closed go nowhere, and still only once', () => {
    const mux = muxWithChannel()
    const [theirs] = tokens(feed(mux, requestMessage('a', true))) as [ReplyToken]
    feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))
    payloads(mux)
    mux.reply(theirs, true)
    expect(() => mux.reply(theirs, true)).toThrow(UsageError)
    expect(payloads(mux)).toEqual([])

    const own = muxWithChannel()
    const [held] = tokens(feed(own, requestMessage('a', true))) as [ReplyToken]
    own.close(0)
    own.reply(held, true)
    expect(named(payloads(own)), 'nothing after CLOSE').toEqual(['channelClose 7'])
  })

  test('an answer stays behind the data written before it', () => {
    const mux = muxWithChannel()
    const [token] = tokens(feed(mux, requestMessage('exec', true))) as [ReplyToken]
    mux.write(0, new Uint8Array(40_000))
    mux.reply(token, true)
    mux.eof(0)
    expect(named(payloads(mux))).toEqual([
      'channelData 7',
      'channelData 7',
      'channelSuccess 7',
      'channelEof 7',
    ])
  })
})

describe('global requests', () => {
  test('there and back, with data in the reply', () => {
    const a = new Mux()
    const b = new Mux()
    expect(a.globalRequest('hostkeys-00@openssh.com', none, false)).toBeUndefined()
    const forward = a.globalRequest('tcpip-forward', utf8Encode('where'), true) as number
    const ping = a.globalRequest('keepalive@openssh.com', none, true) as number
    const asked = settle(a, b).b
    expect(asked).toMatchObject([
      { type: 'global-request', name: 'hostkeys-00@openssh.com' },
      { type: 'global-request', name: 'tcpip-forward', data: utf8Encode('where') },
      { type: 'global-request', name: 'keepalive@openssh.com' },
    ])
    const [first, second] = tokens(asked) as [ReplyToken, ReplyToken]
    b.reply(second, false)
    b.reply(first, true, utf8Encode('port'))
    expect(settle(a, b).a).toEqual([
      { type: 'global-reply', request: forward, ok: true, data: utf8Encode('port') },
      { type: 'global-reply', request: ping, ok: false, data: none },
    ])
  })

  test('a failure carries no data', () => {
    const mux = new Mux()
    const [token] = tokens(feed(mux, globalMessage('x'))) as [ReplyToken]
    expect(() => mux.reply(token, false, utf8Encode('why'))).toThrow(/cannot carry data/)
  })
})

describe('too many', () => {
  test('requests that wait for the application', () => {
    const mux = muxWithChannel({ mux: { maxPendingRequests: 3 } })
    feed(mux, requestMessage('a', true), globalMessage('b'), requestMessage('c', true))
    mux.receive(globalMessage('tells', false))
    mux.receive(globalMessage('d'))
    expect(mux.poll()).toMatchObject({ name: 'tells' })
    expect(thrown(() => mux.poll())).toMatchObject({
      code: 'SSH_LIMIT_PENDING_REQUESTS',
      message: expect.stringContaining('maxPendingRequests'),
    })
  })

  test('a thousand channels may each ask for what they need before the first is answered', () => {
    const mux = new Mux({ maxPendingRequests: 3 })
    for (const event of feed(
      mux,
      ...Array.from({ length: 1000 }, (_, at) => openMessage({ senderChannel: at })),
    ))
      if (event.type === 'open-request') mux.accept(event.channel)
    const ask = (at: number): Uint8Array =>
      messages.channelRequest.encode({
        recipientChannel: at % 1000,
        requestType: 'exec',
        wantReply: true,
        data: new Uint8Array(0),
      })
    expect(feed(mux, ...Array.from({ length: 3999 }, (_, at) => ask(at)))).toHaveLength(3999)
    expect(thrown(() => feed(mux, ask(0))).code).toBe('SSH_LIMIT_PENDING_REQUESTS')
  })

  test('answers that the peer does not let us send count until they leave', () => {
    const mux = new Mux({ maxPendingRequests: 3 })
    const answer = (): void => {
      for (const token of tokens(feed(mux, globalMessage('ping')))) mux.reply(token, false)
    }
    for (let round = 0; round < 10; round++) {
      answer()
      answer()
      answer()
      expect(payloads(mux)).toHaveLength(3)
    }
    answer()
    answer()
    answer()
    expect(thrown(answer).code).toBe('SSH_LIMIT_PENDING_REQUESTS')
  })

  test('a closed channel’s unanswered requests no longer count', () => {
    const mux = muxWithChannel({ mux: { maxPendingRequests: 2 } })
    feed(mux, requestMessage('a', true), requestMessage('b', true))
    feed(mux, messages.channelClose.encode({ recipientChannel: 0 }))
    expect(feed(mux, globalMessage('c'), globalMessage('d'))).toHaveLength(2)
  })

  test('opens whose refusals are never read', () => {
    const mux = new Mux()
    expect(
      thrown(() => {
        for (let at = 0; at < 2000; at++)
          for (const event of feed(mux, openMessage()))
            if (event.type === 'open-request') mux.reject(event.channel, 1)
      }).code,
    ).toBe('SSH_LIMIT_REFUSALS')
  })
})
