/** Client and server against each other: every method, as it should go. */

import { type TraceEvent, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { UserauthClient, UserauthClientEvent } from './client.ts'
import { AuthenticationError } from './errors.ts'
import * as messages from './messages.ts'
import type { Attempt, AuthRequest } from './methods.ts'
import type { UserauthServer } from './server.ts'
import {
  fakeSigner,
  makeClient,
  makeServer,
  payloads,
  type Seen,
  sessionId,
  settle,
} from './userauth.test-kit.ts'

/** Runs `attempts` in turn against a server that answers by `decide`; signers sign. */
function login(
  attempts: readonly Attempt[],
  decide: (request: AuthRequest, server: UserauthServer) => void,
  o: {
    client?: UserauthClient
    server?: UserauthServer
    answer?: (e: UserauthClientEvent, c: UserauthClient) => void
  } = {},
): Seen {
  const client = o.client ?? makeClient()
  const server = o.server ?? makeServer()
  const left = [...attempts]
  return settle(client, server, {
    client: (event) => {
      if (event.type === 'next') {
        const next = left.shift()
        if (next !== undefined) client.attempt(next)
      } else if (event.type === 'ask-signature')
        client.provideSignature(event.signer.sign(event.algorithm, event.data) as Uint8Array)
      else o.answer?.(event, client)
    },
    server: (event) => {
      if (event.type === 'request') decide(event.request, server)
    },
  })
}

const types = (list: readonly { readonly type: string }[]): string[] => list.map(({ type }) => type)

test('none, refused: the client learns what can continue', () => {
  const seen = login([{ method: 'none' }], (_, server) => server.reject())
  expect(seen.server).toEqual([
    { type: 'request', request: { user: 'alice', service: 'ssh-connection', reset: false, method: 'none' } },
  ])
  expect(seen.client).toEqual([
    { type: 'next', partial: false },
    {
      type: 'next',
      partial: false,
      methods: ['publickey', 'password'],
      failed: {
        method: 'none',
        outcome: 'refused',
        reason: 'refused',
        methodsLeft: ['publickey', 'password'],
        partial: false,
      },
    },
  ])
})

describe('password', () => {
  test('right', () => {
    const seen = login([{ method: 'password', password: 'sesamé' }], (_, server) => server.accept())
    expect(seen.server).toMatchObject([
      { request: { method: 'password', password: 'sesamé', passwordBytes: utf8Encode('sesamé') } },
      { type: 'success' },
    ])
    expect(types(seen.client)).toEqual(['next', 'success'])
  })

  test('as bytes that are not UTF-8', () => {
    const password = Uint8Array.of(0x70, 0xff, 0x00)
    const seen = login([{ method: 'password', password }], (_, server) => server.accept())
    expect(seen.server[0]).toMatchObject({ request: { passwordBytes: password } })
  })

  test('to be changed: asked, changed, accepted', () => {
    const client = makeClient()
    const server = makeServer()
    const seen = settle(client, server, {
      client: (event) => {
        if (event.type === 'next') client.attempt({ method: 'password', password: 'old' })
        if (event.type === 'ask-new-password') client.provideNewPassword('new')
      },
      server: (event) => {
        if (event.type === 'request') server.changePassword('too old', 'en')
        if (event.type === 'new-password') server.accept()
      },
    })
    expect(seen.client).toEqual([
      { type: 'next', partial: false },
      { type: 'ask-new-password', prompt: 'too old', language: 'en' },
      { type: 'success' },
    ])
    expect(types(seen.server)).toEqual(['request', 'new-password', 'success'])
    expect(seen.server[1]).toEqual({ type: 'new-password', password: 'old', newPassword: 'new' })
  })

  test('to be changed, and the client goes on to something else', () => {
    const client = makeClient()
    const server = makeServer()
    const attempts: Attempt[] = [{ method: 'password', password: 'old' }, { method: 'none' }]
    const seen = settle(client, server, {
      client: (event) => {
        if (event.type === 'next') client.attempt(attempts.shift() ?? { method: 'none' })
        if (event.type === 'ask-new-password') client.provideNewPassword(undefined)
      },
      server: (event) => {
        if (event.type !== 'request') return
        if (event.request.method === 'password') server.changePassword('too old')
        else server.accept()
      },
    })
    expect(types(seen.server)).toEqual(['request', 'abandoned', 'request', 'success'])
    expect(seen.client[2]).toMatchObject({
      type: 'next',
      failed: { method: 'password', outcome: 'given-up', reason: expect.stringContaining('new password') },
    })
  })

  test('a change that nobody asked for is a request with both', () => {
    const server = makeServer()
    server.receive(
      messages.userauthRequest.encode({
        userName: 'alice',
        serviceName: 'ssh-connection',
        methodName: 'password',
        data: messages.passwordChangeData.encode({
          change: true,
          password: utf8Encode('a'),
          newPassword: utf8Encode('b'),
        }),
      }),
    )
    expect(server.poll()).toMatchObject({ request: { password: 'a', newPassword: 'b' } })
  })
})

describe('publickey', () => {
  test('asks first, then signs', () => {
    const signer = fakeSigner()
    const seen = login([{ method: 'publickey', signer }], (_, server) => server.accept())
    expect(seen.server).toMatchObject([
      { request: { method: 'publickey', signed: false, verified: false, algorithm: 'ssh-ed25519' } },
      { request: { method: 'publickey', signed: true, verified: true, key: signer.publicKey } },
      { type: 'success' },
    ])
    const [query, signed] = seen.server as readonly { request: AuthRequest }[]
    expect('signature' in (query?.request ?? {})).toBe(false)
    expect(signed?.request).toHaveProperty('signature')
    expect(types(seen.client)).toEqual(['next', 'ask-signature', 'success'])
  })

  test('signs at once', () => {
    const seen = login([{ method: 'publickey', signer: fakeSigner(), probe: false }], (_, server) =>
      server.accept(),
    )
    expect(types(seen.server)).toEqual(['request', 'success'])
  })

  test('a key that will not do is never used to sign', () => {
    const seen = login([{ method: 'publickey', signer: fakeSigner() }], (_, server) => server.reject())
    expect(types(seen.client)).toEqual(['next', 'next'])
    expect(seen.client[1]).toMatchObject({
      failed: {
        method: 'publickey',
        algorithm: 'ssh-ed25519',
        outcome: 'key-refused',
        key: { type: 'ssh-ed25519' },
      },
    })
  })

  test.each([
    ['the first that the server announced', ['ssh-ed25519', 'rsa-sha2-256'], 'rsa-sha2-256'],
    ['the signer’s best when nothing was announced', undefined, 'rsa-sha2-512'],
    ['the signer’s best of those announced', ['rsa-sha2-256', 'rsa-sha2-512'], 'rsa-sha2-512'],
  ])('the algorithm of an RSA key: %s', (_, serverSigAlgs, algorithm) => {
    const signer = fakeSigner('ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256'])
    const client = makeClient(serverSigAlgs === undefined ? {} : { serverSigAlgs })
    const seen = login([{ method: 'publickey', signer }], (_request, server) => server.accept(), { client })
    expect(seen.server[1]).toMatchObject({ request: { algorithm, verified: true, key: { type: 'ssh-rsa' } } })
  })

  test('a certificate signs by what the server announced for its plain key', () => {
    const suffix = '-cert-v01@openssh.com'
    const signer = fakeSigner(`ssh-rsa${suffix}`, [`rsa-sha2-512${suffix}`, `rsa-sha2-256${suffix}`])
    const client = makeClient({ serverSigAlgs: ['ssh-ed25519', 'rsa-sha2-256'] })
    client.poll()
    client.attempt({ method: 'publickey', signer, probe: false })
    expect(client.poll()).toMatchObject({ type: 'ask-signature', algorithm: `rsa-sha2-256${suffix}` })
  })

  test('the algorithm that the caller names', () => {
    const signer = fakeSigner('ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256'])
    const seen = login([{ method: 'publickey', signer, algorithm: 'rsa-sha2-256' }], (_, server) =>
      server.accept(),
    )
    expect(seen.server[1]).toMatchObject({ request: { algorithm: 'rsa-sha2-256' } })
  })

  test('no common algorithm: given up before anything is sent', () => {
    const client = makeClient({ serverSigAlgs: ['ssh-ed25519'] })
    client.poll()
    client.attempt({ method: 'publickey', signer: fakeSigner('ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']) })
    expect(client.takeOutput()).toBeUndefined()
    expect(client.poll()).toMatchObject({
      type: 'next',
      failed: {
        outcome: 'given-up',
        reason: 'the key signs by rsa-sha2-512, rsa-sha2-256 and the server takes ssh-ed25519',
      },
    })
  })

  test('a key with one algorithm is tried whatever was announced', () => {
    const client = makeClient({ serverSigAlgs: ['rsa-sha2-256'] })
    const seen = login([{ method: 'publickey', signer: fakeSigner() }], (_, server) => server.accept(), {
      client,
    })
    expect(types(seen.client)).toContain('success')
  })

  test('a signer that fails, gives nothing, or signs by something else: given up, and the next try goes on', () => {
    const signer = fakeSigner('ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256'])
    const cause = new Error('the agent is locked')
    for (const [answer, failed] of [
      [cause, { reason: 'no signature could be made: the agent is locked', cause }],
      [undefined, { reason: 'no signature could be made' }],
      [
        fakeSigner('ssh-rsa').sign('ssh-rsa', sessionId),
        { reason: expect.stringContaining('by ssh-rsa where rsa-sha2-512') },
      ],
      [Uint8Array.of(1, 2), { reason: expect.stringContaining('no algorithm') }],
    ] as const) {
      const client = makeClient()
      const server = makeServer()
      let asked = 0
      const seen = settle(client, server, {
        client: (event) => {
          if (event.type === 'ask-signature') client.provideSignature(answer)
          else if (event.type === 'next')
            client.attempt(asked++ === 0 ? { method: 'publickey', signer } : { method: 'none' })
        },
        server: (event) => event.type === 'request' && server.accept(),
      })
      expect(types(seen.client)).toEqual(['next', 'ask-signature', 'next', 'success'])
      expect(seen.client[2]).toMatchObject({ failed: { outcome: 'given-up', ...failed } })
    }
  })
})

describe('keyboard-interactive', () => {
  test('rounds of many, one and no prompts', () => {
    const rounds = [
      [
        { prompt: 'Password: ', echo: false },
        { prompt: 'Token: ', echo: true },
      ],
      [{ prompt: 'Again: ', echo: false }],
      [],
    ]
    const client = makeClient()
    const server = makeServer()
    const answers: (readonly string[])[] = []
    const ask = (): void => {
      const prompts = rounds.shift()
      if (prompts === undefined) server.accept()
      else server.prompt(prompts, 'a name', 'an instruction')
    }
    const seen = settle(client, server, {
      client: (event) => {
        if (event.type === 'next')
          client.attempt({ method: 'keyboard-interactive', submethods: ['pam', 'otp'] })
        if (event.type === 'ask-responses')
          client.provideResponses(event.prompts.map(({ prompt }) => `to ${prompt}`))
      },
      server: (event) => {
        if (event.type === 'responses') answers.push(event.responses)
        if (event.type === 'request' || event.type === 'responses') ask()
      },
    })
    expect(seen.server[0]).toMatchObject({
      request: { method: 'keyboard-interactive', submethods: ['pam', 'otp'] },
    })
    expect(seen.client[1]).toEqual({
      type: 'ask-responses',
      name: 'a name',
      instruction: 'an instruction',
      language: '',
      prompts: [
        { prompt: 'Password: ', echo: false },
        { prompt: 'Token: ', echo: true },
      ],
    })
    expect(answers).toEqual([['to Password: ', 'to Token: '], ['to Again: '], []])
    expect(types(seen.client)).toEqual(['next', 'ask-responses', 'ask-responses', 'ask-responses', 'success'])
  })

  test('given up in the middle: the next request ends the dialog', () => {
    const seen = login(
      [{ method: 'keyboard-interactive' }, { method: 'password', password: 'x' }],
      (request, server) => {
        if (request.method === 'keyboard-interactive') server.prompt([{ prompt: '?', echo: true }])
        else server.accept()
      },
      { answer: (event, client) => event.type === 'ask-responses' && client.provideResponses(undefined) },
    )
    expect(types(seen.server)).toEqual(['request', 'abandoned', 'request', 'success'])
    expect(types(seen.client)).toEqual(['next', 'ask-responses', 'next', 'success'])
  })

  test('abandon with a reason', () => {
    const client = makeClient()
    const server = makeServer()
    client.poll()
    client.attempt({ method: 'keyboard-interactive' })
    settle(client, server, {
      server: (e) => e.type === 'request' && server.prompt([{ prompt: '?', echo: true }]),
    })
    const cause = new Error('no terminal')
    client.abandon('nobody is there', cause)
    expect(client.poll()).toMatchObject({ type: 'next', failed: { reason: 'nobody is there', cause } })
    expect(() => client.abandon('again')).toThrow(/no try is under way/)
  })
})

test('a try under another user name: the request and its signature are for that one', () => {
  const seen = login(
    [
      { method: 'none', login: 'bob' },
      { method: 'publickey', signer: fakeSigner(), login: 'carol' },
    ],
    (request, server) => (request.method === 'none' ? server.reject() : server.accept()),
  )
  const requests = seen.server.flatMap((event) => (event.type === 'request' ? [event.request] : []))
  expect(requests.map(({ user }) => user)).toEqual(['bob', 'carol', 'carol'])
  expect(requests[2]).toMatchObject({ method: 'publickey', signed: true, verified: true })
  expect(types(seen.client).at(-1)).toBe('success')
})

test('hostbased', () => {
  const signer = fakeSigner('ssh-ed25519', ['ssh-ed25519'], 'host')
  const seen = login([{ method: 'hostbased', signer, host: 'client.example.', user: 'bob' }], (_, server) =>
    server.accept(),
  )
  expect(seen.server[0]).toMatchObject({
    request: {
      method: 'hostbased',
      user: 'alice',
      hostName: 'client.example.',
      clientUser: 'bob',
      verified: true,
      key: signer.publicKey,
    },
  })
  expect(types(seen.client)).toEqual(['next', 'ask-signature', 'success'])
})

test('partial success: the list changes, and the second method lets in', () => {
  const seen = login(
    [
      { method: 'publickey', signer: fakeSigner() },
      { method: 'password', password: 'wrong' },
      { method: 'password', password: 'x' },
    ],
    (request, server) => {
      if (request.method === 'publickey' && !request.signed) server.pkOk()
      else if (request.method === 'publickey') server.reject({ partial: true, methods: ['password'] })
      else if (request.method === 'password' && request.password === 'x') server.accept()
      else server.reject()
    },
  )
  const next = seen.client.filter(({ type }) => type === 'next')
  expect(next[1]).toMatchObject({
    partial: true,
    methods: ['password'],
    failed: { outcome: 'partial', partial: true },
  })
  expect(next[2], 'the list stays').toMatchObject({ partial: false, methods: ['password'] })
  expect(types(seen.client).at(-1)).toBe('success')
})

test('banners, before and between', () => {
  const server = makeServer()
  server.banner('welcome', 'en')
  const seen = login(
    [{ method: 'none' }, { method: 'none' }],
    (_, s) => {
      s.banner('not so fast')
      s.reject()
    },
    { server },
  )
  expect(seen.client.filter(({ type }) => type === 'banner')).toEqual([
    { type: 'banner', message: 'welcome', language: 'en' },
    { type: 'banner', message: 'not so fast', language: '' },
    { type: 'banner', message: 'not so fast', language: '' },
  ])
})

test('trace says what happens and never a secret', () => {
  const trace: TraceEvent[] = []
  const note = (event: TraceEvent): void => void trace.push(event)
  login(
    [
      { method: 'password', password: 'hunter2' },
      { method: 'publickey', signer: fakeSigner() },
    ],
    (request, server) => (request.method === 'password' ? server.reject() : server.accept()),
    { client: makeClient({ trace: note }), server: makeServer({ trace: note }) },
  )
  expect(trace.filter(({ type }) => type === 'message').length).toBeGreaterThan(8)
  expect(trace).toContainEqual({ layer: 'userauth', type: 'outcome', method: 'publickey', detail: 'success' })
  const text = JSON.stringify(trace)
  expect(text).not.toContain('hunter2')
  expect(text).not.toContain(JSON.stringify([...utf8Encode('hunter2')]).slice(1, -1))
})

test('verbs out of turn', () => {
  const client = makeClient()
  const server = makeServer()
  for (const verb of [
    () => server.accept(),
    () => server.reject(),
    () => server.pkOk(),
    () => server.prompt([]),
    () => server.changePassword('x'),
  ])
    expect(verb).toThrow(/no request waits for an answer/)
  expect(() => client.provideSignature(sessionId)).toThrow(/no try is under way/)
  expect(() => client.provideResponses([])).toThrow(/no try is under way/)
  expect(() => client.provideNewPassword('x')).toThrow(/no try is under way/)
  client.attempt({ method: 'none' })
  expect(() => client.attempt({ method: 'none' })).toThrow(/attempt while the server has not answered yet/)
  for (const payload of payloads(client)) server.receive(payload)
  server.poll()
  expect(() => server.pkOk()).toThrow(/only a query/)
  expect(() => server.prompt([])).toThrow(/not none/)
  expect(() => server.changePassword('x')).toThrow(/not none/)
  server.accept()
  expect(() => server.accept()).toThrow(/no request waits/)
  expect(() => server.banner('late')).toThrow(/before success/)
})

test('the number of responses must be the number of prompts', () => {
  const client = makeClient()
  const server = makeServer()
  client.poll()
  client.attempt({ method: 'keyboard-interactive' })
  settle(client, server, {
    server: (e) => e.type === 'request' && server.prompt([{ prompt: '?', echo: true }]),
  })
  expect(() => client.provideResponses([])).toThrow(/0 responses were given to 1 prompts/)
  expect(() => client.provideResponses(['a', 'b'])).toThrow(/2 responses/)
  client.provideResponses(['a'])
})

test('the error at the end says what was tried and what the server accepts', () => {
  const error = new AuthenticationError(
    [
      {
        method: 'publickey',
        algorithm: 'ssh-ed25519',
        fingerprint: 'SHA256:abc',
        outcome: 'key-refused',
        reason: 'the server does not accept this key',
        methodsLeft: ['password'],
        partial: false,
      },
      {
        method: 'password',
        outcome: 'refused',
        reason: 'refused',
        methodsLeft: ['password'],
        partial: false,
      },
    ],
    ['password'],
    { user: 'alice' },
  )
  expect(error.message).toBe(
    'authentication of the user "alice" failed: tried publickey with ssh-ed25519 SHA256:abc (the server does not accept this key), password (refused); the server accepts password',
  )
  expect(error).toMatchObject({ code: 'SSH_AUTHENTICATION_FAILED', methods: ['password'] })
  expect(new AuthenticationError([], []).message).toBe('authentication failed: nothing was tried')
})
