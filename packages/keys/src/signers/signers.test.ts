import { UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { der } from '../der.ts'
import { KeyError } from '../errors.ts'
import { generateKey } from '../generate.ts'
import type { PrivateKey } from '../key.ts'
import { parsePrivateKey, parsePublicKey } from '../parse.ts'
import { sameKey } from '../public-blob.ts'
import { files, lines } from '../testing/fixtures.ts'
import { createVerifier } from '../verify.ts'
import { createSigner, type SignRequest } from './external.ts'
import {
  cryptoKeySigner,
  privateKeyFromCryptoKey,
  privateKeyToCryptoKey,
  publicKeyFromCryptoKey,
  publicKeyToCryptoKey,
  type WebCryptoKey,
} from './web-crypto.ts'

const data = Uint8Array.from({ length: 100 }, (_, i) => i)
const verify = createVerifier()

/** What is used of the platform; its types are not in this package. */
interface Subtle {
  generateKey(algorithm: object, extractable: boolean, usages: string[]): Promise<Pair>
  importKey(...args: readonly unknown[]): Promise<WebCryptoKey>
  sign(algorithm: object, key: WebCryptoKey, data: Uint8Array): Promise<ArrayBuffer>
  verify(algorithm: object, key: WebCryptoKey, signature: Uint8Array, data: Uint8Array): Promise<boolean>
}
interface Pair {
  readonly privateKey: WebCryptoKey
  readonly publicKey: WebCryptoKey
}
const { subtle } = (globalThis as unknown as { readonly crypto: { readonly subtle: Subtle } }).crypto

const rsa = (hash: string): object => ({
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
  hash,
})
const kinds: readonly (readonly [algorithm: string, web: object, signature: object])[] = [
  ['ssh-ed25519', { name: 'Ed25519' }, { name: 'Ed25519' }],
  ['ecdsa-sha2-nistp256', { name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
  ['ecdsa-sha2-nistp384', { name: 'ECDSA', namedCurve: 'P-384' }, { name: 'ECDSA', hash: 'SHA-384' }],
  ['ecdsa-sha2-nistp521', { name: 'ECDSA', namedCurve: 'P-521' }, { name: 'ECDSA', hash: 'SHA-512' }],
  ['rsa-sha2-256', rsa('SHA-256'), { name: 'RSASSA-PKCS1-v1_5' }],
  ['rsa-sha2-512', rsa('SHA-512'), { name: 'RSASSA-PKCS1-v1_5' }],
]

describe('keys of WebCrypto', () => {
  test.each(kinds)(
    '%s: as ours, ours as theirs, and signers of keys that stay inside',
    async (name, web, how) => {
      const pair = await subtle.generateKey(web, true, ['sign', 'verify'])
      const key = await privateKeyFromCryptoKey(pair.privateKey)
      const publicKey = await publicKeyFromCryptoKey(pair.publicKey)
      expect(sameKey(key.publicKey, publicKey)).toBe(true)
      expect(sameKey(await publicKeyFromCryptoKey(pair.privateKey), publicKey)).toBe(true)
      expect(verify(publicKey, name, data, await key.sign(name, data))).toBe(true)

      // Back: what their private key signs, their public key and ours accept.
      const algorithm = name.startsWith('rsa') ? { algorithm: name as 'rsa-sha2-256' } : {}
      const back = await privateKeyToCryptoKey(key, algorithm)
      expect([back.type, back.extractable]).toEqual(['private', false])
      const raw = new Uint8Array(await subtle.sign(how, back, data))
      expect(await subtle.verify(how, pair.publicKey, raw, data)).toBe(true)
      expect(await subtle.verify(how, await publicKeyToCryptoKey(publicKey, algorithm), raw, data)).toBe(true)

      for (const half of [publicKey, pair.publicKey]) {
        const signer = await cryptoKeySigner(back, half)
        expect(signer.algorithms).toEqual([name])
        expect(verify(publicKey, name, data, await signer.sign(name, data))).toBe(true)
      }
      expect((await cryptoKeySigner(pair.privateKey)).publicKey).toEqual(publicKey)
      await expect(cryptoKeySigner(back)).rejects.toThrow(/public half/)
      await expect(privateKeyFromCryptoKey(back)).rejects.toThrow(/cannot be exported/)
      await expect(cryptoKeySigner(pair.publicKey)).rejects.toThrow(/private CryptoKey/)
    },
  )

  test('a public half of another key shows at the first signature', async () => {
    const [one, two] = [await generateKey('ecdsa'), await generateKey('ecdsa')]
    const signer = await cryptoKeySigner(await privateKeyToCryptoKey(one), two.publicKey)
    await expect(signer.sign('ecdsa-sha2-nistp256', data)).rejects.toThrow(/none of this key/)
  })

  test('keys that are none for SSH are refused by name', async () => {
    const dh = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
    await expect(publicKeyFromCryptoKey(dh.publicKey)).rejects.toThrow(/ECDH with P-256 is none for SSH/)
    const sha1 = await subtle.generateKey(rsa('SHA-1'), true, ['sign', 'verify'])
    await expect(cryptoKeySigner(sha1.privateKey)).rejects.toThrow(KeyError)
    await expect(publicKeyToCryptoKey(parsePublicKey(lines.dsa))).rejects.toThrow(KeyError)
  })
})

describe('createSigner', () => {
  /** What stands in a signature blob of an own key, which plays the service. */
  const service =
    (key: PrivateKey, seen: SignRequest[] = []) =>
    async (request: SignRequest): Promise<Uint8Array> => {
      seen.push(request)
      const { privateKey } = { privateKey: await privateKeyToCryptoKey(key) }
      const hash = request.hash?.replace('sha', 'SHA-')
      return new Uint8Array(
        await subtle.sign({ name: privateKey.algorithm.name, hash }, privateKey, request.data),
      )
    }

  test('asks for a signature by name, hash and data, and wraps it', async () => {
    const key = parsePrivateKey(files.p256)
    const seen: SignRequest[] = []
    const signer = createSigner(key.publicKey, service(key, seen))
    expect(signer.algorithms).toEqual(['ecdsa-sha2-nistp256'])
    const blob = await signer.sign('ecdsa-sha2-nistp256', data)
    expect(verify(key.publicKey, 'ecdsa-sha2-nistp256', data, blob)).toBe(true)
    expect(seen).toEqual([{ algorithm: 'ecdsa-sha2-nistp256', hash: 'sha256', data }])
    await expect(signer.sign('ssh-ed25519', data)).rejects.toThrow(UsageError)
  })

  test('takes DER where that is said, and hints at it where it is not', async () => {
    const key = parsePrivateKey(files.p256)
    const asDer = async (request: SignRequest): Promise<Uint8Array> => {
      const raw = await service(key)(request)
      return der.sequence(der.integer(raw.subarray(0, 32)), der.integer(raw.subarray(32)))
    }
    const blob = await createSigner(key.publicKey, asDer, { encoding: 'der' }).sign(
      'ecdsa-sha2-nistp256',
      data,
    )
    expect(verify(key.publicKey, 'ecdsa-sha2-nistp256', data, blob)).toBe(true)
    await expect(createSigner(key.publicKey, asDer).sign('ecdsa-sha2-nistp256', data)).rejects.toThrow(
      /is it DER/,
    )
  })

  test('takes complete blobs, as of agents, and refuses what is no signature', async () => {
    const key = parsePrivateKey(files.ed25519)
    const sign = ({ algorithm, data: bytes }: SignRequest): Uint8Array | Promise<Uint8Array> =>
      key.sign(algorithm, bytes)
    const signer = createSigner(key.publicKey, sign, { encoding: 'ssh' })
    expect(verify(key.publicKey, 'ssh-ed25519', data, await signer.sign('ssh-ed25519', data))).toBe(true)
    for (const bad of [new Uint8Array(64), new Uint8Array(0), 'x' as unknown as Uint8Array])
      await expect(createSigner(key.publicKey, () => bad).sign('ssh-ed25519', data)).rejects.toThrow(
        /signature|Uint8Array/,
      )
    const failing = createSigner(key.publicKey, () => Promise.reject(new Error('the service is away')))
    await expect(failing.sign('ssh-ed25519', data)).rejects.toThrow('the service is away')
  })

  test('types that are not known sign by complete blobs only', () => {
    const key = parsePublicKey(lines.dsa)
    expect(() => createSigner(key, () => new Uint8Array(40))).toThrow(/encoding "ssh"/)
    expect(createSigner(key, () => new Uint8Array(0), { encoding: 'ssh' }).algorithms).toEqual(['ssh-dss'])
  })
})
