import { concat, hexDecode, hexEncode, latin1Encode, noBytes, Reader, UsageError, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { algorithmsOf, signatureAlgorithm } from './algorithms.ts'
import { KeyError } from './errors.ts'
import { readLine } from './formats/openssh-line.ts'
import { generateKey } from './generate.ts'
import type { PrivateKey, PublicKey } from './key.ts'
import { parsePrivateKey } from './parse.ts'
import { publicKeyFromBlob } from './public-blob.ts'
import { privateKeyOf, privateParts } from './sign.ts'
import { files, lines } from './testing/fixtures.ts'
import { codeOf, providers } from './testing/kit.ts'
import { createVerifier, whyUnusable } from './verify.ts'

const data = latin1Encode('what is signed')
const keys = { ed25519: files.ed25519, p256: files.p256, rsa: files.rsa } as const

const parsed = (name: keyof typeof keys, options = {}): PrivateKey => parsePrivateKey(keys[name], options)
const signatureOf = async (key: PrivateKey, algorithm = key.algorithms[0] as string): Promise<Uint8Array> =>
  key.sign(algorithm, data)
const blobOf = (algorithm: string, content: Uint8Array): Uint8Array =>
  new Writer().string(algorithm).string(content).finish()
const contentOf = (blob: Uint8Array): Uint8Array => {
  const from = new Reader(blob)
  from.string()
  return from.string()
}

describe.each(providers)('over %s', (_name, crypto) => {
  test.each([
    ['ed25519', undefined],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
    ['rsa', 2048],
  ] as const)(
    'a new %s %s key signs by each of its algorithms, and every other backend agrees',
    async (type, bits) => {
      const key = await generateKey(type, { crypto, comment: 'new', ...(bits === undefined ? {} : { bits }) })
      expect(key.comment).toBe('new')
      expect(key.publicKey.comment).toBe('new')
      for (const algorithm of key.algorithms) {
        const signature = await key.sign(algorithm, data)
        for (const [, other] of providers) {
          const verify = createVerifier(other)
          expect(verify(key.publicKey, algorithm, data, signature)).toBe(true)
          expect(verify(key.publicKey, algorithm, latin1Encode('something else'), signature)).toBe(false)
        }
      }
    },
  )

  test('no changed bit of a signature blob is accepted', async () => {
    const verify = createVerifier(crypto)
    for (const name of ['ed25519', 'p256', 'rsa'] as const) {
      const key = parsed(name, { crypto })
      const algorithm = key.algorithms[0] as string
      const signature = await signatureOf(key)
      for (let at = 0; at < signature.length; at++) {
        const bad = signature.slice()
        ;(bad[at] as number) ^= 1 << (at % 8)
        expect(verify(key.publicKey, algorithm, data, bad)).toBe(false)
      }
      for (let length = 0; length < signature.length; length += 7)
        expect(verify(key.publicKey, algorithm, data, signature.subarray(0, length))).toBe(false)
      expect(verify(key.publicKey, algorithm, data, concat(signature, Uint8Array.of(0)))).toBe(false)
    }
  })

  test('ecdsa numbers must be positive, in shortest form and below the order', async () => {
    const verify = createVerifier(crypto)
    const key = parsed('p256', { crypto })
    const from = new Reader(contentOf(await signatureOf(key)))
    const [r, s] = [from.string(), from.string()]
    const order = hexDecode(
      '00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
    ) as Uint8Array
    const zero = Uint8Array.of(0)
    const check = (first: Uint8Array, second: Uint8Array, more: Uint8Array = noBytes): boolean =>
      verify(
        key.publicKey,
        'ecdsa-sha2-nistp256',
        data,
        blobOf('ecdsa-sha2-nistp256', concat(new Writer().string(first).string(second).finish(), more)),
      )
    expect(check(r, s)).toBe(true)
    for (const bad of [noBytes, zero, order, Uint8Array.of(0xff), concat(zero, zero, r), concat(r, zero)]) {
      expect(check(bad, s)).toBe(false)
      expect(check(r, bad)).toBe(false)
    }
    expect(check(r, s, zero)).toBe(false)
  })

  test('a signature of another algorithm than asked for is refused, whatever it says', async () => {
    const verify = createVerifier(crypto)
    const key = parsed('rsa', { crypto })
    const signature = await signatureOf(key, 'rsa-sha2-256')
    expect(verify(key.publicKey, 'rsa-sha2-256', data, signature)).toBe(true)
    expect(verify(key.publicKey, 'rsa-sha2-512', data, signature)).toBe(false)
    expect(verify(key.publicKey, 'rsa-sha2-512', data, blobOf('rsa-sha2-512', contentOf(signature)))).toBe(
      false,
    )
    expect(verify(key.publicKey, 'ssh-ed25519', data, signature)).toBe(false)
    expect(verify(key.publicKey, 'no-such', data, signature)).toBe(false)
  })

  test('neither the name in a signature nor the type of the algorithm can be another one', async () => {
    const verify = createVerifier(crypto)
    const key = parsed('rsa', { crypto })
    const content = contentOf(await signatureOf(key, 'rsa-sha2-512'))
    const check = (asked: string, named: string): boolean =>
      verify(key.publicKey, asked, data, blobOf(named, content))
    expect(check('rsa-sha2-512', 'rsa-sha2-512')).toBe(true)
    expect(check('rsa-sha2-512', 'rsa-sha2-256')).toBe(false)
    // The same hash, so that the numbers alone would do.
    expect(check('ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521')).toBe(false)
  })

  test('an rsa signature without its leading zeros is the same number; a longer one is refused', async () => {
    const key = parsed('rsa', { crypto })
    const verify = createVerifier(crypto)
    // The first text whose signature begins with a zero byte; one in 256 does.
    let text = latin1Encode('')
    let content = noBytes
    for (let i = 0; content[0] !== 0; i++) {
      text = latin1Encode(`text ${i}`)
      content = contentOf(await key.sign('rsa-sha2-256', text))
    }
    const check = (bytes: Uint8Array): boolean =>
      verify(key.publicKey, 'rsa-sha2-256', text, blobOf('rsa-sha2-256', bytes))
    expect(content.length).toBe(256)
    expect(check(content)).toBe(true)
    expect(check(content.subarray(1))).toBe(true)
    expect(check(content.subarray(2))).toBe(false)
    expect(check(concat(Uint8Array.of(0), content))).toBe(false)
    expect(check(noBytes)).toBe(false)
  })

  test('a point off the curve is no key, and verifies nothing', () => {
    const { blob } = readLine(lines.p256)
    const bad = blob.slice()
    ;(bad[bad.length - 1] as number) ^= 1
    const key = publicKeyFromBlob(bad)
    expect(createVerifier(crypto)(key, key.type, data, blobOf(key.type, new Uint8Array(72)))).toBe(false)
    expect(whyUnusable(key, { crypto })).toMatch(/curve/)
  })

  test('halves that do not match are refused when the key is made', () => {
    const seed = new Uint8Array(32).fill(1)
    expect(
      codeOf(() =>
        privateKeyOf({ type: 'ed25519', seed, publicKey: new Uint8Array(32).fill(2) }, '', { crypto }),
      ),
    ).toBe('SSH_KEY_INVALID')
  })

  test('ed25519 signs as RFC 8032 §7.1 test 1 does', async () => {
    const hex = (text: string): Uint8Array => hexDecode(text) as Uint8Array
    const key = privateKeyOf(
      {
        type: 'ed25519',
        seed: hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
        publicKey: hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
      },
      '',
      { crypto },
    )
    expect(hexEncode(contentOf(await key.sign('ssh-ed25519', noBytes)))).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
  })
})

test.each([
  ['ed25519', 'seed'],
  ['p256', 'scalar'],
  ['rsa', 'd'],
  ['dsa', 'x'],
  ['skEd25519', 'keyHandle'],
] as const)('dispose() of %s overwrites its %s', (name, secret) => {
  const key = parsePrivateKey(files[name])
  const value = (privateParts(key) as unknown as Record<string, Uint8Array>)[secret] as Uint8Array
  expect(value.some((byte) => byte !== 0)).toBe(true)
  key.dispose()
  expect(value.every((byte) => byte === 0)).toBe(true)
  expect(() => key.sign(key.algorithms[0] ?? key.publicKey.type, data)).toThrow(/disposed of/)
})

test('values that are no key are overwritten before the error', () => {
  const parts = privateParts(parsePrivateKey(files.ed25519)) as unknown as {
    seed: Uint8Array
    publicKey: Uint8Array
  }
  const seed = parts.seed.slice()
  expect(() =>
    privateKeyOf({ type: 'ed25519', seed, publicKey: new Uint8Array(32) }, '', {}, 'test'),
  ).toThrow(/public key/)
  expect(seed).toEqual(new Uint8Array(32))
})

describe('algorithms', () => {
  test('are best first, and sha1 comes only when asked for', () => {
    expect(algorithmsOf('ssh-rsa')).toEqual(['rsa-sha2-512', 'rsa-sha2-256'])
    expect(algorithmsOf('ssh-rsa', { insecure: true })).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'])
    expect(algorithmsOf('ecdsa-sha2-nistp384')).toEqual(['ecdsa-sha2-nistp384'])
    expect(algorithmsOf('ssh-dss')).toEqual([])
    expect(signatureAlgorithm('rsa-sha2-256')?.keyType).toBe('ssh-rsa')
    expect(algorithmsOf('ssh-dss', { insecure: true })).toEqual([])
    expect(signatureAlgorithm('ssh-xmss@openssh.com')).toBeUndefined()
  })

  test('ssh-rsa (sha1) signs and verifies only when asked for, on both sides', async () => {
    expect(() => parsed('rsa').sign('ssh-rsa', data)).toThrow(UsageError)
    const key = parsed('rsa', { insecure: true })
    const signature = await key.sign('ssh-rsa', data)
    expect(createVerifier()(key.publicKey, 'ssh-rsa', data, signature)).toBe(false)
    expect(createVerifier(undefined, { insecure: true })(key.publicKey, 'ssh-rsa', data, signature)).toBe(
      true,
    )
  })

  test('a key signs by its own algorithms only', () => {
    expect(() => parsed('ed25519').sign('rsa-sha2-256', data)).toThrow(/signs by ssh-ed25519 here/)
  })
})

describe('weak rsa keys', () => {
  const weak = (options = {}): PrivateKey => parsePrivateKey(files.rsa1024, options)

  test('are read, but neither sign nor verify unless allowed', async () => {
    expect(() => weak().sign('rsa-sha2-256', data)).toThrow(KeyError)
    const allowed = weak({ minRsaBits: 1024 })
    const signature = await allowed.sign('rsa-sha2-256', data)
    expect(createVerifier()(allowed.publicKey, 'rsa-sha2-256', data, signature)).toBe(false)
    const lenient = createVerifier(undefined, { minRsaBits: 1024 })
    expect(lenient(allowed.publicKey, 'rsa-sha2-256', data, signature)).toBe(true)
  })

  test('whyUnusable says why', () => {
    expect(whyUnusable(weak().publicKey)).toMatch(/rsa key of 1024 bits .* at least 2048/)
    expect(whyUnusable(weak().publicKey, { minRsaBits: 1024 })).toBeUndefined()
    expect(whyUnusable(readLine(lines.dsa))).toMatch(/DSA is broken/)
    expect(whyUnusable(readLine(lines.dsa), { insecure: true })).toBeUndefined()
    expect(whyUnusable(readLine(lines.certificate))).toMatch(/cert-v01@openssh.com cannot be used/)
    expect(whyUnusable({ type: 'ssh-rsa', blob: readLine(lines.ed25519).blob })).toMatch(
      /its blob is of type/,
    )
    expect(whyUnusable({ type: 'ssh-rsa', blob: noBytes })).toBeDefined()
  })
})

describe('createVerifier', () => {
  test('judges by the bytes of a key, not by the object', async () => {
    const key = parsed('ed25519')
    const signature = await signatureOf(key)
    const verify = createVerifier()
    const mine: { -readonly [P in keyof PublicKey]: PublicKey[P] } = {
      type: key.publicKey.type,
      blob: key.publicKey.blob.slice(),
    }
    expect(verify(mine, 'ssh-ed25519', data, signature)).toBe(true)
    mine.blob.fill(9, 19)
    expect(verify(mine, 'ssh-ed25519', data, signature)).toBe(false)
    mine.blob.set(key.publicKey.blob)
    expect(verify(mine, 'ssh-ed25519', data, signature)).toBe(true)
    mine.type = 'ssh-rsa'
    expect(verify(mine, 'ssh-ed25519', data, signature)).toBe(false)
  })
})

describe('private keys', () => {
  test('do not show their values', () => {
    for (const name of ['ed25519', 'p256', 'rsa'] as const) {
      const key = parsed(name)
      expect(Object.keys(JSON.parse(JSON.stringify(key)) as object).sort()).toEqual([
        'algorithms',
        'comment',
        'publicKey',
      ])
      expect(Object.getOwnPropertyNames(key).sort()).toEqual(['algorithms', 'comment', 'publicKey'])
      expect(Object.getOwnPropertySymbols(key)).toEqual([])
    }
  })

  test('do not sign once they are disposed of', () => {
    const key = parsed('rsa')
    key.dispose()
    key.dispose()
    expect(() => key.sign('rsa-sha2-256', data)).toThrow(/disposed of/)
  })

  test('erase their values when they are disposed of', () => {
    const seed = new Uint8Array(32).fill(7)
    const publicKey = providers[0][1].backend.publicFromPrivate({ type: 'ed25519', seed })
    privateKeyOf({ type: 'ed25519', seed, publicKey }, '').dispose()
    expect(seed).toEqual(new Uint8Array(32))
  })
})

describe('generateKey', () => {
  test.each([
    ['ed25519', 255],
    ['ecdsa', 512],
    ['rsa', 1024],
    ['rsa', 2049],
    ['rsa', 32_768],
    ['dsa', 1024],
  ])('refuses %s with %s bits', async (type, bits) => {
    await expect(generateKey(type as 'rsa', { bits })).rejects.toThrow(UsageError)
  })
})
