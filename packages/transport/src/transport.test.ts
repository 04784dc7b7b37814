import { createProvider, defaultProvider, defaults } from '@hawser/crypto'
import { concat, equal, noBytes, type TraceEvent, UsageError, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { HostKeyError, NegotiationError } from './errors.ts'
import { serviceAccept, serviceRequest } from './messages.ts'
import {
  authenticatedPair,
  byteAtATime,
  connectedPair,
  ed25519HostKey,
  hostKey,
  makeClient,
  makeServer,
  oddChunks,
  output,
  payloads,
  run,
  seeded,
  seededProvider,
  settle,
} from './testing/kit.ts'
import { Puppet } from './testing/puppet.ts'
import { Transport } from './transport.ts'

const data = (size: number, seed = 1): Uint8Array => {
  const payload = seeded(seed)(size)
  payload[0] = 94
  return payload
}

describe('the first key exchange', () => {
  test('identification and KEXINIT leave at once, from both roles', () => {
    for (const transport of [makeClient(), makeServer()]) {
      const bytes = concat(...output(transport))
      const text = String.fromCharCode(...bytes.subarray(0, 22))
      expect(text).toBe('SSH-2.0-Hawser_0.1.0\r\n')
      expect(bytes[22 + 5]).toBe(20)
      expect(transport.queued).toBe(0)
    }
  })

  for (const kex of defaults.kex)
    test(`${kex} with the events in their order`, () => {
      const pair = { client: makeClient({ algorithms: { kex: [kex] } }), server: makeServer() }
      const events = run(pair)
      expect(events.client.map(({ type }) => type)).toEqual(['ident', 'ask-host-key', 'keys', 'ext-info'])
      expect(events.server.map(({ type }) => type)).toEqual(['ident', 'ask-signature', 'keys', 'ext-info'])
      expect(events.client[2]).toMatchObject({ first: true, negotiated: { kex, strict: true } })
      expect(pair.client.sessionId).toEqual(pair.server.sessionId)
      expect(pair.client.sessionId?.length).toBeGreaterThanOrEqual(32)
      expect(pair.client.ready && pair.server.ready).toBe(true)
    })

  test('works byte by byte and in odd chunks', () => {
    for (const cut of [byteAtATime, oddChunks(1, 40), oddChunks(2, 900)]) {
      const pair = { client: makeClient(), server: makeServer({ greeting: ['hello', 'there'] }) }
      const events = run(pair, cut)
      expect(events.client[0]).toMatchObject({ type: 'ident', greeting: ['hello', 'there'] })
      expect(pair.client.ready && pair.server.ready).toBe(true)
    }
  })

  test('keys event, properties and trace agree', () => {
    const seen: TraceEvent[] = []
    const pair = { client: makeClient({ trace: (event) => void seen.push(event) }), server: makeServer() }
    run(pair)
    expect(pair.client.negotiated).toMatchObject({
      kex: 'mlkem768x25519-sha256',
      serverHostKey: 'ssh-ed25519',
      macOut: '',
      macIn: '',
      compressionOut: 'none',
      compressionIn: 'none',
      strict: true,
    })
    expect(pair.client.remoteIdent?.software).toBe('Hawser_0.1.0')
    expect(pair.client.rekeying).toBe(false)
    const messages = seen.flatMap((event) =>
      event.type === 'message' ? [`${event.direction} ${event.name}`] : [event.type],
    )
    expect(messages).toEqual([
      'ident',
      'out kexInit',
      'ident',
      'in kexInit',
      'proposal',
      'proposal',
      'negotiated',
      'out kexEcdhInit',
      'in kexEcdhReply',
      'out newKeys',
      'out extInfo',
      'in newKeys',
      'in extInfo',
    ])
  })

  test('the server announces its signature algorithms, and the client keeps them', () => {
    const { client, server } = connectedPair()
    expect(client.serverSigAlgs).toEqual(expect.arrayContaining([...defaults.serverHostKey]))
    expect(client.serverSigAlgs).toContain('sk-ssh-ed25519@openssh.com')
    expect(client.serverSigAlgs).toContain('rsa-sha2-512')
    expect(client.serverSigAlgs).toContain('rsa-sha2-256')
    expect(server.serverSigAlgs).toBeUndefined()
    const other = connectedPair({}, { server: { serverSigAlgs: ['ssh-ed25519', 'rsa-sha2-512'] } })
    expect(other.client.serverSigAlgs).toEqual(['ssh-ed25519', 'rsa-sha2-512'])
  })
})

describe('every cipher with every MAC', () => {
  const combinations = defaults.cipher.flatMap((cipher): (readonly [string, string | undefined])[] =>
    defaultProvider.ciphers.find(({ name }) => name === cipher)?.aead
      ? [[cipher, undefined]]
      : defaults.mac.map((mac) => [cipher, mac]),
  )
  for (const [cipher, mac] of combinations)
    test(`${cipher} ${mac ?? ''}`, () => {
      const pair = authenticatedPair({
        algorithms: { cipher: [cipher], ...(mac === undefined ? {} : { mac: [mac] }) },
      })
      expect(pair.client.negotiated).toMatchObject({ cipherOut: cipher, cipherIn: cipher, macOut: mac ?? '' })
      for (const size of [1, 100, 32_768, 100_000]) {
        pair.client.send(data(size))
        pair.server.send(data(9, 2), data(size, 3))
      }
      pair.client.rekey()
      const { client, server } = run(pair, oddChunks(3, 9000))
      expect(payloads(server).map(({ length }) => length)).toEqual([1, 100, 32_768, 100_000])
      expect(payloads(client).map(({ length }) => length)).toEqual([10, 109, 32_777, 100_009])
      expect(equal(payloads(server)[3] as Uint8Array, data(100_000))).toBe(true)
      expect(equal(payloads(client)[3] as Uint8Array, concat(data(9, 2), data(100_000, 3)))).toBe(true)
    })
})

describe('sending', () => {
  test('services and authentication before authentication, channels after', () => {
    const pair = connectedPair()
    pair.client.send(serviceRequest.encode({ serviceName: 'ssh-userauth' }))
    const { server } = run(pair)
    expect(payloads(server)).toHaveLength(1)
    pair.server.send(serviceAccept.encode({ serviceName: 'ssh-userauth' }))
    expect(payloads(run(pair).client)).toHaveLength(1)
    pair.client.send(Uint8Array.of(50))
    expect(() => pair.client.send(Uint8Array.of(90))).toThrow(/not authenticated/)
    expect(payloads(run(pair).server)).toEqual([Uint8Array.of(50)])
    pair.client.authenticated()
    pair.server.authenticated()
    pair.client.send(Uint8Array.of(90))
    expect(payloads(run(pair).server)).toEqual([Uint8Array.of(90)])
  })

  test('what is not for higher layers, or not for this role, is refused', () => {
    const { client, server } = authenticatedPair()
    for (const number of [0, 1, 2, 3, 4, 7, 20, 21, 30, 192])
      expect(() => client.send(Uint8Array.of(number)), String(number)).toThrow(UsageError)
    expect(() => client.send(Uint8Array.of(6))).toThrow(UsageError)
    expect(() => server.send(Uint8Array.of(5))).toThrow(UsageError)
    expect(() => client.send(new Uint8Array(0))).toThrow(UsageError)
    expect(() => client.send(data(300_000))).toThrow(UsageError)
  })

  test('before the first keys messages wait', () => {
    const pair = { client: makeClient(), server: makeServer() }
    pair.client.send(serviceRequest.encode({ serviceName: 'ssh-userauth' }))
    expect(pair.client.ready).toBe(false)
    expect(payloads(run(pair).server)).toHaveLength(1)
  })

  test('what waits for a key exchange is bounded', () => {
    for (const [count, size] of [
      [65, 1],
      [5, 255_000],
    ] as const) {
      const { client } = authenticatedPair()
      client.rekey()
      for (let i = 1; i < count; i++) client.send(data(size))
      expect(() => client.send(data(size))).toThrow(/wait for the end of a key exchange/)
      expect(client.ended).toBe(true)
    }
  })

  test('queued counts what was not taken', () => {
    const { client } = authenticatedPair()
    client.send(data(1000))
    const bytes = client.queued
    expect(bytes).toBeGreaterThan(1000)
    client.rekey()
    client.send(data(500))
    expect(client.queued).toBeGreaterThan(bytes + 500)
    expect(concat(...output(client)).length).toBeGreaterThan(bytes)
    expect(client.queued).toBe(500)
  })
})

describe('questions', () => {
  test('while one is open nothing happens, and what arrives is kept', () => {
    const pair = { client: makeClient(), server: makeServer() }
    settle(pair.client)
    const exchange = (from: Transport, to: Transport): void => {
      for (const chunk of output(from)) to.receive(chunk)
    }
    exchange(pair.client, pair.server)
    expect(settle(pair.server).map(({ type }) => type)).toEqual(['ident'])
    exchange(pair.server, pair.client)
    settle(pair.client, { answer: false })
    exchange(pair.client, pair.server)
    const [ask] = settle(pair.server, { answer: false })
    expect(ask?.type).toBe('ask-signature')
    expect(pair.server.poll()).toBeUndefined()
    expect(pair.server.takeOutput()).toBeUndefined()
    if (ask?.type !== 'ask-signature') throw new Error('no question')
    expect(ask.hostKey).toBe(hostKey.publicKey)
    pair.server.provideSignature(hostKey.sign(ask.data))
    exchange(pair.server, pair.client)
    expect(settle(pair.client, { answer: false }).map(({ type }) => type)).toEqual(['ask-host-key'])
    expect(pair.client.poll()).toBeUndefined()
    expect(pair.client.takeOutput()).toBeUndefined()
    pair.client.acceptHostKey()
    expect(settle(pair.client).map(({ type }) => type)).toEqual(['keys', 'ext-info'])
  })

  test('a rejected host key ends the connection with HOST_KEY_NOT_VERIFIABLE', () => {
    const pair = { client: makeClient(), server: makeServer() }
    const events: unknown[] = []
    for (let round = 0; round < 4; round++) {
      for (const chunk of output(pair.client)) pair.server.receive(chunk)
      settle(pair.server)
      for (const chunk of output(pair.server)) pair.client.receive(chunk)
      for (let event = pair.client.poll(); event !== undefined; event = pair.client.poll()) {
        events.push(event.type)
        if (event.type === 'ask-host-key') pair.client.rejectHostKey('not in the list')
      }
    }
    expect(events).toEqual(['ident', 'ask-host-key', 'disconnect'])
    expect(pair.client.ended && pair.server.ended).toBe(true)
    expect(pair.client.ready || pair.server.ready).toBe(false)
  })

  test('a host key that cannot sign ends the connection with KEY_EXCHANGE_FAILED', () => {
    const pair = { client: makeClient(), server: makeServer() }
    for (const chunk of output(pair.client)) pair.server.receive(chunk)
    settle(pair.server)
    for (const chunk of output(pair.server)) pair.client.receive(chunk)
    settle(pair.client)
    for (const chunk of output(pair.client)) pair.server.receive(chunk)
    expect(settle(pair.server, { answer: false }).map(({ type }) => type)).toEqual(['ask-signature'])
    pair.server.failSignature('the agent is gone')
    expect(settle(pair.server)).toEqual([
      { type: 'disconnect', by: 'local', reason: 3, description: 'the agent is gone' },
    ])
    for (const chunk of output(pair.server)) pair.client.receive(chunk)
    expect(settle(pair.client)).toEqual([
      { type: 'disconnect', by: 'remote', reason: 3, description: 'the agent is gone' },
    ])
  })

  test('answers out of turn are refused, and after the end they do nothing', () => {
    const { client, server } = connectedPair()
    expect(() => client.acceptHostKey()).toThrow(UsageError)
    expect(() => client.rejectHostKey('')).toThrow(UsageError)
    expect(() => server.provideSignature(new Uint8Array(3))).toThrow(UsageError)
    expect(() => server.failSignature('')).toThrow(UsageError)
    for (const transport of [client, server]) {
      transport.disconnect(11, 'bye')
      transport.acceptHostKey()
      transport.rejectHostKey('')
      transport.provideSignature(new Uint8Array(3))
      transport.failSignature('')
      transport.send(Uint8Array.of(50))
      transport.rekey()
      transport.authenticated()
      transport.unimplemented(1)
      transport.disconnect(11)
      expect(settle(transport)).toHaveLength(1)
      expect(output(transport)).toHaveLength(1)
    }
  })

  test('a signature that is no signature blob is refused before it is sent', () => {
    const server = makeServer()
    const client = makeClient()
    for (const chunk of output(client)) server.receive(chunk)
    settle(server)
    for (const chunk of output(server)) client.receive(chunk)
    settle(client)
    for (const chunk of output(client)) server.receive(chunk)
    settle(server, { answer: false })
    for (const bad of [
      new Uint8Array(64),
      new Uint8Array(0),
      new Writer().string('ssh-rsa').string('x').finish(),
    ])
      expect(() => server.provideSignature(bad)).toThrow(/signature blob by ssh-ed25519/)
  })

  test('a signature by another key is found out', () => {
    const pair = { client: makeClient(), server: makeServer() }
    expect(() => run(pair, undefined, ed25519HostKey(8))).toThrow(HostKeyError)
    expect(pair.client.ended).toBe(true)
    expect(settle(pair.client)).toEqual([])
    for (const chunk of output(pair.client)) pair.server.receive(chunk)
    expect(settle(pair.server)).toMatchObject([{ type: 'disconnect', by: 'remote', reason: 3 }])
  })
})

describe('delayed compression', () => {
  /** No real compression: every payload is turned around, so that the two ends must start at the same packet. */
  const invert = (payload: Uint8Array): Uint8Array => payload.map((byte) => byte ^ 0xff)
  const compressor = { compress: (head: Uint8Array, body = noBytes) => invert(concat(head, body)) }
  const algorithm = (name: string, delayed: boolean) => ({
    name,
    delayed,
    compressor: () => compressor,
    decompressor: () => ({ decompress: invert }),
  })
  const turned = (delayed: boolean) => ({
    crypto: {
      ...createProvider(defaultProvider.backend),
      compressions: [algorithm('turned@example.org', delayed), ...defaultProvider.compressions],
    },
    algorithms: { compression: ['turned@example.org'] },
  })

  for (const delayed of [true, false])
    test(`starts ${delayed ? 'after SUCCESS' : 'with the first keys'} and goes on after new keys`, () => {
      const pair = connectedPair(turned(delayed))
      pair.server.send(Uint8Array.of(52))
      pair.server.authenticated()
      expect(payloads(run(pair).client)).toEqual([Uint8Array.of(52)])
      pair.client.authenticated()
      for (let i = 0; i < 3; i++) {
        pair.client.send(data(70))
        pair.server.send(data(60).subarray(0, 9), data(60).subarray(9))
        if (i === 1) pair.client.rekey()
        const { client, server } = run(pair)
        expect(payloads(client)).toEqual([data(60)])
        expect(payloads(server)).toEqual([data(70)])
      }
    })

  test('starts behind a SUCCESS that a key exchange holds back', () => {
    const names = ['turned@example.org']
    const lists = { compressionAlgorithmsClientToServer: names, compressionAlgorithmsServerToClient: names }
    const transport = makeServer(turned(true))
    const puppet = new Puppet({ role: 'client', transport }).handshake(lists)
    puppet.sendKexInit(false, lists)
    settle(transport)
    transport.send(Uint8Array.of(52))
    transport.authenticated()
    puppet.dance()
    expect(puppet.numbers()).toEqual([20, 21, 52])
    puppet.sendNewKeys()
    expect(settle(transport)).toMatchObject([{ type: 'keys' }])
    puppet.reader.decompress({ decompress: invert })
    puppet.writer.compress(compressor)
    transport.send(data(50))
    puppet.send(data(40))
    expect(payloads(settle(transport))).toEqual([data(40)])
    puppet.listen()
    expect(puppet.received).toEqual([data(50)])
  })
})

describe('the end', () => {
  test('DISCONNECT by either side, at each stage', () => {
    for (const who of ['client', 'server'] as const)
      for (const pair of [
        { client: makeClient(), server: makeServer() },
        connectedPair(),
        authenticatedPair(),
        (() => {
          const rekeying = authenticatedPair()
          rekeying[who].rekey()
          return rekeying
        })(),
      ]) {
        pair[who].disconnect(14, 'no more')
        const events = run(pair)
        expect(events[who].at(-1)).toEqual({
          type: 'disconnect',
          by: 'local',
          reason: 14,
          description: 'no more',
        })
        const other = who === 'client' ? 'server' : 'client'
        expect(events[other].at(-1)).toEqual({
          type: 'disconnect',
          by: 'remote',
          reason: 14,
          description: 'no more',
        })
        expect(pair.client.ended && pair.server.ended).toBe(true)
        expect(pair.client.ready || pair.server.ready || pair.client.rekeying).toBe(false)
      }
  })

  test('nothing that came before DISCONNECT is lost, nothing after it is given out', () => {
    const { client, server } = authenticatedPair()
    client.send(data(5))
    const first = output(client)
    client.disconnect(11)
    const last = output(client)
    for (const chunk of [...first, ...last, ...first]) server.receive(chunk)
    expect(settle(server).map(({ type }) => type)).toEqual(['message', 'disconnect'])
    server.receive(new Uint8Array(100))
    expect(settle(server)).toEqual([])
    expect(output(server)).toEqual([])
  })

  test('no algorithm in common: both sides say what both offered', () => {
    const pair = {
      client: makeClient({ algorithms: { cipher: ['aes128-ctr'] } }),
      server: makeServer({ algorithms: { cipher: ['aes256-ctr'] } }),
    }
    settle(pair.client)
    for (const chunk of output(pair.client)) pair.server.receive(chunk)
    for (const chunk of output(pair.server)) pair.client.receive(chunk)
    for (const [transport, category] of [
      [pair.client, 'cipherOut'],
      [pair.server, 'cipherOut'],
    ] as const) {
      expect(transport.poll()).toMatchObject({ type: 'ident' })
      try {
        transport.poll()
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(NegotiationError)
        expect(error).toMatchObject({ category, disconnectReason: 3 })
      }
      expect(output(transport)).toHaveLength(1)
    }
  })
})

describe('options', () => {
  const bad: readonly [string, () => unknown, RegExp][] = [
    [
      'unknown names',
      () => makeClient({ algorithms: { cipher: ['rot13', 'aes128-ctr'] } }),
      /"rot13".*supported are .*aes128-ctr/,
    ],
    ['an empty category', () => makeClient({ algorithms: { kex: [] } }), /algorithms.kex is empty/],
    ['a server without host keys', () => new Transport({ role: 'server' }), /at least one host key/],
    [
      'host keys that fit nothing',
      () => makeServer({ algorithms: { serverHostKey: ['rsa-sha2-256'] } }),
      /no host key fits/,
    ],
    ['an identification with a line end', () => makeClient({ ident: 'a\nb' }), /identification/],
    ['a greeting of a client', () => makeClient({ greeting: ['x'] }), /only a server/],
    ['rekey.bytes 0', () => makeClient({ rekey: { bytes: 0 } }), /rekey.bytes/],
    ['rekey.packets NaN', () => makeClient({ rekey: { packets: Number.NaN } }), /rekey.packets/],
    ['rekey.packets 2^32', () => makeClient({ rekey: { packets: 2 ** 32 } }), /rekey.packets/],
    ['maxPacket 1000', () => makeClient({ maxPacket: 1000 }), /maxPacket/],
    ['gex.min 1024', () => makeClient({ gex: { min: 1024 } }), /gex/],
  ]
  for (const [name, make, message] of bad)
    test(`refuse ${name}`, () => {
      expect(make).toThrow(UsageError)
      expect(make).toThrow(message)
    })

  test('a server offers what its host keys can do, in the order of preference', () => {
    const able = { ...hostKey, algorithms: ['rsa-sha2-256', 'rsa-sha2-512', 'odd'] }
    const pair = {
      client: makeClient({ algorithms: { serverHostKey: ['ssh-ed25519'] } }),
      server: makeServer({ hostKeys: [able] }),
    }
    try {
      run(pair)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        category: 'serverHostKey',
        ...(pair.server.ended
          ? { ours: ['rsa-sha2-512', 'rsa-sha2-256'] }
          : { theirs: ['rsa-sha2-512', 'rsa-sha2-256'] }),
      })
    }
  })

  test('the random source is the provider’s alone', () => {
    const bytes = (seed: number): Uint8Array =>
      concat(...output(makeClient({ crypto: seededProvider(seed) })))
    expect(bytes(5)).toEqual(bytes(5))
    expect(bytes(5)).not.toEqual(bytes(6))
  })
})
