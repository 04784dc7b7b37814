/** Target: two whole sessions over a line in memory, one of which sends packets that are changed, lost, doubled, mixed and made up. */

import type { Channel, Session, SessionHooks } from '@hawser/session'
import { Rng, randomChunks, sessionPair } from '@hawser/test-kit'
import { ProtocolError, SshError } from '@hawser/wire'
import { blob, connectionGrammar, text, transportGrammar, userauthGrammar } from './grammar.ts'
import { MessageMutator } from './mutate.ts'
import { hasNewKeys, hostileProvider, seededProvider, spoiledPlain } from './packets.ts'
import { demand, type Target } from './target.ts'
import { turns } from './turns.ts'

export const sessionTarget: Target = {
  name: 'session',
  packages: ['session', 'transport', 'userauth', 'connection'],
  run,
}

const mostTurns = 3_000

async function run(seed: number): Promise<void> {
  const rng = new Rng(seed)
  const hostile = rng.pick(['client', 'server'] as const)
  const grammar = (source: Rng): Uint8Array =>
    source.pick([transportGrammar, userauthGrammar, connectionGrammar, connectionGrammar])(source)
  const mutator = new MessageMutator(rng, grammar, rng.pick([0, 0.01, 0.05, 0.3]))
  const hooks = { client: new Hooks(), server: new Hooks() }
  const provider = { [hostile]: hostileProvider(rng, mutator) } as { client?: never; server?: never }
  const common = {
    algorithms: { kex: ['curve25519-sha256'] },
    ...(rng.chance(0.3) ? { rekeyLimits: { bytes: 5_000 } } : {}),
    window: 30_000,
  }
  let isPlain = true
  const pair = await sessionPair({
    chunking: randomChunks(rng, rng.pick([7, 100, 5_000])),
    tamper: (bytes, to) => {
      if (to === (hostile === 'client' ? 'a' : 'b') || !isPlain) return bytes
      isPlain = !hasNewKeys(bytes)
      return spoiledPlain(bytes, mutator, rng)
    },
    client: { ...common, crypto: provider.client ?? seededProvider(rng), hooks: hooks.client.all },
    server: { ...common, crypto: provider.server ?? seededProvider(rng), hooks: hooks.server.all },
  })
  const calls = new Calls()
  calls.watch(pair.client.ready)
  calls.watch(pair.server.ready)
  pair.server.onChannel = (open) => {
    if (rng.chance(0.2)) return open.reject(1, 'no')
    echo(open.accept(), rng)
  }
  pair.client.onChannel = (open) => open.reject(1, 'no')
  for (const session of [pair.client, pair.server])
    session.onRequest = (request) => (rng.chance(0.5) ? request.accept() : request.reject())
  let isClosed = false
  void Promise.all([pair.client.closed, pair.server.closed]).then(() => {
    isClosed = true
  })
  for (let step = rng.between(3, 25); step > 0 && !isClosed; step--) {
    await turns(rng.between(1, 6))
    act(rng.chance(0.8) ? pair.client : pair.server, calls, rng)
  }
  await turns(4)
  const end = rng.below(4)
  if (end === 0) calls.watch(pair.client.close())
  if (end === 1) pair.server.destroy()
  await turns(4)
  pair.cut()
  for (let turn = 0; turn < mostTurns && !(isClosed && calls.open === 0); turn++) await turns(1)
  demand(isClosed, 'a session whose line is cut has not closed')
  demand(calls.open === 0, `${calls.open} calls never ended`)
  demand(calls.twice === 0, `${calls.twice} callbacks came twice`)
  for (const { failed, closed, late } of [hooks.client, hooks.server]) {
    demand(failed.length <= 1, `${failed.length} errors of one connection`)
    demand(closed === 1, `closed ${closed} times`)
    demand(!late, 'something was told after the end')
    const [error] = failed
    if (error !== undefined) demand(SshError.is(error), `an error that is none of ours: ${error.stack}`)
  }
  const other = pair[hostile === 'client' ? 'server' : 'client'].error
  // A refused peer is told so, and by the reason that the error has.
  const told = hooks[hostile === 'client' ? 'server' : 'client'].farewell
  if (other instanceof ProtocolError && told !== undefined)
    demand(told === other.disconnectReason, `told ${told} for ${other.message}`)
}

class Hooks {
  readonly failed: Error[] = []
  closed = 0
  late = false
  farewell: number | undefined
  #isReady = false

  readonly ready = (): void => {
    demand(!this.#isReady, 'ready twice')
    this.#isReady = true
    this.#told()
  }
  readonly keys = (): void => this.#told()
  readonly disconnect = (by: string, reason: number): void => {
    if (by === 'local') this.farewell = reason
    this.#told()
  }

  readonly onFailed = (error: Error): void => {
    this.failed.push(error)
    this.#told()
  }
  readonly onClosed = (): void => {
    this.closed++
  }

  get all(): SessionHooks {
    return {
      ready: this.ready,
      keys: this.keys,
      disconnect: this.disconnect,
      failed: this.onFailed,
      closed: this.onClosed,
    }
  }

  #told(): void {
    if (this.closed > 0) this.late = true
  }
}

/** What was begun, each to end once. */
class Calls {
  open = 0
  twice = 0

  watch(call: Promise<unknown>): void {
    const ended = this.callback()
    call.then(ended, ended)
  }

  callback(): () => void {
    this.open++
    let isOver = false
    return () => {
      if (isOver) this.twice++
      else this.open--
      isOver = true
    }
  }
}

function echo(channel: Channel, rng: Rng): void {
  channel.onRequest = (request) => (rng.chance(0.8) ? request.accept() : request.reject())
  channel.attach(0, {
    data: (bytes) => channel.write(bytes.slice(), 0, () => channel.consumed(bytes.length)),
    end: () => {
      channel.eof()
      void channel.close()
    },
    close: () => undefined,
  })
}

function act(session: Session, calls: Calls, rng: Rng): void {
  if (!session.authenticated) return
  switch (rng.below(6)) {
    case 0:
      calls.watch(session.rekey())
      return
    case 1:
      calls.watch(session.request(text(rng), blob(rng)))
      return
    case 2:
      calls.watch(session.ping())
      return
    default:
      calls.watch(useChannel(session, calls, rng))
  }
}

async function useChannel(session: Session, calls: Calls, rng: Rng): Promise<void> {
  const channel = await session.openChannel('session')
  channel.attach(0, {
    data: (bytes) => channel.consumed(bytes.length),
    end: () => undefined,
    close: calls.callback(),
  })
  calls.watch(channel.closed)
  if (rng.chance(0.5)) calls.watch(channel.request('exec', blob(rng)))
  for (let writes = rng.below(4); writes > 0; writes--)
    channel.write(rng.bytes(rng.below(20_000)), 0, calls.callback())
  if (rng.chance(0.7)) channel.eof()
  if (rng.chance(0.3)) calls.watch(channel.close())
}
