/**
 * Runs the fuzzer: `npm run fuzz -- [--seconds 60] [--only TEXT] [--seed S] [--count N]`. The seconds are shared out over the targets
 * whose name is TEXT, or else has it. Each target runs in a worker; a try that hangs is ended and told with its seed. `--seed S --count 1 --only NAME`
 * repeats one try.
 */

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { FuzzReport } from '../test/fuzz/worker.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1e12' },
  },
})
const hangMs = 60_000
const names = [
  'wire',
  'transport',
  'userauth',
  'connection',
  'session',
  'sftp-client',
  'sftp-server',
  'sftp',
  'agent',
  'agent-serving',
  'keys',
]
// A whole name means that one: "sftp" is within three of them.
const chosen = names.filter((name) =>
  names.includes(values.only) ? name === values.only : name.includes(values.only),
)
if (chosen.length === 0)
  throw new Error(`no target has "${values.only}" in its name; there are ${names.join(', ')}`)
const seconds = Number(values.seconds) / chosen.length

let iterations = 0
let findings = 0
const begun = performance.now()
for (const name of chosen) {
  const report = await runTarget(name)
  iterations += report.iterations
  findings += report.findings.length
  console.log(
    `${name.padEnd(14)} ${String(report.iterations).padStart(9)} tries, ${Math.round(report.iterations / Math.max(0.001, report.seconds))}/s, ${report.findings.length} findings`,
  )
  for (const { name: place, functions, blocks } of report.coverage)
    console.log(
      `  ${place.padEnd(12)} functions ${functions.reached}/${functions.all}, code of them ${((100 * blocks.reached) / Math.max(1, blocks.all)).toFixed(1)} %`,
    )
  for (const { seed, problem } of report.findings)
    console.log(
      `\n  seed ${seed}: ${problem}\n  again: npm run fuzz -- --only ${name} --seed ${seed} --count 1\n`,
    )
}
console.log(
  `\n${iterations} tries in ${((performance.now() - begun) / 1000).toFixed(0)} s from seed ${values.seed}, ${findings} findings`,
)
if (findings > 0) process.exitCode = 1

function runTarget(target: string): Promise<FuzzReport> {
  const now = new Int32Array(new SharedArrayBuffer(8))
  // Until the first try begins: loading takes its time on a busy machine.
  Atomics.store(now, 0, -1)
  // Threads do not take over what was registered for this one.
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(new URL('../test/fuzz/worker.ts', import.meta.url).href)}) })`
  const worker = new Worker(code, {
    eval: true,
    workerData: { target, seconds, seed: Number(values.seed), count: Number(values.count), now },
    // What fills this is a leak: the targets need a tenth of it.
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  })
  return new Promise((resolve) => {
    let last = -1
    const failed = (problem: string): void => {
      clearInterval(watch)
      void worker.terminate()
      const [tries, seed] = now as unknown as [number, number]
      resolve({
        iterations: Math.max(0, tries),
        seconds,
        coverage: [],
        findings: [{ seed: seed >>> 0, problem }],
      })
    }
    const watch = setInterval(() => {
      const tries = Atomics.load(now, 0)
      if (tries >= 0 && tries === last) failed(`no end after ${hangMs / 1000} s`)
      last = tries
    }, hangMs)
    worker.on('message', (report: FuzzReport) => {
      clearInterval(watch)
      void worker.terminate()
      resolve(report)
    })
    worker.on('error', (error) => failed(`the worker failed: ${String((error as Error).stack ?? error)}`))
  })
}
