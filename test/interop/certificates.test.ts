/** Certificates of ours at a real sshd, and a host certificate of ours before a real ssh. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAgent, Keyring } from '@hawser/agent'
import { agentAt, listenAgent } from '@hawser/agent/node'
import {
  type Certificate,
  type CertificateRequest,
  certificateSigner,
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  issueCertificate,
  type KeyType,
  type PrivateKey,
  parseCertificate,
  parsePrivateKey,
} from '@hawser/keys'
import {
  type KeyFileType,
  makeKeyFile,
  removeFolder,
  runNow,
  runSsh,
  type Sshd,
  sharedKeyFile,
  startSshd,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, sshAdd, startAgent } from './agent-kit.ts'
import { clientOf, keyOf } from './kit.ts'

const userTypes: readonly [KeyType, number | undefined][] = [
  ['ed25519', undefined],
  ['ecdsa', 256],
  ['ecdsa', 521],
  ['rsa', 2048],
]

describePeers(['sshd', 'ssh'], 'certificates', () => {
  let folder: string
  let authority: PrivateKey
  let revoked: string
  let sshd: Sshd
  let hostCertificate: Certificate

  beforeAll(async () => {
    folder = temporaryFolder('certificates')
    authority = await generateKey('ed25519', { comment: 'authority' })
    const trusted = join(folder, 'authority.pub')
    revoked = join(folder, 'revoked')
    writeFileSync(revoked, '')
    writeFileSync(trusted, `${formatPublicKey(authority.publicKey)}\n`)
    const host = sharedKeyFile('ed25519', 'host')
    hostCertificate = await issueCertificate(
      { kind: 'host', key: keyOf(host.publicLine), keyId: 'test host', principals: ['127.0.0.1'] },
      authority,
    )
    const hostFile = join(folder, 'host-cert.pub')
    writeFileSync(hostFile, `${formatPublicKey(hostCertificate.publicKey)}\n`)
    sshd = await startSshd({
      hostKeys: ['ed25519'],
      extra: [`TrustedUserCAKeys ${trusted}`, `HostCertificate ${hostFile}`, `RevokedKeys ${revoked}`],
    })
  })
  afterAll(async () => {
    await sshd?.stop()
    removeFolder(folder)
  })

  /** A certificate that sshd takes, but for what `changes` says. */
  function issue(key: PrivateKey, changes: Partial<CertificateRequest> = {}): Promise<Certificate> {
    return issueCertificate(
      { kind: 'user', key: key.publicKey, keyId: 'test user', principals: [sshd.user], ...changes },
      authority,
    )
  }

  test.each(userTypes)(
    '%s %s logs in with a certificate and no line in authorized_keys',
    async (type, bits) => {
      const key = await generateKey(type, bits === undefined ? {} : { bits })
      const certificate = await issue(key, { serial: 5, keyId: `test ${type}` })
      const signer = certificateSigner(key, certificate)
      const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
      try {
        const { stdout } = await (await client.exec('echo in')).text()
        expect(stdout).toBe('in\n')
        expect(sshd.log()).toContain(`ID test ${type} (serial 5) CA ED25519`)
      } finally {
        await client.close()
      }
    },
  )

  test('a forced command runs in place of the one asked for', async () => {
    const key = await generateKey('ed25519')
    const signer = certificateSigner(key, await issue(key, { forceCommand: 'echo forced' }))
    const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
    try {
      expect((await (await client.exec('echo asked')).text()).stdout).toBe('forced\n')
    } finally {
      await client.close()
    }
  })

  describe('sshd refuses', () => {
    test.each<[string, Partial<CertificateRequest>]>([
      ['one that has expired', { validBefore: new Date('2020-01-01') }],
      ['one that has not begun', { validAfter: new Date('2100-01-01') }],
      ['one for other people', { principals: ['somebody-else'] }],
      ['one for nobody', { principals: [] }],
      ['one for hosts', { kind: 'host' }],
      ['one for another place', { sourceAddress: ['192.0.2.1'] }],
      [
        'one with a critical option that it does not know',
        { criticalOptions: [{ name: 'new@example.com' }] },
      ],
    ])('%s', async (_, changes) => {
      const key = await generateKey('ed25519')
      const signer = certificateSigner(key, await issue(key, changes))
      await expect(clientOf(sshd, { auth: [{ method: 'publickey', signer }] })).rejects.toMatchObject({
        code: 'SSH_AUTHENTICATION_FAILED',
      })
    })
  })

  test('one for this place and time lets in; sshd refuses it once it is revoked', async () => {
    const key = await generateKey('ed25519')
    const certificate = await issue(key, {
      serial: 77,
      sourceAddress: ['127.0.0.0/8', '::1'],
      validAfter: new Date('2020-01-01'),
      validBefore: new Date('2100-01-01'),
    })
    const auth = [{ method: 'publickey' as const, signer: certificateSigner(key, certificate) }]
    await (await clientOf(sshd, { auth })).close()
    const list = join(folder, 'list')
    writeFileSync(list, 'serial: 77\n')
    runNow('ssh-keygen', ['-q', '-k', '-f', revoked, '-s', join(folder, 'authority.pub'), list])
    await expect(clientOf(sshd, { auth })).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
    const other = certificateSigner(key, await issue(key, { serial: 78 }))
    await (await clientOf(sshd, { auth: [{ method: 'publickey', signer: other }] })).close()
  })

  describe('made by ssh-keygen, presented by us', () => {
    const path = (): string => join(folder, 'authority')
    const enter = async (args: readonly string[], type: KeyFileType = 'ed25519'): Promise<string> => {
      writeFileSync(path(), formatPrivateKey(authority), { mode: 0o600 })
      const key = makeKeyFile(type)
      runNow('ssh-keygen', ['-q', '-s', path(), '-I', 'theirs', ...args, `${key.path}.pub`])
      const certificate = parseCertificate(readFileSync(`${key.path}-cert.pub`, 'utf8'))
      const signer = certificateSigner(parsePrivateKey(key.privateText), certificate)
      const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
      try {
        return (await (await client.exec('echo in')).text()).stdout
      } finally {
        await client.close()
      }
    }

    test.each<KeyFileType>(['ed25519', 'ecdsa-384', 'rsa-3072'])('for a key of type %s', async (type) => {
      expect(await enter(['-n', sshd.user], type)).toBe('in\n')
    })

    test.each<[string, readonly string[], string | undefined]>([
      ['for these days', ['-V', '-1d:+1d'], 'in\n'],
      ['for days that are over', ['-V', '-2d:-1d'], undefined],
      ['for days to come', ['-V', '+1d:+2d'], undefined],
      ['for this place', ['-O', 'source-address=127.0.0.1/32'], 'in\n'],
      ['for another place', ['-O', 'source-address=10.0.0.0/8'], undefined],
      ['with a command', ['-O', 'force-command=echo forced'], 'forced\n'],
      ['with an unknown critical option', ['-O', 'critical:new@example.net=1'], undefined],
      ['with an unknown extension', ['-O', 'extension:new@example.net=1'], 'in\n'],
      ['for other people', ['-n', 'somebody-else'], undefined],
      ['for hosts', ['-h'], undefined],
    ])('%s', async (_, args, expected) => {
      const whole = args.includes('-n') ? args : ['-n', sshd.user, ...args]
      if (expected === undefined)
        await expect(enter(whole)).rejects.toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
      else expect(await enter(whole)).toBe(expected)
    })
  })

  test('ssh trusts a host by our certificate for it, and one of another name not', async () => {
    const user = sharedKeyFile('ed25519', 'user')
    const line = (hosts: string): string => `@cert-authority ${hosts} ${formatPublicKey(authority.publicKey)}`
    const options = { port: sshd.port, identities: [user.path], command: 'echo in' }
    const known = await runSsh({ ...options, knownHosts: [line(`[127.0.0.1]:${sshd.port}`)] })
    expect(known, known.stderr).toMatchObject({ code: 0, text: 'in\n' })
    const unknown = await runSsh({ ...options, knownHosts: [line('other.example')] })
    expect(unknown.code).toBe(255)
  })

  test('ssh logs in with a certificate file that we wrote', async () => {
    const user = sharedKeyFile('ecdsa-384', 'user')
    const path = join(folder, 'user-cert.pub')
    const certificate = await issueCertificate(
      { kind: 'user', key: keyOf(user.publicLine), keyId: 'ssh', principals: [sshd.user] },
      authority,
    )
    writeFileSync(path, `${formatPublicKey(certificate.publicKey)}\n`)
    expect(parseCertificate(readFileSync(path, 'utf8')).keyId).toBe('ssh')
    const result = await runSsh({
      port: sshd.port,
      identities: [user.path],
      options: [`CertificateFile=${path}`],
      command: 'echo in',
    })
    expect(result).toMatchObject({ code: 0, text: 'in\n' })
  })

  describe.skipIf(!haveAgent)('through agents', () => {
    const types = ['ed25519', 'ecdsa-256', 'ecdsa-521', 'rsa-2048'] as const

    test.each(types)(
      'ssh-add gives ours a key of type %s with its certificate, and ssh logs in by it',
      async (type) => {
        const place = join(temporaryFolder('agent'), 'agent.sock')
        const keyring = new Keyring()
        const server = await listenAgent(place, keyring)
        try {
          const file = makeKeyFile(type)
          const certificate = await issueCertificate(
            { kind: 'user', key: keyOf(file.publicLine), keyId: 'agent', principals: [sshd.user] },
            authority,
          )
          // ssh-add takes the certificate beside the key.
          writeFileSync(`${file.path}-cert.pub`, `${formatPublicKey(certificate.publicKey)}\n`)
          expect(await sshAdd(place, ['-q', file.path])).toMatchObject({ code: 0, stderr: '' })
          const held = keyring.identities().map(({ publicKey }) => publicKey.type)
          expect(held).toEqual([certificate.key.type, certificate.publicKey.type])
          const result = await runSsh({
            port: sshd.port,
            options: [`IdentityAgent=${place}`, 'IdentitiesOnly=no', `CertificateFile=${file.path}-cert.pub`],
            command: 'echo in',
          })
          expect(result, result.stderr).toMatchObject({ code: 0, text: 'in\n' })
        } finally {
          server.close()
        }
      },
    )

    test.each(types)(
      'we give ssh-agent a key of type %s with its certificate, and log in by it',
      async (type) => {
        const agent = await startAgent([])
        try {
          const key = parsePrivateKey(makeKeyFile(type).privateText)
          const certificate = await issue(key)
          const client = connectAgent(await agentAt(agent.path).open())
          await client.add(certificateSigner(key, certificate))
          expect((await sshAdd(agent.path, ['-L'])).text).toContain(formatPublicKey(certificate.publicKey))
          const [signer] = await client.identities()
          if (signer === undefined) throw new Error('the agent has no key')
          const connection = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
          await connection.close()
          client.close()
        } finally {
          await agent.stop()
        }
      },
    )
  })
})
