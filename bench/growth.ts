/**
 * How cost grows: 64 MiB through 1 to 1,000 channels and through 1 to 1,000 connections, and directories of 1,000 to 1,000,000 names.
 * `npm run bench:growth [-- --only channels --svg file]`
 */

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Curve, curves, type Point } from './lib/curves.ts'
import { Program, startServer } from './lib/load-program.ts'
import { nativeSsh2 } from './lib/native-ssh2.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, svg: { type: 'string' } },
})
const mib = 2 ** 20
const bytes = 64 * mib
/** Seconds after which a measurement is given up. */
const patience = 20
const built = nativeSsh2()
const contenders = [
  { name: 'hawser', module: '@hawser/ssh2-compat' },
  { name: 'ssh2 plain JS', module: 'ssh2' },
  ...('path' in built ? [{ name: 'ssh2 + addon', module: built.path }] : []),
]

interface Run {
  readonly seconds: number
  /** MiB at most of client and server; the server of directories is ours for all. */
  readonly client: number
  readonly server: number
}

/** One run of one client process against one server process; undefined when it did not come to its end in time. */
async function run(
  module: string,
  serverModule: string,
  work: object,
  wanted: number,
): Promise<Run | undefined> {
  const { server, port } = await startServer(serverModule)
  const client = new Program(0, 'load-client.mjs', { module, port, ...work })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patience * 1000)
  })
  const outcome = await Promise.race([client.outcome, late])
  clearTimeout(timer)
  const { maxRss } = await server.facts()
  await client.stop()
  await server.stop()
  if (outcome === undefined) return undefined
  if (outcome['got'] !== undefined && outcome['got'] < wanted)
    throw new Error(`${outcome['got']} of ${wanted} came`)
  return {
    seconds: outcome['transfer'] ?? Number.NaN,
    client: (outcome['maxRss'] ?? Number.NaN) / mib,
    server: maxRss / mib,
  }
}

const found: Curve[] = []

/** Adds a curve per contender, each point measured in turn with those of the others. */
async function grow(
  what: string,
  counts: readonly number[],
  names: readonly string[],
  measure: (name: string, count: number) => Promise<Run | undefined>,
  speed: { readonly unit: string; of(run: Run): number },
): Promise<void> {
  if (!what.includes(values.only)) return
  const runs: { readonly name: string; readonly count: number; readonly run: Run }[] = []
  const late = new Set<string>()
  for (const count of counts)
    for (const name of names) {
      // Who was late is later with more.
      const found = late.has(name) ? undefined : await measure(name, count)
      if (found === undefined) late.add(name)
      const said =
        found === undefined
          ? `not within ${patience} s`
          : [
              `${found.seconds.toFixed(2)} s`,
              ...(speed.unit === 'seconds' ? [] : [`${speed.of(found).toFixed(1)} ${speed.unit}`]),
              `at most ${found.client.toFixed(0)} MiB of the client, ${found.server.toFixed(0)} of the server`,
            ].join(', ')
      process.stdout.write(`${String(count).padStart(8)} ${what}  ${name.padEnd(14)} ${said}\n`)
      if (found !== undefined) runs.push({ name, count, run: found })
    }
  const lines = (of: (run: Run) => number): Curve['lines'] =>
    names.map((name) => ({
      name,
      points: runs
        .filter((one) => one.name === name && !Number.isNaN(of(one.run)))
        .map(({ count, run }): Point => [count, of(run)]),
    }))
  found.push({ title: `${what}: ${speed.unit}`, lines: lines(speed.of) })
  found.push({ title: `${what}: MiB of client and server`, lines: lines((run) => run.client + run.server) })
}

const moduleOf = (name: string): string => contenders.find((c) => c.name === name)?.module ?? name
const names = contenders.map(({ name }) => name)
const throughput = { unit: 'MiB/s', of: (r: Run): number => bytes / mib / r.seconds }
const counts = [1, 10, 100, 1000]

await grow(
  'channels',
  counts,
  names,
  (name, channels) =>
    run(moduleOf(name), moduleOf(name), { work: 'spread', connections: 1, channels, bytes }, bytes),
  throughput,
)
await grow(
  'connections',
  counts,
  names,
  (name, connections) =>
    run(moduleOf(name), moduleOf(name), { work: 'spread', connections, channels: 1, bytes }, bytes),
  throughput,
)
await grow(
  'names of a directory',
  [1000, 10_000, 100_000, 1_000_000],
  names,
  (name, count) =>
    run(moduleOf(name), '@hawser/ssh2-compat', { work: 'readdir', path: `/dir-${count}` }, count),
  { unit: 'seconds', of: (r) => r.seconds },
)
if (values.svg !== undefined) writeFileSync(values.svg, curves(found))
