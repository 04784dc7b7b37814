/** Targets: both ends of the agent protocol, and a keyring that is served to a hostile client. */

import {
  type AgentAnswer,
  type AgentAsk,
  AgentClientMachine,
  AgentServerMachine,
  agentLimits,
  Keyring,
  serveAgent,
} from '@hawser/agent'
import { type PrivateKey, parsePrivateKey } from '@hawser/keys'
import { memoryPipes, outputs, Rng, randomChunks } from '@hawser/test-kit'
import { ProtocolError } from '@hawser/wire'
import { blob, text } from './grammar.ts'
import { seeds } from './key-seeds.ts'
import { edge, joined, MessageMutator } from './mutate.ts'
import { bounded, demand, protocolErrorOf, type Target } from './target.ts'
import { turns } from './turns.ts'

export const agentTarget: Target = { name: 'agent', packages: ['agent', 'wire'], run }
export const agentServingTarget: Target = {
  name: 'agent-serving',
  packages: ['agent', 'keys', 'wire'],
  run: runServing,
}

function ask(rng: Rng): AgentAsk {
  return rng.pick<() => AgentAsk>([
    () => ({ type: 'requestIdentities' }),
    () => ({ type: 'signRequest', keyBlob: key.publicKey.blob, data: blob(rng), flags: edge(rng) }),
    () => ({ type: 'addIdentity', key: blob(rng) }),
    () => ({ type: 'addIdentityConstrained', key: blob(rng, 300) }),
    () => ({ type: 'removeIdentity', keyBlob: blob(rng) }),
    () => ({ type: 'removeAllIdentities' }),
    () => ({ type: 'addSmartcardKey', reader: text(rng), pin: blob(rng) }),
    () => ({ type: 'lock', passphrase: blob(rng, 3) }),
    () => ({ type: 'unlock', passphrase: blob(rng, 3) }),
    () => ({
      type: 'extension',
      name: rng.pick(['query', 'session-bind@openssh.com', 'x']),
      contents: blob(rng),
    }),
  ])()
}

function answer(rng: Rng): AgentAnswer {
  return rng.pick<AgentAnswer>([
    {
      type: 'identitiesAnswer',
      identities: Array.from({ length: rng.below(4) }, () => ({ keyBlob: blob(rng), comment: text(rng) })),
    },
    { type: 'signResponse', signature: blob(rng) },
    { type: 'extensionResponse', name: text(rng), contents: blob(rng) },
    { type: 'success' },
    { type: 'failure' },
    { type: 'extensionFailure' },
  ])
}

const key = seeds.byParser.private
  .map((seed): PrivateKey | undefined => {
    try {
      return parsePrivateKey(seed)
    } catch {
      return undefined // those with a passphrase
    }
  })
  .find((parsed) => parsed?.publicKey.type === 'ssh-ed25519') as PrivateKey

/** Time in which everything comes in the next turn: a wrong passphrase is answered late by it. */
const soon = {
  now: () => 0,
  after: (_ms: number, run: () => void) => {
    const due = setImmediate(run)
    return () => clearImmediate(due)
  },
}

/** Messages without their lengths and back; a line that is cut anywhere is a matter of the chunks. */
const grammar = (rng: Rng): Uint8Array => {
  const machine = new AgentClientMachine()
  const bytes = rng.chance(0.5) ? rng.bytes(rng.below(40)) : undefined
  if (bytes !== undefined) return bytes
  machine.request(ask(rng))
  return ([...outputs(machine)][0] as Uint8Array).subarray(4)
}

function framed(message: Uint8Array, rng: Rng): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, rng.chance(0.01) ? edge(rng) : message.length)
  return joined(head, message)
}

function run(seed: number): void {
  const rng = new Rng(seed)
  const client = new AgentClientMachine()
  const server = new AgentServerMachine()
  const mutator = new MessageMutator(rng, grammar, rng.pick([0, 0.05, 0.3]))
  const chunks = randomChunks(rng, rng.pick([1, 8, 1000]))
  const open = new Set<number>()
  const asked: number[] = []
  let clientError: unknown
  let serverError: unknown
  for (let round = 0; round < 40 && clientError === undefined && serverError === undefined; round++) {
    for (let count = rng.below(4); count > 0; count--) open.add(client.request(ask(rng)))
    for (const bytes of outputs(client))
      for (const message of mutator.next(bytes.subarray(4)))
        for (const piece of chunks(framed(message, rng))) server.receive(piece)
    serverError = protocolErrorOf(() => {
      for (const event of bounded(() => server.poll(), 200, 'requests')) asked.push(event.request)
    })
    demand(server.outstanding <= agentLimits.outstanding, `${server.outstanding} requests wait`)
    while (asked.length > 0 && rng.chance(0.9)) {
      const request = asked.splice(rng.below(asked.length), 1)[0] as number
      server.reply(request, answer(rng))
    }
    for (const bytes of outputs(server))
      for (const message of mutator.next(bytes.subarray(4)))
        for (const piece of chunks(framed(message, rng))) client.receive(piece)
    clientError = protocolErrorOf(() => {
      for (const event of bounded(() => client.poll(), 200, 'replies'))
        demand(open.delete(event.request), 'a reply to nothing, or a second one')
    })
  }
  for (const [machine, error] of [
    [client, clientError],
    [server, serverError],
  ] as const)
    if (error !== undefined)
      demand(protocolErrorOf(() => void machine.poll()) === error, 'another error than the first')
}

async function runServing(seed: number): Promise<void> {
  const rng = new Rng(seed)
  const { a, b } = memoryPipes({ chunking: randomChunks(rng, rng.pick([1, 16, 1000])) })
  const keyring = new Keyring([key], { clock: soon })
  let over: unknown
  const done = serveAgent(b, keyring).then(
    () => (over = 'ended'),
    (error: unknown) => (over = error),
  )
  const replies = new AgentClientMachine()
  const mutator = new MessageMutator(rng, grammar, rng.pick([0, 0.1, 0.4]))
  let received = 0
  a.onData = (bytes) => {
    received += bytes.length
  }
  a.resume()
  let sent = 0
  for (let count = rng.below(30); count > 0 && over === undefined; count--) {
    replies.request(ask(rng))
    for (const bytes of outputs(replies))
      for (const message of mutator.next(bytes.subarray(4))) {
        if (a.write(framed(message, rng))) sent++
      }
    if (rng.chance(0.2)) await turns(2)
  }
  await turns(3)
  if (rng.chance(0.3)) b.close(new Error('cut'))
  else a.end()
  for (let wait = 0; over === undefined && wait < 3_000; wait++) await turns(1)
  demand(over !== undefined, `the agent still serves a client that is gone, after ${sent} requests`)
  demand(
    over === 'ended' || over instanceof ProtocolError || (over as Error).message === 'cut',
    `an agent ended by ${String(over)}`,
  )
  demand(received <= 300_000 * (sent + 1), `${received} bytes of replies`)
  await done
}
