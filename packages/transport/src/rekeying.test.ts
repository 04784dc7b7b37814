import { equal } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { unimplemented } from './messages.ts'
import {
  authenticatedPair,
  connectedPair,
  ed25519HostKey,
  hostKey,
  oddChunks,
  output,
  payloads,
  run,
  seeded,
  settle,
} from './testing/kit.ts'
import { Puppet } from './testing/puppet.ts'

const data = (size: number, seed = 1): Uint8Array => {
  const payload = seeded(seed)(size)
  payload[0] = 94
  return payload
}

describe('rekeying', () => {
  for (const who of ['client', 'server', 'both'] as const)
    test(`by ${who}, with the session id kept and the host key asked about again`, () => {
      const pair = authenticatedPair()
      const id = pair.client.sessionId
      if (who !== 'server') pair.client.rekey()
      if (who !== 'client') pair.server.rekey()
      const events = run(pair)
      expect(events.client).toMatchObject([
        { type: 'ask-host-key', first: false, changed: false },
        { type: 'keys', first: false, negotiated: { strict: true } },
      ])
      expect(events.server).toMatchObject([{ type: 'ask-signature' }, { type: 'keys', first: false }])
      expect(pair.client.sessionId).toBe(id)
      expect(pair.server.sessionId).toEqual(id)
    })

  test('a changed host key is said to be changed', () => {
    const other = ed25519HostKey(9)
    const keys = [hostKey]
    const pair = authenticatedPair({}, { server: { hostKeys: keys } })
    keys[0] = other
    pair.client.rekey()
    const { client } = run(pair, undefined, other)
    expect(client[0]).toMatchObject({
      type: 'ask-host-key',
      first: false,
      changed: true,
      key: other.publicKey.blob,
    })
    pair.client.rekey()
    expect(run(pair, undefined, other).client[0]).toMatchObject({ changed: false })
  })

  test('messages that cross our KEXINIT are delivered, ours follow the keys', () => {
    const pair = authenticatedPair()
    pair.client.rekey()
    expect(pair.client.ready).toBe(false)
    expect(pair.client.rekeying).toBe(true)
    pair.server.send(data(10))
    pair.client.send(data(20))
    for (const chunk of output(pair.server)) pair.client.receive(chunk)
    expect(payloads(settle(pair.client))).toHaveLength(1)
    const { server } = run(pair)
    expect(server.map(({ type }) => type)).toEqual(['ask-signature', 'keys', 'message'])
  })

  test('comes by itself, by bytes and by packets, of either direction', () => {
    const cases = [
      [{ bytes: 5000 }, 6000, 1],
      [{ packets: 20 }, 10, 21],
    ] as const
    for (const [limits, size, count] of cases)
      for (const sender of ['client', 'server'] as const)
        for (const limited of ['client', 'server'] as const) {
          const pair = authenticatedPair({}, { [limited]: { rekey: limits } })
          for (let i = 0; i < count; i++) pair[sender].send(data(size))
          const events = run(pair)
          const label = `${sender} sends, ${limited} limits`
          expect(events.client.filter(({ type }) => type === 'keys').length, label).toBe(1)
          expect(events.server.filter(({ type }) => type === 'keys').length, label).toBe(1)
        }
  })

  test('storms from both sides under traffic lose nothing and keep the order', () => {
    for (const cut of [undefined, oddChunks(5, 700)]) {
      const pair = authenticatedPair({ rekey: { bytes: 3000, packets: 40 } })
      const got = { client: [] as Uint8Array[], server: [] as Uint8Array[] }
      let keys = 0
      for (let round = 0; round < 60; round++) {
        for (const name of ['client', 'server'] as const)
          for (let i = 0; i < 3; i++)
            if (pair[name].ready || i === 0) pair[name].send(data(10 + round * 7 + i, round))
        if (round % 3 === 0) pair.client.rekey()
        if (round % 4 === 0) pair.server.rekey()
        const events = run(pair, cut)
        got.client.push(...payloads(events.client))
        got.server.push(...payloads(events.server))
        keys += events.client.filter(({ type }) => type === 'keys').length
      }
      expect(keys).toBeGreaterThan(20)
      for (const name of ['client', 'server'] as const) {
        const lengths = got[name].map(({ length }) => length)
        expect(lengths.length).toBeGreaterThanOrEqual(60)
        expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
        for (const payload of got[name])
          expect(equal(payload, data(payload.length, Math.floor((payload.length - 10) / 7)))).toBe(true)
      }
    }
  })

  test('every key exchange can follow every other', () => {
    for (const kex of ['curve25519-sha256', 'ecdh-sha2-nistp521', 'diffie-hellman-group14-sha256']) {
      const pair = authenticatedPair({
        algorithms: { kex: [kex], cipher: ['aes256-ctr'], mac: ['hmac-sha2-512'] },
      })
      for (let i = 0; i < 3; i++) {
        pair.client.send(data(100))
        pair.server.rekey()
        expect(payloads(run(pair).server)).toHaveLength(1)
      }
    }
  })

  test('SUCCESS that a key exchange held back still opens the connection', () => {
    const puppet = new Puppet({ role: 'client' }).handshake()
    puppet.sendKexInit(false)
    settle(puppet.transport)
    puppet.transport.send(Uint8Array.of(52))
    puppet.transport.authenticated()
    puppet.transport.send(data(5))
    puppet.dance()
    puppet.sendNewKeys()
    expect(settle(puppet.transport)).toMatchObject([{ type: 'keys', first: false }])
    expect(puppet.numbers()).toEqual([20, 21, 52, 94])
    puppet.send(Uint8Array.of(90))
    expect(payloads(settle(puppet.transport))).toEqual([Uint8Array.of(90)])
  })

  test('asked for before authentication comes after it', () => {
    for (const name of ['client', 'server'] as const) {
      const pair = connectedPair()
      pair[name].rekey()
      expect(run(pair)).toEqual({ client: [], server: [] })
      pair.server.authenticated()
      pair.client.authenticated()
      expect(run(pair).client.map(({ type }) => type)).toEqual(['ask-host-key', 'keys'])
      expect(run(pair)).toEqual({ client: [], server: [] })
    }
  })

  test('that the peer does not know is an error, not a stall', () => {
    const puppet = new Puppet({ role: 'server' }).handshake().authenticated()
    puppet.transport.rekey()
    puppet.send(unimplemented.encode({ packetSequenceNumber: 7 }))
    expect(settle(puppet.transport)).toEqual([])
    puppet.send(unimplemented.encode({ packetSequenceNumber: 1 }))
    expect(() => settle(puppet.transport)).toThrow(/does not take our KEXINIT/)
  })
})
