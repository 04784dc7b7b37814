/** What the tests of our SFTP server against real clients share. */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { presets } from '@hawser/crypto'
import { generateKey } from '@hawser/keys'
import { authorizedKeys, passwordsOf } from '@hawser/server'
import { type Listener, listen, spawnProcess } from '@hawser/server/node'
import { directory } from '@hawser/sftp/node'
import { memory, type SftpHandlers } from '@hawser/sftp/server'
import { type RunOptions, type RunResult, run, sharedKeyFile, temporaryFolder } from '@hawser/test-kit'

export interface SftpServer {
  readonly port: number
  /** What handlers threw that is no answer for a client, and what broke the protocol. */
  readonly errors: string[]
  close(): Promise<void>
}

const hostKey = await generateKey('ed25519')
export const password = 'correct-horse'

/** A server for `ada` with SFTP by `handlers`; commands go to sh. */
export async function startSftpServer(handlers: SftpHandlers): Promise<SftpServer> {
  const errors: string[] = []
  const listener: Listener = await listen({
    port: 0,
    hostKeys: [hostKey],
    // curl's libssh2 1.10 has no MAC that is computed over the ciphertext.
    algorithms: { mac: presets.default.mac },
    auth: {
      publickey: authorizedKeys((user) => (user === 'ada' ? userKey.publicLine : undefined)),
      password: passwordsOf(new Map([['ada', password]])),
    },
    onSession: (session) =>
      void session
        .onSftp(handlers, {
          onError: (error, { op }) => void errors.push(`${op ?? 'channel'}: ${error.message}`),
        })
        .onExec((request) => void spawnProcess(request.accept(), { shellCommand: request.command })),
  })
  return { port: listener.port, errors, close: () => listener.close() }
}

export const userKey = sharedKeyFile('ed25519', 'user')
const knownHosts = join(temporaryFolder('sftp'), 'known_hosts')

/** Options of ssh, sftp, scp and sshfs that log in without asking. */
export function sshOptions(port?: number): string[] {
  return [
    ...['-F', 'none'],
    ...[
      ...(port === undefined ? [] : [`Port=${port}`]),
      'User=ada',
      `IdentityFile=${userKey.path}`,
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'StrictHostKeyChecking=no',
      `UserKnownHostsFile=${knownHosts}`,
      'GlobalKnownHostsFile=/dev/null',
      'BatchMode=yes',
      'LogLevel=ERROR',
    ].flatMap((option) => ['-o', option]),
  ]
}

/** Runs sftp with `lines` as its batch; it ends at the first that fails, unless that begins with `-`. */
export function sftp(
  port: number,
  lines: readonly string[],
  o: RunOptions & { readonly flags?: readonly string[] } = {},
): Promise<RunResult> {
  const { flags = [], ...options } = o
  return run('sftp', [...sshOptions(port), ...flags, '-b', '-', '127.0.0.1'], {
    ...options,
    input: `${lines.join('\n')}\n`,
  })
}

export function scp(port: number, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run('scp', [...sshOptions(port), ...args], options)
}

/** A file of `length` bytes that are not all alike. */
export function makeFile(path: string, length: number, seed = 1): void {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 24
  }
  writeFileSync(path, bytes)
}

export function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** A back end that is new for each test, by the name that titles show. */
export const backEnds: readonly (readonly [name: string, make: () => SftpHandlers])[] = [
  ['a directory', () => directory(temporaryFolder('served')) as SftpHandlers],
  [
    'a directory without descriptors',
    () => directory(temporaryFolder('served'), { hold: false }) as SftpHandlers,
  ],
  ['memory', () => memory({ maxBytes: 256 * 1024 * 1024 }) as SftpHandlers],
]
