/** zlib and zlib@openssh.com: with OpenSSH, with npm ssh2 and with ourselves, and against a peer that sends a bomb. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { deflateSync } from 'node:zlib'
import { acceptAnyHostKey, type Client, connect } from '@hawser/client'
import { type CompressionAlgorithm, type CryptoProvider, defaultProvider } from '@hawser/crypto'
import { fingerprint, parsePrivateKey } from '@hawser/keys'
import { passwordsOf, type ServerConnection } from '@hawser/server'
import { type Listener, type ListenOptions, listen, spawnProcess } from '@hawser/server/node'
import ours from '@hawser/ssh2-compat'
import { runSsh, sharedKeyFile } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import ssh2 from 'ssh2'
import { afterEach, describe, expect, test } from 'vitest'
import { bytes, checksumOf, digestOf, writeAll } from './kit.ts'
import { mebibyte, checksumOf as noiseChecksumOf, type TransferOptions, transfer } from './transfer.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const delayed = 'zlib@openssh.com'
const hostKey = () => parsePrivateKey(sharedKeyFile('ed25519', 'host').privateText)

async function serve(compression: readonly string[], more: Partial<ListenOptions> = {}): Promise<Listener> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey()],
    auth: { password: passwordsOf(new Map([['ada', 'secret word']])) },
    algorithms: { compression },
    onSession: (session) => {
      session.onExec((request) => void spawnProcess(request.accept(), { shellCommand: request.command }))
    },
    ...more,
  })
  open.push(server)
  return server
}

async function clientTo(
  port: number,
  compression: readonly string[],
  crypto: CryptoProvider = defaultProvider,
): Promise<Client> {
  const client = await connect({
    host: '127.0.0.1',
    port,
    user: 'ada',
    auth: [{ method: 'password', password: 'secret word' }],
    hostKey: { fingerprints: [fingerprint(hostKey().publicKey)] },
    algorithms: { compression },
    crypto,
  })
  open.push(client)
  return client
}

/** Compressible data there and back through `cat`, with new keys in the middle. */
async function echo(client: Client, size: number): Promise<string> {
  const cat = await client.exec('cat')
  const [result] = await Promise.all([
    digestOf(cat.stdout),
    writeAll(cat.stdin, bytes(size)),
    client.session.rekey(),
  ])
  return result.hash
}

function noiseThrough(role: TransferOptions['role'], compression: string): void {
  for (const rekeyBy of ['peer', 'us'] as const)
    test(`8 MiB of noise each way by ${compression}, new keys every mebibyte by ${rekeyBy}`, async () => {
      const cipher = 'aes128-gcm@openssh.com'
      const o = { role, flow: 'both', bytes: 8 * mebibyte, cipher, compression, rekeyBy } as const
      const result = await transfer({ ...o, timeoutMs: 50_000 })
      expect(result.checksums).toEqual([noiseChecksumOf(o.bytes)])
      expect(result.cipher).toBe(`${cipher} ${compression}`)
      expect(result.rekeys).toBeGreaterThanOrEqual(4)
    })
}

// sshd knows the delayed kind only.
describePeers(['sshd'], 'our client against sshd', () => noiseThrough('client', delayed))

describePeers(['ssh'], 'ssh -C against our server', () => {
  noiseThrough('server', delayed)
  noiseThrough('server', 'zlib')

  for (const compression of [delayed, 'zlib', 'none'])
    test(`a program and its errors by ${compression}`, async () => {
      const seen: string[] = []
      const user = sharedKeyFile('ed25519', 'user')
      const server = await serve([compression], {
        auth: { publickey: () => true },
        onReady: ({ negotiated }) =>
          void seen.push(`${negotiated?.compressionIn} ${negotiated?.compressionOut}`),
      })
      const result = await runSsh({
        port: server.port,
        user: 'ada',
        identities: [user.path],
        flags: ['-C'],
        command: 'cat; echo bye >&2; exit 7',
        input: bytes(8 * mebibyte),
        timeoutMs: 50_000,
      })
      expect(result.code).toBe(7)
      expect(result.stderr).toContain('bye')
      expect(result.stdout.length).toBe(8 * mebibyte)
      expect(seen).toEqual([`${compression} ${compression}`])
    })

  test('the default offer serves ssh -C, and nobody who does not ask', async () => {
    const seen: (string | undefined)[] = []
    const server = await listen({
      port: 0,
      hostKeys: [hostKey()],
      auth: { publickey: () => true },
      onReady: ({ negotiated }) => void seen.push(negotiated?.compressionIn),
      onSession: (session) => {
        session.onExec((request) => void spawnProcess(request.accept(), { shellCommand: request.command }))
      },
    })
    open.push(server)
    const identities = [sharedKeyFile('ed25519', 'user').path]
    for (const flags of [['-C'], []])
      expect((await runSsh({ port: server.port, identities, flags, command: 'true' })).code).toBe(0)
    expect(seen).toEqual([delayed, 'none'])
  })
})

describe('our client against our server', () => {
  for (const compression of [delayed, 'zlib'] as const)
    test(`8 MiB each way by ${compression}, new keys on the way`, async () => {
      const server = await serve([compression])
      const client = await clientTo(server.port, [compression])
      expect(await echo(client, 8 * mebibyte)).toBe(checksumOf(8 * mebibyte))
      expect(client.session.negotiated).toMatchObject({
        compressionIn: compression,
        compressionOut: compression,
      })
    })

  test('no common compression says what both have', async () => {
    const server = await serve(['none'])
    await expect(clientTo(server.port, [delayed])).rejects.toMatchObject({ code: 'SSH_NEGOTIATION_FAILED' })
  })

  /** Small enough for a packet before the log in. */
  const bomb = new Uint8Array(deflateSync(new Uint8Array(16 * mebibyte)))
  /** What sends it in place of each packet that it should compress. */
  const armed = (name: string): CryptoProvider => ({
    ...defaultProvider,
    compressions: defaultProvider.compressions.map(
      (each): CompressionAlgorithm =>
        each.name === name ? { ...each, compressor: () => ({ compress: () => bomb }) } : each,
    ),
  })

  test('a bomb ends the connection with COMPRESSION_ERROR', async () => {
    const connections: ServerConnection[] = []
    const server = await serve([delayed], { onReady: (connection) => void connections.push(connection) })
    const client = await clientTo(server.port, [delayed], armed(delayed))
    await expect(client.exec('true')).rejects.toThrow()
    await client.closed
    expect(client.session.error).toMatchObject({ code: 'SSH_DISCONNECTED', reason: 6 })
    await connections[0]?.closed
    expect(connections[0]?.session.error).toMatchObject({ code: 'SSH_LIMIT_DECOMPRESSED' })
  })

  test('so does one before the log in, where zlib is allowed', async () => {
    const errors: Error[] = []
    const server = await serve(['zlib'], { onConnectionError: (error) => void errors.push(error) })
    await expect(clientTo(server.port, ['zlib'], armed('zlib'))).rejects.toMatchObject({ reason: 6 })
    await expect.poll(() => errors).toMatchObject([{ code: 'SSH_LIMIT_DECOMPRESSED' }])
  })
})

describe('ssh2-shaped modules', () => {
  const modules = { 'npm ssh2': ssh2, '@hawser/ssh2-compat': ours as unknown as typeof ssh2 }

  /** 10 × 1 MiB written at once and then the end, as servers of ssh2 do; and what the client sends comes back. */
  async function talk(
    server: typeof ssh2,
    client: typeof ssh2,
    serverOptions: object,
    clientOptions: object,
  ): Promise<{ readonly names: readonly string[]; readonly length: number; readonly echoed: string }> {
    const listener = new server.Server(
      { hostKeys: [sharedKeyFile('ed25519', 'host').privateText], ...serverOptions },
      (connection) => {
        // The client tells what went wrong.
        connection.on('error', () => undefined)
        connection.on('authentication', (ctx) => ctx.accept())
        connection.on('session', (accept) => {
          accept().on('exec', (acceptExec, _reject, { command }) => {
            const stream = acceptExec()
            if (command === 'echo') stream.pipe(stream)
            else for (let i = 0; i < 10; i++) stream.write(Buffer.alloc(mebibyte, i))
            if (command === 'echo') return
            stream.exit(0)
            stream.end()
          })
        })
      },
    )
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const connected = new client.Client()
    const handshake = once(connected, 'handshake')
    connected.connect({ host: '127.0.0.1', port, username: 'ada', password: 'word', ...clientOptions })
    try {
      const [[{ cs, sc }]] = await Promise.all([handshake, once(connected, 'ready')])
      let length = 0
      await new Promise<void>((resolve, reject) => {
        connected.exec('much', (error, stream) => {
          if (error !== undefined) return reject(error)
          stream.on('data', (chunk: Buffer) => (length += chunk.length)).on('close', () => resolve())
        })
      })
      const echoed = await new Promise<string>((resolve, reject) => {
        connected.exec('echo', (error, stream) => {
          if (error !== undefined) return reject(error)
          text(stream).then(resolve, reject)
          stream.end('there and back')
        })
      })
      return { names: [cs.compress, sc.compress], length, echoed }
    } finally {
      const closed = once(connected, 'close')
      connected.end()
      await closed
      listener.close()
    }
  }

  for (const [name, theirs] of Object.entries(modules))
    for (const compression of [delayed, 'zlib'] as const)
      test(`compat's two roles with ${name} by ${compression}`, async () => {
        const list = { algorithms: { compress: [compression] } }
        const wanted = { names: [compression, compression], length: 10 * mebibyte, echoed: 'there and back' }
        const compat = modules['@hawser/ssh2-compat']
        expect(await talk(theirs, compat, list, list)).toEqual(wanted)
        expect(await talk(compat, theirs, list, list)).toEqual(wanted)
      })

  const compat = modules['@hawser/ssh2-compat']
  const cases = [
    ['true', { compress: true }, {}, delayed],
    ["'force'", { compress: 'force' }, {}, delayed],
    ['false', { compress: false }, {}, 'none'],
    ['nothing', {}, {}, 'none'],
    ['true, from a server that has none', { compress: true }, { algorithms: { compress: ['none'] } }, 'none'],
    ['nothing, from a server that insists', {}, { algorithms: { compress: [delayed] } }, delayed],
    ['nothing, from a server that has only zlib', {}, { algorithms: { compress: ['zlib'] } }, 'zlib'],
    ['false against a list, which wins', { compress: false, algorithms: { compress: ['zlib'] } }, {}, 'zlib'],
  ] as const
  for (const [what, clientOptions, serverOptions, wanted] of cases)
    test(`compress: ${what}`, async () => {
      const { names, echoed } = await talk(ssh2, compat, serverOptions, clientOptions)
      expect(names).toEqual([wanted, wanted])
      expect(echoed).toBe('there and back')
    })

  test("compress: 'force' fails where the server has none, and false where it insists", async () => {
    for (const [compress, server] of [
      ['force', 'none'],
      [false, delayed],
    ] as const)
      await expect(
        talk(ssh2, compat, { algorithms: { compress: [server] } }, { compress }),
      ).rejects.toMatchObject({ code: 'SSH_NEGOTIATION_FAILED', level: 'handshake' })
  })
})

describe('@hawser/client and @hawser/server with npm ssh2', () => {
  for (const compression of [delayed, 'zlib'] as const) {
    test(`its client, ${compression}`, async () => {
      const server = await serve([compression])
      const client = new ssh2.Client()
      client.connect({
        host: '127.0.0.1',
        port: server.port,
        username: 'ada',
        password: 'secret word',
        algorithms: { compress: [compression] },
      })
      await once(client, 'ready')
      const stream = await new Promise<NodeJS.ReadWriteStream>((resolve, reject) => {
        client.exec('cat', (error, channel) => (error === undefined ? resolve(channel) : reject(error)))
      })
      const reading = text(stream)
      stream.end('words '.repeat(100_000))
      expect(await reading).toBe('words '.repeat(100_000))
      client.end()
    })

    test(`its server, ${compression}`, async () => {
      const server = new ssh2.Server(
        {
          hostKeys: [sharedKeyFile('ed25519', 'host').privateText],
          algorithms: { compress: [compression] },
        },
        (connection) => {
          connection.on('authentication', (ctx) => ctx.accept())
          connection.on('session', (accept) => {
            accept().on('exec', (acceptExec) => {
              const stream = acceptExec()
              stream.pipe(stream)
            })
          })
        },
      )
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const client = await connect({
        host: '127.0.0.1',
        port: (server.address() as AddressInfo).port,
        user: 'ada',
        auth: [{ method: 'password', password: 'word' }],
        hostKey: acceptAnyHostKey,
        algorithms: { compression: [compression] },
      })
      open.push(client)
      expect(await echo(client, 2 * mebibyte)).toBe(checksumOf(2 * mebibyte))
      server.close()
    })
  }
})
