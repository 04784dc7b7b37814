/** The transport machine (RFC 4253): bytes in, events and bytes out; owns the two directions and the key exchange. */

import type { CompressionAlgorithm } from '@hawser/crypto'
import {
  ByteQueue,
  DisconnectReason,
  equal,
  erase,
  latin1Encode,
  ProtocolError,
  UsageError,
} from '@hawser/wire'
import type { TransportEvent } from './event.ts'
import { PeerExtensions, userExtInfo } from './ext-info.ts'
import { firstFlags } from './first-flags.ts'
import { checkHostKey, checkSignatureBlob, type HostProof, proofOf } from './host-key.ts'
import { type Ident, IdentReader } from './ident.ts'
import { KeyExchange, messageName, type NewKeys } from './kex/exchange.ts'
import type { KexResult } from './kex/method.ts'
import { limits } from './limits.ts'
import {
  debug,
  disconnect,
  extInfo,
  farewell,
  ignore,
  kexInit,
  newKeys,
  ping,
  pong,
  unimplemented,
} from './messages.ts'
import type { Negotiated } from './negotiate.ts'
import { resolveOptions, type TransportConfig, type TransportOptions } from './options.ts'
import { Outgoing } from './outgoing.ts'
import { PacketReader } from './packet.ts'
import { Patience } from './patience.ts'
import { type Quirk, quirksOf } from './quirks.ts'
import { limitsFor, type RekeyLimits, rekeyDue } from './rekey.ts'
import { type Ask, awaited, dispatch, type ReceivePhase, receipt, type SendPhase } from './state.ts'

/** Nothing more can be done for now. */
const waiting = Symbol('waiting')

/**
 * One side of an SSH transport. It never waits and never reads a clock: bytes go in by {@link receive}, {@link poll} gives what
 * happened, {@link takeOutput} what to send. After a DISCONNECT of either side, or an error thrown by `poll`, the machine is dead:
 * it only gives out what is left to send, and every verb does nothing.
 */
export class Transport {
  readonly #config: TransportConfig
  readonly #input = new ByteQueue()
  #identReader: IdentReader | undefined
  readonly #reader: PacketReader
  readonly #outgoing: Outgoing
  #receiving: ReceivePhase = 'ident'
  #sending: SendPhase = 'kex'
  #exchange: KeyExchange | undefined
  /** What the exchange has made, for the peer's NEWKEYS. */
  #newKeysIn: NewKeys | undefined
  #ask: Ask | undefined
  #ended = false
  #farewell: TransportEvent | undefined
  #authenticated = false
  #strict = false
  #peerTakesExtInfo = false
  readonly #patience = new Patience()
  #remoteIdent: Ident | undefined
  #quirks: ReadonlySet<Quirk> = new Set()
  #sessionId: Uint8Array | undefined
  #hostKey: Uint8Array | undefined
  #proof: HostProof | undefined
  #negotiated: Negotiated | undefined
  readonly #extensions: PeerExtensions
  #firstHostKey: Uint8Array | undefined
  #announcedFor = false
  #limitsOut: RekeyLimits | undefined
  #limitsIn: RekeyLimits | undefined
  #delayedIn: CompressionAlgorithm | undefined
  /** A key exchange was asked for before authentication, and why. */
  #rekeyLater: string | undefined
  /** The sequence number of our last KEXINIT. */
  #kexInitSeq = 0

  /** Our identification and KEXINIT are ready to be taken at once. Throws {@link UsageError} for options that cannot be used. */
  constructor(options: TransportOptions) {
    this.#config = resolveOptions(options)
    const { role, crypto, ident, greeting, trace } = this.#config
    this.#extensions = new PeerExtensions(role)
    this.#identReader = new IdentReader(role)
    this.#reader = new PacketReader(crypto.backend)
    this.#outgoing = new Outgoing(crypto.backend)
    trace?.({ layer: 'transport', type: 'ident', direction: 'out', ident })
    if (greeting.length > 0) this.#outgoing.raw(greeting)
    this.#outgoing.raw(latin1Encode(`${ident}\r\n`))
    this.#startExchange(true)
  }

  /** H of the first key exchange: what signatures of users are bound to. */
  get sessionId(): Uint8Array | undefined {
    return this.#sessionId
  }

  /** Client: what the server proved itself by in the first key exchange; undefined until its host key is accepted. */
  get hostProof(): HostProof | undefined {
    return this.#proof
  }

  /** What the last complete key exchange agreed on. */
  get negotiated(): Negotiated | undefined {
    return this.#negotiated
  }

  get remoteIdent(): Ident | undefined {
    return this.#remoteIdent
  }

  /** What came before the peer's identification so far, at most its first 256 bytes; for messages when it never comes. */
  get preamble(): string {
    return this.#identReader?.received ?? ''
  }

  /** What the peer needs to be treated specially for. */
  get quirks(): ReadonlySet<Quirk> {
    return this.#quirks
  }

  /** Client: the signature algorithms for user keys that the server announced (RFC 8308 §3.1). */
  get serverSigAlgs(): readonly string[] | undefined {
    return this.#extensions.signatureAlgorithms
  }

  /** The server's host key blob of the first key exchange, as both sides know it. */
  get firstHostKey(): Uint8Array | undefined {
    return this.#firstHostKey
  }

  /** What the peer has announced (RFC 8308). */
  get extensions(): PeerExtensions {
    return this.#extensions
  }

  /** Whether messages of higher layers leave at once: the first keys are there, and no key exchange of ours is going on. */
  get ready(): boolean {
    return !this.#ended && (this.#sending === 'open' || this.#sending === 'open-authenticated')
  }

  /** Whether a key exchange after the first is going on. */
  get rekeying(): boolean {
    return this.#exchange !== undefined && !this.#exchange.first && !this.#ended
  }

  /** Whether the machine is dead. */
  get ended(): boolean {
    return this.#ended
  }

  /** Bytes that wait: output not taken yet, and messages held back by a key exchange. */
  get queued(): number {
    return this.#outgoing.queued
  }

  /** Stores `bytes`, which the transport now owns, or may use until {@link Transport.keepInput}. Never throws. */
  receive(bytes: Uint8Array): void {
    if (!this.#ended) this.#input.push(bytes)
  }

  /** Copies what has not been read of the bytes received last. No event is a view of received bytes, so their memory can serve again. */
  keepInput(): void {
    this.#input.keep()
  }

  /**
   * The next event, or undefined when more bytes, or an answer, are needed. Throws {@link ProtocolError} for what the peer did wrong;
   * the DISCONNECT that says so is then in the output.
   */
  poll(): TransportEvent | undefined {
    try {
      while (!this.#ended && this.#ask === undefined) {
        const event = this.#identReader ? this.#identify(this.#identReader) : this.#nextPacket()
        if (event === waiting) break
        if (event !== undefined) return event
      }
    } catch (error) {
      this.#fail(error)
      throw error
    }
    const event = this.#farewell
    this.#farewell = undefined
    return event
  }

  /** The next bytes to send; call it until it gives undefined. They belong to the taker. */
  takeOutput(): Uint8Array | undefined {
    return this.#outgoing.take()
  }

  /**
   * Sends a message of a higher layer, given whole or as `head` and `body`, which are not kept unless a key exchange holds them back;
   * then they must not be changed. Messages that do not fit the state or our role throw {@link UsageError};
   * more than 64 of them, or 1 MiB, during one key exchange throw {@link LimitError} and end the connection.
   */
  send(head: Uint8Array, body?: Uint8Array): void {
    if (this.#ended) return
    const number = head[0]
    if (number === undefined) throw new UsageError('a message needs at least its number')
    const size = head.length + (body === undefined ? 0 : body.length)
    if (size > limits.payload)
      throw new UsageError(`a message of ${size} bytes, the largest that can be sent is ${limits.payload}`)
    switch (dispatch(this.#sending, this.#config.role, number)) {
      case 'refuse':
        throw new UsageError(
          `message ${number} cannot be sent by a ${this.#config.role} now${number >= 80 && !this.#authenticated ? ': the connection is not authenticated' : ''}`,
        )
      case 'hold':
        try {
          this.#outgoing.hold(head, body)
        } catch (error) {
          this.#fail(error)
          throw error
        }
        return
      case 'now':
        this.#write(head, body)
        this.#rekeyWhenDue()
    }
  }

  /** Client: the host key is trusted; the key exchange goes on. */
  acceptHostKey(): void {
    const result = this.#answer('host-key')
    if (result === undefined) return
    this.#hostKey = result.hostKey
    this.#proof ??= proofOf(result)
    this.#finishExchange(result)
  }

  /** Client: the host key is not trusted; ends the connection with HOST_KEY_NOT_VERIFIABLE. */
  rejectHostKey(why: string): void {
    this.#giveUp('host-key', DisconnectReason.hostKeyNotVerifiable, why)
  }

  /** Server: `signature` is the SSH signature blob over the data that was asked for. */
  provideSignature(signature: Uint8Array): void {
    if (this.#ask?.type === 'signature')
      checkSignatureBlob(signature, this.#current().negotiated.serverHostKey)
    const result = this.#answer('signature')
    if (result?.reply === undefined) return
    this.#write(result.reply(signature))
    this.#finishExchange(result)
  }

  /** Server: the host key could not sign; ends the connection with KEY_EXCHANGE_FAILED. */
  failSignature(why: string): void {
    this.#giveUp('signature', DisconnectReason.keyExchangeFailed, why)
  }

  /**
   * SUCCESS was sent or received: opens message numbers from 80, larger packets and delayed compression.
   * A server calls it right after it gave SUCCESS to {@link send}.
   */
  authenticated(): void {
    if (this.#ended || this.#authenticated) return
    if (this.#negotiated === undefined) throw new UsageError('authenticated() before the first keys')
    this.#authenticated = true
    this.#reader.limit = this.#config.maxPacket
    if (this.#receiving === 'open') this.#receiving = 'open-authenticated'
    const held = this.#sending === 'kex'
    this.#sending = held ? 'kex-authenticated' : 'open-authenticated'
    if (!held) this.#outgoing.compress()
    // A server whose SUCCESS waits for new keys hears nothing compressed before the peer's own NEWKEYS.
    if (!held || this.#config.role === 'client') this.#decompress()
    this.#rekeyWhenDue()
  }

  /**
   * Starts a key exchange, if none is going on; `why` goes to the trace.
   * Before authentication it is put off until then: OpenSSH does not take a second KEXINIT earlier.
   */
  rekey(why = 'asked for'): void {
    if (this.#authenticated) this.#rekey(why)
    else this.#rekeyLater ??= why
  }

  #rekey(why: string): void {
    if (this.#ended || this.#exchange !== undefined) return
    this.#rekeyLater = undefined
    this.#config.trace?.({ layer: 'transport', type: 'rekey', why })
    this.#startExchange(false)
  }

  /** Sends a ping, once authenticated, to a peer that takes them; the event `pong` brings `data` back. */
  ping(data: Uint8Array): void {
    if (this.#ended) return
    if (!this.#authenticated || !this.#extensions.ping)
      throw new UsageError('ping: the peer has not announced ping@openssh.com, or nobody is logged in yet')
    this.#whenReady(ping.encode({ data }))
  }

  /**
   * Server: tells the client which signature algorithms the user's keys may sign by, once it is known who that is.
   * Only before authentication, once, and if the client takes that (`ext-info-in-auth@openssh.com`); otherwise nothing happens.
   */
  announceFor(signatureAlgorithms: readonly string[]): void {
    if (this.#ended || this.#authenticated || this.#announcedFor || !this.#extensions.inAuth) return
    this.#announcedFor = true
    this.#whenReady(userExtInfo(signatureAlgorithms))
  }

  /** Answers a message that a higher layer does not know (RFC 4253 §11.4). */
  unimplemented(seq: number): void {
    if (!this.#ended) this.#write(unimplemented.encode({ packetSequenceNumber: seq }))
  }

  /** Sends DISCONNECT and ends: {@link poll} gives the `disconnect` event and then nothing more. */
  disconnect(reason: DisconnectReason, description = ''): void {
    if (this.#ended) return
    this.#end(reason, description)
    this.#farewell = { type: 'disconnect', by: 'local', reason, description }
  }

  // — receiving —

  #identify(reader: IdentReader): TransportEvent | typeof waiting {
    const bytes = this.#input.take(this.#input.length)
    if (bytes === undefined || bytes.length === 0) return waiting
    const { used, ident } = reader.read(bytes)
    this.#input.push(bytes.subarray(used))
    if (ident === undefined) return waiting
    this.#identReader = undefined
    this.#remoteIdent = ident
    this.#quirks = quirksOf(ident.software)
    this.#receiving = 'first-kexinit'
    this.#config.trace?.({ layer: 'transport', type: 'ident', direction: 'in', ident: ident.raw })
    return { type: 'ident', remote: ident, greeting: reader.greeting }
  }

  #nextPacket(): TransportEvent | undefined | typeof waiting {
    const payload = this.#reader.read(this.#input)
    if (payload === undefined) return waiting
    const seq = (this.#reader.seq - 1) >>> 0
    const event = this.#receivePayload(payload, seq)
    if (!this.#ended) this.#rekeyWhenDue()
    return event
  }

  #receivePayload(payload: Uint8Array, seq: number): TransportEvent | undefined {
    const number = payload[0] as number
    if (this.#negotiated !== undefined && !this.#authenticated && number > 4 && number !== extInfo.number)
      this.#extensions.passed(number)
    switch (receipt(this.#receiving, this.#config.role, number)) {
      case 'deliver':
        if (number < 50) this.#traceMessage('in', number, payload.length)
        return { type: 'message', payload, seq }
      case 'handle':
        this.#traceMessage('in', number, payload.length)
        return this.#handle(number, payload, seq)
      case 'unimplemented':
        this.#traceMessage('in', number, payload.length)
        if (!this.#authenticated) this.#patience.idle()
        this.unimplemented(seq)
        return undefined
      case 'refuse':
        throw new ProtocolError(
          `${this.#nameOf(number)} is not allowed here: ${awaited[this.#receiving]}, and the peer is a ${this.#config.role === 'client' ? 'server' : 'client'}`,
        )
    }
  }

  #handle(number: number, payload: Uint8Array, seq: number): TransportEvent | undefined {
    switch (number) {
      case disconnect.number:
        return this.#disconnected(payload)
      case ignore.number: // its content means nothing (RFC 4253 §11.2)
        if (!this.#authenticated) this.#patience.idle()
        return undefined
      case unimplemented.number:
        if (!this.#authenticated) this.#patience.idle()
        this.#unknownToPeer(unimplemented.decode(payload).packetSequenceNumber)
        return undefined
      case debug.number:
        if (!this.#authenticated) this.#patience.idle()
        this.#note(`debug message of the peer: ${debug.decode(payload).message}`)
        return undefined
      case extInfo.number:
        return { type: 'ext-info', extensions: this.#extensions.receive(payload) }
      case kexInit.number:
        this.#kexInit(payload, seq)
        return undefined
      case newKeys.number:
        newKeys.decode(payload)
        return this.#newKeys()
      case ping.number:
        this.#patience.ping(this.#outgoing.queued)
        this.#whenReady(pong.encode(ping.decode(payload)))
        return undefined
      case pong.number:
        return { type: 'pong', data: pong.decode(payload).data }
      default:
        return this.#kexStep(number, payload)
    }
  }

  #unknownToPeer(seq: number): void {
    // Without an answer to our KEXINIT nothing would ever be sent again.
    if (this.#exchange !== undefined && !this.#exchange.begun && seq === this.#kexInitSeq)
      throw new ProtocolError('the peer does not take our KEXINIT: it cannot exchange keys now', {
        disconnectReason: DisconnectReason.keyExchangeFailed,
      })
    this.#note(`the peer does not know our packet ${seq}`)
  }

  #disconnected(payload: Uint8Array): TransportEvent {
    const { reasonCode: reason, description } = disconnect.decode(payload)
    this.#ended = true
    this.#forget()
    return { type: 'disconnect', by: 'remote', reason, description }
  }

  /** Higher layers wait from our KEXINIT to our NEWKEYS, and so does this (RFC 4253 §7.1). */
  #whenReady(message: Uint8Array): void {
    if (this.ready) this.#write(message)
    else this.#outgoing.hold(message)
  }

  // — key exchange —

  #startExchange(first: boolean): void {
    this.#exchange = new KeyExchange(this.#config, first)
    this.#kexInitSeq = this.#outgoing.seq
    this.#write(this.#exchange.payload)
    this.#sending = this.#authenticated ? 'kex-authenticated' : 'kex'
  }

  #kexInit(payload: Uint8Array, seq: number): void {
    const theirs = kexInit.decode(payload)
    const first = this.#receiving === 'first-kexinit'
    if (first) {
      const flags = firstFlags(theirs, this.#config.role === 'client' ? 'server' : 'client', seq)
      this.#strict = flags.strict
      this.#peerTakesExtInfo = flags.takesExtInfo
    }
    if (!this.#authenticated) this.#patience.exchange()
    this.#rekey('the peer asked for it')
    const message = this.#current().begin(theirs, payload, {
      ident: (this.#remoteIdent as Ident).raw,
      quirks: this.#quirks,
      strict: this.#strict,
    })
    this.#receiving = first ? (this.#strict ? 'first-kex-strict' : 'first-kex') : 'kex'
    if (message !== undefined) this.#write(message)
  }

  #kexStep(number: number, payload: Uint8Array): TransportEvent | undefined {
    const exchange = this.#current()
    const step = exchange.step(number, payload)
    if (step === undefined) return undefined
    if ('result' in step) return this.#askAbout(exchange, step.result)
    this.#write(step.send)
    return undefined
  }

  /** H and K are there; what is missing is the server's proof, or the client's trust in it. */
  #askAbout(exchange: KeyExchange, result: KexResult): TransportEvent {
    const { first } = exchange
    const algorithm = exchange.negotiated.serverHostKey
    this.#receiving = first ? (this.#strict ? 'first-newkeys-strict' : 'first-newkeys') : 'newkeys'
    const { signature, hash, hostKey: key } = result
    if (signature === undefined) {
      this.#ask = { type: 'signature', result }
      return { type: 'ask-signature', hostKey: exchange.hostKey, algorithm, data: hash }
    }
    const publicKey = checkHostKey(this.#config.verify, algorithm, key, hash, signature)
    this.#ask = { type: 'host-key', result }
    const changed = this.#hostKey !== undefined && !equal(this.#hostKey, key)
    return { type: 'ask-host-key', algorithm, key, publicKey, first, changed }
  }

  #giveUp(type: Ask['type'], reason: DisconnectReason, why: string): void {
    const result = this.#answer(type)
    if (result === undefined) return
    erase(result.secret)
    this.disconnect(reason, why)
  }

  /** What was asked for, now answered; undefined after the end, when answers come too late. */
  #answer(type: Ask['type']): KexResult | undefined {
    if (this.#ended) return undefined
    if (this.#ask?.type !== type) throw new UsageError(`an answer about the ${type} that was not asked for`)
    const { result } = this.#ask
    this.#ask = undefined
    return result
  }

  /** Our NEWKEYS and what waited for it; the peer's is still to come. */
  #finishExchange(result: KexResult): void {
    const exchange = this.#current()
    this.#sessionId ??= result.hash
    this.#firstHostKey ??= result.hostKey
    const keys = exchange.keys(result, this.#sessionId)
    this.#newKeysIn = keys
    this.#limitsOut = limitsFor(this.#config.rekey, keys.cipherOut)
    this.#limitsIn = limitsFor(this.#config.rekey, keys.cipherIn)
    this.#write(newKeys.encode({}))
    this.#outgoing.use(keys.sealer, keys.compressionOut, this.#authenticated, this.#strict)
    this.#sending = this.#authenticated ? 'open-authenticated' : 'open'
    if (exchange.first && this.#peerTakesExtInfo)
      this.#write(this.#extensions.offer(this.#config.serverSigAlgs))
    this.#outgoing.release(this.#authenticated)
  }

  /** The peer's NEWKEYS: the exchange is over. */
  #newKeys(): TransportEvent {
    const { first, negotiated } = this.#current()
    const { opener, compressionIn } = this.#newKeysIn as NewKeys
    const now = !compressionIn.delayed || this.#authenticated
    this.#reader.use(opener, now ? compressionIn.decompressor?.() : undefined, this.#strict)
    this.#delayedIn = now ? undefined : compressionIn
    this.#receiving = this.#authenticated ? 'open-authenticated' : 'open'
    this.#exchange = undefined
    this.#newKeysIn = undefined
    this.#negotiated = negotiated
    return { type: 'keys', negotiated, first }
  }

  #decompress(): void {
    const decompressor = this.#delayedIn?.decompressor?.()
    this.#delayedIn = undefined
    if (decompressor !== undefined) this.#reader.decompress(decompressor)
  }

  #current(): KeyExchange {
    if (this.#exchange === undefined) throw new UsageError('no key exchange is going on')
    return this.#exchange
  }

  /** Not before authentication: its traffic is bounded, and old peers cannot do it there. */
  #rekeyWhenDue(): void {
    if (!this.#authenticated || this.#exchange !== undefined) return
    if (this.#rekeyLater !== undefined) return this.#rekey(this.#rekeyLater)
    if (this.#quirks.has('no-rekey')) return
    const isSentDue = rekeyDue(this.#limitsOut as RekeyLimits, this.#outgoing.used)
    if (isSentDue || rekeyDue(this.#limitsIn as RekeyLimits, this.#reader))
      this.#rekey(`enough was ${isSentDue ? 'sent' : 'received'} with these keys`)
  }

  // — sending —

  #write(head: Uint8Array, body?: Uint8Array): void {
    const number = head[0] as number
    if (number < 50 || number > 127)
      this.#traceMessage('out', number, head.length + (body === undefined ? 0 : body.length))
    this.#outgoing.write(head, body)
  }

  // — the end —

  #fail(error: unknown): void {
    if (this.#ended) return
    const reason = error instanceof ProtocolError ? error.disconnectReason : DisconnectReason.byApplication
    this.#end(reason, error instanceof ProtocolError ? error.message : 'internal error')
  }

  #end(reason: DisconnectReason, description: string): void {
    this.#ended = true
    this.#forget()
    this.#write(farewell(reason, description))
  }

  /** Frees what nobody will ask for again. */
  #forget(): void {
    this.#input.clear()
    this.#outgoing.forget()
    if (this.#ask !== undefined) erase(this.#ask.result.secret)
    this.#ask = undefined
    this.#exchange = undefined
    this.#newKeysIn = undefined
  }

  #note(detail: string): void {
    this.#config.trace?.({ layer: 'transport', type: 'note', detail })
  }

  #traceMessage(direction: 'in' | 'out', number: number, size: number): void {
    const { trace } = this.#config
    if (trace === undefined) return
    trace({ layer: 'transport', type: 'message', direction, name: this.#nameOf(number), number, size })
  }

  #nameOf(number: number): string {
    return this.#exchange?.nameOf(number) ?? messageName(number)
  }
}
