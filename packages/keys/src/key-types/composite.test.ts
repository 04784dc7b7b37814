/** Composite keys by the published answer, by a file of OpenSSH's format, over both backends, and what must be refused. */

import { createProvider, defaultProvider } from '@hawser/crypto'
import { withMlDsa } from '@hawser/crypto/ml-dsa'
import { backend as noble } from '@hawser/crypto/noble'
import { equal, Reader, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { readAgentKey, writeAgentKey } from '../agent-form.ts'
import { describeKey } from '../fingerprints/describe.ts'
import { formatPrivateKey, formatPublicKey } from '../format.ts'
import { generateKey } from '../generate.ts'
import { parsePrivateKey, parsePublicKey } from '../parse.ts'
import { privateKeyOf, privateParts } from '../sign.ts'
import { compositeFile } from '../testing/composite-file.ts'
import { message, publicKeyStart, seeds, signature } from '../testing/composite-vector.ts'
import { codeOf } from '../testing/kit.ts'
import { createVerifier, whyUnusable } from '../verify.ts'
import { generateComposite } from './composite.ts'
import type { CompositeName } from './parts.ts'

const names: readonly CompositeName[] = ['ssh-mldsa44-ed25519', 'ssh-mldsa44-ed25519@openssh.com']
const crypto = withMlDsa()
const providers = [
  ['the default backend', crypto],
  ['noble', withMlDsa(createProvider(noble))],
] as const

/** The key of the published answer, by whose seeds the public half is made. */
function published(name: CompositeName, { backend } = crypto) {
  const given = { ...backend, random: () => seeds.slice() }
  return privateKeyOf(generateComposite(given, name), '', { crypto })
}

const blob = (name: string, raw: Uint8Array): Uint8Array => new Writer().string(name).string(raw).finish()

describe.each(providers)('%s', (_, provider) => {
  test.each(names)('the published signature by %s', async (name) => {
    const verify = createVerifier(provider)
    const key = published(name, provider)
    const [type, both] = fieldsOf(key.publicKey.blob)
    expect([type, both.length]).toEqual([name, 1344])
    expect(both.subarray(0, publicKeyStart.length)).toEqual(publicKeyStart)
    expect(verify(key.publicKey, name, message, blob(name, signature))).toBe(true)
    const ours = await key.sign(name, message)
    expect(verify(key.publicKey, name, message, ours)).toBe(true)
    // Hedged: no two signatures are the same, but their halves of Ed25519 are.
    expect(fieldsOf(ours)[1].subarray(0, 2420)).not.toEqual(signature.subarray(0, 2420))
    expect(fieldsOf(ours)[1].subarray(2420)).toEqual(signature.subarray(2420))
  })

  test('a signature of which either half is wrong, and one of another length or name, is refused', () => {
    const verify = createVerifier(provider)
    const [name, other] = names as [CompositeName, CompositeName]
    const { publicKey } = published(name, provider)
    const check = (raw: Uint8Array, algorithm: string = name, named = algorithm): boolean =>
      verify(publicKey, algorithm, message, blob(named, raw))
    for (const at of [0, 1200, 2300, 2419, 2420, 2450, 2483]) {
      const bad = signature.slice()
      ;(bad[at] as number) ^= 1
      expect(check(bad)).toBe(false)
    }
    expect(check(signature.subarray(1))).toBe(false)
    expect(check(signature.subarray(0, 2420))).toBe(false)
    expect(check(signature, other)).toBe(false)
    expect(check(signature, name, other)).toBe(false)
    expect(check(signature, 'ssh-ed25519')).toBe(false)
    expect(verify(publicKey, name, message.subarray(1), blob(name, signature))).toBe(false)
    expect(check(signature)).toBe(true)
  })
})

describe('files and agents', () => {
  const key = parsePrivateKey(compositeFile, { crypto })

  test("OpenSSH's file: its two public keys are that of its seeds", async () => {
    expect([key.publicKey.type, key.comment]).toEqual([names[1], 'user@example.com'])
    expect(describeKey(key.publicKey)).toEqual({ label: 'MLDSA44-ED25519', bits: 256 })
    const made = await key.sign(key.publicKey.type, message)
    expect(createVerifier(crypto)(key.publicKey, key.publicKey.type, message, made)).toBe(true)
  })

  test('what we write is read again, with a passphrase and without; a line and the form for agents too', () => {
    for (const passphrase of [undefined, 'open sesame']) {
      const options = passphrase === undefined ? {} : { passphrase }
      const again = parsePrivateKey(formatPrivateKey(key, options), { crypto, ...options })
      expect(privateParts(again)).toEqual(privateParts(key))
    }
    expect(parsePublicKey(formatPublicKey(key.publicKey)).blob).toEqual(key.publicKey.blob)
    const to = new Writer()
    writeAgentKey(to, key)
    expect(privateParts(readAgentKey(new Reader(to.finish(), 'agent'), { crypto }))).toEqual(
      privateParts(key),
    )
    expect(codeOf(() => formatPrivateKey(key, { format: 'pkcs8' }))).toBe('SSH_KEY_UNSUPPORTED')
  })

  test('halves that do not belong together are refused', () => {
    for (const at of [5, 40]) {
      const parts = privateParts(key) as Extract<ReturnType<typeof privateParts>, { type: 'mldsa44-ed25519' }>
      const other = parts.seeds.slice()
      ;(other[at] as number) ^= 1
      expect(codeOf(() => privateKeyOf({ ...parts, seeds: other }, '', { crypto }))).toBe('SSH_KEY_INVALID')
    }
  })

  test('new keys, by both names', async () => {
    const types = await Promise.all(
      (['mldsa44-ed25519', 'mldsa44-ed25519@openssh.com'] as const).map(async (type) => {
        const { publicKey } = await generateKey(type, { crypto })
        return publicKey.type
      }),
    )
    expect(types).toEqual(names)
    const [a, b] = await Promise.all([1, 2].map(() => generateKey('mldsa44-ed25519', { crypto })))
    expect(equal(a?.publicKey.blob as Uint8Array, b?.publicKey.blob as Uint8Array)).toBe(false)
    await expect(generateKey('mldsa44-ed25519', { crypto, bits: 512 })).rejects.toThrow('256 bits')
  })

  test('a disposed key signs no more', async () => {
    const mine = await generateKey('mldsa44-ed25519', { crypto })
    mine.dispose()
    expect(() => mine.sign('ssh-mldsa44-ed25519', message)).toThrow('disposed of')
  })
})

test('without ML-DSA keys are read and carried, and an error says what is missing', async () => {
  const key = parsePrivateKey(compositeFile)
  expect(defaultProvider.backend.mlDsa44).toBeUndefined()
  expect(() => key.sign(key.publicKey.type, message)).toThrow('withMlDsa() of @hawser/crypto/ml-dsa')
  expect(whyUnusable(key.publicKey)).toMatch('withMlDsa() of @hawser/crypto/ml-dsa')
  expect(whyUnusable(key.publicKey, { crypto })).toBeUndefined()
  const { publicKey } = published('ssh-mldsa44-ed25519')
  expect(createVerifier()(publicKey, publicKey.type, message, blob(publicKey.type, signature))).toBe(false)
  await expect(generateKey('mldsa44-ed25519')).rejects.toThrow('withMlDsa() of @hawser/crypto/ml-dsa')
})

function fieldsOf(bytes: Uint8Array): [name: string, rest: Uint8Array] {
  const from = new Reader(bytes, 'blob')
  return [from.ascii(), from.string()]
}
