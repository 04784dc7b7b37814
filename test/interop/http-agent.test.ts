/** HTTP through SSH: Node's http and https, and undici, against real web servers behind a real sshd. */

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type RequestOptions, request as tlsRequest } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '@hawser/client'
import { type OwnedForwarder, SshHttpAgent, SshHttpsAgent, sshConnect } from '@hawser/http-agent'
import { freePort, runNow, type Sshd, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { fetch, Agent as UndiciAgent } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, optionsFor, publicLine, userKey } from './kit.ts'

/** A certificate of our own for `localhost` and 127.0.0.1. */
function makeCertificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  try {
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const where = ['-keyout', key, '-out', cert, '-subj', '/CN=hawser test', '-addext', names]
    runNow('openssl', ['req', '-x509', ...kind, ...where])
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a web server did with `message`. */
interface Answer {
  readonly status: number
  readonly text: string
}

async function answerOf(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return { status: message.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}

function get(make: typeof request | typeof tlsRequest, options: RequestOptions, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = make({ host: '127.0.0.1', path: '/here', ...options }, (message) => {
      answerOf(message).then(resolve, reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describePeers(['sshd'], 'HTTP through sshd', () => {
  let sshd: Sshd
  let client: Client
  let web: Server
  let tlsWeb: Server
  let port: number
  let tlsPort: number
  let certificate: { key: string; cert: string }
  /** Sockets that the plain server has seen. */
  let sockets = 0

  beforeAll(async () => {
    certificate = makeCertificate()
    const answer = (message: IncomingMessage, response: ServerResponse): void => {
      if (message.url === '/never') return
      if (message.url === '/big') {
        response.end('x'.repeat(3_000_000))
        return
      }
      void answerOf(message).then(({ text }) => response.end(`${message.method} ${message.url} ${text}`))
    }
    web = createServer(answer)
    web.on('connection', () => sockets++)
    tlsWeb = createTlsServer(certificate, answer)
    for (const server of [web, tlsWeb]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    port = (web.address() as AddressInfo).port
    tlsPort = (tlsWeb.address() as AddressInfo).port
    sshd = await startSshd({ authorizedKeys: [publicLine(userKey.publicKey)] })
    client = await clientOf(sshd)
  })
  afterAll(async () => {
    await client?.close()
    await sshd?.stop()
    web?.closeAllConnections()
    web?.close()
    tlsWeb?.closeAllConnections()
    tlsWeb?.close()
  })

  /** Connects by itself, and counts how often and how often it was closed. */
  function counted(): { via: () => Promise<OwnedForwarder>; made: Client[] } {
    const made: Client[] = []
    return {
      made,
      via: async () => {
        const one = await connect(optionsFor(sshd))
        made.push(one)
        return one
      },
    }
  }

  test('http: a request with a body, over a client that stays', async () => {
    const agent = new SshHttpAgent(client)
    expect(await get(request, { port, agent, method: 'POST' }, 'grüße')).toEqual({
      status: 200,
      text: 'POST /here grüße',
    })
    agent.destroy()
    expect(client.session.phase).toBe('ready')
  })

  test('3 MB come through whole', async () => {
    const agent = new SshHttpAgent(client)
    expect((await get(request, { port, agent, path: '/big' })).text.length).toBe(3_000_000)
  })

  test('keep-alive: one channel carries request after request', async () => {
    const agent = new SshHttpAgent(client, { keepAlive: true, maxSockets: 1 })
    const before = sockets
    for (let n = 0; n < 5; n++) expect((await get(request, { port, agent })).status).toBe(200)
    expect(sockets - before).toBe(1)
    agent.destroy()
  })

  test('many sockets share one connection, which is made at the first and closed when idle', async () => {
    const { via, made } = counted()
    const agent = new SshHttpAgent(via, { keepAlive: true, idleMs: 1 })
    expect(made.length).toBe(0)
    const answers = await Promise.all(Array.from({ length: 12 }, () => get(request, { port, agent })))
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200))
    expect(made.length).toBe(1)
    // Kept sockets do not keep the connection.
    await made[0]?.closed
    expect(made[0]?.session.error).toBeUndefined()
    expect((await get(request, { port, agent })).status).toBe(200)
    expect(made.length).toBe(2)
    await made[1]?.closed
  })

  test('a kept socket in use again keeps the connection', async () => {
    const { via, made } = counted()
    const agent = new SshHttpAgent(via, { keepAlive: true, maxSockets: 1, idleMs: 60_000 })
    const before = sockets
    await get(request, { port, agent })
    await get(request, { port, agent })
    expect([made.length, sockets - before]).toEqual([1, 1])
    agent.destroy()
    await made[0]?.closed
  })

  test('options of connect are enough', async () => {
    const agent = new SshHttpAgent(optionsFor(sshd))
    expect((await get(request, { port, agent })).status).toBe(200)
    agent.destroy()
  })

  test('a connection that was lost is made anew', async () => {
    const { via, made } = counted()
    const agent = new SshHttpAgent(via, { idleMs: 60_000 })
    expect((await get(request, { port, agent })).status).toBe(200)
    made[0]?.session.destroy()
    await made[0]?.closed
    expect((await get(request, { port, agent })).status).toBe(200)
    expect(made.length).toBe(2)
    agent.destroy()
    await made[1]?.closed
  })

  test('a web server that is not there, and an SSH server that is not there', async () => {
    const free = await freePort()
    await expect(get(request, { port: free, agent: new SshHttpAgent(client) })).rejects.toMatchObject({
      code: 'SSH_CHANNEL_OPEN_FAILED',
    })
    const nowhere = { ...optionsFor(sshd), port: free }
    await expect(get(request, { port, agent: new SshHttpAgent(nowhere) })).rejects.toMatchObject({
      code: 'SSH_CONNECT_FAILED',
    })
  })

  test('a timeout of the request, and one that is aborted', async () => {
    const agent = new SshHttpAgent(client)
    const sent = request({ host: '127.0.0.1', port, path: '/never', agent, timeout: 20 })
    sent.on('error', () => undefined)
    sent.end()
    await once(sent, 'timeout')
    sent.destroy()
    await expect(
      get(request, { port, path: '/never', agent, signal: AbortSignal.timeout(20) }),
    ).rejects.toMatchObject({ name: 'AbortError' })
    expect((await get(request, { port, agent })).status).toBe(200)
  })

  test('https: TLS ends at the web server, whose certificate is checked', async () => {
    const agent = new SshHttpsAgent(client, { ca: certificate.cert, keepAlive: true })
    const options = { port: tlsPort, agent, method: 'PUT' }
    expect(await get(tlsRequest, options, 'secret')).toEqual({ status: 200, text: 'PUT /here secret' })
    expect(await get(tlsRequest, { ...options, host: 'localhost' }, 'named')).toMatchObject({ status: 200 })
    agent.destroy()
  })

  test('https: an unknown certificate and a wrong name are refused', async () => {
    const agent = new SshHttpsAgent(client)
    await expect(get(tlsRequest, { port: tlsPort, agent })).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
    const trusting = new SshHttpsAgent(client, { ca: certificate.cert })
    await expect(
      get(tlsRequest, { port: tlsPort, agent: trusting, servername: 'example.net' }),
    ).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    const careless = { port: tlsPort, agent, rejectUnauthorized: false }
    expect((await get(tlsRequest, careless)).status).toBe(200)
  })

  test('fetch through undici, plain and TLS, one connection for all', async () => {
    const { via, made } = counted()
    const through = sshConnect(via, { tls: { ca: certificate.cert } })
    const dispatcher = new UndiciAgent({ connect: through })
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        const base = n % 2 === 0 ? `http://127.0.0.1:${port}` : `https://localhost:${tlsPort}`
        const response = await fetch(`${base}/${n}`, { dispatcher, method: 'POST', body: `body ${n}` })
        return response.text()
      }),
    )
    expect(answers).toEqual([0, 1, 2, 3, 4, 5].map((n) => `POST /${n} body ${n}`))
    expect(made.length).toBe(1)
    await dispatcher.close()
    through.close()
    await made[0]?.closed
  })

  test('the fetch of Node itself takes the same dispatcher', async () => {
    const dispatcher = new UndiciAgent({ connect: sshConnect(client) })
    // Node's declaration of fetch knows only the dispatchers of the undici inside.
    const response = await globalThis.fetch(`http://127.0.0.1:${port}/own`, {
      dispatcher,
    } as unknown as RequestInit)
    expect(await response.text()).toBe('GET /own ')
    await dispatcher.close()
  })

  test('fetch: a server that never starts TLS, and one that hangs up', async () => {
    const silent = createTcpServer((socket) => void socket.on('error', () => undefined).resume())
    const rude = createTcpServer((socket) => void socket.on('error', () => undefined).end())
    for (const server of [silent, rude]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    const portOf = (server: typeof silent): number => (server.address() as AddressInfo).port
    const dispatcher = new UndiciAgent({ connect: sshConnect(client, { timeoutMs: 50 }) })
    const why = (of: number): Promise<unknown> =>
      fetch(`https://localhost:${of}/`, { dispatcher }).then(
        () => 'answered',
        (error: Error) => (error.cause as Error).message,
      )
    expect(await why(portOf(silent))).toContain('no TLS handshake')
    expect(await why(portOf(rude))).toContain('before secure TLS connection was established')
    await dispatcher.close()
    silent.close()
    rude.close()
  })

  test('fetch: an unknown certificate is refused', async () => {
    const dispatcher = new UndiciAgent({ connect: sshConnect(client) })
    await expect(fetch(`https://localhost:${tlsPort}/`, { dispatcher })).rejects.toMatchObject({
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    })
    await dispatcher.close()
  })
})
