/** What a client lets the server open: forwarded connections that were asked for, X11 connections, connections to the agent. */

import type { EventEmitter } from 'node:events'
import { ChannelOpenReason, channelTypes, globalRequests } from '@hawser/connection'
import type { IncomingChannel } from '@hawser/session'
import type { AgentMethods } from './agent.ts'
import { boundAgent, forwardingBinding } from './agent-binding.ts'
import { forwardAgent } from './agent-use.ts'
import { Channel } from './channel.ts'
import { decoded } from './decode.ts'
import { requestError } from './errors.ts'
import { Link } from './link.ts'
import type { Callback, ClientForwardCallback } from './types.ts'

/** The forwards of one connection. */
export class Forwards {
  readonly #emitter: EventEmitter
  readonly #link: Link
  /** `address:port` as servers name them in forwarded connections, and the port that is listened on. */
  readonly #tcp = new Map<string, number>()
  readonly #unix = new Set<string>()
  /** X11 connections that may still come; Infinity once a request was not for a single one. */
  #x11 = 0
  readonly #agent: AgentMethods | undefined
  /** Whether a program of this connection may use the agent. */
  #agentAsked = false

  constructor(emitter: EventEmitter, link: Link, agent: AgentMethods | undefined) {
    this.#emitter = emitter
    this.#agent = agent
    this.#link = link
    link.session.onChannel = (open) => this.#incoming(open)
  }

  listen(address: string, port: number, callback?: ClientForwardCallback): void {
    const { tcpipForward, tcpipForwardReply } = globalRequests
    const data = tcpipForward.encode({ addressToBind: address, portToBind: port >>> 0 })
    this.#request(tcpipForward.name, data, `Unable to bind to ${address}:${port}`, (error, reply) => {
      if (error !== undefined) return callback?.(error, undefined as never)
      // The reply tells the port only when the server chose it (RFC 4254 §7.1).
      const bound = port === 0 ? decoded(tcpipForwardReply, reply)?.boundPort : port
      if (bound === undefined)
        return callback?.(new Error('the server did not tell which port it listens on'), undefined as never)
      this.#tcp.set(`${address}:${bound}`, bound)
      // Servers of that line name the port that was asked for, not the one they chose.
      if (port === 0 && /^OpenSSH_5\./.test(this.#link.session.remoteIdent?.software ?? ''))
        this.#tcp.set(`${address}:0`, bound)
      callback?.(undefined, bound)
    })
  }

  unlisten(address: string, port: number, callback?: Callback): void {
    const { cancelTcpipForward } = globalRequests
    const data = cancelTcpipForward.encode({ addressToBind: address, portToBind: port >>> 0 })
    this.#request(cancelTcpipForward.name, data, `Unable to unbind from ${address}:${port}`, (error) => {
      if (error === undefined)
        for (const [name, bound] of this.#tcp)
          if (bound === port && name.startsWith(`${address}:`)) this.#tcp.delete(name)
      callback?.(error)
    })
  }

  listenUnix(socketPath: string, callback?: Callback): void {
    const { streamlocalForward } = globalRequests
    const data = streamlocalForward.encode({ socketPath })
    this.#request(streamlocalForward.name, data, `Unable to bind to ${socketPath}`, (error) => {
      if (error === undefined) this.#unix.add(socketPath)
      callback?.(error)
    })
  }

  unlistenUnix(socketPath: string, callback?: Callback): void {
    const { cancelStreamlocalForward } = globalRequests
    const data = cancelStreamlocalForward.encode({ socketPath })
    this.#request(cancelStreamlocalForward.name, data, `Unable to unbind from ${socketPath}`, (error) => {
      if (error === undefined) this.#unix.delete(socketPath)
      callback?.(error)
    })
  }

  noMoreSessions(callback?: Callback): void {
    const { noMoreSessions } = globalRequests
    this.#request(
      noMoreSessions.name,
      noMoreSessions.encode({}),
      'Unable to disable future sessions',
      (error) => callback?.(error),
    )
  }

  /** An X11 request goes out; connections may come back. */
  expectX11(single: boolean): void {
    this.#x11 = single ? this.#x11 + 1 : Number.POSITIVE_INFINITY
  }

  /** The request was refused. */
  forgetX11(): void {
    if (Number.isFinite(this.#x11)) this.#x11 = Math.max(0, this.#x11 - 1)
  }

  /** A program is to use the agent: how to ask for it. False without an agent. */
  expectAgent(): boolean | 'again' {
    if (this.#agent === undefined) return false
    const again = this.#agentAsked
    this.#agentAsked = true
    return again ? 'again' : true
  }

  /** The first request for it was refused. */
  forgetAgent(): void {
    this.#agentAsked = false
  }

  #request(
    name: string,
    data: Uint8Array,
    refused: string,
    done: (error: Error | undefined, reply: Uint8Array) => void,
  ): void {
    this.#link.session.request(name, data).then(
      (reply) => Link.run(() => done(undefined, reply)),
      (error) => Link.run(() => done(requestError(error, refused), new Uint8Array(0))),
    )
  }

  /** Nothing is taken that was not asked for. */
  #incoming(open: IncomingChannel): void {
    switch (open.type) {
      case channelTypes.forwardedTcpip.name: {
        const o = decoded(channelTypes.forwardedTcpip, open.data)
        const bound = o === undefined ? undefined : this.#tcp.get(`${o.connectedAddress}:${o.connectedPort}`)
        if (o === undefined || bound === undefined) return refuse(open)
        return this.#offer('tcp connection', open, {
          destIP: o.connectedAddress,
          destPort: bound,
          srcIP: o.originatorAddress,
          srcPort: o.originatorPort,
        })
      }
      case channelTypes.forwardedStreamlocal.name: {
        const o = decoded(channelTypes.forwardedStreamlocal, open.data)
        if (o === undefined || !this.#unix.has(o.socketPath)) return refuse(open)
        return this.#offer('unix connection', open, { socketPath: o.socketPath })
      }
      case channelTypes.x11.name: {
        const o = decoded(channelTypes.x11, open.data)
        if (o === undefined || this.#x11 <= 0) return refuse(open)
        this.#x11--
        return this.#offer('x11', open, { srcIP: o.originatorAddress, srcPort: o.originatorPort })
      }
      case channelTypes.authAgent.name:
        if (!this.#agentAsked || this.#agent === undefined) return refuse(open)
        return forwardAgent(open, boundAgent(this.#agent, forwardingBinding(this.#link.session)))
      default:
        open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)
    }
  }

  #offer(event: string, open: IncomingChannel, details: object): void {
    const accept = (): Channel | undefined => {
      if (open.answered) return undefined
      return new Channel({ core: open.accept(), owner: this.#link, server: false })
    }
    const reject = (): boolean => {
      if (!open.answered) refuse(open)
      return this.#link.writable
    }
    if (!this.#emitter.emit(event, details, accept, reject)) refuse(open)
  }
}

function refuse(open: IncomingChannel): void {
  open.reject(ChannelOpenReason.administrativelyProhibited, '')
}
