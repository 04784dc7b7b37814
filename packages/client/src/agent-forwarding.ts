/** The agent that a server may use while programs of ours run there. */

import {
  type AgentSource,
  type AgentStore,
  type ByteChannel,
  openBound,
  type SessionBinding,
  serveAgent,
} from '@hawser/agent'
import { ChannelOpenReason } from '@hawser/connection'
import { asError, channelPipe, type IncomingChannel, type Session } from '@hawser/session'
import type { Trace } from '@hawser/wire'

/** An agent that runs somewhere, such as `agentAt()` of @hawser/agent/node gives, or one of one's own, such as a `Keyring`. */
export type ForwardedAgent = AgentSource | AgentStore

/** What the agent is told of the session that it is forwarded through; undefined for one whose server has proved nothing. */
export function forwardingBinding({ sessionId, hostProof }: Session): SessionBinding | undefined {
  if (sessionId === undefined || hostProof === undefined) return undefined
  return { ...hostProof, sessionId, forwarding: true }
}

/** Connects the channel that a server opens to `agent`, which is told of the session by `binding`. Refuses it when the agent cannot be reached. Never rejects; `trace` is told of failures. */
export async function forwardAgent(
  open: IncomingChannel,
  agent: ForwardedAgent,
  binding: SessionBinding | undefined,
  trace?: Trace,
): Promise<void> {
  const note = (what: string, error: unknown): void =>
    trace?.({ layer: 'session', type: 'note', detail: `${what}: ${asError(error).message}` })
  if (!('open' in agent)) {
    try {
      await serveAgent(channelPipe(open.accept()), agent, binding === undefined ? {} : { binding })
    } catch (error) {
      note('a connection to the forwarded agent failed', error)
    }
    return
  }
  let near: ByteChannel
  try {
    near = await (binding === undefined ? agent.open() : openBound(agent, binding))
  } catch (error) {
    note('the agent to forward cannot be reached', error)
    return open.reject(ChannelOpenReason.connectFailed, 'the agent cannot be reached')
  }
  join(near, channelPipe(open.accept()))
}

/** What comes from one goes to the other, with the back-pressure of each; the end of one is the end of both. */
function join(a: ByteChannel, b: ByteChannel): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.onData = (bytes) => {
      if (!to.write(bytes)) from.pause()
    }
    to.onDrain = () => from.resume()
    from.onClose = (error) => {
      if (error === undefined) to.end()
      else to.destroy(error)
    }
  }
  a.resume()
  b.resume()
}
