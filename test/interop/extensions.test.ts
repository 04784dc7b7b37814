/** OpenSSH's extensions by their names: what the real ssh logs about our server, and the real sshd about our client. */

import { generateKey, type PrivateKey } from '@hawser/keys'
import { authorizedKeys, type PublicKeyAttempt } from '@hawser/server'
import { type Listener, type ListenOptions, listen, spawnProcess } from '@hawser/server/node'
import { runSsh, type Sshd, type SshOptions, sharedKeyFile, startSshd } from '@hawser/testing'
import { describePeers } from '@hawser/testing/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, publicLine, userKey } from './kit.ts'

const hostKey: PrivateKey = await generateKey('ed25519')
const identity = sharedKeyFile('ed25519', 'user')
const keys = authorizedKeys((user) => (user === 'ada' ? identity.publicLine : undefined))

describePeers(['ssh'], 'ssh -vvv against our server', () => {
  let server: Listener
  const attempts: PublicKeyAttempt[] = []
  beforeAll(async () => {
    server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: {
        publickey: (attempt) => {
          attempts.push(attempt)
          return keys(attempt)
        },
      },
      onSession: (session) => {
        session.onExec((request) => spawnProcess(request.accept(), { shellCommand: request.command }))
      },
    } as ListenOptions)
  })
  afterAll(() => server?.close())

  const ssh = (o: Partial<SshOptions> = {}) =>
    runSsh({
      port: server.port,
      user: 'ada',
      identities: [identity.path],
      knownHosts: [`[127.0.0.1]:${server.port} ${publicLine(hostKey.publicKey)}`],
      flags: ['-vvv'],
      command: 'exit 3',
      ...o,
    })

  test('publickey-hostbound-v00@openssh.com, announced by EXT_INFO, and used', async () => {
    const { code, stderr } = await ssh()
    expect(code).toBe(3)
    expect(stderr).toContain('publickey-hostbound@openssh.com=<0>')
    expect(stderr).toContain('publickey-hostbound-v00@openssh.com')
    expect(stderr).toContain('kex_input_ext_info: server-sig-algs=<')
    expect(stderr).toContain('ping@openssh.com')
    expect(attempts.at(-1)).toMatchObject({ verified: true, hostbound: true })
  })

  test('a client that does not want it logs in unbound', async () => {
    const { code } = await ssh({ options: ['PubkeyAuthentication=unbound'] })
    expect(code).toBe(3)
    expect(attempts.at(-1)).toMatchObject({ verified: true, hostbound: false })
  })
})

describePeers(['sshd'], 'sshd -ddd about our client', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({
      hostKeys: ['ed25519'],
      authorizedKeys: [publicLine(userKey.publicKey)],
      logLevel: 'DEBUG3',
    })
  })
  afterAll(() => sshd?.stop())

  test('publickey-hostbound-v00@openssh.com', async () => {
    const client = await clientOf(sshd)
    await client.close()
    expect(sshd.log()).toContain('method publickey-hostbound-v00@openssh.com')
    expect(sshd.log()).toContain('Accepted publickey for')
  })
})
