/** The conformance suite on our module, where all of it must hold, and on npm's ssh2, to tell what ours has besides. */

import { fileURLToPath } from 'node:url'
import * as ours from '@hawser/ssh2-compat'
import { run } from '@hawser/test-kit'
import { describe, expect, test } from 'vitest'
import { cases, runCase } from './cases.ts'
import { checklist, shownElsewhere, shows } from './checklist.ts'
import type { Ssh2 } from './kit.ts'

test('every line of the checklist has a case', () => {
  const names = cases.flatMap(({ line, covers = [] }) => [line, ...covers])
  expect(checklist.filter((line) => !shows(names, line) && !shownElsewhere(line))).toEqual([])
})

test('each case has a name of its own', () => {
  const lines = cases.map(({ line }) => line)
  expect(lines.filter((line, at) => lines.indexOf(line) !== at)).toEqual([])
})

describe('ours', () => {
  for (const one of cases) test(`${one.line}: ${one.title}`, () => runCase(one, ours as unknown as Ssh2))
})

test("npm's ssh2 has most of it too", { timeout: 240_000 }, async () => {
  const program = fileURLToPath(new URL('./run.ts', import.meta.url))
  const args = ['--conditions=@hawser/source', '--import', 'tsx', program, 'ssh2']
  const { text, stderr } = await run(process.execPath, args, { timeoutMs: 240_000 })
  const results = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { line: string; title: string; failure: string })
  expect(results.length, stderr).toBe(cases.length)
  const lacking = results.filter(({ failure }) => failure !== '')
  // A suite that fails where programs have been running for years would be about something else.
  expect(lacking.length).toBeLessThan(cases.length / 2)
  process.stdout.write(
    `conformance: ${checklist.length} lines of the checklist, ${cases.length} cases; ours has all; npm's ssh2 lacks ${lacking.length}:\n${lacking
      .map(({ line, title, failure }) => `  ${line}: ${title} (${failure})\n`)
      .join('')}`,
  )
})
