import { describe, expect, test } from 'vitest'
import { KeyError } from './errors.ts'
import { fingerprint } from './fingerprints/fingerprint.ts'
import { type FormatOptions, formatPrivateKey, formatPublicKey } from './format.ts'
import { fileCipherNames } from './formats/openssh-ciphers.ts'
import { readLine } from './formats/openssh-line.ts'
import { generateKey } from './generate.ts'
import type { PrivateKey } from './key.ts'
import { parsePrivateKey, parsePublicKey } from './parse.ts'
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
