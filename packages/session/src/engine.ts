/** One side of a connection, still pure: transport, authentication and channels put together, messages routed by number. */

import { isConnectionMessage, Mux, type MuxEvent, type MuxOptions } from '@hawser/connection'
import {
  serviceAccept,
  serviceRequest,
  Transport,
  type TransportEvent,
  type TransportOptions,
} from '@hawser/transport'
import {
  isUserauthMessage,
  type ServerAnnouncement,
  UserauthClient,
  type UserauthClientEvent,
  UserauthServer,
  type UserauthServerEvent,
  type UserauthServerOptions,
} from '@hawser/userauth'
import { DisconnectReason, ProtocolError, type Trace } from '@hawser/wire'

/** The services of RFC 4252 and RFC 4254. */
const userauthService = 'ssh-userauth'
const connectionService = 'ssh-connection'

export interface EngineOptions {
  readonly transport: TransportOptions
  readonly mux?: Omit<MuxOptions, 'trace'>
  /** Client: who logs in. */
  readonly user?: string
  /** Server: how tries are checked and counted. */
  readonly userauth?: Omit<UserauthServerOptions, 'sessionId' | 'hostKey' | 'trace'>
  readonly trace?: Trace
}

/** What happened, from whichever layer. Names do not collide but for authentication's, which come wrapped. */
export type EngineEvent =
  | Exclude<TransportEvent, { readonly type: 'message' }>
  | { readonly type: 'auth-client'; readonly event: UserauthClientEvent }
  | { readonly type: 'auth-server'; readonly event: UserauthServerEvent }
  | { readonly type: 'authenticated' }
  | MuxEvent

/** The face of every machine (`receive`, `poll`, `takeOutput`) over a whole connection; `transport`, `mux` and the authenticators take the verbs. */
export class Engine {
  readonly transport: Transport
  readonly mux: Mux
  readonly #trace: Trace | undefined
  readonly #user: string | undefined
  #userauth: EngineOptions['userauth']
  readonly #server: boolean
  #client: UserauthClient | undefined
  #authenticator: UserauthServer | undefined
  #service: 'none' | 'asked' | 'userauth' = 'none'
  #authenticated = false

  constructor(options: EngineOptions) {
    this.#trace = options.trace
    this.#user = options.user
    this.#userauth = options.userauth
    this.#server = options.transport.role === 'server'
    const trace = options.trace === undefined ? {} : { trace: options.trace }
    this.transport = new Transport({ ...options.transport, ...trace })
    this.mux = new Mux({ ...options.mux, ...trace })
  }

  /** The client's side of authentication, from the first keys on. */
  get userauthClient(): UserauthClient | undefined {
    return this.#client
  }

  /** The server's side of authentication, from the client's SERVICE_REQUEST to SUCCESS. */
  get userauthServer(): UserauthServer | undefined {
    return this.#authenticator
  }

  get authenticated(): boolean {
    return this.#authenticated
  }

  /** Stores bytes from the pipe; never throws. */
  receive(bytes: Uint8Array): void {
    this.transport.receive(bytes)
  }

  /** Copies what `receive` got last and nobody has read yet: its memory goes back to the pipe. */
  keepInput(): void {
    this.transport.keepInput()
  }

  /** The next event, or undefined when more input or an answer is needed. Throws ProtocolError, and is dead then. */
  poll(): EngineEvent | undefined {
    for (;;) {
      // The first try leaves with the request for its service, but what the server has said by then counts: EXT_INFO, above all.
      const early = this.#service === 'asked'
      const own = early ? undefined : this.#pollUpper()
      if (own !== undefined) return own
      const event = this.transport.poll()
      if (event === undefined) return early ? this.#pollUpper() : undefined
      if (event.type === 'message') this.#route(event.payload, event.seq)
      else {
        if (event.type === 'keys' && event.first && !this.#server) this.#askForService()
        if (event.type === 'ext-info') this.#client?.announced(this.#announcement())
        return event
      }
    }
  }

  /** The next bytes for the pipe; call it only while the pipe takes them, and until it gives undefined. */
  takeOutput(): Uint8Array | undefined {
    const ready = this.transport.takeOutput()
    if (ready !== undefined) return ready
    this.#moveUserauth()
    if (this.#authenticated && this.transport.ready) {
      const payload = this.mux.takeOutput()
      if (payload !== undefined) this.transport.send(payload.head, payload.body)
    }
    return this.transport.takeOutput()
  }

  #pollUpper(): EngineEvent | undefined {
    if (this.#authenticated) {
      // A second SUCCESS, or anything else of a login that is over, is found here.
      const late = this.#client?.poll()
      return late === undefined ? this.mux.poll() : { type: 'auth-client', event: late }
    }
    if (this.#client !== undefined) {
      const event = this.#client.poll()
      if (event === undefined) return undefined
      if (event.type === 'success') {
        this.#enter()
        return { type: 'authenticated' }
      }
      return { type: 'auth-client', event }
    }
    if (this.#authenticator !== undefined) {
      const event = this.#authenticator.poll()
      if (event?.type === 'user') this.transport.announceFor(event.signatureAlgorithms)
      this.#moveUserauth()
      if (event === undefined) return undefined
      if (event.type === 'success') {
        this.#enter()
        // What it knows of the login, a password perhaps, is not needed any more.
        this.#authenticator = undefined
        this.#userauth = undefined
        return { type: 'authenticated' }
      }
      return { type: 'auth-server', event }
    }
    return undefined
  }

  /** The one way into the authenticated state: SUCCESS has been received, or is on its way out. */
  #enter(): void {
    this.#moveUserauth()
    this.#authenticated = true
    this.transport.authenticated()
  }

  #route(payload: Uint8Array, seq: number): void {
    const number = payload[0] as number
    if (number === serviceRequest.number) this.#serviceRequested(payload)
    else if (number === serviceAccept.number) this.#serviceAccepted(payload)
    else if (isConnectionMessage(number)) this.mux.receive(payload)
    // RFC 4253 §11.4: what nobody knows is answered, and ignored otherwise.
    else if (!isUserauthMessage(number)) this.transport.unimplemented(seq)
    else if (this.#client !== undefined && this.#service === 'userauth') this.#client.receive(payload)
    else if (this.#authenticator !== undefined) this.#authenticator.receive(payload)
    else if (this.#server && this.#authenticated)
      return // RFC 4252 §5.1: requests after SUCCESS are ignored
    else throw new ProtocolError(`message ${number} before the service ${userauthService} was asked for`)
  }

  #askForService(): void {
    this.transport.send(serviceRequest.encode({ serviceName: userauthService }))
    this.#service = 'asked'
    this.#client = new UserauthClient({
      user: required(this.#user, 'user'),
      sessionId: this.#sessionId(),
      ...this.#announcement(),
      ...(this.#trace === undefined ? {} : { trace: this.#trace }),
    })
  }

  #announcement(): ServerAnnouncement {
    const { extensions, firstHostKey, serverSigAlgs } = this.transport
    return { serverSigAlgs, boundTo: extensions.hostbound ? firstHostKey : undefined }
  }

  /** RFC 4253 §10: a server that does not offer the service MUST disconnect. */
  #serviceRequested(payload: Uint8Array): void {
    if (!this.#server) throw new ProtocolError('a server sent SERVICE_REQUEST')
    const { serviceName } = serviceRequest.decode(payload)
    if (this.#service !== 'none') throw new ProtocolError('a second SERVICE_REQUEST')
    if (serviceName !== userauthService)
      throw new ProtocolError(
        `the service ${JSON.stringify(serviceName)} was asked for; ${connectionService} is reached through ${userauthService}, which is the only one here`,
        { disconnectReason: DisconnectReason.serviceNotAvailable },
      )
    this.#service = 'userauth'
    this.transport.send(serviceAccept.encode({ serviceName }))
    this.#authenticator = new UserauthServer({
      ...required(this.#userauth, 'userauth'),
      sessionId: this.#sessionId(),
      ...(this.transport.firstHostKey === undefined ? {} : { hostKey: this.transport.firstHostKey }),
      ...(this.#trace === undefined ? {} : { trace: this.#trace }),
    })
  }

  #serviceAccepted(payload: Uint8Array): void {
    if (this.#server) throw new ProtocolError('a client sent SERVICE_ACCEPT')
    const { serviceName } = serviceAccept.decode(payload)
    if (this.#service !== 'asked' || serviceName !== userauthService)
      throw new ProtocolError(`SERVICE_ACCEPT for ${JSON.stringify(serviceName)}, which was not asked for`)
    this.#service = 'userauth'
  }

  #moveUserauth(): void {
    const machine = this.#client ?? this.#authenticator
    for (let payload = machine?.takeOutput(); payload !== undefined; payload = machine?.takeOutput())
      this.transport.send(payload)
  }

  #sessionId(): Uint8Array {
    const id = this.transport.sessionId
    if (id === undefined) throw new ProtocolError('a service was asked for before the key exchange was over')
    return id
  }
}

function required<T>(value: T | undefined, name: 'user' | 'userauth'): T {
  if (value === undefined) throw new TypeError(`the engine needs the option ${name} in this role`)
  return value
}
