/** Proxies on the way out: those of ssh -D, microsocks and tinyproxy, and listeners that refuse, fall silent or say nonsense. */

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Client, type ConnectOptions, connect } from '@hawser/client'
import { dynamic, proxySocket } from '@hawser/client/node'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { Client as Ssh2 } from '@hawser/ssh2-compat'
import {
  findPeer,
  freePort,
  type PeerName,
  type Running,
  type Sshd,
  start,
  startSsh,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let sshd: Sshd

function options(): ConnectOptions {
  return {
    host: '127.0.0.1',
    port: sshd.port,
    user: sshd.user,
    auth: [
      { method: 'publickey', signer: parsePrivateKey(sshd.userKeys.get('ed25519')?.privateText as string) },
    ],
    hostKey: { keys: [...sshd.hostKeys.values()].map((key) => parsePublicKey(key.publicLine)) },
  }
}

function direct(more: Partial<ConnectOptions> = {}): Promise<Client> {
  return connect({ ...options(), ...more })
}

function through(proxy: string, more: Partial<ConnectOptions> = {}): Promise<Client> {
  return direct({ proxy, ...more })
}

async function says(proxy: string, more: Partial<ConnectOptions> = {}): Promise<string> {
  await using client = await through(proxy, more)
  return (await (await client.exec('echo through')).text()).stdout
}

/** Waits until somebody listens at `port`; programs do not say when they do. */
async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = dial(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      // not yet
    } finally {
      socket.destroy()
    }
  }
}

async function program(name: PeerName, args: (port: number) => string[]): Promise<[number, Running]> {
  const port = await freePort()
  const running = start(findPeer(name)?.path as string, args(port), { timeoutMs: 300_000 })
  await listens(port)
  return [port, running]
}

describePeers(['sshd'], 'proxies', () => {
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())

  describePeers(['ssh'], 'SOCKS5 by ssh -D', () => {
    test('connects, by name and number, and says who refused what', async () => {
      const port = await freePort()
      const ssh = startSsh({
        port: sshd.port,
        identities: [sshd.userKeys.get('ed25519')?.path as string],
        flags: ['-N', '-D', `127.0.0.1:${port}`],
      })
      await listens(port)
      const proxy = `socks5://127.0.0.1:${port}`
      expect(await says(proxy)).toBe('through\n')
      expect(await says(proxy, { host: 'localhost', family: 4 })).toBe('through\n')
      const closed = await freePort()
      await expect(says(proxy, { port: closed })).rejects.toMatchObject({
        code: 'SSH_CONNECT_FAILED',
        phase: 'connect',
        message: expect.stringMatching(
          new RegExp(`^the proxy ${proxy} did not connect to 127.0.0.1 port ${closed}: `),
        ),
      })
      await ssh.stop()
    })
  })

  describePeers(['microsocks'], 'SOCKS5 with a password by microsocks', () => {
    test('lets in who knows it', async () => {
      const [port, running] = await program('microsocks', (at) => [
        ...['-i', '127.0.0.1', '-p', String(at)],
        ...['-u', 'ada', '-P', 'p@ss word'],
      ])
      expect(await says(`socks5://ada:p%40ss%20word@127.0.0.1:${port}`)).toBe('through\n')
      const wrong = says(`socks5://ada:guess@127.0.0.1:${port}`)
      await expect(wrong).rejects.toThrow('check those in its URL')
      await expect(wrong).rejects.not.toThrow('guess')
      await expect(says(`socks5://127.0.0.1:${port}`)).rejects.toThrow('it wants user and password')
      const closed = await freePort()
      await expect(says(`socks5://ada:p%40ss%20word@127.0.0.1:${port}`, { port: closed })).rejects.toThrow(
        'nothing listens there',
      )
      await running.stop()
    })
  })

  describePeers(['tinyproxy'], 'CONNECT of HTTP by tinyproxy', () => {
    const settings = (at: number, more: string): string[] => {
      const file = join(temporaryFolder('tinyproxy'), 'conf')
      writeFileSync(file, `Port ${at}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\n${more}\n`)
      return ['-d', '-c', file]
    }

    test('connects with and without a password, and says who refused what', async () => {
      const [open, one] = await program('tinyproxy', (at) => settings(at, ''))
      expect(await says(`http://127.0.0.1:${open}`)).toBe('through\n')
      await expect(says(`http://127.0.0.1:${open}`, { port: await freePort() })).rejects.toThrow(
        /^the proxy http:\/\/127\.0\.0\.1:\d+ did not connect to 127\.0\.0\.1 port \d+: 50\d /,
      )
      await one.stop()
      const [closed, two] = await program('tinyproxy', (at) => settings(at, 'BasicAuth ada s3cret'))
      expect(await says(`http://ada:s3cret@127.0.0.1:${closed}`)).toBe('through\n')
      await expect(says(`http://127.0.0.1:${closed}`)).rejects.toThrow(
        '407 Proxy Authentication Required; it wants',
      )
      const wrong = says(`http://ada:guess@127.0.0.1:${closed}`)
      await expect(wrong).rejects.toThrow(/ 40[17] /)
      await expect(wrong).rejects.not.toThrow('guess')
      await two.stop()
      const [limited, three] = await program('tinyproxy', (at) => settings(at, 'ConnectPort 563'))
      await expect(says(`http://127.0.0.1:${limited}`)).rejects.toThrow('403')
      await three.stop()
    })
  })

  test('our own SOCKS5 proxy, also before a jump', async () => {
    await using gate = await direct()
    await using listener = await dynamic(gate)
    const proxy = `socks5://127.0.0.1:${listener.port}`
    expect(await says(proxy)).toBe('through\n')
    await using far = await direct({ jump: [{ ...options(), proxy }] })
    expect(await (await far.exec('echo far')).text()).toMatchObject({ stdout: 'far\n' })
    expect(sshd.log().match(/Accepted publickey/g)?.length).toBeGreaterThanOrEqual(4)
  })

  test('a socket for the option sock of ssh2', async () => {
    await using gate = await direct()
    await using listener = await dynamic(gate)
    const sock = await proxySocket(`socks5://127.0.0.1:${listener.port}`, {
      host: '127.0.0.1',
      port: sshd.port,
    })
    const client = new Ssh2()
    client.connect({
      sock,
      username: sshd.user,
      privateKey: sshd.userKeys.get('ed25519')?.privateText as string,
    })
    await once(client, 'ready')
    client.end()
    await once(client, 'close')
  })

  describe('those that do not do their work', () => {
    const servers: Server[] = []
    /** Listens and gives each connection to `take`. */
    const proxyThat = async (take: (socket: Socket) => void): Promise<number> => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined)
        take(socket)
      }).listen(0, '127.0.0.1')
      servers.push(server)
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }
    afterAll(() => servers.forEach((server) => server.close()))

    test('there is none', async () => {
      const port = await freePort()
      for (const proxy of [`socks5://127.0.0.1:${port}`, `http://127.0.0.1:${port}`])
        await expect(through(proxy)).rejects.toMatchObject({
          code: 'SSH_CONNECT_FAILED',
          message: expect.stringContaining(`cannot connect to the proxy ${proxy}: connect ECONNREFUSED`),
        })
    })

    test.each(['socks5', 'http'])(
      '%s: silent ones are given up after the ready time, or when asked to',
      async (kind) => {
        const closed: Promise<unknown>[] = []
        let taken: () => void = () => undefined
        const port = await proxyThat((socket) => {
          closed.push(once(socket, 'close'))
          socket.resume()
          taken()
        })
        const proxy = `${kind}://127.0.0.1:${port}`
        await expect(through(proxy, { readyTimeoutMs: 200 })).rejects.toMatchObject({
          code: 'SSH_TIMEOUT',
          message: expect.stringContaining(`through the proxy ${proxy}, which is connected`),
        })
        const stop = new AbortController()
        taken = () => stop.abort(new Error('enough'))
        await expect(through(proxy, { signal: stop.signal })).rejects.toMatchObject({
          code: 'SSH_ABORTED',
          cause: { message: 'enough' },
        })
        await expect(through(proxy, { signal: AbortSignal.abort() })).rejects.toMatchObject({
          code: 'SSH_ABORTED',
        })
        await Promise.all(closed)
        expect(closed.length).toBeGreaterThanOrEqual(2)
      },
    )

    test.each(['socks5', 'http'])('%s: those that hang up or talk nonsense are named', async (kind) => {
      for (const words of [
        '',
        'SSH-2.0-OpenSSH_9.9\r\n',
        'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
        '\x05\xff',
      ]) {
        const port = await proxyThat((socket) => {
          socket.once('data', () => socket.end(words, 'latin1'))
        })
        await expect(through(`${kind}://127.0.0.1:${port}`), words).rejects.toMatchObject({
          code: 'SSH_CONNECT_FAILED',
          message: expect.stringContaining(
            `the proxy ${kind}://127.0.0.1:${port} did not connect to 127.0.0.1 port ${sshd.port}: `,
          ),
        })
      }
    })

    test.each(['socks5', 'http'])('%s: what comes together with the answer is not lost', async (kind) => {
      const port = await proxyThat((socket) => {
        const there = dial(sshd.port, '127.0.0.1')
        there.on('error', () => socket.destroy())
        socket.on('close', () => there.destroy())
        there.once('data', (ident) => {
          const answer = (): void => {
            const words =
              kind === 'http'
                ? Buffer.from('HTTP/1.1 200 Connected\r\nVia: x\r\n\r\n')
                : Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 22])
            socket.write(Buffer.concat([words, ident]))
            socket.pipe(there)
            there.pipe(socket)
          }
          if (kind === 'http') socket.once('data', answer)
          else
            socket.once('data', () => {
              socket.write(Buffer.from([5, 0]))
              socket.once('data', answer)
            })
        })
      })
      expect(await says(`${kind}://127.0.0.1:${port}`)).toBe('through\n')
    })
  })
})
