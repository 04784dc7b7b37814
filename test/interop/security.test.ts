/** What protects connections: post-quantum by default and by policy, and what ssh-audit says of a server. */

import { connect } from '@hawser/client'
import { presets } from '@hawser/crypto'
import { parsePrivateKey, parsePublicKey } from '@hawser/keys'
import type { ServerOptions } from '@hawser/server'
import { type Listener, listen } from '@hawser/server/node'
import type { Security } from '@hawser/session'
import { findPeer, run, runSsh, type Sshd, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { PolicyError } from '@hawser/transport'
import { describe, expect, test } from 'vitest'

const hostTypes = ['ed25519', 'rsa-3072'] as const

function serve(options: Partial<ServerOptions> = {}, seen: Security[] = []): Promise<Listener> {
  return listen({
    port: 0,
    hostKeys: hostTypes.map((type) => parsePrivateKey(sharedKeyFile(type, 'host').privateText)),
    auth: { publickey: () => true },
    onReady: (connection) => void seen.push(connection.security),
    onSession: (session) => {
      session.onExec((exec) => void exec.accept().exit(0))
    },
    ...options,
  })
}

function login({ port, user, hostKeys }: Sshd, more: Partial<Parameters<typeof connect>[0]> = {}) {
  return connect({
    host: '127.0.0.1',
    port,
    user,
    auth: [{ method: 'publickey', signer: parsePrivateKey(sharedKeyFile('ed25519', 'user').privateText) }],
    hostKey: { keys: [...hostKeys.values()].map((key) => parsePublicKey(key.publicLine)) },
    ...more,
  })
}

describePeers(['sshd'], 'our client to sshd', () => {
  test('is post-quantum by default and by policy', async () => {
    await using sshd = await startSshd()
    for (const more of [{}, { policy: { requirePostQuantum: true } }]) {
      await using client = await login(sshd, more)
      expect(client.security).toMatchObject({ postQuantum: true, strictKex: true })
      expect(client.security.kex).toMatch(/mlkem|sntrup/)
    }
  })

  test('the policy refuses a server that has only curves, and names both lists', async () => {
    await using sshd = await startSshd({ kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'] })
    const refused = login(sshd, { policy: { requirePostQuantum: true } })
    await expect(refused).rejects.toBeInstanceOf(PolicyError)
    await expect(refused).rejects.toThrow(/we offer mlkem768x25519-sha256,.* offers curve25519-sha256,/)
    await using client = await login(sshd)
    expect(client.security.postQuantum).toBe(false)
  })
})

describePeers(['ssh'], 'ssh to our server', () => {
  const identity = (port: number) => ({
    port,
    user: 'joe',
    command: 'true',
    identities: [sharedKeyFile('ed25519', 'user').path],
  })

  test('is post-quantum by default, in what ssh -vv says and in what we say', async () => {
    const seen: Security[] = []
    await using server = await serve({}, seen)
    const { code, stderr } = await runSsh({ ...identity(server.port), flags: ['-vv'] })
    expect([code, stderr.match(/kex: algorithm: (\S+)/)?.[1]]).toEqual([0, seen[0]?.kex])
    expect(seen[0]).toMatchObject({
      postQuantum: true,
      hostKeyFingerprint: expect.stringMatching(/^SHA256:/),
    })
    expect(stderr).toContain('peer server KEXINIT proposal')
    expect(stderr).toContain(`KEX algorithms: ${presets.modern.kex.join(',')},`)
  })

  test('the policy refuses a client that has only curves', async () => {
    await using server = await serve({ policy: { requirePostQuantum: true } })
    const result = await runSsh({ ...identity(server.port), kex: ['curve25519-sha256'] })
    expect(result.code).toBe(255)
    expect(result.stderr).toMatch(/no matching key exchange method|the policy requires a post-quantum/)
    expect((await runSsh(identity(server.port))).code).toBe(0)
  })
})

describePeers(['ssh-audit'], 'ssh-audit', () => {
  /** Newer than the version of Debian 12, which warns of what it does not know, and of sntrup761 while it was new. */
  const tooNew =
    /^\(kex\) (mlkem768x25519-sha256|sntrup761x25519-sha512|kex-strict-s-v00@openssh\.com) +-- \[warn\] unknown algorithm$|^\(kex\) sntrup761x25519-sha512@openssh\.com +-- \[warn\] using experimental algorithm$/

  async function audit(options: Partial<ServerOptions>): Promise<readonly string[]> {
    await using server = await serve(options)
    const program = findPeer('ssh-audit')?.path as string
    const { stdout } = await run(program, ['-n', '-p', String(server.port), '127.0.0.1'])
    expect(stdout.toString()).toContain('(kex) mlkem768x25519-sha256')
    return stdout
      .toString()
      .split('\n')
      .filter((line) => /\[(warn|fail)\]/.test(line))
  }

  describe('against our server', () => {
    test('with its defaults: no fail, and no warning but of what is newer than itself', async () => {
      expect((await audit({})).filter((line) => !tooNew.test(line))).toEqual([])
    })

    test('with the preset legacy: what it objects to is there, last', async () => {
      const lines = await audit({ algorithms: presets.legacy })
      expect(lines.join('\n')).toMatch(/\[fail\]/)
      expect(presets.legacy.kex.at(-1)).toBe('diffie-hellman-group1-sha1')
    })
  })
})
