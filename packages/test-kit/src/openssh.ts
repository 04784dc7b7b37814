/** Real OpenSSH as a peer: a throw-away sshd on loopback, and runs of ssh against any port. */

import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type KeyFile, type KeyFileType, sharedKeyFile } from './key-files.ts'
import { freePort } from './ports.ts'
import {
  findProgram,
  type Running,
  type RunOptions,
  type RunResult,
  removeFolder,
  start,
  temporaryFolder,
} from './process.ts'

/** What both ends can be told about algorithms; each list replaces OpenSSH's own. */
export interface AlgorithmOptions {
  readonly ciphers?: readonly string[]
  readonly macs?: readonly string[]
  readonly kex?: readonly string[]
  readonly hostKeyAlgorithms?: readonly string[]
  /** Signature algorithms for user keys. */
  readonly publicKeyAlgorithms?: readonly string[]
  /** `RekeyLimit` as sshd_config writes it, such as `1M` or `default 5s`. */
  readonly rekeyLimit?: string
}

export interface SshdOptions extends AlgorithmOptions {
  /** Default: ed25519, ecdsa 256/384/521 and rsa 3072, fresh for this process. */
  readonly hostKeys?: readonly KeyFileType[]
  /** Types of user keys that may log in as {@link Sshd.user}. Default: ed25519. */
  readonly userKeys?: readonly KeyFileType[]
  /** More lines for authorized_keys. */
  readonly authorizedKeys?: readonly string[]
  /** More lines for sshd_config; they stand first, so they win. */
  readonly extra?: readonly string[]
  /** `LogLevel`. Default: VERBOSE. Quieter ones than INFO hide the line that says that sshd listens. */
  readonly logLevel?: 'INFO' | 'VERBOSE' | 'DEBUG' | 'DEBUG2' | 'DEBUG3'
}

export interface Sshd {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Who may log in: the user that runs this process. */
  readonly user: string
  readonly pid: number
  readonly hostKeys: ReadonlyMap<KeyFileType, KeyFile>
  readonly userKeys: ReadonlyMap<KeyFileType, KeyFile>
  /** Everything that sshd has logged so far. */
  log(): string
  /** Ends the listener; connections end with their clients. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const defaultHostKeys: readonly KeyFileType[] = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-3072']

/**
 * Starts sshd for the current user with public-key login; resolves when it listens.
 * Passwords would need PAM or the shadow file, so they are off: use another peer for them.
 * Throws when sshd is not installed or refuses its configuration (the message holds its own words).
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const program = findProgram('sshd')
  if (program === undefined) throw new Error('sshd is not installed')
  // Debian's sshd refuses to start as root without its privilege separation folder.
  if (process.getuid?.() === 0 && process.platform === 'linux') mkdirSync('/run/sshd', { recursive: true })
  const folder = temporaryFolder('sshd')
  const hostKeys = new Map((options.hostKeys ?? defaultHostKeys).map((t) => [t, sharedKeyFile(t, 'host')]))
  const userKeys = new Map((options.userKeys ?? ['ed25519']).map((t) => [t, sharedKeyFile(t, 'user')]))
  const authorized = [...userKeys.values()].map((key) => key.publicLine).concat(options.authorizedKeys ?? [])
  writeFileSync(join(folder, 'authorized_keys'), `${authorized.join('\n')}\n`)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const config = join(folder, 'sshd_config')
    writeFileSync(config, configuration(options, port, folder, hostKeys))
    const running = startBound(program, ['-D', '-e', '-f', config])
    try {
      await listening(running)
    } catch (error) {
      if (attempt < 5 && /address already in use/i.test(running.stderr())) continue
      removeFolder(folder)
      throw error
    }
    const stop = async (): Promise<void> => {
      // Connections hold sshd's stderr open, so its pipes may outlive it.
      if (running.child.exitCode === null && running.child.signalCode === null) {
        running.child.kill('SIGTERM')
        await once(running.child, 'exit')
      }
      removeFolder(folder)
    }
    return {
      host: '127.0.0.1',
      port,
      user: userInfo().username,
      pid: running.child.pid as number,
      hostKeys,
      userKeys,
      log: () => running.stderr(),
      stop,
      [Symbol.asyncDispose]: stop,
    }
  }
}

export interface SshOptions extends AlgorithmOptions, RunOptions {
  readonly port: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** Default: the user that runs this process. */
  readonly user?: string
  /** Private key files to offer, and no others. Default: none. */
  readonly identities?: readonly string[]
  /** What ssh is told at its prompts (password, keyboard-interactive), in order; the last is repeated. Default: it never prompts. */
  readonly answers?: readonly string[]
  /** Lines of known_hosts; with them an unknown or changed key is fatal. Default: any key is accepted. */
  readonly knownHosts?: readonly string[]
  /** More `-o` values, such as `PreferredAuthentications=password`; they stand first, so they win. */
  readonly options?: readonly string[]
  /** More flags before the destination, such as `-tt`, `-N`, `-s`, `-L …`. */
  readonly flags?: readonly string[]
  /** The command; without it ssh asks for a shell. */
  readonly command?: string
}

export interface SshResult extends RunResult {
  /** The prompts that ssh showed (only with `answers`). */
  readonly prompts: readonly string[]
}

export interface SshRunning extends Omit<Running, 'done' | 'stop'> {
  readonly done: Promise<SshResult>
  stop(): Promise<SshResult>
}

/** Starts the real ssh, which reads no configuration and no agent of this machine, and leaves it running. */
export function startSsh(options: SshOptions): SshRunning {
  const program = findProgram('ssh')
  if (program === undefined) throw new Error('ssh is not installed')
  const folder = temporaryFolder('ssh')
  const { args, env } = invocation(options, folder)
  const running = start(program, args, { ...options, env: { ...options.env, ...env } })
  const done = running.done.then((result) => {
    const prompts = options.answers === undefined ? [] : readPrompts(folder)
    removeFolder(folder)
    return { ...result, prompts }
  })
  return {
    child: running.child,
    stderr: running.stderr,
    done,
    stop: () => {
      running.child.kill('SIGTERM')
      return done
    },
  }
}

/** Runs the real ssh to its end. A failure of ssh is not an exception: look at `code` and `stderr`. */
export function runSsh(options: SshOptions): Promise<SshResult> {
  return startSsh(options).done
}

/** `OpenSSH_9.2p1 …` of the installed ssh; undefined without it. */
export async function opensshVersion(): Promise<string | undefined> {
  const program = findProgram('ssh')
  if (program === undefined) return undefined
  return (await start(program, ['-V']).done).stderr.trim()
}

/** Where setpriv is installed, the program dies with this process, however that ends. */
function startBound(program: string, args: readonly string[]): Running {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined
  const options = { timeoutMs: 30 * 60_000 }
  return setpriv === undefined
    ? start(program, args, options)
    : start(setpriv, ['--pdeathsig', 'TERM', '--', program, ...args], options)
}

function listening(running: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (!running.stderr().includes('Server listening on')) return
      running.child.stderr.removeListener('data', look)
      resolve()
    }
    running.child.stderr.on('data', look)
    running.done.then(
      (result) => reject(new Error(`sshd ended with ${result.code ?? result.signal}: ${result.stderr}`)),
      reject,
    )
  })
}

function configuration(
  options: SshdOptions,
  port: number,
  folder: string,
  hostKeys: ReadonlyMap<KeyFileType, KeyFile>,
): string {
  const lines = [
    ...(options.extra ?? []),
    ...algorithmLines(options).map(([key, value]) => `${key} ${value}`),
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...[...hostKeys.values()].map((key) => `HostKey ${key.path}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    `LogLevel ${options.logLevel ?? 'VERBOSE'}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'UseDNS no',
    'PermitRootLogin yes',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'AcceptEnv *',
    'AllowTcpForwarding yes',
    'AllowStreamLocalForwarding yes',
    'PrintMotd no',
    'PrintLastLog no',
    'MaxAuthTries 20',
    'MaxSessions 200',
    'MaxStartups 200',
    'Subsystem sftp internal-sftp',
  ]
  return `${lines.join('\n')}\n`
}

function algorithmLines(options: AlgorithmOptions): [key: string, value: string][] {
  const lists: [string, readonly string[] | undefined][] = [
    ['Ciphers', options.ciphers],
    ['MACs', options.macs],
    ['KexAlgorithms', options.kex],
    ['HostKeyAlgorithms', options.hostKeyAlgorithms],
    ['PubkeyAcceptedAlgorithms', options.publicKeyAlgorithms],
  ]
  const lines: [string, string][] = []
  for (const [key, list] of lists) if (list !== undefined) lines.push([key, list.join(',')])
  if (options.rekeyLimit !== undefined) lines.push(['RekeyLimit', options.rekeyLimit])
  return lines
}

function invocation(options: SshOptions, folder: string): { args: string[]; env: Record<string, string> } {
  const knownHosts = join(folder, 'known_hosts')
  writeFileSync(knownHosts, (options.knownHosts ?? []).map((line) => `${line}\n`).join(''))
  const settings = [
    ...(options.options ?? []),
    ...algorithmLines(options).map(([key, value]) => `${key}=${value}`),
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    `StrictHostKeyChecking=${options.knownHosts === undefined ? 'no' : 'yes'}`,
    'UpdateHostKeys=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'ConnectTimeout=20',
    `BatchMode=${options.answers === undefined ? 'yes' : 'no'}`,
    ...(options.identities ?? []).map((path) => `IdentityFile=${path}`),
    ...((options.identities ?? []).length === 0 ? ['IdentityFile=none'] : []),
  ]
  const env = options.answers === undefined ? {} : askpass(folder, options.answers)
  const args = [
    ...['-F', 'none', '-p', String(options.port)],
    ...settings.flatMap((setting) => ['-o', setting]),
    ...(options.flags ?? []),
    `${options.user ?? userInfo().username}@${options.host ?? '127.0.0.1'}`,
    ...(options.command === undefined ? [] : [options.command]),
  ]
  return { args, env }
}

/** ssh runs this helper for each prompt (SSH_ASKPASS, forced; OpenSSH 8.4 and later). */
function askpass(folder: string, answers: readonly string[]): Record<string, string> {
  const program = join(folder, 'askpass')
  answers.forEach((answer, index) =>
    writeFileSync(join(folder, `answer-${index}`), `${answer}\n`, { mode: 0o600 }),
  )
  writeFileSync(join(folder, 'prompts'), '')
  writeFileSync(
    program,
    [
      '#!/bin/sh',
      `cd '${folder}' || exit 1`,
      'n=$(wc -c < asked 2>/dev/null || echo 0)',
      `[ "$n" -lt ${answers.length} ] || n=${answers.length - 1}`,
      'printf x >> asked',
      `printf '%s\\0' "$1" >> prompts`,
      'cat "answer-$((n))"',
      '',
    ].join('\n'),
  )
  chmodSync(program, 0o700)
  return { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: 'force' }
}

function readPrompts(folder: string): string[] {
  return readFileSync(join(folder, 'prompts'), 'utf8').split('\0').slice(0, -1)
}
