import { describe, expect, test } from 'vitest'
import { byteAtATime } from './chunking.ts'
import { HandClock } from './clock.ts'
import type { Fault } from './faults.ts'
import { beginPair, type PairOptions, testPair } from './pair.ts'

const echo: NonNullable<PairOptions['server']> = {
  onSession: (session) =>
    void session.onExec((request) => {
      const program = request.accept()
      void program.write(`you said ${request.command}\n`).then(() => program.exit(3))
    }),
}
const said = { stdout: 'you said hello\n', stderr: '', code: 3 }

describe('testPair', () => {
  test('runs a program, and leaves nothing open', async () => {
    const pair = await testPair({ server: echo })
    expect(await (await pair.client.exec('hello')).text()).toMatchObject(said)
    expect(pair.server.user).toBe('tester')
    await pair.close()
    await pair.close()
    expect(pair.client.session.error).toBeUndefined()
    expect(pair.server.session.error).toBeUndefined()
  })

  test('a byte at a time is the same', async () => {
    await using pair = await testPair({ server: echo, chunking: byteAtATime })
    expect(await (await pair.client.exec('hello')).text()).toMatchObject(said)
  })

  test('a login of the test’s own: rejects with the client’s error', async () => {
    const server = { auth: { password: () => false } }
    const auth = [{ method: 'password', password: 'wrong' }] as const
    await expect(testPair({ server, client: { auth } })).rejects.toMatchObject({
      name: 'AuthenticationError',
    })
  })

  test('close ends pairs whose line is silent, and those that still connect', async () => {
    const clock = new HandClock()
    const silent = await testPair({ clock, server: echo })
    silent.silence()
    await silent.close()
    const held = await beginPair({ clock, faults: [{ toward: 'client', atByte: 0, effect: 'silence' }] })
    await held.close()
    await expect(held.client).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST' })
    expect(clock.pending).toBe(0)
  })
})

describe('faults', () => {
  const spoilt = async (...faults: Fault[]): Promise<{ error: unknown; received: number }> => {
    const pair = await beginPair({ faults, server: echo })
    const error = await pair.client.then(
      (client) => client.session.closed.then(() => client.session.error),
      (why: unknown) => why,
    )
    await pair.close()
    expect(pair.pendingFaults).toEqual([])
    const received = pair
      .conversation()
      .entries.filter(({ direction }) => direction === 'in')
      .reduce((sum, { bytes }) => sum + bytes.length, 0)
    return { error, received }
  }

  test.each([0, 1, 20, 21, 22, 300])('a cut before byte %i lets exactly so many through', async (atByte) => {
    const { error, received } = await spoilt({ toward: 'client', atByte, effect: 'cut' })
    expect(error).toMatchObject({ code: 'SSH_CONNECTION_LOST' })
    expect(received).toBe(atByte)
  })

  test('a cut may look like a reset', async () => {
    const reset = new Error('read ECONNRESET')
    const { error } = await spoilt({ toward: 'client', atByte: 100, effect: 'cut', error: reset })
    expect(error).toMatchObject({ code: 'SSH_CONNECTION_LOST', cause: reset })
  })

  test('a cut once a message has been read: the phase tells that it was that one', async () => {
    const cut = async (message: string): Promise<unknown> =>
      (await spoilt({ toward: 'client', after: { message }, effect: 'cut' })).error
    expect(await cut('kexInit')).toMatchObject({ phase: 'key-exchange' })
    expect(await cut('newKeys')).toMatchObject({ phase: 'authentication' })
    expect(await cut('userauthSuccess')).toMatchObject({ phase: 'ready' })
  })

  test('any bit of a sealed packet: the other end says so', async () => {
    for (const mask of [1, 128]) {
      const { error } = await spoilt({
        toward: 'client',
        after: { message: 'newKeys' },
        skip: 9,
        effect: 'tamper',
        mask,
      })
      expect(error).toMatchObject({ code: 'SSH_MAC_ERROR' })
    }
  })

  test('two bytes of one piece', async () => {
    const { error } = await spoilt(
      { toward: 'client', atByte: 0, effect: 'tamper', mask: 2 },
      { toward: 'client', atByte: 1, effect: 'tamper', mask: 4 },
      { toward: 'client', atByte: 60, effect: 'cut' },
    )
    expect(error).toMatchObject({ message: expect.stringContaining('QWH-2.0') })
  })

  test('a delay holds one direction until the clock says so', async () => {
    const clock = new HandClock()
    const faults = [{ toward: 'client', atByte: 30, effect: 'delay', ms: 5_000 }] as const
    const pair = await beginPair({ clock, faults, server: echo })
    await clock.advance(4_999)
    expect(pair.server.session.phase).toBe('key-exchange')
    await clock.advance(1)
    await pair.client
    expect(pair.pendingFaults).toEqual([])
    await pair.close()
  })

  test('silence: nobody is told, until the client’s patience is over', async () => {
    const clock = new HandClock()
    const faults = [{ toward: 'server', after: { count: 2 }, effect: 'silence' }] as const
    const pair = await beginPair({ clock, faults, client: { readyTimeoutMs: 700 } })
    await clock.advance(699)
    expect(pair.server.session.phase).toBe('key-exchange')
    await clock.advance(1)
    await expect(pair.client).rejects.toMatchObject({ code: 'SSH_TIMEOUT' })
    await pair.close()
  })

  test.each<[string, unknown]>([
    ['toward is nobody', { toward: 'nobody', atByte: 1, effect: 'cut' }],
    ['either atByte or after', { toward: 'client', effect: 'cut' }],
    ['atByte is -1', { toward: 'client', atByte: -1, effect: 'cut' }],
    ['after.count is 0', { toward: 'client', after: { count: 0 }, effect: 'cut' }],
    ['mask is 256', { toward: 'client', atByte: 1, effect: 'tamper', mask: 256 }],
    ['ms is undefined', { toward: 'client', atByte: 1, effect: 'delay' }],
  ])('a fault that could not happen is refused: %s', async (why, fault) => {
    await expect(beginPair({ faults: [fault as Fault] })).rejects.toThrow(why)
  })
})

describe('the clock', () => {
  test('calls timers at their times, in order, and none that was cleared', async () => {
    const clock = new HandClock()
    const seen: string[] = []
    const note = (name: string) => () => void seen.push(`${name} ${clock.now()}`)
    clock.setTimeout(note('late'), 20)
    clock.setTimeout(note('first'), 10)
    clock.setTimeout(note('second'), 10)
    clock.clearTimeout(clock.setTimeout(note('never'), 5))
    clock.setTimeout(() => clock.setTimeout(note('from a timer'), 5), 1)
    await clock.advance(15)
    expect(seen).toEqual(['from a timer 6', 'first 10', 'second 10'])
    expect([clock.now(), clock.pending]).toEqual([15, 1])
    await expect(clock.advance(-1)).rejects.toThrow('-1 is not a number of milliseconds')
  })

  test('an hour of keepalives, a rekey by age, and a lost line, at once', async () => {
    const clock = new HandClock()
    const keys: boolean[] = []
    const pair = await testPair({
      clock,
      client: { hooks: { keys: (_, first) => void keys.push(first) } },
      server: { keepalive: false, rekeyAfterMs: 0 },
    })
    await clock.advance(3_600_000)
    expect(keys).toEqual([true, false])
    expect(pair.client.session.error).toBeUndefined()
    pair.silence()
    await clock.advance(120_000)
    expect(pair.client.session.error).toMatchObject({ code: 'SSH_KEEPALIVE_TIMEOUT' })
    await pair.close()
  })

  test('calls with a timeout go by it', async () => {
    const clock = new HandClock()
    const pair = await testPair({ clock, server: { onSession: () => new Promise<void>(() => undefined) } })
    const started = pair.client.exec('hangs', { timeoutMs: 1_000 })
    const outcome = expect(started).rejects.toMatchObject({ code: 'SSH_TIMEOUT' })
    await clock.advance(1_000)
    await outcome
    await pair.close()
  })
})
