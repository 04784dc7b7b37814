import { fingerprint, formatKnownHost, generateKey, issueCertificate, type PublicKey } from '@hawser/keys'
import { expect, test } from 'vitest'
import {
  type HostKeyPolicy,
  type HostKeyQuestion,
  HostKeyRejectedError,
  hostKeyVerifier,
} from './host-key.ts'

const target = { host: 'Example.net', port: 2222 }
const [authority, host] = await Promise.all([generateKey('ed25519'), generateKey('ed25519')])
const good = await certified(['example.net'])
const elsewhere = await certified(['other.example'])
const trusting = `@cert-authority ${formatKnownHost(target.host, target.port, authority.publicKey)}`
const plain = formatKnownHost(target.host, target.port, host.publicKey)

async function certified(principals: readonly string[]): Promise<PublicKey> {
  const request = { kind: 'host', key: host.publicKey, keyId: 'host', principals } as const
  return (await issueCertificate(request, authority)).publicKey
}

async function verdict(policy: HostKeyPolicy, key: PublicKey): Promise<unknown> {
  const algorithm = 'ssh-ed25519-cert-v01@openssh.com'
  try {
    return await hostKeyVerifier(policy, target)({ key, algorithm, first: true, changed: false })
  } catch (error) {
    expect(error).toBeInstanceOf(HostKeyRejectedError)
    expect(error).toMatchObject({ fingerprint: fingerprint(host.publicKey) })
    return (error as HostKeyRejectedError).reason
  }
}

test('a certificate of an authority of the host is trusted, whatever the case of its name', async () => {
  expect(await verdict({ knownHosts: trusting }, good)).toBe(true)
})

test.each<[string, string, PublicKey, unknown]>([
  ['for another name', trusting, elsewhere, 'certificate'],
  ['for another name, its key known', `${trusting}\n${plain}`, elsewhere, true],
  ['without an authority', '', good, 'unknown'],
  ['without an authority, its key known', plain, good, true],
  [
    'with its authority as a plain key',
    formatKnownHost('example.net', 2222, authority.publicKey),
    good,
    'changed',
  ],
  ['with its key revoked', `${trusting}\n@revoked ${plain}`, good, 'revoked'],
  [
    'with its authority revoked, its key known',
    `${trusting}\n${plain}\n@revoked ${formatKnownHost('example.net', 2222, authority.publicKey)}`,
    good,
    'revoked',
  ],
])('%s', async (_, knownHosts, key, expected) => {
  expect(await verdict({ knownHosts }, key)).toBe(expected)
})

test('unknown hosts are asked about by their key, and a certificate that is wrong is not asked about', async () => {
  const asked: HostKeyQuestion[] = []
  const acceptNew = (question: HostKeyQuestion): boolean => asked.push(question) > 0
  expect(await verdict({ knownHosts: '', acceptNew }, good)).toBe(true)
  expect(asked).toMatchObject([{ key: { type: 'ssh-ed25519' }, certificate: { keyId: 'host' } }])
  expect(await verdict({ knownHosts: trusting, acceptNew }, elsewhere)).toBe('certificate')
  expect(asked).toHaveLength(1)
})

test('fingerprints and keys count for what is certified', async () => {
  expect(await verdict({ fingerprints: [fingerprint(host.publicKey)] }, good)).toBe(true)
  expect(await verdict({ keys: [host.publicKey] }, good)).toBe(true)
  expect(await verdict({ keys: [good] }, good)).toBe(true)
  expect(await verdict({ keys: [elsewhere] }, good)).toBe('refused')
})
