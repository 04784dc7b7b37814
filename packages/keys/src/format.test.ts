import { utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { KeyError } from './errors.ts'
import { fingerprint } from './fingerprints/fingerprint.ts'
import {
  type FormatOptions,
  formatPrivateKey,
  formatPublicKey,
  privateKeyToJwk,
  publicKeyToJwk,
} from './format.ts'
import { fileCipherNames } from './formats/openssh-ciphers.ts'
import { readLine } from './formats/openssh-line.ts'
import { generateKey } from './generate.ts'
import type { PrivateKey } from './key.ts'
import { parsePrivateKey, parsePublicKey, privateKeyFromJwk, publicKeyFromJwk } from './parse.ts'
import { files, lines, passphrase } from './testing/fixtures.ts'
import { codeOf, providers } from './testing/kit.ts'

const same = (text: string, key: PrivateKey, o = {}): void => {
  const back = parsePrivateKey(text, o)
  expect(back.publicKey.blob).toEqual(key.publicKey.blob)
  expect(formatPrivateKey(back, { format: 'pkcs8' })).toBe(formatPrivateKey(key, { format: 'pkcs8' }))
}

describe('formatPrivateKey', () => {
  test.each(['rsaPkcs1', 'p256Sec1'] as const)('writes %s as ssh-keygen does, byte for byte', (name) => {
    expect(formatPrivateKey(parsePrivateKey(files[name]), { format: 'pem' })).toBe(files[name])
  })

  test.each(['p256Pkcs8', 'ed25519Pkcs8'] as const)('writes %s as OpenSSL does, byte for byte', (name) => {
    expect(formatPrivateKey(parsePrivateKey(files[name]), { format: 'pkcs8' })).toBe(files[name])
  })

  test.each(providers)(
    'what it writes over %s, plain or by any cipher, is read back',
    async (_name, crypto) => {
      for (const [type, bits] of [
        ['ed25519', 256],
        ['ecdsa', 256],
        ['ecdsa', 384],
        ['ecdsa', 521],
        ['rsa', 2048],
      ] as const) {
        const key = await generateKey(type, { bits, comment: 'ünïcode comment', crypto })
        same(formatPrivateKey(key, { crypto }), key)
        expect(parsePrivateKey(formatPrivateKey(key)).comment).toBe('ünïcode comment')
        expect(parsePrivateKey(formatPrivateKey(key, { comment: 'new' })).comment).toBe('new')
        same(formatPrivateKey(key, { format: 'pkcs8' }), key)
        if (type !== 'ed25519') same(formatPrivateKey(key, { format: 'pem' }), key)
        if (type === 'rsa') continue
        for (const cipher of fileCipherNames) {
          const text = formatPrivateKey(key, { passphrase, cipher, rounds: 1, crypto })
          for (const [, other] of providers) same(text, key, { passphrase, crypto: other })
          expect(codeOf(() => parsePrivateKey(text, { passphrase: 'wrong' }))).toBe(
            'SSH_KEY_PASSPHRASE_WRONG',
          )
          expect(codeOf(() => parsePrivateKey(text))).toBe('SSH_KEY_PASSPHRASE_NEEDED')
        }
      }
    },
  )

  const encrypted: readonly (readonly [name: string, options: FormatOptions])[] = [
    ...(['aes-256-cbc', 'aes-192-cbc', 'aes-128-cbc', 'des-ede3-cbc'] as const).flatMap((cipher) => [
      [`pem, ${cipher}`, { format: 'pem', passphrase, cipher }] as const,
      [`pkcs8, ${cipher}`, { format: 'pkcs8', passphrase, cipher, iterations: 10 }] as const,
    ]),
    ['pkcs8, scrypt', { format: 'pkcs8', passphrase: utf8Encode(passphrase), kdf: 'scrypt' }],
    ['ppk 2', { format: 'ppk', passphrase, version: 2 }],
    ...(['argon2id', 'argon2i', 'argon2d'] as const).map(
      (kdf) => [`ppk 3, ${kdf}`, { format: 'ppk', passphrase, kdf, memory: 16, passes: 2 }] as const,
    ),
  ]

  test.each(encrypted)('%s: what either backend writes is read by both', (_name, options) => {
    for (const name of ['p256', 'rsa1024', 'dsa'] as const)
      for (const [, writer] of providers)
        for (const [, reader] of providers) {
          const key = parsePrivateKey(files[name], { crypto: writer })
          const text = formatPrivateKey(key, { ...options, crypto: writer } as FormatOptions)
          same(text, key, { passphrase, crypto: reader })
          expect(codeOf(() => parsePrivateKey(text, { crypto: reader }))).toBe('SSH_KEY_PASSPHRASE_NEEDED')
          const wrong = codeOf(() => parsePrivateKey(text, { passphrase: 'wrong', crypto: reader }))
          expect(wrong).toBe('SSH_KEY_PASSPHRASE_WRONG')
        }
  })

  test.each(['ed25519', 'p256', 'rsa'] as const)(
    '%s as JWK, text and object, and in PPK without a passphrase',
    (name) => {
      const key = parsePrivateKey(files[name])
      same(formatPrivateKey(key, { format: 'jwk' }), key)
      expect(privateKeyFromJwk(privateKeyToJwk(key)).publicKey.blob).toEqual(key.publicKey.blob)
      expect(publicKeyFromJwk(publicKeyToJwk(key.publicKey)).blob).toEqual(key.publicKey.blob)
      expect(publicKeyFromJwk(privateKeyToJwk(key)).blob).toEqual(key.publicKey.blob)
      expect(parsePublicKey(formatPublicKey(key.publicKey, { format: 'jwk' })).blob).toEqual(
        key.publicKey.blob,
      )
      for (const version of [2, 3] as const) {
        const text = formatPrivateKey(key, { format: 'ppk', version })
        same(text, key)
        expect(parsePrivateKey(text).comment).toBe(key.comment)
        expect(parsePublicKey(text)).toEqual(key.publicKey)
        // The MAC covers the comment too.
        const other = text.replace(key.comment, `${key.comment}!`)
        expect(codeOf(() => parsePrivateKey(other))).toBe('SSH_KEY_FORMAT')
      }
    },
  )

  test('JWKs whose halves do not match, or whose members are not exact, are refused', () => {
    const jwk = privateKeyToJwk(parsePrivateKey(files.ed25519))
    const other = publicKeyToJwk(parsePublicKey(files.ed25519Spki))
    expect(codeOf(() => privateKeyFromJwk({ ...jwk, x: other.x }))).toBe('SSH_KEY_INVALID')
    expect(codeOf(() => publicKeyFromJwk({ ...jwk, x: other.x }))).toBe('SSH_KEY_INVALID')
    expect(codeOf(() => privateKeyFromJwk({ ...jwk, d: `${jwk.d}=` }))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => privateKeyFromJwk({ ...jwk, d: 'AAAA' }))).toBe('SSH_KEY_INVALID')
    expect(codeOf(() => privateKeyFromJwk(other))).toBe('SSH_KEY_FORMAT')
    const rsa = privateKeyToJwk(parsePrivateKey(files.rsa))
    expect(codeOf(() => privateKeyFromJwk({ kty: 'RSA', n: rsa.n, e: rsa.e, d: rsa.d }))).toBe(
      'SSH_KEY_UNSUPPORTED',
    )
    expect(codeOf(() => privateKeyFromJwk({ ...rsa, oth: [] }))).toBe('SSH_KEY_UNSUPPORTED')
    expect(codeOf(() => privateKeyFromJwk({ ...rsa, qi: rsa.q }))).toBe('SSH_KEY_INVALID')
  })

  test.each<[string, FormatOptions, RegExp]>([
    ['ed25519 in the old PEM way', { format: 'pem' }, /no old PEM format for ed25519/],
    ['an unknown cipher', { passphrase, cipher: 'des' }, /cannot encrypt by "des"/],
    [
      'a passphrase that JWK would leave out',
      { format: 'jwk', passphrase } as FormatOptions,
      /cannot be encrypted/,
    ],
    [
      'an unknown cipher of PKCS#8',
      { format: 'pkcs8', passphrase, cipher: 'rc4' },
      /cannot encrypt by "rc4"/,
    ],
    ['no iterations', { format: 'pkcs8', passphrase, iterations: 0 }, /iterations/],
    ['an unknown kdf', { format: 'pkcs8', kdf: 'md5' } as unknown as FormatOptions, /unknown kdf/],
    ['too much memory', { format: 'ppk', memory: 1_000_000 }, /KiB of memory/],
    ['version 1', { format: 'ppk', version: 1 } as unknown as FormatOptions, /version of PPK/],
    ['a line end in a comment', { format: 'ppk', comment: 'a\nPrivate-Lines: 0' }, /control characters/],
    ['no rounds', { passphrase, rounds: 0 }, /rounds/],
    ['rounds that nobody would read', { passphrase, rounds: 1025 }, /rounds/],
    ['an unknown format', { format: 'x' } as unknown as FormatOptions, /unknown format/],
  ])('refuses %s', (_name, options, message) => {
    expect(() => formatPrivateKey(parsePrivateKey(files.ed25519), options)).toThrow(message)
  })

  test('refuses signers of another kind, and keys that were disposed of', () => {
    const key = parsePrivateKey(files.ed25519)
    expect(() => formatPrivateKey({ ...key, sign: () => new Uint8Array(0), dispose: () => {} })).toThrow(
      KeyError,
    )
    key.dispose()
    expect(() => formatPrivateKey(key)).toThrow(/disposed of/)
  })
})

describe('formatPublicKey', () => {
  test.each(Object.entries(lines))('writes the line of %s as it was', (_name, line) => {
    expect(formatPublicKey(readLine(line))).toBe(line)
  })

  test('writes RFC 4716 with a comment of any length, and PKCS#1, and reads both back', () => {
    for (const comment of ['', 'short', 'a "quoted" one', 'ü'.repeat(50), 'x'.repeat(300)]) {
      const text = formatPublicKey(readLine(lines.rsa), { format: 'rfc4716', comment })
      for (const line of text.split('\n')) expect(utf8Encode(line).length).toBeLessThanOrEqual(72)
      expect(parsePublicKey(text)).toEqual(readLine([...lines.rsa.split(' ').slice(0, 2), comment].join(' ')))
    }
    const pkcs1 = formatPublicKey(readLine(lines.rsa), { format: 'pkcs1' })
    expect(pkcs1).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/)
    expect(parsePublicKey(pkcs1).blob).toEqual(readLine(lines.rsa).blob)
    expect(codeOf(() => formatPublicKey(readLine(lines.p256), { format: 'pkcs1' }))).toBe(
      'SSH_KEY_UNSUPPORTED',
    )
    expect(codeOf(() => formatPublicKey(readLine(lines.dsa), { format: 'jwk' }))).toBe('SSH_KEY_UNSUPPORTED')
    expect(() => formatPublicKey(readLine(lines.rsa), { format: 'x' as 'pem' })).toThrow(/unknown format/)
  })

  test('writes SPKI as OpenSSL does', () => {
    expect(formatPublicKey(parsePrivateKey(files.ed25519Pkcs8).publicKey, { format: 'pem' })).toBe(
      files.ed25519Spki,
    )
    expect(parsePublicKey(formatPublicKey(readLine(lines.p256), { format: 'pem' })).blob).toEqual(
      readLine(lines.p256).blob,
    )
    expect(codeOf(() => formatPublicKey(readLine(lines.certificate), { format: 'pem' }))).toBe(
      'SSH_KEY_UNSUPPORTED',
    )
  })

  test.each(['a\nb', 'a\rb', 'a\0b', '\x1b[2J'])('refuses the comment %j', (comment) => {
    expect(codeOf(() => formatPublicKey(readLine(lines.ed25519), { comment }))).toBe('SSH_KEY_INVALID')
  })

  test('refuses a key that says another type than its blob', () => {
    expect(codeOf(() => formatPublicKey({ type: 'ssh-rsa x\n', blob: readLine(lines.ed25519).blob }))).toBe(
      'SSH_KEY_INVALID',
    )
  })
})

describe('fingerprint', () => {
  test.each([
    [
      'ed25519',
      'SHA256:p6dM43j25ZcnIiUOa3h6oRxr+mmyX1HSEUulHSDwy6o',
      'MD5:97:03:2c:6c:96:bf:e0:a8:6b:fd:1f:1c:f2:31:51:d8',
    ],
    [
      'rsa1024',
      'SHA256:YRkDr02T0hqcptVq6nDIfzFiJzQrUyCVGGojsJakm9g',
      'MD5:01:61:5a:4b:86:04:da:55:4b:af:26:67:b5:30:b1:ba',
    ],
    [
      'dsa',
      'SHA256:7JN72DbsyjsI8Tu8NTbWkgzK+okEnTf7c0i2+/rdvA0',
      'MD5:6c:4a:5f:4b:bd:ee:d8:96:19:ad:8a:65:1d:66:2b:ba',
    ],
  ] as const)('of %s is what ssh-keygen printed', (name, sha256, md5) => {
    for (const [, crypto] of providers) {
      expect(fingerprint(readLine(lines[name]), undefined, crypto)).toBe(sha256)
      expect(fingerprint(readLine(lines[name]), 'md5', crypto)).toBe(md5)
    }
  })
})
