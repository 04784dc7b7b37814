/** Keys that stay where they are: WebCrypto and services log in to sshd and prove hosts to ssh as keys in memory do. */

import {
  createSigner,
  cryptoKeySigner,
  formatPrivateKey,
  generateKey,
  type PrivateKey,
  parsePrivateKey,
  privateKeyToCryptoKey,
  type Signer,
} from '@hawser/keys'
import { authorizedKeys } from '@hawser/server'
import { listen, spawnProcess } from '@hawser/server/node'
import { runSsh, type Sshd, sharedKeyFile, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, publicLine } from './kit.ts'

const kinds = ['ed25519', 'ecdsa', 'rsa'] as const
const keys = new Map<string, PrivateKey>(
  await Promise.all(
    kinds.map(async (kind) => [kind, await generateKey(kind, { comment: 'interop' })] as const),
  ),
)
const keyOfKind = (kind: string): PrivateKey => keys.get(kind) as PrivateKey

/** A CryptoKey that cannot be exported. */
async function inside(key: PrivateKey): Promise<Signer> {
  return cryptoKeySigner(await privateKeyToCryptoKey(key), key.publicKey)
}

/** A service that answers later, with a complete SSH blob. */
function remote(key: PrivateKey): Signer {
  return createSigner(
    key.publicKey,
    async ({ algorithm, data }) => {
      await new Promise(setImmediate)
      return key.sign(algorithm, data)
    },
    { encoding: 'ssh' },
  )
}

describePeers(['sshd'], 'logging in to sshd', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({ authorizedKeys: kinds.map((kind) => publicLine(keyOfKind(kind).publicKey)) })
  })
  afterAll(() => sshd?.stop())

  test.each(kinds)('%s, in WebCrypto and in a service', async (kind) => {
    for (const signer of [await inside(keyOfKind(kind)), remote(keyOfKind(kind))]) {
      const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
      const result = await (await client.exec('echo in')).text()
      expect(result).toMatchObject({ stdout: 'in\n', code: 0 })
      await client.close()
    }
  })

  test.each([
    { format: 'ppk', passphrase: 'x', memory: 64, passes: 2 },
    { format: 'pem', passphrase: 'x' },
    { format: 'pkcs8', passphrase: 'x', iterations: 100 },
    { format: 'jwk' },
  ] as const)('a key from $format', async (options) => {
    const text = formatPrivateKey(keyOfKind('ecdsa'), options)
    const signer = parsePrivateKey(text, { passphrase: 'x' })
    const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
    await client.close()
  })
})

describePeers(['ssh'], 'proving a host to ssh', () => {
  test.each(kinds)('%s, in WebCrypto', async (kind) => {
    const user = sharedKeyFile('ed25519', 'user')
    const server = await listen({
      host: '127.0.0.1',
      port: 0,
      hostKeys: [await inside(keyOfKind(kind))],
      auth: { publickey: authorizedKeys(() => user.publicLine) },
      onSession: (session) => {
        session.onExec((request) => spawnProcess(request.accept(), { shellCommand: request.command }))
      },
    })
    try {
      const result = await runSsh({
        port: server.port,
        identities: [user.path],
        knownHosts: [`[127.0.0.1]:${server.port} ${publicLine(keyOfKind(kind).publicKey)}`],
        command: 'echo proved',
      })
      expect(result).toMatchObject({ text: 'proved\n', code: 0 })
    } finally {
      await server.close()
    }
  })
})
