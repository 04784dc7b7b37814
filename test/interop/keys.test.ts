/** Keys of ssh-keygen, puttygen and OpenSSL read by us, and ours by them: every type, format and cipher, made on the spot. */

import * as crypto from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  fingerprint,
  formatKnownHost,
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  KeyError,
  type PrivateKey,
  parseKnownHosts,
  parsePrivateKey,
  parsePublicKey,
} from '@hawser/keys'
import {
  type KeyFileType,
  keyFileTypes,
  makeKeyFile,
  runNow,
  sharedKeyFile,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { Reader, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'

const passphrase = 'open sésame'
const ciphers = [
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-cbc',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
] as const

const generated = {
  ed25519: ['ed25519', undefined],
  'ecdsa-256': ['ecdsa', 256],
  'ecdsa-384': ['ecdsa', 384],
  'ecdsa-521': ['ecdsa', 521],
  'rsa-2048': ['rsa', 2048],
  'rsa-3072': ['rsa', 3072],
} as const satisfies Record<KeyFileType, unknown>

let folder: string | undefined
let files = 0

/** A file that ssh-keygen agrees to read. */
function saved(text: string): string {
  folder ??= temporaryFolder('interop-keys')
  const path = join(folder, `key-${files++}`)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** The shared key of a type in a file of its own, in another format. */
function copyOf(
  type: KeyFileType,
  format?: 'pem' | 'pkcs8',
): { path: string; privateText: string; publicLine: string } {
  const { privateText, publicLine } = sharedKeyFile(type)
  const path = saved(privateText)
  writeFileSync(`${path}.pub`, `${publicLine}\n`)
  if (format !== undefined) keygen('-q', '-p', '-P', '', '-N', '', '-m', format.toUpperCase(), '-f', path)
  return { path, privateText: readFileSync(path, 'utf8'), publicLine }
}

const cached = new Map<KeyFileType, Promise<PrivateKey>>()

/** One new key of ours per type: RSA takes a while. */
function ourKey(type: KeyFileType): Promise<PrivateKey> {
  const [family, bits] = generated[type]
  const key =
    cached.get(type) ??
    generateKey(family, { comment: 'made by us', ...(bits === undefined ? {} : { bits }) })
  cached.set(type, key)
  return key
}

const keygen = (...args: readonly string[]): string => runNow('ssh-keygen', args).trim()

/** `type base64` of a line. */
const bare = (line: string): string => line.split(' ').slice(0, 2).join(' ')

/** What `ssh-keygen -l` prints between the size and the comment. */
const printedFingerprint = (path: string, hash: 'sha256' | 'md5'): string =>
  keygen('-l', '-E', hash, '-f', path).split(' ')[1] as string

/** Whether Node's own crypto accepts a signature of `key`: the check of our blobs and encodings by something else. */
async function nodeAccepts(key: PrivateKey, algorithm: string): Promise<boolean> {
  const data = crypto.randomBytes(100)
  const from = new Reader(await key.sign(algorithm, data))
  expect(from.utf8()).toBe(algorithm)
  const content = from.string()
  from.end()
  const publicKey = crypto.createPublicKey(formatPublicKey(key.publicKey, { format: 'pem' }))
  if (algorithm === 'ssh-ed25519') return crypto.verify(null, data, publicKey, content)
  if (algorithm.startsWith('rsa-sha2-'))
    return crypto.verify(`sha${algorithm.slice(9)}`, data, publicKey, content)
  const size = { 256: 32, 384: 48, 521: 66 }[Number(algorithm.slice(-3)) as 256]
  const numbers = new Reader(content)
  const raw = Buffer.concat(
    [numbers.mpint(), numbers.mpint()].map((n) => Buffer.from(n.toString(16).padStart(size * 2, '0'), 'hex')),
  )
  const hash = { 256: 'sha256', 384: 'sha384', 521: 'sha512' }[Number(algorithm.slice(-3)) as 256]
  return crypto.verify(hash, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)
}

describePeers(['ssh-keygen'], 'files of ssh-keygen', () => {
  test.each(keyFileTypes)('%s: OpenSSH format, public line, fingerprints, signatures', async (type) => {
    const file = makeKeyFile(type, { comment: 'ünïcode, and spaces' })
    const key = parsePrivateKey(file.privateText)
    expect(key.comment).toBe('ünïcode, and spaces')
    expect(formatPublicKey(key.publicKey)).toBe(file.publicLine)
    expect(parsePublicKey(file.publicLine)).toEqual(key.publicKey)
    for (const hash of ['sha256', 'md5'] as const)
      expect(fingerprint(key.publicKey, hash)).toBe(printedFingerprint(file.path, hash))
    for (const algorithm of key.algorithms) expect(await nodeAccepts(key, algorithm)).toBe(true)
  })

  test.each(keyFileTypes)('%s: every cipher', (type) => {
    const file = copyOf(type)
    const expected = parsePublicKey(file.publicLine)
    for (const cipher of ciphers) {
      keygen(
        '-q',
        '-p',
        '-P',
        cipher === ciphers[0] ? '' : passphrase,
        '-N',
        passphrase,
        '-Z',
        cipher,
        '-a',
        '1',
        '-f',
        file.path,
      )
      const text = readFileSync(file.path, 'utf8')
      expect(parsePrivateKey(text, { passphrase }).publicKey).toEqual(expected)
      expect(parsePublicKey(text).blob).toEqual(expected.blob)
      expect(() => parsePrivateKey(text)).toThrow(
        expect.objectContaining({ code: 'SSH_KEY_PASSPHRASE_NEEDED', cipher }),
      )
      expect(() => parsePrivateKey(text, { passphrase: 'x' })).toThrow(
        expect.objectContaining({ code: 'SSH_KEY_PASSPHRASE_WRONG', cipher }),
      )
    }
  })

  test.each([1, 3, 16, 33])('bcrypt of %i rounds', (rounds) => {
    const file = makeKeyFile('ed25519', { passphrase: 'x', rounds })
    expect(formatPublicKey(parsePrivateKey(file.privateText, { passphrase: 'x' }).publicKey)).toBe(
      file.publicLine,
    )
    expect(() => parsePrivateKey(file.privateText, { passphrase: 'x', maxKdfRounds: rounds - 1 })).toThrow(
      expect.objectContaining({ code: 'SSH_KEY_KDF_LIMIT', kdf: 'bcrypt' }),
    )
  })

  // This ssh-keygen has no PEM of ed25519 keys and writes its own format instead, which is as good a test.
  test.each(
    keyFileTypes.flatMap((type) => (['pem', 'pkcs8'] as const).map((format) => [type, format] as const)),
  )('%s: %s', async (type, format) => {
    const file = copyOf(type, format)
    const key = parsePrivateKey(file.privateText)
    expect(bare(formatPublicKey(key.publicKey))).toBe(bare(file.publicLine))
    expect(await nodeAccepts(key, key.algorithms[0] as string)).toBe(true)
    if (type === 'ed25519') return
    // These formats have one encoding only.
    expect(formatPrivateKey(key, { format })).toBe(file.privateText)
    expect(formatPublicKey(key.publicKey, { format: 'pem' }).trim()).toBe(
      keygen('-e', '-m', 'PKCS8', '-f', `${file.path}.pub`),
    )
  })

  test.each(keyFileTypes)('%s: RFC 4716', (type) => {
    const file = sharedKeyFile(type)
    const key = parsePublicKey(keygen('-e', '-m', 'RFC4716', '-f', `${file.path}.pub`))
    expect(bare(formatPublicKey(key))).toBe(bare(file.publicLine))
    expect(key.comment).toMatch(/converted by/)
  })
})

describePeers(['ssh-keygen'], 'files of ours, by ssh-keygen', () => {
  test.each(keyFileTypes)('%s: plain, by every cipher, PEM and PKCS#8', async (type) => {
    const key = await ourKey(type)
    const line = formatPublicKey(key.publicKey)
    const check = (text: string, secret: string, comment: string): void => {
      const path = saved(text)
      expect(keygen('-y', '-P', secret, '-f', path)).toBe(comment === '' ? bare(line) : line)
      // It rewrites the file by its own writer: everything in it was understood.
      keygen('-q', '-p', '-P', secret, '-N', 'other', '-a', '1', '-f', path)
      const back = parsePrivateKey(readFileSync(path), { passphrase: 'other' })
      expect([formatPublicKey(back.publicKey, { comment: '' }), back.comment]).toEqual([bare(line), comment])
    }
    check(formatPrivateKey(key), '', 'made by us')
    for (const cipher of ciphers)
      check(formatPrivateKey(key, { passphrase, cipher, rounds: 1 }), passphrase, 'made by us')
    if (type !== 'ed25519') {
      check(formatPrivateKey(key, { format: 'pem' }), '', '')
      check(formatPrivateKey(key, { format: 'pkcs8' }), '', '')
    }
    const publicPath = saved(`${line}\n`)
    for (const hash of ['sha256', 'md5'] as const)
      expect(printedFingerprint(publicPath, hash)).toBe(fingerprint(key.publicKey, hash))
    if (type !== 'ed25519')
      expect(
        keygen('-i', '-m', 'PKCS8', '-f', saved(formatPublicKey(key.publicKey, { format: 'pem' }))),
      ).toBe(bare(line))
  })

  test('the defaults are those of OpenSSH: aes256-ctr and bcrypt', async () => {
    const text = formatPrivateKey(await generateKey('ed25519'), { passphrase: 'x' })
    const head = Buffer.from(text.split('\n').slice(1, 4).join(''), 'base64').toString('latin1')
    expect(head).toMatch(
      /^openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt\0\0\0\x18\0\0\0\x10[^]{16}\0\0\0\x18/,
    )
  })
})

describePeers(['ssh-keygen'], 'files of security keys, by ssh-keygen', () => {
  test.each(['ed25519', 'ecdsa'] as const)(
    'sk-%s: written by us, plain and by every cipher, and rewritten by it',
    (kind) => {
      const handle = crypto.randomBytes(64)
      const point = crypto.createECDH('prime256v1').generateKeys()
      const type = kind === 'ed25519' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com'
      const key = new Writer().string(type)
      if (kind === 'ed25519') key.string(crypto.randomBytes(32))
      else key.string('nistp256').string(point)
      const blob = key.string('ssh:table').finish().slice()
      const check = crypto.randomBytes(4)
      const file = new Writer()
        .bytes(Buffer.from('openssh-key-v1\0'))
        .string('none')
        .string('none')
        .string('')
        .uint32(1)
        .string(blob)
      const inside = new Writer()
        .bytes(check)
        .bytes(check)
        .bytes(blob)
        .byte(0x25)
        .string(handle)
        .string('')
        .string('me')
      const body = inside.finish().slice()
      const padding = Uint8Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, i) => i + 1)
      const base64 = Buffer.from(file.string(Buffer.concat([body, padding])).finish()).toString('base64')
      const own = parsePrivateKey(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`,
      )
      expect([own.publicKey.type, own.comment, own.algorithms]).toEqual([type, 'me', []])
      for (const cipher of [undefined, ...ciphers]) {
        const secret = cipher === undefined ? '' : passphrase
        const path = saved(
          formatPrivateKey(own, cipher === undefined ? {} : { passphrase, cipher, rounds: 1 }),
        )
        expect(bare(keygen('-y', '-P', secret, '-f', path))).toBe(bare(formatPublicKey(own.publicKey)))
        keygen('-q', '-p', '-P', secret, '-N', 'other', '-a', '1', '-f', path)
        const back = parsePrivateKey(readFileSync(path), { passphrase: 'other' })
        // All fields: what both write is the same but for the two random numbers.
        const [mine, its] = [own, back].map((each) =>
          Buffer.from(formatPrivateKey(each).replaceAll(/-----[^-]*-----|\n/g, ''), 'base64'),
        )
        const start = 15 + 8 + 8 + 4 + 4 + 4 + blob.length + 4
        expect(its?.fill(0, start, start + 8)).toEqual(mine?.fill(0, start, start + 8))
      }
    },
  )
})

describePeers(['ssh-keygen'], 'known_hosts', () => {
  test('names that ssh-keygen hashed are found, and ours by it', () => {
    const [one, two] = [sharedKeyFile('ed25519', 'host'), sharedKeyFile('rsa-2048', 'host')]
    const key = parsePublicKey(one.publicLine)
    const path = saved(
      `a.example,10.1.2.3 ${bare(one.publicLine)}\n[b.example]:2222 ${bare(two.publicLine)}\n`,
    )
    keygen('-H', '-f', path)
    const hashed = readFileSync(path, 'utf8')
    expect(hashed).not.toContain('example')
    const known = parseKnownHosts(hashed)
    expect(known.problems).toEqual([])
    for (const host of ['a.example', '10.1.2.3']) expect(known.check(host, 22, key)).toBe('ok')
    expect(known.check('b.example', 2222, key)).toBe('changed')
    expect(known.check('c.example', 22, key)).toBe('unknown')

    const ours = saved(
      [
        formatKnownHost('a.example', 22, key, { hashed: true }),
        formatKnownHost('b.example', 2222, key, { hashed: true }),
        formatKnownHost('c.example', 2222, key),
        '',
      ].join('\n'),
    )
    for (const [name, line] of [
      ['a.example', 1],
      ['[b.example]:2222', 2],
      ['[c.example]:2222', 3],
    ] as const)
      expect(keygen('-F', name, '-f', ours)).toContain(`found: line ${line}`)
  })
})

describePeers(['puttygen'], 'files of ours, by puttygen', () => {
  test.each(keyFileTypes)('%s: puttygen reads it, and what it writes is read', async (type) => {
    const key = await ourKey(type)
    const path = saved(formatPrivateKey(key))
    expect(runNow('puttygen', [path, '-O', 'public-openssh']).trim()).toBe(formatPublicKey(key.publicKey))
    const written = `${path}-new`
    runNow('puttygen', [path, '-O', 'private', '-o', `${path}.ppk`])
    runNow('puttygen', [`${path}.ppk`, '-O', 'private-openssh-new', '-o', written])
    expect(parsePrivateKey(readFileSync(written)).publicKey).toEqual(key.publicKey)
    // Its older form: PKCS#1 and SEC 1.
    runNow('puttygen', [`${path}.ppk`, '-O', 'private-openssh', '-o', `${written}-old`])
    expect(parsePrivateKey(readFileSync(`${written}-old`)).publicKey.blob).toEqual(key.publicKey.blob)
    expect(parsePrivateKey(readFileSync(`${path}.ppk`)).publicKey).toEqual(key.publicKey)
  })
})

describe('keys of Node', () => {
  const made = [
    ['ed25519', () => crypto.generateKeyPairSync('ed25519')],
    ['P-256', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['P-384', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['P-521', () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['rsa', () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ] as const

  test.each(made)('%s: PKCS#8, SPKI and signatures both ways', async (_name, make) => {
    const { privateKey, publicKey } = make()
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const key = parsePrivateKey(text)
    expect(formatPrivateKey(key, { format: 'pkcs8' })).toBe(text)
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    expect(parsePublicKey(spki)).toEqual(key.publicKey)
    expect(formatPublicKey(key.publicKey, { format: 'pem' })).toBe(spki)
    for (const algorithm of key.algorithms) expect(await nodeAccepts(key, algorithm)).toBe(true)
    expect(crypto.createPrivateKey(formatPrivateKey(key, { format: 'pkcs8' })).equals(privateKey)).toBe(true)
  })

  test.each([
    ['ed448', () => crypto.generateKeyPairSync('ed448'), /Ed448/],
    ['x25519', () => crypto.generateKeyPairSync('x25519'), /X25519/],
    ['secp256k1', () => crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), /secp256k1/],
    ['rsa-pss', () => crypto.generateKeyPairSync('rsa-pss', { modulusLength: 2048 }), /RSA-PSS/],
    [
      'explicit curves',
      () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }),
      /openssl ec/,
    ],
  ])('%s is refused by name', (_name, make, message) => {
    const { privateKey, publicKey } = make()
    const parse = (): unknown =>
      parsePrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    expect(parse).toThrow(KeyError)
    expect(parse).toThrow(message)
    expect(() => parsePublicKey(publicKey.export({ type: 'spki', format: 'pem' }).toString())).toThrow(
      message,
    )
  })
})

test('private values do not show in inspection or JSON', async () => {
  const key = await generateKey('ed25519', { comment: 'seen' })
  const seed = (crypto.createPrivateKey(formatPrivateKey(key, { format: 'pkcs8' })).export({ format: 'jwk' })
    .d ?? '') as string
  const hex = Buffer.from(seed, 'base64url').toString('hex')
  const numbers = [...Buffer.from(seed, 'base64url')].join(', ')
  expect(hex).toHaveLength(64)
  const shown = [
    inspect(key, { depth: 10, showHidden: true, maxArrayLength: null }),
    JSON.stringify(key),
    String(key),
  ].join('\n')
  expect(shown).toContain('seen')
  for (const secret of [seed, hex, numbers, numbers.replaceAll(' ', '')])
    expect(shown.replaceAll(/\n\s*/g, ' ')).not.toContain(secret)
})
