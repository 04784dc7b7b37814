/** The programs under load, driven by lines: what they hold at the moment, and what came of their work. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sharedKeyFile } from '@hawser/test-kit'
import { pinned } from './measure.ts'

export const programs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'programs')
const hostKey = sharedKeyFile('ed25519', 'host').path

export interface Facts {
  readonly rss: number
  readonly maxRss: number
  readonly heapUsed: number
  readonly external: number
  readonly held: number
  readonly sent: number
  readonly resources: number
  readonly cpu: number
  /** Of a client: how often it has logged in. */
  readonly connections?: number
}

/** A program of `programs/` that answers lines with lines. */
export class Program {
  readonly #child
  readonly #lines
  readonly #waiting: ((line: string) => void)[] = []
  readonly #came: string[] = []
  #outcome: ((outcome: Record<string, number>) => void) | undefined
  readonly outcome: Promise<Record<string, number>>

  constructor(core: number, file: string, options: object) {
    const [program, args] = pinned(core, [
      process.execPath,
      '--expose-gc',
      join(programs, file),
      JSON.stringify(options),
    ])
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.outcome = new Promise((resolve) => {
      this.#outcome = resolve
    })
    this.#lines = createInterface(this.#child.stdout)
    this.#lines.on('line', (line) => {
      if (line.startsWith('{"done"'))
        this.#outcome?.((JSON.parse(line) as { done: Record<string, number> }).done)
      else {
        const next = this.#waiting.shift()
        if (next === undefined) this.#came.push(line)
        else next(line)
      }
    })
  }

  async next<T>(): Promise<T> {
    const line = this.#came.shift() ?? (await new Promise<string>((resolve) => this.#waiting.push(resolve)))
    return JSON.parse(line) as T
  }

  facts(): Promise<Facts> {
    this.#child.stdin.write('facts\n')
    return this.next()
  }

  /** The facts once nothing is under way; `go` lets it go on. */
  rest(): Promise<Facts> {
    this.#child.stdin.write('rest\n')
    return this.next()
  }

  go(): void {
    this.#child.stdin.write('go\n')
  }

  async stop(): Promise<void> {
    // One that has failed is gone already.
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGCONT')
    this.#child.stdin.end()
    await ended
  }

  /** Stops it where it is: it reads nothing any more. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }
}

export async function startServer(
  module: string,
  o: object = {},
): Promise<{ server: Program; port: number }> {
  const server = new Program(1, 'load-server.mjs', { module, hostKey, ...o })
  const { port } = await server.next<{ port: number }>()
  return { server, port }
}
