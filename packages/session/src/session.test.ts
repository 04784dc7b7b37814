import { messages as channelMessages } from '@hawser/connection'
import { generateKey } from '@hawser/keys'
import { byteAtATime, memoryPipes, Rng, randomChunks, sessionPair } from '@hawser/test-kit'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Channel } from './channel.ts'
import { ConnectionError } from './errors.ts'
import type { AuthExchange } from './options.ts'
import type { Session } from './session.ts'
import { beginClient } from './start.ts'

const text = new TextEncoder()

/** Serves every channel: requests are accepted, data comes back, EOF is answered with EOF and CLOSE. */
function echo(server: Session): void {
  server.onChannel = (open) => {
    const channel = open.accept()
    channel.onRequest = (request) => request.accept()
    channel.attach(0, {
      data: (bytes) => channel.write(bytes.slice(), 0, () => channel.consumed(bytes.length)),
      end: () => {
        channel.eof()
        void channel.close()
      },
      close: () => undefined,
    })
  }
}

async function collect(channel: Channel): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of channel.readable) chunks.push(chunk)
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
}

function write(channel: Channel, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.write(bytes, 0, (error) => (error === undefined ? resolve() : reject(error)))
  })
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a connection in memory', () => {
  const chunkings = [
    ['whole', undefined],
    ['byte at a time', byteAtATime],
    ['random pieces', randomChunks(new Rng(7))],
  ] as const
  test.each(chunkings)('logs in, echoes, rekeys and closes, %s', async (_name, chunking) => {
    const pair = await sessionPair(chunking === undefined ? {} : { chunking })
    echo(pair.server)
    await Promise.all([pair.client.ready, pair.server.ready])
    const channel = await pair.client.openChannel('session')
    await channel.request('exec', text.encode('anything'))
    await write(channel, text.encode('before '))
    await pair.client.rekey()
    await pair.server.rekey()
    await write(channel, text.encode('after'))
    channel.eof()
    expect(new TextDecoder().decode(await collect(channel))).toBe('before after')
    await channel.closed
    await pair.client.close()
    await pair.server.closed
    expect(pair.client.error).toBeUndefined()
    expect(pair.server.error).toBeUndefined()
  })

  test('destroy() without an error is an end that was wanted: nothing fails, what waits is told', async () => {
    const failures: Error[] = []
    const pair = await sessionPair({ client: { hooks: { failed: (error) => failures.push(error) } } })
    await pair.client.ready
    const waiting = pair.client.openChannel('session').catch((error: unknown) => error)
    pair.client.destroy()
    await pair.client.closed
    expect(pair.client.error).toBeUndefined()
    expect(failures).toEqual([])
    expect(await waiting).toMatchObject({ code: 'SSH_CLOSED' })
  })

  test('a close during a key exchange lets an EOF out that waits alone', async () => {
    const pair = await sessionPair()
    const ends: string[] = []
    const opened = new Promise<void>((resolve) => {
      pair.server.onChannel = (open) => {
        const channel = open.accept()
        channel.attach(0, {
          data: () => undefined,
          end: () => ends.push('eof'),
          close: () => ends.push('close'),
        })
        resolve()
      }
    })
    await pair.client.ready
    const channel = await pair.client.openChannel('session')
    await opened
    const rekeyed = pair.client.rekey().catch(() => undefined)
    channel.eof()
    await pair.client.close()
    await Promise.all([pair.server.closed, rekeyed])
    expect(ends).toEqual(['eof', 'close'])
    expect(pair.server.error).toBeUndefined()
  })

  test('rekeys under load lose nothing, from both sides at once', async () => {
    const limits = { rekeyLimits: { bytes: 64 * 1024 } }
    let exchanges = 0
    const pair = await sessionPair({
      client: { ...limits, hooks: { keys: () => exchanges++ } },
      server: limits,
    })
    echo(pair.server)
    await pair.client.ready
    const channel = await pair.client.openChannel('session')
    const sent = new Rng(3).bytes(2 * 1024 * 1024)
    const received = collect(channel)
    for (let at = 0; at < sent.length; at += 50_000) await write(channel, sent.subarray(at, at + 50_000))
    channel.eof()
    expect(Buffer.compare(await received, sent)).toBe(0)
    expect(exchanges).toBeGreaterThan(20)
    await pair.client.close()
  })

  test('a close in the middle of new keys lets what was written leave first', async () => {
    const pair = await sessionPair()
    let received = 0
    pair.server.onChannel = (open) => {
      const channel = open.accept()
      channel.attach(0, {
        data: (bytes) => {
          received += bytes.length
        },
        end: () => undefined,
        close: () => undefined,
      })
    }
    await Promise.all([pair.client.ready, pair.server.ready])
    const channel = await pair.client.openChannel('session')
    // Whether the exchange is over before the end is a matter of turns; the data is not.
    const rekeyed = pair.client.rekey().catch(() => undefined)
    channel.write(new Uint8Array(100_000), 0)
    await pair.client.close()
    await Promise.all([pair.server.closed, rekeyed])
    expect(received).toBe(100_000)
    expect(pair.client.error).toBeUndefined()
    expect(pair.server.error).toBeUndefined()
  })

  test('a reader that stops stops the writer, at the window', async () => {
    const window = 100_000
    const pair = await sessionPair({ client: { window } })
    let taken = 0
    let channelOfServer: Channel | undefined
    pair.server.onChannel = (open) => {
      channelOfServer = open.accept()
      for (let i = 0; i < 10; i++)
        channelOfServer.write(new Uint8Array(50_000), 0, (error) => {
          if (error === undefined) taken++
        })
    }
    await pair.client.ready
    const channel = await pair.client.openChannel('session')
    let delivered = 0
    await vi.waitFor(() => expect(taken).toBe(2))
    channel.attach(0, {
      data: (bytes) => {
        delivered += bytes.length
      },
      end: () => undefined,
      close: () => undefined,
    })
    await pair.client.rekey() // a round trip: whatever was going to arrive has
    expect(delivered).toBe(window)
    expect(channelOfServer?.unsent).toBe(400_000)
    channel.consumed(window)
    await vi.waitFor(() => expect(delivered).toBe(2 * window))
    await pair.client.close()
  })

  test('data, requests and the end wait for whoever comes late', async () => {
    const pair = await sessionPair()
    pair.server.onChannel = (open) => {
      const channel = open.accept()
      channel.write(text.encode('out'), 0)
      channel.write(text.encode('err'), 1)
      channel.notify('exit-status', Uint8Array.of(0, 0, 0, 7))
      channel.eof()
      void channel.close()
    }
    await pair.client.ready
    const channel = await pair.client.openChannel('session')
    await channel.closed
    const requests: string[] = []
    channel.onRequest = (request) => requests.push(request.name)
    expect(requests).toEqual(['exit-status'])
    expect(new TextDecoder().decode(await collect(channel))).toBe('out')
    const errors = []
    for await (const chunk of channel.stderr) errors.push(...chunk)
    expect(new TextDecoder().decode(Uint8Array.from(errors))).toBe('err')
    await pair.client.close()
  })
})

describe('refusals', () => {
  test('a channel that is refused, or that nobody serves, rejects with its reason', async () => {
    const pair = await sessionPair()
    await pair.client.ready
    await expect(pair.client.openChannel('session')).rejects.toMatchObject({
      code: 'SSH_CHANNEL_OPEN_FAILED',
      reason: 3,
    })
    pair.server.onChannel = (open) => open.reject(2, 'no route')
    await expect(pair.client.openChannel('direct-tcpip')).rejects.toThrow(/CONNECT_FAILED.*no route/)
    await pair.client.close()
  })

  test('requests that are refused reject; a second answer throws', async () => {
    const pair = await sessionPair()
    pair.server.onChannel = (open) => {
      const channel = open.accept()
      channel.onRequest = (request) => {
        request.reject()
        expect(() => request.accept()).toThrow(/answered already/)
      }
      expect(() => open.accept()).toThrow(/already/)
    }
    pair.server.onRequest = (request) =>
      request.name === 'yes' ? request.accept(text.encode('data')) : request.reject()
    await pair.client.ready
    const channel = await pair.client.openChannel('session')
    await expect(channel.request('exec')).rejects.toMatchObject({
      code: 'SSH_CHANNEL_REQUEST_FAILED',
      request: 'exec',
    })
    await expect(pair.client.request('no')).rejects.toMatchObject({ code: 'SSH_REQUEST_REFUSED' })
    expect(new TextDecoder().decode(await pair.client.request('yes'))).toBe('data')
    await pair.client.close()
  })

  test('verbs before ready and after the end say so', async () => {
    const pair = await sessionPair()
    await expect(pair.client.openChannel('session')).rejects.toMatchObject({ code: 'SSH_USAGE' })
    await pair.client.ready
    await pair.client.close()
    await expect(pair.client.openChannel('session')).rejects.toMatchObject({ code: 'SSH_CLOSED' })
    await expect(pair.client.rekey()).rejects.toMatchObject({ code: 'SSH_CLOSED' })
  })

  test.each([
    ['false', () => false, /verification failed/],
    ['something truthy that is not true', () => 'yes' as unknown as boolean, /verification failed/],
    ['a rejection', () => Promise.reject(new Error('the user said no')), /the user said no/],
  ])('a host key is not accepted by %s', async (_name, verifyHostKey, message) => {
    const pair = await sessionPair({ client: { verifyHostKey } })
    await expect(pair.client.ready).rejects.toThrow(message)
    await Promise.all([pair.client.closed, pair.server.closed])
    expect(pair.client.error).toMatchObject({ phase: 'key-exchange' })
    expect(pair.server.error).toMatchObject({ code: 'SSH_DISCONNECTED', reason: 3 })
  })

  test('exhausted login attempts are listed in the one error', async () => {
    const other = await generateKey('ed25519')
    const attempts = [
      { method: 'password', password: 'wrong' },
      { method: 'publickey', signer: other },
    ] as const
    const pair = await sessionPair({
      client: { auth: (state) => attempts[state.attempts.length] },
      server: { authMethods: ['publickey', 'password'], onAuth: (exchange) => exchange.reject() },
    })
    await expect(pair.client.ready).rejects.toMatchObject({
      code: 'SSH_AUTHENTICATION_FAILED',
      phase: 'authentication',
      methods: ['publickey', 'password'],
      attempts: [{ method: 'password' }, { method: 'publickey', outcome: 'key-refused' }],
    })
    await pair.server.closed
  })

  test('an application that throws in a handler is heard, and the connection lives', async () => {
    const pair = await sessionPair()
    await pair.client.ready
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => uncaught.push(error))
    pair.server.onRequest = (request) => {
      request.accept()
      if (request.name === 'buggy') throw new Error('a bug of the application')
    }
    await pair.client.request('buggy')
    await vi.waitFor(() => expect(uncaught).toMatchObject([{ message: 'a bug of the application' }]))
    for (const listener of listeners) process.on('uncaughtException', listener)
    await pair.client.request('fine')
    expect(pair.client.error).toBeUndefined()
    await pair.client.close()
  })
})

describe('dialogs of authentication', () => {
  test('keyboard-interactive asks in rounds, and a password can be changed', async () => {
    const seen: unknown[] = []
    const onAuth = async (exchange: AuthExchange): Promise<void> => {
      const { request } = exchange
      if (request.method === 'keyboard-interactive') {
        seen.push(await exchange.prompt([{ prompt: 'code: ', echo: true }], 'name', 'instruction'))
        seen.push(await exchange.prompt([]))
        exchange.reject({ partial: true, methods: ['password'] })
      } else if (request.method === 'password') {
        seen.push(await exchange.requestChange('too old'))
        exchange.accept()
      } else exchange.reject()
    }
    const pair = await sessionPair({
      server: { authMethods: ['keyboard-interactive'], onAuth: (exchange) => void onAuth(exchange) },
      client: {
        auth: ({ attempts, partial }) => {
          if (attempts.length === 0)
            return {
              method: 'keyboard-interactive',
              respond: async (name, instruction, prompts) => {
                seen.push([name, instruction, prompts.length])
                return prompts.map(() => '123456')
              },
            }
          expect(partial).toBe(true)
          return { method: 'password', password: 'old', change: async () => 'new' }
        },
      },
    })
    await pair.client.ready
    expect(seen).toEqual([['name', 'instruction', 1], ['123456'], ['', '', 0], [], { newPassword: 'new' }])
    await pair.client.close()
  })

  test('too few responses give the attempt up, with the reason in the error', async () => {
    const onAuth = (exchange: AuthExchange): void => {
      if (exchange.request.method === 'keyboard-interactive')
        exchange.prompt([{ prompt: '?', echo: false }]).then(
          () => exchange.accept(),
          () => undefined,
        )
    }
    const pair = await sessionPair({
      server: { authMethods: ['keyboard-interactive'], onAuth },
      client: {
        auth: ({ attempts }) =>
          attempts.length === 0 ? { method: 'keyboard-interactive', respond: () => [] } : undefined,
      },
    })
    await expect(pair.client.ready).rejects.toMatchObject({
      code: 'SSH_AUTHENTICATION_FAILED',
      cause: { message: '0 responses were given to 1 prompts' },
    })
    await pair.server.closed
  })

  test('a client that goes away aborts the request that nobody answered', async () => {
    const exchanges: AuthExchange[] = []
    const pair = await sessionPair({ server: { onAuth: (exchange) => exchanges.push(exchange) } })
    await vi.waitFor(() => expect(exchanges.length).toBe(1))
    let aborted = 0
    const exchange = exchanges[0] as AuthExchange
    exchange.onAbort = () => aborted++
    pair.cut()
    expect(aborted).toBe(1)
    expect(exchange.answered).toBe(true)
    await expect(pair.server.ready).rejects.toMatchObject({ code: 'SSH_CONNECTION_LOST' })
  })
})

describe('time', () => {
  test.each([
    ['identification', 0],
    ['key-exchange', 20],
  ])('a peer that falls silent during %s: one error with the phase', async (phase, bytes) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const { a, b } = memoryPipes()
    b.onData = () => undefined
    if (bytes > 0) b.write(text.encode('SSH-2.0-quiet\r\n'))
    const session = beginClient(a, {
      user: 'me',
      auth: () => undefined,
      verifyHostKey: () => true,
      readyTimeoutMs: 5_000,
    })
    await vi.advanceTimersByTimeAsync(4_999)
    expect(session.error).toBeUndefined()
    await vi.advanceTimersByTimeAsync(2)
    expect(session.error).toMatchObject({ code: 'SSH_TIMEOUT', phase })
    await vi.advanceTimersByTimeAsync(2_000)
    await session.closed
    expect(vi.getTimerCount()).toBe(0)
  })

  test('the ready clock stands still while somebody is asked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    let answer: (accepted: boolean) => void = () => undefined
    const pair = await sessionPair({
      client: {
        readyTimeoutMs: 1_000,
        verifyHostKey: () =>
          new Promise((resolve) => {
            answer = resolve
          }),
      },
      server: { readyTimeoutMs: 0 },
    })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pair.client.error).toBeUndefined()
    answer(true)
    await pair.client.ready
    void pair.client.close()
    await vi.advanceTimersByTimeAsync(5_000)
    await Promise.all([pair.client.closed, pair.server.closed])
  })

  test('keepalives notice a dead line, and only a dead one', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const pair = await sessionPair({ client: { keepaliveIntervalMs: 1_000, keepaliveMaxMissed: 2 } })
    await pair.client.ready
    await vi.advanceTimersByTimeAsync(10_000)
    expect(pair.client.error).toBeUndefined()
    pair.silence()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(pair.client.error).toMatchObject({ code: 'SSH_KEEPALIVE_TIMEOUT', phase: 'ready' })
    pair.cut()
  })

  test('keys grow old', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    let exchanges = 0
    const pair = await sessionPair({ client: { rekeyAfterMs: 60_000, hooks: { keys: () => exchanges++ } } })
    await pair.client.ready
    await vi.advanceTimersByTimeAsync(185_000)
    expect(exchanges).toBe(4)
    pair.cut()
  })

  test('the end does not wait for a peer that keeps its side open', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const pair = await sessionPair()
    await pair.client.ready
    pair.silence()
    const closed = pair.client.close()
    await vi.advanceTimersByTimeAsync(1_100)
    await closed
  })

  test('no timer is left, however a connection ends', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const timing = { keepaliveIntervalMs: 1_000, rekeyAfterMs: 60_000 }
    for (const end of ['destroy', 'cut', 'close'] as const) {
      const pair = await sessionPair({ client: timing, server: timing })
      await Promise.all([pair.client.ready, pair.server.ready])
      expect(vi.getTimerCount()).toBeGreaterThan(0)
      if (end === 'cut') pair.cut()
      else if (end === 'destroy') {
        pair.client.destroy()
        pair.server.destroy()
      } else void pair.client.close()
      await Promise.all([pair.client.closed, pair.server.closed])
      expect(vi.getTimerCount(), end).toBe(0)
    }
  })

  test('an aborted connect ends with its reason', async () => {
    const controller = new AbortController()
    const pair = await sessionPair({ client: { signal: controller.signal } })
    controller.abort(new Error('changed my mind'))
    await expect(pair.client.ready).rejects.toMatchObject({
      code: 'SSH_ABORTED',
      cause: { message: 'changed my mind' },
    })
    await pair.client.closed
  })
})

describe('a line that is cut', () => {
  /** A login, an exec, some data and a rekey, with the line cut after so many bytes to the client; how everything settled. */
  async function run(cutAfter: number): Promise<{ total: number; failures: number; errors: number }> {
    let toClient = 0
    let cut: () => void = () => undefined
    const errors = { client: 0, server: 0 }
    const pair = await sessionPair({
      tamper: (bytes, to) => {
        if (to === 'a') toClient += bytes.length
        if (toClient > cutAfter) {
          cut()
          return undefined
        }
        return bytes
      },
      client: { hooks: { failed: () => errors.client++ } },
      server: { hooks: { failed: () => errors.server++ } },
    })
    cut = () => pair.cut(new Error('cut'))
    if (toClient > cutAfter) cut() // the server's first words leave before there is a pair
    echo(pair.server)
    let failures = 0
    const settled = (promise: Promise<unknown>): Promise<void> =>
      promise.then(
        () => undefined,
        (error: unknown) => {
          failures++
          expect(error).toBeInstanceOf(ConnectionError)
        },
      )
    await settled(pair.client.ready)
    let channel: Channel | undefined
    await settled(
      pair.client.openChannel('session').then((opened) => {
        channel = opened
      }),
    )
    if (channel !== undefined) {
      const request = settled(channel.request('exec'))
      const rekey = settled(pair.client.rekey())
      await Promise.all([request, rekey, settled(write(channel, new Uint8Array(5_000)))])
      channel.eof()
      await settled(collect(channel))
    }
    if (pair.client.error === undefined) await pair.client.close()
    await Promise.all([pair.client.closed, pair.server.closed])
    expect(errors.client).toBeLessThanOrEqual(1)
    expect(errors.server).toBeLessThanOrEqual(1)
    return { total: toClient, failures, errors: errors.client }
  }

  test('at fifty places: everything settles once, with one error', async () => {
    const { total, failures } = await run(Number.POSITIVE_INFINITY)
    expect(failures).toBe(0)
    for (let i = 0; i < 50; i++) {
      const { failures: failed, errors } = await run(Math.floor((total * i) / 50))
      if (i >= 40) continue
      expect(failed).toBeGreaterThan(0)
      expect(errors).toBe(1)
    }
  })
})

test.each([1, 'yes', {}, [], undefined, null, new Error('no')])(
  'only true trusts a host key, not %j',
  async (verdict) => {
    const pair = await sessionPair({ client: { verifyHostKey: () => verdict as boolean } })
    await expect(pair.client.ready).rejects.toMatchObject({ code: 'SSH_HOST_KEY_REJECTED' })
    await Promise.all([pair.client.closed, pair.server.closed])
    expect(pair.server.authenticated).toBe(false)
  },
)

test('a connection that has failed does not fail again', async () => {
  const failures: Error[] = []
  const pair = await sessionPair({ client: { hooks: { failed: (error) => failures.push(error) } } })
  await pair.client.ready
  const first = new Error('first')
  pair.client.fail(first)
  pair.client.fail(new Error('second'))
  pair.client.destroy(new Error('third'))
  pair.cut(new Error('fourth'))
  await Promise.all([pair.client.closed, pair.server.closed])
  expect(failures).toEqual([first])
  expect(pair.client.error).toBe(first)
})

describe('messages out of turn', () => {
  test('an unknown message number is answered and ignored; a second SUCCESS is an error', async () => {
    const pair = await sessionPair()
    await Promise.all([pair.client.ready, pair.server.ready])
    const { transport } = pair.server.drive.engine
    transport.send(Uint8Array.of(120, 1, 2, 3))
    pair.server.drive.kick()
    await pair.client.rekey()
    expect(pair.client.error).toBeUndefined()
    transport.send(Uint8Array.of(52))
    pair.server.drive.kick()
    await pair.client.closed
    expect(pair.client.error).toMatchObject({ code: 'SSH_PROTOCOL_ERROR' })
  })
})

describe('a peer that floods', () => {
  test('over a limit: DISCONNECT with the reason, one error by the limit’s name, and a trace of it', async () => {
    const limits: string[] = []
    const pair = await sessionPair({
      client: { trace: (event) => event.type === 'limit' && limits.push(`${event.layer} ${event.limit}`) },
    })
    await Promise.all([pair.client.ready, pair.server.ready])
    pair.client.onChannel = () => undefined
    const { transport } = pair.server.drive.engine
    const wanted = channelMessages.globalRequest.encode({
      requestName: 'x@example.net',
      wantReply: true,
      data: new Uint8Array(0),
    })
    for (let at = 0; at < 129; at++) transport.send(wanted)
    pair.server.drive.kick()
    await Promise.all([pair.client.closed, pair.server.closed])
    expect(pair.client.error).toMatchObject({ code: 'SSH_LIMIT_PENDING_REQUESTS' })
    expect(pair.server.error).toMatchObject({ code: 'SSH_DISCONNECTED', by: 'remote', reason: 2 })
    expect(limits).toEqual(['session pending-requests'])
  })

  test('with what wants answers, and reads none of them, is not read either', async () => {
    const pair = await sessionPair({ highWaterMark: 64 * 1024 })
    await Promise.all([pair.client.ready, pair.server.ready])
    const { transport } = pair.server.drive.engine
    const client = pair.client.drive.engine.transport
    pair.b.pause()
    const unknown = Uint8Array.of(120) // each is answered with UNIMPLEMENTED
    let sent = 0
    for (let turn = 0; turn < 200; turn++) {
      for (let i = 0; i < 200 && pair.server.writable; i++, sent++) transport.send(unknown)
      pair.server.drive.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(client.queued).toBeGreaterThan(256 * 1024)
    expect(client.queued).toBeLessThan(300 * 1024)
    expect(sent).toBeLessThan(20_000)
    pair.b.resume()
    await vi.waitFor(() => expect(client.queued).toBe(0))
    await pair.server.rekey() // both still read and write
    await pair.client.close()
  })
})
