import { type AgreementAlgorithm, AgreementError, defaultProvider, modpGroup } from '@hawser/crypto'
import { bigintToBytes, bytesToBigint, concat, ProtocolError, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { deriveKey } from '../key-derivation.ts'
import { bitsIn } from '../testing/kit.ts'
import { kexdhInit, kexdhReply } from './dh.ts'
import { kexDhGexGroup, kexDhGexInit, kexDhGexReply, kexDhGexRequest } from './dh-gex.ts'
import { kexEcdhInit, kexEcdhReply } from './ecdh.ts'
import { encodeSecret, exchangeHash } from './exchange-hash.ts'
import { createKexMethod, type KexContext, type KexResult } from './method.ts'

const { backend, agreements } = defaultProvider
const named = (name: string): AgreementAlgorithm =>
  agreements.find((agreement) => agreement.name === name) as AgreementAlgorithm

const transcript = {
  clientIdent: Uint8Array.of(1),
  serverIdent: Uint8Array.of(2, 2),
  clientKexInit: Uint8Array.of(20, 3),
  serverKexInit: Uint8Array.of(20, 4, 4),
}
const gex = { min: 2048, preferred: 2048, max: 8192 }
const context = (name: string, role: 'client' | 'server'): KexContext => ({
  role,
  agreement: named(name),
  backend,
  transcript,
  gex,
  ...(role === 'server' ? { hostKey: Uint8Array.of(7, 7) } : {}),
})

/** Runs both ends against each other; gives both results and the messages. */
function dance(name: string) {
  const client = createKexMethod(context(name, 'client'))
  const server = createKexMethod(context(name, 'server'))
  const messages: Uint8Array[] = []
  let result: KexResult | undefined
  let message = client.start() as Uint8Array
  expect(server.start()).toBeUndefined()
  for (;;) {
    messages.push(message)
    expect(message[0]).toBe(server.expects)
    const step = server.step(message)
    let answer: Uint8Array
    if ('send' in step) answer = step.send
    else {
      result = step.result
      answer = (result.reply as (signature: Uint8Array) => Uint8Array)(Uint8Array.of(9))
    }
    messages.push(answer)
    expect(answer[0]).toBe(client.expects)
    const next = client.step(answer)
    if ('result' in next) return { server: result as KexResult, client: next.result, messages }
    message = next.send
  }
}

describe('the dances', () => {
  for (const { name } of agreements)
    test(`${name} gives both ends the same`, () => {
      const { client, server, messages } = dance(name)
      expect(client.hash).toEqual(server.hash)
      expect(client.secret).toEqual(server.secret)
      expect(client.signature).toEqual(Uint8Array.of(9))
      expect(client.hostKey).toEqual(Uint8Array.of(7, 7))
      expect(messages).toHaveLength(name.includes('exchange') ? 4 : 2)
    })

  /** H once more, written out with bigints where the RFCs say mpint. */
  const common = (): Writer =>
    new Writer()
      .string(Uint8Array.of(1))
      .string(Uint8Array.of(2, 2))
      .string(Uint8Array.of(20, 3))
      .string(Uint8Array.of(20, 4, 4))
      .string(Uint8Array.of(7, 7))
  test('the hash of ECDH is that of RFC 5656 §4', () => {
    const { client, messages } = dance('curve25519-sha256')
    const { clientPublic } = kexEcdhInit.decode(messages[0] as Uint8Array)
    const { serverPublic } = kexEcdhReply.decode(messages[1] as Uint8Array)
    const all = common().string(clientPublic).string(serverPublic).bytes(client.secret).finish()
    expect(client.hash).toEqual(backend.hash('sha256', all))
  })
  test('the hash of DH is that of RFC 4253 §8', () => {
    const { client, messages } = dance('diffie-hellman-group14-sha256')
    const { e } = kexdhInit.decode(messages[0] as Uint8Array)
    const { f } = kexdhReply.decode(messages[1] as Uint8Array)
    const all = common().mpint(bytesToBigint(e)).mpint(bytesToBigint(f)).bytes(client.secret).finish()
    expect(client.hash).toEqual(backend.hash('sha256', all))
  })
  test('the hash of group exchange is that of RFC 4419 §3', () => {
    const { client, messages } = dance('diffie-hellman-group-exchange-sha256')
    const { p, g } = kexDhGexGroup.decode(messages[1] as Uint8Array)
    const { e } = kexDhGexInit.decode(messages[2] as Uint8Array)
    const { f } = kexDhGexReply.decode(messages[3] as Uint8Array)
    const all = common()
      .uint32(2048)
      .uint32(2048)
      .uint32(8192)
      .mpint(bytesToBigint(p))
      .mpint(bytesToBigint(g))
      .mpint(bytesToBigint(e))
      .mpint(bytesToBigint(f))
      .bytes(client.secret)
      .finish()
    expect(client.hash).toEqual(backend.hash('sha256', all))
  })
  test('K enters as mpint or as string', () => {
    const classic = named('curve25519-sha256')
    const hybrid: AgreementAlgorithm = { ...classic, secretEncoding: 'string' }
    const encode = (agreement: AgreementAlgorithm, ...bytes: number[]): number[] => [
      ...encodeSecret(agreement, Uint8Array.from(bytes)),
    ]
    expect(encode(classic, 0, 0, 0x7f, 1)).toEqual([0, 0, 0, 2, 0x7f, 1])
    expect(encode(classic, 0x80, 1)).toEqual([0, 0, 0, 3, 0, 0x80, 1])
    expect(encode(hybrid, 0, 0x80, 1)).toEqual([0, 0, 0, 3, 0, 0x80, 1])
    expect(
      exchangeHash(backend, classic, transcript, Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)),
    ).toHaveLength(32)
  })
})

describe('public values that are refused', () => {
  const p = bytesToBigint(modpGroup(2048).prime)
  const values: readonly [string, bigint][] = [
    ['0', 0n],
    ['1', 1n],
    ['p - 1', p - 1n],
    ['p', p],
    ['p + 1', p + 1n],
    ['2^4096', 1n << 4096n],
    ['-2', -2n],
  ]
  for (const [name, value] of values)
    test(`e or f of ${name}`, () => {
      const init = new Writer().byte(30).mpint(value).finish()
      expect(() => createKexMethod(context('diffie-hellman-group14-sha256', 'server')).step(init)).toThrow(
        ProtocolError,
      )
      const client = createKexMethod(context('diffie-hellman-group14-sha256', 'client'))
      client.start()
      const reply = new Writer().byte(31).string('k').mpint(value).string('s').finish()
      expect(() => client.step(reply)).toThrow(ProtocolError)
    })
  test('an mpint with a needless zero', () => {
    const init = new Writer().byte(30).string(Uint8Array.of(0, 5)).finish()
    expect(() => createKexMethod(context('diffie-hellman-group14-sha256', 'server')).step(init)).toThrow(
      /needless/,
    )
  })
})

describe('groups', () => {
  const group = (prime: bigint, generator: bigint): Uint8Array =>
    new Writer().byte(31).mpint(prime).mpint(generator).finish()
  const p = bytesToBigint(modpGroup(2048).prime)
  const bad: readonly [string, bigint, bigint][] = [
    ['too small', (1n << 1023n) + 1n, 2n],
    ['too large', (1n << 8192n) + 1n, 2n],
    ['even', p + 1n, 2n],
    ['not prime', p - 2n, 2n],
    ['0', 0n, 2n],
    ['generator 0', p, 0n],
    ['generator 1', p, 1n],
    ['generator p - 1', p, p - 1n],
    ['generator above', p, p + 2n],
  ]
  for (const [name, prime, generator] of bad)
    test(`a client refuses one that is ${name}`, () => {
      const client = createKexMethod(context('diffie-hellman-group-exchange-sha256', 'client'))
      client.start()
      expect(() => client.step(group(prime, generator))).toThrow(AgreementError)
    })

  const requests: readonly [string, number, number, number, number | undefined][] = [
    ['a size that is known', 2048, 3072, 8192, 3072],
    ['the next above', 2048, 5000, 8192, 6144],
    ['the largest below', 2048, 4000, 4000, 3072],
    ['min under our limit', 1024, 1024, 8192, 2048],
    ['max above it', 2048, 9000, 16_384, 8192],
    ['n under min', 4096, 2048, 8192, undefined],
    ['n over max', 2048, 8192, 4096, undefined],
    ['all under our limit', 512, 1024, 1536, undefined],
    ['all above it', 9000, 9000, 16_384, undefined],
    ['nothing in between', 2500, 2600, 2700, undefined],
    ['2^32 - 1', 0xffffffff, 0xffffffff, 0xffffffff, undefined],
  ]
  for (const [name, min, n, max, bits] of requests)
    test(`a server serves ${name}`, () => {
      const server = createKexMethod(context('diffie-hellman-group-exchange-sha256', 'server'))
      const request = kexDhGexRequest.encode({ min, n, max })
      if (bits === undefined) return expect(() => server.step(request)).toThrow(/no group for a request/)
      const step = server.step(request)
      if (!('send' in step)) throw new Error('no group was sent')
      expect(bitsIn(kexDhGexGroup.decode(step.send).p)).toBe(bits)
    })
})

describe('keys', () => {
  const input = {
    backend,
    hash: 'sha256' as const,
    secret: encodeSecret(named('curve25519-sha256'), bigintToBytes(12345678901234567890n)),
    exchangeHash: new Uint8Array(32).fill(1),
    sessionId: new Uint8Array(32).fill(2),
  }
  const k1 = backend.hash('sha256', input.secret, input.exchangeHash, Uint8Array.of(0x43), input.sessionId)
  const k2 = backend.hash('sha256', input.secret, input.exchangeHash, k1)
  const k3 = backend.hash('sha256', input.secret, input.exchangeHash, k1, k2)
  test.each([0, 1, 16, 31, 32, 33, 64, 65, 96])('%i bytes are a part of K1 ‖ K2 ‖ K3', (size) => {
    expect(deriveKey(input, 'C', size)).toEqual(concat(k1, k2, k3).slice(0, size))
  })
})
