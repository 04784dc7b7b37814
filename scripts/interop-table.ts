/** Prints the interop matrix: every algorithm alone, our client against sshd and ssh against our server; then the other implementations that are installed. `npm run interop` */

import { findPeer, whyMissing } from '@hawser/test-kit'
import { directions, Ends, groups, rows } from '../test/interop/matrix.ts'
import { foreigners } from '../test/interop/matrix-peers.ts'

const width = Math.max(...rows.map(({ name }) => name.length)) + 2
const needs = { 'client to sshd': 'sshd', 'ssh to server': 'ssh' } as const
let failed = 0
let passed = 0
const problems: string[] = []

for (const direction of directions) {
  const why = whyMissing(needs[direction])
  console.log(
    why === undefined
      ? `${direction}: ${findPeer(needs[direction])?.version}`
      : `${direction}: not tried, ${why}`,
  )
}

const ends = await Ends.start()
try {
  for (const group of groups) {
    console.log(`\n${group.padEnd(width)}${directions.map((each) => each.padEnd(20)).join('')}`)
    for (const row of rows.filter((each) => each.group === group)) {
      const cells: string[] = []
      for (const direction of directions) {
        if (whyMissing(needs[direction]) !== undefined) {
          cells.push('–')
          continue
        }
        cells.push(await cell(`${row.group}, ${row.name}, ${direction}`, () => ends.run(row, direction)))
      }
      console.log(`${row.name.padEnd(width)}${cells.map((cell) => cell.padEnd(20)).join('')}`.trimEnd())
    }
  }
  for (const { peer, direction, rows: suites, why, run } of foreigners) {
    const missing = whyMissing(peer) ?? why()
    const title = `${peer} ${findPeer(peer)?.version ?? ''}`.trim()
    console.log(`\n${title}: ${direction}${missing === undefined ? '' : `: not tried, ${missing}`}`)
    if (missing !== undefined) continue
    for (const row of suites)
      console.log(
        `${await cell(`${peer}, ${direction}, ${row.name}`, () => timed(() => run(row, ends)))}   ${row.name}`,
      )
  }
} finally {
  await ends.stop()
}

for (const problem of problems) console.error(`\n${problem}`)
console.log(`\n${passed} ok, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/** Runs one row and gives what stands in the table. */
async function cell(what: string, run: () => Promise<number>): Promise<string> {
  try {
    const ms = await run()
    passed++
    return `ok   ${String(Math.round(ms)).padStart(5)} ms`
  } catch (error) {
    failed++
    problems.push(`${what}: ${(error as Error).message}`)
    return 'FAIL'.padEnd(13)
  }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await run()
  return performance.now() - begun
}
