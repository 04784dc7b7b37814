/** Logins bound to the server's host key (OpenSSH PROTOCOL §3.1), and signature algorithms per user. */

import { ProtocolError, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import * as messages from './messages.ts'
import { hostboundSignatureData } from './signature-data.ts'
import {
  events,
  fakeSigner,
  feed,
  makeClient,
  makeServer,
  named,
  payloads,
  queryRequest,
  request,
  sessionId,
  settle,
  signatureOf,
} from './userauth.test-kit.ts'

const hostKey = utf8Encode('the host key')
const signer = fakeSigner()
const { blob: key } = signer.publicKey

/** A signed request that says `says` and whose signature covers `covers`. */
function bound(says: Uint8Array, covers = says): Uint8Array {
  const algorithm = 'ssh-ed25519'
  const subject = { sessionId, user: 'alice', service: 'ssh-connection', algorithm, key }
  const signature = signatureOf(key, algorithm, hostboundSignatureData({ ...subject, hostKey: covers }))
  const data = messages.hostboundSignedData.encode({ signed: true, algorithm, key, hostKey: says, signature })
  return request(messages.hostboundMethod, data)
}

describe('logins bound to the host key', () => {
  test.each([true, false])('a client that was told of it uses it, probe %s', (probe) => {
    const client = makeClient({ boundTo: hostKey })
    const server = makeServer({ hostKey })
    const seen = settle(client, server, {
      client: (event) => {
        if (event.type === 'next') client.attempt({ method: 'publickey', signer, probe })
        if (event.type === 'ask-signature')
          client.provideSignature(signer.sign(event.algorithm, event.data) as Uint8Array)
      },
      server: (event) => event.type === 'request' && server.accept(),
    })
    expect(seen.client.at(-1)).toEqual({ type: 'success' })
    const asked = seen.server.flatMap((event) => (event.type === 'request' ? [event.request] : []))
    expect(asked).toHaveLength(probe ? 2 : 1)
    for (const each of asked) expect(each).toMatchObject({ method: 'publickey', hostbound: true })
    expect(asked.at(-1)).toMatchObject({ signed: true, verified: true })
  })

  test('it is announced between two tries: the next one is bound', () => {
    const client = makeClient()
    client.poll()
    client.attempt({ method: 'publickey', signer })
    expect(methodsIn(payloads(client))).toEqual(['publickey'])
    client.announced({ boundTo: hostKey })
    feed(client, messages.userauthPkOk.encode({ algorithm: 'ssh-ed25519', key }))
    client.provideSignature(signatureOf(key, 'ssh-ed25519', new Uint8Array(0)))
    expect(methodsIn(payloads(client))).toEqual(['publickey'])
    feed(client, messages.userauthFailure.encode({ methods: ['publickey'], partialSuccess: false }))
    client.attempt({ method: 'publickey', signer })
    expect(methodsIn(payloads(client))).toEqual([messages.hostboundMethod])
  })

  test('hostbased and password stay what they are', () => {
    const client = makeClient({ boundTo: hostKey })
    client.poll()
    client.attempt({ method: 'hostbased', signer, host: 'h', user: 'u' })
    events(client)
    client.provideSignature(signatureOf(key, 'ssh-ed25519', new Uint8Array(0)))
    expect(methodsIn(payloads(client))).toEqual(['hostbased'])
  })

  test('another host key ends the connection', () => {
    for (const payload of [bound(utf8Encode('another')), bound(utf8Encode('another'), hostKey)])
      expect(() => feed(makeServer({ hostKey }), payload)).toThrow(/another host key/)
  })

  test('a signature over another host key, or over none, is refused', () => {
    for (const payload of [bound(hostKey, utf8Encode('another'))]) {
      const server = makeServer({ hostKey })
      expect(feed(server, payload)).toMatchObject([{ type: 'invalid-signature' }])
      expect(named(payloads(server))).toEqual(['userauthFailure'])
    }
    const plain = makeServer({ hostKey })
    const data = messages.publickeySignedData.encode({
      signed: true,
      algorithm: 'ssh-ed25519',
      key,
      signature: messages.hostboundSignedData.decode(messages.userauthRequest.decode(bound(hostKey)).data)
        .signature,
    })
    expect(feed(plain, request('publickey', data))).toMatchObject([{ type: 'invalid-signature' }])
  })

  test('a server without its host key refuses the method, as any that it does not know', () => {
    const server = makeServer()
    expect(feed(server, bound(hostKey))).toEqual([])
    expect(named(payloads(server))).toEqual(['userauthFailure'])
  })

  test('cut anywhere, or too long, is malformed', () => {
    const { data } = messages.userauthRequest.decode(bound(hostKey))
    for (let length = 0; length < data.length; length++)
      expect(() =>
        feed(makeServer({ hostKey }), request(messages.hostboundMethod, data.subarray(0, length))),
      ).toThrow(ProtocolError)
    expect(() =>
      feed(makeServer({ hostKey }), request(messages.hostboundMethod, Uint8Array.of(...data, 0))),
    ).toThrow(ProtocolError)
  })
})

describe('signature algorithms of one user', () => {
  const of = (user: string): readonly string[] | undefined =>
    user === 'alice' ? ['rsa-sha2-512'] : undefined

  test('are told once the user is known, and are the only ones', () => {
    const server = makeServer({ signatureAlgorithmsOf: of })
    expect(feed(server, queryRequest())).toEqual([
      { type: 'user', user: 'alice', signatureAlgorithms: ['rsa-sha2-512'] },
    ])
    expect(named(payloads(server))).toEqual(['userauthFailure'])
  })

  test('do not count for others', () => {
    const server = makeServer({ signatureAlgorithmsOf: of })
    feed(server, request('none'))
    server.reject()
    const data = messages.publickeyData.encode({ signed: false, algorithm: 'ssh-ed25519', key })
    expect(feed(server, request('publickey', data, { userName: 'bob' }))).toMatchObject([{ type: 'request' }])
  })
})

function methodsIn(given: readonly Uint8Array[]): string[] {
  return given.map((payload) => messages.userauthRequest.decode(payload).methodName)
}
