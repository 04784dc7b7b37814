/** Host certificates in both directions: ours before ssh, sshd's before us; made by ssh-keygen and by us; each constraint. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type HostKeyPolicy } from '@hawser/client'
import {
  type Certificate,
  type CertificateRequest,
  fingerprint,
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
} from '@hawser/testing'
import { describePeers } from '@hawser/testing/vitest'
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
})
