import { sessionPair } from '@hawser/test-kit'
import { describe, expect, test, vi } from 'vitest'
import { Turns } from './turns.ts'

/** Turns of 4 ms, by a clock and a loop that the test moves. */
function loop() {
  let now = 0
  const due: (() => void)[] = []
  const done: string[] = []
  const turns = new Turns({ budgetMs: 4, now: () => now, later: (next) => due.push(next) })
  return {
    done,
    turns,
    take: (name: string, milliseconds: number) =>
      turns.take(() => {
        now += milliseconds
        done.push(name)
      }),
    turn: () => {
      for (const next of due.splice(0)) next()
    },
    scheduled: () => due.length,
  }
}

describe('work in turns', () => {
  test('runs at once while the turn has time for it', () => {
    const l = loop()
    l.take('a', 1)
    l.take('b', 3)
    expect(l.done).toEqual(['a', 'b'])
    expect(l.turns.waiting).toBe(0)
  })

  test('waits in order afterwards, and gets a share of each turn', () => {
    const l = loop()
    for (const name of ['a', 'b', 'c', 'd', 'e']) l.take(name, 3)
    expect(l.done).toEqual(['a', 'b'])
    l.turn()
    expect(l.done).toEqual(['a', 'b', 'c', 'd'])
    l.take('f', 1)
    expect(l.done, 'nobody overtakes').toEqual(['a', 'b', 'c', 'd'])
    l.turn()
    expect(l.done).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('asks for another turn only while something was done or waits', () => {
    const l = loop()
    expect(l.scheduled()).toBe(0)
    l.take('a', 5)
    expect(l.scheduled()).toBe(1)
    l.turn()
    expect(l.scheduled()).toBe(0)
    l.take('b', 1)
    expect(l.done).toEqual(['a', 'b'])
  })

  test('what throws is thrown, and takes nobody else’s turn', () => {
    const l = loop()
    l.take('a', 5)
    l.turns.take(() => {
      throw new Error('mine')
    })
    l.take('b', 1)
    expect(() => l.turn()).toThrow('mine')
    l.turn()
    expect(l.done).toEqual(['a', 'b'])
    expect(l.turns.waiting).toBe(0)
  })
})

/** Turns that come when the test says so; nothing runs at once. */
function byHand() {
  const due: (() => void)[] = []
  let now = 0
  // Each look at the clock is later than the last: one piece of work is a turn's.
  const turns = new Turns({ budgetMs: 1, now: () => now++, later: (next) => due.push(next) })
  turns.take(() => undefined)
  return {
    turns,
    turn: () => {
      for (const next of due.splice(0)) next()
    },
  }
}

describe('the logins of a server', () => {
  test('wait for their turns, come to their end, and take none any more afterwards', async () => {
    const { turns, turn } = byHand()
    const pair = await sessionPair({ server: { turns } })
    await new Promise(setImmediate)
    expect(turns.waiting, 'what the client said first').toBe(1)
    expect(pair.server.phase).toBe('identification')
    const giving = setInterval(turn, 1)
    await Promise.all([pair.client.ready, pair.server.ready])
    clearInterval(giving)
    turn()
    const rekeyed = pair.client.rekey()
    await rekeyed
    expect(turns.waiting).toBe(0)
    await pair.client.close()
    await pair.server.closed
    expect(pair.server.error).toBeUndefined()
  })

  test('of a client that leaves while it waits is over after its turns, by one error, after what it had said', async () => {
    const { turns, turn } = byHand()
    const failed = vi.fn()
    const idents: string[] = []
    const pair = await sessionPair({
      server: { turns, hooks: { failed, ident: (remote) => idents.push(remote.software) } },
    })
    const outcome = pair.client.ready.catch(() => undefined)
    await new Promise(setImmediate)
    pair.client.destroy()
    await new Promise(setImmediate)
    expect(failed).not.toHaveBeenCalled()
    const giving = setInterval(turn, 1)
    await pair.server.closed
    clearInterval(giving)
    expect(idents).toHaveLength(1)
    expect(failed).toHaveBeenCalledTimes(1)
    expect(turns.waiting).toBe(0)
    await outcome
  })

  test('of a server that is destroyed meanwhile leaves nothing behind', async () => {
    const { turns, turn } = byHand()
    const ident = vi.fn()
    const pair = await sessionPair({ server: { turns, hooks: { ident } } })
    const outcome = pair.client.ready.catch((error: Error) => error)
    await new Promise(setImmediate)
    expect(turns.waiting).toBe(1)
    pair.server.destroy()
    await pair.server.closed
    turn()
    expect(ident).not.toHaveBeenCalled()
    expect(turns.waiting).toBe(0)
    expect(await outcome).toBeInstanceOf(Error)
  })
})
