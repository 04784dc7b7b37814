/** Prints the interop matrix: every algorithm alone, our client against sshd and ssh against our server. `npm run interop` */

import { findPeer, whyMissing } from '@hawser/testing'
import { directions, Ends, groups, rows } from '../test/interop/matrix.ts'

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
        try {
          const ms = await ends.run(row, direction)
          passed++
          cells.push(`ok   ${String(Math.round(ms)).padStart(5)} ms`)
        } catch (error) {
          failed++
          cells.push('FAIL')
          problems.push(`${row.group}, ${row.name}, ${direction}: ${(error as Error).message}`)
        }
      }
      console.log(`${row.name.padEnd(width)}${cells.map((cell) => cell.padEnd(20)).join('')}`.trimEnd())
    }
  }
} finally {
  await ends.stop()
}

for (const problem of problems) console.error(`\n${problem}`)
console.log(`\n${passed} ok, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
