/**
 * How Hawser behaves under load, beside npm's ssh2: what an idle connection costs, many connections and many channels
 * at once, what one who is logged in notices of 200 logins, senders whose readers have stopped, and mixed traffic for a long time.
 * `npm run bench:load [-- --only idle --connections 10000 --seconds 600]`
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { idleCost } from './lib/idle.ts'
import { type Facts, Program, programs, startServer } from './lib/load-program.ts'
import { startAnswering } from './lib/measure.ts'
import { nativeSsh2 } from './lib/native-ssh2.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    connections: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '600' },
  },
})
const modules = ['@hawser/ssh2-compat', 'ssh2'] as const
const mib = 2 ** 20
const built = nativeSsh2()
const native = 'path' in built ? [built.path] : []

/** Says what idle connections cost the server, and gives the KiB of each. */
async function idle(module: string): Promise<number> {
  const { count, failures, reason, rss, heap, external, loginMs } = await idleCost(
    module,
    Number(values.connections),
  )
  say(
    `idle, ${module}`,
    `${count} connections${failures > 0 ? ` (${failures} failed: ${reason})` : ''}: RSS ${rss.toFixed(1)} KiB each, heap ${heap.toFixed(1)}, external ${external.toFixed(1)}; login ${loginMs.toFixed(2)} ms of CPU`,
  )
  return rss
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

/** How long one who is logged in waits for an answer while 200 others log in at once, the first time and the second. */
async function bystander(module: string): Promise<void> {
  const { server, port } = await startServer(module)
  // Both are at the core that the server leaves alone; the one who looks at the clock goes first.
  const one = startAnswering(0, join(programs, 'load-bystander.mjs'), { module: modules[0], port }, -15)
  await one.next()
  await sleep(1500)
  const seen: string[] = []
  for (const when of ['before', 'during', 'during']) {
    if (when === 'during') {
      await one.ask()
      const storm = new Program(0, 'load-client.mjs', {
        module: modules[0],
        work: 'storm',
        port,
        count: 200,
        each: 0,
      })
      await storm.outcome
      await storm.stop()
    }
    const { p50, p99, max } = await one.ask<{ p50: number; p99: number; max: number }>()
    seen.push(`${when} half in ${p50.toFixed(2)} ms, 99 % in ${p99.toFixed(2)}, all in ${max.toFixed(1)}`)
    await sleep(500)
  }
  say(`200 logins, ${module}`, seen.join('; '))
  await one.stop()
  await server.stop()
}

/** MiB by which a sender grows whose reader has stopped, by not reading or altogether. */
async function stalled(module: string, work: string, frozen: boolean): Promise<void> {
  const { server, port } = await startServer(module === '@hawser/client' ? '@hawser/server' : module)
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
    `${grown < 16 ? '' : 'TOO MUCH: '}sender grew by ${grown.toFixed(1)} MiB${readerGrown === undefined ? '' : `, reader by ${readerGrown.toFixed(1)} MiB`}; ${(after.sent / mib).toFixed(1)} MiB were taken of 1024`,
  )
  await client.stop()
  await server.stop()
}

/** Heap and handles of both sides, ten times in the course of it, and whether they grew. */
async function soak(module: string): Promise<void> {
  const seconds = Number(values.seconds)
  const parts = 10
  const { server, port } = await startServer(module)
  const client = new Program(0, 'load-client.mjs', { module, work: 'soak', port, seconds, together: 8 })
  let isOver = false
  const outcome = client.outcome.then((counts) => {
    isOver = true
    return counts
  })
  const start = performance.now()
  const seen: { readonly side: string; readonly minutes: number; readonly facts: Facts }[] = []
  for (let part = 1; part <= parts; part++) {
    await Promise.race([sleep((seconds / parts) * 1000), outcome])
    if (isOver) break
    const c = await client.rest()
    await sleep(500)
    const s = await server.facts()
    client.go()
    const minutes = (performance.now() - start) / 60_000
    seen.push({ side: 'server', minutes, facts: s }, { side: 'client', minutes, facts: c })
    say(
      `soak, ${module}`,
      `${minutes.toFixed(1)} min, ${c.connections} logins: server ${line(s)}; client ${line(c)}`,
    )
  }
  say(`soak, ${module}`, JSON.stringify(await outcome))
  await sleep(2000)
  const [s, c] = [await server.facts(), await client.facts()]
  say(`soak, ${module}`, `afterwards: server ${line(s)}, ${s.held} connections; client ${line(c)}`)
  for (const side of ['server', 'client']) {
    // The first parts compile and fill caches; a connection that is kept is some 12 KiB.
    const rows = seen.filter((row) => row.side === side).slice(parts * 0.3)
    if (rows.length < 3) {
      say(`soak, ${module}`, `${side}: too short to tell whether it grows`)
      continue
    }
    const perMinute = (of: (facts: Facts) => number): number =>
      slope(rows.map(({ minutes, facts }) => [minutes, of(facts)]))
    const heap = perMinute((f) => (f.heapUsed + f.external) / 1024)
    const handles = perMinute((f) => f.resources)
    const logins = (seen.at(-1)?.facts.connections ?? 0) / (seen.at(-1)?.minutes ?? 1)
    say(
      `soak, ${module}`,
      `${side}: heap and external ${signed(heap)} KiB a minute (${signed((heap * 1024) / logins)} bytes a login), handles ${signed(handles)} a minute: ${(heap * 1024) / logins < 256 && handles < 1 ? 'no growth' : 'GROWS'}`,
    )
  }
  await client.stop()
  await server.stop()
}

function line({ heapUsed, external, rss, resources }: Facts): string {
  return `heap ${(heapUsed / mib).toFixed(2)} MiB, external ${(external / mib).toFixed(2)}, RSS ${(rss / mib).toFixed(0)}, ${resources} handles`
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)}`
}

/** By the least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, p) => sum + p[at], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const over = points.reduce((sum, p) => sum + (p[0] - x) * (p[1] - y), 0)
  return over / points.reduce((sum, p) => sum + (p[0] - x) ** 2, 0)
}

function say(what: string, words: string): void {
  process.stdout.write(`${what.replace(/\/.*\/ssh2/, 'ssh2 + addon')}: ${words}\n`)
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
    for (const module of [...modules, ...native]) times.push(await burst(module, work, o, count))
    const [own = 0, ...others] = times
    say(
      work,
      `hawser takes ${others.map((other) => (own / other).toFixed(2)).join(' and ')} x the time of ssh2${others.length > 1 ? ', plain and with its addon' : ''}`,
    )
  }
if (wanted('bystander'))
  for (const module of ['@hawser/server', ...modules, ...native]) await bystander(module)
if (wanted('stalled'))
  for (const way of ['exec', 'forward', 'remote forward', 'sftp'])
    for (const end of ['down', 'up'])
      for (const frozen of [false, true])
        for (const module of ['@hawser/client', ...modules]) {
          const remote = way === 'remote forward'
          // What is pushed to a remote listener comes down, and web streams are another program's affair there.
          if (remote && (end === 'up' || module === '@hawser/client')) continue
          await stalled(module, `${way} ${end}`, frozen)
        }
if (wanted('soak')) await soak('@hawser/ssh2-compat')
