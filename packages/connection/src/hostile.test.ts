/** What a peer that means harm can send: windows, sizes, lengths that lie, garbage. */

import { ProtocolError } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as messages from './messages.ts'
import {
  dataMessage,
  events,
  feed,
  muxWithChannel,
  openMessage,
  payloads,
  requestMessage,
  thrown,
} from './mux.test-kit.ts'
import { Mux } from './mux.ts'

const none = new Uint8Array(0)

function adjust(bytesToAdd: number): Uint8Array {
  return messages.channelWindowAdjust.encode({ recipientChannel: 0, bytesToAdd })
}

describe('windows', () => {
  test('data up to the last byte of the window, and not one more', () => {
    const mux = muxWithChannel({ mux: { window: 2000, maxPacket: 1024 } })
    expect(feed(mux, dataMessage(1024), dataMessage(976))).toHaveLength(2)
    expect(thrown(() => feed(mux, dataMessage(1)))).toMatchObject({
      code: 'SSH_LIMIT_WINDOW',
      message: '1 bytes of data on channel 0, whose window has 0 bytes left',
    })
  })

  test('extended data counts too', () => {
    const mux = muxWithChannel({ mux: { window: 2000, maxPacket: 1024 } })
    const extended = (dataTypeCode: number, size: number): Uint8Array =>
      messages.channelExtendedData.encode({ recipientChannel: 0, dataTypeCode, data: new Uint8Array(size) })
    feed(mux, extended(1, 1024))
    expect(thrown(() => feed(mux, extended(1, 977))).code).toBe('SSH_LIMIT_WINDOW')
    const other = muxWithChannel({ mux: { window: 2000, maxPacket: 1024 } })
    feed(other, extended(1, 1000))
    expect(thrown(() => feed(other, extended(2, 1001))).code).toBe('SSH_LIMIT_WINDOW')
  })

  test('credit that was not sent yet cannot be used', () => {
    const mux = muxWithChannel({ mux: { window: 2000, maxPacket: 2000 } })
    feed(mux, dataMessage(2000))
    mux.consumed(0, 2000)
    expect(thrown(() => feed(mux, dataMessage(1))).code).toBe('SSH_LIMIT_WINDOW')
  })

  test('credit that was sent can', () => {
    const mux = muxWithChannel({ mux: { window: 2000, maxPacket: 2000 } })
    feed(mux, dataMessage(2000))
    mux.consumed(0, 2000)
    payloads(mux)
    expect(feed(mux, dataMessage(2000))).toHaveLength(1)
  })

  test('after our close the window still holds, and is not refilled', () => {
    const mux = muxWithChannel({ mux: { window: 2000, maxPacket: 1024 } })
    mux.close(0)
    feed(mux, dataMessage(1000), dataMessage(1000))
    expect(payloads(mux)).toHaveLength(1)
    expect(thrown(() => feed(mux, dataMessage(1))).code).toBe('SSH_LIMIT_WINDOW')
  })

  test('data over the maximum packet size', () => {
    const mux = muxWithChannel({ mux: { maxPacket: 1024 } })
    expect(thrown(() => feed(mux, dataMessage(1025)))).toMatchObject({ code: 'SSH_LIMIT_MAX_PACKET' })
  })

  test('adjusts up to 2^32-1, and not one more', () => {
    const mux = muxWithChannel({ peerWindow: 1 })
    feed(mux, adjust(0xfffffffe))
    expect(mux.write(0, new Uint8Array(1))).toBe(1)
    feed(mux, adjust(1))
    expect(thrown(() => feed(mux, adjust(1)))).toMatchObject({ code: 'SSH_LIMIT_WINDOW' })
  })

  test('a maximum packet size of 0', () => {
    expect(() => feed(new Mux(), openMessage({ maximumPacketSize: 0 }))).toThrow(/maximum packet size of 0/)
    expect(() => muxWithChannel({ peerMaxPacket: 0 })).toThrow(/maximum packet size of 0/)
  })

  test('a window of 0 is only quiet', () => {
    const mux = muxWithChannel({ peerWindow: 0 })
    expect(mux.write(0, new Uint8Array(5))).toBe(0)
    expect(payloads(mux)).toEqual([])
  })

  test('memory for what is not read stays the window: adjusts that cannot leave are one', () => {
    const mux = muxWithChannel({ mux: { window: 1000, maxPacket: 1024 } })
    for (let at = 0; at < 1000; at++) {
      feed(mux, dataMessage(1))
      mux.consumed(0, 1)
    }
    expect(payloads(mux)).toHaveLength(1)
  })
})

describe('malformed', () => {
  const wellFormed: readonly (readonly [string, Uint8Array])[] = [
    ['globalRequest', messages.globalRequest.encode({ requestName: 'ping', wantReply: true, data: none })],
    ['channelOpen', openMessage()],
    ['channelWindowAdjust', adjust(5)],
    ['channelData', dataMessage(5)],
    [
      'channelExtendedData',
      messages.channelExtendedData.encode({ recipientChannel: 0, dataTypeCode: 1, data: new Uint8Array(5) }),
    ],
    ['channelEof', messages.channelEof.encode({ recipientChannel: 0 })],
    ['channelClose', messages.channelClose.encode({ recipientChannel: 0 })],
    ['channelRequest', requestMessage('exec', true)],
    ['channelSuccess', messages.channelSuccess.encode({ recipientChannel: 0 })],
    ['channelFailure', messages.channelFailure.encode({ recipientChannel: 0 })],
  ]

  const ready = (): Mux => {
    const mux = muxWithChannel()
    mux.request(0, 'exec', none, true)
    return mux
  }

  test.each(wellFormed)('%s, cut at every byte', (_, payload) => {
    expect(feed(ready(), payload)).toBeDefined()
    for (let length = 0; length < payload.length; length++)
      expect(() => feed(ready(), payload.subarray(0, length)), `${length} bytes`).toThrow(ProtocolError)
  })

  const openEnded = new Set(['globalRequest', 'channelOpen', 'channelRequest'])
  test.each(wellFormed.filter(([name]) => !openEnded.has(name)))('%s with a byte too many', (_, payload) => {
    const longer = new Uint8Array(payload.length + 1)
    longer.set(payload)
    expect(() => feed(ready(), longer)).toThrow(ProtocolError)
  })

  test.each([
    ['confirmation', messages.channelOpenConfirmation.number, 17],
    ['failure', messages.channelOpenFailure.number, 9],
  ])('open %s, cut at every byte of what it must have', (_, number, size) => {
    for (let length = 1; length < size; length++) {
      const mux = new Mux()
      mux.open('session')
      const payload = new Uint8Array(length)
      payload[0] = number
      expect(() => feed(mux, payload), `${length} bytes`).toThrow(ProtocolError)
    }
  })

  test.each([0, 1, 4, 6, 0x7fffffff, 0x80000000, 0xffffffff])(
    'data that says it is %d bytes long',
    (length) => {
      const payload = dataMessage(5)
      new DataView(payload.buffer, payload.byteOffset).setUint32(5, length)
      expect(() => feed(muxWithChannel(), payload)).toThrow(ProtocolError)
    },
  )

  test.each([1, 2, 0x7fffffff, 0xffffffff])('channel number %d, which is not there', (channel) => {
    for (const payload of [
      dataMessage(1, channel),
      messages.channelClose.encode({ recipientChannel: channel }),
      requestMessage('exec', true, channel),
    ])
      expect(() => feed(muxWithChannel(), payload)).toThrow(/does not exist/)
  })

  test('names that are not US-ASCII', () => {
    const payload = requestMessage('exec', true).slice()
    payload[9] = 0xe9
    expect(() => feed(muxWithChannel(), payload)).toThrow(/US-ASCII/)
  })

  test.each([0, 1, 50, 79, 83, 89, 101, 127, 192, 255])('message number %d', (number) => {
    expect(() => feed(muxWithChannel(), Uint8Array.of(number, 0, 0, 0, 0))).toThrow(
      /none of the connection protocol/,
    )
    expect(messages.isConnectionMessage(number)).toBe(false)
  })

  test('garbage gives events or a ProtocolError, and a dead mux stays dead', () => {
    const numbers = fc.constantFrom(...messages.connectionMessages.keys(), 0, 77, 200)
    const small = fc.constantFrom(0, 0, 0, 0, 1, 255)
    const payload = fc
      .tuple(numbers, fc.array(fc.oneof(small, fc.nat(255)), { maxLength: 40 }))
      .map(([number, rest]) => Uint8Array.of(number, ...rest))
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 20 }), (list) => {
        const mux = ready()
        try {
          feed(mux, ...list)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          expect(() => events(mux)).toThrow(error as Error)
          expect(mux.takeOutput()).toBeUndefined()
          return
        }
        payloads(mux)
      }),
      { numRuns: 2000 },
    )
  })
})
