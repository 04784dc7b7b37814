/** ssh2's HTTPAgent and HTTPSAgent: web servers reached through SSH, all sockets of an agent over one connection. */

import type { AgentOptions } from 'node:http'
import type { AgentOptions as TlsAgentOptions } from 'node:https'
import { openTcpChannel } from '@hawser/client'
import { type OwnedForwarder, SshHttpAgent, SshHttpsAgent } from '@hawser/http-agent'
import { Client } from './client.ts'
import { notConnected } from './errors.ts'
import type { ConnectConfig } from './types.ts'

interface Origin {
  /** What the SSH server is told as the origin of connections; default `localhost`. */
  srcIP?: string | undefined
}
/** Node's options and our own. */
export interface HTTPAgentOptions extends AgentOptions, Origin {}
export interface HTTPSAgentOptions extends TlsAgentOptions, Origin {}

/** An `http.Agent` that connects through the SSH server of `config`. */
export class HTTPAgent extends SshHttpAgent {
  constructor(config: ConnectConfig, options: HTTPAgentOptions = {}) {
    const { srcIP, ...rest } = options
    super(() => dial(config), { ...rest, origin: { host: srcIP || 'localhost', port: 0 } })
  }
}

/** Likewise an `https.Agent`: TLS is spoken with the web server itself, through the SSH connection. */
export class HTTPSAgent extends SshHttpsAgent {
  constructor(config: ConnectConfig, options: HTTPSAgentOptions = {}) {
    const { srcIP, ...rest } = options
    super(() => dial(config), { ...rest, origin: { host: srcIP || 'localhost', port: 0 } })
  }
}

/** Rejects with the connection's one error. */
function dial(config: ConnectConfig): Promise<OwnedForwarder> {
  return new Promise((resolve, reject) => {
    const client = new Client()
    const closed = new Promise<void>((ended) => client.once('close', () => ended()))
    client.on('error', reject)
    client.once('close', () => reject(notConnected()))
    client.once('ready', () => {
      resolve({
        closed,
        close: () => void client.end(),
        forwardOut: async (to, from) => {
          const session = Client.session(client)
          if (session === undefined) throw notConnected()
          return openTcpChannel(session, to, from)
        },
      })
    })
    client.connect(config)
  })
}
