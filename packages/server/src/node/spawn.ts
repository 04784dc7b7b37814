/** Real programs for clients: child processes behind a ServerProcess. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { toNodeReadable, toNodeWritable } from '@hawser/session/node'
import type { ServerProcess } from '../server-process.ts'

/** What to run: a program and its arguments, or a command line for a shell. There is no terminal behind it. */
export type SpawnOptions = {
  readonly cwd?: string
  /** The whole environment of the program. Default: this process's own. What the client asked for is in `process.env` and is yours to add. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** User and group to run as, where this process may. */
  readonly uid?: number
  readonly gid?: number
} & (
  | { readonly file: string; readonly args?: readonly string[] }
  /** Runs `sh -c command`: whoever chooses the command can do whatever this process's user can. */
  | { readonly shellCommand: string; readonly shell?: string }
)

/** The streams of a ServerProcess as Node streams; take them before anybody uses the web streams. */
export interface NodeStreams {
  readonly stdin: Readable
  /** Ending it sends nothing: the end comes with `exit`. */
  readonly stdout: Writable
  readonly stderr: Writable
}

export function nodeStreams(process: ServerProcess): NodeStreams {
  return {
    stdin: toNodeReadable(process.channel, 0),
    stdout: toNodeWritable(process.channel, 0),
    stderr: toNodeWritable(process.channel, 1),
  }
}

/**
 * Runs a program and connects it: its output, signals and end reach the client, the client's input and signals reach it.
 * When the client goes away, it gets SIGHUP. A program that cannot be started ends with code 127 and a line on stderr.
 */
export function spawnProcess(process: ServerProcess, options: SpawnOptions): ChildProcessWithoutNullStreams {
  const [file, args] =
    'file' in options
      ? [options.file, options.args ?? []]
      : [options.shell ?? '/bin/sh', ['-c', options.shellCommand]]
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  connectChild(process, child)
  return child
}

function connectChild(process: ServerProcess, child: ChildProcessWithoutNullStreams): void {
  const { stdin, stdout, stderr } = nodeStreams(process)
  // A program may end before it has read everything, and a client may leave before it has: both ends are told below.
  for (const stream of [child.stdin, child.stdout, child.stderr, stdin, stdout, stderr])
    stream.on('error', () => undefined)
  stdin.pipe(child.stdin)
  child.stdout.pipe(stdout)
  child.stderr.pipe(stderr)
  process.onSignal = (name) => {
    // Names that this system does not have are nothing that a program here could get.
    const signal = signalNamed(name)
    if (signal !== undefined) child.kill(signal)
  }
  // As in any pipe whose reader has gone, the program's next output fails.
  process.onUnread = () => child.stdout.destroy()
  child.stdin.once('error', () => {
    process.channel.stopReading()
    stdin.resume()
  })
  const running = (): boolean => child.exitCode === null && child.signalCode === null
  void process.closed.then(() => {
    child.stdout.destroy()
    child.stderr.destroy()
    if (running()) child.kill('SIGHUP')
  })
  let failed = false
  child.once('error', (error) => {
    if (child.pid !== undefined) return
    failed = true
    void process.writeError(`${error.message}\n`)
    void process.exit(127)
  })
  child.once('close', (code, signal) => {
    if (failed) return
    whenFinished([stdout, stderr], () => {
      if (signal === null) void process.exit(code ?? 0)
      else void process.exitWithSignal(signal)
    })
  })
}

/** `done` once all of `streams` have handed on everything, or cannot any more. */
function whenFinished(streams: readonly Writable[], done: () => void): void {
  let left = streams.length
  for (const stream of streams) {
    let counted = false
    const count = (): void => {
      if (counted) return
      counted = true
      if (--left === 0) done()
    }
    if (stream.writableFinished || stream.destroyed) count()
    else {
      stream.once('finish', count)
      stream.once('close', count)
      stream.end()
    }
  }
}

/** RFC 4254 §6.10 names these; beside INFO@openssh.com, a program here can get no others from a client. */
const signals = new Set('ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2'.split(' '))

function signalNamed(name: string): NodeJS.Signals | undefined {
  if (signals.has(name)) return `SIG${name}` as NodeJS.Signals
  // Only the BSDs have it.
  return name === 'INFO@openssh.com' && 'SIGINFO' in constants.signals ? 'SIGINFO' : undefined
}
