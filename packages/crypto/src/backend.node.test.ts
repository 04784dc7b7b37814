/** The node backend in a runtime that lacks primitives, as Bun and Deno do. */

import type * as nodeCrypto from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { backend as noble } from './backend.noble.ts'
import { backend as complete } from './backend.node.ts'
import type { Backend } from './backend.ts'

afterEach(() => {
  vi.doUnmock('node:crypto')
  vi.resetModules()
})

/** The backend over node:crypto with `changes`, loaded anew. */
async function load(changes: (real: typeof nodeCrypto) => Partial<typeof nodeCrypto>): Promise<Backend> {
  vi.resetModules()
  vi.doMock('node:crypto', async (original) => {
    const real = await original<typeof nodeCrypto>()
    return { ...real, ...changes(real) }
  })
  const { backend } = await import('./backend.node.ts')
  return backend
}

test('without chacha20 it loads and does not offer it', async () => {
  const backend = await load((real) => ({
    createCipheriv: ((name: string, ...rest: [Uint8Array, Uint8Array]) => {
      if (name === 'chacha20') throw new Error('Unknown cipher')
      return real.createCipheriv(name, ...rest)
    }) as typeof real.createCipheriv,
  }))
  expect(complete.chacha20).toBeTypeOf('function')
  expect('chacha20' in backend).toBe(false)
  expect(backend.aesCtr(new Uint8Array(16), new Uint8Array(16)).update(Uint8Array.of(1))).toHaveLength(1)
})

test('an all-zero secret of x25519 is refused where the library gives it', async () => {
  const backend = await load(() => ({ diffieHellman: () => Buffer.alloc(32) }))
  expect(() => backend.x25519().derive(complete.x25519().publicKey)).toThrow(RangeError)
})

test('keys of 25519 are the same where the library has none as JWK', async () => {
  const refused = vi.fn()
  const backend = await load((real) => ({
    createPublicKey: (input) => {
      if (!isJwk(input)) return real.createPublicKey(input)
      refused()
      throw new TypeError('unsupported')
    },
    createPrivateKey: (input) => {
      if (!isJwk(input)) return real.createPrivateKey(input)
      refused()
      throw new TypeError('unsupported')
    },
  }))
  for (const one of [backend.x25519(), backend.x25519()]) {
    const other = complete.x25519()
    expect(one.publicKey).toHaveLength(32)
    expect(one.derive(other.publicKey)).toEqual(other.derive(one.publicKey))
  }
  const seed = complete.random(32)
  const key = {
    type: 'ed25519',
    seed,
    publicKey: complete.publicFromPrivate({ type: 'ed25519', seed }),
  } as const
  expect(backend.publicFromPrivate(key)).toEqual(key.publicKey)
  const signature = await complete.signer(key)('sha512', seed)
  expect(backend.verifier(key)('sha512', seed, signature)).toBe(true)
  expect(backend.verifier(key)('sha512', key.publicKey, signature)).toBe(false)
  // Once for each curve, and once for private keys, is enough to know.
  expect(refused).toHaveBeenCalledTimes(3)
})

test('without P-521 the noble backend stands in', async () => {
  const backend = await load((real) => ({
    createECDH: (name: string) => {
      if (name === 'secp521r1') throw new TypeError('invalid curve')
      return real.createECDH(name)
    },
  }))
  // What stands in is loaded in the background.
  await vi.dynamicImportSettled()
  const pair = backend.ecdh('nistp521')
  const peer = complete.ecdh('nistp521')
  expect(pair.derive(peer.publicKey)).toEqual(peer.derive(pair.publicKey))
  const key = await backend.generateKey({ type: 'ecdsa', curve: 'nistp521' })
  const data = Uint8Array.of(1, 2, 3)
  const signature = await backend.signer(key)('sha512', data)
  expect(complete.verifier(key)('sha512', data, signature)).toBe(true)
  expect(backend.verifier(key)('sha512', data, signature)).toBe(true)
  expect(backend.ecdh('nistp256').publicKey).toHaveLength(65)
})

const reached = vi.fn()

test.each<[string, (real: typeof nodeCrypto) => Partial<typeof nodeCrypto>]>([
  [
    'refuses such keys',
    (real) => ({
      createPrivateKey: (input) => {
        if (!isDiffieHellman(input)) return real.createPrivateKey(input)
        reached()
        throw new Error('unsupported')
      },
    }),
  ],
  [
    'computes something else with them',
    (real) => ({
      createPublicKey: (input) => {
        const key = real.createPublicKey(input)
        if (String(key.asymmetricKeyType) !== 'dh') return key
        reached()
        const der = key.export({ type: 'spki', format: 'der' })
        der.writeUInt8((der.at(-1) ?? 0) ^ 4, der.length - 1)
        return real.createPublicKey({ key: der, type: 'spki', format: 'der' })
      },
    }),
  ],
])('modPow is right where Diffie-Hellman by DER %s', async (_, changes) => {
  reached.mockClear()
  const backend = await load(changes)
  for (const length of [64, 256]) {
    const modulus = complete
      .random(length)
      .fill(0xf1, 0, 1)
      .fill(0x0d, length - 1)
    const base = complete.random(length)
    const exponent = complete.random(64)
    expect(backend.modPow(base, exponent, modulus)).toEqual(noble.modPow(base, exponent, modulus))
  }
  // Once is enough to know.
  expect(reached).toHaveBeenCalledOnce()
})

function isDiffieHellman(input: Parameters<typeof nodeCrypto.createPrivateKey>[0]): boolean {
  const key = typeof input === 'object' && 'key' in input ? input.key : undefined
  return Buffer.isBuffer(key) || key instanceof Uint8Array
    ? Buffer.from(key).includes(Buffer.from('2a864886f70d010301', 'hex'))
    : false
}

function isJwk(input: object | string): boolean {
  return typeof input === 'object' && 'format' in input && input.format === 'jwk'
}
