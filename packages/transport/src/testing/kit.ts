/** For this package's tests: a seeded source, host keys from fixed seeds, two transports in memory, and settling one. */

import { type CryptoProvider, createProvider, defaultProvider } from '@hawser/crypto'
import { Writer } from '@hawser/wire'
import type { TransportEvent } from '../event.ts'
import type { HostKey, TransportOptions } from '../options.ts'
import { Transport } from '../transport.ts'

/** Bytes that are the same for the same seed (xorshift32). */
export function seeded(seed: number): (length: number) => Uint8Array {
  let state = seed * 2_654_435_761 + 1 || 1
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[at] = state
    }
    return bytes
  }
}

/** The default algorithms with a seeded source for cookies and padding. */
export function seededProvider(seed: number): CryptoProvider {
  return createProvider({ ...defaultProvider.backend, random: seeded(seed) })
}

export interface TestHostKey extends HostKey {
  sign(data: Uint8Array): Uint8Array
}

const { backend } = defaultProvider

/** An ed25519 host key from 32 times the byte `fill`. */
export function ed25519HostKey(fill: number): TestHostKey {
  const seed = new Uint8Array(32).fill(fill)
  const publicKey = backend.publicFromPrivate({ type: 'ed25519', seed })
  const sign = backend.signer({ type: 'ed25519', publicKey, seed })
  return {
    publicKey: {
      type: 'ssh-ed25519',
      blob: new Writer().string('ssh-ed25519').string(publicKey).finish(),
    },
    algorithms: ['ssh-ed25519'],
    sign: (data) =>
      new Writer()
        .string('ssh-ed25519')
        .string(sign('sha512', data) as Uint8Array)
        .finish(),
  }
}

export const hostKey = ed25519HostKey(7)

export function makeClient(options: Partial<TransportOptions> = {}): Transport {
  return new Transport({ role: 'client', crypto: seededProvider(1), ...options })
}

export function makeServer(options: Partial<TransportOptions> = {}): Transport {
  return new Transport({ role: 'server', crypto: seededProvider(2), hostKeys: [hostKey], ...options })
}

/** Polls until nothing comes, accepting host keys and signing on the way unless `answer` is false; gives the events. */
export function settle(
  transport: Transport,
  { answer = true, key = hostKey }: { readonly answer?: boolean; readonly key?: TestHostKey } = {},
): TransportEvent[] {
  const events: TransportEvent[] = []
  for (let event = transport.poll(); event !== undefined; event = transport.poll()) {
    events.push(event)
    if (!answer) continue
    if (event.type === 'ask-host-key') transport.acceptHostKey()
    if (event.type === 'ask-signature') transport.provideSignature(key.sign(event.data))
  }
  return events
}

/** Everything that is ready to be sent, in one array per chunk. */
export function output(transport: Transport): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let chunk = transport.takeOutput(); chunk !== undefined; chunk = transport.takeOutput())
    chunks.push(chunk)
  return chunks
}

export interface Pair {
  readonly client: Transport
  readonly server: Transport
}

/** Moves bytes both ways until both are quiet, cut by `cut`; gives the events of both. */
export function run(
  { client, server }: Pair,
  cut: (chunk: Uint8Array) => readonly Uint8Array[] = (chunk) => [chunk],
  key: TestHostKey = hostKey,
): { readonly client: TransportEvent[]; readonly server: TransportEvent[] } {
  const events = { client: settle(client), server: settle(server, { key }) }
  for (;;) {
    const toServer = output(client)
    const toClient = output(server)
    if (toServer.length + toClient.length === 0) return events
    for (const piece of toServer.flatMap(cut)) {
      server.receive(piece)
      events.server.push(...settle(server, { key }))
    }
    for (const piece of toClient.flatMap(cut)) {
      client.receive(piece)
      events.client.push(...settle(client))
    }
  }
}

export function byteAtATime(chunk: Uint8Array): Uint8Array[] {
  return Array.from(chunk, (byte) => Uint8Array.of(byte))
}

/** Pieces of 1 to `most` bytes, by a seeded source. */
export function oddChunks(seed: number, most: number): (chunk: Uint8Array) => Uint8Array[] {
  const random = seeded(seed)
  return (chunk) => {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < chunk.length; ) {
      const size = 1 + ((((random(1)[0] as number) << 8) | (random(1)[0] as number)) % most)
      pieces.push(chunk.slice(at, at + size))
      at += size
    }
    return pieces
  }
}

/** A pair after the first key exchange. */
export function connectedPair(
  options: Partial<TransportOptions> = {},
  ends: { readonly client?: Partial<TransportOptions>; readonly server?: Partial<TransportOptions> } = {},
): Pair {
  const pair = {
    client: makeClient({ ...options, ...ends.client }),
    server: makeServer({ ...options, ...ends.server }),
  }
  run(pair)
  return pair
}

/** A pair after authentication. */
export function authenticatedPair(...options: Parameters<typeof connectedPair>): Pair {
  const pair = connectedPair(...options)
  pair.server.authenticated()
  pair.client.authenticated()
  return pair
}

/** The payloads among `events`. */
export function payloads(events: readonly TransportEvent[]): Uint8Array[] {
  return events.flatMap((event) => (event.type === 'message' ? [event.payload] : []))
}

/** Bits of an unsigned number, by way of text. */
export function bitsIn(bytes: Uint8Array): number {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .replace(/^0+/, '').length
}
