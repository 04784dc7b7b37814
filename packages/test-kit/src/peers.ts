/** Which other SSH implementations are installed here. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findProgram } from './process.ts'

export interface Peer {
  readonly name: PeerName
  /** What it calls its version, as short as possible. */
  readonly version: string
  /** The program: itself, or the Python that has the module. */
  readonly path: string
}

type Probe = {
  readonly program: string
  readonly args: readonly string[]
  readonly version: RegExp
  readonly debian: string
}

const probes = {
  ssh: { program: 'ssh', args: ['-V'], version: /OpenSSH_\S+/, debian: 'openssh-client' },
  sshd: { program: 'sshd', args: ['-?'], version: /OpenSSH_[^\s,]+/, debian: 'openssh-server' },
  'ssh-keygen': {
    program: 'ssh-keygen',
    args: ['-?'],
    version: /ssh-keygen/,
    debian: 'openssh-client',
  },
  dropbear: { program: 'dropbear', args: ['-V'], version: /v\S+/, debian: 'dropbear-bin' },
  dbclient: { program: 'dbclient', args: ['-V'], version: /v\S+/, debian: 'dropbear-bin' },
  plink: { program: 'plink', args: ['-V'], version: /Release \S+/, debian: 'putty-tools' },
  psftp: { program: 'psftp', args: ['-V'], version: /Release \S+/, debian: 'putty-tools' },
  pscp: { program: 'pscp', args: ['-V'], version: /Release \S+/, debian: 'putty-tools' },
  puttygen: { program: 'puttygen', args: ['-V'], version: /Release \S+/, debian: 'putty-tools' },
  asyncssh: {
    program: 'python3',
    args: ['-c', 'import asyncssh; print(asyncssh.__version__)'],
    version: /^\d\S*/,
    debian: 'python3-asyncssh',
  },
  paramiko: {
    program: 'python3',
    args: ['-c', 'import paramiko; print(paramiko.__version__)'],
    version: /^\d\S*/,
    debian: 'python3-paramiko',
  },
  python3: { program: 'python3', args: ['-V'], version: /\d\S*/, debian: 'python3' },
  // Xvfb has no flag for its version.
  xvfb: { program: 'Xvfb', args: ['-help'], version: /\bX\b/, debian: 'xvfb' },
  xauth: { program: 'xauth', args: ['-V'], version: /^\d\S*/, debian: 'xauth' },
  xdpyinfo: { program: 'xdpyinfo', args: ['-version'], version: /\d\S*/, debian: 'x11-utils' },
  'ssh-audit': { program: 'ssh-audit', args: ['-h'], version: /v\d\S*/, debian: 'ssh-audit' },
  git: { program: 'git', args: ['--version'], version: /\d\S*/, debian: 'git' },
  curl: { program: 'curl', args: ['--version'], version: /\d\S*/, debian: 'curl' },
  // They come with ssh, and have no flag for their version.
  sftp: { program: 'sftp', args: ['-?'], version: /usage: sftp/, debian: 'openssh-client' },
  scp: { program: 'scp', args: ['-?'], version: /usage: scp/, debian: 'openssh-client' },
  lftp: { program: 'lftp', args: ['--version'], version: /\d\S*/, debian: 'lftp' },
  rsync: { program: 'rsync', args: ['--version'], version: /\d\S*/, debian: 'rsync' },
  tinyproxy: { program: 'tinyproxy', args: ['-v'], version: /\d\S*/, debian: 'tinyproxy-bin' },
  // It has no flag for its version.
  microsocks: { program: 'microsocks', args: ['-h'], version: /MicroSocks/, debian: 'microsocks' },
  haproxy: { program: 'haproxy', args: ['-v'], version: /\d\S*/, debian: 'haproxy' },
  sshfs: { program: 'sshfs', args: ['--version'], version: /\d\S*/, debian: 'sshfs' },
  /** A package of this project's own: prebuilt for the usual platforms. */
  russh: {
    program: 'node',
    args: ['-e', "require('russh'); console.log(require('russh/package.json').version)"],
    version: /^\d\S*/,
    debian: 'nodejs, then npm ci',
  },
} as const satisfies Record<string, Probe>

export type PeerName = keyof typeof probes
export const peerNames = Object.keys(probes) as readonly PeerName[]

const found = new Map<PeerName, Peer | undefined>()

/** The peer if it is installed here and runs. */
export function findPeer(name: PeerName): Peer | undefined {
  if (!found.has(name)) found.set(name, look(name, probes[name]))
  return found.get(name)
}

/** Why tests against `name` cannot run here, in words; undefined when they can. */
export function whyMissing(name: PeerName): string | undefined {
  if (findPeer(name) !== undefined) return undefined
  if (process.platform === 'win32') return `${name} is not driven by these tests on Windows`
  return `${name} is not installed (Debian: apt-get install ${probes[name].debian})`
}

function look(name: PeerName, probe: Probe): Peer | undefined {
  if (process.platform === 'win32') return undefined
  // A Python of the user's own may stand in front of the system's, which is the one that has Debian's modules.
  const paths = new Set([findProgram(probe.program), join('/usr/bin', probe.program)])
  for (const path of paths) {
    if (path === undefined) continue
    const result = spawnSync(path, probe.args, { encoding: 'utf8', timeout: 20_000 })
    const version = probe.version.exec(`${result.stdout ?? ''}${result.stderr ?? ''}`)?.[0]
    if (version !== undefined && result.status !== null) return { name, version, path }
  }
  return undefined
}
