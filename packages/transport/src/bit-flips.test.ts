/** After the key exchange: 5,000 flipped bits, each of them found; and bytes one at a time, which tell the same as all at once. */

import { defaultProvider, supported } from '@hawser/crypto'
import { concat, ProtocolError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { TransportEvent } from './event.ts'
import {
  authenticatedPair,
  byteAtATime,
  makeClient,
  makeServer,
  oddChunks,
  output,
  type Pair,
  payloads,
  run,
  seeded,
} from './testing/kit.ts'
import type { Transport } from './transport.ts'

const kex = ['curve25519-sha256']
const aeads = defaultProvider.ciphers.filter(({ aead }) => aead).map(({ name }) => name)

/** One of each way in which packets are sealed: AEADs, CTR and CBC, a MAC of the clear packet, one of the sealed packet, UMAC. */
const families: readonly (readonly [cipher: string, mac: string])[] = [
  ...supported.cipher.filter((name) => aeads.includes(name)).map((name) => [name, 'hmac-sha2-256'] as const),
  ...[
    'hmac-sha2-256',
    'hmac-sha2-512-etm@openssh.com',
    'umac-64@openssh.com',
    'umac-128-etm@openssh.com',
    'hmac-sha1',
  ].map((mac) => ['aes256-ctr', mac] as const),
  ...['hmac-sha2-512', 'hmac-sha2-256-etm@openssh.com'].map((mac) => ['aes128-cbc', mac] as const),
]
const roles = ['client', 'server'] as const
const positions = 5_000
/** Of each family, by each role. */
const each = Math.ceil(positions / families.length / roles.length)
const total = each * families.length * roles.length

function pairOf([cipher, mac]: readonly [string, string]): Pair {
  return authenticatedPair({ algorithms: { kex, cipher: [cipher], mac: [mac] } })
}

const sent = [5, 100, 33, 1_000].map((size, at) => Uint8Array.of(94, at, ...seeded(at + 1)(size)))

/** More than the longest packet: a length that was made longer waits for this much and no more. */
const filler = new Uint8Array(270_000)

test(`${total} bits are flipped below`, () => {
  expect(total).toBeGreaterThanOrEqual(positions)
})

describe.each(roles)('flipped bits are found by the %s', (role) => {
  test.each(families)('%s with %s', (...family) => {
    const random = seeded(family.join().length + role.length)
    for (let flip = 0; flip < each; flip++) {
      const pair = pairOf(family)
      const victim = pair[role]
      const peer = pair[role === 'client' ? 'server' : 'client']
      for (const payload of sent) peer.send(payload)
      const bytes = concat(...output(peer))
      const [high, low, which] = random(3) as unknown as [number, number, number]
      // Spread over all bytes, so that lengths, contents and tags of each packet have their turn.
      const at = (Math.floor((bytes.length * flip) / each) + (((high << 8) | low) % 7)) % bytes.length
      bytes[at] = (bytes[at] as number) ^ (1 << (which % 8))
      const told = refusal(victim, bytes)
      const where = `bit ${which % 8} of byte ${at} of ${bytes.length}`
      expect(told.error, where).toBeInstanceOf(ProtocolError)
      expect(victim.ended, where).toBe(true)
      // What came before the packet is told, and it alone: nothing of what was changed, and nothing behind it.
      expect(told.payloads.length, where).toBeLessThan(sent.length)
      expect(told.payloads, where).toEqual(sent.slice(0, told.payloads.length))
      // The DISCONNECT that says so.
      expect(output(victim).length, where).toBeGreaterThan(0)
    }
  })
})

/** What `victim` tells before it refuses `bytes`. */
function refusal(victim: Transport, bytes: Uint8Array): { payloads: Uint8Array[]; error: unknown } {
  const events: TransportEvent[] = []
  try {
    for (const piece of [bytes, filler]) {
      victim.receive(piece.slice())
      for (let event = victim.poll(); event !== undefined; event = victim.poll()) events.push(event)
    }
  } catch (error) {
    return { payloads: payloads(events), error }
  }
  return { payloads: payloads(events), error: undefined }
}

describe('the same events, however the bytes are cut', () => {
  test.each(families)('%s with %s', (...family) => {
    const whole = told(family, (chunk) => [chunk])
    expect(whole.client.length).toBeGreaterThan(8)
    expect(whole.server.length).toBeGreaterThan(8)
    expect(told(family, byteAtATime)).toEqual(whole)
    expect(told(family, oddChunks(3, 40))).toEqual(whole)
  })
})

/** Both sides of a whole life: keys, data both ways, new keys, more data, a ping, the end. */
function told(
  [cipher, mac]: readonly [string, string],
  cut: (chunk: Uint8Array) => readonly Uint8Array[],
): { client: string[]; server: string[] } {
  const algorithms = { kex, cipher: [cipher], mac: [mac] }
  const pair = { client: makeClient({ algorithms }), server: makeServer({ algorithms }) }
  const seen: { client: string[]; server: string[] } = { client: [], server: [] }
  const step = (act: () => void): void => {
    act()
    const { client, server } = run(pair, cut)
    seen.client.push(...client.map(line))
    seen.server.push(...server.map(line))
  }
  step(() => undefined)
  for (const role of roles) pair[role].authenticated()
  for (const role of roles)
    step(() => {
      for (const payload of sent) pair[role].send(payload)
    })
  step(() => pair.client.rekey())
  step(() => pair.server.send(sent[1] as Uint8Array))
  step(() => pair.client.ping(Uint8Array.of(1, 2)))
  step(() => pair.server.disconnect(11, 'done'))
  return seen
}

/** An event without what is random in it: the keys. */
function line(event: TransportEvent): string {
  if (event.type === 'message') return `message ${event.seq} ${[...event.payload].join()}`
  if (event.type === 'disconnect') return `disconnect ${event.by} ${event.reason} ${event.description}`
  if (event.type === 'keys')
    return `keys ${event.first} ${event.negotiated.cipherIn} ${event.negotiated.macIn}`
  if (event.type === 'pong') return `pong ${[...event.data].join()}`
  return event.type
}
