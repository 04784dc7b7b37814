import { generateKey } from '@hawser/keys'
import { beginClient, type ClientSessionOptions } from '@hawser/session'
import { memoryPipes } from '@hawser/test-kit'
import { expect, test } from 'vitest'
import { beginServing } from './serve.ts'
import type { ServerConnection } from './server-connection.ts'

const hostKey = await generateKey('ed25519')

/** A server and a client that logs in by `auth`, after both are through. */
async function over(
  auth: ClientSessionOptions['auth'],
  loginGraceMs = 120_000,
  algorithms: ClientSessionOptions['algorithms'] = {},
): Promise<ServerConnection> {
  const { a, b } = memoryPipes()
  const server = beginServing(b, {
    hostKeys: [hostKey],
    auth: { password: ({ password }) => password === 'right' },
    limits: { loginGraceMs, refusalStepMs: 0 },
  })
  const client = beginClient(a, { user: 'ada', auth, algorithms, verifyHostKey: () => true })
  await client.ready.then(
    () => client.close(),
    () => undefined,
  )
  await Promise.all([client.closed, server.closed])
  return server
}

test('what there is to say against a client', async () => {
  const once =
    (password: string): ClientSessionOptions['auth'] =>
    ({ attempts }) =>
      attempts.length === 0 ? { method: 'password', password } : undefined
  expect((await over(once('right'))).offence).toBeUndefined()
  expect((await over(once('wrong'))).offence).toBe('authFailed')
  expect((await over(() => undefined)).offence).toBe('noAuth')
  expect((await over(() => new Promise(() => undefined), 50)).offence).toBe('graceExceeded')
  // Not a fault, whatever it costs the two of them.
  expect((await over(once('right'), 120_000, { cipher: ['3des-cbc'] })).offence).toBe('noAuth')
})

test('somebody who does not speak SSH breaks the protocol; who leaves at once has only not logged in', async () => {
  const served = async (
    speak: (pipe: ReturnType<typeof memoryPipes>['a']) => void,
  ): Promise<ServerConnection> => {
    const { a, b } = memoryPipes()
    const server = beginServing(b, { hostKeys: [hostKey], auth: { none: () => true } })
    expect(server.offence).toBeUndefined()
    a.onData = () => undefined
    a.resume()
    speak(a)
    a.end()
    await server.closed
    return server
  }
  const talker = await served((pipe) => pipe.write(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')))
  expect(talker.offence).toBe('protocolError')
  expect((await served(() => undefined)).offence).toBe('noAuth')
})
