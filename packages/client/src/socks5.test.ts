import { describe, expect, test } from 'vitest'
import { SocksError, SocksHandshake, SocksReply, socksReply } from './socks5.ts'

const greeting = [5, 1, 0]
const name = [...'example.net'].map((letter) => letter.charCodeAt(0))
const requests: [title: string, bytes: number[], host: string, port: number][] = [
  ['an IPv4 address', [5, 1, 0, 1, 10, 0, 0, 255, 0, 80], '10.0.0.255', 80],
  ['a name', [5, 1, 0, 3, name.length, ...name, 1, 187], 'example.net', 443],
  [
    'an IPv6 address',
    [5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1, 0xff, 0xff],
    '2001:db8:0:0:0:0:0:1',
    65_535,
  ],
]

function refusal(bytes: readonly number[]): Uint8Array {
  try {
    new SocksHandshake().receive(Uint8Array.from(bytes))
  } catch (error) {
    if (error instanceof SocksError) return error.reply
    throw error
  }
  throw new Error('was not refused')
}

describe.each(requests)('%s', (_title, bytes, host, port) => {
  test('at once, with data behind it', () => {
    const handshake = new SocksHandshake()
    const found = handshake.receive(Uint8Array.from([...greeting, ...bytes, 1, 2, 3]))
    expect(handshake.takeOutput()).toEqual(Uint8Array.of(5, 0))
    expect(handshake.takeOutput()).toBeUndefined()
    expect(found).toEqual({ target: { host, port }, rest: Uint8Array.of(1, 2, 3) })
  })

  test('byte by byte', () => {
    const handshake = new SocksHandshake()
    const found = [...greeting, ...bytes].map((byte) => handshake.receive(Uint8Array.of(byte)))
    expect(found.pop()).toEqual({ target: { host, port }, rest: new Uint8Array(0) })
    expect(found.every((one) => one === undefined)).toBe(true)
  })
})

test.each<[string, number[], number[]]>([
  ['SOCKS4', [4, 1, 0, 80], []],
  ['a client that wants a password', [5, 1, 2], [5, 0xff]],
  ['no method at all', [5, 0], [5, 0xff]],
  ['BIND', [...greeting, 5, 2, 0, 1, 1, 2, 3, 4, 0, 80], [...socksReply(SocksReply.commandNotSupported)]],
  [
    'an unknown address type',
    [...greeting, 5, 1, 0, 9, 1],
    [...socksReply(SocksReply.addressTypeNotSupported)],
  ],
  ['an empty name', [...greeting, 5, 1, 0, 3, 0, 0, 80], [...socksReply(SocksReply.generalFailure)]],
  [
    'a name that is no text',
    [...greeting, 5, 1, 0, 3, 1, 0xff, 0, 80],
    [...socksReply(SocksReply.generalFailure)],
  ],
  [
    'a name with a zero byte',
    [...greeting, 5, 1, 0, 3, 1, 0, 0, 80],
    [...socksReply(SocksReply.generalFailure)],
  ],
  ['another version in the request', [...greeting, 4, 1], [...socksReply(SocksReply.generalFailure)]],
])('%s is refused', (_title, bytes, reply) => {
  expect([...refusal(bytes)]).toEqual(reply)
})
