/** Remote forwarding: a client asks the server to listen, and gets a channel for everybody who connects there. */

import { channelTypes, globalRequests } from '@hawser/connection'
import type { Channel, IncomingRequest, Session } from '@hawser/session'
import { ProtocolError, UsageError } from '@hawser/wire'

const { forwardedStreamlocal, forwardedTcpip } = channelTypes
const { cancelStreamlocalForward, cancelTcpipForward, streamlocalForward, tcpipForward, tcpipForwardReply } =
  globalRequests

/** A TCP address, or the path of a Unix socket. */
export type ForwardAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** A client wants us to listen at `at` (RFC 4254 §7.1, OpenSSH PROTOCOL §2.4). Answer by `accept` or `reject`, once. */
export interface ForwardRequest<A extends ForwardAddress = ForwardAddress> {
  /** Port 0 leaves the choice to us. Of hosts, `''` is every address, and `localhost` this machine only. */
  readonly at: A
  readonly answered: boolean
  /**
   * We listen: from now on `open` hands over who connects. `port` is where, and is needed when 0 was asked for.
   * `onCancel` is called once, when the client wants no more of it or is gone: stop listening then.
   */
  accept(o?: { readonly port?: number; readonly onCancel?: () => void }): Forward<A>
  reject(): void
}

/** What we listen for, on behalf of a client. */
export interface Forward<A extends ForwardAddress = ForwardAddress> {
  /** With the port that was chosen. */
  readonly at: A
  readonly cancelled: boolean
  /**
   * Somebody has connected, from `origin`, which is told to the client (Unix sockets have none). Rejects with
   * ChannelOpenError when the client does not take it.
   */
  open(origin?: { readonly host: string; readonly port: number }): Promise<Channel>
}

/** Forwards of one client at once; more are refused. */
const maxForwards = 128

/** The forwards of one connection. */
export class Forwards {
  readonly #session: Session
  readonly #active = new Map<string, () => void>()
  /** Asked for and not answered, other than with port 0. */
  readonly #asked = new Set<string>()

  constructor(session: Session) {
    this.#session = session
    void session.closed.then(() => {
      for (const cancel of [...this.#active.values()]) cancel()
    })
  }

  /** False when `request` has nothing to do with forwarding; otherwise `ask` gets it, or it is answered. */
  take(request: IncomingRequest, ask: ((request: ForwardRequest) => void) | undefined): boolean {
    try {
      switch (request.name) {
        case tcpipForward.name: {
          const { addressToBind: host, portToBind: port } = tcpipForward.decode(request.data)
          return this.#ask(request, { host, port }, ask)
        }
        case streamlocalForward.name:
          return this.#ask(request, { path: streamlocalForward.decode(request.data).socketPath }, ask)
        case cancelTcpipForward.name: {
          const { addressToBind: host, portToBind: port } = cancelTcpipForward.decode(request.data)
          return this.#cancel(request, { host, port })
        }
        case cancelStreamlocalForward.name:
          return this.#cancel(request, { path: cancelStreamlocalForward.decode(request.data).socketPath })
        default:
          return false
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (!request.answered) request.reject()
      return true
    }
  }

  #ask(
    request: IncomingRequest,
    at: ForwardAddress,
    ask: ((request: ForwardRequest) => void) | undefined,
  ): boolean {
    const name = nameOf(at)
    const taken = this.#active.has(name) || this.#asked.has(name)
    if (ask === undefined || taken || this.#active.size >= maxForwards || !plausible(at)) {
      request.reject()
      return true
    }
    if (!('port' in at && at.port === 0)) this.#asked.add(name)
    ask({
      at,
      get answered() {
        return request.answered
      },
      accept: (o = {}) => {
        this.#asked.delete(name)
        return this.#accept(request, at, o)
      },
      reject: () => {
        this.#asked.delete(name)
        request.reject()
      },
    })
    return true
  }

  #accept(
    request: IncomingRequest,
    asked: ForwardAddress,
    { port, onCancel }: { readonly port?: number; readonly onCancel?: () => void },
  ): Forward {
    const at = 'path' in asked || asked.port !== 0 ? asked : { host: asked.host, port: chosen(port) }
    const name = nameOf(at)
    if (this.#active.has(name)) throw new UsageError(`accept: this client has a forward of ${name} already`)
    // RFC 4254 §7.1: the port is told only when it was ours to choose.
    if (at === asked) request.accept()
    else request.accept(tcpipForwardReply.encode({ boundPort: chosen(port) }))
    let cancelled = false
    this.#active.set(name, () => {
      cancelled = true
      this.#active.delete(name)
      onCancel?.()
    })
    // The client left before it was answered: nobody will cancel this.
    if (this.#session.phase === 'closed') this.#active.get(name)?.()
    return {
      at,
      get cancelled() {
        return cancelled
      },
      open: async (origin) => {
        if (cancelled) throw new UsageError(`the client has cancelled its forward of ${name}`)
        return openForwarded(this.#session, at, origin)
      },
    }
  }

  #cancel(request: IncomingRequest, at: ForwardAddress): boolean {
    const cancel = this.#active.get(nameOf(at))
    if (cancel === undefined) request.reject()
    else {
      request.accept()
      cancel()
    }
    return true
  }
}

/** Opens the channel that tells a client who has connected to the address that it asked us to listen on. */
export function openForwarded(
  session: Session,
  at: ForwardAddress,
  origin: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
): Promise<Channel> {
  if ('path' in at)
    return session.openChannel(
      forwardedStreamlocal.name,
      forwardedStreamlocal.encode({ socketPath: at.path, reserved: new Uint8Array(0) }),
    )
  return session.openChannel(
    forwardedTcpip.name,
    forwardedTcpip.encode({
      connectedAddress: at.host,
      connectedPort: at.port,
      originatorAddress: origin.host,
      originatorPort: origin.port,
    }),
  )
}

function chosen(port: number | undefined): number {
  if (port === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError(
      `accept: the client leaves the port to us: give port, a whole number from 1 to 65535 (it is ${port})`,
    )
  return port
}

function plausible(at: ForwardAddress): boolean {
  return 'path' in at ? at.path !== '' && !at.path.includes('\0') : at.port <= 65_535
}

function nameOf(at: ForwardAddress): string {
  return 'path' in at ? at.path : `${at.host} port ${at.port}`
}
