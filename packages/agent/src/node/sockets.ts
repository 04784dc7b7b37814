/** Where agents are on this computer: Unix sockets, Windows' named pipes, Cygwin's socket files, Pageant. */

import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AgentSource } from '../agent-source.ts'
import type { AgentStore } from '../agent-store.ts'
import { AgentError } from '../errors.ts'
import { type ServeAgentOptions, serveAgent } from '../serve-agent.ts'
import { connectCygwin } from './cygwin.ts'
import { pageantPath } from './pageant.ts'
import { streamChannel } from './stream-channel.ts'

/** Windows' own OpenSSH agent. */
const windowsAgent = '\\\\.\\pipe\\openssh-ssh-agent'

/**
 * The agent at `where`: the path of a socket or named pipe, or `pageant`. On Windows any other path is a socket file of Cygwin or MSYS2.
 * Default: SSH_AUTH_SOCK; on Windows without it the agent of Windows.
 */
export function agentAt(where?: string): AgentSource {
  return { open: async () => streamChannel(await openAgentSocket(where)) }
}

/** A connection to the agent at `where` as {@link agentAt} has it. Rejects with {@link AgentError} that names the path. */
export async function openAgentSocket(where: string | undefined = usualPlace()): Promise<Socket> {
  if (where === undefined || where === '')
    throw new AgentError(
      'SSH_AGENT_UNREACHABLE',
      'no agent is known: the environment variable SSH_AUTH_SOCK is not set; start one by: eval $(ssh-agent)',
    )
  if (where === 'pageant') return connectPath(pageantPath())
  if (process.platform === 'win32' && !isPipe(where)) return connectCygwin(where)
  return connectPath(where)
}

/** Whether `path` is a named pipe of Windows, in any spelling of its slashes. */
export function isPipe(path: string): boolean {
  return /^[/\\][/\\][.?][/\\]pipe[/\\]/i.test(path)
}

/**
 * Serves `store` at the Unix socket or named pipe `path`, for SSH_AUTH_SOCK of other programs. Only this user can connect
 * to the socket. Resolves when it listens. Closing the server lets its clients finish.
 */
export async function listenAgent(
  path: string,
  store: AgentStore,
  options: ServeAgentOptions & {
    /** Told when a client was cut off because it broke the protocol, or its connection failed. */
    readonly failed?: (error: Error) => void
  } = {},
): Promise<Server> {
  const server = createServer((socket) => {
    serveAgent(streamChannel(socket), store, options).catch((error: Error) => options.failed?.(error))
  })
  server.listen(path)
  // It is bound by now, and nobody was let in yet.
  if (server.listening && !isPipe(path)) chmodSync(path, 0o600)
  await once(server, 'listening')
  return server
}

function usualPlace(): string | undefined {
  return process.env['SSH_AUTH_SOCK'] ?? (process.platform === 'win32' ? windowsAgent : undefined)
}

function connectPath(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const failed = (cause: Error): void => {
      socket.destroy()
      reject(
        new AgentError(
          'SSH_AGENT_UNREACHABLE',
          `cannot reach the agent at ${path}: ${cause.message}; check that it runs`,
          { cause },
        ),
      )
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.removeListener('error', failed)
      resolve(socket)
    })
  })
}
