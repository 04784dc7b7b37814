/** The server against clients that do not keep to the protocol, or try to get in by confusing it. */

import { concat, hexEncode, ProtocolError, utf8Encode, Writer } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TooManyAttemptsError } from './errors.ts'
import * as messages from './messages.ts'
import type { UserauthServer, UserauthServerEvent, UserauthServerOptions } from './server.ts'
import { hostbasedSignatureData, publickeySignatureData } from './signature-data.ts'
import {
  events,
  fakeSigner,
  feed,
  keyBlob,
  makeServer,
  named,
  passwordRequest,
  payloads,
  queryRequest,
  request,
  sessionId,
  signatureOf,
  thrown,
} from './userauth.test-kit.ts'

const none = new Uint8Array(0)
const key = keyBlob('ssh-ed25519')
const interactive = request(
  'keyboard-interactive',
  messages.keyboardInteractiveData.encode({ languageTag: '', submethods: '' }),
)
const response = messages.userauthInfoResponse.encode({ responses: ['x'] })

/** What a signature covers, and what the request around it says: every field may be another one. */
interface Signed {
  readonly sessionId?: Uint8Array
  readonly user?: string
  readonly service?: string
  readonly algorithm?: string
  readonly key?: Uint8Array
}

/** A signed request whose signature covers `covers` and whose fields are `says`. */
function signedRequest(says: Signed = {}, covers: Signed = says, signer = says.key ?? key): Uint8Array {
  const full = { sessionId, user: 'alice', service: 'ssh-connection', algorithm: 'ssh-ed25519', key }
  const { algorithm, key: blob, user } = { ...full, ...says }
  const under = { ...full, ...covers }
  const signature = signatureOf(signer, under.algorithm, publickeySignatureData(under))
  return request(
    'publickey',
    messages.publickeySignedData.encode({ signed: true, algorithm, key: blob, signature }),
    { userName: user },
  )
}

function types(list: readonly UserauthServerEvent[]): string[] {
  return list.map(({ type }) => type)
}

/** The last answer that `server` gives: 'userauthFailure', … */
function answers(server: UserauthServer): string[] {
  return named(payloads(server))
}

describe('every state by every message', () => {
  const makers = {
    idle: () => makeServer(),
    deciding: () => {
      const server = makeServer()
      feed(server, request('none'))
      return server
    },
    prompted: () => {
      const server = makeServer()
      feed(server, interactive)
      server.prompt([{ prompt: '?', echo: false }])
      return server
    },
    'change asked': () => {
      const server = makeServer()
      feed(server, passwordRequest('x'))
      server.changePassword('too old')
      return server
    },
    done: () => {
      const server = makeServer()
      feed(server, request('none'))
      server.accept()
      expect(types(events(server))).toEqual(['success'])
      return server
    },
  }
  type Situation = keyof typeof makers
  const changed = request(
    'password',
    messages.passwordChangeData.encode({
      change: true,
      password: utf8Encode('x'),
      newPassword: utf8Encode('y'),
    }),
  )
  const sent: Readonly<Record<string, Uint8Array>> = {
    none: request('none'),
    password: passwordRequest('x'),
    'password change': changed,
    query: queryRequest(),
    signed: signedRequest(),
    interactive,
    response,
    failure: messages.userauthFailure.encode({ methods: [], partialSuccess: false }),
    success: messages.userauthSuccess.encode({}),
    banner: messages.userauthBanner.encode({ message: '', languageTag: '' }),
    'message 60': messages.userauthPkOk.encode({ algorithm: 'ssh-ed25519', key }),
    'message 62': Uint8Array.of(62),
    nothing: none,
  }
  const requests = ['none', 'password', 'password change', 'query', 'signed', 'interactive']
  const error = 'error'
  const outcome = (situation: Situation, name: string): readonly string[] | typeof error => {
    if (situation === 'done') return [] // RFC 4252 §5.1: ignored
    if (situation === 'deciding') return [] // waits until the request before it is answered
    if (situation === 'prompted' && name === 'response') return ['responses']
    if (!requests.includes(name)) return error
    if (situation === 'change asked' && name === 'password change') return ['new-password']
    return situation === 'idle' ? ['request'] : ['abandoned', 'request']
  }

  describe.each(Object.keys(makers) as Situation[])('%s', (situation) => {
    test.each(Object.keys(sent))('gets %s', (name) => {
      const server = makers[situation]()
      payloads(server)
      const expected = outcome(situation, name)
      const run = (): string[] => types(feed(server, sent[name] as Uint8Array))
      if (expected === error) {
        expect(run).toThrow(ProtocolError)
        expect(() => server.poll()).toThrow(ProtocolError)
      } else expect(run()).toEqual(expected)
      expect(payloads(server), 'nobody was let in, nothing was answered').toEqual([])
    })
  })
})

describe('signatures', () => {
  test('cover session, user, service, algorithm and key, in the order of RFC 4252 §7', () => {
    const data = publickeySignatureData({
      sessionId: Uint8Array.of(0xaa),
      user: 'u',
      service: 's',
      algorithm: 'a',
      key: Uint8Array.of(0xbb),
    })
    expect(hexEncode(data)).toBe(
      [
        '00000001aa',
        '32',
        '0000000175',
        '0000000173',
        '00000009',
        hexEncode(utf8Encode('publickey')),
        '01',
      ].join('') + ['0000000161', '00000001bb'].join(''),
    )
    const hostbased = hostbasedSignatureData({
      sessionId: Uint8Array.of(0xaa),
      user: 'u',
      service: 's',
      algorithm: 'a',
      key: Uint8Array.of(0xbb),
      hostName: 'h',
      clientUser: 'c',
    })
    expect(hexEncode(hostbased)).toBe(
      ['00000001aa', '32', '0000000175', '0000000173', '00000009', hexEncode(utf8Encode('hostbased'))].join(
        '',
      ) + ['0000000161', '00000001bb', '0000000168', '0000000163'].join(''),
    )
  })

  test('right: the application is told, with what was signed', () => {
    const server = makeServer()
    const [event] = feed(server, signedRequest())
    expect(event).toMatchObject({
      type: 'request',
      request: {
        signed: true,
        verified: true,
        signedData: publickeySignatureData({
          sessionId,
          user: 'alice',
          service: 'ssh-connection',
          algorithm: 'ssh-ed25519',
          key,
        }),
      },
    })
  })

  const rsa = keyBlob('ssh-rsa')
  test.each<[string, Uint8Array]>([
    ['another session', signedRequest({}, { sessionId: utf8Encode('another') })],
    ['another user', signedRequest({ user: 'alice' }, { user: 'bob' })],
    ['another service', signedRequest({}, { service: 'ssh-userauth' })],
    ['another key', signedRequest({}, { key: keyBlob('ssh-ed25519', 'b') })],
    ['another key’s signature', signedRequest({}, {}, keyBlob('ssh-ed25519', 'b'))],
    [
      'another algorithm of the same key',
      signedRequest({ algorithm: 'rsa-sha2-512', key: rsa }, { algorithm: 'rsa-sha2-256', key: rsa }),
    ],
    [
      'nothing: empty',
      request(
        'publickey',
        messages.publickeySignedData.encode({ signed: true, algorithm: 'ssh-ed25519', key, signature: none }),
      ),
    ],
  ])('over %s: refused before the application hears of it', (_, payload) => {
    const server = makeServer()
    const seen = feed(server, payload)
    expect(types(seen)).toEqual(['invalid-signature'])
    expect(answers(server)).toEqual(['userauthFailure'])
  })

  test('only `true` from the verifier counts', () => {
    for (const truthy of [1, 'yes', {}, Promise.resolve(true)]) {
      const server = makeServer({ verify: () => truthy as boolean })
      expect(types(feed(server, signedRequest()))).toEqual(['invalid-signature'])
    }
  })

  test('a signature for what was probed does not help with another key', () => {
    const server = makeServer()
    feed(server, queryRequest())
    server.pkOk()
    const other = keyBlob('ssh-ed25519', 'b')
    expect(types(feed(server, signedRequest({ key: other }, { key })))).toEqual(['invalid-signature'])
  })

  test.each<[string, Uint8Array]>([
    ['an algorithm of another key type', queryRequest('rsa-sha2-256')],
    ['a key type as algorithm that the key is not', queryRequest('ssh-ed25519', keyBlob('ssh-rsa'))],
    ['a key without a type', queryRequest('ssh-ed25519', none)],
    ['a key whose type is cut off', queryRequest('ssh-ed25519', Uint8Array.of(0, 0, 0, 9, 1))],
    ['an algorithm that is not taken', queryRequest('ecdsa-sha2-nistp256', keyBlob('ecdsa-sha2-nistp256'))],
    ['the same, signed', signedRequest({ algorithm: 'ssh-rsa', key: rsa })],
  ])('%s: refused by itself', (_, payload) => {
    const server = makeServer({ signatureAlgorithms: ['ssh-ed25519', 'rsa-sha2-256'] })
    expect(feed(server, payload)).toEqual([])
    expect(answers(server)).toEqual(['userauthFailure'])
  })

  test('certificates go by the algorithm of their own name', () => {
    const type = 'ssh-rsa-cert-v01@openssh.com'
    const blob = keyBlob(type)
    const server = makeServer()
    const algorithm = 'rsa-sha2-512-cert-v01@openssh.com'
    expect(feed(server, signedRequest({ algorithm, key: blob }))).toMatchObject([
      { request: { verified: true, algorithm, key: { type } } },
    ])
  })

  test('verifySignatures: false hands the check to the application, and says so', () => {
    const server = makeServer({
      verifySignatures: false,
      verify: () => {
        throw new Error('must not be asked')
      },
    })
    const [event] = feed(server, signedRequest({}, {}, keyBlob('ssh-ed25519', 'b')))
    expect(event).toMatchObject({ type: 'request', request: { signed: true, verified: false } })
    expect(event).toHaveProperty('request.signature')
    expect(event).toHaveProperty('request.signedData')
    server.accept()
    expect(answers(server)).toEqual(['userauthSuccess'])
  })

  test('hostbased: changing what it covers', () => {
    const host = keyBlob('ssh-ed25519', 'host')
    const make = (hostName: string, clientUser: string): Uint8Array => {
      const data = hostbasedSignatureData({
        sessionId,
        user: 'alice',
        service: 'ssh-connection',
        algorithm: 'ssh-ed25519',
        key: host,
        hostName: 'h.',
        clientUser: 'bob',
      })
      const signature = signatureOf(host, 'ssh-ed25519', data)
      const said = { algorithm: 'ssh-ed25519', key: host, hostName, clientUser, signature }
      return request('hostbased', messages.hostbasedSignedData.encode(said))
    }
    expect(types(feed(makeServer(), make('h.', 'bob')))).toEqual(['request'])
    for (const [hostName, clientUser] of [
      ['other.', 'bob'],
      ['h.', 'root'],
      ['h.b', 'ob'],
    ] as const)
      expect(types(feed(makeServer(), make(hostName, clientUser)))).toEqual(['invalid-signature'])
  })
})

test('a key under an algorithm of another type is refused, and nobody is asked about it', () => {
  const rsa = keyBlob('ssh-rsa')
  for (const [algorithm, blob] of [
    ['ssh-ed25519', rsa],
    ['rsa-sha2-512', key],
    ['ssh-rsa-cert-v01@openssh.com', rsa],
    ['ssh-ed25519', none],
  ] as const)
    for (const payload of [
      request('publickey', messages.publickeyData.encode({ signed: false, algorithm, key: blob })),
      signedRequest({ algorithm, key: blob }),
    ]) {
      const server = makeServer()
      expect(feed(server, payload)).toEqual([])
      expect(answers(server)).toEqual(['userauthFailure'])
    }
})

describe('a query never authenticates', () => {
  test('accept on it says PK_OK with the name that was asked about', () => {
    const server = makeServer()
    feed(server, queryRequest('rsa-sha2-512', keyBlob('ssh-rsa')))
    server.accept()
    const [answer] = payloads(server)
    expect(messages.userauthPkOk.decode(answer as Uint8Array)).toEqual({
      algorithm: 'rsa-sha2-512',
      key: keyBlob('ssh-rsa'),
    })
    expect(events(server)).toEqual([])
    server.receive(request('none'))
    expect(server.poll()).toMatchObject({ type: 'request' })
  })

  test('pkOk on a signed request is an error', () => {
    const server = makeServer()
    feed(server, signedRequest())
    expect(() => server.pkOk()).toThrow(/only a query/)
  })
})

describe('pipelining', () => {
  test('requests are answered one after the other, in order', () => {
    const server = makeServer()
    expect(feed(server, passwordRequest('a'), passwordRequest('b'), passwordRequest('c'))).toMatchObject([
      { request: { password: 'a' } },
    ])
    server.reject()
    expect(events(server)).toMatchObject([{ request: { password: 'b' } }])
    server.reject({ partial: true })
    expect(events(server)).toMatchObject([{ request: { password: 'c' } }])
    server.accept()
    expect(types(events(server))).toEqual(['success'])
    expect(answers(server)).toEqual(['userauthFailure', 'userauthFailure', 'userauthSuccess'])
  })

  test('what stands behind the successful one is ignored, then and later', () => {
    const server = makeServer()
    feed(server, passwordRequest('a'), passwordRequest('b'), Uint8Array.of(99))
    server.accept()
    expect(types(events(server))).toEqual(['success'])
    for (let at = 0; at < 100; at++) expect(feed(server, passwordRequest('c'), request('none'))).toEqual([])
    expect(answers(server)).toEqual(['userauthSuccess'])
  })

  test('a request behind a dialog waits for its first answer, and then ends it', () => {
    const server = makeServer()
    expect(types(feed(server, interactive, passwordRequest('x')))).toEqual(['request'])
    server.prompt([{ prompt: '?', echo: true }])
    expect(types(events(server))).toEqual(['abandoned', 'request'])
    expect(answers(server), 'no FAILURE for what was abandoned').toEqual(['60'])
  })

  test('is bounded', () => {
    const server = makeServer()
    for (let at = 0; at < 33; at++) feed(server, passwordRequest('x'))
    expect(thrown(() => feed(server, passwordRequest('x'))).code).toBe('SSH_LIMIT_PIPELINED_AUTH')
  })
})

describe('user and service', () => {
  test('another user: told, and the list of methods starts again', () => {
    const server = makeServer()
    feed(server, passwordRequest('x'))
    server.reject({ partial: true, methods: ['keyboard-interactive'] })
    expect(feed(server, passwordRequest('x', { userName: 'root' }))).toMatchObject([
      { request: { user: 'root', reset: true } },
    ])
    server.reject()
    const [, last] = payloads(server)
    expect(messages.userauthFailure.decode(last as Uint8Array).methods).toEqual(['publickey', 'password'])
    expect(feed(server, passwordRequest('x', { userName: 'root' }))).toMatchObject([
      { request: { reset: false } },
    ])
  })

  test('another service ends the connection', () => {
    const error = thrown(() => feed(makeServer(), request('none', none, { serviceName: 'ssh-userauth' })))
    expect(error).toMatchObject({ disconnectReason: 7, message: expect.stringContaining('"ssh-userauth"') })
  })

  test('a user name that is not UTF-8 ends the connection: no two names look alike', () => {
    const payload = request('none', none, { userName: 'xx' }).slice()
    payload[5] = 0xff
    expect(thrown(() => feed(makeServer(), payload)).disconnectReason).toBe(15)
  })

  test('a password change by another user is no answer to the one who was asked', () => {
    const server = makeServer()
    feed(server, passwordRequest('x'))
    server.changePassword('too old')
    const change = messages.passwordChangeData.encode({
      change: true,
      password: utf8Encode('x'),
      newPassword: utf8Encode('y'),
    })
    const seen = feed(server, request('password', change, { userName: 'root' }))
    expect(types(seen)).toEqual(['abandoned', 'request'])
    expect(seen[1]).toMatchObject({ request: { user: 'root', reset: true, newPassword: 'y' } })
  })
})

describe('limits', () => {
  /** Sends `payload` again and again, refusing; gives after how many poll threw. */
  function tries(payload: Uint8Array, o: Partial<UserauthServerOptions> = {}): number {
    const server = makeServer(o)
    for (let count = 1; count < 1000; count++) {
      try {
        if (feed(server, payload).some(({ type }) => type === 'request')) server.reject()
        events(server)
      } catch (error) {
        expect(error).toBeInstanceOf(TooManyAttemptsError)
        expect(error).toMatchObject({ code: 'SSH_TOO_MANY_ATTEMPTS', disconnectReason: 14 })
        expect(server.takeOutput()).toBeUndefined()
        return count
      }
      expect(payloads(server)).toHaveLength(1)
    }
    return Number.POSITIVE_INFINITY
  }

  test.each<[string, Uint8Array, number]>([
    ['passwords', passwordRequest('x'), 6],
    ['queries count half', queryRequest(), 12],
    ['the first none is free', request('none'), 7],
    ['unknown methods', request('gssapi-with-mic', utf8Encode('anything')), 6],
    ['invalid signatures', signedRequest({}, { user: 'bob' }), 6],
    ['signed requests that are refused', signedRequest(), 6],
    ['keys of the wrong type', queryRequest('ssh-rsa'), 12],
  ])('tries: %s', (_, payload, count) => {
    expect(tries(payload)).toBe(count)
    expect(tries(payload, { maxAttempts: 60, maxRequests: 20 })).toBe(21)
  })

  test('queries that are accepted count half too', () => {
    const server = makeServer()
    for (let at = 0; at < 11; at++) {
      feed(server, queryRequest())
      server.accept()
      expect(answers(server)).toEqual(['60'])
    }
    feed(server, queryRequest())
    server.accept()
    expect(() => server.poll()).toThrow(TooManyAttemptsError)
  })

  test('partial success does not count', () => {
    const server = makeServer()
    for (let at = 0; at < 50; at++) {
      feed(server, passwordRequest('x'))
      server.reject({ partial: true })
    }
    expect(answers(server)).toHaveLength(50)
  })

  test('the last invalid signature is still told of', () => {
    const server = makeServer({ maxAttempts: 1 })
    server.receive(signedRequest({}, { user: 'bob' }))
    expect(server.poll()).toMatchObject({ type: 'invalid-signature' })
    expect(() => server.poll()).toThrow(TooManyAttemptsError)
  })

  test('rounds of questions', () => {
    const server = makeServer({ maxRequests: 10 })
    feed(server, interactive)
    for (let at = 0; at < 9; at++) {
      server.prompt([{ prompt: '?', echo: true }])
      expect(types(feed(server, response))).toEqual(['responses'])
    }
    server.prompt([{ prompt: '?', echo: true }])
    expect(() => feed(server, response)).toThrow(/more than 10 authentication messages/)
  })
})

describe('malformed', () => {
  const prompted = (): UserauthServer => {
    const server = makeServer()
    feed(server, interactive)
    server.prompt([{ prompt: '?', echo: true }])
    return server
  }
  const hostbased = request(
    'hostbased',
    messages.hostbasedSignedData.encode({
      algorithm: 'ssh-ed25519',
      key,
      hostName: 'h',
      clientUser: 'u',
      signature: utf8Encode('s'),
    }),
  )

  test.each<[string, () => UserauthServer, Uint8Array]>([
    ['none', makeServer, request('none')],
    ['password', makeServer, passwordRequest('x')],
    ['query', makeServer, queryRequest()],
    ['signed', makeServer, signedRequest()],
    ['interactive', makeServer, interactive],
    ['hostbased', makeServer, hostbased],
    ['response', prompted, response],
  ])('%s, cut at every byte and with one too many', (_, make, payload) => {
    for (let length = 0; length < payload.length; length++)
      expect(() => feed(make(), payload.subarray(0, length)), `${length}`).toThrow(ProtocolError)
    expect(() => feed(make(), concat(payload, Uint8Array.of(0)))).toThrow(ProtocolError)
  })

  test.each([
    ['none', []],
    ['too many', ['a', 'b']],
  ])('%s responses', (_, responses) => {
    expect(() => feed(prompted(), messages.userauthInfoResponse.encode({ responses }))).toThrow(
      /came to 1 prompts/,
    )
  })

  test('a count of responses that lies', () => {
    for (const count of [2, 129, 0xffffffff])
      expect(() => feed(prompted(), new Writer().byte(61).uint32(count).string('x').finish())).toThrow(
        ProtocolError,
      )
  })

  test('a second response to the same prompts', () => {
    const server = prompted()
    feed(server, response, response)
    expect(() => {
      server.reject()
      server.poll()
    }).toThrow(/no prompts are out/)
  })

  test('garbage gives events or a ProtocolError, and lets nobody in', () => {
    const number = fc.constantFrom(50, 50, 50, 51, 52, 53, 60, 61, 66, 0)
    const methods = ['none', 'password', 'publickey', 'keyboard-interactive', 'hostbased', 'x']
    const noise = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 4, 11), fc.nat(255)), { maxLength: 60 })
    const raw = fc.tuple(number, noise).map(([first, rest]) => Uint8Array.of(first, ...rest))
    const shaped = fc
      .tuple(fc.constantFrom(...methods), noise)
      .map(([method, rest]) => request(method, Uint8Array.from(rest)))
    fc.assert(
      fc.property(fc.array(fc.oneof(raw, shaped), { maxLength: 8 }), (list) => {
        const server = makeServer()
        for (const payload of list) {
          try {
            for (const event of feed(server, payload)) {
              expect(event.type === 'request' && 'verified' in event.request && event.request.verified).toBe(
                false,
              )
              if (event.type === 'request') server.reject()
            }
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
            break
          }
        }
        expect(answers(server)).not.toContain('userauthSuccess')
      }),
      { numRuns: 2000 },
    )
  })
})

test('a signer’s own signature passes its own server: the kit is not blind', () => {
  const signer = fakeSigner()
  const subject = { sessionId, user: 'alice', service: 'ssh-connection', algorithm: 'ssh-ed25519', key }
  const signature = signer.sign('ssh-ed25519', publickeySignatureData(subject))
  const data = messages.publickeySignedData.encode({ signed: true, algorithm: 'ssh-ed25519', key, signature })
  expect(feed(makeServer(), request('publickey', data))).toMatchObject([{ request: { verified: true } }])
})
