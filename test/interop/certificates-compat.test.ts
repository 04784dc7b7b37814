/** Certificates and keys on tokens in the ssh2 surface, against ssh and sshd: clients' and hosts' certificates, parseKey and verify. */

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from '@hawser/client'
import { checkCertificate, parseCertificate } from '@hawser/keys'
import {
  Client,
  type ConnectConfig,
  type ParsedKey,
  type PublicKeyAuthContext,
  Server,
  type ServerConfig,
  utils,
} from '@hawser/ssh2-compat'
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
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyOf } from './kit.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'

const authority = makeKeyFile('ed25519')
const folder = temporaryFolder('compat-certificates')
let made = 0

/** The path of a certificate that ssh-keygen made. */
function certify(key: KeyFile, args: readonly string[]): string {
  const path = join(folder, `key-${made++}`)
  writeFileSync(`${path}.pub`, `${key.publicLine}\n`)
  runNow('ssh-keygen', ['-q', '-s', authority.path, '-I', `id ${made}`, ...args, `${path}.pub`])
  return `${path}-cert.pub`
}

function parsed(data: string | Buffer): ParsedKey {
  const key = utils.parseKey(data)
  if (key instanceof Error) throw key
  return key
}

/** Whether the login worked. */
async function login(config: ConnectConfig): Promise<boolean> {
  const client = new Client()
  const outcome = new Promise<boolean>((resolve) => {
    client.on('ready', () => resolve(true))
    client.on('error', () => resolve(false))
  })
  client.connect(config)
  const ready = await outcome
  client.end()
  return ready
}

describePeers(['sshd'], 'the option certificate at sshd', () => {
  let sshd: Sshd
  let config: ConnectConfig
  const key = makeKeyFile('ed25519')
  let good: string
  let over: string

  beforeAll(async () => {
    const trusted = join(folder, 'authority.pub')
    writeFileSync(trusted, `${authority.publicLine}\n`)
    sshd = await startSshd({ hostKeys: ['ed25519'], extra: [`TrustedUserCAKeys ${trusted}`] })
    config = { host: sshd.host, port: sshd.port, username: sshd.user, privateKey: key.privateText }
    good = certify(key, ['-n', sshd.user])
    over = certify(key, ['-n', sshd.user, '-V', '-2d:-1d'])
  })
  afterAll(() => sshd?.stop())

  test('as text, as a file’s bytes, in wire form; without it, nobody comes in', async () => {
    const text = readFileSync(good, 'utf8')
    expect(await login({ ...config, certificate: text })).toBe(true)
    expect(await login({ ...config, certificate: readFileSync(good) })).toBe(true)
    const wire = Buffer.from(text.split(' ')[1] ?? '', 'base64')
    expect(await login({ ...config, certificate: wire })).toBe(true)
    expect(await login(config)).toBe(false)
    expect(await login({ ...config, certificate: readFileSync(over) })).toBe(false)
  })

  test.each<KeyFileType>(['ecdsa-256', 'rsa-3072'])('of a key of type %s', async (type) => {
    const other = makeKeyFile(type)
    const certificate = readFileSync(certify(other, ['-n', sshd.user]))
    expect(await login({ ...config, privateKey: other.privateText, certificate })).toBe(true)
  })

  test('in objects of authHandler, one after the other', async () => {
    const attempt = (certificate: string) => ({
      type: 'publickey' as const,
      username: sshd.user,
      key: key.privateText,
      certificate: readFileSync(certificate),
    })
    expect(await login({ ...config, authHandler: [attempt(over), attempt(good)] })).toBe(true)
    expect(await login({ ...config, authHandler: [attempt(over)] })).toBe(false)
    const plain = { type: 'publickey' as const, key: key.privateText }
    const withOption = { ...config, certificate: readFileSync(good) }
    expect(await login({ ...withOption, authHandler: ['publickey'] })).toBe(true)
    // A key of its own has no certificate but its own.
    expect(await login({ ...withOption, authHandler: [plain] })).toBe(false)
  })

  test('what cannot be used is refused before anything is sent', () => {
    const connecting = (changes: ConnectConfig) => () => new Client().connect({ ...config, ...changes })
    expect(connecting({ certificate: 'no certificate' })).toThrow(/Cannot parse certificate/)
    expect(connecting({ certificate: key.publicLine })).toThrow(/no certificate/)
    expect(connecting({ certificate: readFileSync(certify(key, ['-h'])) })).toThrow(/for a user is needed/)
    const others = readFileSync(certify(makeKeyFile('ed25519'), ['-n', sshd.user]))
    expect(connecting({ certificate: others })).toThrow(/another key/)
    expect(connecting({ certificate: readFileSync(good), privateKey: undefined })).toThrow(/privateKey/)
  })
})

/** Runs `then` with the port of a server that asks `judge` about each public key. */
async function serving(
  hostKeys: ServerConfig['hostKeys'],
  judge: (context: PublicKeyAuthContext) => boolean,
  then: (port: number) => Promise<void>,
): Promise<void> {
  const server = new Server({ hostKeys }, (connection) => {
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => {
      if (context.method === 'publickey' && judge(context)) context.accept()
      else context.reject(['publickey'])
    })
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        const channel = acceptExec()
        channel.write('in\n')
        channel.exit(0)
        channel.end()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await then((server.address() as AddressInfo).port)
  } finally {
    server.close()
  }
}

const hostKey = makeKeyFile('ed25519')

describePeers(['ssh'], 'servers on the ssh2 surface', () => {
  test('a host certificate, with a passphrase on its key', async () => {
    const user = makeKeyFile('ed25519')
    const locked = makeKeyFile('ed25519')
    runNow('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-f', locked.path])
    const entry = {
      key: readFileSync(locked.path),
      passphrase: 'secret',
      certificate: readFileSync(certify(locked, ['-h', '-n', '127.0.0.1'])),
    }
    await serving(
      [entry],
      () => true,
      async (port) => {
        const ask = (line: string) =>
          runSsh({ port, identities: [user.path], knownHosts: [line], command: 'echo' })
        expect(await ask(`@cert-authority * ${authority.publicLine}`)).toMatchObject({ text: 'in\n' })
        expect(await ask(`[127.0.0.1]:${port} ${locked.publicLine}`)).toMatchObject({ text: 'in\n' })
        expect((await ask(`@cert-authority * ${hostKey.publicLine}`)).code).toBe(255)
      },
    )
    const users = readFileSync(certify(hostKey, ['-n', 'ada']))
    expect(() => new Server({ hostKeys: [{ key: hostKey.privateText, certificate: users }] })).toThrow(
      /for a host is needed/,
    )
  })

  test.each<KeyFileType>(['ed25519', 'ecdsa-384', 'rsa-3072'])(
    'parseKey of what ssh presents for %s verifies, and checkCertificate decides',
    async (type) => {
      const user = makeKeyFile(type)
      const proofs: unknown[] = []
      const judge = ({ key, blob, signature, hashAlgo, username }: PublicKeyAuthContext): boolean => {
        const shown = parsed(key.data)
        expect(shown.type).toBe(key.algo)
        expect(key.algo).toMatch(/-cert-v01@openssh\.com$/)
        expect(shown.getPublicPEM()).toBe(parsed(user.publicLine).getPublicPEM())
        if (signature !== undefined && blob !== undefined) {
          const other = Buffer.from(blob)
          other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
          const copy = Buffer.from(signature)
          proofs.push(shown.verify(blob, signature), shown.verify(blob, copy, hashAlgo))
          proofs.push(
            shown.verify(other, copy, hashAlgo),
            parsed(user.publicLine).verify(blob, copy, hashAlgo),
          )
        }
        const verdict = checkCertificate(parseCertificate(new Uint8Array(key.data)), {
          kind: 'user',
          principals: [username],
          authorities: [keyOf(authority.publicLine)],
          now: new Date(),
        })
        return verdict.valid
      }
      const enter = async (args: readonly string[]): Promise<boolean> => {
        let text = ''
        await serving([hostKey.privateText], judge, async (port) => {
          const options = [`CertificateFile=${certify(user, args)}`, `IdentityFile=${user.path}`]
          const result = await runSsh({ port, user: 'ada', options, command: 'echo' })
          text = result.text
        })
        return text === 'in\n'
      }
      expect(await enter(['-n', 'ada'])).toBe(true)
      expect(proofs).toEqual([true, true, false, true])
    },
  )
})

describe('keys on tokens', () => {
  test.each(['ed25519', 'ecdsa', 'webauthn'] as const)(
    '%s: parsed, and verified by the context',
    async (type) => {
      const token = new SoftwareAuthenticator(type)
      const stranger = new SoftwareAuthenticator(type)
      const proofs: unknown[] = []
      const judge = ({ key, blob, signature }: PublicKeyAuthContext): boolean => {
        const shown = parsed(key.data)
        expect(shown.type).toBe(token.publicKey.type)
        expect(shown.getPublicSSH().equals(Buffer.from(token.publicKey.blob))).toBe(true)
        if (blob !== undefined && signature !== undefined) {
          proofs.push(shown.verify(blob, signature))
          proofs.push(parsed(Buffer.from(stranger.publicKey.blob)).verify(blob, signature))
          const other = Buffer.from(signature)
          other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
          if (type !== 'webauthn') proofs.push(shown.verify(blob, other))
        }
        return true
      }
      await serving([hostKey.privateText], judge, async (port) => {
        const client = await connect({
          host: '127.0.0.1',
          port,
          user: 'ada',
          auth: [{ method: 'publickey', signer: token.signer() }],
          hostKey: { keys: [keyOf(hostKey.publicLine)] },
        })
        await client.close()
      })
      expect(proofs).toEqual(type === 'webauthn' ? [true, false] : [true, false, false])
    },
  )

  test('a line of text', () => {
    const token = new SoftwareAuthenticator('ecdsa')
    const line = `${token.publicKey.type} ${Buffer.from(token.publicKey.blob).toString('base64')} mine`
    expect(parsed(line)).toMatchObject({ type: token.publicKey.type, comment: 'mine' })
  })
})

test('a malformed certificate is an error', () => {
  const path = certify(makeKeyFile('ed25519'), ['-n', 'ada'])
  const wire = Buffer.from(readFileSync(path, 'utf8').split(' ')[1] ?? '', 'base64')
  expect(parsed(wire).type).toBe('ssh-ed25519-cert-v01@openssh.com')
  expect(utils.parseKey(wire.subarray(0, -1))).toBeInstanceOf(Error)
})
