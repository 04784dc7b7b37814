/** Our server against the real ssh: -R, -L, -D, -W and -J, Unix sockets both ways, -X, shared connections, host keys that change. */

import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createWeb } from 'node:http'
import { type AddressInfo, createServer, connect as dial, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '@hawser/client'
import { generateKey, type PrivateKey } from '@hawser/keys'
import { authorizedKeys, type ForwardRequest, type ServerConnection } from '@hawser/server'
import {
  connectTcp,
  connectUnix,
  type Listener,
  type ListenOptions,
  listen,
  listenForward,
  spawnProcess,
} from '@hawser/server/node'
import {
  findProgram,
  freePort,
  run,
  runSsh,
  type SshOptions,
  type SshRunning,
  sharedKeyFile,
  startSsh,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { publicLine, textOf, userKey as userSigner } from './kit.ts'

const hostKeys: readonly PrivateKey[] = [
  await generateKey('ed25519'),
  await generateKey('ecdsa', { bits: 256 }),
  await generateKey('rsa', { bits: 2048 }),
]
const userKey = sharedKeyFile('ed25519', 'user')

type Where = { readonly host: string; readonly port: number } | { readonly path: string }

/** Says back what it hears, in capitals. */
async function shouter(where: Where): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()))
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  server.listen(where)
  await once(server, 'listening')
  return server
}

async function say(where: Where, text: string): Promise<string> {
  const socket = dial({ ...where, allowHalfOpen: true })
  socket.end(text)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Settles when `running` says `what` on standard error. */
function said(running: SshRunning, what: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const found = what.exec(running.stderr())
      if (found !== null) resolve(found[1] ?? found[0])
    }
    running.child.stderr.on('data', look)
    look()
    running.done.then(({ stderr }) => reject(new Error(`ssh ended: ${stderr}`)), reject)
  })
}

describePeers(['ssh'], 'forwards of ssh through our server', () => {
  let server: Listener
  let folder: string
  let target: Server
  let targetPort: number
  const started: SshRunning[] = []
  /** What was asked of the server. */
  const asked: ForwardRequest['at'][] = []

  const options: ListenOptions = {
    port: 0,
    hostKeys,
    limits: { maxSessions: 60 },
    auth: { publickey: authorizedKeys(() => `${userKey.publicLine}\n${publicLine(userSigner.publicKey)}`) },
    onTcpip: (request) => void connectTcp(request),
    onStreamlocal: (request) => void connectUnix(request),
    onForward: (request) => {
      asked.push(request.at)
      void listenForward(request)
    },
    onSession: (session, connection) => {
      let cookie = ''
      session
        .onExec((request) => {
          const program = request.accept()
          if (request.command !== 'x client')
            return void spawnProcess(program, { shellCommand: request.command })
          void (async () => {
            await program.write(`${await xClient(connection, '0'.repeat(32))}\n`)
            await program.write(`${await xClient(connection, cookie)}\n`)
            await program.exit(0)
          })()
        })
        .onX11((request) => {
          cookie = request.x11.cookie
          request.accept()
        })
    },
  }

  /** Knocks at the client's display as X clients do, and gives what comes back. */
  async function xClient(connection: ServerConnection, cookie: string): Promise<string> {
    const channel = await connection.openX11({ host: '127.0.0.1', port: 4711 })
    // Little endian, version 11.0, an authorization name of 18 bytes (padded to 20) and 16 of data.
    const head = [0x6c, 0, 11, 0, 0, 0, 18, 0, 16, 0, 0, 0]
    channel.write(
      Buffer.concat([Buffer.from(head), Buffer.from('MIT-MAGIC-COOKIE-1\0\0'), Buffer.from(cookie, 'hex')]),
    )
    const answer = await textOf(channel.readable)
    await channel.close()
    return answer
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-forward-'))
    targetPort = await freePort()
    target = await shouter({ host: '127.0.0.1', port: targetPort })
    server = await listen(options)
  })
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop()
    asked.length = 0
  })
  afterAll(async () => {
    await server?.close()
    target?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const sshOptions = (more: Partial<SshOptions>): SshOptions => ({
    port: server.port,
    user: 'ada',
    identities: [userKey.path],
    ...more,
    options: ['ExitOnForwardFailure=yes', ...(more.options ?? [])],
  })
  function ssh(more: Partial<SshOptions>): SshRunning {
    const running = startSsh(sshOptions({ ...more, flags: ['-v', '-N', ...(more.flags ?? [])] }))
    started.push(running)
    return running
  }

  test('-R: the server chooses the port, and listens on this machine only', async () => {
    const running = ssh({ flags: ['-R', `0.0.0.0:0:127.0.0.1:${targetPort}`] })
    const port = Number(await said(running, /Allocated port (\d+) for remote forward/))
    expect(await Promise.all(['a', 'b', 'c'].map((text) => say({ host: '127.0.0.1', port }, text)))).toEqual([
      'A',
      'B',
      'C',
    ])
    expect(asked).toEqual([{ host: '0.0.0.0', port: 0 }])
    await running.stop()
    await Promise.all([...server.connections].map((connection) => connection.closed))
    await expect(say({ host: '127.0.0.1', port }, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('-R to a port that is taken is refused, and ssh says so', async () => {
    const result = await runSsh(sshOptions({ flags: ['-N', '-R', `${targetPort}:127.0.0.1:${targetPort}`] }))
    expect(result.code).toBe(255)
    expect(result.stderr).toContain(`remote port forwarding failed for listen port ${targetPort}`)
  })

  test('-R of Unix sockets, and -L to them', async () => {
    const [back, there, here] = ['back', 'there', 'here'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const served = await shouter({ path: there })
    const running = ssh({ flags: ['-R', `${back}:127.0.0.1:${targetPort}`, '-L', `${here}:${there}`] })
    await said(running, /(remote forward success)/)
    expect(await say({ path: back }, 'backwards')).toBe('BACKWARDS')
    expect(await say({ path: here }, 'forwards')).toBe('FORWARDS')
    await running.stop()
    served.close()
    await Promise.all([...server.connections].map((connection) => connection.closed))
    expect(existsSync(back)).toBe(false)
  })

  test.skipIf(findProgram('curl') === undefined)('-D: curl through ssh’s SOCKS proxy', async () => {
    const web = createWeb((request, response) => response.end(`you asked ${request.headers.host}`))
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    const { port } = web.address() as AddressInfo
    const proxy = await freePort()
    await said(ssh({ flags: ['-D', `127.0.0.1:${proxy}`] }), /(Entering interactive session)/)
    const result = await run('curl', ['-sS', '--socks5', `127.0.0.1:${proxy}`, `http://127.0.0.1:${port}/`])
    expect(result.text).toBe(`you asked 127.0.0.1:${port}`)
    web.close()
  })

  test('-J and -W: through one of our servers to another', async () => {
    await using far = await listen(options)
    const config = join(folder, 'config')
    const settings = [
      'StrictHostKeyChecking no',
      'UserKnownHostsFile /dev/null',
      `IdentityFile ${userKey.path}`,
      'IdentitiesOnly yes',
      'LogLevel ERROR',
    ]
    writeFileSync(config, ['Host *', ...settings.map((line) => `  ${line}`)].join('\n'))
    const through = ['-F', config, '-J', `ada@127.0.0.1:${server.port}`, '-p', String(far.port)]
    const result = await run('ssh', [...through, 'ada@127.0.0.1', 'echo over there'])
    expect(result).toMatchObject({ text: 'over there\n', code: 0, stderr: '' })
    const straight = await runSsh(sshOptions({ flags: ['-W', `127.0.0.1:${targetPort}`], input: 'pipe' }))
    expect(straight.text).toBe('PIPE')
  })

  test('ControlMaster: fifty programs and a forward over one connection', async () => {
    const control = join(folder, 'control')
    const before = server.connections.size
    const master = ssh({ options: [`ControlPath=${control}`, 'ControlMaster=yes', 'ControlPersist=no'] })
    await said(master, /(Entering interactive session)/)
    const slave = ['-S', control, '-F', '/dev/null', '-p', String(server.port), 'ada@127.0.0.1']
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => run('ssh', [...slave, `echo program ${n}`])),
    )
    expect(results.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, n) => `program ${n}\n`))
    expect(server.connections.size - before).toBe(1)
    const port = await freePort()
    const forward = ['-O', 'forward', '-R', `127.0.0.1:${port}:127.0.0.1:${targetPort}`]
    expect((await run('ssh', [...forward, ...slave])).code).toBe(0)
    expect(await say({ host: '127.0.0.1', port }, 'later')).toBe('LATER')
    expect((await run('ssh', ['-O', 'cancel', ...forward.slice(2), ...slave])).code).toBe(0)
    await expect(say({ host: '127.0.0.1', port }, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect((await run('ssh', ['-O', 'exit', ...slave])).code).toBe(0)
    await master.done
  })

  test('-Y: X11 connections come to the display of ssh, if they know the cookie', async () => {
    const knocks: number[] = []
    const screen = createServer((socket) => {
      socket.on('data', (bytes: Buffer) => {
        knocks.push(bytes.length)
        socket.end('welcome')
      })
      socket.on('error', () => undefined)
    })
    screen.listen(0, '127.0.0.1')
    await once(screen, 'listening')
    // Display N is at the port 6000 + N.
    const display = `127.0.0.1:${(screen.address() as AddressInfo).port - 6000}`
    const result = await runSsh(sshOptions({ flags: ['-Y'], command: 'x client', env: { DISPLAY: display } }))
    expect(result.text).toBe('\nwelcome\n')
    expect(knocks).toEqual([48])
    screen.close()
  })

  test('what is not allowed is refused: no forward, no listener', async () => {
    const { onForward: _f, onStreamlocal: _s, onTcpip: _t, ...without } = options
    await using strict = await listen(without)
    const result = await runSsh(
      sshOptions({ port: strict.port, flags: ['-N', '-R', `0:127.0.0.1:${targetPort}`] }),
    )
    expect(result.stderr).toContain('remote port forwarding failed')
    const piped = await runSsh(sshOptions({ port: strict.port, flags: ['-W', `127.0.0.1:${targetPort}`] }))
    expect(piped.stderr).toContain('administratively prohibited')
  })

  test('ssh learns all host keys, each proved, and then trusts each of them', async () => {
    const knownHosts = join(folder, 'known_hosts')
    writeFileSync(
      knownHosts,
      `[127.0.0.1]:${server.port} ${publicLine((hostKeys[0] as PrivateKey).publicKey)}\n`,
    )
    const visit = (more: readonly string[]) =>
      runSsh(
        sshOptions({
          options: [
            ...more,
            `UserKnownHostsFile=${knownHosts}`,
            'StrictHostKeyChecking=yes',
            'UpdateHostKeys=yes',
          ],
          command: 'true',
        }),
      )
    expect((await visit([])).code).toBe(0)
    const lines = readFileSync(knownHosts, 'utf8').trim().split('\n')
    expect(lines.map((line) => line.split(' ')[1]).sort()).toEqual([
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
      'ssh-rsa',
    ])
    for (const algorithm of ['rsa-sha2-256', 'rsa-sha2-512', 'ecdsa-sha2-nistp256'])
      expect(await visit([`HostKeyAlgorithms=${algorithm}`, 'UpdateHostKeys=no'])).toMatchObject({
        stderr: '',
        code: 0,
      })
  })

  test('our client is told by our server, whatever key began the connection', async () => {
    const clients: Client[] = []
    for (const serverHostKey of [['ssh-ed25519'], ['rsa-sha2-256']]) {
      const keys = await new Promise<readonly { readonly type: string }[]>((resolve, reject) => {
        connect({
          host: '127.0.0.1',
          port: server.port,
          user: 'ada',
          auth: [{ method: 'publickey', signer: userSigner }],
          hostKey: { keys: hostKeys.map(({ publicKey }) => publicKey) },
          algorithms: { serverHostKey },
          onHostKeys: resolve,
        }).then((client) => clients.push(client), reject)
      })
      expect(keys.map(({ type }) => type)).toEqual(hostKeys.map(({ publicKey }) => publicKey.type))
    }
    for (const client of clients) await client.close()
  })
})
