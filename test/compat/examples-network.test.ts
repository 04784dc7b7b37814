/** The documentation's examples for X11, the SOCKS proxy and the HTTP agents: with real X, curl and web servers behind sshd. */

import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createWeb, type RequestListener } from 'node:http'
import { createServer as createTlsWeb } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { freePort, run, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certificate } from './certificate.ts'
import { type Module, modules, runProgram, startProgram, startServerProgram } from './programs.ts'
import { startXServer, type XServer } from './x-server.ts'

const both: readonly Module[] = [modules.theirs, modules.ours]

/** The arguments that log in to `sshd`. */
function loginTo(sshd: Sshd): string {
  const keyFile = sshd.userKeys.get('ed25519')?.path
  return JSON.stringify({ host: sshd.host, port: sshd.port, username: sshd.user, keyFile })
}

const answer: RequestListener = (request, response) => {
  response.sendDate = false
  response.setHeader('Content-Type', 'text/plain')
  response.end(
    `${request.method} ${request.headers.host} from ${request.headers['user-agent'] ?? 'nobody'}\n`,
  )
}

async function listening<T extends Server>(server: T): Promise<[server: T, port: string]> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return [server, String((server.address() as AddressInfo).port)]
}

describePeers(['sshd', 'curl'], 'examples with web servers behind sshd', () => {
  const tls = certificate()
  const trusted = join(temporaryFolder('certificate'), 'cert.pem')
  let sshd: Sshd
  let config: string
  let web: Server
  let webPort: string
  let tlsWeb: Server
  let tlsPort: string

  beforeAll(async () => {
    writeFileSync(trusted, tls.cert)
    sshd = await startSshd()
    config = loginTo(sshd)
    ;[web, webPort] = await listening(createWeb(answer))
    ;[tlsWeb, tlsPort] = await listening(createTlsWeb(tls, answer))
  })
  afterAll(async () => {
    web.close()
    tlsWeb.close()
    await sshd.stop()
  })

  test.each(both)('HTTPAgent with %s', async (module) => {
    const result = await runProgram(module, 'http-agent', [config, webPort])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.text).toMatch(/^200\n\{[^}]*'content-type': 'text\/plain'[^}]*\}\n$/)
  })

  test.each(both)('HTTPSAgent with %s', async (module) => {
    const result = await runProgram(module, 'https-agent', [config, tlsPort, trusted])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.text).toMatch(/^200\n\{[^}]*'content-type': 'text\/plain'[^}]*\}\n$/)
  })

  test.each(both)('the SOCKSv5 proxy and curl --socks5 with %s', async (module) => {
    const port = await freePort()
    const proxy = await startServerProgram(module, 'socks', [config, String(port)])
    const curl = (url: string) => run('curl', ['-isS', '--socks5', `localhost:${port}`, url])
    try {
      const [page, ...more] = await Promise.all([
        curl(`http://127.0.0.1:${webPort}/`),
        curl(`http://127.0.0.1:${webPort}/`),
        // No TLS here: the example handles no errors of its sockets, and a web server's last word to a curl that is gone is one.
        curl(`http://127.0.0.1:${webPort}/`),
      ])
      for (const result of [page, ...more]) {
        expect(result).toMatchObject({ code: 0, stderr: '' })
        expect(result?.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
        expect(result?.text).toMatch(/GET 127\.0\.0\.1:\d+ from curl\/\S+\n$/)
      }
      const nobody = await curl(`http://127.0.0.1:${await freePort()}/`)
      // curl: the proxy could not reach the target.
      expect(nobody).toMatchObject({ code: 97, text: '' })
    } finally {
      expect(await proxy.stop()).toBe('')
    }
  })
})

describePeers(['sshd', 'xvfb', 'xauth', 'xdpyinfo'], 'the X11 example with a real X server', () => {
  let sshd: Sshd
  let x: XServer

  beforeAll(async () => {
    sshd = await startSshd({ extra: ['X11Forwarding yes', 'X11UseLocalhost yes'] })
    // The example hands its own random cookie to the X server, which therefore must not ask for one.
    x = await startXServer({ anybody: true })
  })
  afterAll(async () => {
    await x?.stop()
    await sshd.stop()
  })

  test.each(both)('an X client on the server talks with the X server here, with %s', async (module) => {
    const seen = join(temporaryFolder('x11'), 'seen')
    const command = `(xdpyinfo; echo "code $? display $DISPLAY") > ${seen} 2>&1`
    const before = x.connections()
    const program = startProgram(module, 'x11', [loginTo(sshd), String(x.port), command])
    const text = (): string => (existsSync(seen) ? readFileSync(seen, 'utf8') : '')
    // The display that sshd made, not the one that is here.
    await expect.poll(text, { timeout: 20_000 }).toMatch(/\ncode 0 display localhost:1\d\.0\n$/)
    expect(text()).toContain('vendor string:    The X.Org Foundation')
    expect(text()).toMatch(/dimensions: {4}640x480 pixels/)
    expect(x.connections() - before).toBe(1)
    // As documented the example reads no output, so that the stream's 'end' never comes: it would stay for good.
    expect(await program.stop()).toMatchObject({ stderr: '', text: '' })
  })

  test.each(both)('a server without X11 forwarding: the example says so, with %s', async (module) => {
    await using without = await startSshd({ extra: ['X11Forwarding no'] })
    const result = await runProgram(module, 'x11', [loginTo(without), String(x.port), 'xdpyinfo'])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Unable to request X11')
  })
})
