/** Tells agents of this computer which session they are used in, as keys for some destinations need it (OpenSSH PROTOCOL.agent §1). */

import type { Duplex } from 'node:stream'
import {
  AgentError,
  AgentReply,
  AgentRequest,
  agentLimits,
  type SessionBinding,
  sessionBind,
  writeSessionBinding,
} from '@hawser/agent'
import type { AuthState, Session } from '@hawser/session'
import { Writer } from '@hawser/wire'
import { type AgentMethods, type GetStreamCallback, OpenSSHAgent } from './agent.ts'

/** For an agent that is forwarded through `session`. */
export function forwardingBinding({ sessionId, hostProof }: Session): SessionBinding | undefined {
  if (sessionId === undefined || hostProof === undefined) return undefined
  return { ...hostProof, sessionId, forwarding: true }
}

/** For a login. */
export function loginBinding({ session }: AuthState): SessionBinding {
  const { id: sessionId, hostKey, hostSignature: signature } = session
  return { hostKey, sessionId, signature, forwarding: false }
}

/** `agent`, told of `binding` on each connection; agents of one's own, which do as they please, stay what they are. */
export function boundAgent(agent: AgentMethods, binding: SessionBinding | undefined): AgentMethods {
  const { getIdentities, sign } = OpenSSHAgent.prototype
  const isPlain =
    agent instanceof OpenSSHAgent && agent.sign === sign && agent.getIdentities === getIdentities
  return isPlain && binding !== undefined ? (new BoundAgent(agent, binding) as AgentMethods) : agent
}

class BoundAgent extends OpenSSHAgent {
  readonly #agent: OpenSSHAgent
  readonly #binding: SessionBinding

  constructor(agent: OpenSSHAgent, binding: SessionBinding) {
    super(agent.socketPath)
    this.#agent = agent
    this.#binding = binding
  }

  override getStream(callback: GetStreamCallback): void {
    this.#agent.getStream((error, stream) => {
      if (error || stream === undefined) return callback(error, stream)
      bind(stream, this.#binding, (failure) => {
        if (failure === undefined) return callback(null, stream)
        stream.destroy()
        callback(failure)
      })
    })
  }
}

/** Agents that know nothing of sessions refuse: they have no keys that are for some only. `done` is called once. */
function bind(stream: Duplex, binding: SessionBinding, done: (failure?: Error) => void): void {
  const request = new Writer(1024).byte(AgentRequest.extension).string(sessionBind)
  stream.write(
    new Writer(1024)
      .string(request.bytes(writeSessionBinding(binding)).finish())
      .finish()
      .slice(),
  )
  let length: number | undefined
  const read = (): void => {
    length ??= (stream.read(4) as Buffer | null)?.readUInt32BE()
    if (length === undefined) return
    if (length === 0 || length > agentLimits.message)
      return finish(new AgentError('SSH_AGENT_PROTOCOL', `the agent answered with ${length} bytes`))
    const answer = stream.read(length) as Buffer | null
    if (answer === null) return
    const known: readonly unknown[] = [AgentReply.success, AgentReply.failure, AgentReply.extensionFailure]
    finish(
      known.includes(answer[0])
        ? undefined
        : new AgentError('SSH_AGENT_PROTOCOL', `the agent answered with message ${answer[0]}`),
    )
  }
  const failed = (error: Error): void => finish(error)
  const closed = (): void =>
    finish(new AgentError('SSH_AGENT_CLOSED', 'the agent closed the connection before it answered'))
  const finish = (failure?: Error): void => {
    stream.off('readable', read).off('error', failed).off('close', closed).off('end', closed)
    done(failure)
  }
  stream.on('readable', read).on('error', failed).on('close', closed).on('end', closed)
  read()
}
