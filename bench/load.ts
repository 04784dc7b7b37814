/**
 * How Hawser behaves under load, beside npm's ssh2: what an idle connection costs, many connections and many channels at once,
 * senders whose readers have stopped, and mixed traffic for a long time.
 * `npm run bench:load [-- --only idle --connections 10000 --seconds 240]`
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sharedKeyFile } from '@hawser/test-kit'
import { pinned } from './lib/measure.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    connections: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '240' },
  },
})
const here = dirname(fileURLToPath(import.meta.url))
const hostKey = sharedKeyFile('ed25519', 'host').path
const modules = ['@hawser/ssh2-compat', 'ssh2'] as const
const mib = 2 ** 20

interface Facts {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly held: number
  readonly sent: number
  readonly resources: number
  readonly cpu: number
}

/** A program of `programs/` that answers lines with lines. */
class Program {
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
      join(here, 'programs', file),
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

  async stop(): Promise<void> {
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

async function startServer(module: string, o: object = {}): Promise<{ server: Program; port: number }> {
  const server = new Program(1, 'load-server.mjs', { module, hostKey, ...o })
  const { port } = await server.next<{ port: number }>()
  return { server, port }
}

/** KiB of the server for each connection that has logged in and does nothing. */
async function idle(module: string): Promise<number> {
  const { server, port } = await startServer(module)
  const warm = new Program(0, 'load-idle.mjs', { port, count: 50 })
  await warm.next()
  await warm.stop()
  await sleep(1000)
  const before = await server.facts()
  const clients = new Program(0, 'load-idle.mjs', { port, count: Number(values.connections) })
  const { failures, reason } = await clients.next<{ failures: number; reason?: string }>()
  await sleep(1000)
  const after = await server.facts()
  const count = after.held - before.held
  const each = (name: 'rss' | 'heapUsed' | 'external'): number => (after[name] - before[name]) / 1024 / count
  say(
    `idle, ${module}`,
    `${count} connections${failures > 0 ? ` (${failures} failed: ${reason})` : ''}: RSS ${each('rss').toFixed(1)} KiB each, heap ${each('heapUsed').toFixed(1)}, external ${each('external').toFixed(1)}; login ${(((after.cpu - before.cpu) * 1000) / count).toFixed(2)} ms of CPU`,
  )
  await clients.stop()
  await server.stop()
  return each('rss')
}

/** Seconds that `work` took. */
async function burst(module: string, work: string, o: object, wanted: number): Promise<number> {
  const { server, port } = await startServer(module)
  const before = await server.facts()
  const client = new Program(0, 'load-client.mjs', { module, work, port, ...o })
  const { ended = 0, seconds = 0, cpu = 0 } = await client.outcome
  const after = await server.facts()
  say(
    `${work}, ${module}`,
    `${ended} of ${wanted} ended well in ${seconds.toFixed(1)} s; CPU client ${cpu.toFixed(1)} s, server ${(after.cpu - before.cpu).toFixed(1)} s; ${after.held} connections left`,
  )
  await client.stop()
  await server.stop()
  return seconds
}

/** MiB by which a sender grows whose reader has stopped, by not reading or altogether. */
async function stalled(module: string, work: string, frozen: boolean): Promise<void> {
  const { server, port } = await startServer(module)
  const client = new Program(0, 'load-client.mjs', { module, work, port, wait: true })
  const [sender, reader] = work.endsWith('down') ? [server, client] : [client, server]
  await sleep(500)
  const before = await sender.facts()
  const readerBefore = sender === server ? await client.facts() : await server.facts()
  await client.outcome
  if (frozen) reader.freeze()
  await sleep(3000)
  const after = await sender.facts()
  const grown = (after.rss - before.rss) / mib
  const readerGrown = frozen ? undefined : ((await reader.facts()).rss - readerBefore.rss) / mib
  say(
    `${work}, ${frozen ? 'reader frozen' : 'nobody reads'}, ${module}`,
    `sender grew by ${grown.toFixed(1)} MiB${readerGrown === undefined ? '' : `, reader by ${readerGrown.toFixed(1)} MiB`}; ${(after.sent / mib).toFixed(1)} MiB were taken of 1024`,
  )
  await client.stop()
  await server.stop()
}

/** Heap and handles of both sides, in the course of it. */
async function soak(module: string): Promise<void> {
  const seconds = Number(values.seconds)
  const { server, port } = await startServer(module)
  const client = new Program(0, 'load-client.mjs', { module, work: 'soak', port, seconds, together: 8 })
  let isOver = false
  const outcome = client.outcome.then((counts) => {
    isOver = true
    return counts
  })
  for (let part = 1; part <= 6; part++) {
    await Promise.race([sleep((seconds / 6) * 1000), outcome])
    const [s, c] = [await server.facts(), await client.facts()]
    const line = ({ heapUsed, external, rss, resources }: Facts): string =>
      `heap ${(heapUsed / mib).toFixed(1)} MiB, external ${(external / mib).toFixed(1)}, RSS ${(rss / mib).toFixed(0)}, ${resources} handles`
    say(`soak, ${module}`, `${Math.round((part * seconds) / 6)} s: server ${line(s)}; client ${line(c)}`)
    if (isOver) break
  }
  say(`soak, ${module}`, JSON.stringify(await outcome))
  await sleep(2000)
  const [s, c] = [await server.facts(), await client.facts()]
  say(
    `soak, ${module}`,
    `afterwards: server heap ${(s.heapUsed / mib).toFixed(1)} MiB, ${s.resources} handles, ${s.held} connections; client heap ${(c.heapUsed / mib).toFixed(1)} MiB, ${c.resources} handles`,
  )
  await client.stop()
  await server.stop()
}

function say(what: string, words: string): void {
  process.stdout.write(`${what}: ${words}\n`)
}

function wanted(name: string): boolean {
  return name.includes(values.only)
}

if (wanted('idle')) {
  const costs: number[] = []
  for (const module of ['@hawser/server', ...modules]) costs.push(await idle(module))
  const [own = 0, compat = 0, ssh2 = 1] = costs
  say(
    'idle',
    `server ${(own / ssh2).toFixed(2)} x, ssh2-compat ${(compat / ssh2).toFixed(2)} x what ssh2 takes (at most 1.2 is wanted)`,
  )
}
for (const [work, o, count] of [
  ['storm', { count: 500, each: 20 }, 10_000],
  ['channels', { count: 1000 }, 1000],
] as const)
  if (wanted(work)) {
    const times: number[] = []
    for (const module of modules) times.push(await burst(module, work, o, count))
    say(work, `hawser takes ${((times[0] ?? 0) / (times[1] ?? 1)).toFixed(2)} x the time of ssh2`)
  }
if (wanted('stalled'))
  for (const work of ['exec down', 'exec up', 'forward up', 'sftp down', 'sftp up'])
    for (const frozen of [false, true]) for (const module of modules) await stalled(module, work, frozen)
if (wanted('soak')) await soak('@hawser/ssh2-compat')
