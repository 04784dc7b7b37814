import { byteAtATime, flatten, outputs, pump, Rng, randomChunks, whole } from '@hawser/test-kit'
import { fields, ProtocolError, struct, UsageError, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { AgentClientMachine } from './client.ts'
import { framed } from './frames.ts'
import { agentLimits } from './limits.ts'
import type { AgentAnswer, AgentAsk } from './messages.ts'
import { type AgentAsked, AgentServerMachine } from './server.ts'

const bytes = (text: string): Uint8Array => utf8Encode(text)

/** Each request with the replies that are possible to it. */
const dialogs: readonly [AgentAsk, AgentAnswer][] = [
  [{ type: 'requestIdentities' }, { type: 'identitiesAnswer', identities: [] }],
  [
    { type: 'requestIdentities' },
    {
      type: 'identitiesAnswer',
      identities: [
        { keyBlob: bytes('one'), comment: 'eins' },
        { keyBlob: bytes(''), comment: '' },
      ],
    },
  ],
  [
    { type: 'signRequest', keyBlob: bytes('key'), data: bytes('data'), flags: 4 },
    { type: 'signResponse', signature: bytes('signature') },
  ],
  [{ type: 'signRequest', keyBlob: bytes(''), data: bytes(''), flags: 0 }, { type: 'failure' }],
  [{ type: 'addIdentity', key: bytes('private') }, { type: 'success' }],
  [{ type: 'addIdentityConstrained', key: bytes('private') }, { type: 'success' }],
  [{ type: 'removeIdentity', keyBlob: bytes('key') }, { type: 'failure' }],
  [{ type: 'removeAllIdentities' }, { type: 'success' }],
  [{ type: 'addSmartcardKey', reader: '/lib/x.so', pin: bytes('1234') }, { type: 'failure' }],
  [
    { type: 'addSmartcardKeyConstrained', reader: 'x', pin: bytes(''), constraints: bytes('limits') },
    { type: 'success' },
  ],
  [{ type: 'removeSmartcardKey', reader: 'x', pin: bytes('') }, { type: 'success' }],
  [{ type: 'lock', passphrase: bytes('secret') }, { type: 'success' }],
  [{ type: 'unlock', passphrase: bytes('') }, { type: 'failure' }],
  [
    { type: 'extension', name: 'query', contents: bytes('') },
    { type: 'extensionResponse', name: 'query', contents: bytes('list') },
  ],
  [{ type: 'extension', name: 'a@b.c', contents: bytes('x') }, { type: 'extensionFailure' }],
]

/** Contents that are empty are the same as none. */
function plain(answer: AgentAnswer): AgentAnswer {
  if (!('contents' in answer) || answer.type === 'extensionResponse') return answer
  return answer.contents?.length === 0 ? { type: answer.type } : answer
}

describe('client and server', () => {
  test.each([
    ['whole', whole],
    ['a byte at a time', byteAtATime],
    ['in random pieces', randomChunks(new Rng(7))],
  ])('every request and reply arrives as it was sent, %s', (_name, chunking) => {
    const client = new AgentClientMachine()
    const server = new AgentServerMachine()
    const numbers = dialogs.map(([ask]) => client.request(ask))
    const { a, b } = pump(client, server, {
      chunking,
      onB: ({ request }) => server.reply(request, (dialogs[request] as (typeof dialogs)[number])[1]),
    })
    expect(b.map(({ ask }) => ask)).toEqual(dialogs.map(([ask]) => ask))
    expect(a.map(({ request }) => request)).toEqual(numbers)
    expect(a.map(({ answer }) => plain(answer))).toEqual(dialogs.map(([, answer]) => answer))
    expect(client.outstanding).toBe(0)
    expect(server.outstanding).toBe(0)
  })

  test('replies leave in the order of the requests, whichever is given first', () => {
    const client = new AgentClientMachine()
    const server = new AgentServerMachine()
    const asked: AgentAsked[] = []
    for (const passphrase of ['1', '2', '3']) client.request({ type: 'lock', passphrase: bytes(passphrase) })
    pump(client, server, { onB: (ask) => void asked.push(ask) })
    for (const { request } of asked.reverse())
      server.reply(request, { type: request === 1 ? 'failure' : 'success' })
    const { a } = pump(client, server)
    expect(a.map(({ request, answer }) => [request, answer.type])).toEqual([
      [0, 'success'],
      [1, 'failure'],
      [2, 'success'],
    ])
  })
})

describe('server', () => {
  const asks = (server: AgentServerMachine): AgentAsked[] => {
    const all: AgentAsked[] = []
    for (let asked = server.poll(); asked !== undefined; asked = server.poll()) all.push(asked)
    return all
  }
  const sent = (server: AgentServerMachine): number[][] => [...outputs(server)].map((out) => [...out])
  const failure = [0, 0, 0, 1, 5]

  test.each([
    ['a number that nobody knows', Uint8Array.of(200)],
    ['a request of version 1', Uint8Array.of(1)],
    ['a reply', Uint8Array.of(12, 0, 0, 0, 0)],
    ['a request that ends early', Uint8Array.of(13, 0, 0, 0, 9, 1)],
    ['a request with bytes too many', Uint8Array.of(11, 0)],
    ['a smartcard without a PIN', Uint8Array.of(20, 0, 0, 0, 0)],
  ])('%s is answered with failure, and the next request is understood', (_name, message) => {
    const server = new AgentServerMachine()
    server.receive(framed(message))
    server.receive(framed(Uint8Array.of(11)))
    const [next, ...more] = asks(server)
    expect(next?.ask).toEqual({ type: 'requestIdentities' })
    expect(more).toEqual([])
    server.reply((next as AgentAsked).request, { type: 'success' })
    expect(sent(server)).toEqual([failure, [0, 0, 0, 1, 6]])
  })

  test('a bad request waits for its turn', () => {
    const server = new AgentServerMachine()
    server.receive(framed(Uint8Array.of(11)))
    server.receive(framed(Uint8Array.of(99)))
    const [first] = asks(server)
    expect(sent(server)).toEqual([])
    server.reply((first as AgentAsked).request, { type: 'success' })
    expect(sent(server)).toEqual([[0, 0, 0, 1, 6], failure])
  })

  test.each([
    ['nothing', 0],
    ['one byte more than the limit', agentLimits.message + 1],
    ['as much as can be said', 0xffffffff],
  ])('a message of %s ends it, before its bytes are waited for', (_name, length) => {
    const server = new AgentServerMachine()
    server.receive(new Writer().uint32(length).finish())
    expect(() => server.poll()).toThrow(ProtocolError)
    server.receive(framed(Uint8Array.of(11)))
    expect(() => server.poll()).toThrow(ProtocolError)
  })

  test('the longest message is taken', () => {
    const server = new AgentServerMachine()
    const key = new Uint8Array(agentLimits.message - 1).fill(1)
    server.receive(framed(new Writer().byte(17).bytes(key).finish()))
    expect(asks(server).map(({ ask }) => ask)).toEqual([{ type: 'addIdentity', key }])
  })

  test('takes a bounded number of requests before it answers', () => {
    const server = new AgentServerMachine()
    for (let i = 0; i < agentLimits.outstanding + 5; i++) server.receive(framed(Uint8Array.of(11)))
    const first = asks(server)
    expect(first).toHaveLength(agentLimits.outstanding)
    for (const { request } of first) server.reply(request, { type: 'success' })
    expect(asks(server)).toHaveLength(5)
  })

  test('answers once, and only what was asked', () => {
    const server = new AgentServerMachine()
    server.receive(framed(Uint8Array.of(11)))
    server.receive(framed(Uint8Array.of(11)))
    const [first, second] = asks(server) as [AgentAsked, AgentAsked]
    server.reply(second.request, { type: 'success' })
    expect(() => server.reply(second.request, { type: 'success' })).toThrow(UsageError)
    server.reply(first.request, { type: 'success' })
    expect(() => server.reply(first.request, { type: 'success' })).toThrow(UsageError)
    expect(() => server.reply(7, { type: 'success' })).toThrow(UsageError)
  })

  test('a reply that no client takes becomes failure', () => {
    const server = new AgentServerMachine()
    server.receive(framed(Uint8Array.of(11)))
    const [first] = asks(server) as [AgentAsked]
    server.reply(first.request, { type: 'signResponse', signature: new Uint8Array(agentLimits.message) })
    expect(sent(server)).toEqual([failure])
  })

  test('garbage gives failures or ProtocolError, nothing else', () => {
    const rng = new Rng(11)
    for (let round = 0; round < 300; round++) {
      const server = new AgentServerMachine()
      const garbage = rng.bytes(rng.between(1, 200))
      if (round % 2 === 0) garbage.set([0, 0, 0, rng.between(1, 40)].slice(0, garbage.length))
      server.receive(garbage)
      try {
        for (const { request } of asks(server)) server.reply(request, { type: 'failure' })
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
      for (const out of sent(server)) expect(out).toEqual(failure)
    }
  })
})

describe('client', () => {
  const asked = (ask: AgentAsk = { type: 'requestIdentities' }): AgentClientMachine => {
    const client = new AgentClientMachine()
    client.request(ask)
    return client
  }

  test.each([
    ['nothing', Uint8Array.of()],
    ['a number that nobody knows', Uint8Array.of(77)],
    ['a request', Uint8Array.of(11)],
    ['a signature in place of keys', Uint8Array.of(14, 0, 0, 0, 0)],
    ['success in place of keys', Uint8Array.of(6)],
    ['keys that end early', Uint8Array.of(12, 0, 0, 0, 1, 0, 0, 0, 9)],
    ['keys with bytes too many', Uint8Array.of(12, 0, 0, 0, 0, 1)],
    [
      'more keys than there can be',
      new Writer()
        .byte(12)
        .uint32(agentLimits.identities + 1)
        .bytes(new Uint8Array((agentLimits.identities + 1) * 8))
        .finish(),
    ],
    ['a count that lies', Uint8Array.of(12, 255, 255, 255, 255)],
  ])('%s from the agent is an error, and the same again from then on', (_name, message) => {
    const client = asked()
    client.receive(framed(message))
    expect(() => client.poll()).toThrow(ProtocolError)
    client.receive(framed(Uint8Array.of(5)))
    expect(() => client.poll()).toThrow(ProtocolError)
    expect(() => client.request({ type: 'requestIdentities' })).toThrow(UsageError)
  })

  test('as many keys as there can be are taken', () => {
    const identity = struct('identity', { blob: fields.string, comment: fields.string })
    const to = new Writer().byte(12).uint32(agentLimits.identities)
    for (let i = 0; i < agentLimits.identities; i++)
      identity.write(to, { blob: bytes('key'), comment: bytes(`${i}`) })
    const client = asked()
    client.receive(framed(to.finish()))
    const answer = client.poll()?.answer
    expect(answer?.type === 'identitiesAnswer' && answer.identities).toHaveLength(agentLimits.identities)
  })

  test('a reply that nobody asked for is an error', () => {
    const client = new AgentClientMachine()
    client.receive(framed(Uint8Array.of(5)))
    expect(() => client.poll()).toThrow(/nothing was asked/)
  })

  test('a request that no agent takes is refused here', () => {
    const client = new AgentClientMachine()
    const data = new Uint8Array(agentLimits.message)
    expect(() => client.request({ type: 'signRequest', keyBlob: bytes('k'), data, flags: 0 })).toThrow(
      UsageError,
    )
    expect(client.takeOutput()).toBeUndefined()
    expect(client.outstanding).toBe(0)
  })

  test('the bytes are those of the RFC', () => {
    const client = asked({ type: 'signRequest', keyBlob: bytes('K'), data: bytes('DD'), flags: 2 })
    expect([...flatten(client.takeOutput() as Uint8Array)]).toEqual([
      ...[0, 0, 0, 16, 13],
      ...[0, 0, 0, 1, 75],
      ...[0, 0, 0, 2, 68, 68],
      ...[0, 0, 0, 2],
    ])
  })

  test('garbage gives replies that fit or ProtocolError, nothing else', () => {
    const rng = new Rng(12)
    for (let round = 0; round < 300; round++) {
      const client = asked(
        round % 3 === 0 ? { type: 'extension', name: 'x', contents: bytes('') } : undefined,
      )
      const garbage = rng.bytes(rng.between(5, 200))
      garbage.set([0, 0, 0, rng.between(1, 40), [5, 6, 12, 14, 28, 29][round % 6] as number])
      client.receive(garbage)
      try {
        for (let reply = client.poll(); reply !== undefined; reply = client.poll())
          expect(reply.request).toBe(0)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }
  })
})
