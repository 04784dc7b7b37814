/** What our client says when it cannot be done: exactly one typed error each, with its phase, and nothing left behind. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { acceptAnyHostKey, type ConnectOptions, connect } from '@hawser/client'
import { fingerprint, generateKey } from '@hawser/keys'
import {
  findProgram,
  freePort,
  run,
  type Sshd,
  startRelay,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf, keyOf, optionsFor, publicLine, userKey } from './kit.ts'

interface Failure {
  readonly error: Error & { readonly code?: string; readonly phase?: string }
  /** How often the session said that it has failed, and that it is closed. */
  readonly failed: number
  readonly closed: number
}

/** Connects, which must fail, and waits until the connection is over. */
async function failure(options: ConnectOptions): Promise<Failure> {
  const seen = { failed: 0, closed: 0 }
  let over: () => void = () => undefined
  const end = new Promise<void>((resolve) => {
    over = resolve
  })
  let connected = false
  const hooks = {
    connected: () => {
      connected = true
    },
    failed: () => {
      seen.failed++
    },
    closed: () => {
      seen.closed++
      over()
    },
  }
  try {
    const client = await connect({ ...options, hooks })
    await client.close()
  } catch (error) {
    if (connected) await end
    return { error: error as Failure['error'], ...seen }
  }
  throw new Error('the connection was made')
}

const once_ = { failed: 1, closed: 1 }

/** A server on loopback that does `serve` with each socket. */
async function listening(serve: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // the client leaves as it likes
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function optionsTo(port: number, more: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: '127.0.0.1',
    port,
    user: 'ada',
    auth: [{ method: 'password', password: 'secret word' }],
    hostKey: acceptAnyHostKey,
    ...more,
  }
}

describe('servers that are none', () => {
  test('nobody listens: the address, the reason and what to do', async () => {
    const { error } = await failure(optionsTo(await freePort()))
    expect(error).toMatchObject({ code: 'SSH_CONNECT_FAILED', phase: 'connect' })
    expect(error.message).toMatch(
      /cannot connect to 127\.0\.0\.1 port \d+: .*ECONNREFUSED.*; nothing listens there/,
    )
  })

  test('a name that does not exist', async () => {
    const { error } = await failure({ ...optionsTo(22), host: 'no-such-host.invalid' })
    expect(error).toMatchObject({ code: 'SSH_CONNECT_FAILED', phase: 'connect' })
    expect(error.message).toContain('no-such-host.invalid')
  })

  test('a port that speaks HTTP: what it said', async () => {
    await using server = await listening((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\nServer: test\r\n\r\n'),
    )
    const { error, ...counts } = await failure(optionsTo(server.port))
    expect(error).toMatchObject({ code: 'SSH_IDENTIFICATION', phase: 'identification' })
    expect(error.message).toContain('HTTP/1.1 400 Bad Request')
    expect(counts).toEqual(once_)
  })

  test('a port that closes without a word', async () => {
    await using server = await listening((socket) => socket.end())
    const { error, ...counts } = await failure(optionsTo(server.port))
    expect(error).toMatchObject({ code: 'SSH_CONNECTION_LOST', phase: 'identification' })
    expect(error.message).toContain('without sending a byte')
    expect(counts).toEqual(once_)
  })

  test('a port that resets', async () => {
    await using server = await listening((socket) => socket.resetAndDestroy())
    const { error } = await failure(optionsTo(server.port))
    expect(['SSH_CONNECTION_LOST', 'SSH_CONNECT_FAILED']).toContain(error.code)
  })

  test('a port that says nothing: after the ready time, in which phase, and that no byte came', async () => {
    await using server = await listening(() => undefined)
    const { error, ...counts } = await failure(optionsTo(server.port, { readyTimeoutMs: 100 }))
    expect(error).toMatchObject({ code: 'SSH_TIMEOUT', phase: 'identification' })
    expect(error.message).toContain('has not sent a byte')
    expect(counts).toEqual(once_)
  })

  test('a server that falls silent after its identification', async () => {
    await using server = await listening((socket) => void socket.write('SSH-2.0-Silent_1\r\n'))
    const { error, ...counts } = await failure(optionsTo(server.port, { readyTimeoutMs: 100 }))
    expect(error).toMatchObject({ code: 'SSH_TIMEOUT', phase: 'key-exchange' })
    expect(error.message).toContain('SSH-2.0-Silent_1')
    expect(counts).toEqual(once_)
  })

  test('an abort ends it, and says so', async () => {
    const given = new AbortController()
    await using server = await listening((socket) => {
      socket.write('SSH-2.0-Silent_1\r\n')
      socket.once('data', () => given.abort(new Error('no time')))
    })
    const { error, ...counts } = await failure(optionsTo(server.port, { signal: given.signal }))
    expect(error).toMatchObject({ code: 'SSH_ABORTED', cause: { message: 'no time' } })
    expect(counts).toEqual(once_)
    const before = await failure(optionsTo(server.port, { signal: AbortSignal.abort() }))
    expect(before.error).toMatchObject({ code: 'SSH_ABORTED', phase: 'connect' })
  })
})

describePeers(['sshd'], 'a real sshd that does not agree', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({
      authorizedKeys: [publicLine(userKey.publicKey)],
      hostKeys: ['ed25519'],
      kex: ['curve25519-sha256'],
      ciphers: ['aes128-ctr'],
      macs: ['hmac-sha2-256'],
    })
  })
  afterAll(() => sshd?.stop())

  test('a key that is not authorized: what was tried, and what the server takes', async () => {
    const signer = await generateKey('ed25519')
    const { error, ...counts } = await failure(optionsFor(sshd, { auth: [{ method: 'publickey', signer }] }))
    expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED', phase: 'authentication' })
    expect(error.message).toContain('publickey')
    expect(error.message).toContain(fingerprint(signer.publicKey))
    expect((error as unknown as { attempts: object[] }).attempts).toMatchObject([
      { method: 'publickey', fingerprint: fingerprint(signer.publicKey), outcome: 'refused' },
      { method: 'none', outcome: 'refused' },
    ])
    expect(counts).toEqual(once_)
  })

  test('a password where the server takes keys only: it is never sent', async () => {
    const { error, ...counts } = await failure(
      optionsFor(sshd, { auth: [{ method: 'password', password: 'secret word' }] }),
    )
    expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED', methods: ['publickey'] })
    expect(error.message).not.toContain('secret word')
    expect((error as unknown as { attempts: object[] }).attempts).toHaveLength(1)
    expect(counts).toEqual(once_)
  })

  test('a signer that fails is an attempt that failed', async () => {
    const signer = {
      ...userKey,
      publicKey: userKey.publicKey,
      algorithms: userKey.algorithms,
      sign: () => Promise.reject(new Error('the token was pulled out')),
    }
    const { error } = await failure(optionsFor(sshd, { auth: [{ method: 'publickey', signer }] }))
    expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
    expect(error.message).toContain('the token was pulled out')
  })

  test('another host key than expected: both fingerprints', async () => {
    const expected = fingerprint((await generateKey('ed25519')).publicKey)
    const presented = fingerprint(keyOf(sshd.hostKeys.get('ed25519')?.publicLine ?? ''))
    const { error, ...counts } = await failure(optionsFor(sshd, { hostKey: { fingerprints: [expected] } }))
    expect(error).toMatchObject({
      code: 'SSH_HOST_KEY_REJECTED',
      fingerprint: presented,
      expected: [expected],
    })
    expect(error).toMatchObject({ phase: 'key-exchange' })
    expect(error.message).toContain(expected)
    expect(error.message).toContain(presented)
    expect(counts).toEqual(once_)
  })

  test('a callback that throws about the host key: its own error', async () => {
    const { error, ...counts } = await failure(
      optionsFor(sshd, {
        hostKey: {
          ask: () => Promise.reject(new Error('the directory is down')),
        },
      }),
    )
    expect(error.message).toBe('the directory is down')
    expect(counts).toEqual(once_)
  })

  const categories: [string, ConnectOptions['algorithms'], string, string][] = [
    [
      'key exchange',
      { kex: ['diffie-hellman-group16-sha512'] },
      'diffie-hellman-group16-sha512',
      'curve25519-sha256',
    ],
    ['host key', { serverHostKey: ['rsa-sha2-512'] }, 'rsa-sha2-512', 'ssh-ed25519'],
    ['cipher', { cipher: ['aes256-gcm@openssh.com'] }, 'aes256-gcm@openssh.com', 'aes128-ctr'],
    ['MAC', { mac: ['hmac-sha2-512'] }, 'hmac-sha2-512', 'hmac-sha2-256'],
  ]
  test.each(categories)('no common %s: what both offer', async (_, algorithms, ours, theirs) => {
    const { error, ...counts } = await failure(optionsFor(sshd, { algorithms: algorithms ?? {} }))
    expect(error).toMatchObject({
      code: 'SSH_NEGOTIATION_FAILED',
      phase: 'key-exchange',
      ours: expect.arrayContaining([ours]),
      theirs: expect.arrayContaining([theirs]),
      hint: expect.stringMatching(/./),
    })
    expect(counts).toEqual(once_)
  })

  /** Bytes from sshd to us until the login is over, one connection like the others. */
  /** With a probe: the server says its SUCCESS by itself then, and nothing comes with it that a login does not need. */
  const probing = { auth: [{ method: 'publickey', signer: userKey, probe: true }] } as const

  async function bytesToReady(): Promise<number> {
    await using relay = await startRelay({ target: sshd })
    const client = await clientOf(sshd, { ...probing, port: relay.port, hostKey: acceptAnyHostKey })
    const { toClient } = relay.passed
    await client.close()
    return toClient
  }

  const phases = ['identification', 'key-exchange', 'host-key', 'authentication']

  test('cut after every so many bytes: one error each, in a phase of the login', async () => {
    const total = await bytesToReady()
    const seen = new Set<string>()
    for (let at = 1; at < total; at += 97) {
      await using relay = await startRelay({ target: sshd, toClient: { cutAfter: at } })
      const { error, ...counts } = await failure(
        optionsFor(sshd, { ...probing, port: relay.port, hostKey: acceptAnyHostKey }),
      )
      expect(error, `cut after ${at} bytes`).toMatchObject({
        code: 'SSH_CONNECTION_LOST',
        phase: expect.stringMatching(phases.join('|')),
      })
      expect(counts).toEqual(once_)
      seen.add(error.phase ?? '')
    }
    expect([...seen]).toEqual(['identification', 'key-exchange', 'authentication'])
  })

  test('silent after every so many bytes: one timeout each, in the same phases', async () => {
    const total = await bytesToReady()
    const seen = new Set<string>()
    for (let at = 1; at < total; at += 331) {
      await using relay = await startRelay({ target: sshd, toClient: { stallAfter: at } })
      const { error, ...counts } = await failure(
        optionsFor(sshd, { ...probing, port: relay.port, hostKey: acceptAnyHostKey, readyTimeoutMs: 300 }),
      )
      expect(error, `silent after ${at} bytes`).toMatchObject({ code: 'SSH_TIMEOUT' })
      expect(counts).toEqual(once_)
      seen.add(error.phase ?? '')
    }
    expect([...seen]).toEqual(['identification', 'key-exchange', 'authentication'])
  })

  test('a bit that flips on the way is found out', async () => {
    const total = await bytesToReady()
    await using relay = await startRelay({
      target: sshd,
      toClient: {
        alter: (piece, offset) => {
          const at = total - 20 - offset
          if (at >= 0 && at < piece.length) piece[at] = (piece[at] as number) ^ 1
          return piece
        },
      },
    })
    const { error, ...counts } = await failure(
      optionsFor(sshd, { ...probing, port: relay.port, hostKey: acceptAnyHostKey }),
    )
    expect(error).toMatchObject({ code: 'SSH_MAC_ERROR' })
    expect(counts).toEqual(once_)
  })

  test('cut in the middle of everything: each promise gets the one error', async () => {
    await using relay = await startRelay({ target: sshd })
    const client = await clientOf(sshd, { port: relay.port, hostKey: acceptAnyHostKey })
    const process = await client.exec('sleep 60')
    const reading = process.text()
    const pending = [reading, process.exit, client.rekey(), client.exec('echo'), client.forwardOut(sshd)]
    relay.cut()
    for (const outcome of await Promise.allSettled(pending))
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'SSH_CONNECTION_LOST', phase: 'ready' },
      })
    await client.closed
    expect(client.session.error).toMatchObject({ code: 'SSH_CONNECTION_LOST' })
  })

  test('a program whose connection fails ends by itself', async () => {
    const folder = temporaryFolder('exit')
    const script = join(folder, 'fails.mts')
    const root = new URL('../..', import.meta.url).pathname
    writeFileSync(
      script,
      `import { acceptAnyHostKey, connect } from '${root}packages/client/src/index.ts'
       const outcomes = []
       for (const port of [${await freePort()}, ${sshd.port}]) {
         try {
           await connect({ host: '127.0.0.1', port, user: 'nobody-here', auth: [], hostKey: acceptAnyHostKey })
         } catch (error) {
           outcomes.push(error.code)
         }
       }
       console.log(outcomes.join(' '))`,
    )
    const node = findProgram('node') ?? process.execPath
    const result = await run(node, ['--conditions=@hawser/source', '--import', 'tsx', script], {
      cwd: root,
      timeoutMs: 30_000,
    })
    expect(result).toMatchObject({ code: 0, timedOut: false, stderr: '' })
    expect(result.text.trim()).toBe('SSH_CONNECT_FAILED SSH_AUTHENTICATION_FAILED')
  })
})
