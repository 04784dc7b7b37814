/** Target: a transport of either role against a peer that knows the keys and whose packets are changed, lost, doubled, mixed and made up. */

import { defaultProvider, supported } from '@hawser/crypto'
import { Rng, randomChunks } from '@hawser/test-kit'
import { Transport, type TransportEvent } from '@hawser/transport'
import { ProtocolError, Writer } from '@hawser/wire'
import { blob, transportGrammar } from './grammar.ts'
import { MessageMutator } from './mutate.ts'
import { hasNewKeys, hostileProvider, seededProvider, spoiledPlain } from './packets.ts'
import { bounded, demand, outOfTurn, protocolErrorOf, type Target } from './target.ts'

export const transportTarget: Target = { name: 'transport', packages: ['transport', 'crypto', 'wire'], run }

const { backend } = defaultProvider
const seed32 = new Uint8Array(32).fill(5)
const publicKey = backend.publicFromPrivate({ type: 'ed25519', seed: seed32 })
const sign = backend.signer({ type: 'ed25519', publicKey, seed: seed32 })
const hostKey = {
  publicKey: { type: 'ssh-ed25519', blob: new Writer().string('ssh-ed25519').string(publicKey).finish() },
  algorithms: ['ssh-ed25519'],
} as const
const signed = (data: Uint8Array): Uint8Array =>
  new Writer()
    .string('ssh-ed25519')
    .string(sign('sha512', data) as Uint8Array)
    .finish()

/** Group exchange and the large groups take long; they come seldom. */
const fastKex = ['curve25519-sha256', 'ecdh-sha2-nistp256', 'mlkem768x25519-sha256']
const rounds = 150
/** Bytes that a transport may keep for a peer, in and out. */
const mostQueued = 4 * 1024 * 1024

function run(seed: number): void {
  const rng = new Rng(seed)
  const role = rng.pick(['client', 'server'] as const)
  const mutator = new MessageMutator(rng, transportGrammar, rng.pick([0.005, 0.02, 0.1, 0.4]))
  const algorithms = {
    kex: [rng.chance(0.95) ? rng.pick(fastKex) : rng.pick(supported.kex)],
    cipher: [rng.pick(supported.cipher)],
    mac: [rng.pick(supported.mac)],
    compression: [rng.pick(supported.compression)],
  }
  const rekey = rng.chance(0.3) ? { rekey: { bytes: 2_000 } } : {}
  const watch = new Watch(role)
  const victim = new Transport({
    role,
    algorithms,
    ...rekey,
    ...(role === 'server' ? { hostKeys: [hostKey] } : {}),
    crypto: seededProvider(rng),
    trace: (event) => {
      if (event.type === 'message' && event.direction === 'out' && event.name === 'disconnect')
        watch.farewells++
    },
  })
  const peer = new Transport({
    role: role === 'client' ? 'server' : 'client',
    algorithms,
    ...(role === 'server' ? {} : { hostKeys: [hostKey] }),
    crypto: hostileProvider(rng, mutator),
  })
  const chunks = randomChunks(rng, rng.pick([1, 50, 5_000]))
  let isPlain = true
  let isPeerDead = false
  let isPeerAuthenticated = false
  const feedVictim = (bytes: Uint8Array): void => {
    let passed = bytes
    if (isPlain) {
      isPlain = !hasNewKeys(bytes)
      passed = spoiledPlain(bytes, mutator, rng)
    }
    // Under keys a flipped byte is always found; it is tried here so that what follows is.
    else if (rng.chance(0.002)) passed[rng.below(passed.length)] = rng.below(256)
    if (passed.length === 0) return
    for (const piece of chunks(passed)) {
      victim.receive(piece)
      watch.settle(victim, () => (rng.chance(0.98) ? 'yes' : 'no'))
    }
  }
  for (let round = 0; round < rounds; round++) {
    watch.settle(victim, () => 'yes')
    let moved = 0
    if (!isPeerDead) isPeerDead = settlePeer(peer)
    for (const bytes of bounded(() => peer.takeOutput(), 5_000, 'output of the peer')) {
      moved++
      feedVictim(bytes.slice())
    }
    for (const bytes of bounded(() => victim.takeOutput(), 5_000, 'output')) {
      moved++
      peer.receive(bytes)
    }
    demand(victim.queued <= mostQueued, `${victim.queued} bytes wait`)
    if (moved > 0) continue
    if (victim.ended) return
    if (rng.chance(0.05)) return
    if (isPeerDead) return
    // Both are quiet: one of them begins something.
    outOfTurn(() => {
      switch (rng.below(9)) {
        case 0:
          return peer.rekey()
        case 1:
          if (victim.negotiated !== undefined) victim.rekey()
          return
        case 2:
          if (victim.negotiated === undefined || peer.negotiated === undefined || isPeerAuthenticated) return
          isPeerAuthenticated = true
          peer.authenticated()
          victim.authenticated()
          watch.authenticated = true
          return
        case 3:
          return peer.ping(blob(rng))
        case 4:
          return victim.ping(blob(rng))
        case 5:
          if (watch.authenticated) victim.send(Uint8Array.of(94, ...blob(rng)), rng.bytes(rng.below(2_000)))
          return
        case 6:
          return peer.send(Uint8Array.of(rng.pick([94, 80, 2, 4, 50, 52, 5, 6]), ...blob(rng)))
        case 7:
          if (rng.chance(0.1)) peer.disconnect(11, 'bye')
          return
        default:
          return peer.send(Uint8Array.of(2, ...blob(rng)))
      }
    })
  }
}

/** What the victim tells, held against what it may. */
class Watch {
  readonly #role: 'client' | 'server'
  authenticated = false
  farewells = 0
  #idents = 0
  #keys = 0
  #proofs = 0
  #over = false

  constructor(role: 'client' | 'server') {
    this.#role = role
  }

  settle(victim: Transport, decide: () => 'yes' | 'no'): void {
    const error = protocolErrorOf(() => {
      for (const event of bounded(() => victim.poll(), 2_000, 'events')) this.#event(victim, event, decide)
    })
    if (error === undefined) return
    demand(!this.#over, `an error after the end: ${error.message}`)
    this.#over = true
    demand(victim.ended, 'not ended by an error')
    demand(this.farewells === 1, `${this.farewells} DISCONNECTs for: ${error.message}`)
    demand(victim.poll() === undefined, 'an event after the error')
  }

  #event(victim: Transport, event: TransportEvent, decide: () => 'yes' | 'no'): void {
    demand(!this.#over, `${event.type} after the end`)
    if (event.type === 'ident') demand(++this.#idents === 1, 'two identifications')
    else demand(this.#idents === 1 || event.type === 'disconnect', `${event.type} before the identification`)
    switch (event.type) {
      case 'ask-host-key':
        demand(this.#role === 'client', 'a server asked about a host key')
        this.#proofs++
        if (decide() === 'yes') victim.acceptHostKey()
        else victim.rejectHostKey('not today')
        return
      case 'ask-signature':
        demand(this.#role === 'server', 'a client asked for a signature')
        this.#proofs++
        if (decide() === 'yes') victim.provideSignature(signed(event.data))
        else victim.failSignature('not today')
        return
      case 'keys':
        this.#keys++
        demand(this.#proofs === this.#keys, `${this.#keys} keys after ${this.#proofs} proofs`)
        demand(event.first === (this.#keys === 1), 'the first keys twice')
        return
      case 'message': {
        const number = event.payload[0] as number
        demand(this.#keys > 0, `message ${number} before the keys`)
        demand(number === 5 || number === 6 || number >= 50, `message ${number} was handed up`)
        demand(number < 80 || this.authenticated, `message ${number} before authentication`)
        demand(number !== (this.#role === 'client' ? 5 : 6), `message ${number} to a ${this.#role}`)
        return
      }
      case 'disconnect':
        this.#over = true
        return
      case 'ident':
      case 'ext-info':
      case 'pong':
        return
    }
  }
}

/** True when the peer is dead: what the victim made of its packets may be too much for it. */
function settlePeer(peer: Transport): boolean {
  try {
    for (const event of bounded(() => peer.poll(), 2_000, 'events of the peer')) {
      if (event.type === 'ask-host-key') peer.acceptHostKey()
      if (event.type === 'ask-signature') peer.provideSignature(signed(event.data))
      if (event.type === 'disconnect') return true
    }
  } catch (error) {
    if (error instanceof ProtocolError) return true
    throw error
  }
  return false
}
