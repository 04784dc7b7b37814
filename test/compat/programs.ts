/** Runs the example programs as their own processes, each with any module that is shaped like ssh2. */

import { fileURLToPath } from 'node:url'
import { type Running, type RunResult, run, start } from '@hawser/test-kit'

/** The modules that are compared. */
export const modules = { theirs: 'ssh2', ours: '@hawser/ssh2-compat' } as const
export type Module = (typeof modules)[keyof typeof modules]

const folder = fileURLToPath(new URL('./examples/', import.meta.url))

/** Ours runs from its sources: nothing has to be built first. */
function command(module: Module, program: string, args: readonly string[]): string[] {
  const source = module === modules.ours ? ['--conditions=@hawser/source', '--import', 'tsx'] : []
  return [...source, `${folder}${program}.cjs`, module, ...args]
}

/** Runs a client program to its end. */
export function runProgram(module: Module, program: string, args: readonly string[]): Promise<RunResult> {
  return run(process.execPath, command(module, program, args), { timeoutMs: 30_000, cwd: folder })
}

/** Starts a program that prints nothing and ends when it is told to. */
export function startProgram(module: Module, program: string, args: readonly string[]): Running {
  return start(process.execPath, command(module, program, args), { timeoutMs: 60_000, cwd: folder })
}

export interface RunningServer {
  readonly port: number
  /** Everything it has printed behind the line with its port. */
  output(): string
  /** Resolves once its output contains `text` so many times (default once); rejects when it ends before. */
  saw(text: string, times?: number): Promise<void>
  /** Ends it and gives what it said on standard error. */
  stop(): Promise<string>
}

/** Starts a server program and waits for the line that tells its port. */
export async function startServerProgram(
  module: Module,
  program: string,
  args: readonly string[],
): Promise<RunningServer> {
  let printed = ''
  const waiting = new Set<() => void>()
  const running: Running = start(process.execPath, command(module, program, args), {
    timeoutMs: 60_000,
    cwd: folder,
    onStdout: (chunk) => {
      printed += Buffer.from(chunk).toString()
      for (const look of [...waiting]) look()
    },
  })
  const until = (text: string, times = 1): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (printed.split(text).length <= times) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      void running.done.then((result) =>
        reject(
          new Error(`${program} with ${module} ended (${result.code}) before "${text}": ${result.stderr}`),
        ),
      )
    })
  await until('\n')
  const port = Number(/Listening on port (\d+)/.exec(printed)?.[1])
  return {
    port,
    output: () => printed.replace(/^.*\n/, ''),
    saw: until,
    stop: async () => (await running.stop()).stderr,
  }
}
