/**
 * Removes one guard after the other in a copy of the repository and runs the test that must notice:
 * `npm run guards [-- --only TEXT]`, where TEXT may be several texts with `|` between them. Prints a line per guard, and how many rows of
 * docs/security.md have guards that are red. Fails where a test stays green, a text is there no longer, or a row has no guard.
 */

import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { styleText } from 'node:util'
import { type Guard, projectOf } from './guards/guard.ts'
import { guards } from './guards/index.ts'
import { guardsOfRow, rowProblems, securityRows } from './security-rows.ts'
import { root } from './sources.ts'

/** A test that does not end without its guard has noticed too. */
const mostMs = 180_000

interface TestResult {
  readonly title: string
  readonly status: string
}

interface Run {
  /** By file, relative to the repository. */
  readonly tests: ReadonlyMap<string, readonly TestResult[]>
  readonly ended: boolean
  readonly output: string
}

type Verdict = 'red' | 'GREEN' | 'BROKEN'

function colour(verdict: Verdict): string {
  if (!process.stdout.isTTY) return verdict
  return styleText(verdict === 'red' ? 'green' : 'red', verdict)
}

/** The files that git knows, or would, and what they need to run. */
function copyOfRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'hawser-guards-'))
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  for (const path of listed.split('\0').filter((name) => name !== '' && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    cpSync(join(root, path), join(copy, path), { verbatimSymlinks: true })
  }
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@hawser'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@hawser' && !name.startsWith('.vite'))
      symlinkSync(join(root, 'node_modules', name), join(modules, name))
  // These must be the copy's own, or nothing that is changed in it would be seen.
  for (const name of readdirSync(join(copy, 'packages')))
    symlinkSync(join('..', '..', 'packages', name), join(modules, '@hawser', name))
  return copy
}

/** Runs test files of one project, of them only those whose title has `title`. */
function runTests(copy: string, project: string, files: readonly string[], title?: string): Promise<Run> {
  const report = join(copy, 'guards-report.json')
  rmSync(report, { force: true })
  const only = title === undefined ? [] : ['-t', title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [
    vitest,
    'run',
    '--project',
    project,
    '--reporter=json',
    `--outputFile=${report}`,
    ...only,
    ...files,
  ]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: copy,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '--max-old-space-size=2048' },
    })
    let output = ''
    let ended = true
    const timer = setTimeout(
      () => {
        ended = false
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      },
      title === undefined ? 10 * mostMs : mostMs,
    )
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('close', () => {
      clearTimeout(timer)
      resolve({ tests: resultsIn(report, copy), ended, output })
    })
  })
}

function resultsIn(report: string, copy: string): ReadonlyMap<string, readonly TestResult[]> {
  if (!existsSync(report)) return new Map()
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[]
  }
  return new Map(
    testResults.map(({ name, assertionResults }) => [
      name.slice(name.indexOf(copy) + copy.length + 1),
      assertionResults.map(({ fullName, status }) => ({ title: fullName, status })),
    ]),
  )
}

/** The results of a guard's own tests. */
function resultsOf(run: Run, guard: Guard): readonly TestResult[] {
  return (run.tests.get(guard.test) ?? []).filter(({ title }) => title.includes(guard.title))
}

/** What is wrong with the list itself: texts that are not there exactly once. */
function textProblem(copy: string, { file, text, without }: Guard): string | undefined {
  const path = join(copy, file)
  if (!existsSync(path)) return `${file} is not there`
  const found = readFileSync(path, 'utf8').split(text).length - 1
  if (found !== 1) return `its text stands ${found} times in ${file}`
  return text === without ? 'its replacement changes nothing' : undefined
}

async function withoutGuard(copy: string, guard: Guard): Promise<{ verdict: Verdict; why: string }> {
  const problem = textProblem(copy, guard)
  if (problem !== undefined) return { verdict: 'BROKEN', why: problem }
  const path = join(copy, guard.file)
  const before = readFileSync(path, 'utf8')
  // By a function: `$` in a replacement has a meaning.
  writeFileSync(
    path,
    before.replace(guard.text, () => guard.without),
  )
  try {
    const run = await runTests(copy, projectOf(guard.test), [guard.test], guard.title)
    if (!run.ended) return { verdict: 'red', why: 'does not end' }
    const results = resultsOf(run, guard).filter(({ status }) => status === 'passed' || status === 'failed')
    if (results.length === 0) {
      // Out of memory is how some guards are missed; a file that no longer loads says nothing about them.
      if (/out of memory/.test(run.output)) return { verdict: 'red', why: 'out of memory' }
      return { verdict: 'BROKEN', why: `nothing ran: ${run.output.trim().split('\n').slice(-3).join(' ')}` }
    }
    const failed = results.filter(({ status }) => status === 'failed').length
    return failed > 0
      ? { verdict: 'red', why: `${failed} of ${results.length}` }
      : { verdict: 'GREEN', why: `${results.length} passed without the guard` }
  } finally {
    writeFileSync(path, before)
  }
}

/** Every named test must pass while the guards are there: red says nothing otherwise. */
async function baseline(copy: string, chosen: readonly Guard[]): Promise<readonly string[]> {
  const problems: string[] = []
  for (const project of new Set(chosen.map(({ test }) => projectOf(test)))) {
    const ours = chosen.filter(({ test }) => projectOf(test) === project)
    const run = await runTests(copy, project, [...new Set(ours.map(({ test }) => test))])
    for (const guard of ours) {
      const results = resultsOf(run, guard)
      const bad = results.find(({ status }) => status !== 'passed')
      if (results.length === 0) problems.push(`${guard.name}: no test "${guard.title}" in ${guard.test}`)
      else if (bad !== undefined) problems.push(`${guard.name}: ${bad.title} is ${bad.status} with the guard`)
    }
  }
  return problems
}

const at = process.argv.indexOf('--only')
const only = at < 0 ? undefined : (process.argv[at + 1] ?? '')
const chosen = guards.filter(
  (guard) =>
    only === undefined || only.split('|').some((text) => `${guard.name} ${guard.file}`.includes(text)),
)
if (chosen.length === 0) throw new Error(`no guard has ${JSON.stringify(only)} in its name or file`)

const copy = copyOfRepository()
process.once('exit', () => rmSync(copy, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const started = performance.now()
const counts: Record<Verdict, number> = { red: 0, GREEN: 0, BROKEN: 0 }
const rows = securityRows(root)
const problems = [...rowProblems(rows, guards), ...(await baseline(copy, chosen))]
const red = new Set<Guard>()
for (const problem of problems) console.log(`${colour('BROKEN')} | ${problem}`)
for (const guard of chosen) {
  const { verdict, why } = await withoutGuard(copy, guard)
  counts[verdict]++
  if (verdict === 'red') red.add(guard)
  const where = guard.test.replace(/^packages\//, '').replace('/src/', '/')
  console.log(`${guard.name} | ${where}: ${guard.title} | ${colour(verdict)} (${why})`)
}
const seconds = Math.round((performance.now() - started) / 1000)
console.log(
  `guards: ${chosen.length} removed one by one in ${seconds} s: ${counts.red} red, ${counts.GREEN} green, ${counts.BROKEN + problems.length} broken`,
)
const guarded = rows.map((row) => guardsOfRow(row, guards)).filter((list) => list.length > 0)
console.log(
  `rows of docs/security.md: ${rows.length} (${rows.filter(({ section }) => section === 5).length} of them tools), ${guarded.length} with guards, of ${guarded.filter((list) => list.every((guard) => red.has(guard))).length} all were red now`,
)
if (counts.GREEN + counts.BROKEN + problems.length > 0) process.exitCode = 1
