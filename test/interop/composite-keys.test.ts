/** Composite keys, ML-DSA-44 with Ed25519, as host and as user key. No peer at hand has them: both ends are ours, one of them over noble. */

import { connect } from '@hawser/client'
import { createProvider } from '@hawser/crypto'
import { withMlDsa } from '@hawser/crypto/ml-dsa'
import { backend as noble } from '@hawser/crypto/noble'
import { formatKnownHost, generateKey, type PrivateKey, parsePrivateKey } from '@hawser/keys'
import type { ServerOptions } from '@hawser/server'
import { type Listener, listen } from '@hawser/server/node'
import { sharedKeyFile } from '@hawser/test-kit'
import { describe, expect, test } from 'vitest'

const crypto = withMlDsa()
const names = [
  ['mldsa44-ed25519', 'ssh-mldsa44-ed25519'],
  ['mldsa44-ed25519@openssh.com', 'ssh-mldsa44-ed25519@openssh.com'],
] as const

const classic = (use: 'host' | 'user'): PrivateKey =>
  parsePrivateKey(sharedKeyFile('ed25519', use).privateText)

function serve(hostKeys: readonly PrivateKey[], options: Partial<ServerOptions> = {}): Promise<Listener> {
  return listen({
    port: 0,
    crypto: withMlDsa(createProvider(noble)),
    hostKeys,
    auth: { publickey: () => true },
    ...options,
  })
}

function login(
  port: number,
  user: PrivateKey,
  host: PrivateKey,
  more: Partial<Parameters<typeof connect>[0]> = {},
) {
  const knownHosts = formatKnownHost('127.0.0.1', port, host.publicKey)
  const auth = [{ method: 'publickey', signer: user }] as const
  return connect({ host: '127.0.0.1', port, user: 'joe', auth, hostKey: { knownHosts }, crypto, ...more })
}

describe.each(names)('%s', (type, name) => {
  test('is the key of a host and of a user, in known_hosts and in the logs of both ends', async () => {
    const [host, user] = await Promise.all([1, 2].map(() => generateKey(type, { crypto })))
    if (host === undefined || user === undefined) throw new Error('no keys')
    const logins: string[] = []
    await using server = await serve([classic('host'), host], {
      auth: {
        publickey: ({ key, algorithm, verified }) => {
          if (verified) logins.push(algorithm)
          return Buffer.compare(key.blob, user.publicKey.blob) === 0
        },
      },
    })
    await using client = await login(server.port, user, host)
    expect(client.security).toMatchObject({ hostKeyAlgorithm: name, postQuantum: true })
    expect(logins).toEqual([name])
  })

  test('is not offered without its choice: an error names what is missing', async () => {
    const host = await generateKey(type, { crypto })
    await using server = await serve([classic('host'), host])
    await using client = await login(server.port, classic('user'), classic('host'), {
      crypto: createProvider(noble),
    })
    expect(client.security.hostKeyAlgorithm).toBe('ssh-ed25519')
    await expect(async () => serve([host], { crypto: createProvider(noble) })).rejects.toThrow(
      'no host key fits algorithms.serverHostKey',
    )
  })
})
