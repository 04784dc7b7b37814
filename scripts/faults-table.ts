/**
 * Prints the table cut-point × operation × role. Without arguments: each 97th byte and each border of messages, on a line in memory,
 * then each stage against OpenSSH. `node scripts/run.mjs --source scripts/faults-table.ts [--every N] [--memory] [--operation NAME]`
 */

import { parseArgs } from 'node:util'
import { operations, rowsOf, runCell, surfaces } from '../test/interop/fault-cells.ts'
import { expectedOf, FaultBench, faultKinds, type Role, stages } from '../test/interop/faults.ts'

const { values } = parseArgs({
  options: {
    every: { type: 'string' },
    memory: { type: 'boolean' },
    operation: { type: 'string' },
    seed: { type: 'string' },
  },
})

await inMemory(Number(values.every ?? 97), Number(values.seed ?? 1))
if (values.memory !== true) await againstOpenSsh()

async function inMemory(every: number, seed: number): Promise<void> {
  let total = 0
  let bad = 0
  for (const surface of surfaces)
    for (const role of ['client', 'server'] as const)
      for (const operation of operations) {
        if (values.operation !== undefined && values.operation !== operation) continue
        for (const { fault, cells } of await rowsOf(surface, role, operation, { every, seed })) {
          const outcomes = new Map<string, number>()
          const failures: string[] = []
          for (const cell of cells) {
            const { outcome, problems } = await runCell(cell)
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
            if (problems.length > 0)
              failures.push(`at byte ${cell.at}, seed ${cell.seed}: ${problems.join('; ')}`)
          }
          total += cells.length
          bad += failures.length
          const told = [...outcomes].map(([name, times]) => `${times} ${name}`).join(', ')
          const right = failures.length === 0
          console.log(
            `${right ? 'ok  ' : 'FAIL'} ${surface} ${role}, ${operation}, ${fault}: ${cells.length} points: ${told}`,
          )
          for (const failure of failures.slice(0, 3)) console.log(`       ${failure}`)
        }
      }
  console.log(`${total} cells in memory, ${bad} wrong`)
  if (bad > 0) process.exitCode = 1
}

async function againstOpenSsh(): Promise<void> {
  const bench = await FaultBench.start()
  try {
    for (const role of ['client', 'server'] satisfies Role[]) {
      console.log(`\nour ${role} and OpenSSH`)
      for (const stage of stages)
        for (const kind of faultKinds) {
          const seen = await bench.run(role, stage, kind)
          const { code, phase } = expectedOf(stage, kind)
          const { failed, closed, rejected } = seen.times
          const once = failed === 1 && closed === 1 && rejected === 1 && seen.same
          const right = seen.code === code && seen.phase === phase && once
          if (!right) process.exitCode = 1
          console.log(
            `${right ? 'ok  ' : 'FAIL'} ${stage.name}, ${kind}: ${seen.type} ${String(seen.code)} in ${String(seen.phase)}${once ? '' : `, told ${JSON.stringify(seen.times)}`}: ${seen.message}`,
          )
        }
    }
  } finally {
    await bench.stop()
  }
}
