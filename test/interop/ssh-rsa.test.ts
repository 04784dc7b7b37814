/** Host keys that sign by RSA with SHA-1: with OpenSSH both ways, and only where the algorithms name `ssh-rsa`. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from '@hawser/client'
import { generateKey, parsePrivateKey, parsePublicKey } from '@hawser/keys'
import { Client, type ConnectConfig, Server, type ServerConfig } from '@hawser/ssh2-compat'
import { runSsh, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'

const hostKey = sharedKeyFile('rsa-2048', 'host')

describePeers(['sshd'], 'our client and an sshd that has only ssh-rsa', () => {
  test.each([
    ['named', { serverHostKey: ['ssh-rsa'] }, 'ssh-rsa'],
    ['appended', { serverHostKey: { append: 'ssh-rsa' } }, 'ssh-rsa'],
    ['not named', {}, /no common algorithm for serverHostKey/],
  ])('%s', async (_, algorithms, expected) => {
    await using sshd = await startSshd({ hostKeys: ['rsa-2048'], hostKeyAlgorithms: ['ssh-rsa'] })
    const privateKey = sshd.userKeys.get('ed25519')?.privateText as string
    const client = new Client()
    const outcome = await new Promise<string>((resolve) => {
      let agreed = ''
      client
        .on('handshake', (n) => (agreed = n.serverHostKey))
        .on('ready', () => resolve(agreed))
        .on('error', (error) => resolve(error.message))
        .connect({
          host: sshd.host,
          port: sshd.port,
          username: sshd.user,
          privateKey,
          algorithms: algorithms as NonNullable<ConnectConfig['algorithms']>,
        })
    })
    client.end()
    expect(outcome).toMatch(expected)
  })
})

describePeers(
  ['sshd'],
  'our client and an sshd that takes RSA keys of users by one algorithm only, and announces others',
  () => {
    test.each(['rsa-sha2-256', 'rsa-sha2-512'])('%s', async (algorithm) => {
      await using sshd = await startSshd({ userKeys: ['rsa-3072'], publicKeyAlgorithms: [algorithm] })
      const signer = parsePrivateKey(sharedKeyFile('rsa-3072', 'user').privateText)
      const other = await generateKey('rsa')
      const used: string[] = []
      const watched = (key: typeof signer) => ({
        publicKey: key.publicKey,
        algorithms: key.algorithms,
        sign: (name: string, data: Uint8Array) => {
          used.push(name)
          return key.sign(name, data)
        },
      })
      await using client = await connect({
        host: sshd.host,
        port: sshd.port,
        user: sshd.user,
        auth: [signer, other].map((key) => ({ method: 'publickey', signer: watched(key) }) as const),
        hostKey: { keys: [...sshd.hostKeys.values()].map((key) => parsePublicKey(key.publicLine)) },
      })
      expect(client.security.postQuantum).toBe(true)
      expect(used).toEqual([algorithm])
    })
  },
)

describePeers(['ssh'], 'an ssh that takes only ssh-rsa and our server', () => {
  test.each([
    ['named', { serverHostKey: ['ssh-rsa'] }, 0],
    ['not named', {}, 255],
  ])('%s', async (_, algorithms, code) => {
    const config = {
      hostKeys: [hostKey.privateText],
      algorithms: algorithms as NonNullable<ServerConfig['algorithms']>,
    }
    const server = new Server(config, (connection) => {
      connection.on('error', () => undefined)
      connection.on('authentication', (ctx) => ctx.accept())
      connection.on('session', (accept) => {
        accept().on('exec', (take) => {
          const stream = take()
          stream.exit(0)
          stream.end()
        })
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const knownHosts = [`[127.0.0.1]:${port} ${hostKey.publicLine}`]
    const result = await runSsh({ port, knownHosts, hostKeyAlgorithms: ['ssh-rsa'], command: 'true' })
    expect(result.code, result.stderr).toBe(code)
    if (code !== 0) expect(result.stderr).toContain('no matching host key type found')
    server.close()
  })
})
