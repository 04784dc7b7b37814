import { generateKey } from '@hawser/keys'
import { UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { acceptAnyHostKey } from './host-key.ts'
import { type ConnectOptions, checkConnectOptions, clientSessionOptions } from './options.ts'

const good: ConnectOptions = {
  host: 'example.net',
  user: 'ada',
  auth: [{ method: 'password', password: 'x' }],
  hostKey: acceptAnyHostKey,
}

describe('connect options', () => {
  const wrong: [string, object, RegExp][] = [
    ['no host and no pipe', { host: undefined }, /give the option host .* or pipe/],
    ['an empty host', { host: '' }, /the option host is ""/],
    ['port 0', { port: 0 }, /the option port is 0; .*1 to 65535/],
    ['port 65536', { port: 65_536 }, /the option port is 65536/],
    ['a port that is text', { port: '22' }, /the option port is "22"/],
    ['no user', { user: undefined }, /the option user/],
    ['no auth', { auth: undefined }, /the option auth/],
    ['a method that does not exist', { auth: [{ method: 'magic' }] }, /auth\[0\]: method is "magic"/],
    ['a password that is missing', { auth: [{ method: 'password' }] }, /auth\[0\]: password must be/],
    ['a key that is text', { auth: [{ method: 'publickey', signer: 'PEM' }] }, /auth\[0\]: signer must be/],
    ['prompts that nobody answers', { auth: [{ method: 'keyboard-interactive' }] }, /auth\[0\]: respond/],
    ['no host key policy', { hostKey: undefined }, /the option hostKey is missing/],
    ['a negative time', { readyTimeoutMs: -1 }, /the option readyTimeoutMs is -1/],
    ['a keepalive without an interval', { keepalive: {} }, /keepalive\.intervalMs/],
    ['a jump that is wrong', { jump: [{ ...good, port: 0 }] }, /jump\[0\]: the option port/],
    ['a jump with jumps', { jump: [{ ...good, jump: [good] }] }, /no jumps of its own/],
  ]
  test.each(wrong)('%s: a UsageError that says so', (_, change, message) => {
    const check = (): unknown => checkConnectOptions({ ...good, ...change })
    expect(check).toThrow(UsageError)
    expect(check).toThrow(message)
  })

  test('a message never holds a password', () => {
    const check = (): unknown =>
      checkConnectOptions({ ...good, auth: [{ method: 'password', password: 'hunter2' }], port: 0 })
    expect(check).toThrow(/^(?!.*hunter2)/)
    for (const auth of ['hunter2', [{ password: 'hunter2' }], ['hunter2']])
      expect(() => checkConnectOptions({ ...good, auth: auth as unknown as [] })).toThrow(/auth(?!.*hunter2)/)
  })

  test('defaults', () => {
    const o = clientSessionOptions(checkConnectOptions(good))
    expect(o).toMatchObject({
      user: 'ada',
      readyTimeoutMs: 20_000,
      keepaliveIntervalMs: 15_000,
      keepaliveMaxMissed: 3,
    })
  })

  test('time that dialling took is no longer there for the rest', () => {
    expect(clientSessionOptions(checkConnectOptions(good), 5_000)).toMatchObject({
      readyTimeoutMs: 20_000,
      readySpentMs: 5_000,
    })
  })

  test('keepalive: false sends none', () => {
    const o = clientSessionOptions(checkConnectOptions({ ...good, keepalive: false }))
    expect(o.keepaliveIntervalMs).toBeUndefined()
  })

  test('types of known host keys are asked for first', async () => {
    const { publicKey } = await generateKey('ecdsa', { bits: 384 })
    const o = clientSessionOptions(checkConnectOptions({ ...good, hostKey: { keys: [publicKey] } }))
    const names = o.algorithms?.serverHostKey ?? []
    expect(names[0]).toBe('ecdsa-sha2-nistp384')
    expect(names).toContain('ssh-ed25519')
    expect(new Set(names).size).toBe(names.length)
  })
})
