import { AgentError, Keyring } from '@hawser/agent'
import { generateKey, type Signer } from '@hawser/keys'
import type { AuthState, LoginAttempt } from '@hawser/session'
import { describe, expect, test } from 'vitest'
import { attemptsInOrder, orderOf } from './auth-order.ts'

const password: LoginAttempt = { method: 'password', password: 'x' }
const other: LoginAttempt = { method: 'password', password: 'y' }
const interactive: LoginAttempt = { method: 'keyboard-interactive', respond: () => [] }

const session = {
  id: new Uint8Array(32),
  hostKey: new Uint8Array(0),
  hostSignature: new Uint8Array(0),
}

function state(methods?: readonly string[], partial = false): AuthState {
  return { methods, partial, attempts: [], serverSigAlgs: undefined, session }
}

describe('attempts in order', () => {
  test('none goes first, then each once in the order given', async () => {
    const order = attemptsInOrder([password, interactive, other])
    const all = ['password', 'keyboard-interactive']
    expect(await order(state())).toEqual({ method: 'none' })
    expect(await order(state(all))).toBe(password)
    expect(await order(state(all))).toBe(interactive)
    expect(await order(state(all))).toBe(other)
    expect(await order(state(all))).toBeUndefined()
  })

  test('a key that stands first goes before none, which is left out after a partial success', async () => {
    const key: LoginAttempt = { method: 'publickey', signer: await generateKey('ed25519') }
    const refused = attemptsInOrder([key, password])
    expect(await refused(state())).toMatchObject(key)
    expect(await refused(state(['password']))).toEqual({ method: 'none' })
    expect(await refused(state(['password']))).toBe(password)
    const partial = attemptsInOrder([key, password])
    expect(await partial(state())).toMatchObject(key)
    expect(await partial(state(['password'], true))).toBe(password)
  })

  test('a key in memory signs at once, another signer asks first, and `probe` decides', async () => {
    const inMemory = await generateKey('ed25519')
    const elsewhere: Signer = {
      publicKey: inMemory.publicKey,
      algorithms: inMemory.algorithms,
      sign: (algorithm, data) => inMemory.sign(algorithm, data),
    }
    const probe = async (signer: Signer, wish: { readonly probe?: boolean } = {}): Promise<unknown> => {
      const attempt = await attemptsInOrder([{ method: 'publickey', signer, ...wish }])(state())
      return attempt?.method === 'publickey' ? attempt.probe : 'no publickey attempt'
    }
    expect(await probe(inMemory)).toBe(false)
    expect(await probe(inMemory, { probe: true })).toBe(true)
    expect(await probe(elsewhere)).toBe(true)
    expect(await probe(elsewhere, { probe: false })).toBe(false)
  })

  test('a list that begins with none does not send it twice', async () => {
    const none: LoginAttempt = { method: 'none' }
    const order = attemptsInOrder([none, password])
    expect(await order(state())).toBe(none)
    expect(await order(state(['password']))).toBe(password)
  })

  test('what the server does not offer is passed over, and taken up after a partial success', async () => {
    const order = attemptsInOrder([password, interactive])
    await order(state())
    expect(await order(state(['keyboard-interactive']))).toBe(interactive)
    expect(await order(state(['password'], true))).toBe(password)
    expect(await order(state(['password']))).toBeUndefined()
  })

  test('a server that offers nothing we have ends it', async () => {
    const order = attemptsInOrder([password])
    await order(state())
    expect(await order(state(['publickey']))).toBeUndefined()
  })

  test('an agent stands for each of its keys, by its place in the list', async () => {
    const keys = [await generateKey('ed25519'), await generateKey('ed25519')]
    const order = attemptsInOrder([
      password,
      { method: 'agent', agent: new Keyring(keys), login: 'ada' },
      other,
    ])
    await order(state())
    const all = ['password', 'publickey']
    expect(await order(state(all))).toBe(password)
    for (const { publicKey } of keys)
      expect(await order(state(all))).toMatchObject({
        method: 'publickey',
        login: 'ada',
        signer: { publicKey },
      })
    expect(await order(state(all))).toBe(other)
    expect(await order(state(all))).toBeUndefined()
  })

  test('an agent that is not there is passed over; when nothing else was tried, that is the reason', async () => {
    const gone = new AgentError('SSH_AGENT_UNREACHABLE', 'nobody listens')
    const agent = { open: () => Promise.reject(gone) }
    const order = attemptsInOrder([{ method: 'agent', agent }, password])
    await order(state())
    const all = ['password', 'publickey']
    expect(await order(state(all))).toBe(password)
    expect(await order(state(all))).toBeUndefined()
    const only = attemptsInOrder([{ method: 'agent', agent }])
    await only(state())
    await expect(only(state(all))).rejects.toBe(gone)
  })

  test('a function is an order already', () => {
    const order = (): LoginAttempt => password
    expect(orderOf(order)).toBe(order)
  })
})
