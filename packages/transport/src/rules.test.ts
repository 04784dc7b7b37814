import { createVerifier } from '@hawser/keys'
import { latin1Encode, ProtocolError, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { HostKeyError, LimitError } from './errors.ts'
import { PeerExtensions } from './ext-info.ts'
import { checkHostKey } from './host-key.ts'
import { kexEcdhInit, kexEcdhReply } from './kex/ecdh.ts'
import {
  debug,
  disconnect,
  extInfo,
  ignore,
  newKeys,
  ping,
  pong,
  serviceAccept,
  serviceRequest,
  unimplemented,
} from './messages.ts'
import { ed25519HostKey, hostKey, makeClient, makeServer, settle } from './testing/kit.ts'
import { Puppet, type PuppetOptions } from './testing/puppet.ts'

type Role = 'client' | 'server'

/** Where the transport stands when a message strikes it. `role` is the puppet's. */
const stages = {
  'before KEXINIT': (options: PuppetOptions) => {
    const puppet = new Puppet(options)
    puppet.sendIdent()
    return puppet
  },
  'first exchange': (options: PuppetOptions) => {
    const puppet = new Puppet(options)
    puppet.sendIdent()
    puppet.sendKexInit(true)
    return puppet
  },
  'before the first NEWKEYS': (options: PuppetOptions) => {
    const puppet = new Puppet(options)
    puppet.sendIdent()
    puppet.sendKexInit(true)
    puppet.dance()
    return puppet
  },
  'first keys': (options: PuppetOptions) => new Puppet(options).handshake(),
  authenticated: (options: PuppetOptions) => new Puppet(options).handshake().authenticated(),
  'our KEXINIT is out': (options: PuppetOptions) => {
    const puppet = new Puppet(options).handshake().authenticated()
    puppet.transport.rekey()
    return puppet
  },
  'later exchange': (options: PuppetOptions) => {
    const puppet = new Puppet(options).handshake().authenticated()
    puppet.sendKexInit(false)
    return puppet
  },
  'before a later NEWKEYS': (options: PuppetOptions) => {
    const puppet = new Puppet(options).handshake().authenticated()
    puppet.sendKexInit(false)
    puppet.dance()
    return puppet
  },
} as const
type Stage = keyof typeof stages

/** A well-formed message of each number that we know; one byte for the rest. */
function sample(puppet: Puppet, number: number, stage: Stage): Uint8Array {
  switch (number) {
    case 1:
      return disconnect.encode({ reasonCode: 11, description: 'bye', languageTag: '' })
    case 2:
      return ignore.encode({ data: new Writer().string('x').finish() })
    case 3:
      return unimplemented.encode({ packetSequenceNumber: 7 })
    case 4:
      return debug.encode({ alwaysDisplay: true, message: 'x', languageTag: '' })
    case 5:
      return serviceRequest.encode({ serviceName: 'ssh-userauth' })
    case 6:
      return serviceAccept.encode({ serviceName: 'ssh-userauth' })
    case 7:
      return extInfo.encode({ extensions: [] })
    case 20:
      return puppet.kexInit(stage === 'before KEXINIT')
    case 21:
      return newKeys.encode({})
    case 192:
      return ping.encode({ data: Uint8Array.of(1) })
    case 193:
      return pong.encode({ data: Uint8Array.of(1) })
    default:
      return Uint8Array.of(number)
  }
}

type Outcome =
  | 'refused'
  | 'unimplemented'
  | 'delivered'
  | 'disconnect'
  | 'ext-info'
  | 'keys'
  | 'pong'
  | 'accepted'

function strike(puppet: Puppet, payload: Uint8Array): Outcome {
  settle(puppet.transport)
  puppet.numbers()
  const seq = puppet.writer.seq
  puppet.send(payload)
  try {
    const [event, ...more] = settle(puppet.transport)
    expect(more).toEqual([])
    puppet.listen()
    const answer = puppet.received.find((message) => message[0] === 3)
    if (event === undefined) {
      if (answer === undefined) return 'accepted'
      expect(unimplemented.decode(answer).packetSequenceNumber).toBe(seq)
      return 'unimplemented'
    }
    expect(answer).toBeUndefined()
    if (event.type === 'message') {
      expect(event).toEqual({ type: 'message', payload, seq })
      return 'delivered'
    }
    if (
      event.type === 'disconnect' ||
      event.type === 'ext-info' ||
      event.type === 'keys' ||
      event.type === 'pong'
    )
      return event.type
    throw new Error(`unexpected event ${event.type}`)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect(puppet.transport.ended).toBe(true)
    expect(puppet.transport.poll()).toBeUndefined()
    puppet.listen()
    const last = puppet.received.at(-1) as Uint8Array
    expect(disconnect.decode(last)).toMatchObject({
      reasonCode: (error as ProtocolError).disconnectReason,
      description: (error as Error).message,
    })
    return 'refused'
  }
}

/** The rules once more, by stage, in another form than the transport's own: everything not named here is refused. */
function expected(stage: Stage, strict: boolean, puppetRole: Role, number: number): Outcome {
  if (number === 1) return 'disconnect'
  const keys = !['before KEXINIT', 'first exchange', 'before the first NEWKEYS'].includes(stage)
  const free = ['first keys', 'authenticated', 'our KEXINIT is out'].includes(stage)
  const authenticated = free && stage !== 'first keys'
  const restricted = strict && (stage === 'first exchange' || stage === 'before the first NEWKEYS')
  if (number <= 4 && number >= 2) return restricted ? 'refused' : 'accepted'
  const isUnassigned = number === 0 || (number >= 8 && number <= 19) || (number >= 22 && number <= 29)
  if (isUnassigned) return restricted ? 'refused' : 'unimplemented'
  if (number === 20) return stage === 'before KEXINIT' || free ? 'accepted' : 'refused'
  if (number === 21) return /before .* NEWKEYS/.test(stage) ? 'keys' : 'refused'
  if (!keys || !free) return 'refused'
  if (number === 5) return puppetRole === 'client' ? 'delivered' : 'refused'
  if (number === 6) return puppetRole === 'server' ? 'delivered' : 'refused'
  if (number === 7 && stage === 'first keys') return 'ext-info'
  if (number >= 50 && number <= 79) return 'delivered'
  if (!authenticated || number < 80) return 'refused'
  if (number <= 127) return 'delivered'
  if (number === 193) return 'pong'
  return number === 192 ? 'accepted' : 'unimplemented'
}

const numbers = [
  ...Array.from({ length: 36 }, (_, number) => number),
  ...[48, 49, 50, 52, 60, 79, 80, 82, 83, 90, 94, 100, 101, 127, 128, 191, 192, 193, 194, 255],
]

describe('each message at each stage', () => {
  for (const role of ['client', 'server'] as const)
    for (const strict of [true, false])
      for (const [stage, reach] of Object.entries(stages) as [Stage, (o: PuppetOptions) => Puppet][])
        test(`${stage}, from a ${role}, ${strict ? 'strict' : 'not strict'}`, () => {
          for (const number of numbers) {
            // The one message of the exchange that is awaited is malformed here, and refused for that.
            const puppet = reach({ role, strict })
            const outcome = strike(puppet, sample(puppet, number, stage))
            expect(`${number} ${outcome}`).toBe(`${number} ${expected(stage, strict, role, number)}`)
          }
        })

  test('an unknown message is answered, and everything goes on', () => {
    const puppet = new Puppet({ role: 'client' }).handshake().authenticated()
    for (const number of [8, 22, 128, 255])
      expect(strike(puppet, Uint8Array.of(number))).toBe('unimplemented')
    expect(strike(puppet, Uint8Array.of(90))).toBe('delivered')
  })

  test('a higher layer can say that it does not know a message', () => {
    const puppet = new Puppet({ role: 'client' }).handshake().authenticated()
    puppet.transport.unimplemented(77)
    puppet.listen()
    expect(unimplemented.decode(puppet.received[0] as Uint8Array).packetSequenceNumber).toBe(77)
  })
})

describe('strict key exchange', () => {
  for (const role of ['client', 'server'] as const) {
    test(`refuses anything before KEXINIT from a ${role}`, () => {
      for (const number of [2, 3, 4, 9]) {
        const puppet = new Puppet({ role })
        puppet.sendIdent()
        puppet.send(sample(puppet, number, 'before KEXINIT'))
        settle(puppet.transport)
        puppet.sendKexInit(true)
        expect(() => settle(puppet.transport)).toThrow(/KEXINIT came as packet 1/)
      }
    })

    test(`an ignore put in by somebody in the middle, and a packet taken out behind it, are found out (${role})`, () => {
      // Without strict key exchange the numbers fit again after this: the attack called Terrapin.
      const puppet = new Puppet({ role })
      puppet.sendIdent()
      puppet.sendKexInit(true)
      settle(puppet.transport)
      puppet.send(ignore.encode({ data: new Uint8Array(4) }))
      expect(() => settle(puppet.transport)).toThrow(/ignore is not allowed here.*strict/)
    })

    test(`resets sequence numbers at every NEWKEYS, and only then (${role})`, () => {
      for (const strict of [true, false]) {
        const puppet = new Puppet({ role, strict }).handshake().authenticated()
        const atFirst = puppet.writer.seq
        expect(atFirst).toBe(strict ? 0 : 3)
        puppet.send(Uint8Array.of(90))
        puppet.send(Uint8Array.of(91))
        expect(settle(puppet.transport)).toMatchObject([{ seq: atFirst }, { seq: atFirst + 1 }])
        puppet.sendKexInit(false)
        puppet.dance()
        puppet.sendNewKeys()
        settle(puppet.transport)
        puppet.send(Uint8Array.of(92))
        expect(settle(puppet.transport)).toMatchObject([{ seq: puppet.writer.seq - 1 }])
        expect(puppet.writer.seq === 1).toBe(strict)
      }
    })

    test(`is decided by the first KEXINIT alone (${role})`, () => {
      const puppet = new Puppet({ role, strict: false }).handshake().authenticated()
      const marker = role === 'client' ? 'kex-strict-c-v00@openssh.com' : 'kex-strict-s-v00@openssh.com'
      puppet.sendKexInit(false, { kexAlgorithms: ['curve25519-sha256', marker] })
      puppet.dance()
      puppet.send(ignore.encode({ data: new Uint8Array(0) }))
      puppet.sendNewKeys()
      expect(settle(puppet.transport)).toMatchObject([{ type: 'keys', negotiated: { strict: false } }])
    })
  }

  test('our markers stand in the first KEXINIT only', () => {
    for (const role of ['client', 'server'] as const) {
      const puppet = new Puppet({ role })
      puppet.listen()
      const text = (): string =>
        String.fromCharCode(...(puppet.received.filter((payload) => payload[0] === 20).at(-1) as Uint8Array))
      expect(text()).toContain('kex-strict-')
      expect(text()).toContain('ext-info-')
      puppet.handshake().authenticated()
      puppet.transport.rekey()
      puppet.listen()
      expect(text()).toContain('curve25519-sha256')
      expect(text()).not.toContain('kex-strict-')
      expect(text()).not.toContain('ext-info-')
    }
  })
})

describe('the peer’s guess', () => {
  const guess = { firstKexPacketFollows: true }
  test('right: its message counts', () => {
    const puppet = new Puppet({ role: 'client' })
    puppet.handshake(guess)
    expect(puppet.transport.ready).toBe(true)
  })
  for (const [name, lists] of [
    ['kex', { kexAlgorithms: ['ecdh-sha2-nistp256', 'curve25519-sha256', 'kex-strict-c-v00@openssh.com'] }],
    ['host key', { serverHostKeyAlgorithms: ['rsa-sha2-512', 'ssh-ed25519'] }],
  ] as const)
    test(`wrong by ${name}: its message is dropped, once`, () => {
      const puppet = new Puppet({ role: 'client' })
      puppet.sendIdent()
      puppet.sendKexInit(true, { ...guess, ...lists })
      puppet.send(kexEcdhInit.encode({ clientPublic: new Uint8Array(99) }))
      puppet.dance()
      puppet.sendNewKeys()
      expect(settle(puppet.transport)).toMatchObject([{ type: 'keys' }])
    })
  test('wrong, and the message is not sent again: the next is taken for real', () => {
    const puppet = new Puppet({ role: 'client' })
    puppet.sendIdent()
    puppet.sendKexInit(true)
    puppet.send(kexEcdhInit.encode({ clientPublic: new Uint8Array(99) }))
    expect(() => settle(puppet.transport)).toThrow(ProtocolError)
  })
  test('of a server: right or wrong, the exchange goes on', () => {
    for (const lists of [{}, { kexAlgorithms: ['ecdh-sha2-nistp256', 'curve25519-sha256'] }]) {
      const puppet = new Puppet({ role: 'server', strict: false })
      puppet.sendIdent()
      puppet.sendKexInit(true, { ...guess, ...lists })
      if ('kexAlgorithms' in lists)
        puppet.send(
          kexEcdhReply.encode({
            hostKey: new Uint8Array(1),
            serverPublic: new Uint8Array(1),
            signature: new Uint8Array(1),
          }),
        )
      puppet.dance()
      puppet.sendNewKeys()
      expect(settle(puppet.transport)).toMatchObject([{ type: 'keys' }])
    }
  })
})

describe('the server’s proof', () => {
  /** A puppet server that answers the client's init with what `spoil` makes of its reply. */
  const reply = (
    spoil: (reply: { hostKey: Uint8Array; serverPublic: Uint8Array; signature: Uint8Array }) => object,
  ) => {
    const puppet = new Puppet({ role: 'server' })
    const send = puppet.send.bind(puppet)
    puppet.send = (payload) =>
      send(
        payload[0] === kexEcdhReply.number
          ? kexEcdhReply.encode({ ...kexEcdhReply.decode(payload), ...spoil(kexEcdhReply.decode(payload)) })
          : payload,
      )
    puppet.sendIdent()
    puppet.sendKexInit(true)
    puppet.dance()
    return puppet.transport
  }
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const rsaBlob = (bits: number): Uint8Array =>
    new Writer()
      .string('ssh-rsa')
      .mpint(65_537n)
      .mpint((1n << BigInt(bits - 1)) + 1n)
      .finish()

  const cases: readonly [string, Parameters<typeof reply>[0], string][] = [
    [
      'a changed signature',
      ({ signature }) => ({ signature: flipped(signature, signature.length - 1) }),
      'SSH_HOST_KEY_SIGNATURE',
    ],
    [
      'another algorithm name in it',
      ({ signature }) => ({ signature: flipped(signature, 5) }),
      'SSH_HOST_KEY_SIGNATURE',
    ],
    ['no signature', () => ({ signature: new Uint8Array(0) }), 'SSH_HOST_KEY_SIGNATURE'],
    ['another key', () => ({ hostKey: ed25519HostKey(5).publicKey.blob }), 'SSH_HOST_KEY_SIGNATURE'],
    ['a key of another type', () => ({ hostKey: rsaBlob(2048) }), 'SSH_HOST_KEY_TYPE'],
    ['half a key', ({ hostKey: key }) => ({ hostKey: key.subarray(0, 2) }), 'SSH_HOST_KEY_UNUSABLE'],
    ['no key', () => ({ hostKey: new Uint8Array(0) }), 'SSH_HOST_KEY_UNUSABLE'],
  ]
  for (const [name, spoil, code] of cases)
    test(`is refused: ${name}`, () => {
      try {
        reply(spoil)
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(HostKeyError)
        expect(error).toMatchObject({ code, disconnectReason: 3, algorithm: 'ssh-ed25519' })
      }
    })
  test('a key that is too weak is refused, and the error says so', () => {
    const verify = createVerifier()
    const [weak, strong] = [1024, 2048].map((bits) => rsaBlob(bits)) as [Uint8Array, Uint8Array]
    const check = (blob: Uint8Array): unknown =>
      checkHostKey(verify, 'rsa-sha2-256', blob, new Uint8Array(32), new Uint8Array(9))
    expect(() => check(weak)).toThrow(/1024 bits is too weak/)
    expect(() => check(strong)).toThrow(/does not fit its host key/)
  })
  test('an all-zero or short public value is refused', () => {
    for (const serverPublic of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0)])
      expect(() => reply(() => ({ serverPublic }))).toThrow(ProtocolError)
  })
  test('passes when nothing is spoilt', () => {
    expect(reply(() => ({})).sessionId).toHaveLength(32)
  })
})

describe('extensions', () => {
  const empty = extInfo.encode({ extensions: [] })
  const accept = serviceAccept.encode({ serviceName: 'ssh-userauth' })
  const ask = serviceRequest.encode({ serviceName: 'ssh-userauth' })

  test.each([
    ['a server, first of all', 'server', [], true],
    ['a server, behind noise', 'server', [ignore.encode({ data: new Uint8Array(0) })], true],
    ['a server, twice at once', 'server', [empty], false],
    ['a server, in front of SERVICE_ACCEPT', 'server', [Uint8Array.of(53)], false],
    ['a server, during authentication', 'server', [accept], true],
    ['a server, during authentication, a second time', 'server', [empty, accept, Uint8Array.of(51)], true],
    ['a server, during authentication, a third time', 'server', [empty, accept, empty], false],
    ['a client, first of all', 'client', [], true],
    ['a client, twice', 'client', [empty], false],
    ['a client, behind something else', 'client', [ask], false],
  ] as const)('%s', (_, role, before, isLegal) => {
    const puppet = new Puppet({ role }).handshake()
    for (const message of before) puppet.send(message)
    settle(puppet.transport)
    puppet.send(empty)
    const run = (): unknown => settle(puppet.transport)
    if (isLegal) expect(run()).toMatchObject([{ type: 'ext-info' }])
    else expect(run).toThrow(/EXT_INFO/)
  })

  test('a client that has not offered it takes a second EXT_INFO right in front of SUCCESS only', () => {
    for (const [next, isLegal] of [
      [52, true],
      [51, false],
    ] as const) {
      const extensions = new PeerExtensions('client')
      extensions.receive(empty)
      extensions.passed(serviceAccept.number)
      extensions.receive(empty)
      if (isLegal) extensions.passed(next)
      else expect(() => extensions.passed(next)).toThrow(/in front of SUCCESS/)
    }
  })

  test('server-sig-algs is kept by a client, careless commas and all', () => {
    const puppet = new Puppet({ role: 'server' }).handshake()
    puppet.send(
      extInfo.encode({ extensions: [{ name: 'server-sig-algs', value: latin1Encode('a,,rsa-sha2-256,') }] }),
    )
    settle(puppet.transport)
    expect(puppet.transport.serverSigAlgs).toEqual(['a', 'rsa-sha2-256'])
  })

  test('a count that lies is refused', () => {
    const puppet = new Puppet({ role: 'server' }).handshake()
    puppet.send(new Writer().byte(7).uint32(100_000).finish())
    expect(() => settle(puppet.transport)).toThrow(ProtocolError)
  })

  test('a ping is answered, also when a key exchange makes it wait', () => {
    const puppet = new Puppet({ role: 'client' }).handshake().authenticated()
    puppet.send(ping.encode({ data: Uint8Array.of(1, 2, 3) }))
    settle(puppet.transport)
    puppet.listen()
    expect(pong.decode(puppet.received[0] as Uint8Array).data).toEqual(Uint8Array.of(1, 2, 3))
    puppet.received.length = 0
    puppet.transport.rekey()
    puppet.send(ping.encode({ data: Uint8Array.of(4) }))
    puppet.sendKexInit(false)
    puppet.dance()
    puppet.sendNewKeys()
    settle(puppet.transport)
    expect(puppet.numbers().filter((number) => number !== 20)).toEqual([21, 193])
  })
})

describe('limits', () => {
  test('packets grow with authentication', () => {
    for (const authenticated of [false, true]) {
      const puppet = new Puppet({ role: 'client' }).handshake()
      if (authenticated) puppet.authenticated()
      puppet.send(new Uint8Array(60_000).fill(50))
      if (authenticated) expect(settle(puppet.transport)).toHaveLength(1)
      else expect(() => settle(puppet.transport)).toThrow(LimitError)
    }
  })

  test('maxPacket is the limit after authentication', () => {
    const transport = makeServer({ maxPacket: 40_000 })
    const puppet = new Puppet({ role: 'client', transport }).handshake().authenticated()
    puppet.send(new Uint8Array(39_000).fill(50))
    expect(settle(transport)).toHaveLength(1)
    puppet.send(new Uint8Array(41_000).fill(50))
    expect(() => settle(transport)).toThrow(/limit is 40000/)
  })

  test('messages that lead nowhere have an end before authentication', () => {
    const puppet = new Puppet({ role: 'client' }).handshake()
    const nothing = ignore.encode({ data: new Uint8Array(0) })
    expect(() => {
      for (let i = 0; i < 5000; i++) {
        puppet.send(nothing)
        settle(puppet.transport)
      }
    }).toThrow(LimitError)
  })

  test('asyncssh’s ignore before every packet is legal, without strict key exchange even in the first one', () => {
    for (const strict of [true, false]) {
      const puppet = new Puppet({ role: 'client', strict })
      const send = puppet.send.bind(puppet)
      let free = !strict
      puppet.send = (payload) => {
        if (free) send(ignore.encode({ data: new Uint8Array(8) }))
        send(payload)
      }
      puppet.handshake()
      free = true
      puppet.authenticated()
      puppet.send(Uint8Array.of(90))
      expect(settle(puppet.transport)).toHaveLength(1)
      puppet.sendKexInit(false)
      puppet.dance()
      puppet.sendNewKeys()
      expect(settle(puppet.transport)).toMatchObject([{ type: 'keys', first: false }])
    }
  })

  test('pings whose answers are not read have an end', () => {
    const puppet = new Puppet({ role: 'client' }).handshake().authenticated()
    const question = ping.encode({ data: new Uint8Array(30_000) })
    expect(() => {
      for (let i = 0; i < 100; i++) {
        puppet.send(question)
        settle(puppet.transport)
      }
    }).toThrow(/a ping, while \d+ bytes wait/)
    expect(puppet.transport.queued).toBeLessThan(1_200_000)
  })

  test('key exchanges have an end before authentication', () => {
    const puppet = new Puppet({ role: 'client' }).handshake()
    expect(() => {
      for (let i = 0; i < 20; i++) {
        puppet.sendKexInit(false)
        puppet.dance()
        puppet.sendNewKeys()
        settle(puppet.transport)
      }
    }).toThrow(/16 key exchanges before authentication/)
  })
})

describe('DISCONNECT', () => {
  test('without language tag, or without description, is understood', () => {
    const tail = [new Writer().string('bye').string(''), new Writer().string('bye'), new Writer()]
    for (const [at, writer] of tail.entries()) {
      const puppet = new Puppet({ role: 'server' }).handshake()
      puppet.send(new Writer().byte(1).uint32(2).bytes(writer.finish()).finish())
      expect(settle(puppet.transport)).toEqual([
        { type: 'disconnect', by: 'remote', reason: 2, description: at === 2 ? '' : 'bye' },
      ])
    }
  })
})

describe('the identification', () => {
  test('a peer that speaks something else gets an error and DISCONNECT', () => {
    const client = makeClient()
    client.receive(latin1Encode('HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n'))
    expect(() => client.poll()).toThrow(/HTTP/)
    expect(client.poll()).toBeUndefined()
    expect(client.ended).toBe(true)
  })
  test('what came instead of an identification can be told', () => {
    const client = makeClient()
    client.receive(latin1Encode('220 mail.example.org ESMTP\r\n'))
    expect(client.poll()).toBeUndefined()
    expect(client.preamble).toBe('220 mail.example.org ESMTP\r\n')
  })
  test('quirks follow from it', () => {
    const puppet = new Puppet({ role: 'server', ident: 'SSH-1.99-Cisco-1.25' })
    puppet.sendIdent()
    settle(puppet.transport)
    expect([...puppet.transport.quirks]).toEqual(['gex-4096'])
    expect(puppet.transport.remoteIdent).toEqual({
      raw: 'SSH-1.99-Cisco-1.25',
      protocol: '1.99',
      software: 'Cisco-1.25',
      comments: '',
    })
    expect(hostKey.publicKey.type).toBe('ssh-ed25519')
  })
})
