/** One key exchange (RFC 4253 §7): from our KEXINIT over negotiation and the dance to the keys of both directions. */

import type {
  AgreementAlgorithm,
  CipherAlgorithm,
  CompressionAlgorithm,
  DirectionKeys,
  MacAlgorithm,
  PacketOpener,
  PacketSealer,
} from '@hawser/crypto'
import type { PublicKey } from '@hawser/keys'
import { erase, latin1Encode, ProtocolError, UsageError } from '@hawser/wire'
import { extInfoMarker, strictMarker } from '../ext-info.ts'
import { deriveKeys } from '../key-derivation.ts'
import { type KexInit, kexInit, messageNames } from '../messages.ts'
import { guessedRight, type Negotiated, negotiate } from '../negotiate.ts'
import type { TransportConfig } from '../options.ts'
import type { Quirk } from '../quirks.ts'
import { terrapinProne } from '../terrapin.ts'
import { createKexMethod, type KexMethod, type KexResult, type KexStep } from './method.ts'

/** What the exchange needs to know of the peer. */
export interface PeerFacts {
  /** Its identification line. */
  readonly ident: string
  readonly quirks: ReadonlySet<Quirk>
  readonly strict: boolean
}

/** What NEWKEYS takes into use. */
export interface NewKeys {
  readonly cipherOut: CipherAlgorithm
  readonly cipherIn: CipherAlgorithm
  readonly sealer: PacketSealer
  readonly opener: PacketOpener
  readonly compressionOut: CompressionAlgorithm
  readonly compressionIn: CompressionAlgorithm
}

interface Agreed {
  readonly negotiated: Negotiated
  readonly agreement: AgreementAlgorithm
  readonly method: KexMethod
}

export class KeyExchange {
  /** Whether it is the connection's first. */
  readonly first: boolean
  /** Our KEXINIT, to be sent. */
  readonly payload: Uint8Array
  readonly #config: TransportConfig
  readonly #ours: KexInit
  #agreed: Agreed | undefined
  /** The peer guessed wrong: its next message of the exchange is for nothing (RFC 4253 §7). */
  #skipGuess = false

  constructor(config: TransportConfig, first: boolean) {
    const { role, algorithms, crypto } = config
    this.#config = config
    this.first = first
    const flags = first ? [extInfoMarker[role], strictMarker[role]] : []
    this.#ours = {
      cookie: crypto.backend.random(16),
      kexAlgorithms: [...algorithms.kex, ...flags],
      serverHostKeyAlgorithms: algorithms.serverHostKey,
      encryptionAlgorithmsClientToServer: algorithms.cipher,
      encryptionAlgorithmsServerToClient: algorithms.cipher,
      macAlgorithmsClientToServer: algorithms.mac,
      macAlgorithmsServerToClient: algorithms.mac,
      compressionAlgorithmsClientToServer: algorithms.compression,
      compressionAlgorithmsServerToClient: algorithms.compression,
      languagesClientToServer: [],
      languagesServerToClient: [],
      firstKexPacketFollows: false,
      reserved: 0,
    }
    this.payload = kexInit.encode(this.#ours)
  }

  /** Whether the peer's KEXINIT has come. */
  get begun(): boolean {
    return this.#agreed !== undefined
  }

  /** What was agreed on; there once the peer's KEXINIT has come. */
  get negotiated(): Negotiated {
    return this.#done().negotiated
  }

  /** Takes the peer's KEXINIT and gives our first message, if we begin. Throws NegotiationError. */
  begin(theirs: KexInit, theirPayload: Uint8Array, peer: PeerFacts): Uint8Array | undefined {
    const { role, crypto, known, trace, policy } = this.#config
    trace?.({ layer: 'transport', type: 'proposal', direction: 'out', lists: listsOf(this.#ours) })
    trace?.({ layer: 'transport', type: 'proposal', direction: 'in', lists: listsOf(theirs) })
    const negotiated = negotiate({
      role,
      ours: this.#ours,
      theirs,
      strict: peer.strict,
      aead: (name) => named(crypto.ciphers, name).aead,
      known,
      postQuantumOnly: policy.requirePostQuantum === true,
      refuseTerrapin: (policy.terrapin ?? (role === 'client' ? 'refuse' : 'allow')) !== 'allow',
    })
    if (this.first && !peer.strict) this.#noteTerrapin(terrapinProne(negotiated))
    trace?.({
      layer: 'transport',
      type: 'negotiated',
      algorithms: { ...negotiated, strict: String(negotiated.strict) },
    })
    this.#skipGuess = theirs.firstKexPacketFollows && !guessedRight(this.#ours, theirs)
    const agreement = named(crypto.agreements, negotiated.kex)
    const method = this.#method(agreement, negotiated, theirPayload, peer)
    this.#agreed = { negotiated, agreement, method }
    return method.start()
  }

  #noteTerrapin(prone: readonly string[]): void {
    this.#config.trace?.({
      layer: 'transport',
      type: 'note',
      detail: `the peer has no strict key exchange, the cure for CVE-2023-48795, and should be updated; ${prone.length === 0 ? 'what was agreed does not need it' : `${prone.join(' and ')} would need it`}`,
    })
  }

  /** Takes a message of the dance; undefined for a wrong guess, which leads nowhere. Throws ProtocolError. */
  step(number: number, payload: Uint8Array): KexStep | undefined {
    const { method } = this.#done()
    if (this.#skipGuess) {
      this.#skipGuess = false
      this.#config.trace?.({
        layer: 'transport',
        type: 'note',
        detail: `the peer's message ${number} is dropped: it guessed the key exchange wrong`,
      })
      return undefined
    }
    if (number !== method.expects)
      throw new ProtocolError(
        `${this.nameOf(number)} out of turn in the key exchange: ${this.nameOf(method.expects)} is expected`,
      )
    return method.step(payload)
  }

  /** The server's key for the negotiated algorithm; only algorithms that one of the keys has were offered. */
  get hostKey(): PublicKey {
    return this.#hostKeyFor(this.negotiated)
  }

  /** Turns the shared secret, which is erased, into the keys of both directions. */
  keys(result: KexResult, sessionId: Uint8Array): NewKeys {
    const { crypto, role } = this.#config
    const { negotiated, agreement } = this.#done()
    const input = {
      backend: crypto.backend,
      hash: agreement.hash,
      secret: result.secret,
      exchangeHash: result.hash,
      sessionId,
    }
    const direction = (ours: boolean): 'client-to-server' | 'server-to-client' =>
      (role === 'client') === ours ? 'client-to-server' : 'server-to-client'
    const of = (ours: boolean, cipher: CipherAlgorithm, mac: MacAlgorithm | undefined): DirectionKeys =>
      deriveKeys(input, direction(ours), cipher, mac)
    const cipherOut = named(crypto.ciphers, negotiated.cipherOut)
    const cipherIn = named(crypto.ciphers, negotiated.cipherIn)
    const macOut = this.#mac(negotiated.macOut)
    const macIn = this.#mac(negotiated.macIn)
    const keys = {
      cipherOut,
      cipherIn,
      sealer: cipherOut.sealer(crypto.backend, of(true, cipherOut, macOut), macOut),
      opener: cipherIn.opener(crypto.backend, of(false, cipherIn, macIn), macIn),
      compressionOut: named(crypto.compressions, negotiated.compressionOut),
      compressionIn: named(crypto.compressions, negotiated.compressionIn),
    }
    erase(result.secret)
    return keys
  }

  /** The declared name of a message, the dance's own among them. */
  nameOf(number: number): string {
    return (
      this.#agreed?.method.messages.find((message) => message.number === number)?.name ?? messageName(number)
    )
  }

  #method(
    agreement: AgreementAlgorithm,
    negotiated: Negotiated,
    theirPayload: Uint8Array,
    peer: PeerFacts,
  ): KexMethod {
    const { role, crypto, gex, ident } = this.#config
    const local = { ident: latin1Encode(ident), kexInit: this.payload }
    const remote = { ident: latin1Encode(peer.ident), kexInit: theirPayload }
    const [client, server] = role === 'client' ? [local, remote] : [remote, local]
    const most = peer.quirks.has('gex-4096') ? Math.min(4096, gex.max) : gex.max
    return createKexMethod({
      role,
      agreement,
      backend: crypto.backend,
      transcript: {
        clientIdent: client.ident,
        serverIdent: server.ident,
        clientKexInit: client.kexInit,
        serverKexInit: server.kexInit,
      },
      gex: { min: gex.min, preferred: Math.min(gex.preferred, most), max: most },
      ...(role === 'server' ? { hostKey: this.#hostKeyFor(negotiated).blob } : {}),
    })
  }

  #hostKeyFor({ serverHostKey }: Negotiated): PublicKey {
    const found = this.#config.hostKeys.find((key) => key.algorithms.includes(serverHostKey))
    if (found === undefined) throw new UsageError(`the host keys have changed: none can do ${serverHostKey}`)
    return found.publicKey
  }

  #mac(name: string): MacAlgorithm | undefined {
    return name === '' ? undefined : named(this.#config.crypto.macs, name)
  }

  #done(): Agreed {
    if (this.#agreed === undefined) throw new UsageError("the peer's KEXINIT has not come yet")
    return this.#agreed
  }
}

/** The declared name of a message of the transport, or its number. */
export function messageName(number: number): string {
  return messageNames.get(number) ?? `message ${number}`
}

/** The entry of that name; negotiation chose it from the same list. */
function named<T extends { readonly name: string }>(entries: readonly T[], name: string): T {
  const found = entries.find((entry) => entry.name === name)
  if (found === undefined) throw new UsageError(`the crypto provider has no ${JSON.stringify(name)}`)
  return found
}

function listsOf(proposal: object): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(proposal).filter((entry): entry is [string, readonly string[]] => Array.isArray(entry[1])),
  )
}
