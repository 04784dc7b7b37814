/** The rows of docs/security.md, and the guards that are removed for each. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Guard } from './guards/guard.ts'
import { guardsOfRows } from './guards/rows.ts'

export const securityTable = 'docs/security.md'

export interface SecurityRow {
  /** From 1. */
  readonly line: number
  /** The number of its heading. */
  readonly section: number
  readonly requirement: string
  /** The cells that name files and what is in them. */
  readonly guard: string
  readonly test: string
  /** Nothing, if the row has three cells. */
  readonly more: string
}

export function securityRows(at: string): readonly SecurityRow[] {
  const rows: SecurityRow[] = []
  let section = 0
  for (const [index, line] of readFileSync(join(at, securityTable), 'utf8').split('\n').entries()) {
    const heading = /^## (\d+)\./.exec(line)
    if (heading !== null) section = Number(heading[1])
    if (!line.startsWith('| ')) continue
    const [, requirement = '', guard = '', test = '', ...more] = line
      .split(' | ')
      .join('\0')
      .split(/\0|^\| | \|$/)
    if (test.trim() === 'test') continue
    rows.push({ line: index + 1, section, requirement: requirement.trim(), guard, test, more: more.join('') })
  }
  return rows
}

/** The guards of a row; none for the tools of section 5, which guard nothing themselves. */
export function guardsOfRow(row: SecurityRow, guards: readonly Guard[]): readonly Guard[] {
  const names = Object.entries(guardsOfRows).flatMap(([begins, list]) =>
    row.requirement.startsWith(begins) ? list : [],
  )
  return guards.filter(({ name }) => names.includes(name))
}

/** What is wrong with the table of rows and guards: rows without one, names of nothing. */
export function rowProblems(rows: readonly SecurityRow[], guards: readonly Guard[]): readonly string[] {
  const known = new Set(guards.map(({ name }) => name))
  const problems = rows.flatMap((row) =>
    row.section === 5 || guardsOfRow(row, guards).length > 0
      ? []
      : [`${securityTable}:${row.line}: no guard is removed for "${row.requirement}"`],
  )
  for (const [begins, names] of Object.entries(guardsOfRows)) {
    const fitting = rows.filter(({ requirement }) => requirement.startsWith(begins)).length
    if (fitting !== 1) problems.push(`scripts/guards/rows.ts: ${fitting} rows begin with "${begins}"`)
    for (const name of names)
      if (!known.has(name)) problems.push(`scripts/guards/rows.ts: there is no guard "${name}"`)
  }
  return problems
}
