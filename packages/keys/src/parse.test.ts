import { concat, latin1Encode, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { decodeBlock, encodeBlock, findBlocks } from './armour.ts'
import { KeyError } from './errors.ts'
import { fingerprint } from './fingerprints/fingerprint.ts'
import { formatPublicKey } from './format.ts'
import { readLine } from './formats/openssh-line.ts'
import { type ParseOptions, parsePrivateKey, parsePublicKey } from './parse.ts'
import { files, lines, passphrase } from './testing/fixtures.ts'
import { codeOf, providers, seeded } from './testing/kit.ts'

const keyErrorOf = (run: () => unknown): KeyError => {
  try {
    run()
  } catch (error) {
    if (error instanceof KeyError) return error
    throw error
  }
  throw new Error('it did not throw')
}

const readable: readonly (readonly [name: keyof typeof files, line: string | undefined, comment: string])[] =
  [
    ['ed25519', lines.ed25519, 'ed25519 test'],
    ['ed25519Encrypted', lines.ed25519, 'ed25519 test'],
    ['ed25519Gcm', lines.ed25519, 'ed25519 test'],
    ['ed25519Pkcs8', undefined, ''],
    ['ppk', lines.ed25519, 'ed25519 test'],
    ['rsaEncryptedPem', lines.rsa, ''],
    ['p256EncryptedPkcs8', lines.p256, ''],
    ['dsa', lines.dsa, 'dsa test'],
    ['ppk3Encrypted', lines.ed25519, 'ed25519 test'],
    ['ppk2Encrypted', lines.p256, 'p256 test'],
    ['p256EncryptedSec1', lines.p256, ''],
    ['ed25519Scrypt', undefined, ''],
    ['dsaEncryptedPem', lines.dsa, ''],
    ['rsaSshCom', lines.rsa1024, 'weak'],
    ['p256', lines.p256, 'p256 test'],
    ['p256Sec1', lines.p256, ''],
    ['p256Pkcs8', lines.p256, ''],
    ['rsa', lines.rsa, 'rsa test'],
    ['rsaPkcs1', lines.rsa, ''],
    ['rsa1024', lines.rsa1024, 'weak'],
  ]

describe.each(providers)('parsePrivateKey over %s', (_name, crypto) => {
  test.each(readable)('reads %s', (name, line, comment) => {
    const key = parsePrivateKey(files[name], { passphrase, crypto })
    expect(key.comment).toBe(comment)
    if (line !== undefined) expect(key.publicKey.blob).toEqual(readLine(line).blob)
    else expect(key.publicKey.blob).toEqual(parsePublicKey(files.ed25519Spki).blob)
  })

  test.each([
    ['ppk3Encrypted', 'PuTTY private key', 'aes256-cbc', 'argon2id', { maxKdfMemory: 65_535 }],
    ['ppk3Encrypted', 'PuTTY private key', 'aes256-cbc', 'argon2id', { maxKdfWork: 131_071 }],
    ['ppk2Encrypted', 'PuTTY private key', 'aes256-cbc', 'sha1', undefined],
    ['rsaEncryptedPem', 'PKCS#1 RSA private key', 'aes-128-cbc', 'md5', undefined],
    ['p256EncryptedSec1', 'SEC 1 EC private key', 'des-ede3-cbc', 'md5', undefined],
    ['dsaEncryptedPem', 'DSA private key', 'aes-256-cbc', 'md5', undefined],
    ['rsaSshCom', 'ssh.com private key', '3des-cbc', 'md5', undefined],
    [
      'p256EncryptedPkcs8',
      'encrypted PKCS#8 private key',
      'aes-128-cbc',
      'pbkdf2',
      { maxKdfIterations: 2047 },
    ],
    ['ed25519Scrypt', 'encrypted PKCS#8 private key', 'aes-128-cbc', 'scrypt', { maxKdfMemory: 1_048_575 }],
    ['ed25519Scrypt', 'encrypted PKCS#8 private key', 'aes-128-cbc', 'scrypt', { maxKdfWork: 1_048_575 }],
  ] as const)(
    '%s: format, cipher and kdf are told with every problem',
    (name, format, cipher, kdf, limit) => {
      const facts = { format, cipher, kdf }
      const error = (o: ParseOptions): KeyError =>
        keyErrorOf(() => parsePrivateKey(files[name], { ...o, crypto }))
      expect(error({})).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_NEEDED', ...facts })
      expect(error({ passphrase: new Uint8Array(0) })).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_NEEDED' })
      for (const wrong of ['open', 'open sesame ', 'OPEN SESAME'])
        expect(error({ passphrase: wrong })).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_WRONG', ...facts })
      if (limit !== undefined)
        expect(error({ passphrase, ...limit })).toMatchObject({ code: 'SSH_KEY_KDF_LIMIT', ...facts })
    },
  )

  test('no wrong passphrase of 2,000 is taken for a right one, or for a broken file', () => {
    for (const name of ['rsaEncryptedPem', 'p256EncryptedSec1'] as const)
      for (let tries = 0; tries < 1000; tries++)
        expect(codeOf(() => parsePrivateKey(files[name], { passphrase: `wrong ${tries}`, crypto }))).toBe(
          'SSH_KEY_PASSPHRASE_WRONG',
        )
  })

  test('Argon2 may fill 1 GiB unless wished otherwise, and take a quarter of it at once', () => {
    const asking = (memory: number, passes: number): string =>
      files.ppk3Encrypted
        .replace(/Argon2-Memory: \d+/, `Argon2-Memory: ${memory}`)
        .replace(/Argon2-Passes: \d+/, `Argon2-Passes: ${passes}`)
    for (const [memory, passes] of [
      [262_144, 5],
      [262_145, 1],
      [8, 131_073],
    ] as const)
      expect(codeOf(() => parsePrivateKey(asking(memory, passes), { passphrase, crypto }))).toBe(
        'SSH_KEY_KDF_LIMIT',
      )
    expect(codeOf(() => parsePrivateKey(asking(1_024, 3), { passphrase, crypto }))).toBe(
      'SSH_KEY_PASSPHRASE_WRONG',
    )
  })

  test('a wrong passphrase is told from a missing one, and from a limit on the key derivation', () => {
    for (const name of ['ed25519Encrypted', 'ed25519Gcm'] as const) {
      const cipher = name === 'ed25519Gcm' ? 'aes128-gcm@openssh.com' : 'aes256-ctr'
      const facts = { format: 'OpenSSH private key', cipher, kdf: 'bcrypt' }
      const error = (o: ParseOptions): KeyError =>
        keyErrorOf(() => parsePrivateKey(files[name], { ...o, crypto }))
      expect(error({})).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_NEEDED', ...facts })
      expect(error({ passphrase: '' })).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_NEEDED', ...facts })
      expect(error({ passphrase: 'open' })).toMatchObject({ code: 'SSH_KEY_PASSPHRASE_WRONG', ...facts })
      expect(error({ passphrase, maxKdfRounds: 0 })).toMatchObject({ code: 'SSH_KEY_KDF_LIMIT', ...facts })
    }
  })
})

describe('parsePrivateKey', () => {
  test('takes bytes, a byte order mark, other line ends, text around the key, and passphrases as bytes', () => {
    const expected = fingerprint(readLine(lines.ed25519))
    const read = (data: string | Uint8Array, o: ParseOptions = {}): string =>
      fingerprint(parsePrivateKey(data, o).publicKey)
    expect(read(utf8Encode(files.ed25519))).toBe(expected)
    expect(read(`\ufeff${files.ed25519}`)).toBe(expected)
    expect(read(concat(Uint8Array.of(0xef, 0xbb, 0xbf), utf8Encode(files.ed25519)))).toBe(expected)
    expect(read(files.ed25519.replaceAll('\n', '\r\n'))).toBe(expected)
    expect(read(`Bag Attributes\n    friendlyName: x\n${files.ed25519}\nmore`)).toBe(expected)
    expect(read(files.ed25519Encrypted, { passphrase: utf8Encode(passphrase) })).toBe(expected)
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    expect(read(parameters + files.p256Sec1)).toBe(fingerprint(readLine(lines.p256)))
  })

  test.each<[string, string | Uint8Array, string, RegExp]>([
    ['nothing', '', 'SSH_KEY_FORMAT', /this is empty/],
    ['text', 'hello', 'SSH_KEY_FORMAT', /not a key in any format that is known/],
    ['a public key', lines.ed25519, 'SSH_KEY_FORMAT', /public key, where a private one is needed/],
    ['a public PEM', files.ed25519Spki, 'SSH_KEY_FORMAT', /public key, where a private one is needed/],
    [
      'an old cipher of PEM',
      files.rsaEncryptedPem.replace('AES-128-CBC', 'DES-CBC'),
      'SSH_KEY_UNSUPPORTED',
      /des-cbc.*ssh-keygen -p/,
    ],
    [
      'an old version of PPK',
      files.ppk.replace('File-3', 'File-1'),
      'SSH_KEY_UNSUPPORTED',
      /version "1".*puttygen <file> -O private/,
    ],
    [
      'X.509',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'SSH_KEY_UNSUPPORTED',
      /X\.509/,
    ],
    ['a block nobody knows', '-----BEGIN X-----\nAAAA\n-----END X-----', 'SSH_KEY_FORMAT', /block "X"/],
    ['PBES1', files.ed25519Pbes1, 'SSH_KEY_UNSUPPORTED', /pbeWithSHA1And3-KeyTripleDES-CBC.*openssl pkcs8/],
    ['an X25519 JWK', '{"kty":"OKP","crv":"X25519"}', 'SSH_KEY_UNSUPPORTED', /JSON Web Key.*X25519/],
    ['a symmetric JWK', '{"kty":"oct","k":"AA"}', 'SSH_KEY_UNSUPPORTED', /kty "oct"/],
    [
      'other JSON',
      '{"secret":"AA"}',
      'SSH_KEY_FORMAT',
      /^this is JSON, and no JSON Web Key: it has no member "kty"$/,
    ],
    [
      'broken JSON',
      '{"kty":"OKP","d":"secr',
      'SSH_KEY_FORMAT',
      /^this begins as JSON and is none, or is cut off$/,
    ],
    ['DER', Uint8Array.of(0x30, 0x2e, 2, 1, 0), 'SSH_KEY_UNSUPPORTED', /DER/],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x2d, 0), 'SSH_KEY_FORMAT', /UTF-16/],
    ['SSH 1', 'SSH PRIVATE KEY FILE FORMAT 1.1\n', 'SSH_KEY_UNSUPPORTED', /SSH 1/],
    ['too much', 'x'.repeat(1_048_577), 'SSH_KEY_FORMAT', /limit is 1048576/],
    [
      'a file cut off',
      files.ed25519.slice(0, 200),
      'SSH_KEY_FORMAT',
      /no line "-----END OPENSSH PRIVATE KEY-----"/,
    ],
    ['\\n for line ends', files.ed25519.replaceAll('\n', '\\n'), 'SSH_KEY_FORMAT', /a backslash and an n/],
    ['a strange character', files.ed25519.replace('b3', 'b*'), 'SSH_KEY_FORMAT', /not base64/],
  ])('says what %s is', (_name, data, code, message) => {
    const error = keyErrorOf(() => parsePrivateKey(data, { passphrase }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  test('wrong types of argument are the caller’s fault', () => {
    expect(() => parsePrivateKey(5 as unknown as string)).toThrow(/string or a Uint8Array/)
  })
})

describe('openssh-key-v1', () => {
  const plain = decodeBlock(findBlocks(files.ed25519)[0] as never)
  const file = (bytes: Uint8Array): string => encodeBlock('OPENSSH PRIVATE KEY', bytes, 70)
  const changed = (at: number, ...values: readonly number[]): string => {
    const bytes = plain.slice()
    bytes.set(values, at < 0 ? bytes.length + at : at)
    return file(bytes)
  }
  const privateAt = plain.length - 144

  test.each<[string, string, string, RegExp]>([
    ['another magic', changed(0, 0x78), 'SSH_KEY_FORMAT', /openssh-key-v1/],
    ['two keys', changed(38, 2), 'SSH_KEY_UNSUPPORTED', /2 keys/],
    ['check numbers that differ', changed(privateAt, 1, 2, 3, 4), 'SSH_KEY_FORMAT', /check numbers/],
    ['wrong padding', changed(-1, 0), 'SSH_KEY_FORMAT', /padding/],
    ['another public half outside', changed(62, 1, 2, 3), 'SSH_KEY_INVALID', /public half/],
    ['another public half inside', changed(privateAt + 27, 1, 2, 3), 'SSH_KEY_INVALID', /copies/],
    ['a tag', file(concat(plain, new Uint8Array(16))), 'SSH_KEY_FORMAT', /tag/],
  ])('refuses %s', (_name, text, code, message) => {
    const error = keyErrorOf(() => parsePrivateKey(text))
    expect(error.message).toMatch(message)
    expect(error).toMatchObject({ code, format: 'OpenSSH private key' })
  })

  test('halves that belong to different keys are refused', () => {
    // Both copies of the public key and the outer one agree with each other, and not with the seed.
    const bytes = plain.slice()
    for (const at of [62, privateAt + 27, privateAt + 27 + 32 + 4 + 32])
      bytes.set(new Uint8Array(32).fill(3), at)
    expect(codeOf(() => parsePrivateKey(file(bytes)))).toBe('SSH_KEY_INVALID')
  })

  const header = (cipher: string, kdf: string, options: Uint8Array, length: number): string =>
    file(
      new Writer()
        .bytes(latin1Encode('openssh-key-v1\0'))
        .string(cipher)
        .string(kdf)
        .string(options)
        .uint32(1)
        .string(readLine(lines.ed25519).blob)
        .string(new Uint8Array(length))
        .finish(),
    )
  const bcrypt = (salt: number, rounds: number): Uint8Array =>
    new Writer().string(new Uint8Array(salt)).uint32(rounds).finish()

  test.each<[string, string, string, string | undefined]>([
    [
      'an unknown cipher',
      header('twofish-cbc', 'bcrypt', bcrypt(16, 1), 160),
      'SSH_KEY_UNSUPPORTED',
      'twofish-cbc',
    ],
    [
      'an unknown key derivation',
      header('aes256-ctr', 'scrypt', bcrypt(16, 1), 160),
      'SSH_KEY_UNSUPPORTED',
      'aes256-ctr',
    ],
    [
      'a key derivation without a cipher',
      header('none', 'bcrypt', bcrypt(16, 1), 160),
      'SSH_KEY_FORMAT',
      'none',
    ],
    ['no salt', header('aes256-ctr', 'bcrypt', bcrypt(0, 1), 160), 'SSH_KEY_FORMAT', 'aes256-ctr'],
    ['no rounds', header('aes256-ctr', 'bcrypt', bcrypt(16, 0), 160), 'SSH_KEY_FORMAT', 'aes256-ctr'],
    [
      '2^32 - 1 rounds',
      header('aes256-ctr', 'bcrypt', bcrypt(16, 0xffffffff), 160),
      'SSH_KEY_KDF_LIMIT',
      'aes256-ctr',
    ],
    ['1025 rounds', header('aes256-ctr', 'bcrypt', bcrypt(16, 1025), 160), 'SSH_KEY_KDF_LIMIT', 'aes256-ctr'],
    ['half a block', header('aes256-cbc', 'bcrypt', bcrypt(16, 1), 152), 'SSH_KEY_FORMAT', 'aes256-cbc'],
    [
      'no tag',
      header('aes256-gcm@openssh.com', 'bcrypt', bcrypt(16, 1), 160),
      'SSH_KEY_FORMAT',
      'aes256-gcm@openssh.com',
    ],
    [
      'an empty private part',
      header('aes256-ctr', 'bcrypt', bcrypt(16, 1), 0),
      'SSH_KEY_PASSPHRASE_WRONG',
      'aes256-ctr',
    ],
    [
      'options that go on',
      header('aes256-ctr', 'bcrypt', concat(bcrypt(16, 1), bcrypt(1, 1)), 160),
      'SSH_KEY_FORMAT',
      undefined,
    ],
  ])('refuses %s', (_name, text, code, cipher) => {
    expect(keyErrorOf(() => parsePrivateKey(text, { passphrase }))).toMatchObject({ code, cipher })
  })
})

describe('parsePublicKey', () => {
  test('reads lines, with and without a comment', () => {
    expect(parsePublicKey(lines.ed25519)).toMatchObject({ type: 'ssh-ed25519', comment: 'ed25519 test' })
    expect(parsePublicKey(`# mine\r\n\r\n  ${lines.rsa}\r\n`).comment).toBe('rsa test')
    expect(parsePublicKey(lines.p256.split(' ').slice(0, 2).join('\t')).comment).toBeUndefined()
    expect(parsePublicKey(lines.dsa).type).toBe('ssh-dss')
    expect(parsePublicKey(lines.certificate).type).toBe('ssh-ed25519-cert-v01@openssh.com')
  })

  test('reads blobs', () => {
    const { blob } = readLine(lines.rsa)
    expect(parsePublicKey(blob)).toEqual({ type: 'ssh-rsa', blob })
  })

  test('reads SPKI and PKCS#1, and the public half of private files', () => {
    const spki = formatPublicKey(readLine(lines.rsa), { format: 'pem' })
    expect(parsePublicKey(spki).blob).toEqual(readLine(lines.rsa).blob)
    expect(parsePublicKey(files.p256Sec1).blob).toEqual(readLine(lines.p256).blob)
    expect(parsePublicKey(files.ed25519)).toEqual(readLine(lines.ed25519))
    // Its comment is encrypted.
    expect(parsePublicKey(files.ed25519Encrypted)).toEqual({
      type: 'ssh-ed25519',
      blob: readLine(lines.ed25519).blob,
    })
    expect(codeOf(() => parsePublicKey(files.rsaEncryptedPem))).toBe('SSH_KEY_PASSPHRASE_NEEDED')
    expect(parsePublicKey(files.ppk)).toEqual(readLine(lines.ed25519))
  })

  test('reads RFC 4716 with headers, long ones too', () => {
    const base64 = lines.ed25519.split(' ')[1] as string
    const text = `---- BEGIN SSH2 PUBLIC KEY ----\nSubject: me\nComment: "a long \\\ncomment"\nx-other: 1\n${base64.slice(0, 40)}\n${base64.slice(40)}\n---- END SSH2 PUBLIC KEY ----\n`
    expect(parsePublicKey(text)).toEqual({ ...readLine(lines.ed25519), comment: 'a long comment' })
    expect(parsePublicKey(text.replaceAll('\n', '\r\n')).comment).toBe('a long comment')
    expect(codeOf(() => parsePublicKey(text.slice(0, 80)))).toBe('SSH_KEY_FORMAT')
    expect(codeOf(() => parsePublicKey(text.replace(base64.slice(40), '*')))).toBe('SSH_KEY_FORMAT')
  })

  test.each<[string, string | Uint8Array, string, RegExp]>([
    ['nothing', '', 'SSH_KEY_FORMAT', /empty/],
    ['two keys', `${lines.rsa}\n${lines.p256}`, 'SSH_KEY_FORMAT', /several lines.*parseAuthorizedKeys/],
    ['another type than in the blob', lines.rsa.replace('ssh-rsa', 'ssh-dss'), 'SSH_KEY_FORMAT', /not a key/],
    ['a broken PPK', files.ppk.slice(0, 99), 'SSH_KEY_FORMAT', /PuTTY/],
    ['a blob cut off', readLine(lines.rsa).blob.subarray(0, 100), 'SSH_KEY_FORMAT', /left/],
    ['encrypted PKCS#8', files.p256EncryptedPkcs8, 'SSH_KEY_PASSPHRASE_NEEDED', /encrypted PKCS#8/],
  ])('says what %s is', (_name, data, code, message) => {
    const error = keyErrorOf(() => parsePublicKey(data))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })
})

describe('garbage', () => {
  const inputs = [...Object.values(files), ...Object.values(lines)]
  /** Only keys and KeyErrors come out; how many keys. */
  const tryAll = (data: string | Uint8Array): number => {
    let keys = 0
    for (const parse of [parsePrivateKey, parsePublicKey])
      if (codeOf(() => parse(data, { passphrase: 'x', maxKdfRounds: 0, maxKdfMemory: 0 })) === undefined)
        keys++
    return keys
  }

  test('every prefix of every file gives a key or a KeyError', () => {
    for (const text of inputs)
      for (let length = 0; length < text.length; length++) tryAll(text.slice(0, length))
  })

  test('the binary of every private file, cut at any byte, gives a KeyError', () => {
    for (const [name, text] of Object.entries(files)) {
      const block = findBlocks(text)[0]
      if (block === undefined || name.endsWith('Spki')) continue
      const bytes = decodeBlock(block)
      for (let length = 0; length < bytes.length; length++) {
        const cut = encodeBlock(block.label, bytes.subarray(0, length))
        expect(codeOf(() => parsePrivateKey(cut, { passphrase: 'x', maxKdfRounds: 0 }))).toBeDefined()
      }
    }
  })

  test('changed bytes give a key or a KeyError, seed 1', () => {
    const random = seeded(1)
    let keys = 0
    for (let round = 0; round < 3000; round++) {
      const text = inputs[random(inputs.length)] as string
      const block = findBlocks(text)[0]
      const isText = block === undefined || random(4) === 0
      const bytes = isText ? utf8Encode(text) : decodeBlock(block)
      for (let count = 1 + random(3); count > 0; count--) {
        const at = random(4) === 0 ? random(Math.min(64, bytes.length)) : random(bytes.length)
        bytes[at] = random(3) === 0 ? (bytes[at] as number) ^ (1 << random(8)) : random(256)
      }
      keys += tryAll(isText ? bytes : encodeBlock(block.label, bytes))
    }
    // Some changes are harmless (comments); most are not.
    expect(keys).toBeGreaterThan(10)
    expect(keys).toBeLessThan(3000)
  })

  test('changed bytes behind the encryption give the key or a KeyError, seed 5', () => {
    const random = seeded(5)
    const sealed = decodeBlock(findBlocks(files.ed25519Encrypted)[0] as never)
    const codes = new Set<unknown>()
    // A stream cipher: what changes in the file changes in the same place behind it. The private part are the last 144 bytes.
    for (let round = 0; round < 60; round++) {
      const bytes = sealed.slice()
      const at = bytes.length - 136 + random(136)
      ;(bytes[at] as number) ^= 1 << random(8)
      const text = encodeBlock('OPENSSH PRIVATE KEY', bytes)
      codes.add(codeOf(() => parsePrivateKey(text, { passphrase, maxKdfRounds: 2 })))
    }
    expect([...codes].sort()).toEqual(['SSH_KEY_FORMAT', 'SSH_KEY_INVALID', 'SSH_KEY_UNSUPPORTED', undefined])
  })

  test('random bytes and texts that begin well give a KeyError, seed 2', () => {
    const random = seeded(2)
    const starts = [
      '',
      'ssh-ed25519 ',
      '-----BEGIN ',
      '-----BEGIN PRIVATE KEY-----\n',
      '---- BEGIN SSH2 PUBLIC KEY ----\n',
      '\0\0\0\x07ssh-rsa',
    ]
    for (let round = 0; round < 3000; round++) {
      const noise = Uint8Array.from({ length: random(200) }, () =>
        random(2) === 0 ? random(256) : 32 + random(95),
      )
      expect(tryAll(concat(latin1Encode(starts[random(starts.length)] as string), noise))).toBe(0)
    }
  })
})
