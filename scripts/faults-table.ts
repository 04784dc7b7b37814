/**
 * Prints the table cut-point × operation × role. Without arguments: each 97th byte and each border of messages, on a line in memory,
 * then each stage against OpenSSH, then programs of their own against OpenSSH, which must end by themselves.
 * `node scripts/run.mjs --source scripts/faults-table.ts [--memory | --programs] [--every N] [--surface S --role R --operation O --fault F]`
 */

import { parseArgs } from 'node:util'
import { moveBytes, operations, rowsOf, runCell, surfaces } from '../test/interop/fault-cells.ts'
import { PeerBench, type PeerCell, peerFaults, peerOperations } from '../test/interop/fault-peers.ts'
import { expectedOf, FaultBench, faultKinds, type Role, stages } from '../test/interop/faults.ts'

const { values } = parseArgs({
  options: {
    every: { type: 'string' },
    bytes: { type: 'string' },
    memory: { type: 'boolean' },
    programs: { type: 'boolean' },
    operation: { type: 'string' },
    surface: { type: 'string' },
    role: { type: 'string' },
    fault: { type: 'string' },
    seed: { type: 'string' },
  },
})

if (values.bytes !== undefined) moveBytes(Number(values.bytes))
if (values.programs !== true) await inMemory(Number(values.every ?? 97), Number(values.seed ?? 1))
if (values.memory !== true && values.programs !== true) await againstOpenSsh()
if (values.memory !== true) await programs()

/** Whether the arguments ask for a row with these names: those that are not named are all asked for. */
function chosen(names: Partial<Record<'surface' | 'role' | 'operation' | 'fault', string>>): boolean {
  return (Object.keys(names) as (keyof typeof names)[]).every(
    (name) => values[name] === undefined || values[name] === names[name],
  )
}

async function inMemory(every: number, seed: number): Promise<void> {
  let total = 0
  let bad = 0
  for (const surface of surfaces)
    for (const role of ['client', 'server'] as const)
      for (const operation of operations) {
        if (!chosen({ surface, role, operation })) continue
        for (const { fault, cells } of await rowsOf(surface, role, operation, { every, seed })) {
          if (!chosen({ fault })) continue
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

/** Two at a time: most of a cell is waiting. */
async function programs(): Promise<void> {
  const cells: PeerCell[] = []
  for (const surface of surfaces)
    for (const role of ['client', 'server'] as const)
      for (const operation of peerOperations)
        for (const fault of peerFaults) {
          // In the login, and in the middle of the operation.
          let places = ['bytes', 'random', 'delays', 'none'].includes(fault) ? [1.5] : [0.6, 1.5]
          // ssh2 has no option for it: the login may take two minutes there, and ends by itself like the others.
          if (surface === 'compat' && role === 'server' && fault === 'silence') places = [1.5]
          if (chosen({ surface, role, operation, fault }))
            cells.push(...places.map((at) => ({ surface, role, operation, fault, at })))
        }
  const bench = await PeerBench.start()
  let bad = 0
  const worker = async (): Promise<void> => {
    for (let cell = cells.shift(); cell !== undefined; cell = cells.shift()) {
      const { problems, summary } = await bench.run(cell)
      const { surface, role, operation, fault, at } = cell
      const where = at < 1 ? 'in the login' : 'in the middle'
      const told = problems.length === 0 ? summary : `${summary}: ${problems.join('; ')}`
      console.log(
        `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${surface} ${role}, ${operation}, ${fault} ${where}: ${told}`,
      )
      if (problems.length > 0) bad++
    }
  }
  const total = cells.length
  try {
    await Promise.all([worker(), worker()])
  } finally {
    await bench.stop()
  }
  console.log(`${total} programs against OpenSSH, ${bad} wrong`)
  if (bad > 0) process.exitCode = 1
}
