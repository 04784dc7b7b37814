/** The typed data of channel types and requests: bytes worked out by hand from the RFCs, round trips, cut at every byte. */

import { hexDecode, hexEncode, latin1Encode, ProtocolError, type Struct, UsageError } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as requests from './channel-requests.ts'
import * as types from './channel-types.ts'
import { ChannelOpenError, ChannelRequestError, channelOpenReasonName } from './errors.ts'
import * as globals from './global-requests.ts'
import * as messages from './messages.ts'
import { decodeTerminalModes, encodeTerminalModes, terminalModeOpcodes } from './terminal-modes.ts'

const bytes = (text: string): Uint8Array => latin1Encode(text)

/** Name, declaration, value, and its bytes as text with lengths in hexadecimal. */
const rows: readonly (readonly [Struct<never>, object, string])[] = [
  row(types.session, {}, ''),
  row(types.authAgent, {}, ''),
  row(types.x11, { originatorAddress: '::1', originatorPort: 6010 }, '00000003 3a3a31 0000177a'),
  row(
    types.directTcpip,
    { hostToConnect: 'h', portToConnect: 80, originatorAddress: '', originatorPort: 65_535 },
    '00000001 68 00000050 00000000 0000ffff',
  ),
  row(
    types.forwardedTcpip,
    { connectedAddress: 'h', connectedPort: 80, originatorAddress: 'i', originatorPort: 1 },
    '00000001 68 00000050 00000001 69 00000001',
  ),
  row(
    types.directStreamlocal,
    { socketPath: '/s', reserved: bytes(''), reservedPort: 0 },
    '00000002 2f73 00000000 00000000',
  ),
  row(types.forwardedStreamlocal, { socketPath: '/s', reserved: bytes('') }, '00000002 2f73 00000000'),
  row(
    requests.ptyReq,
    {
      term: 'vt100',
      widthColumns: 80,
      heightRows: 24,
      widthPixels: 640,
      heightPixels: 480,
      modes: Uint8Array.of(0),
    },
    '00000005 7674313030 00000050 00000018 00000280 000001e0 00000001 00',
  ),
  row(
    requests.x11Req,
    {
      singleConnection: true,
      authenticationProtocol: 'MIT-MAGIC-COOKIE-1',
      authenticationCookie: 'ab',
      screenNumber: 2,
    },
    '01 00000012 4d49542d4d414749432d434f4f4b49452d31 00000002 6162 00000002',
  ),
  row(requests.env, { variableName: 'A', variableValue: 'é' }, '00000001 41 00000002 c3a9'),
  row(requests.shell, {}, ''),
  row(requests.exec, { command: 'id' }, '00000002 6964'),
  row(requests.subsystem, { subsystemName: 'sftp' }, '00000004 73667470'),
  row(
    requests.windowChange,
    { widthColumns: 1, heightRows: 2, widthPixels: 3, heightPixels: 4 },
    '00000001 00000002 00000003 00000004',
  ),
  row(requests.xonXoff, { clientCanDo: false }, '00'),
  row(requests.signal, { signalName: 'INT' }, '00000003 494e54'),
  row(requests.exitStatus, { exitStatus: 0xffffffff }, 'ffffffff'),
  row(
    requests.exitSignal,
    { signalName: 'KILL', coreDumped: true, errorMessage: 'x', languageTag: '' },
    '00000004 4b494c4c 01 00000001 78 00000000',
  ),
  row(requests.authAgentReq, {}, ''),
  row(requests.eow, {}, ''),
  row(globals.tcpipForward, { addressToBind: '', portToBind: 0 }, '00000000 00000000'),
  row(globals.tcpipForwardReply, { boundPort: 8080 }, '00001f90'),
  row(globals.cancelTcpipForward, { addressToBind: 'a', portToBind: 1 }, '00000001 61 00000001'),
  row(globals.streamlocalForward, { socketPath: '/s' }, '00000002 2f73'),
  row(globals.cancelStreamlocalForward, { socketPath: '/s' }, '00000002 2f73'),
  row(globals.noMoreSessions, {}, ''),
  row(globals.hostkeys, { keys: [bytes('k'), bytes('')] }, '00000001 6b 00000000'),
  row(globals.hostkeysProve, { keys: [bytes('k')] }, '00000001 6b'),
  row(globals.hostkeysProveReply, { signatures: [bytes('s')] }, '00000001 73'),
  row(
    globals.hostkeysProofData,
    { label: globals.hostkeysProve.name, sessionId: bytes('i'), key: bytes('k') },
    '0000001d 686f73746b6579732d70726f76652d3030406f70656e7373682e636f6d 00000001 69 00000001 6b',
  ),
  row(globals.keepalive, {}, ''),
]

function row<T extends object>(
  declared: Struct<T>,
  value: T,
  hex: string,
): readonly [Struct<never>, object, string] {
  return [declared as unknown as Struct<never>, value, hex]
}

describe.each(rows.map(([declared, value, hex]) => ({ name: declared.name, declared, value, hex })))(
  '$name',
  ({ declared, value, hex }) => {
    const encoded = hexDecode(hex.replaceAll(' ', '')) as Uint8Array

    test('as in the RFC', () => {
      expect(hexEncode(declared.encode(value as never))).toBe(hexEncode(encoded))
      expect(declared.decode(encoded)).toEqual(value)
    })

    test('cut short or too long', () => {
      const legalLengths = new Set<number>()
      // Lists that run to the end may end after each element; exit-signal's language may be left out.
      if (declared.name.startsWith('hostkeys') && !declared.name.endsWith('proof'))
        for (const at of [0, 5]) legalLengths.add(at)
      if (declared.name === 'exit-signal') legalLengths.add(encoded.length - 4)
      for (let length = 0; length < encoded.length; length++)
        if (!legalLengths.has(length))
          expect(() => declared.decode(encoded.subarray(0, length)), `${length}`).toThrow(ProtocolError)
      expect(() => declared.decode(Uint8Array.of(...encoded, 0))).toThrow(ProtocolError)
    })
  },
)

describe('limits', () => {
  test.each([
    ['env', requests.env, (size: number) => ({ variableName: 'A', variableValue: 'x'.repeat(size) }), 32_768],
    ['exec', requests.exec, (size: number) => ({ command: 'x'.repeat(size) }), 262_144],
    ['subsystem', requests.subsystem, (size: number) => ({ subsystemName: 'x'.repeat(size) }), 262_144],
  ])('%s', (_, declared, value, limit) => {
    const encoded = (declared as Struct<object>).encode(value(limit))
    expect(declared.decode(encoded)).toEqual(value(limit))
    expect(() => (declared as Struct<object>).encode(value(limit + 1))).toThrow(UsageError)
    const longer = new Uint8Array(encoded.length + 1)
    longer.set(encoded)
    const view = new DataView(longer.buffer)
    const at = encoded.length - limit - 4
    view.setUint32(at, limit + 1)
    expect(() => declared.decode(longer)).toThrow(/the limit is/)
  })

  test('bytes count, not characters', () => {
    expect(() => requests.env.encode({ variableName: 'A', variableValue: 'é'.repeat(16_385) })).toThrow(
      UsageError,
    )
  })
})

describe('terminal modes', () => {
  test('as in RFC 4254 §8: opcode, uint32, then an end', () => {
    const encoded = encodeTerminalModes({ VINTR: 3, ECHO: 1, TTY_OP_OSPEED: 38_400, IUTF8: 1 })
    expect(hexEncode(encoded)).toBe('0100000003' + '3500000001' + '8100009600' + '2a00000001' + '00')
    expect(decodeTerminalModes(encoded)).toEqual({ VINTR: 3, ECHO: 1, TTY_OP_OSPEED: 38_400, IUTF8: 1 })
  })

  test('every mode there and back', () => {
    const all = Object.fromEntries(Object.keys(terminalModeOpcodes).map((name, at) => [name, at * 7]))
    const encoded = encodeTerminalModes(all)
    expect(encoded.length).toBeLessThan(requests.requestLimits.terminalModes)
    expect(decodeTerminalModes(encoded)).toEqual(all)
    expect(new Set(Object.values(terminalModeOpcodes)).size).toBe(Object.keys(terminalModeOpcodes).length)
  })

  test.each([
    ['nothing at all', '', {}],
    ['an end without modes', '00', {}],
    ['no end', '0100000003', { VINTR: 3 }],
    ['an opcode without a name is passed over', '1400000001' + '0100000003' + '00', { VINTR: 3 }],
    ['an opcode from 160 up ends it', '0100000003' + 'a0' + '0200000004', { VINTR: 3 }],
    ['what stands behind the end does not count', '00' + '0100000003', {}],
    ['the last of a name counts', '0100000003' + '0100000004' + '00', { VINTR: 4 }],
  ])('%s', (_, hex, modes) => {
    expect(decodeTerminalModes(hexDecode(hex) as Uint8Array)).toEqual(modes)
  })

  test('a value that is cut off', () => {
    for (const length of [1, 2, 3, 4])
      expect(() => decodeTerminalModes(Uint8Array.of(1, 0, 0, 0, 3).subarray(0, length))).toThrow(
        ProtocolError,
      )
  })

  test('what cannot be sent', () => {
    expect(() => encodeTerminalModes({ NONE: 1 } as never)).toThrow(/"NONE" is not a terminal mode/)
    expect(() => encodeTerminalModes({ toString: 1 } as never)).toThrow(UsageError)
    expect(() => encodeTerminalModes({ VINTR: -1 })).toThrow(UsageError)
  })

  test('garbage gives modes or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (encoded) => {
        try {
          decodeTerminalModes(encoded)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })
})

describe('data messages made by hand', () => {
  test('are what their declarations say', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.uint8Array({ maxLength: 50 }), (recipientChannel, data) => {
        const standard = Uint8Array.of(...messages.dataHead(recipientChannel, 0, data.length), ...data)
        expect(standard).toEqual(messages.channelData.encode({ recipientChannel, data }))
        expect(messages.readData(standard, 5)).toEqual(data)
        const stderr = Uint8Array.of(...messages.dataHead(recipientChannel, 1, data.length), ...data)
        expect(stderr).toEqual(
          messages.channelExtendedData.encode({ recipientChannel, dataTypeCode: 1, data }),
        )
        expect(messages.readData(stderr, 9)).toEqual(data)
        expect(messages.uint32At(stderr, 1)).toBe(recipientChannel)
      }),
    )
  })
})

describe('errors', () => {
  test('a refused channel says which, why, and the peer’s words', () => {
    const error = new ChannelOpenError('direct-tcpip', 2, 'Connection refused')
    expect(error).toMatchObject({
      code: 'SSH_CHANNEL_OPEN_FAILED',
      channelType: 'direct-tcpip',
      reason: 2,
      reasonName: 'CONNECT_FAILED',
      description: 'Connection refused',
    })
    expect(error.message).toBe(
      'opening a channel of type "direct-tcpip" was refused with CONNECT_FAILED: "Connection refused" (the peer could not reach what the channel is for)',
    )
    expect(new ChannelOpenError('x', 99, '').message).toBe(
      'opening a channel of type "x" was refused with 99',
    )
    expect(channelOpenReasonName(4)).toBe('RESOURCE_SHORTAGE')
  })

  test('a refused request says which', () => {
    expect(new ChannelRequestError('exec')).toMatchObject({
      code: 'SSH_CHANNEL_REQUEST_FAILED',
      request: 'exec',
      message: 'the peer refused the request "exec" on this channel',
    })
  })
})
