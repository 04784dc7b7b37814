/** OpenSSH's sftp-server as a child process, and files to transfer with it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type ByteChannel, SftpLink as Link, type SftpLink } from '@hawser/sftp'

const places = ['/usr/lib/openssh/sftp-server', '/usr/libexec/sftp-server', '/usr/lib/ssh/sftp-server']

/** The program's path; undefined where it is not installed. */
export const sftpServer = places.find((path) => existsSync(path))

/** A child process' standard streams as an SFTP channel. */
function childChannel(child: ChildProcess): ByteChannel {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('the child has no pipes')
  const channel: ByteChannel = {
    onData: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
    write: (bytes) => stdin.write(bytes),
    pause: () => void stdout.pause(),
    resume: () => void stdout.resume(),
    end: () => void stdin.end(),
    destroy: () => void child.kill('SIGKILL'),
  }
  stdout.on('data', (bytes: Buffer) => channel.onData(bytes))
  stdout.pause()
  stdin.on('drain', () => channel.onDrain())
  // A dead child's pipe breaks; `close` says so.
  stdin.on('error', () => undefined)
  child.on('close', () => channel.onClose())
  return channel
}

export interface ServerRun {
  readonly link: SftpLink
  readonly child: ChildProcess
  stop(): Promise<void>
}

/** Starts sftp-server and a link to it. */
export async function startSftpServer(args: readonly string[] = []): Promise<ServerRun> {
  if (sftpServer === undefined) throw new Error('sftp-server is not installed')
  const child = spawn(sftpServer, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const link = await openLink(childChannel(child))
  return {
    link,
    child,
    async stop() {
      link.end()
      await link.closed
    },
  }
}

function openLink(channel: ByteChannel): Promise<SftpLink> {
  return new Promise((resolve, reject) =>
    Link.open(channel, {}, (error, link) =>
      link === undefined ? reject(error ?? new Error('no link')) : resolve(link),
    ),
  )
}

/** Bytes that differ everywhere, the same for everybody. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = x >>> 16
  }
  return bytes
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function fileDigest(path: string): string {
  return digest(readFileSync(path))
}

const kib = 1024
/** Around every border that a transfer knows. */
export const sizes = [
  0,
  1,
  32 * kib - 1,
  32 * kib,
  32 * kib + 1,
  255 * kib - 1,
  255 * kib,
  255 * kib + 1,
  5_000_001,
]
