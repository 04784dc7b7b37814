/** `http.Agent` and `https.Agent` whose sockets are channels of an SSH connection. */

import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as TlsAgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { Address } from '@hawser/client'
import { SharedConnection, type SharingOptions, type Via } from './shared-connection.ts'
import { channelSocket, tlsSocket } from './socket.ts'

/** Options of Node's own agent (`keepAlive`, `maxSockets`…), and how its sockets share a connection. */
export interface SshHttpAgentOptions extends AgentOptions, SharingOptions {}

/** Likewise; TLS options (`ca`, `cert`, `rejectUnauthorized`…) may be given here or per request. */
export interface SshHttpsAgentOptions extends TlsAgentOptions, SharingOptions {}

type Created = (error: Error | null, socket: Duplex) => void

/** Reaches HTTP servers through SSH: names are resolved, and connections made, by the SSH server. `request({ agent })` takes it. */
export class SshHttpAgent extends HttpAgent {
  readonly #connection: SharedConnection

  constructor(via: Via, options: SshHttpAgentOptions = {}) {
    super(options)
    this.#connection = new SharedConnection(via, options)
  }

  override createConnection(options: ClientRequestArgs, created?: Created): undefined {
    const to = targetOf(options, 80)
    this.#connection.open(to, originOf(options)).then(
      (lease) => {
        const socket = channelSocket(lease, to)
        if (options.timeout !== undefined) socket.setTimeout(options.timeout)
        created?.(null, socket)
      },
      (error: unknown) => failed(created, error),
    )
  }

  /** Ends the sockets that wait for a request, and the connection if it was made here. */
  override destroy(): void {
    super.destroy()
    this.#connection.close()
  }
}

/** As {@link SshHttpAgent}, with TLS between this process and the web server; the SSH server sees only that. */
export class SshHttpsAgent extends HttpsAgent {
  readonly #connection: SharedConnection

  constructor(via: Via, options: SshHttpsAgentOptions = {}) {
    super(options)
    this.#connection = new SharedConnection(via, options)
  }

  override createConnection(options: ClientRequestArgs & ConnectionOptions, created?: Created): undefined {
    const to = targetOf(options, 443)
    this.#connection.open(to, originOf(options)).then(
      (lease) => {
        const socket = tlsSocket(lease, to, options)
        if (options.timeout !== undefined) socket.setTimeout(options.timeout)
        created?.(null, socket)
      },
      (error: unknown) => failed(created, error),
    )
  }

  /** Ends the sockets that wait for a request, and the connection if it was made here. */
  override destroy(): void {
    super.destroy()
    this.#connection.close()
  }
}

function targetOf({ host, port }: ClientRequestArgs, standard: number): Address {
  return { host: host ?? 'localhost', port: Number(port ?? standard) }
}

function originOf({ localAddress, localPort }: ClientRequestArgs): Partial<Address> {
  return {
    ...(localAddress === undefined ? {} : { host: localAddress }),
    ...(localPort === undefined ? {} : { port: localPort }),
  }
}

/** Node's declaration wants a socket beside every error; there is none. */
function failed(created: Created | undefined, error: unknown): void {
  const tell = created as ((error: unknown) => void) | undefined
  tell?.(error)
}
