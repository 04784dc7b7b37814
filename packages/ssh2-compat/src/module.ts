/** The shape of the module: a Client that may be called without `new` and carries every other name. */

import { BaseAgent, CygwinAgent, createAgent, OpenSSHAgent, PageantAgent } from './agent.ts'
import { AgentProtocol } from './agent-protocol.ts'
import { type Callable, callable } from './callable.ts'
import { Channel } from './channel.ts'
import { Client as ClientClass } from './client.ts'
import { Connection } from './connection.ts'
import { OPEN_MODE, STATUS_CODE } from './constants.ts'
import { HTTPAgent as HTTPAgentClass, HTTPSAgent as HTTPSAgentClass } from './http-agents.ts'
import { Server as ServerClass } from './server.ts'
import { utils } from './utils.ts'

export const Client: Callable<typeof ClientClass> = callable(ClientClass)
export type Client = ClientClass
export const Server: Callable<typeof ServerClass> = callable(ServerClass)
export type Server = ServerClass
export const HTTPAgent: Callable<typeof HTTPAgentClass> = callable(HTTPAgentClass)
export type HTTPAgent = HTTPAgentClass
export const HTTPSAgent: Callable<typeof HTTPSAgentClass> = callable(HTTPSAgentClass)
export type HTTPSAgent = HTTPSAgentClass
/** @deprecated Use `utils.sftp.STATUS_CODE`. */
export const SFTP_STATUS_CODE = STATUS_CODE
/** @deprecated Use `utils.sftp.OPEN_MODE`. */
export const SFTP_OPEN_MODE = OPEN_MODE

interface Names {
  readonly Client: typeof Client
  readonly Server: typeof Server
  readonly Channel: typeof Channel
  readonly Connection: typeof Connection
  readonly HTTPAgent: typeof HTTPAgent
  readonly HTTPSAgent: typeof HTTPSAgent
  readonly AgentProtocol: typeof AgentProtocol
  readonly BaseAgent: typeof BaseAgent
  readonly createAgent: typeof createAgent
  readonly OpenSSHAgent: typeof OpenSSHAgent
  readonly CygwinAgent: typeof CygwinAgent
  readonly PageantAgent: typeof PageantAgent
  readonly utils: typeof utils
  readonly SFTP_STATUS_CODE: typeof STATUS_CODE
  readonly SFTP_OPEN_MODE: typeof OPEN_MODE
}

const names: Names = {
  Client,
  Server,
  Channel,
  Connection,
  HTTPAgent,
  HTTPSAgent,
  AgentProtocol,
  BaseAgent,
  createAgent,
  OpenSSHAgent,
  CygwinAgent,
  PageantAgent,
  utils,
  SFTP_STATUS_CODE,
  SFTP_OPEN_MODE,
}

/** What `require()` gives: {@link Client} itself, with all names on it, `default` among them. */
export const ssh2: typeof Client & Names & { readonly default: unknown } = Object.assign(Client, names, {
  default: Client as unknown,
})
