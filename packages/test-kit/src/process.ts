/** Runs other programs for tests: bounded in time, collected, stopped by their own process id. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Readable } from 'node:stream'

export interface RunOptions {
  /** Sent to standard input, which is then ended. Default: nothing. */
  readonly input?: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Keep standard input open after `input`; the caller ends it through `child.stdin`. Default: false. */
  readonly keepInputOpen?: boolean
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Gets standard output chunk by chunk; the result's `stdout` is empty then. For output too big to hold. */
  readonly onStdout?: (chunk: Uint8Array) => void
  /** The program is killed after this many milliseconds. Default: 60,000. */
  readonly timeoutMs?: number
}

export interface RunResult {
  readonly stdout: Buffer
  /** `stdout` as UTF-8. */
  readonly text: string
  readonly stderr: string
  /** The exit code; null when a signal ended the program. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it was killed because it ran longer than `timeoutMs`. */
  readonly timedOut: boolean
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when the program has ended and its output is complete; rejects only when it could not be started. */
  readonly done: Promise<RunResult>
  /** What it has written to standard error so far. */
  stderr(): string
  /** Kills it (by its id) and waits for its end. */
  stop(): Promise<RunResult>
}

/** What this process must not leave behind: programs to kill, folders to remove. */
const atExit = new Set<ChildProcessWithoutNullStreams | string>()
process.once('exit', cleanUp)
// A test runner ends its workers with a signal, which skips 'exit'.
process.once('SIGTERM', () => {
  cleanUp()
  process.kill(process.pid, 'SIGTERM')
})

/** Starts a program and leaves it running. */
export function start(file: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  let timedOut = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (options.onStdout === undefined) stdout.push(chunk)
    else options.onStdout(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // The program may leave before it has read everything; its exit code and stderr say why.
  child.stdin.on('error', () => {})
  feed(child, options)
  atExit.add(child)
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, options.timeoutMs ?? 60_000)
  const done = new Promise<RunResult>((resolve, reject) => {
    const settled = (): void => {
      clearTimeout(timer)
      atExit.delete(child)
    }
    child.once('error', (error) => {
      settled()
      reject(new Error(`cannot run ${file}: ${error.message}`, { cause: error }))
    })
    child.once('close', (code, signal) => {
      settled()
      const bytes = Buffer.concat(stdout)
      resolve({
        stdout: bytes,
        text: bytes.toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        code,
        signal,
        timedOut,
      })
    })
  })
  return {
    child,
    done,
    stderr: () => Buffer.concat(stderr).toString('utf8'),
    stop: () => {
      child.kill('SIGTERM')
      return done
    },
  }
}

/** Runs a program to its end. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return start(file, args, options).done
}

/** Runs a short program at once and gives its standard output; throws with its standard error when it fails. */
export function runNow(file: string, args: readonly string[]): string {
  const result = spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 })
  if (result.error !== undefined)
    throw new Error(`cannot run ${file}: ${result.error.message}`, { cause: result.error })
  if (result.status !== 0)
    throw new Error(`${file} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`)
  return result.stdout
}

/** The full path of a program on PATH or in the system's sbin folders (where sshd and dropbear are); undefined without it. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  const suffixes = process.platform === 'win32' ? ['.exe', ''] : ['']
  for (const folder of folders.filter((f) => f !== ''))
    for (const suffix of suffixes) {
      const path = join(folder, name + suffix)
      if (isExecutable(path)) return path
    }
  return undefined
}

/** A new folder that only this user can read; it disappears when this process ends. */
export function temporaryFolder(name = 'test'): string {
  const folder = mkdtempSync(join(tmpdir(), `hawser-${name}-`))
  atExit.add(folder)
  return folder
}

/** Removes a folder that {@link temporaryFolder} made, before this process ends. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  atExit.delete(folder)
}

function cleanUp(): void {
  for (const left of atExit)
    if (typeof left === 'string') rmSync(left, { recursive: true, force: true })
    else left.kill('SIGKILL')
}

function feed(child: ChildProcessWithoutNullStreams, options: RunOptions): void {
  const { input, keepInputOpen = false } = options
  if (input === undefined) {
    if (!keepInputOpen) child.stdin.end()
  } else if (typeof input === 'string' || input instanceof Uint8Array) {
    child.stdin.write(input)
    if (!keepInputOpen) child.stdin.end()
  } else {
    const source = Readable.from(input, { objectMode: false })
    source.on('error', (error) => child.stdin.destroy(error))
    source.pipe(child.stdin, { end: !keepInputOpen })
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
