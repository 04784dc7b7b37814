/** Every key agreement between both backends, and the values that it must refuse. */

import { bigintToBytes, bytesToBigint, concat, ProtocolError, UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import type { AgreementAlgorithm, ModpGroup } from '../algorithm.ts'
import { backend as noble } from '../backend.noble.ts'
import { backend as node } from '../backend.node.ts'
import type { Backend } from '../backend.ts'
import { AgreementError } from '../errors.ts'
import { knownGroup } from './groups.ts'
import { agreements, modpGroup } from './index.ts'

const backends = [node, noble] as const
const named = (name: string): AgreementAlgorithm => {
  const found = agreements.find((algorithm) => algorithm.name === name)
  if (found === undefined) throw new Error(`no ${name}`)
  return found
}
const groupFor = (algorithm: AgreementAlgorithm): ModpGroup | undefined =>
  algorithm.form === 'dh-gex' ? modpGroup(3072) : undefined

test('names, hashes and forms', () => {
  // RFC 8731 §3, RFC 5656 §6.2.1 and §10.1, RFC 8268 §3, RFC 4419 §4.
  expect(
    agreements.map(({ name, hash, form, secretEncoding, insecure }) => [
      name,
      hash,
      form,
      secretEncoding,
      insecure,
    ]),
  ).toEqual([
    ['mlkem768x25519-sha256', 'sha256', 'ecdh', 'string', undefined],
    ['sntrup761x25519-sha512', 'sha512', 'ecdh', 'string', undefined],
    ['sntrup761x25519-sha512@openssh.com', 'sha512', 'ecdh', 'string', undefined],
    ['mlkem768nistp256-sha256', 'sha256', 'ecdh', 'string', undefined],
    ['curve25519-sha256', 'sha256', 'ecdh', 'mpint', undefined],
    ['curve25519-sha256@libssh.org', 'sha256', 'ecdh', 'mpint', undefined],
    ['ecdh-sha2-nistp256', 'sha256', 'ecdh', 'mpint', undefined],
    ['ecdh-sha2-nistp384', 'sha384', 'ecdh', 'mpint', undefined],
    ['ecdh-sha2-nistp521', 'sha512', 'ecdh', 'mpint', undefined],
    ['diffie-hellman-group16-sha512', 'sha512', 'dh', 'mpint', undefined],
    ['diffie-hellman-group15-sha512', 'sha512', 'dh', 'mpint', undefined],
    ['diffie-hellman-group17-sha512', 'sha512', 'dh', 'mpint', undefined],
    ['diffie-hellman-group18-sha512', 'sha512', 'dh', 'mpint', undefined],
    ['diffie-hellman-group-exchange-sha256', 'sha256', 'dh-gex', 'mpint', undefined],
    ['diffie-hellman-group14-sha256', 'sha256', 'dh', 'mpint', undefined],
    ['diffie-hellman-group-exchange-sha1', 'sha1', 'dh-gex', 'mpint', true],
    ['diffie-hellman-group14-sha1', 'sha1', 'dh', 'mpint', true],
    ['diffie-hellman-group1-sha1', 'sha1', 'dh', 'mpint', true],
  ])
})

const pairs: readonly (readonly [Backend, Backend])[] = backends.flatMap((client) =>
  backends.map((server) => [client, server] as const),
)

describe.each(agreements)('$name', (algorithm) => {
  const group = groupFor(algorithm)

  test('both ends get the same fresh secret, whatever their backends', () => {
    const seen = new Set<string>()
    for (const [client, server] of pairs) {
      const { init, finish } = algorithm.initiate(client, group)
      const { reply, secret } = algorithm.respond(server, init, group)
      expect(finish(reply)).toEqual(secret)
      seen.add(secret.join())
    }
    expect(seen.size).toBe(pairs.length)
  })

  test('a changed value gives another secret or is refused', () => {
    const { init, finish } = algorithm.initiate(node, group)
    const { reply, secret } = algorithm.respond(node, init, group)
    const changed = reply.slice()
    changed[8] = (changed[8] as number) ^ 1
    let other: Uint8Array | undefined
    try {
      other = finish(changed)
    } catch (error) {
      expect(error).toBeInstanceOf(AgreementError)
    }
    expect(other).not.toEqual(secret)
  })

  test.each(backends)('$name refuses hostile values on both sides', (backend) => {
    const { finish } = algorithm.initiate(backend, group)
    for (const [what, value] of hostileValues(algorithm, group)) {
      expect(() => finish(value), `finish: ${what}`).toThrow(AgreementError)
      expect(() => algorithm.respond(backend, value, group), `respond: ${what}`).toThrow(AgreementError)
    }
  })

  test('the refusal is a protocol error with the reason for key exchange', () => {
    const { finish } = algorithm.initiate(node, group)
    let error: unknown
    try {
      finish(new Uint8Array(0))
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ code: 'SSH_KEX_BAD_VALUE', disconnectReason: 3 })
    expect(String(error)).toContain(algorithm.name)
  })

  test('it is frozen', () => {
    expect(Object.isFrozen(algorithm)).toBe(true)
  })
})

function hostileValues(
  algorithm: AgreementAlgorithm,
  group: ModpGroup | undefined,
): readonly (readonly [string, Uint8Array])[] {
  const good = algorithm.initiate(node, group).init
  const common: readonly (readonly [string, Uint8Array])[] = [
    ['empty', new Uint8Array(0)],
    ['one zero', Uint8Array.of(0)],
    ['zeros', new Uint8Array(good.length)],
    ['100,000 bytes', new Uint8Array(100_000).fill(0xff)],
  ]
  const allOnes = ['all ones', new Uint8Array(good.length).fill(0xff)] as const
  // Any 32 bytes are a point of Curve25519 or its twist, but for those of low order (RFC 7748 §5, §6.1).
  const order4 = ['of order 4', concat(Uint8Array.of(1), new Uint8Array(31))] as const
  if (algorithm.secretEncoding === 'string')
    return [
      ...common,
      ['short', good.slice(0, -1)],
      ['long', concat(good, Uint8Array.of(0))],
      [
        'a point that is none',
        concat(good.slice(0, -32), algorithm.name.includes('x25519') ? order4[1] : good.slice(0, 32)),
      ],
    ]
  if (algorithm.form === 'ecdh')
    return [
      ...common,
      algorithm.name.startsWith('curve25519') ? order4 : allOnes,
      ['short', good.slice(0, -1)],
      ['long', concat(good, Uint8Array.of(0))],
    ]
  const bits = { 1: 1024, 14: 2048, 15: 3072, 16: 4096, 17: 6144, 18: 8192 } as const
  const number = /group(\d+)-/.exec(algorithm.name)?.[1]
  const prime = group?.prime ?? knownGroup(bits[Number(number) as keyof typeof bits]).prime
  const p = bytesToBigint(prime)
  return [
    ...common,
    allOnes,
    ['1', Uint8Array.of(1)],
    ['1 with zeros in front', bigintToBytes(1n, prime.length)],
    ['p - 1', bigintToBytes(p - 1n)],
    ['p', prime],
    ['p + 1', bigintToBytes(p + 1n)],
    ['p + 2', bigintToBytes(p + 2n)],
    ['2 p', bigintToBytes(2n * p)],
  ]
}

describe('finite fields', () => {
  const algorithm = named('diffie-hellman-group14-sha256')
  const p = bytesToBigint(modpGroup(2048).prime)

  test('2 and p - 2 are the last values that are taken', () => {
    for (const value of [2n, p - 2n])
      expect(algorithm.respond(node, bigintToBytes(value)).secret).toHaveLength(256)
  })

  test('the values are powers of the generator by the same exponent', () => {
    // With 2 as the peer's value, the secret is 2^x, which is what was sent.
    const { init, finish } = algorithm.initiate(node)
    expect(finish(Uint8Array.of(2))).toEqual(init)
  })

  test('the exponent has 512 bits', () => {
    const drawn: number[] = []
    const exponents: Uint8Array[] = []
    const watched: Backend = {
      ...node,
      random(length) {
        drawn.push(length)
        return new Uint8Array(length)
      },
      modPow(base, exponent, modulus) {
        exponents.push(exponent.slice())
        return node.modPow(base, exponent, modulus)
      },
    }
    algorithm.initiate(watched).finish(Uint8Array.of(3))
    expect(drawn).toEqual([64])
    expect(exponents).toHaveLength(2)
    expect(exponents[0]).toEqual(exponents[1])
    expect((exponents[0]?.[0] as number) >> 7).toBe(1)
  })

  test('a value that is refused costs no power', () => {
    const idle: Backend = {
      ...node,
      modPow() {
        throw new Error('a power was computed')
      },
    }
    expect(() => algorithm.respond(idle, Uint8Array.of(1))).toThrow(AgreementError)
    expect(() => algorithm.respond(idle, Uint8Array.of(2))).toThrow('a power was computed')
  })

  test('group exchange needs a group, and one that is long enough', () => {
    const exchange = named('diffie-hellman-group-exchange-sha256')
    expect(() => exchange.initiate(node)).toThrow(UsageError)
    expect(() => exchange.respond(node, Uint8Array.of(2))).toThrow(UsageError)
    const tiny = { prime: Uint8Array.of(23), generator: Uint8Array.of(5) }
    expect(() => exchange.initiate(node, tiny)).toThrow(UsageError)
  })

  test('a peer value that leads to a known secret is refused', () => {
    // Modulo a square, every power of the root from the second on is 0.
    const root = (1n << 1024n) + 1n
    const exchange = named('diffie-hellman-group-exchange-sha256')
    const group = { prime: bigintToBytes(root * root), generator: Uint8Array.of(3) }
    expect(() => exchange.respond(node, bigintToBytes(root), group)).toThrow(AgreementError)
  })
})

test('the secret of curve25519 is the bytes as they are', () => {
  const client = named('curve25519-sha256').initiate(node)
  const peer = noble.x25519()
  expect(client.finish(peer.publicKey)).toEqual(peer.derive(client.init))
})

test('faults of a backend are not blamed on the peer', () => {
  const broken: Backend = {
    ...node,
    x25519: () => ({
      publicKey: new Uint8Array(32),
      derive() {
        throw new TypeError('broken')
      },
    }),
  }
  expect(() => named('curve25519-sha256').respond(broken, new Uint8Array(32))).toThrow(TypeError)
})
