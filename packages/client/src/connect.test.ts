import { generateKey } from '@hawser/keys'
import { beginServer, ConnectionError } from '@hawser/session'
import { type MemoryPipe, memoryPipes } from '@hawser/test-kit'
import { UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { connect } from './connect.ts'
import { acceptAnyHostKey } from './host-key.ts'
import type { ConnectOptions } from './options.ts'

const hostKey = await generateKey('ed25519')
const base: ConnectOptions = {
  host: 'example.net',
  user: 'ada',
  auth: [],
  hostKey: acceptAnyHostKey,
}

/** One end of a pipe whose other end is a server that lets everybody in. */
function served(): MemoryPipe {
  const { a, b } = memoryPipes()
  beginServer(b, { hostKeys: [hostKey], authMethods: [], onAuth: (exchange) => exchange.accept() })
  return a
}

async function failureOf(options: ConnectOptions): Promise<unknown> {
  return connect(options).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('connect', () => {
  test('over a pipe, with the host key that was proved', async () => {
    const seen: string[] = []
    const client = await connect({
      ...base,
      pipe: served(),
      hooks: {
        connected: () => seen.push('connected'),
        ident: () => seen.push('ident'),
        keys: () => seen.push('keys'),
        ready: () => seen.push('ready'),
        closed: () => seen.push('closed'),
      },
    })
    expect(client.hostKey?.blob).toEqual(hostKey.publicKey.blob)
    expect(client.user).toBe('ada')
    await client.close()
    expect(seen).toEqual(['connected', 'ident', 'keys', 'ready', 'closed'])
  })

  test('by a dial of one’s own, which gets host and port', async () => {
    const asked: unknown[] = []
    const client = await connect({
      ...base,
      port: 2022,
      localAddress: '10.0.0.1',
      dial: ({ signal, ...target }) => {
        asked.push(target, signal.aborted)
        return Promise.resolve(served())
      },
    })
    expect(asked).toEqual([{ host: 'example.net', port: 2022, localAddress: '10.0.0.1' }, false])
    await client.close()
  })

  test('a dial that takes too long: its signal aborts, and what it opens too late is closed', async () => {
    let finish: (pipe: MemoryPipe) => void = () => undefined
    let signal: AbortSignal | undefined
    const error = await failureOf({
      ...base,
      readyTimeoutMs: 20,
      dial: (target) => {
        signal = target.signal
        return new Promise((resolve) => {
          finish = resolve
        })
      },
    })
    expect(error).toMatchObject({ code: 'SSH_TIMEOUT', phase: 'connect' })
    expect((error as Error).message).toContain(
      'timed out after 20 ms while connecting to example.net port 22',
    )
    expect(signal?.aborted).toBe(true)
    const late = served()
    finish(late)
    await expect.poll(() => late.isClosed).toBe(true)
  })

  test('a dial that fails: its own error', async () => {
    const failure = new ConnectionError('SSH_CONNECT_FAILED', 'connect', 'no way')
    expect(await failureOf({ ...base, dial: () => Promise.reject(failure) })).toBe(failure)
  })

  test('an abort while dialling', async () => {
    const given = new AbortController()
    const failed = failureOf({ ...base, signal: given.signal, dial: () => new Promise(() => undefined) })
    given.abort('changed my mind')
    expect(await failed).toMatchObject({ code: 'SSH_ABORTED', phase: 'connect', cause: 'changed my mind' })
  })

  test('an abort after the connection is made leaves it alone', async () => {
    const given = new AbortController()
    const client = await connect({ ...base, pipe: served(), signal: given.signal })
    given.abort()
    await client.rekey()
    await client.close()
    expect(client.session.error).toBeUndefined()
  })

  test('a hook that throws closes the pipe', async () => {
    const pipe = served()
    const error = await failureOf({
      ...base,
      pipe,
      hooks: {
        connected() {
          throw new Error('a bug of the application')
        },
      },
    })
    expect(error).toMatchObject({ message: 'a bug of the application' })
    expect(pipe.isClosed).toBe(true)
  })

  test('options that cannot be used reject before anything is dialled', async () => {
    let dialled = false
    const error = await failureOf({
      ...base,
      user: 7 as unknown as string,
      dial: () => {
        dialled = true
        return Promise.resolve(served())
      },
    })
    expect(error).toBeInstanceOf(UsageError)
    expect(dialled).toBe(false)
  })
})
