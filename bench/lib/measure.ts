/** Runs of the programs under measurement: pinned to cores, one JSON line or one `time` line each. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { findProgram } from '@hawser/test-kit'

/** What one run did and cost; seconds throughout. */
export interface Cost {
  readonly amount: number
  readonly seconds: number
  /** CPU of the measured process alone. */
  readonly cpu: number
  /** Milliseconds that half, and 99 of 100, of the operations needed at most. */
  readonly p50?: number
  readonly p99?: number
  /** To be read beside the figure. */
  readonly note?: string
}

const taskset = findProgram('taskset')

/** A command line pinned to one core, where that is possible. */
export function pinned(core: number, command: readonly string[]): [string, string[]] {
  const all = taskset === undefined ? command : [taskset, '-c', String(core), ...command]
  return [all[0] as string, all.slice(1)]
}

/** Moves a running process, and all that it starts later, to one core. */
export async function pinProcess(core: number, pid: number): Promise<void> {
  if (taskset === undefined) return
  await once(spawn(taskset, ['-acp', String(core), String(pid)], { stdio: 'ignore' }), 'exit')
}

/** Runs a program of `programs/` to its end and gives the JSON line that it printed. */
export async function runProgram(core: number, file: string, options: object): Promise<Cost> {
  const [program, args] = pinned(core, [process.execPath, file, JSON.stringify(options)])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${file} ${JSON.stringify(options)} ended with ${code}`)
  return JSON.parse(out) as Cost
}

/** A program that answers each line of its input with one of JSON, until its input ends. */
export interface Answering {
  /** What it prints next; it was asked for it, or prints it by itself. */
  next<T>(): Promise<T>
  ask<T>(): Promise<T>
  stop(): Promise<void>
}

/** `niceness` below 0 lets it go before others on its core, where that is allowed. */
export function startAnswering(core: number, file: string, options: object, niceness = 0): Answering {
  const [program, args] = pinned(core, [process.execPath, '--expose-gc', file, JSON.stringify(options)])
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  if (niceness !== 0 && child.pid !== undefined && process.getuid?.() === 0) setPriority(child.pid, niceness)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`${file} ${JSON.stringify(options)} ended too early`)
    return JSON.parse(line.value) as T
  }
  return {
    next,
    ask() {
      child.stdin.write('?\n')
      return next()
    },
    async stop() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

/** A running server program. */
export interface ServerRun {
  readonly port: number
  /** Stops it; CPU seconds since it listened. */
  stop(): Promise<number>
}

export async function startServerProgram(core: number, file: string, options: object): Promise<ServerRun> {
  const [program, args] = pinned(core, [process.execPath, file, JSON.stringify(options)])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const first = JSON.parse((await lines.next()).value as string) as { port: number }
  return {
    port: first.port,
    async stop() {
      child.kill('SIGTERM')
      const last = JSON.parse((await lines.next()).value as string) as { cpu: number }
      return last.cpu
    },
  }
}

/** Times a whole command (its own CPU and that of its children), its output thrown away. */
export async function timeCommand(core: number, command: string): Promise<Omit<Cost, 'amount'>> {
  const [program, args] = pinned(core, [
    'bash',
    '-c',
    `TIMEFORMAT='%R %U %S'; time { ${command} ; } >/dev/null`,
  ])
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let out = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const last = out.trim().split('\n').at(-1) ?? ''
  const [real, user, system] = last.split(' ').map(Number)
  if (code !== 0 || real === undefined || user === undefined || system === undefined)
    throw new Error(`${command} ended with ${code}: ${out}`)
  return { seconds: real, cpu: user + system }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
