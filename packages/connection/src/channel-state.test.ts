/** Every state of a channel against every message about one. */

import { ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { type ChannelState, receiveTable } from './channel-state.ts'
import type { MuxEvent } from './events.ts'
import * as messages from './messages.ts'
import { dataMessage, feed, muxWithChannel, openMessage, payloads, requestMessage } from './mux.test-kit.ts'
import { Mux } from './mux.ts'

const none = new Uint8Array(0)
const eof = messages.channelEof.encode({ recipientChannel: 0 })
const close = messages.channelClose.encode({ recipientChannel: 0 })

/** A mux whose channel 0 is in each of the states; a request of ours waits for its reply where that is possible. */
const makers: Readonly<Record<ChannelState | 'unknown', () => Mux>> = {
  unknown: () => new Mux(),
  opening: () => {
    const mux = new Mux()
    mux.open('session')
    return mux
  },
  asked: () => {
    const mux = new Mux()
    feed(mux, openMessage())
    return mux
  },
  open: () => withRequest(muxWithChannel()),
  eof: () => fed(withRequest(muxWithChannel()), eof),
  closing: () => closing(withRequest(muxWithChannel())),
  'closing-eof': () => closing(fed(withRequest(muxWithChannel()), eof)),
  closed: () => {
    const mux = muxWithChannel()
    mux.receive(close)
    return mux
  },
}

const sent: Readonly<Record<string, Uint8Array>> = {
  confirmation: messages.channelOpenConfirmation.encode({
    recipientChannel: 0,
    senderChannel: 7,
    initialWindowSize: 100,
    maximumPacketSize: 100,
    data: none,
  }),
  failure: messages.channelOpenFailure.encode({
    recipientChannel: 0,
    reasonCode: 1,
    description: 'no',
    languageTag: '',
  }),
  adjust: messages.channelWindowAdjust.encode({ recipientChannel: 0, bytesToAdd: 1 }),
  data: dataMessage(3),
  stderr: messages.channelExtendedData.encode({
    recipientChannel: 0,
    dataTypeCode: 1,
    data: new Uint8Array(3),
  }),
  eof,
  close,
  request: requestMessage('signal', false),
  'request with reply': requestMessage('exec', true),
  success: messages.channelSuccess.encode({ recipientChannel: 0 }),
  refusal: messages.channelFailure.encode({ recipientChannel: 0 }),
}

type Outcome = readonly MuxEvent['type'][] | 'error'
const error = 'error'

/** Written down from RFC 4254 §5, not from the code. */
const expected: Readonly<Record<ChannelState | 'unknown', Readonly<Record<string, Outcome>>>> = {
  unknown: everything(error),
  opening: { ...everything(error), confirmation: ['opened'], failure: ['open-failed'] },
  asked: everything(error),
  open: {
    confirmation: error,
    failure: error,
    adjust: [],
    data: ['data'],
    stderr: ['data'],
    eof: ['eof'],
    close: ['reply', 'closed'],
    request: ['request'],
    'request with reply': ['request'],
    success: ['reply'],
    refusal: ['reply'],
  },
  eof: {
    confirmation: error,
    failure: error,
    adjust: [],
    data: error,
    stderr: error,
    eof: [],
    close: ['reply', 'closed'],
    request: ['request'],
    'request with reply': ['request'],
    success: ['reply'],
    refusal: ['reply'],
  },
  closing: {
    confirmation: error,
    failure: error,
    adjust: [],
    data: [],
    stderr: [],
    eof: [],
    close: ['reply', 'closed'],
    request: ['request'],
    'request with reply': [],
    success: ['reply'],
    refusal: ['reply'],
  },
  'closing-eof': {
    confirmation: error,
    failure: error,
    adjust: [],
    data: error,
    stderr: error,
    eof: [],
    close: ['reply', 'closed'],
    request: ['request'],
    'request with reply': [],
    success: ['reply'],
    refusal: ['reply'],
  },
  closed: everything(error),
}

describe.each(Object.keys(makers) as (ChannelState | 'unknown')[])('a channel that is %s', (state) => {
  test.each(Object.keys(sent))('gets %s', (name) => {
    const mux = makers[state]()
    if (state === 'closed') expect(mux.poll()).toEqual({ type: 'closed', channel: 0 })
    const outcome = (expected[state] as Record<string, Outcome>)[name]
    const run = (): MuxEvent[] => feed(mux, sent[name] as Uint8Array)
    if (outcome === error) {
      expect(run).toThrow(ProtocolError)
      expect(() => mux.poll(), 'a dead mux says so again').toThrow(ProtocolError)
      expect(mux.takeOutput()).toBeUndefined()
    } else expect(run().map(({ type }) => type)).toEqual(outcome)
  })
})

test('the table has a row for every state and a verdict for messages about channels only', () => {
  for (const [state, row] of Object.entries(receiveTable))
    for (const number of Object.keys(row))
      expect(Number(number), state).toBeGreaterThanOrEqual(messages.channelOpenConfirmation.number)
})

test.each([
  ['success', messages.channelSuccess],
  ['failure', messages.channelFailure],
])('%s where no request waits', (_, declared) => {
  expect(() => feed(muxWithChannel(), declared.encode({ recipientChannel: 0 }))).toThrow(/no request waits/)
})

test.each([messages.requestSuccess.encode({ data: none }), messages.requestFailure.encode({})])(
  'a global reply where no request waits',
  (payload) => {
    expect(() => feed(new Mux(), payload)).toThrow(/no global request waits/)
  },
)

function everything(outcome: Outcome): Record<string, Outcome> {
  return Object.fromEntries(Object.keys(sent).map((name) => [name, outcome]))
}

function withRequest(mux: Mux): Mux {
  mux.request(0, 'exec', none, true)
  payloads(mux)
  return mux
}

function fed(mux: Mux, payload: Uint8Array): Mux {
  feed(mux, payload)
  return mux
}

function closing(mux: Mux): Mux {
  mux.close(0)
  payloads(mux)
  return mux
}
