/** A client's use of its agent: keys to log in with, and the agent forwarded to the server. */

import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'
import { serveAgent } from '@hawser/agent'
import { channelPipe } from '@hawser/client'
import { ChannelOpenReason } from '@hawser/connection'
import { publicKeyFromBlob, type Signer } from '@hawser/keys'
import type { IncomingChannel } from '@hawser/session'
import { toNodeDuplex } from '@hawser/session/node'
import type { AgentMethods, AgentPublicKey } from './agent.ts'
import { type KnownPublicKeys, keyOf } from './agent-protocol.ts'
import { agentAlgorithms, hashFor, toAgentBlob } from './agent-signatures.ts'
import type { ParsedKey } from './keys.ts'

/** The agent's keys, which sign by asking it. Rejects with what the agent says; what it names that is no key is left out. */
export async function agentSigners(agent: AgentMethods): Promise<Signer[]> {
  const keys = await new Promise<KnownPublicKeys<AgentPublicKey>>((resolve, reject) => {
    agent.getIdentities((error, found) => {
      if (error) reject(error)
      else if (Array.isArray(found)) resolve(found)
      else reject(new Error('the agent gave no list of keys'))
    })
  })
  return keys
    .map(keyOf)
    .filter((key) => !(key instanceof Error))
    .map((key) => signerOf(agent, key as ParsedKey))
}

function signerOf(agent: AgentMethods, key: ParsedKey): Signer {
  const publicKey = publicKeyFromBlob(key.getPublicSSH(), key.comment)
  return {
    publicKey,
    algorithms: agentAlgorithms(key.type),
    sign: async (algorithm, data) => {
      const hash = hashFor(algorithm)
      const signature = await new Promise<Uint8Array>((resolve, reject) => {
        agent.sign(key, Buffer.from(data), { hash }, (error, made) => {
          if (error) reject(error)
          else if (made instanceof Uint8Array) resolve(made)
          else reject(new Error('the agent gave no signature'))
        })
      })
      const blob = toAgentBlob(key.type, hash, signature)
      if (blob === undefined) throw new Error(`the agent gave no signature of a ${key.type} key`)
      return blob
    },
  }
}

/** Connects a channel of the server's to `agent`: by its stream, or by its two methods when it has none. Refused when the agent is not there. */
export function forwardAgent(open: IncomingChannel, agent: AgentMethods): void {
  if (typeof agent.getStream !== 'function') {
    const store = {
      // SHA-1 too: the agent decides what it signs by.
      identities: async () =>
        (await agentSigners(agent)).map((signer) =>
          signer.publicKey.type === 'ssh-rsa'
            ? { ...signer, algorithms: [...signer.algorithms, 'ssh-rsa'] }
            : signer,
        ),
    }
    // A client over there that breaks the protocol loses its channel; nobody else is concerned.
    serveAgent(channelPipe(open.accept()), store).catch(() => undefined)
    return
  }
  agent.getStream((error, stream) => {
    if (error || stream === undefined)
      return open.reject(ChannelOpenReason.connectFailed, 'the agent cannot be reached')
    join(stream, toNodeDuplex(open.accept()))
  })
}

/** Both ways until both have ended; when one is lost, so is the other. */
function join(a: Duplex, b: Duplex): void {
  const over = (): void => undefined // each stream is destroyed with the other, and the program over there sees its channel close
  pipeline(a, b, over)
  pipeline(b, a, over)
}
