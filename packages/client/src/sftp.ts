/** SFTP over a channel of the connection: started, told from everything else that may answer, and closed with its channel. */

import { type Channel, channelPipe } from '@hawser/session'
import { openSftp, type SftpClient, SftpError } from '@hawser/sftp'
import { SshError, type Trace, utf8Decode } from '@hawser/wire'
import type { ExecOptions } from './client.ts'
import { type ProcessExit, watchProcess } from './process.ts'

/** How SFTP is started. */
export interface SftpOptions extends ExecOptions {
  /** Name of the subsystem. Default: `sftp`. */
  readonly subsystem?: string
  /** A command line that speaks SFTP, instead of a subsystem: `sudo /usr/lib/openssh/sftp-server`. */
  readonly command?: string
  /** Sees every SFTP message, by name and size. */
  readonly trace?: Trace
}

/** The server agreed to start SFTP, and the program ended before it said a word of it: with status 127 it does not exist there. */
export class SftpStartError extends SshError {
  /** As the server told it. */
  readonly exit: ProcessExit
  /** What the program printed to standard error, at most the first 4 KiB. */
  readonly stderr: string

  constructor(exit: ProcessExit, stderr: string, options: { readonly cause?: unknown } = {}) {
    super('SSH_SFTP_NOT_STARTED', sentence(exit, stderr), options)
    this.exit = exit
    this.stderr = stderr
  }
}

/** Bytes of standard error that are kept. */
const mostStderr = 4096

interface SftpOverOptions {
  readonly signal: AbortSignal | undefined
  readonly trace: Trace | undefined
  /** Name and version of the server. */
  readonly software: string
}

/** Has `start` start an SFTP server on `channel`, and opens a client over it. The channel ends with the client. */
export async function sftpOver(
  channel: Channel,
  start: () => Promise<void>,
  o: SftpOverOptions,
): Promise<SftpClient> {
  const { signal, software, trace } = o
  let exit: ProcessExit = {}
  let stderr = new Uint8Array(0)
  watchProcess(channel, { exit: (how) => (exit = how) })
  const abort = (): void => channel.abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    // Both leave together, as from ssh(1): a server takes them in order, so there is nothing to wait for in between.
    const started = start()
    const pipe = channelPipe(channel, {}, (bytes) => {
      if (stderr.length === mostStderr) return
      const kept = new Uint8Array(Math.min(mostStderr, stderr.length + bytes.length))
      kept.set(stderr)
      kept.set(bytes.subarray(0, kept.length - stderr.length), stderr.length)
      stderr = kept
    })
    const opening = openSftp(pipe, {
      ...(trace === undefined ? {} : { trace }),
      linkPathFirst: software.startsWith('AsyncSSH'),
      signal,
    })
    // A refusal closes the channel, which is no news then.
    opening.catch(() => undefined)
    await started
    const sftp = await opening
    void sftp.closed.then(() => channel.close())
    return sftp
  } catch (error) {
    if (!(error instanceof SftpError) || signal?.aborted === true) throw error
    // How the program ended follows the end of its output.
    channel.eof()
    await channel.closed
    if (channel.error !== undefined) throw channel.error
    throw new SftpStartError(exit, utf8Decode(stderr), { cause: error })
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function sentence(exit: ProcessExit, stderr: string): string {
  const how =
    exit.code === 127
      ? 'is not there (exit status 127)'
      : exit.code !== undefined
        ? `ended with exit status ${exit.code}`
        : exit.signal !== undefined
          ? `was ended by the signal ${exit.signal}`
          : 'closed its channel'
  const words = stderr.trim() === '' ? '' : `: ${stderr.trim()}`
  return `the SFTP program of the server ${how} before it spoke SFTP${words}`
}
