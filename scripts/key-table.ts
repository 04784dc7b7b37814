/**
 * Prints the table of keys: every type in every form that ssh-keygen, puttygen and OpenSSL write, read by us, and back.
 * `node --conditions=@hawser/source --import tsx scripts/key-table.ts [part of a row's name]`
 */

import { findProgram } from '@hawser/test-kit'
import { keyRows, keyTypes } from '../test/interop/key-table.ts'

const wanted = process.argv[2] ?? ''
const rows = keyRows.filter(({ group, name }) => `${group}: ${name}`.includes(wanted))
const width = Math.max(...rows.map(({ name }) => name.length)) + 2
const problems: string[] = []
let passed = 0
let group = ''

for (const row of rows) {
  if (row.group !== group) {
    group = row.group
    console.log(`\n${group.padEnd(width)}${keyTypes.map((type) => type.padEnd(11)).join('')}`.trimEnd())
  }
  const missing = row.needs.filter((name) => findProgram(name) === undefined)
  const cells = keyTypes.map((type) => {
    if (missing.length > 0) return 'no program'
    try {
      if (!row.run(type)) return '–'
      passed++
      return 'ok'
    } catch (error) {
      problems.push(`${row.group}: ${row.name}, ${type}: ${(error as Error).message}`)
      return 'FAIL'
    }
  })
  console.log(`${row.name.padEnd(width)}${cells.map((cell) => cell.padEnd(11)).join('')}`.trimEnd())
}

for (const problem of problems) console.error(`\n${problem}`)
console.log(`\n${passed} ok, ${problems.length} failed; – where there is no such form of that type`)
process.exitCode = problems.length === 0 ? 0 : 1
