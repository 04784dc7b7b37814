/** The client against servers that do not keep to the protocol: every state by every message, limits, lengths that lie, garbage. */

import { ProtocolError, Writer } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { UserauthClient } from './client.ts'
import * as messages from './messages.ts'
import { events, fakeSigner, feed, keyBlob, makeClient, payloads, thrown } from './userauth.test-kit.ts'

const none = new Uint8Array(0)
const signer = fakeSigner()

const success = messages.userauthSuccess.encode({})
const failure = messages.userauthFailure.encode({ methods: ['password'], partialSuccess: false })
const partial = messages.userauthFailure.encode({ methods: ['password'], partialSuccess: true })
const banner = messages.userauthBanner.encode({ message: 'hello', languageTag: '' })
const pkOk = messages.userauthPkOk.encode({ algorithm: 'ssh-ed25519', key: signer.publicKey.blob })
const change = messages.userauthPasswdChangereq.encode({ prompt: 'too old', languageTag: '' })
const infoRequest = infoRequestWith(1)

function infoRequestWith(count: number): Uint8Array {
  const prompts = Array.from({ length: count }, () => ({ prompt: '?', echo: false }))
  return messages.userauthInfoRequest.encode({ name: '', instruction: '', languageTag: '', prompts })
}

function started(run: (client: UserauthClient) => void): () => UserauthClient {
  return () => {
    const client = makeClient()
    client.poll()
    run(client)
    payloads(client)
    return client
  }
}

const makers = {
  idle: started(() => undefined),
  'none sent': started((client) => client.attempt({ method: 'none' })),
  'password sent': started((client) => client.attempt({ method: 'password', password: 'x' })),
  'query sent': started((client) => client.attempt({ method: 'publickey', signer })),
  'signature asked': started((client) => {
    client.attempt({ method: 'publickey', signer })
    feed(client, pkOk)
  }),
  'signature sent': started((client) => {
    client.attempt({ method: 'publickey', signer, probe: false })
    events(client)
    client.provideSignature(signer.sign('ssh-ed25519', none))
  }),
  'interactive sent': started((client) => client.attempt({ method: 'keyboard-interactive' })),
  'responses asked': started((client) => {
    client.attempt({ method: 'keyboard-interactive' })
    feed(client, infoRequest)
  }),
  'responses sent': started((client) => {
    client.attempt({ method: 'keyboard-interactive' })
    feed(client, infoRequest)
    client.provideResponses(['x'])
  }),
  'new password asked': started((client) => {
    client.attempt({ method: 'password', password: 'x' })
    feed(client, change)
  }),
  'new password sent': started((client) => {
    client.attempt({ method: 'password', password: 'x' })
    feed(client, change)
    client.provideNewPassword('y')
  }),
  'hostbased sent': started((client) => {
    client.attempt({ method: 'hostbased', signer, host: 'h', user: 'u' })
    events(client)
    client.provideSignature(signer.sign('ssh-ed25519', none))
  }),
  done: started((client) => {
    client.attempt({ method: 'none' })
    feed(client, success)
  }),
}
type Situation = keyof typeof makers

const error = 'error'
const asksPassword = {
  change: ['ask-new-password'],
  pkOk: ['ask-new-password'],
  'a text and nothing else': ['ask-new-password'],
}
const answered = { success: ['success'], failure: ['next'], partial: ['next'], banner: ['banner'] }

/**
 * Written down from RFC 4252 and RFC 4256, not from the code. What is not listed is an error.
 * 60 means what the method makes of it: the bytes of PK_OK are two texts, and so a question about a password.
 */
const expected: Readonly<Record<Situation, Readonly<Record<string, readonly string[]>>>> = {
  idle: { banner: ['banner'] },
  'none sent': answered,
  'password sent': { ...answered, ...asksPassword },
  'query sent': { failure: ['next'], partial: ['next'], banner: ['banner'], pkOk: ['ask-signature'] },
  'signature asked': { banner: ['banner'] },
  'signature sent': answered,
  'interactive sent': { ...answered, 'info request': ['ask-responses'] },
  'responses asked': { banner: ['banner'] },
  'responses sent': { ...answered, 'info request': ['ask-responses'] },
  'new password asked': { banner: ['banner'] },
  'new password sent': { ...answered, ...asksPassword },
  'hostbased sent': answered,
  done: {},
}

const sent: Readonly<Record<string, Uint8Array>> = {
  success,
  failure,
  partial,
  banner,
  pkOk,
  change,
  'info request': infoRequest,
  'a text and nothing else': new Writer().byte(60).string('?').finish(),
  'a request, as if we were the server': messages.userauthRequest.encode({
    userName: 'a',
    serviceName: 'ssh-connection',
    methodName: 'none',
    data: none,
  }),
  'an info response, as if we were the server': messages.userauthInfoResponse.encode({ responses: [] }),
  'message 54': Uint8Array.of(54),
  'message 79': Uint8Array.of(79),
  nothing: none,
}

describe.each(Object.keys(makers) as Situation[])('%s', (situation) => {
  test.each(Object.keys(sent))('gets %s', (name) => {
    const client = makers[situation]()
    const outcome = expected[situation][name] ?? error
    const run = (): string[] => feed(client, sent[name] as Uint8Array).map(({ type }) => type)
    if (outcome === error) {
      expect(run).toThrow(ProtocolError)
      expect(() => client.poll()).toThrow(ProtocolError)
      expect(client.takeOutput()).toBeUndefined()
    } else expect(run()).toEqual(outcome)
  })
})

describe('a server that says yes to something else', () => {
  test.each([
    ['another key', 'ssh-ed25519', keyBlob('ssh-ed25519', 'b')],
    ['another algorithm', 'rsa-sha2-512', signer.publicKey.blob],
    ['a part of the key', 'ssh-ed25519', signer.publicKey.blob.subarray(0, 10)],
  ])('%s', (_, algorithm, key) => {
    const client = makers['query sent']()
    expect(() => feed(client, messages.userauthPkOk.encode({ algorithm, key }))).toThrow(
      /another key or algorithm/,
    )
  })

  test('success twice', () => {
    const client = makers['none sent']()
    client.receive(success)
    client.receive(success)
    expect(client.poll()).toEqual({ type: 'success' })
    expect(() => client.poll()).toThrow(/after success/)
  })

  test('success for a request that already failed', () => {
    const client = makers['none sent']()
    client.receive(failure)
    client.receive(success)
    expect(client.poll()).toMatchObject({ type: 'next' })
    expect(() => client.poll()).toThrow(/while no try is under way/)
  })
})

describe('limits', () => {
  test('banners', () => {
    const client = makers.idle()
    for (let at = 0; at < 64; at++) feed(client, banner)
    expect(thrown(() => feed(client, banner)).code).toBe('SSH_LIMIT_BANNERS')
  })

  test('rounds of questions', () => {
    const client = makers['interactive sent']()
    for (let at = 0; at < 64; at++) {
      feed(client, infoRequestWith(0))
      client.provideResponses([])
    }
    expect(thrown(() => feed(client, infoRequestWith(0))).code).toBe('SSH_LIMIT_ROUNDS')
  })

  test('prompts in a round', () => {
    expect(feed(makers['interactive sent'](), infoRequestWith(128))).toHaveLength(1)
    expect(() => feed(makers['interactive sent'](), infoRequestWith(129))).toThrow(/count of 129/)
  })

  test.each([128, 0x7fffffff, 0xffffffff])('a count of %d prompts that are not there', (count) => {
    const payload = new Writer().byte(60).string('').string('').string('').uint32(count).finish()
    expect(() => feed(makers['interactive sent'](), payload)).toThrow(ProtocolError)
  })

  test('text', () => {
    const text = 'x'.repeat(32_769)
    expect(
      thrown(() => feed(makers.idle(), messages.userauthBanner.encode({ message: text, languageTag: '' })))
        .code,
    ).toBe('SSH_LIMIT_TEXT')
    const long = { name: '', instruction: text, languageTag: '', prompts: [] }
    expect(() => feed(makers['interactive sent'](), messages.userauthInfoRequest.encode(long))).toThrow(
      /text of/,
    )
  })
})

describe('malformed', () => {
  test.each([
    ['success', 'none sent', success, []],
    ['failure', 'none sent', failure, []],
    ['banner', 'none sent', banner, [banner.length - 4]],
    ['pk ok', 'query sent', pkOk, []],
    ['change', 'password sent', change, [change.length - 4]],
    ['info request', 'interactive sent', infoRequest, []],
  ] as const)('%s, cut at every byte and with one too many', (_, situation, payload, legal) => {
    for (let length = 0; length < payload.length; length++)
      if (!(legal as readonly number[]).includes(length))
        expect(() => feed(makers[situation](), payload.subarray(0, length)), `${length}`).toThrow(
          ProtocolError,
        )
    expect(() => feed(makers[situation](), Uint8Array.of(...payload, 0))).toThrow(ProtocolError)
  })

  test('garbage gives events or a ProtocolError', () => {
    const number = fc.constantFrom(50, 51, 52, 53, 60, 61, 62, 0)
    const small = fc.constantFrom(0, 0, 0, 1, 4, 255)
    const payload = fc
      .tuple(number, fc.array(fc.oneof(small, fc.nat(255)), { maxLength: 40 }))
      .map(([first, rest]) => Uint8Array.of(first, ...rest))
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(makers) as Situation[])),
        fc.array(payload, { maxLength: 5 }),
        (situation, list) => {
          try {
            feed(makers[situation](), ...list)
          } catch (thrownError) {
            expect(thrownError).toBeInstanceOf(ProtocolError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

test('which numbers are ours', () => {
  const ours = Array.from({ length: 256 }, (_, number) => number).filter(messages.isUserauthMessage)
  expect(ours).toEqual([50, 51, 52, 53, 60, 61])
})
