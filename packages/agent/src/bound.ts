/** Agents that know which session they are used in: to log in by, and to forward. */

import type { Signer } from '@hawser/keys'
import type { ByteChannel } from '@hawser/wire'
import { type AgentClient, connectAgent } from './agent-client.ts'
import type { AgentSource } from './agent-source.ts'
import type { AgentStore } from './agent-store.ts'
import { AgentError } from './errors.ts'
import { type SessionBinding, sessionBind, writeSessionBinding } from './session-binding.ts'

/**
 * The agent's keys for a login to the server of `binding`, which they are bound to. Each use of an agent that runs elsewhere is a
 * connection of its own: there is nothing to close. Rejects with AgentError.
 */
export async function loginSigners(
  agent: AgentSource | AgentStore,
  binding: SessionBinding,
): Promise<readonly Signer[]> {
  if (!('open' in agent)) return storeSigners(agent, binding)
  const signers = await during(agent, binding, (client) => client.identities())
  return signers.map(({ publicKey, algorithms }) => ({
    publicKey,
    algorithms,
    sign: (algorithm, data) => during(agent, binding, (client) => client.sign(publicKey, algorithm, data)),
  }))
}

/** A connection to the agent for the other side of the session of `binding`, which the agent was told of; nothing flows before `resume`. */
export async function openBound(source: AgentSource, binding: SessionBinding): Promise<ByteChannel> {
  const channel = await source.open()
  const client = connectAgent(channel)
  try {
    await bind(client, binding)
  } catch (error) {
    client.close()
    throw error
  }
  channel.pause()
  return channel
}

async function during<T>(
  source: AgentSource,
  binding: SessionBinding,
  use: (client: AgentClient) => Promise<T>,
): Promise<T> {
  const client = connectAgent(await source.open())
  try {
    await bind(client, binding)
    return await use(client)
  } finally {
    client.close()
  }
}

/** Agents that know nothing of sessions have no keys that are for some only; those that do hide these after a refusal. */
async function bind(client: AgentClient, binding: SessionBinding): Promise<void> {
  try {
    await client.bindSession(binding)
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'SSH_AGENT_REFUSED') throw error
  }
}

async function storeSigners(store: AgentStore, binding: SessionBinding): Promise<readonly Signer[]> {
  const view = store.connection?.() ?? store
  try {
    await view.extension?.(sessionBind, writeSessionBinding(binding))
  } catch {
    // What a verb of a store throws is a refusal, as it is of an agent that runs.
  }
  return view.identities()
}
