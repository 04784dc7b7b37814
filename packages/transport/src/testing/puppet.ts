/** For this package's tests: a peer that does only what it is told, so that it can break every rule. */

import { defaultProvider } from '@hawser/crypto'
import { ByteQueue, latin1Encode, noBytes } from '@hawser/wire'
import { extInfoMarker, strictMarker } from '../ext-info.ts'
import { createKexMethod, type KexMethod, type KexResult } from '../kex/method.ts'
import { deriveKeys } from '../key-derivation.ts'
import { type KexInit, kexInit, newKeys } from '../messages.ts'
import { negotiate } from '../negotiate.ts'
import { resolveOptions } from '../options.ts'
import { PacketReader, PacketWriter } from '../packet.ts'
import type { Transport } from '../transport.ts'
import { hostKey, makeClient, makeServer, output, seeded, settle } from './kit.ts'

const { backend, agreements, ciphers, macs } = defaultProvider

export interface PuppetOptions {
  /** The puppet's role; the transport under test has the other. */
  readonly role: 'client' | 'server'
  /** Offers strict key exchange; default true. */
  readonly strict?: boolean
  /** Changes to the first KEXINIT. */
  readonly lists?: Partial<KexInit>
  readonly ident?: string
  readonly transport?: Transport
}

export class Puppet {
  readonly transport: Transport
  readonly role: 'client' | 'server'
  readonly writer = new PacketWriter(backend)
  readonly reader = new PacketReader(backend)
  /** Payloads that came and were not asked for yet. */
  readonly received: Uint8Array[] = []
  readonly strict: boolean
  result: KexResult | undefined
  readonly #ident: string
  readonly #queue = new ByteQueue()
  #out: Uint8Array[] = []
  #peerIdent: string | undefined
  #ours: Uint8Array = noBytes
  #theirs: Uint8Array = noBytes
  #method: KexMethod | undefined
  #sessionId: Uint8Array | undefined
  #opener: Parameters<PacketReader['use']>[0] | undefined
  /** NEWKEYS has come and we have no keys yet: what follows cannot be read. */
  #deaf = false

  constructor(options: PuppetOptions) {
    this.role = options.role
    this.strict = options.strict ?? true
    this.transport = options.transport ?? (options.role === 'client' ? makeServer() : makeClient())
    this.#ident = options.ident ?? 'SSH-2.0-Puppet'
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.transport.receive(bytes)
  }

  /** Frames and sends a payload. */
  send(payload: Uint8Array): void {
    this.writer.write(payload, undefined, this.#out)
    for (const chunk of this.#out) this.raw(chunk)
    this.#out = []
  }

  sendIdent(): void {
    this.raw(latin1Encode(`${this.#ident}\r\n`))
  }

  /** A KEXINIT of ours with everything that the defaults have. */
  kexInit(first: boolean, lists: Partial<KexInit> = {}): Uint8Array {
    const { algorithms } = resolveOptions({ role: this.role, hostKeys: [hostKey] })
    const flags = first ? [extInfoMarker[this.role], ...(this.strict ? [strictMarker[this.role]] : [])] : []
    return kexInit.encode({
      cookie: seeded(9)(16),
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
      ...lists,
    })
  }

  sendKexInit(first: boolean, lists: Partial<KexInit> = {}): void {
    this.#ours = this.kexInit(first, lists)
    this.send(this.#ours)
  }

  /** Reads what the transport has sent; NEWKEYS switches the keys, KEXINIT is kept for the dance. */
  listen(): void {
    for (const chunk of output(this.transport)) this.#queue.push(chunk)
    if (this.#peerIdent === undefined) {
      const end = this.#queue.indexOf(0x0a)
      if (end < 0) return
      const line = this.#queue.take(end + 1) as Uint8Array
      this.#peerIdent = String.fromCharCode(...line.subarray(0, end - 1))
    }
    while (!this.#deaf) {
      const payload = this.reader.read(this.#queue)
      if (payload === undefined) return
      if (payload[0] === 20) this.#theirs = payload
      this.received.push(payload)
      if (payload[0] !== 21) continue
      this.#deaf = true
      this.#switchIn()
    }
  }

  #switchIn(): void {
    if (!this.#deaf || this.#opener === undefined) return
    this.reader.use(this.#opener, undefined, this.strict)
    this.#opener = undefined
    this.#deaf = false
  }

  /** The numbers that came since the last call. */
  numbers(): number[] {
    this.listen()
    return this.received.splice(0).map((payload) => payload[0] as number)
  }

  /** Our part of the dance up to the shared secret; both KEXINITs have gone. The writer's new keys are returned, not used. */
  dance(): void {
    settle(this.transport)
    this.listen()
    const client = this.role === 'client'
    const [ours, theirs] = [kexInit.decode(this.#ours), kexInit.decode(this.#theirs)]
    const negotiated = negotiate({
      role: this.role,
      ours,
      theirs,
      strict: this.strict,
      aead: (name) => ciphers.find((cipher) => cipher.name === name)?.aead ?? false,
      known: resolveOptions({ role: 'client' }).known,
    })
    const agreement = found(agreements, negotiated.kex)
    const [our, their] = [latin1Encode(this.#ident), latin1Encode(this.#peerIdent ?? '')]
    this.#method = createKexMethod({
      role: this.role,
      agreement,
      backend,
      transcript: {
        clientIdent: client ? our : their,
        serverIdent: client ? their : our,
        clientKexInit: client ? this.#ours : this.#theirs,
        serverKexInit: client ? this.#theirs : this.#ours,
      },
      gex: { min: 2048, preferred: 2048, max: 8192 },
      ...(client ? {} : { hostKey: hostKey.publicKey.blob }),
    })
    const method = this.#method
    const begin = method.start()
    if (begin !== undefined) this.send(begin)
    settle(this.transport)
    this.listen()
    for (;;) {
      const at = this.received.findIndex((payload) => payload[0] === method.expects)
      if (at < 0) throw new Error(`the transport has not sent ${method.expects}`)
      const step = method.step(this.received.splice(at, 1)[0] as Uint8Array)
      if ('send' in step) {
        this.send(step.send)
        settle(this.transport)
        this.listen()
        continue
      }
      this.result = step.result
      break
    }
    const result = this.result
    if (result.reply !== undefined) this.send(result.reply(hostKey.sign(result.hash)))
    this.#sessionId ??= result.hash
    const input = {
      backend,
      hash: agreement.hash,
      secret: result.secret,
      exchangeHash: result.hash,
      sessionId: this.#sessionId,
    }
    const [out, incoming] = client
      ? (['client-to-server', 'server-to-client'] as const)
      : (['server-to-client', 'client-to-server'] as const)
    const cipherOut = found(ciphers, negotiated.cipherOut)
    const cipherIn = found(ciphers, negotiated.cipherIn)
    const macOut = macs.find((mac) => mac.name === negotiated.macOut)
    const macIn = macs.find((mac) => mac.name === negotiated.macIn)
    const sealer = cipherOut.sealer(backend, deriveKeys(input, out, cipherOut, macOut), macOut)
    this.#opener = cipherIn.opener(backend, deriveKeys(input, incoming, cipherIn, macIn), macIn)
    this.switchOut = () => this.writer.use(sealer, undefined, this.strict)
    // The transport's NEWKEYS may have come with its last message already.
    this.#switchIn()
    settle(this.transport)
    this.listen()
  }

  /** Takes the new keys into use for sending. */
  switchOut: () => void = () => undefined

  sendNewKeys(): void {
    this.send(newKeys.encode({}))
    this.switchOut()
  }

  /** Everything up to the first keys. */
  handshake(lists: Partial<KexInit> = {}): this {
    this.sendIdent()
    this.sendKexInit(true, lists)
    this.dance()
    this.sendNewKeys()
    settle(this.transport)
    this.numbers()
    return this
  }

  authenticated(): this {
    this.transport.authenticated()
    return this
  }
}

function found<T extends { readonly name: string }>(entries: readonly T[], name: string): T {
  const entry = entries.find((candidate) => candidate.name === name)
  if (entry === undefined) throw new Error(`no ${name}`)
  return entry
}
