/** The documentation's example of the HTTP agent, and the same with TLS, against real web servers behind a real sshd. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer, get as getTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ConnectConfig, HTTPAgent, HTTPSAgent } from '@hawser/ssh2-compat'
import { type Sshd, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certificate } from './certificate.ts'

const headers = { Connection: 'close' }

async function answer(sent: NodeJS.EventEmitter): Promise<[status: number | undefined, text: string]> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return [response.statusCode, text]
}

describePeers(['sshd'], 'HTTP agents through sshd', () => {
  const tls = certificate()
  let sshd: Sshd
  let web: Server
  let tlsWeb: Server
  let config: ConnectConfig

  beforeAll(async () => {
    sshd = await startSshd()
    const privateKey = readFileSync(sshd.userKeys.get('ed25519')?.path as string)
    config = { host: sshd.host, port: sshd.port, username: sshd.user, privateKey }
    web = createServer((_request, response) => void response.end('plain')).listen(0, '127.0.0.1')
    tlsWeb = createTlsServer(tls, (_request, response) => void response.end('secret')).listen(0, '127.0.0.1')
    await Promise.all([once(web, 'listening'), once(tlsWeb, 'listening')])
  })
  afterAll(async () => {
    web.close()
    tlsWeb.close()
    await sshd.stop()
  })

  const at = (server: Server): { host: string; port: number } => ({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  })

  test('HTTPAgent', async () => {
    const agent = new HTTPAgent(config)
    expect(await answer(get({ ...at(web), agent, headers }))).toEqual([200, 'plain'])
    agent.destroy()
  })

  test('HTTPSAgent: TLS with the web server itself', async () => {
    const agent = new HTTPSAgent(config, { ca: tls.cert })
    expect(await answer(getTls({ ...at(tlsWeb), agent, headers }))).toEqual([200, 'secret'])
    agent.destroy()
  })

  test('HTTPSAgent: a certificate that nobody vouches for is refused', async () => {
    const agent = new HTTPSAgent(config)
    const [error] = (await once(getTls({ ...at(tlsWeb), agent, headers }), 'error')) as [Error]
    expect(error.message).toMatch(/self[- ]signed certificate/)
    agent.destroy()
  })
})
