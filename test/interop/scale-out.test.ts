/** Many processes behind one port: node:cluster by the example, and HAProxy with the PROXY protocol. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acceptAnyHostKey, connect } from '@hawser/client'
import { generateKey, parsePrivateKey } from '@hawser/keys'
import { type Listener, listen } from '@hawser/server/node'
import { freePort, sharedKeyFile, start, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'

const example = new URL('../../examples/cluster.mjs', import.meta.url).pathname

describePeers(['ssh-keygen'], 'node:cluster', () => {
  test('two processes of the example share one port and one host key', async () => {
    const [host, user] = [sharedKeyFile('ed25519', 'host'), sharedKeyFile('ed25519')]
    const port = await freePort()
    const running = start(process.execPath, [
      ...['--conditions=@hawser/source', '--import', 'tsx', example, String(port)],
      ...[host.path, `${user.path}.pub`, '2'],
    ])
    let said = ''
    await new Promise<void>((resolve, reject) => {
      running.child.stdout.on('data', (text: Buffer) => {
        said += text.toString()
        if (said.split(' serves port ').length === 3) resolve()
      })
      running.done.then(({ stderr }) => reject(new Error(stderr)), reject)
    })
    const signer = parsePrivateKey(user.privateText)
    const heard = new Set<string>()
    for (let count = 0; count < 4; count++) {
      const client = await connect({
        host: '127.0.0.1',
        port,
        user: 'ada',
        auth: [{ method: 'publickey', signer }],
        hostKey: { keys: [parsePrivateKey(host.privateText).publicKey] },
      })
      heard.add((await (await client.exec('x')).text()).stdout)
      await client.close()
    }
    await running.stop()
    expect(heard.size).toBe(2)
  })
})

describePeers(['haproxy'], 'behind HAProxy', () => {
  test.each(['send-proxy', 'send-proxy-v2'])('%s: servers see the client’s own address', async (how) => {
    const seen: unknown[] = []
    const hostKey = await generateKey('ed25519')
    const serving = (): Promise<Listener> =>
      listen({
        port: 0,
        hostKeys: [hostKey],
        auth: { none: () => true },
        proxyProtocol: { from: ['127.0.0.1'] },
        onReady: ({ remote }) => void seen.push([remote.remoteAddress, remote.remotePort, remote.localPort]),
      })
    const servers = await Promise.all([serving(), serving()])
    const port = await freePort()
    const file = join(temporaryFolder('haproxy'), 'haproxy.cfg')
    writeFileSync(
      file,
      [
        'defaults',
        '  mode tcp',
        '  timeout connect 5s',
        '  timeout client 60s',
        '  timeout server 60s',
        'listen ssh',
        `  bind 127.0.0.1:${port}`,
        '  balance roundrobin',
        ...servers.map((server, at) => `  server s${at} 127.0.0.1:${server.port} ${how}`),
        '',
      ].join('\n'),
    )
    const haproxy = start('haproxy', ['-db', '-f', file])
    const expected: unknown[] = []
    for (let count = 0; count < 4; count++) {
      const client = await connected(port)
      expected.push(client.local)
      await client.close()
    }
    expect(seen).toEqual(expected)
    await haproxy.stop()
    await Promise.all(servers.map((server) => server.close()))
  })
})

/** A login through the proxy, as soon as that listens, and what it is locally. */
async function connected(port: number): Promise<{ local: unknown[]; close(): Promise<void> }> {
  const local: unknown[] = []
  for (let left = 100; ; left--)
    try {
      const client = await connect({
        host: '127.0.0.1',
        port,
        user: 'ada',
        auth: [],
        hostKey: acceptAnyHostKey,
        hooks: { connected: (pipe) => void local.push(pipe.localAddress, pipe.localPort, pipe.remotePort) },
      })
      return { local, close: () => client.close() }
    } catch (error) {
      if (left === 0 || (error as { code?: string }).code !== 'SSH_CONNECT_FAILED') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}
