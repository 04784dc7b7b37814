/** Holds docs/security.md and the list of guards to the sources: every path, symbol, title and guard named there must be there. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { guards } from './guards/index.ts'
import { rowProblems, securityRows, securityTable as table } from './security-rows.ts'
import { type Problem, report, root } from './sources.ts'

/** In a cell: a path or a symbol of it between backticks, or a title of it between quotes. */
const parts = /`([^`]+)`|“([^”]+)”/g

/** The file that `name` stands for: as it is, or with `packages/` and `src/` left out. */
function fileOf(name: string): string {
  if (/^(test|scripts|bench)\//.test(name)) return name
  return `packages/${name.replace('/', '/src/')}`
}

/** What is wrong with one cell, which names at least one file and something in each. */
function cellProblems(root: string, cell: string, what: string): string[] {
  const problems: string[] = []
  let file: string | undefined
  let text = ''
  let named = 0
  for (const [, code, title] of cell.matchAll(parts)) {
    if (code !== undefined && /^[\w./-]+\.ts$/.test(code)) {
      if (file !== undefined && named === 0) problems.push(`names nothing in ${file}`)
      file = fileOf(code)
      named = 0
      const path = join(root, file)
      text = existsSync(path) ? readFileSync(path, 'utf8') : ''
      if (text === '') problems.push(`${file} is not there`)
    } else {
      const wanted = code ?? title ?? ''
      named++
      if (file === undefined) problems.push(`${JSON.stringify(wanted)} stands in front of any file`)
      else if (text !== '' && !text.includes(wanted))
        problems.push(`${file} has no ${JSON.stringify(wanted)}`)
    }
  }
  if (file === undefined || named === 0) problems.push(`names no ${what}`)
  return problems
}

export function checkSecurity(at: string = root): Problem[] {
  const problems: Problem[] = []
  const rows = securityRows(at)
  for (const { line, requirement, guard, test, more } of rows) {
    const where = `${table}:${line}`
    if (more !== '') problems.push({ where, what: 'a row has three cells' })
    for (const what of [...cellProblems(at, guard, 'guard'), ...cellProblems(at, test, 'test')])
      problems.push({ where, what: `${requirement}: ${what}` })
  }
  if (rows.length < 80) problems.push({ where: table, what: `only ${rows.length} rows were understood` })
  for (const what of rowProblems(rows, guards)) problems.push({ where: table, what })
  for (const { name, file, text, test } of guards) {
    const found = existsSync(join(at, file)) ? readFileSync(join(at, file), 'utf8').split(text).length - 1 : 0
    if (found !== 1)
      problems.push({
        where: file,
        what: `the guard "${name}" stands ${found} times there, not once as in scripts/guards`,
      })
    if (!existsSync(join(at, test)))
      problems.push({ where: test, what: `the test of the guard "${name}" is not there` })
  }
  return problems
}

report(import.meta.url, 'security', checkSecurity)
