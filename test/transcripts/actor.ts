/** A small application on an engine, without promises or clocks: what it does follows from the events alone, so that a replay does the same. */

import { createHash } from 'node:crypto'
import { channelRequests } from '@hawser/connection'
import type { AlgorithmNames, Backend } from '@hawser/crypto'
import { createVerifier, type PrivateKey, parsePrivateKey } from '@hawser/keys'
import { Engine, type EngineEvent } from '@hawser/session'
import { assertNever, DisconnectReason } from '@hawser/wire'
import { seededProvider } from './seeded.ts'

/** What an engine is made of and what its application does; all that a replay needs beside the peer's bytes. */
export interface Part {
  readonly role: 'client' | 'server'
  readonly seed: string
  readonly algorithms: Partial<AlgorithmNames>
  /** Client: who logs in and what is run. */
  readonly user?: string
  readonly command?: string
  /** Server: how many bytes the program writes, first and after each of so many rekeys; then it ends. */
  readonly output?: number
  readonly rekeys?: number
  /** Bytes after which our side asks for new keys. */
  readonly rekeyAfter?: number
  /** OpenSSH private keys, for these transcripts and nothing else. */
  readonly keys: { readonly user: string; readonly host: string }
}

/** Signature algorithms that our server announces, whatever the defaults become. */
const serverSigAlgs = ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256']

/** Drives one engine: bytes in, bytes and a log of events out. */
export class Actor {
  /** One line per event. */
  readonly log: string[] = []
  readonly #engine: Engine
  readonly #part: Part
  readonly #key: PrivateKey
  readonly #host: PrivateKey
  readonly #send: (bytes: Uint8Array) => void
  #program: { readonly channel: number; rekeysLeft: number } | undefined

  /** `send` gets every output, in order; the first before this returns. */
  constructor(part: Part, backend: Backend, send: (bytes: Uint8Array) => void) {
    const crypto = seededProvider(backend, part.seed)
    this.#part = part
    this.#send = send
    this.#key = parsePrivateKey(part.keys.user, { crypto })
    this.#host = parsePrivateKey(part.keys.host, { crypto })
    this.#engine = new Engine({
      transport: {
        role: part.role,
        crypto,
        ident: 'Hawser_transcript',
        algorithms: part.algorithms,
        ...(part.role === 'server' ? { hostKeys: [this.#host], serverSigAlgs } : {}),
        ...(part.rekeyAfter === undefined ? {} : { rekey: { bytes: part.rekeyAfter } }),
      },
      mux: { window: 1_048_576, maxPacket: 32_768 },
      ...(part.role === 'server'
        ? { userauth: { verify: createVerifier(crypto), methods: ['publickey'] } }
        : { user: part.user ?? '' }),
    })
    this.#flush()
  }

  /** Whether the connection is over. */
  get ended(): boolean {
    return this.#engine.transport.ended
  }

  /** Takes bytes of the peer, handles every event that comes of them, and sends after each what there is to send. */
  receive(bytes: Uint8Array): void {
    this.#engine.receive(bytes)
    for (let event = this.#engine.poll(); event !== undefined; event = this.#engine.poll()) {
      this.log.push(words(event))
      this.#act(event)
      this.#flush()
    }
    this.#flush()
  }

  #flush(): void {
    for (let bytes = this.#engine.takeOutput(); bytes !== undefined; bytes = this.#engine.takeOutput())
      this.#send(bytes.slice())
  }

  #act(event: EngineEvent): void {
    const { transport, mux } = this.#engine
    switch (event.type) {
      case 'ask-host-key':
        return transport.acceptHostKey()
      case 'ask-signature':
        return transport.provideSignature(signed(this.#host, event.algorithm, event.data))
      case 'auth-client':
        return this.#login(event.event)
      case 'auth-server':
        return this.#decide(event.event)
      case 'authenticated':
        if (this.#part.role === 'client') mux.open('session')
        return
      case 'open-request':
        return mux.accept(event.channel)
      case 'keys':
        return this.#go()
      case 'opened': {
        const command = this.#part.command ?? ''
        mux.request(event.channel, 'exec', channelRequests.exec.encode({ command }), true)
        return mux.eof(event.channel)
      }
      case 'request':
        if (event.reply !== undefined) mux.reply(event.reply, event.name === 'exec')
        if (event.name !== 'exec') return
        this.#program = { channel: event.channel, rekeysLeft: this.#part.rekeys ?? 0 }
        return this.#go()
      case 'global-request':
        if (event.reply !== undefined) mux.reply(event.reply, false)
        return
      case 'data':
        return mux.consumed(event.channel, event.data.length)
      case 'closed':
        if (this.#part.role === 'client') transport.disconnect(DisconnectReason.byApplication, 'done')
        return
      case 'disconnect':
      case 'eof':
      case 'ext-info':
      case 'global-reply':
      case 'ident':
      case 'open-failed':
      case 'pong':
      case 'reply':
      case 'writable':
        return
      default:
        assertNever(event)
    }
  }

  #login(event: Extract<EngineEvent, { type: 'auth-client' }>['event']): void {
    const machine = this.#engine.userauthClient
    if (event.type === 'next') {
      if (event.failed?.method === 'publickey') throw new Error('the recorded key was refused')
      machine?.attempt(
        event.failed === undefined ? { method: 'none' } : { method: 'publickey', signer: this.#key },
      )
    } else if (event.type === 'ask-signature')
      machine?.provideSignature(signed(this.#key, event.algorithm, event.data))
  }

  #decide(event: Extract<EngineEvent, { type: 'auth-server' }>['event']): void {
    if (event.type !== 'request') return
    const { request } = event
    const known =
      request.method === 'publickey' && Buffer.compare(request.key.blob, this.#key.publicKey.blob) === 0
    if (known) this.#engine.userauthServer?.accept()
    else this.#engine.userauthServer?.reject()
  }

  /** Our server's only program: a text of a known length, again after new keys, then an exit status. */
  #go(): void {
    const program = this.#program
    if (program === undefined || program.rekeysLeft < 0) return
    const { mux } = this.#engine
    const { channel } = program
    const length = this.#part.output ?? 0
    const bytes = Buffer.alloc(length, 'all work and no play makes a dull program\n')
    if (mux.write(channel, bytes) !== length) throw new Error('the output does not fit')
    if (program.rekeysLeft-- > 0) return
    mux.request(channel, 'exit-status', channelRequests.exitStatus.encode({ exitStatus: 3 }), false)
    mux.eof(channel)
    mux.close(channel)
  }
}

function signed(key: PrivateKey, algorithm: string, data: Uint8Array): Uint8Array {
  const signature = key.sign(algorithm, data)
  if (signature instanceof Uint8Array) return signature
  throw new Error(`${algorithm} does not sign at once`)
}

/** An event on one line; bytes as their length and the beginning of their SHA-256. */
function words(event: EngineEvent): string {
  const told: unknown = event.type === 'auth-client' || event.type === 'auth-server' ? event.event : event
  return `${event.type} ${JSON.stringify(told, (name, value: unknown) => {
    if (value instanceof Uint8Array)
      return `${value.length}:${createHash('sha256').update(value).digest('hex').slice(0, 12)}`
    if (value instanceof Map) return [...value.keys()]
    if (value instanceof Set) return [...value]
    if (name === 'reply' && typeof value === 'object') return true
    // The type is in front already; signers hold more than they show.
    return name === 'signer' || (name === 'type' && value === event.type) ? undefined : value
  })}`
}
