import { concat, latin1Encode, ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { connectedPair, hostKey, makeClient, makeServer, output, run, seeded, settle } from './testing/kit.ts'
import { Puppet } from './testing/puppet.ts'
import type { Transport } from './transport.ts'

/** Feeds `bytes` in pieces; what happens may be anything but an error that is not the peer's. */
function survive(transport: Transport, bytes: Uint8Array, seed: number): void {
  const random = seeded(seed)
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + ((random(1)[0] as number) % 97)
      transport.receive(bytes.slice(at, at + size))
      settle(transport)
      at += size
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    expect(error.message).toMatch(/^[^A-Z]|^[A-Z_]{2}/)
    expect(transport.ended).toBe(true)
    expect(transport.poll()).toBeUndefined()
    expect(output(transport).length).toBeGreaterThan(0)
    expect(transport.poll()).toBeUndefined()
  }
}

const rounds = 150

describe('garbage meets only protocol errors', () => {
  for (const role of ['client', 'server'] as const) {
    const make = role === 'client' ? makeClient : makeServer
    const puppetRole = role === 'client' ? 'server' : 'client'

    test(`${role}: noise instead of everything`, () => {
      for (let seed = 1; seed <= rounds; seed++) survive(make(), seeded(seed)(300), seed)
    })

    test(`${role}: noise after the identification`, () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const noise = seeded(seed)(400)
        // Half of them with a length that is believed.
        if (seed % 2 === 0) noise.set([0, 0, 0, 60, 4 + (seed % 20)])
        survive(make(), concat(latin1Encode('SSH-2.0-x\r\n'), noise), seed)
      }
    })

    test(`${role}: a good first flight with changed bytes`, () => {
      const other = role === 'client' ? makeServer() : makeClient()
      const good = concat(...output(other))
      for (let seed = 1; seed <= rounds; seed++) {
        const random = seeded(seed)
        const bad = good.slice()
        for (let i = 0; i <= seed % 4; i++) {
          const [a, b, c] = random(3) as unknown as [number, number, number]
          bad[((a << 8) | b) % bad.length] = c
        }
        survive(make(), bad, seed)
      }
    })

    test(`${role}: a good first flight cut at each byte and followed by noise`, () => {
      const good = concat(...output(role === 'client' ? makeServer() : makeClient()))
      for (let cut = 0; cut < good.length; cut += 7)
        survive(make(), concat(good.subarray(0, cut), seeded(cut + 1)(64)), cut + 1)
    })

    test(`${role}: each message number with noise, before and after the keys`, () => {
      for (let number = 0; number < 256; number++)
        for (const keys of [false, true]) {
          const puppet = new Puppet({ role: puppetRole, strict: false })
          if (keys) puppet.handshake().authenticated()
          else {
            puppet.sendIdent()
            puppet.sendKexInit(true)
          }
          try {
            puppet.send(concat(Uint8Array.of(number), seeded(number + 1)(number % 60)))
            settle(puppet.transport)
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
          }
        }
    })

    test(`${role}: noise under the first keys is an error of authentication or length`, () => {
      for (let seed = 1; seed <= 30; seed++) {
        const pair = connectedPair()
        const transport = pair[role]
        transport.receive(seeded(seed)(40_000))
        expect(() => settle(transport)).toThrow(ProtocolError)
        expect(transport.ended).toBe(true)
      }
    })
  }

  test('KEXINITs with lying lengths', () => {
    const good = new Puppet({ role: 'client' }).kexInit(true)
    for (let at = 17; at < good.length; at += 3)
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const puppet = new Puppet({ role: 'client' })
        puppet.sendIdent()
        const bad = good.slice()
        bad[at] = value
        try {
          puppet.send(bad)
          settle(puppet.transport)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }
    expect(hostKey.algorithms).toEqual(['ssh-ed25519'])
  })

  test('packets lost, doubled or swapped on the way are found out', () => {
    for (const spoil of [
      (chunks: Uint8Array[]) => chunks.slice(1),
      (chunks: Uint8Array[]) => [chunks[0] as Uint8Array, ...chunks],
      (chunks: Uint8Array[]) => [...chunks].reverse(),
    ])
      for (const to of ['client', 'server'] as const) {
        const pair = connectedPair({
          algorithms: { cipher: ['aes256-ctr'], mac: ['hmac-sha2-256-etm@openssh.com'] },
        })
        const from = to === 'client' ? pair.server : pair.client
        for (let i = 0; i < 4; i++) from.send(new Uint8Array(10 + i).fill(50))
        const packets: Uint8Array[] = []
        packets.push(...output(from))
        for (const packet of spoil(packets)) pair[to].receive(packet)
        expect(() => settle(pair[to])).toThrow(/authentication failed/)
        expect(run({ client: makeClient(), server: makeServer() }).client.length).toBe(4)
      }
  })
})
