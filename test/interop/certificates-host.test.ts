/** Host certificates in both directions: ours before ssh, sshd's before us; made by ssh-keygen and by us; each constraint. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type HostKeyPolicy, HostKeyRejectedError } from '@hawser/client'
import {
  type Certificate,
  type CertificateRequest,
  fingerprint,
  formatPublicKey,
  issueCertificate,
  parseCertificate,
  parsePrivateKey,
  parseRevocationList,
} from '@hawser/keys'
import { listen, spawnProcess } from '@hawser/server/node'
import {
  type KeyFile,
  type KeyFileType,
  makeKeyFile,
  runNow,
  runSsh,
  type Sshd,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { describe, expect, test } from 'vitest'
import { keyOf, publicLine, userKey } from './kit.ts'

const authority = makeKeyFile('ed25519')
const stranger = makeKeyFile('ed25519')
const folder = temporaryFolder('host-certificates')
let made = 0

/** A certificate by `ssh-keygen -s -h`, as a file and read. */
function byKeygen(
  key: KeyFile,
  args: readonly string[],
  by: KeyFile = authority,
): { path: string; certificate: Certificate } {
  const path = join(folder, `host-${made++}`)
  writeFileSync(`${path}.pub`, `${key.publicLine}\n`)
  runNow('ssh-keygen', ['-q', '-s', by.path, '-I', `host ${made}`, '-h', ...args, `${path}.pub`])
  return { path: `${path}-cert.pub`, certificate: parseCertificate(readFileSync(`${path}-cert.pub`, 'utf8')) }
}

/** One that we issue. */
function byUs(key: KeyFile, changes: Partial<CertificateRequest> = {}): Promise<Certificate> {
  return issueCertificate(
    { kind: 'host', key: keyOf(key.publicLine), keyId: 'ours', principals: ['127.0.0.1'], ...changes },
    parsePrivateKey(authority.privateText),
  )
}

const trusting = (key = authority, hosts = '[127.0.0.1]:*'): string =>
  `@cert-authority ${hosts} ${key.publicLine}`

describePeers(['sshd'], 'host certificates of sshd', () => {
  async function withSshd<T>(
    certificates: readonly string[],
    then: (sshd: Sshd) => Promise<T>,
    hostKeys: readonly KeyFileType[] = ['ed25519'],
  ): Promise<T> {
    const sshd = await startSshd({
      hostKeys,
      extra: certificates.map((path) => `HostCertificate ${path}`),
      authorizedKeys: [publicLine(userKey.publicKey)],
    })
    try {
      return await then(sshd)
    } finally {
      await sshd.stop()
    }
  }
  const enter = (sshd: Sshd, hostKey: HostKeyPolicy, more = {}) =>
    connect({
      host: sshd.host,
      port: sshd.port,
      user: sshd.user,
      auth: [{ method: 'publickey', signer: userKey }],
      hostKey,
      ...more,
    })
  const hostKeyOf = async (type: KeyFileType): Promise<KeyFile> =>
    withSshd([], async (sshd) => sshd.hostKeys.get(type) as KeyFile, [type])

  test.each([
    ['ed25519', 'ssh-ed25519-cert-v01@openssh.com'],
    ['ecdsa-384', 'ecdsa-sha2-nistp384-cert-v01@openssh.com'],
    ['rsa-3072', 'rsa-sha2-512-cert-v01@openssh.com'],
  ] as const)('%s is trusted by its authority, at rekeys too', async (type, algorithm) => {
    const key = await hostKeyOf(type)
    const { path } = byKeygen(key, ['-n', '127.0.0.1'])
    await withSshd(
      [path],
      async (sshd) => {
        await using client = await enter(sshd, { knownHosts: trusting() })
        expect(client.security.hostKeyAlgorithm).toBe(algorithm)
        expect(client.security.hostKeyFingerprint).toBe(fingerprint(keyOf(key.publicLine)))
        const first = client.security
        await client.rekey()
        expect(client.security.hostKeyAlgorithm).toBe(first.hostKeyAlgorithm)
        expect((await (await client.exec('echo in')).text()).stdout).toBe('in\n')
      },
      [type],
    )
  })

  describe('what is refused', () => {
    const reasonOf = async (
      args: readonly string[],
      knownHosts: (sshd: Sshd, key: KeyFile) => string = () => trusting(),
      more: Partial<Extract<HostKeyPolicy, { readonly knownHosts: unknown }>> = {},
      by: KeyFile = authority,
    ): Promise<unknown> => {
      const key = await hostKeyOf('ed25519')
      const { path } = byKeygen(key, args, by)
      return withSshd([path], async (sshd) => {
        try {
          const client = await enter(sshd, { knownHosts: knownHosts(sshd, key), ...more })
          await client.close()
          return 'trusted'
        } catch (error) {
          expect(error).toBeInstanceOf(HostKeyRejectedError)
          return (error as HostKeyRejectedError).reason
        }
      })
    }
    const good = ['-n', '127.0.0.1']

    test.each<[string, readonly string[], unknown]>([
      ['for this name', good, 'trusted'],
      ['for this name among others', ['-n', 'a.example,127.0.0.1'], 'trusted'],
      ['for every name', [], 'trusted'],
      ['for another name', ['-n', 'other.example'], 'certificate'],
      ['that is over', [...good, '-V', '-2d:-1d'], 'certificate'],
      ['that has not begun', [...good, '-V', '+1d:+2d'], 'certificate'],
      ['with a time that is now', [...good, '-V', '-1d:+1d'], 'trusted'],
      ['with a critical option', [...good, '-O', 'critical:new@example.net=1'], 'certificate'],
      ['with an extension', [...good, '-O', 'extension:new@example.net=1'], 'trusted'],
    ])('one %s', async (_, args, expected) => {
      expect(await reasonOf(args)).toBe(expected)
    })

    test('one of another authority', async () => {
      expect(await reasonOf(good, undefined, {}, stranger)).toBe('certificate')
    })

    test('an authority of other hosts: the plain key counts', async () => {
      const elsewhere = trusting(authority, 'other.example')
      expect(await reasonOf(good, () => elsewhere)).toBe('unknown')
      expect(
        await reasonOf(good, (sshd, key) => `${elsewhere}\n[127.0.0.1]:${sshd.port} ${key.publicLine}`),
      ).toBe('trusted')
    })

    test('revoked: the key, the authority, the certificate by a list', async () => {
      const revoking = (line: string) => () => `${trusting()}\n@revoked * ${line}`
      const key = await hostKeyOf('ed25519')
      expect(await reasonOf(good, revoking(key.publicLine))).toBe('revoked')
      // Nobody is left to sign for the host, so that certificates are not asked for.
      expect(await reasonOf(good, revoking(authority.publicLine))).toBe('unknown')
      const list = join(folder, 'krl')
      writeFileSync(join(folder, 'serials'), 'serial: 7\n')
      runNow('ssh-keygen', ['-q', '-k', '-f', list, '-s', `${authority.path}.pub`, join(folder, 'serials')])
      const revoked = parseRevocationList(readFileSync(list))
      expect(await reasonOf([...good, '-z', '7'], undefined, { revoked })).toBe('revoked')
      expect(await reasonOf([...good, '-z', '8'], undefined, { revoked })).toBe('trusted')
    })

    test('a bad certificate falls back to a known key only, and nobody is asked', async () => {
      const over = [...good, '-V', '-2d:-1d']
      const acceptNew = () => {
        throw new Error('asked')
      }
      expect(await reasonOf(over, undefined, { acceptNew })).toBe('certificate')
      expect(
        await reasonOf(over, (sshd, key) => `${trusting()}\n[127.0.0.1]:${sshd.port} ${key.publicLine}`),
      ).toBe('trusted')
    })
  })

  test('a server without certificates is trusted by its key, and unknown without', async () => {
    await withSshd([], async (sshd) => {
      const line = `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.get('ed25519')?.publicLine}`
      await using client = await enter(sshd, { knownHosts: `${trusting()}\n${line}` })
      expect(client.security.hostKeyAlgorithm).toBe('ssh-ed25519')
      await expect(enter(sshd, { knownHosts: trusting() })).rejects.toMatchObject({ reason: 'unknown' })
    })
  })

  test('one that we issued is trusted, under an alias for the host', async () => {
    const key = await hostKeyOf('ed25519')
    const path = join(folder, 'ours-cert.pub')
    const certificate = await byUs(key, { principals: ['box'] })
    writeFileSync(path, `${formatPublicKey(certificate.publicKey)}\n`)
    await withSshd([path], async (sshd) => {
      const knownHosts = trusting(authority, 'box')
      await using client = await enter(sshd, { knownHosts }, { hostKeyAlias: 'box' })
      expect(client.security.hostKeyAlgorithm).toBe('ssh-ed25519-cert-v01@openssh.com')
      await expect(enter(sshd, { knownHosts })).rejects.toMatchObject({ reason: 'unknown' })
    })
  })
})

describePeers(['ssh'], 'host certificates of our server', () => {
  async function ask(
    key: KeyFile,
    certificate: Certificate,
    knownHosts: (port: number) => string[] = () => [trusting()],
    options: readonly string[] = [],
  ): Promise<{ ok: boolean; stderr: string }> {
    await using server = await listen({
      port: 0,
      hostKeys: [{ key: parsePrivateKey(key.privateText), certificate }],
      auth: { none: () => true },
      onSession: (session) =>
        session.onExec((request) => spawnProcess(request.accept(), { shellCommand: request.command })),
    })
    const result = await runSsh({
      port: server.port,
      knownHosts: knownHosts(server.port),
      options: ['LogLevel=DEBUG1', ...options],
      command: 'head -c 3000000 /dev/zero',
    })
    return { ok: result.text.length === 3_000_000, stderr: result.stderr }
  }

  test.each([
    ['ed25519', 'ssh-ed25519-cert-v01@openssh.com'],
    ['ecdsa-256', 'ecdsa-sha2-nistp256-cert-v01@openssh.com'],
    ['ecdsa-521', 'ecdsa-sha2-nistp521-cert-v01@openssh.com'],
    ['rsa-3072', 'rsa-sha2-512-cert-v01@openssh.com'],
  ] as const)('%s is trusted by its authority, at rekeys too', async (type, algorithm) => {
    const key = makeKeyFile(type)
    const { certificate } = byKeygen(key, ['-n', '127.0.0.1'])
    const { ok, stderr } = await ask(key, certificate, undefined, ['RekeyLimit=1M'])
    expect(ok, stderr).toBe(true)
    expect(stderr).toContain(`host key algorithm: ${algorithm}`)
    expect(stderr.match(/SSH2_MSG_KEXINIT sent/g)?.length).toBeGreaterThan(1)
  })

  test.each<[string, Partial<CertificateRequest>, boolean]>([
    ['for this name', {}, true],
    ['for every name', { principals: [] }, true],
    ['for another name', { principals: ['other.example'] }, false],
    ['that is over', { validBefore: new Date('2020-01-01') }, false],
    ['that has not begun', { validAfter: new Date('2100-01-01') }, false],
    ['with a critical option', { criticalOptions: [{ name: 'new@example.net' }] }, false],
    ['for users', { kind: 'user' }, false],
  ])('one that we issued %s', async (_, changes, expected) => {
    const key = makeKeyFile('ed25519')
    const certificate = await byUs(key, changes)
    if (certificate.kind === 'user') {
      await expect(ask(key, certificate)).rejects.toThrow(/must be one for hosts/)
      return
    }
    const { ok, stderr } = await ask(key, certificate)
    expect(ok, stderr).toBe(expected)
    if (!expected) expect(stderr).toMatch(/Host key verification failed/)
  })

  test('whoever knows no authority is shown the key, and goes by it', async () => {
    const key = makeKeyFile('ed25519')
    const certificate = await byUs(key)
    const plain = await ask(key, certificate, (port) => [`[127.0.0.1]:${port} ${key.publicLine}`])
    expect(plain.ok, plain.stderr).toBe(true)
    expect(plain.stderr).toContain('host key algorithm: ssh-ed25519')
    expect((await ask(key, certificate, () => [trusting(stranger)])).ok).toBe(false)
  })

  test('revoked by ssh’s known_hosts', async () => {
    const key = makeKeyFile('ed25519')
    const certificate = await byUs(key)
    for (const line of [key.publicLine, authority.publicLine])
      expect((await ask(key, certificate, () => [trusting(), `@revoked * ${line}`])).ok).toBe(false)
  })

  test('the certificate of another key is refused at the door', async () => {
    const certificate = await byUs(makeKeyFile('ed25519'))
    await expect(ask(makeKeyFile('ed25519'), certificate)).rejects.toThrow(/another key/)
  })

  test('UpdateHostKeys: only keys are announced, and proved under a certificate', async () => {
    const key = makeKeyFile('rsa-3072')
    const file = join(folder, 'updated')
    writeFileSync(file, '')
    const { ok, stderr } = await ask(key, await byUs(key), undefined, ['UpdateHostKeys=yes'])
    expect(ok, stderr).toBe(true)
    expect(stderr).not.toMatch(/bad signature|incorrect signature|invalid/i)
  })

  test('our client at our server: trusted by its authority, and at a rekey', async () => {
    const key = makeKeyFile('rsa-3072')
    await using server = await listen({
      port: 0,
      hostKeys: [{ key: parsePrivateKey(key.privateText), certificate: await byUs(key) }],
      auth: { none: () => true },
    })
    const options = { host: '127.0.0.1', port: server.port, user: 'ada', auth: [] }
    await using client = await connect({ ...options, hostKey: { knownHosts: trusting() } })
    expect(client.security.hostKeyAlgorithm).toBe('rsa-sha2-512-cert-v01@openssh.com')
    await client.rekey()
    const { hostKeyFingerprint } = client.security
    expect(hostKeyFingerprint).toBe(fingerprint(keyOf(key.publicLine)))
    await expect(connect({ ...options, hostKey: { knownHosts: trusting(stranger) } })).rejects.toMatchObject({
      reason: 'certificate',
      fingerprint: hostKeyFingerprint,
    })
  })
})
