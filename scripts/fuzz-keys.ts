/**
 * Gives the parsers of @hawser/keys mutated inputs: only results and KeyErrors may come out, each within 50 ms.
 * `node --conditions=@hawser/source --import tsx scripts/fuzz-keys.ts [--count 10000000] [--minutes 30] [--seed 1] [--jobs 1]`
 */

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type FuzzResult, fuzzKeys, slowestOfLong } from '../test/fuzz/keys.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000000' },
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    child: { type: 'boolean', default: false },
  },
})
const jobs = Number(values.jobs)
const seed = Number(values.seed)
const budgetMs = Number(values.minutes) * 60_000

if (values.child) process.send?.(fuzzKeys({ seed, count: Number(values.count), budgetMs }))
else await main()

async function main(): Promise<void> {
  const begun = performance.now()
  const count = Math.ceil(Number(values.count) / jobs)
  const results = await Promise.all(Array.from({ length: jobs }, (_, job) => runChild(seed + job, count)))
  const inputs = results.reduce((sum, result) => sum + result.inputs, 0)
  const seconds = (performance.now() - begun) / 1000
  for (const [parser, row] of Object.entries(merged(results)))
    console.log(
      `${parser.padEnd(18)}${Object.entries(row)
        .map(([outcome, times]) => `${outcome.replace('SSH_KEY_', '').toLowerCase()} ${times}`)
        .join(', ')}`,
    )
  const findings = results.flatMap((result) => result.findings)
  for (const { parser, problem, base64 } of findings) console.log(`\n${parser}: ${problem}\n${base64}`)
  const long = slowestOfLong().sort((a, b) => b.ms - a.ms)
  console.log(`\nlongest inputs, slowest: ${long[0]?.name} in ${long[0]?.ms.toFixed(1)} ms`)
  const slowest = Math.max(...results.map(({ slowestMs }) => slowestMs))
  console.log(
    `${inputs} inputs from seed ${seed} in ${seconds.toFixed(0)} s, ${findings.length} findings; slowest call once ${slowest.toFixed(1)} ms, with all that this machine did beside it`,
  )
  if (findings.length > 0 || (long[0]?.ms ?? 0) > 50) process.exitCode = 1
}

/** In a process of its own, so that all cores can be used. */
function runChild(childSeed: number, count: number): Promise<FuzzResult> {
  const args = ['--child', '--seed', childSeed, '--count', count, '--minutes', values.minutes].map(String)
  const child = fork(fileURLToPath(import.meta.url), args)
  return new Promise((resolve, reject) => {
    child.once('message', (result) => resolve(result as FuzzResult))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`a run ended with ${code} and no result`)))
  })
}

function merged(results: readonly FuzzResult[]): Record<string, Record<string, number>> {
  const all: Record<string, Record<string, number>> = {}
  for (const { outcomes } of results)
    for (const [parser, row] of Object.entries(outcomes))
      for (const [outcome, times] of Object.entries(row)) {
        const sums = (all[parser] ??= {})
        sums[outcome] = (sums[outcome] ?? 0) + times
      }
  return all
}
