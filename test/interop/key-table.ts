/**
 * Every type of key in every form that ssh-keygen, puttygen and OpenSSL write, read by us; and every form that we write,
 * read by them: the rows of the table that `scripts/key-table.ts` prints and `key-table.test.ts` holds.
 */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type FormatOptions,
  formatPrivateKey,
  formatPublicKey,
  KeyError,
  type PrivateKey,
  parsePrivateKey,
  parsePublicKey,
} from '@hawser/keys'
import { runNow, temporaryFolder } from '@hawser/test-kit'

export const keyTypes = [
  'ed25519',
  'ecdsa-256',
  'ecdsa-384',
  'ecdsa-521',
  'rsa-1024',
  'rsa-2048',
  'rsa-4096',
  'dsa-1024',
] as const
export type KeyTypeName = (typeof keyTypes)[number]

export interface KeyRow {
  /** Who writes and who reads. */
  readonly group: string
  /** Form and encryption. */
  readonly name: string
  /** The programs that it needs. */
  readonly needs: readonly string[]
  /** Throws when the row fails for `type`; false when there is no such form of that type. */
  run(type: KeyTypeName): boolean
}

const passphrase = 'open sésame 42'
const comment = 'table, with spaces & ünïcode'
const lenient = { minRsaBits: 1024, insecure: true } as const

let folder: string | undefined
let made = 0

function newPath(): string {
  folder ??= temporaryFolder('key-table')
  return join(folder, `key-${made++}`)
}

function saved(text: string): string {
  const path = newPath()
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

interface Original {
  /** As ssh-keygen wrote it. */
  readonly path: string
  readonly key: PrivateKey
  readonly line: string
  /** All private values, to compare. */
  readonly values: string
}

const originals = new Map<KeyTypeName, Original>()

/** One key of each type, by ssh-keygen. */
function original(type: KeyTypeName): Original {
  const known = originals.get(type)
  if (known !== undefined) return known
  const path = newPath()
  const [algorithm, bits] = type.split('-') as [string, string?]
  runNow('ssh-keygen', [
    ...['-q', '-t', algorithm, '-N', '', '-C', comment, '-f', path],
    ...(bits === undefined ? [] : ['-b', bits]),
  ])
  const key = parsePrivateKey(readFileSync(path), lenient)
  const line = readFileSync(`${path}.pub`, 'utf8').trim()
  const found = { path, key, line, values: valuesOf(key) }
  originals.set(type, found)
  return found
}

const valuesOf = (key: PrivateKey): string => formatPrivateKey(key, { format: 'pkcs8' })
const bare = (line: string): string => line.split(' ').slice(0, 2).join(' ')
const isEd25519 = (type: KeyTypeName): boolean => type === 'ed25519'

function expectSame(found: unknown, expected: unknown, what: string): void {
  if (found !== expected)
    throw new Error(`${what}:\n${String(found)}\nwhere this was expected:\n${String(expected)}`)
}

let passphraseFile: string | undefined
const passphrasePath = (): string => (passphraseFile ??= saved(`${passphrase}\n`))

/** Runs puttygen over a key of ssh-keygen. */
function puttygen(type: KeyTypeName, form: string, encrypted: boolean, parameters?: string): string {
  const target = newPath()
  // It refuses to rewrite a file in the format that it has.
  const source =
    form === 'private-openssh-new' ? saved(puttygen(type, 'private', false)) : original(type).path
  runNow('puttygen', [
    source,
    ...['-O', form, '-o', target],
    ...(encrypted ? ['--new-passphrase', passphrasePath()] : []),
    ...(parameters === undefined ? [] : ['--ppk-param', parameters]),
  ])
  return readFileSync(target, 'utf8')
}

/** Rewrites a key of ssh-keygen in its own place. */
function keygenRewrite(type: KeyTypeName, secret: string, ...more: readonly string[]): string {
  const target = newPath()
  copyFileSync(original(type).path, target)
  runNow('ssh-keygen', ['-q', '-p', '-P', '', '-N', secret, '-a', '1', ...more, '-f', target])
  return readFileSync(target, 'utf8')
}

function openssl(type: KeyTypeName, ...more: readonly string[]): string {
  const source = saved(original(type).values)
  return runNow('openssl', [...more, '-in', source])
}

// what others write

/** Reads it, compares all values, and tries it without and with a wrong passphrase. */
function readPrivate(type: KeyTypeName, text: string, secret: string, withComment: boolean): void {
  const key = parsePrivateKey(text, { ...lenient, passphrase: secret })
  expectSame(valuesOf(key), original(type).values, 'the values')
  expectSame(key.comment, withComment ? comment : '', 'the comment')
  if (secret === '') return
  for (const [wrong, code] of [
    ['', 'SSH_KEY_PASSPHRASE_NEEDED'],
    ['wrong', 'SSH_KEY_PASSPHRASE_WRONG'],
  ] as const) {
    const error = keyErrorOf(() => parsePrivateKey(text, { ...lenient, passphrase: wrong }))
    expectSame(error.code, code, `the code with passphrase "${wrong}"`)
    if (error.format === undefined || error.cipher === undefined || error.kdf === undefined)
      throw new Error(`format, cipher or kdf are not told: ${error.message}`)
  }
}

function keyErrorOf(run: () => unknown): KeyError {
  try {
    run()
  } catch (error) {
    if (error instanceof KeyError) return error
    throw error
  }
  throw new Error('it did not throw')
}

function reading(
  tool: string,
  name: string,
  encrypted: boolean,
  write: (type: KeyTypeName, secret: string) => string,
  o: { readonly noEd25519?: true; readonly only?: RegExp; readonly comment?: false } = {},
): KeyRow {
  return {
    group: `${tool} writes, we read`,
    name,
    needs: tool === 'ssh-keygen' ? [tool] : ['ssh-keygen', tool],
    run(type) {
      if ((o.noEd25519 && isEd25519(type)) || (o.only !== undefined && !o.only.test(type))) return false
      const secret = encrypted ? passphrase : ''
      const hasComment = o.comment !== false || /BEGIN OPENSSH/.test(write(type, secret))
      readPrivate(type, write(type, secret), secret, hasComment)
      return true
    },
  }
}

const opensshCiphers = [
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-cbc',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  '3des-cbc',
] as const

const pem = { comment: false } as const
const opensslPem = { ...pem, noEd25519: true } as const

const privateReads: readonly KeyRow[] = [
  reading('ssh-keygen', 'openssh', false, (type) => readFileSync(original(type).path, 'utf8')),
  ...opensshCiphers.map((cipher) =>
    reading('ssh-keygen', `openssh, ${cipher}`, true, (type, secret) =>
      keygenRewrite(type, secret, '-Z', cipher),
    ),
  ),
  reading('ssh-keygen', 'PEM', false, (type) => keygenRewrite(type, '', '-m', 'PEM'), opensslPem),
  reading('ssh-keygen', 'PEM, encrypted', true, (type, s) => keygenRewrite(type, s, '-m', 'PEM'), opensslPem),
  reading('ssh-keygen', 'PKCS8', false, (type) => keygenRewrite(type, '', '-m', 'PKCS8'), opensslPem),
  reading(
    'ssh-keygen',
    'PKCS8, encrypted',
    true,
    (type, s) => keygenRewrite(type, s, '-m', 'PKCS8'),
    opensslPem,
  ),
  reading('puttygen', 'PPK 2', false, (type) => puttygen(type, 'private', false, 'version=2')),
  reading('puttygen', 'PPK 2, encrypted', true, (type) => puttygen(type, 'private', true, 'version=2')),
  reading('puttygen', 'PPK 3', false, (type) => puttygen(type, 'private', false)),
  ...['argon2id', 'argon2i', 'argon2d'].map((kdf) =>
    reading('puttygen', `PPK 3, ${kdf}`, true, (type) =>
      puttygen(type, 'private', true, `kdf=${kdf},memory=256,passes=3,parallelism=2`),
    ),
  ),
  reading('puttygen', 'private-openssh', false, (type) => puttygen(type, 'private-openssh', false), pem),
  reading(
    'puttygen',
    'private-openssh, encrypted',
    true,
    (type) => puttygen(type, 'private-openssh', true),
    pem,
  ),
  reading('puttygen', 'private-openssh-new', false, (type) => puttygen(type, 'private-openssh-new', false)),
  reading('puttygen', 'private-openssh-new, encrypted', true, (type) =>
    puttygen(type, 'private-openssh-new', true),
  ),
  reading('puttygen', 'private-sshcom', false, (type) => puttygen(type, 'private-sshcom', false), {
    only: /^(?:rsa|dsa)/,
  }),
  reading('puttygen', 'private-sshcom, encrypted', true, (type) => puttygen(type, 'private-sshcom', true), {
    only: /^(?:rsa|dsa)/,
  }),
  ...['aes128', 'aes192', 'aes256', 'des3'].map((cipher) =>
    reading(
      'openssl',
      `PEM, ${cipher}`,
      true,
      (type, secret) => openssl(type, 'pkey', '-traditional', `-${cipher}`, '-passout', `pass:${secret}`),
      opensslPem,
    ),
  ),
  reading('openssl', 'PKCS8', false, (type) => openssl(type, 'pkey'), pem),
  ...['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'des-ede3-cbc'].flatMap((cipher) =>
    ['hmacWithSHA1', 'hmacWithSHA256', 'hmacWithSHA384', 'hmacWithSHA512'].map((prf) =>
      reading(
        'openssl',
        `PKCS8, ${cipher}, ${prf}`,
        true,
        (type, secret) =>
          openssl(type, 'pkcs8', '-topk8', '-v2', cipher, '-v2prf', prf, '-passout', `pass:${secret}`),
        pem,
      ),
    ),
  ),
  reading(
    'openssl',
    'PKCS8, aes-256-cbc, scrypt',
    true,
    (type, secret) =>
      openssl(type, 'pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-scrypt', '-passout', `pass:${secret}`),
    pem,
  ),
]

function readingPublic(
  tool: string,
  name: string,
  write: (type: KeyTypeName) => string,
  o: { readonly only?: RegExp; readonly same?: (text: string, key: PrivateKey) => string } = {},
): KeyRow {
  return {
    group: `${tool} writes, we read`,
    name: `public: ${name}`,
    needs: tool === 'ssh-keygen' ? [tool] : ['ssh-keygen', tool],
    run(type) {
      if (o.only !== undefined && !o.only.test(type)) return false
      const text = write(type)
      const key = parsePublicKey(text)
      expectSame(formatPublicKey(key, { comment: '' }), bare(original(type).line), 'the line')
      if (o.same !== undefined)
        expectSame(o.same(text, original(type).key).trim(), text.trim(), 'the text of ours')
      return true
    },
  }
}

const notEd25519 = /^(?!ed25519)/

const publicReads: readonly KeyRow[] = [
  readingPublic('ssh-keygen', 'line', (type) => original(type).line, {
    same: (_text, key) => formatPublicKey(key.publicKey),
  }),
  readingPublic('ssh-keygen', 'RFC 4716', (type) => keygen('-e', '-f', original(type).path), {
    same: (text, key) =>
      formatPublicKey(key.publicKey, {
        format: 'rfc4716',
        comment: /^Comment: "(.*)"$/m.exec(text)?.[1] ?? '',
      }),
  }),
  readingPublic('ssh-keygen', 'PEM', (type) => keygen('-e', '-m', 'PEM', '-f', original(type).path), {
    only: /^rsa/,
    same: (_text, key) => formatPublicKey(key.publicKey, { format: 'pkcs1' }),
  }),
  readingPublic('ssh-keygen', 'PKCS8', (type) => keygen('-e', '-m', 'PKCS8', '-f', original(type).path), {
    only: notEd25519,
    same: (_text, key) => formatPublicKey(key.publicKey, { format: 'pem' }),
  }),
  readingPublic('puttygen', 'RFC 4716', (type) => puttygen(type, 'public', false)),
  readingPublic('puttygen', 'line', (type) => puttygen(type, 'public-openssh', false), {
    same: (_text, key) => formatPublicKey(key.publicKey),
  }),
  readingPublic('openssl', 'SPKI', (type) => openssl(type, 'pkey', '-pubout'), {
    same: (_text, key) => formatPublicKey(key.publicKey, { format: 'pem' }),
  }),
]

const keygen = (...args: readonly string[]): string => runNow('ssh-keygen', args)

// what we write

type Reader = 'ssh-keygen' | 'puttygen' | 'openssl'

const readers: Readonly<Record<Reader, (type: KeyTypeName, path: string, secret: string) => void>> = {
  'ssh-keygen': (type, path, secret) => {
    expectSame(
      bare(keygen('-y', '-P', secret, '-f', path).trim()),
      bare(original(type).line),
      'ssh-keygen -y',
    )
    if (secret === '') {
      const [printed, expected] = [path, `${original(type).path}.pub`].map(
        (file) => keygen('-l', '-f', file).split(' ')[1],
      )
      expectSame(printed, expected, 'ssh-keygen -l')
      expectSame(
        parsePublicKey(keygen('-e', '-f', path)).type,
        original(type).key.publicKey.type,
        'ssh-keygen -e',
      )
    }
    // It rewrites the file by its own writer: everything in it was understood.
    keygen('-q', '-p', '-P', secret, '-N', 'other', '-a', '1', '-f', path)
    const back = parsePrivateKey(readFileSync(path), { ...lenient, passphrase: 'other' })
    expectSame(valuesOf(back), original(type).values, 'ssh-keygen -p')
  },
  puttygen: (type, path, secret) => {
    const old = secret === '' ? [] : ['--old-passphrase', passphrasePath()]
    const line = runNow('puttygen', [path, ...old, '-O', 'public-openssh'])
    expectSame(bare(line), bare(original(type).line), 'puttygen -O public-openssh')
    const target = newPath()
    const none = saved('')
    const form = readFileSync(path, 'utf8').includes('OPENSSH') ? 'private' : 'private-openssh-new'
    runNow('puttygen', [path, ...old, '--new-passphrase', none, '-O', form, '-o', target])
    const back = parsePrivateKey(readFileSync(target), lenient)
    expectSame(valuesOf(back), original(type).values, `puttygen -O ${form}`)
  },
  openssl: (type, path, secret) => {
    const back = runNow('openssl', ['pkey', '-in', path, '-passin', `pass:${secret}`])
    expectSame(back, original(type).values, 'openssl pkey')
  },
}

function writing(
  name: string,
  options: FormatOptions,
  by: readonly Reader[],
  o: { readonly only?: RegExp; readonly canonical?: (type: KeyTypeName) => string } = {},
): KeyRow[] {
  const encrypted = 'passphrase' in options
  return by.map((tool) => ({
    group: `we write, ${tool} reads`,
    name: o.canonical === undefined ? name : `${name} (byte for byte)`,
    needs: tool === 'ssh-keygen' ? [tool] : ['ssh-keygen', tool],
    run(type) {
      if (o.only !== undefined && !o.only.test(type)) return false
      const text = formatPrivateKey(original(type).key, options)
      if (o.canonical !== undefined) expectSame(text, o.canonical(type), 'the text')
      readers[tool](type, saved(text), encrypted ? passphrase : '')
      return true
    },
  }))
}

const quick = { passphrase, rounds: 1 } as const
const argon2 = { passphrase, memory: 256, passes: 2 } as const
const all = ['ssh-keygen', 'puttygen'] as const
const withOpenssl = ['ssh-keygen', 'openssl'] as const

/** puttygen 0.78 reads these ciphers of OpenSSH's files, and no others. */
const puttyCiphers: readonly string[] = ['aes256-ctr', 'aes256-cbc']

const writes: readonly KeyRow[] = [
  ...writing('openssh', {}, all),
  ...opensshCiphers.flatMap((cipher) =>
    writing(`openssh, ${cipher}`, { ...quick, cipher }, puttyCiphers.includes(cipher) ? all : ['ssh-keygen']),
  ),
  ...writing('PEM', { format: 'pem' }, withOpenssl, {
    only: notEd25519,
    canonical: (type) => keygenRewrite(type, '', '-m', 'PEM'),
  }),
  ...writing('PEM', { format: 'pem' }, ['puttygen'], { only: notEd25519 }),
  ...['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'des-ede3-cbc'].flatMap((cipher) =>
    writing(
      `PEM, ${cipher}`,
      { format: 'pem', passphrase, cipher },
      cipher === 'aes-128-cbc' || cipher === 'des-ede3-cbc' ? [...withOpenssl, 'puttygen'] : withOpenssl,
      { only: notEd25519 },
    ),
  ),
  ...writing('PKCS8', { format: 'pkcs8' }, ['openssl'], { canonical: (type) => openssl(type, 'pkey') }),
  ...writing('PKCS8', { format: 'pkcs8' }, ['ssh-keygen'], {
    only: notEd25519,
    canonical: (type) => keygenRewrite(type, '', '-m', 'PKCS8'),
  }),
  ...['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'des-ede3-cbc'].flatMap((cipher) => [
    ...writing(`PKCS8, ${cipher}, pbkdf2`, { format: 'pkcs8', passphrase, cipher, iterations: 1000 }, [
      'openssl',
    ]),
    ...writing(
      `PKCS8, ${cipher}, pbkdf2`,
      { format: 'pkcs8', passphrase, cipher, iterations: 1000 },
      ['ssh-keygen'],
      { only: notEd25519 },
    ),
  ]),
  ...writing('PKCS8, scrypt', { format: 'pkcs8', passphrase, kdf: 'scrypt' }, ['openssl']),
  ...writing('PPK 2', { format: 'ppk', version: 2 }, ['puttygen'], {
    canonical: (type) => puttygen(type, 'private', false, 'version=2'),
  }),
  ...writing('PPK 2, encrypted', { format: 'ppk', version: 2, passphrase }, ['puttygen'], {
    canonical: (type) => puttygen(type, 'private', true, 'version=2'),
  }),
  ...writing('PPK 3', { format: 'ppk' }, ['puttygen'], {
    canonical: (type) => puttygen(type, 'private', false),
  }),
  ...(['argon2id', 'argon2i', 'argon2d'] as const).flatMap((kdf) =>
    writing(`PPK 3, ${kdf}`, { format: 'ppk', ...argon2, kdf }, ['puttygen']),
  ),
]

function writingPublic(
  name: string,
  tool: Reader,
  format: 'openssh' | 'pem' | 'pkcs1' | 'rfc4716',
  read: (path: string) => string,
  only = /./,
): KeyRow {
  return {
    group: `we write, ${tool} reads`,
    name: `public: ${name}`,
    needs: tool === 'ssh-keygen' ? [tool] : ['ssh-keygen', tool],
    run(type) {
      if (!only.test(type)) return false
      const { key, line } = original(type)
      const text = formatPublicKey(key.publicKey, { format })
      expectSame(bare(read(saved(text.endsWith('\n') ? text : `${text}\n`)).trim()), bare(line), 'the line')
      return true
    },
  }
}

const publicWrites: readonly KeyRow[] = [
  writingPublic('RFC 4716, -i', 'ssh-keygen', 'rfc4716', (path) => keygen('-i', '-f', path)),
  writingPublic('PEM, -i', 'ssh-keygen', 'pkcs1', (path) => keygen('-i', '-m', 'PEM', '-f', path), /^rsa/),
  writingPublic(
    'PKCS8, -i',
    'ssh-keygen',
    'pem',
    (path) => keygen('-i', '-m', 'PKCS8', '-f', path),
    notEd25519,
  ),
  writingPublic('RFC 4716', 'puttygen', 'rfc4716', (path) =>
    runNow('puttygen', [path, '-O', 'public-openssh']),
  ),
  writingPublic('line', 'puttygen', 'openssh', (path) => runNow('puttygen', [path, '-O', 'public-openssh'])),
  writingPublic('SPKI', 'openssl', 'pem', (path) =>
    formatPublicKey(parsePublicKey(runNow('openssl', ['pkey', '-pubin', '-in', path]))),
  ),
]

const every = [...privateReads, ...publicReads, ...writes, ...publicWrites]

/** In the order of their groups. */
export const keyRows: readonly KeyRow[] = [...new Set(every.map(({ group }) => group))].flatMap((group) =>
  every.filter((row) => row.group === group),
)
