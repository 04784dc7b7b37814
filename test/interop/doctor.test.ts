/** The report that people paste where they ask for help: it says what happened, and nothing that nobody should read. */

import { type ConnectOptions } from '@hawser/client'
import { doctor } from '@hawser/client/node'
import { generateKey } from '@hawser/keys'
import { passwordsOf } from '@hawser/server'
import { type Listener, listen } from '@hawser/server/node'
import { freePort } from '@hawser/test-kit'
import { afterAll, beforeAll, expect, test } from 'vitest'

const hostKey = await generateKey('ed25519')
const password = 'correct horse battery staple'
let server: Listener

beforeAll(async () => {
  server = await listen({
    port: 0,
    hostKeys: [hostKey],
    auth: { password: passwordsOf(new Map([['annabel', password]])) },
    algorithms: { cipher: ['aes256-ctr', 'aes128-gcm@openssh.com'] },
    limits: { refusalStepMs: 0 },
  })
})
afterAll(() => server.close())

function options(more: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'annabel',
    auth: [{ method: 'password', password }],
    hostKey: { keys: [hostKey.publicKey] },
    ...more,
  }
}

test('a login that works: phases, both proposals, what was agreed, the host key', async () => {
  const report = await doctor(options())
  expect(report).toMatchObject({ ok: true, limits: [], hints: [] })
  expect(report.error).toBeUndefined()
  expect(report.phases.map(({ phase }) => phase)).toEqual([
    'connect',
    'identification',
    'key-exchange',
    'authentication',
    'ready',
  ])
  expect(report.idents.theirs).toMatch(/^SSH-2\.0-Hawser_/)
  expect(report.proposals.theirs?.['encryptionAlgorithmsClientToServer']).toEqual([
    'aes256-ctr',
    'aes128-gcm@openssh.com',
  ])
  expect(report.proposals.ours?.['kexAlgorithms']).toContain('curve25519-sha256')
  expect(report.negotiated?.['strict']).toBe('true')
  expect(report.hostKey).toMatch(/^ssh-ed25519 SHA256:/)
  for (const words of ['connected and logged in', 'phases: connect ', 'the server offers', 'phase ready'])
    expect(report.text).toContain(words)
  clean(report.text)
})

test('a wrong password: what was tried and what the server takes, without it', async () => {
  const report = await doctor(options({ auth: [{ method: 'password', password: 'wrong-but-secret' }] }))
  expect(report).toMatchObject({
    ok: false,
    error: { name: 'AuthenticationError', code: 'SSH_AUTHENTICATION_FAILED', phase: 'authentication' },
  })
  expect(report.phases.at(-1)?.phase).toBe('authentication')
  expect(report.hints).toHaveLength(1)
  expect(report.logins.join('\n')).toMatch(/password/)
  expect(JSON.stringify(report)).not.toContain('wrong-but-secret')
  clean(JSON.stringify(report))
})

test('no common algorithm: both proposals are there', async () => {
  const report = await doctor(options({ algorithms: { cipher: ['chacha20-poly1305@openssh.com'] } }))
  expect(report).toMatchObject({ ok: false, error: { code: 'SSH_NEGOTIATION_FAILED' } })
  expect(report.text).toContain('encryptionAlgorithmsClientToServer: chacha20-poly1305@openssh.com')
  expect(report.text).toContain('encryptionAlgorithmsClientToServer: aes256-ctr, aes128-gcm@openssh.com')
})

test('nobody there: the report says so instead of throwing; options that cannot be used throw', async () => {
  const report = await doctor(options({ port: await freePort() }))
  expect(report).toMatchObject({ ok: false, error: { code: 'SSH_CONNECT_FAILED', phase: 'connect' } })
  expect(report.phases.map(({ phase }) => phase)).toEqual(['connect'])
  clean(report.text)
  await expect(doctor(options({ port: 0 }))).rejects.toThrow(/port is 0/)
})

function clean(text: string): void {
  for (const word of ['annabel', '127.0.0.1', password]) expect(text).not.toContain(word)
}
