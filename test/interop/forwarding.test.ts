/** Our client's forwards against a real sshd: -L, -R and -D as verbs, Unix sockets, jumps, and what a server announces. */

import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect, ListenError, type RemoteConnection } from '@hawser/client'
import { dynamic, forwardLocal, forwardRemote } from '@hawser/client/node'
import { fingerprint, type PublicKey } from '@hawser/keys'
import { findProgram, freePort, run, type Sshd, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  bytes,
  checksumOf,
  clientOf,
  digestOf,
  keyOf,
  optionsFor,
  publicLine,
  textOf,
  userKey,
  writeAll,
} from './kit.ts'

const mebibyte = 1024 * 1024

/** Says back what it hears, in capitals. */
async function shouter(where: { port: number; host: string } | { path: string }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()))
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  server.listen(where)
  await once(server, 'listening')
  return server
}

/** What comes back when `text` and an end are sent to `where`. */
async function say(where: { port: number; host: string } | { path: string }, text: string): Promise<string> {
  const socket = dial({ ...where, allowHalfOpen: true })
  socket.end(text)
  return readToEnd(socket)
}

async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function echo({ channel }: RemoteConnection): Promise<void> {
  await channel.readable.pipeTo(channel.writable)
}

describePeers(['sshd'], 'forwards of the client through sshd', () => {
  let sshd: Sshd
  let client: Client
  let folder: string
  let target: Server
  let targetPort: number

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-forward-'))
    targetPort = await freePort()
    target = await shouter({ host: '127.0.0.1', port: targetPort })
    sshd = await startSshd({
      authorizedKeys: [publicLine(userKey.publicKey)],
      extra: ['X11Forwarding yes'],
    })
    client = await clientOf(sshd)
  })
  afterAll(async () => {
    await client?.close()
    await sshd?.stop()
    target?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('listen: the server chooses a port, connections come one by one', async () => {
    const listener = await client.listen({ host: '127.0.0.1', port: 0 })
    expect(listener.port).toBeGreaterThan(0)
    const served = (async () => {
      const origins: (string | undefined)[] = []
      for await (const connection of listener) {
        origins.push(connection.origin?.host)
        await echo(connection)
        if (origins.length === 3) break
      }
      return origins
    })()
    const where = { host: '127.0.0.1', port: listener.port }
    for (const text of ['one', 'two', 'three']) expect(await say(where, text)).toBe(text)
    expect(await served).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1'])
    // Leaving the loop has closed the listener.
    await listener.closed
    await expect(say(where, 'four')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('listen with a handler, twenty at once, 2 MiB each', async () => {
    await using listener = await client.listen(
      { host: '127.0.0.1', port: 0 },
      { onConnection: (request) => void echo({ channel: request.accept(), origin: request.origin }) },
    )
    const results = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const channel = await client.forwardOut({ host: '127.0.0.1', port: listener.port })
        const [digest] = await Promise.all([
          digestOf(channel.readable),
          writeAll(channel.writable, bytes(2 * mebibyte)),
        ])
        return digest
      }),
    )
    expect(results).toEqual(Array(20).fill({ hash: checksumOf(2 * mebibyte), length: 2 * mebibyte }))
  })

  test('two listeners do not take each other’s connections, and who is turned away is cut off', async () => {
    await using one = await client.listen(
      { host: '127.0.0.1', port: 0 },
      { onConnection: (request) => request.reject() },
    )
    await using two = await client.listen(
      { host: '127.0.0.1', port: 0 },
      { onConnection: (request) => void echo({ channel: request.accept(), origin: undefined }) },
    )
    expect(await say({ host: '127.0.0.1', port: two.port }, 'hello')).toBe('hello')
    expect(
      await say({ host: '127.0.0.1', port: one.port }, 'hello').catch((error: Error) => error.message),
    ).toMatch(/^$|ECONNRESET|EPIPE/)
  })

  test('a port that is taken is refused, with its name', async () => {
    const refused = client.listen({ host: '127.0.0.1', port: targetPort })
    await expect(refused).rejects.toBeInstanceOf(ListenError)
    await expect(refused).rejects.toThrow(`127.0.0.1 port ${targetPort}`)
  })

  test('an aborted listener closes; one that is aborted before was never there', async () => {
    const give = new AbortController()
    const listener = await client.listen(
      { host: '127.0.0.1', port: 0 },
      { signal: give.signal, timeoutMs: 20_000 },
    )
    give.abort()
    await listener.closed
    await expect(
      client.listen({ host: '127.0.0.1', port: 0 }, { signal: give.signal }),
    ).rejects.toMatchObject({
      code: 'SSH_ABORTED',
    })
  })

  test('the end of the connection ends what listens', async () => {
    const other = await clientOf(sshd)
    const listener = await other.listen({ host: '127.0.0.1', port: 0 })
    const next = listener[Symbol.asyncIterator]().next()
    await other.close()
    await listener.closed
    expect(await next).toEqual({ done: true, value: undefined })
    expect(listener.port).toBeGreaterThan(0)
    await listener.close()

    const lost = await clientOf(sshd)
    const cut = await lost.listen({ host: '127.0.0.1', port: 0 })
    const waiting = cut[Symbol.asyncIterator]().next()
    lost.session.destroy(new Error('cut'))
    await expect(waiting).rejects.toThrow('cut')
  })

  test('Unix sockets, both ways', async () => {
    const path = join(folder, 'target')
    const server = await shouter({ path })
    const channel = await client.forwardOut({ path })
    channel.write(Buffer.from('to a socket'))
    channel.eof()
    expect(await textOf(channel.readable)).toBe('TO A SOCKET')
    server.close()
    await expect(client.forwardOut({ path: join(folder, 'nobody') })).rejects.toMatchObject({
      code: 'SSH_CHANNEL_OPEN_FAILED',
    })

    const back = join(folder, 'back')
    const listener = await client.listen({ path: back })
    const first = listener[Symbol.asyncIterator]().next()
    const said = say({ path: back }, 'from a socket')
    const { value } = await first
    await echo(value as RemoteConnection)
    expect(await said).toBe('from a socket')
    await listener.close()
    await expect(say({ path: back }, '')).rejects.toThrow()
    expect(existsSync(path)).toBe(false)
  })

  test('forwardLocal and forwardRemote', async () => {
    const to = { host: '127.0.0.1', port: targetPort }
    const path = join(folder, 'local')
    await using tcp = await forwardLocal(client, to)
    await using unix = await forwardLocal(client, to, { at: { path } })
    await using remote = await forwardRemote(client, { host: '127.0.0.1', port: 0 }, to)
    expect(await say({ host: '127.0.0.1', port: tcp.port }, 'tcp')).toBe('TCP')
    expect(await say({ path }, 'unix')).toBe('UNIX')
    expect(unix.at).toEqual({ path })
    expect(await say({ host: '127.0.0.1', port: remote.port }, 'remote')).toBe('REMOTE')
  })

  test('forwardLocal: a target that is not there cuts the connection and tells', async () => {
    const errors: Error[] = []
    const nowhere = { host: '127.0.0.1', port: await freePort() }
    await using listener = await forwardLocal(client, nowhere, {
      onConnectionError: (error) => errors.push(error),
    })
    expect(await say({ host: '127.0.0.1', port: listener.port }, '').catch(() => '')).toBe('')
    expect(errors.length).toBe(1)
    expect(errors[0]).toMatchObject({ code: 'SSH_CHANNEL_OPEN_FAILED' })
  })

  test.skipIf(findProgram('curl') === undefined)(
    'dynamic: curl goes through it by address and by name',
    async () => {
      const { createServer: createWeb } = await import('node:http')
      const web = createWeb((request, response) => response.end(`you asked ${request.headers.host}`))
      web.listen(0, '127.0.0.1')
      await once(web, 'listening')
      const port = (web.address() as { port: number }).port
      const errors: string[] = []
      await using proxy = await dynamic(client, { onConnectionError: (error) => errors.push(error.message) })
      const curl = (flag: string, url: string) => run('curl', ['-sS', flag, `127.0.0.1:${proxy.port}`, url])
      expect((await curl('--socks5', `http://127.0.0.1:${port}/`)).text).toBe(`you asked 127.0.0.1:${port}`)
      expect((await curl('--socks5-hostname', `http://localhost:${port}/`)).text).toBe(
        `you asked localhost:${port}`,
      )
      expect(errors).toEqual([])
      const refused = await curl('--socks5', `http://127.0.0.1:${await freePort()}/`)
      expect(refused.code).toBe(97)
      expect(errors.length).toBe(1)
      web.close()
    },
  )

  test('dynamic: what is no SOCKS5 is shown out, as are those who hang up', async () => {
    const errors: string[] = []
    await using proxy = await dynamic(client, { onConnectionError: (error) => errors.push(error.message) })
    const where = { host: '127.0.0.1', port: proxy.port }
    await say(where, 'GET / HTTP/1.1\r\n\r\n').catch(() => '')
    await say(where, '\x05').catch(() => '')
    expect(errors[0]).toContain('SOCKS version 71')
    expect(errors[1]).toContain('went away')
  })

  test('a timeout that is not met costs that call only', async () => {
    // Port 9 of a documentation address: nobody answers, or the machine says so at once.
    await expect(
      client.forwardOut({ host: '192.0.2.1', port: 9 }, undefined, { timeoutMs: 50 }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^SSH_(TIMEOUT|CHANNEL_OPEN_FAILED)$/) })
    expect(await (await client.exec('echo on', { timeoutMs: 20_000 })).text()).toMatchObject({
      stdout: 'on\n',
    })
    await expect(client.exec('true', { timeoutMs: 0 })).rejects.toMatchObject({ code: 'SSH_USAGE' })
  })

  test('through two sshds to a third, and the forwards of the last', async () => {
    const [second, third] = await Promise.all(
      [1, 2].map(() => startSshd({ authorizedKeys: [publicLine(userKey.publicKey)] })),
    )
    const far = await connect({
      ...optionsFor(third as Sshd),
      jump: [optionsFor(sshd), optionsFor(second as Sshd)],
    })
    expect(await (await far.exec('echo $SSH_CONNECTION')).text()).toMatchObject({
      stdout: expect.stringContaining(` ${(third as Sshd).port}\n`),
    })
    await using listener = await far.listen({ host: '127.0.0.1', port: 0 })
    const taken = listener[Symbol.asyncIterator]().next()
    const said = say({ host: '127.0.0.1', port: listener.port }, 'a long way')
    await echo((await taken).value as RemoteConnection)
    expect(await said).toBe('a long way')
    await far.close()
    await (second as Sshd).stop()
    await (third as Sshd).stop()
  })

  test('noMoreSessions: programs are refused here, so that sshd does not end the connection; forwards go on', async () => {
    await using other = await clientOf(sshd)
    other.noMoreSessions()
    await expect(other.exec('true')).rejects.toMatchObject({ code: 'SSH_USAGE' })
    const channel = await other.forwardOut({ host: '127.0.0.1', port: targetPort })
    channel.write(Buffer.from('still'))
    channel.eof()
    expect(await textOf(channel.readable)).toBe('STILL')
  })

  test('onHostKeys: every key that sshd has, once it has proved them', async () => {
    let other: Client | undefined
    const keys = await new Promise<readonly PublicKey[]>((resolve, reject) => {
      clientOf(sshd, { onHostKeys: resolve }).then((connected) => {
        other = connected
      }, reject)
    })
    await other?.close()
    const print = (all: Iterable<PublicKey>): string[] => [...all].map((key) => fingerprint(key)).sort()
    expect(print(keys)).toEqual(print([...sshd.hostKeys.values()].map(({ publicLine: line }) => keyOf(line))))
  })

  test.skipIf(findProgram('xauth') === undefined)('X11: a connection to the display comes back', async () => {
    const cookie = '00112233445566778899aabbccddeeff'
    const seen: RemoteConnection[] = []
    await using other = await clientOf(sshd, {
      onX11: (request) => {
        const connection = { channel: request.accept(), origin: request.origin }
        seen.push(connection)
        void echo(connection)
      },
    })
    // The display is localhost:N, a TCP port at 6000 + N.
    const program = `d=\${DISPLAY#*:}; d=\${d%.*}; exec 3<>/dev/tcp/127.0.0.1/$((6000 + d)); printf knock >&3; head -c 5 <&3; echo; xauth list | grep -c ${cookie}`
    const process = await other.exec(`bash -c '${program}'`, { x11: { cookie } })
    expect(await process.text()).toMatchObject({ stdout: 'knock\n1\n', code: 0 })
    expect(seen.length).toBe(1)
  })
})
