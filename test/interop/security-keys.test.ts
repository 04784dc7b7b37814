/** FIDO keys: sshd accepts what our signer made, our server what ssh made by an agent; touch, PIN and counter by line and certificate. */

import { join } from 'node:path'
import { listenAgent } from '@hawser/agent/node'
import { connect } from '@hawser/client'
import {
  certificateSigner,
  defaultUserExtensions,
  formatPublicKey,
  generateKey,
  issueCertificate,
  type SecurityKeyFacts,
  type Signer,
} from '@hawser/keys'
import { type AuthorizedKeysOptions, authorizedKeys } from '@hawser/server'
import { listen, spawnProcess } from '@hawser/server/node'
import { runSsh, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf, publicLine } from './kit.ts'
import { type AuthenticatorType, SoftwareAuthenticator, type Touch } from './software-authenticator.ts'

const types: readonly AuthenticatorType[] = ['ed25519', 'ecdsa', 'webauthn']
const hostKey = await generateKey('ed25519')
const authority = await generateKey('ed25519')

describePeers(['sshd'], 'our signers at sshd', () => {
  const keys = new Map(types.map((type) => [type, new SoftwareAuthenticator(type)]))
  const pins = new SoftwareAuthenticator('ed25519')
  const free = new SoftwareAuthenticator('ecdsa')
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({
      hostKeys: ['ed25519'],
      logLevel: 'DEBUG3',
      // sshd takes what browsers sign only when it is told to.
      extra: ['PubkeyAcceptedAlgorithms +webauthn-sk-ecdsa-sha2-nistp256@openssh.com'],
      authorizedKeys: [
        ...[...keys.values()].map(({ publicKey }) => publicLine(publicKey)),
        `verify-required ${publicLine(pins.publicKey)}`,
        `no-touch-required ${publicLine(free.publicKey)}`,
      ],
    })
  })
  afterAll(() => sshd?.stop())

  const enters = async (signer: Signer): Promise<boolean> => {
    try {
      const client = await clientOf(sshd, { auth: [{ method: 'publickey', signer }] })
      await client.close()
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
      return false
    }
  }

  test.each(types)('%s, touched and not', async (type) => {
    const key = keys.get(type) as SoftwareAuthenticator
    expect(await enters(key.signer())).toBe(true)
    expect(await enters(key.signer({ userPresent: false }))).toBe(false)
    expect(sshd.log()).toContain(key.signer().algorithms[0])
  })

  test('a PIN where verify-required says so, no touch where no-touch-required does', async () => {
    expect(await enters(pins.signer())).toBe(false)
    expect(await enters(pins.signer({ userVerified: true }))).toBe(true)
    expect(await enters(free.signer({ userPresent: false }))).toBe(true)
  })
})

interface Outcome {
  readonly entered: boolean
  readonly facts: readonly SecurityKeyFacts[]
}

/** A login at our server whose authorized_keys is `line`. */
async function loginAt(
  line: string,
  options: AuthorizedKeysOptions,
  login: (port: number) => Promise<boolean>,
): Promise<Outcome> {
  const facts: SecurityKeyFacts[] = []
  const keys = authorizedKeys((user) => (user === 'ada' ? line : undefined), options)
  await using server = await listen({
    port: 0,
    hostKeys: [hostKey],
    auth: {
      publickey: (attempt) => {
        if (attempt.securityKey !== undefined) facts.push(attempt.securityKey)
        return keys(attempt)
      },
    },
    onSession: (session) => {
      session.onExec((request) => spawnProcess(request.accept(), { shellCommand: request.command }))
    },
  })
  return { entered: await login(server.port), facts }
}

describePeers(['ssh'], 'ssh at our server, by our agent', () => {
  test.each(['ed25519', 'ecdsa'] as const)('%s, touched and not', async (type) => {
    const key = new SoftwareAuthenticator(type)
    const path = join(temporaryFolder('agent'), 'agent.sock')
    const through = async (touch: Touch): Promise<Outcome> => {
      const agent = await listenAgent(path, { identities: () => [key.signer(touch)] })
      try {
        return await loginAt(publicLine(key.publicKey), {}, async (port) => {
          const result = await runSsh({
            port,
            user: 'ada',
            options: [`IdentityAgent=${path}`, 'IdentitiesOnly=no'],
            knownHosts: [`[127.0.0.1]:${port} ${publicLine(hostKey.publicKey)}`],
            command: 'echo in',
          })
          return result.text === 'in\n'
        })
      } finally {
        await new Promise((resolve) => agent.close(resolve))
      }
    }
    const touched = { userPresent: true, userVerified: false, counter: 1 }
    expect(await through({})).toEqual({ entered: true, facts: [touched] })
    const untouched = { userPresent: false, userVerified: false, counter: 2 }
    expect(await through({ userPresent: false })).toEqual({ entered: false, facts: [untouched] })
  })
})

describe('our client at our server', () => {
  async function enters(
    key: SoftwareAuthenticator,
    line: string,
    o: AuthorizedKeysOptions & { readonly touch?: Touch; readonly signer?: Signer } = {},
  ): Promise<boolean> {
    const { touch, signer = key.signer(touch), ...options } = o
    const outcome = await loginAt(line, options, async (port) => {
      try {
        const client = await connect({
          host: '127.0.0.1',
          port,
          user: 'ada',
          hostKey: { keys: [hostKey.publicKey] },
          auth: [{ method: 'publickey', signer }],
        })
        await client.close()
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED' })
        return false
      }
    })
    return outcome.entered
  }

  test.each(types)('%s: touch, PIN, and what the line says of them', async (type) => {
    const key = new SoftwareAuthenticator(type)
    const line = publicLine(key.publicKey)
    const cases: readonly (readonly [options: string, touch: Touch, entered: boolean])[] = [
      ['', {}, true],
      ['', { userPresent: false }, false],
      ['', { userPresent: false, userVerified: true }, false],
      ['no-touch-required ', { userPresent: false }, true],
      ['verify-required ', {}, false],
      ['verify-required ', { userVerified: true }, true],
      ['verify-required ', { userVerified: true, userPresent: false }, false],
      ['verify-required,no-touch-required ', { userVerified: true, userPresent: false }, true],
      ['verify-required,no-touch-required ', { userPresent: false }, false],
      ['verify-required,no-pty ', { userVerified: true }, false],
    ]
    for (const [options, touch, entered] of cases)
      expect(`${options} ${await enters(key, options + line, { touch })}`).toBe(`${options} ${entered}`)
  })

  test('withOptions does not speak for touch and PIN', async () => {
    const key = new SoftwareAuthenticator('ed25519')
    const withOptions = (): boolean => true
    const line = `verify-required,no-pty ${publicLine(key.publicKey)}`
    expect(await enters(key, line, { withOptions })).toBe(false)
    expect(await enters(key, line, { withOptions, touch: { userVerified: true } })).toBe(true)
    const free = `no-touch-required,no-pty ${publicLine(key.publicKey)}`
    expect(await enters(key, free, { withOptions, touch: { userPresent: false } })).toBe(true)
  })

  test('a counter that does not grow is a copy’s', async () => {
    const key = new SoftwareAuthenticator('ecdsa')
    let last = 0
    const counter = (now: number): boolean => {
      const grows = now > last
      last = Math.max(last, now)
      return grows
    }
    const line = publicLine(key.publicKey)
    expect(await enters(key, line, { counter })).toBe(true)
    expect(last).toBe(1)
    expect(await enters(key, line, { counter, touch: { userPresent: false } })).toBe(false)
    expect(last).toBe(1)
    expect(await enters(key, line, { counter })).toBe(true)
    key.counter = 0
    expect(await enters(key, line, { counter })).toBe(false)
  })

  test('certificates: both they and their authority’s line say that no touch is needed; either asks for a PIN', async () => {
    const key = new SoftwareAuthenticator('ed25519')
    const issued = async (more: object): Promise<Signer> => {
      const request = { key: key.publicKey, principals: ['ada'], keyId: 'sk', kind: 'user' as const, ...more }
      return certificateSigner(key.signer({ userPresent: false }), await issueCertificate(request, authority))
    }
    const line = `cert-authority ${formatPublicKey(authority.publicKey)}`
    const free = `cert-authority,no-touch-required ${formatPublicKey(authority.publicKey)}`
    const plain = await issued({})
    const untouched = await issued({ extensions: [...defaultUserExtensions, 'no-touch-required'] })
    expect(await enters(key, line, { signer: plain })).toBe(false)
    expect(await enters(key, free, { signer: plain })).toBe(false)
    expect(await enters(key, line, { signer: untouched })).toBe(false)
    expect(await enters(key, free, { signer: untouched })).toBe(true)
    const pin = await issued({
      extensions: [...defaultUserExtensions, 'no-touch-required'],
      verifyRequired: true,
    })
    expect(await enters(key, free, { signer: pin })).toBe(false)
  })
})
