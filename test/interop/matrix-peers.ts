/** Further implementations beside OpenSSH, a few rows each: how they are started and held to an algorithm. */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AlgorithmNames } from '@hawser/crypto'
import { fingerprint, parsePublicKey } from '@hawser/keys'
import {
  findPeer,
  findProgram,
  freePort,
  type KeyFileType,
  type PeerName,
  type RunResult,
  run,
  runNow,
  sharedKeyFile,
  start,
  temporaryFolder,
  whyMissing,
} from '@hawser/test-kit'
import type { Ends, Row, Target } from './matrix.ts'

/** A foreign client or server, and the rows that it goes through. */
export interface Foreign {
  readonly peer: PeerName
  readonly direction: 'our client to it' | 'it to our server'
  readonly rows: readonly Row[]
  /** Why it cannot be driven here, although it is installed; undefined when it can. */
  why(): string | undefined
  run(row: Row, ends: Ends): Promise<void>
}

const gcm = 'aes128-gcm@openssh.com'
const chacha = 'chacha20-poly1305@openssh.com'

/** kex, host key, cipher and, where it needs one, MAC at once: a whole suite per row. */
function suite(
  kex: string,
  serverHostKey: string,
  cipher: string,
  mac = '',
  user: { readonly userKey: KeyFileType; readonly userAlgorithm: string } = {
    userKey: 'ed25519',
    userAlgorithm: 'ssh-ed25519',
  },
): Row {
  const algorithms: Partial<AlgorithmNames> = {
    kex: [kex],
    serverHostKey: [serverHostKey],
    cipher: [cipher],
    ...(mac === '' ? {} : { mac: [mac] }),
  }
  return {
    group: 'key exchange',
    name: [kex, serverHostKey, cipher, mac, user.userAlgorithm].filter((part) => part !== '').join(' '),
    algorithms,
    negotiated: { kex, serverHostKey, cipherIn: cipher, cipherOut: cipher, macIn: mac, macOut: mac },
    ...user,
  }
}

const rsa = { userKey: 'rsa-3072', userAlgorithm: 'rsa-sha2-256' } as const
const rsa512 = { userKey: 'rsa-3072', userAlgorithm: 'rsa-sha2-512' } as const
const ecdsa = { userKey: 'ecdsa-256', userAlgorithm: 'ecdsa-sha2-nistp256' } as const

/** Without what `row` does not have: some peers choose by themselves. */
function only(row: Row, ...names: readonly (keyof Row['negotiated'])[]): Row {
  const negotiated = Object.fromEntries(names.map((name) => [name, row.negotiated[name]]))
  return { ...row, name: [...new Set(Object.values(negotiated))].filter(Boolean).join(' '), negotiated }
}

export const foreigners: readonly Foreign[] = [
  {
    peer: 'dropbear',
    direction: 'our client to it',
    rows: [
      suite('curve25519-sha256', 'ssh-ed25519', chacha),
      suite('ecdh-sha2-nistp256', 'ecdsa-sha2-nistp256', 'aes256-ctr', 'hmac-sha2-256', ecdsa),
      suite('diffie-hellman-group14-sha256', 'rsa-sha2-256', 'aes128-ctr', 'hmac-sha2-256', rsa),
    ],
    why: whyNoDropbear,
    run: toDropbear,
  },
  {
    peer: 'dbclient',
    direction: 'it to our server',
    rows: [
      only(suite('', 'ssh-ed25519', chacha), 'cipherIn', 'cipherOut'),
      only(suite('', '', 'aes256-ctr', 'hmac-sha2-256', ecdsa), 'cipherIn', 'cipherOut', 'macIn', 'macOut'),
      only(suite('', '', 'aes128-ctr', 'hmac-sha2-256', rsa), 'cipherIn', 'cipherOut', 'macIn', 'macOut'),
    ],
    why: () => undefined,
    run: (row, ends) => ends.theirClient(row, (target) => dbclient(row, target)),
  },
  {
    peer: 'plink',
    direction: 'it to our server',
    rows: [
      only(suite('curve25519-sha256', 'ssh-ed25519', gcm), 'kex', 'serverHostKey', 'cipherIn', 'cipherOut'),
      only(
        suite('diffie-hellman-group16-sha512', 'rsa-sha2-512', chacha, '', rsa512),
        'kex',
        'serverHostKey',
        'cipherIn',
        'cipherOut',
      ),
      only(
        suite(
          'diffie-hellman-group-exchange-sha256',
          'ecdsa-sha2-nistp256',
          'aes256-ctr',
          'hmac-sha2-256',
          ecdsa,
        ),
        'kex',
        'serverHostKey',
        'cipherIn',
        'cipherOut',
      ),
    ],
    why: () => (findPeer('puttygen') === undefined ? whyMissing('puttygen') : undefined),
    run: (row, ends) => ends.theirClient(row, (target) => plink(row, target)),
  },
  {
    peer: 'russh',
    direction: 'it to our server',
    rows: [
      only(suite('mlkem768x25519-sha256', '', gcm), 'kex', 'cipherIn', 'cipherOut'),
      only(suite('mlkem768x25519-sha256', '', chacha), 'kex', 'cipherIn', 'cipherOut'),
      only(suite('diffie-hellman-group17-sha512', '', 'aes256-ctr'), 'kex', 'cipherIn', 'cipherOut'),
    ],
    why: () => undefined,
    run: (row, ends) => ends.theirClient(row, (target) => russh(row, target)),
  },
  ...(['our client to it', 'it to our server'] as const).flatMap((direction): Foreign[] => [
    {
      peer: 'asyncssh',
      direction,
      rows: [
        suite('curve25519-sha256', 'ssh-ed25519', gcm),
        suite('ecdh-sha2-nistp521', 'ecdsa-sha2-nistp256', chacha, '', ecdsa),
        suite(
          'diffie-hellman-group16-sha512',
          'rsa-sha2-512',
          'aes256-ctr',
          'hmac-sha2-512-etm@openssh.com',
          rsa,
        ),
        suite('diffie-hellman-group-exchange-sha256', 'rsa-sha2-256', 'aes192-ctr', 'hmac-sha2-256', rsa512),
        // What OpenSSH does not have, or no longer: see `matrix`.
        suite('diffie-hellman-group15-sha512', 'ssh-ed25519', 'aes128-ctr', 'umac-128-etm@openssh.com'),
        suite('diffie-hellman-group17-sha512', 'ssh-ed25519', 'aes128-ctr', 'umac-64@openssh.com'),
      ].map(direction === 'it to our server' ? anyRsa : (row) => row),
      why: () => undefined,
      run: (row, ends) => python('asyncssh', direction, row, ends),
    },
    {
      peer: 'paramiko',
      direction,
      rows: [
        suite('curve25519-sha256@libssh.org', 'ssh-ed25519', 'aes128-ctr', 'hmac-sha2-256-etm@openssh.com'),
        suite('ecdh-sha2-nistp384', 'ecdsa-sha2-nistp256', 'aes256-ctr', 'hmac-sha2-512', ecdsa),
        suite('diffie-hellman-group16-sha512', 'rsa-sha2-512', 'aes192-ctr', 'hmac-sha2-256', rsa512),
      ],
      why: () => undefined,
      run: (row, ends) => python('paramiko', direction, row, ends),
    },
  ]),
]

/** russh tells nobody the exit code of a program; its host keys are compared as they stand in a line. */
function russh(row: Row, { port, user, command, input }: Target): Promise<RunResult> {
  const { kex, cipher } = row.algorithms
  const hostKeys = publicLines('host').map((line) => line.split(' ')[1])
  const key = sharedKeyFile(row.userKey, 'user').path
  const program = fileURLToPath(new URL('./programs/russh-client.cjs', import.meta.url))
  return run(
    process.execPath,
    [program, JSON.stringify({ port, user, command, key, kex, cipher, hostKeys })],
    {
      input,
    },
  )
}

/** asyncssh's client chooses the hash of an RSA signature by itself. */
function anyRsa(row: Row): Row {
  if (row.userKey !== 'rsa-3072') return row
  const { userAlgorithm: _, ...others } = row
  return others
}

const hostTypes = ['ed25519', 'ecdsa-256', 'rsa-3072'] as const

function publicLines(use: 'host' | 'user'): string[] {
  return hostTypes.map((type) => sharedKeyFile(type, use).publicLine)
}

function authorizedKeysIn(folder: string): string {
  const path = join(folder, 'authorized_keys')
  writeFileSync(path, `${publicLines('user').join('\n')}\n`, { mode: 0o600 })
  return path
}

// dropbear

/**
 * Dropbear reads authorized_keys in the user's home only, which tests must not touch: it gets a home of its own,
 * mounted in a name space of its own, which takes root.
 */
function whyNoDropbear(): string | undefined {
  const unshare = findProgram('unshare')
  const tried = unshare === undefined ? undefined : spawnSync(unshare, ['-m', 'true'], { timeout: 10_000 })
  return tried?.status === 0 ? undefined : 'dropbear needs a home of its own, which takes root and unshare'
}

async function toDropbear(row: Row, ends: Ends): Promise<void> {
  const folder = temporaryFolder('dropbear')
  const home = join(folder, 'home')
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  authorizedKeysIn(join(home, '.ssh'))
  const port = await freePort()
  const keys = hostTypes.flatMap((type) => ['-r', dropbearKey(type, 'host', folder)])
  const { homedir, username } = userInfo()
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
  const dropbear = [findPeer('dropbear')?.path ?? '', '-F', '-E', '-m', '-p', `127.0.0.1:${port}`]
  const running = start(findProgram('unshare') ?? '', [
    ...['-m', 'sh', '-c', script, 'sh', home, homedir],
    ...[...dropbear, '-P', join(folder, 'pid'), ...keys],
  ])
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (running.stderr().includes('Not backgrounding')) resolve()
      }
      running.child.stderr.on('data', look)
      running.done.then(({ stderr }) => reject(new Error(`dropbear ended: ${stderr}`)), reject)
    })
    await ends.ourClientTo({ port, user: username, hostKeys: publicLines('host') }, row)
  } finally {
    await running.stop()
  }
}

function dbclient(row: Row, { port, user, command, input }: Target): Promise<RunResult> {
  const folder = temporaryFolder('dbclient')
  const { cipher = [], mac } = row.algorithms
  const key = dropbearKey(row.userKey, 'user', folder)
  return run(
    findPeer('dbclient')?.path ?? '',
    [
      ...['-y', '-y', '-T', '-p', String(port), '-i', key, '-c', cipher.join(',')],
      ...(mac === undefined ? [] : ['-m', mac.join(',')]),
      ...[`${user}@127.0.0.1`, command],
    ],
    { input, env: { HOME: folder, PUTTYDIR: join(folder, '.putty') } },
  ).then((result) => ({ ...result, stderr: withoutNotices(result.stderr) }))
}

/** What dbclient itself says about host keys that it was told not to check. */
function withoutNotices(stderr: string): string {
  return stderr.replace(/^.*dbclient: Caution, skipping hostkey check for .*\n\n?/gm, '')
}

function dropbearKey(type: KeyFileType, use: 'host' | 'user', folder: string): string {
  const path = join(folder, `${use}-${type}`)
  runNow('dropbearconvert', ['openssh', 'dropbear', sharedKeyFile(type, use).path, path])
  return path
}

// PuTTY

/** PuTTY's names for what comes first in its lists (a saved session holds them). */
const putty: Readonly<Record<string, string>> = {
  'curve25519-sha256': 'ecdh',
  'diffie-hellman-group16-sha512': 'dh-group16-sha512',
  'diffie-hellman-group-exchange-sha256': 'dh-gex-sha1',
  'ssh-ed25519': 'ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa',
  'rsa-sha2-512': 'rsa',
  [gcm]: 'aesgcm',
  [chacha]: 'chacha20',
  'aes256-ctr': 'aes',
}

const puttyLists = {
  kex: [
    ...['ecdh', 'ntru-curve25519', 'dh-gex-sha1', 'dh-group18-sha512', 'dh-group17-sha512'],
    ...['dh-group16-sha512', 'dh-group15-sha512', 'dh-group14-sha1', 'rsa', 'dh-group1-sha1'],
  ],
  cipher: ['aesgcm', 'aes', 'chacha20', '3des', 'des', 'blowfish', 'arcfour'],
  hostKey: ['ed25519', 'ed448', 'ecdsa', 'rsa', 'dsa'],
} as const

function plink(row: Row, { port, user, command, input }: Target): Promise<RunResult> {
  const folder = temporaryFolder('plink')
  const sessions = join(folder, '.putty', 'sessions')
  mkdirSync(sessions, { recursive: true })
  // Names that a list does not have would be put in where PuTTY thinks best: all are there, the others as doubtful.
  const list = (names: readonly string[] = [], all: readonly string[]): string => {
    const first = names.map((name) => putty[name] as string)
    return [...first, 'WARN', ...all.filter((name) => !first.includes(name))].join(',')
  }
  const { kex, cipher, serverHostKey } = row.algorithms
  writeFileSync(
    join(sessions, 'row'),
    [
      'Protocol=ssh',
      `KEX=${list(kex, puttyLists.kex)}`,
      `Cipher=${list(cipher, puttyLists.cipher)}`,
      `HostKey=${list(serverHostKey, puttyLists.hostKey)}`,
      'PreferKnownHostKeys=0',
      '',
    ].join('\n'),
  )
  const key = join(folder, 'key.ppk')
  runNow(findPeer('puttygen')?.path ?? '', [sharedKeyFile(row.userKey).path, '-O', 'private', '-o', key])
  chmodSync(key, 0o600)
  const hostKeys = publicLines('host').flatMap((line) => ['-hostkey', fingerprint(parsePublicKey(line))])
  return run(
    findPeer('plink')?.path ?? '',
    [
      ...['-load', 'row', '-batch', '-T', '-noagent', '-P', String(port), '-i', key],
      ...[...hostKeys, `${user}@127.0.0.1`, command],
    ],
    { input, env: { HOME: folder, PUTTYDIR: join(folder, '.putty') } },
  )
}

// Python

async function python(
  peer: 'asyncssh' | 'paramiko',
  direction: Foreign['direction'],
  row: Row,
  ends: Ends,
): Promise<void> {
  const program = findPeer(peer)?.path ?? ''
  const script = (role: string): string =>
    fileURLToPath(new URL(`./peers/${peer}_${role}.py`, import.meta.url))
  const options = { env: { PYTHONWARNINGS: 'ignore' } }
  if (direction === 'it to our server') {
    const { kex, cipher, mac, serverHostKey } = row.algorithms
    return ends.theirClient(row, ({ port, user, command, input }) => {
      const spec = {
        ...{ port, user, command, kex, cipher, host_key: serverHostKey },
        mac: mac ?? ['hmac-sha2-256'],
        key: sharedKeyFile(row.userKey, 'user').path,
        key_type: kindOf(row.userKey),
        known_hosts: publicLines('host')
          .map((line) => `[127.0.0.1]:${port} ${line}\n`)
          .join(''),
      }
      return run(program, [script('client'), JSON.stringify(spec)], { input, ...options })
    })
  }
  const paths = hostTypes.map((type) => sharedKeyFile(type, 'host').path)
  const spec = {
    host_keys: peer === 'asyncssh' ? paths : hostTypes.map((type, at) => [kindOf(type), paths[at]]),
    authorized_keys: authorizedKeysIn(temporaryFolder(peer)),
  }
  const running = start(program, [script('server'), JSON.stringify(spec)], {
    keepInputOpen: true,
    ...options,
  })
  try {
    const first = await Promise.race([once(running.child.stdout, 'data'), running.done])
    if (!Array.isArray(first)) throw new Error(`${peer} ended: ${first.stderr}`)
    const port = Number(String(first[0]))
    await ends.ourClientTo({ port, user: 'somebody', hostKeys: publicLines('host') }, row)
  } finally {
    running.child.stdin.end()
    await running.stop()
  }
}

function kindOf(type: KeyFileType): string {
  return type.split('-')[0] as string
}
