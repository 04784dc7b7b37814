import { ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { readProxyHeader } from './proxy-protocol.ts'

const zeros = (length: number): number[] => Array.from({ length }, () => 0)
const text = (line: string): Uint8Array => new TextEncoder().encode(line)
const signature = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
/** A header of version 2. */
const binary = (
  command: number,
  kind: number,
  rest: readonly number[],
  announced = rest.length,
): Uint8Array => Uint8Array.of(...signature, command, kind, announced >> 8, announced & 0xff, ...rest)
const four = [203, 0, 113, 9, 10, 0, 0, 1, 0xd4, 0x31, 0, 22]
const six = [0x20, 1, 0xd, 0xb8, ...zeros(11), 7, ...zeros(15), 1, 0, 9, 0, 22]

describe('a header is read', () => {
  test.each<[string, Uint8Array, unknown]>([
    ['1, IPv4', text('PROXY TCP4 203.0.113.9 10.0.0.1 54321 22\r\n'), ['203.0.113.9', 54321, '10.0.0.1', 22]],
    ['1, IPv6', text('PROXY TCP6 2001:db8::7 ::1 9 22\r\n'), ['2001:db8::7', 9, '::1', 22]],
    ['1, unknown', text('PROXY UNKNOWN\r\n'), undefined],
    ['1, unknown with more', text('PROXY UNKNOWN ff ff 1 2\r\n'), undefined],
    ['2, IPv4', binary(0x21, 0x11, four), ['203.0.113.9', 54321, '10.0.0.1', 22]],
    [
      '2, IPv4 with more behind',
      binary(0x21, 0x11, [...four, 4, 0, 1, 0]),
      ['203.0.113.9', 54321, '10.0.0.1', 22],
    ],
    ['2, IPv6', binary(0x21, 0x21, six), ['2001:db8::7', 9, '::1', 22]],
    ['2, local', binary(0x20, 0, []), undefined],
    ['2, local with what it does not mean', binary(0x20, 0x11, [1, 2, 3]), undefined],
    ['2, unspecified', binary(0x21, 0, [1]), undefined],
  ])('%s: whole, byte by byte, and with SSH behind it', (_, header, expected) => {
    for (let at = 0; at < header.length; at++) expect(readProxyHeader(header.subarray(0, at))).toBeUndefined()
    const read = readProxyHeader(Uint8Array.of(...header, ...text('SSH-2.0-x\r\n')))
    expect(read?.length).toBe(header.length)
    const { addresses } = read as NonNullable<typeof read>
    expect(
      addresses && [
        addresses.remoteAddress,
        addresses.remotePort,
        addresses.localAddress,
        addresses.localPort,
      ],
    ).toEqual(expected)
  })

  test('addresses of IPv6 are short', () => {
    const shown = (groups: string): string | undefined => {
      const bytes = groups
        .split(':')
        .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff])
      return readProxyHeader(binary(0x21, 0x21, [...bytes, ...six.slice(16)]))?.addresses?.remoteAddress
    }
    expect(shown('0:0:0:0:0:0:0:0')).toBe('::')
    expect(shown('fe80:0:0:0:0:0:0:0')).toBe('fe80::')
    expect(shown('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3')
    expect(shown('1:0:2:3:4:5:6:7')).toBe('1:0:2:3:4:5:6:7')
  })
})

describe('a header is refused', () => {
  test.each<[string, Uint8Array]>([
    ['SSH without one', text('SSH-2.0-OpenSSH_9.2\r\n')],
    ['one wrong byte in the signature', Uint8Array.of(13, 10, 13, 11)],
    ['a line without an end', text(`PROXY TCP4 ${'1'.repeat(96)}`)],
    ['a line that ends by LF alone', text('PROXY TCP4 1.2.3.4 1.2.3.5 1 2\n')],
    ['a family that is not that of the addresses', text('PROXY TCP6 1.2.3.4 1.2.3.5 1 2\r\n')],
    ['no address', text('PROXY TCP4 1.2.3.400 1.2.3.5 1 2\r\n')],
    ['a port above 65535', text('PROXY TCP4 1.2.3.4 1.2.3.5 65536 2\r\n')],
    ['a port with a zero in front', text('PROXY TCP4 1.2.3.4 1.2.3.5 01 2\r\n')],
    ['another version', binary(0x31, 0x11, four)],
    ['another command', binary(0x22, 0x11, four)],
    ['UDP', binary(0x21, 0x12, four)],
    ['a Unix socket', binary(0x21, 0x31, zeros(216))],
    ['fewer bytes than addresses need', binary(0x21, 0x11, four.slice(1))],
    ['IPv6 with the bytes of IPv4', binary(0x21, 0x21, four)],
    ['more than the limit, before it has come', binary(0x21, 0x11, [], 2_049)],
  ])('%s', (_, bytes) => {
    expect(() => readProxyHeader(bytes)).toThrow(ProtocolError)
  })
})
