/** `npm run check`: format, lint, types, arrows, purity, the table of docs/security.md, lock file and packaging, side by side, with one line each. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { root } from './sources.ts'

interface Step {
  readonly name: string
  readonly commands: readonly (readonly string[])[]
}

interface Outcome {
  readonly ok: boolean
  readonly output: string
}

const node = process.execPath
const tool = (name: string, path: string): string => join(root, 'node_modules', name, path)
const script = (name: string): string[] => [node, '--import', 'tsx', join(root, 'scripts', name)]
const turbo = [
  node,
  tool('turbo', 'bin/turbo'),
  'run',
  '--ui=stream',
  '--output-logs=errors-only',
  '--continue',
]
const npm = process.env['npm_execpath']?.endsWith('.js') ? [node, process.env['npm_execpath']] : ['npm']

/** Longest first, so that the others fill the time beside them. */
const steps: readonly Step[] = [
  { name: 'packaging', commands: [[...turbo, 'build'], script('check-packages.ts')] },
  {
    name: 'types',
    commands: [
      [...turbo, 'typecheck'],
      [node, tool('typescript-7', 'bin/tsc'), '--noEmit', '-p', root],
    ],
  },
  { name: 'lint', commands: [[tool('.bin', 'oxlint'), '--type-aware', '--quiet']] },
  {
    name: 'unused',
    commands: [
      [tool('.bin', 'knip'), '--include', 'files,unlisted,unresolved', '--no-config-hints', '--no-progress'],
    ],
  },
  { name: 'arrows', commands: [script('check-arrows.ts')] },
  { name: 'purity', commands: [script('check-pure.ts')] },
  { name: 'security', commands: [script('check-security.ts')] },
  { name: 'format', commands: [[tool('.bin', 'biome'), 'ci', '--colors=off', '.']] },
  { name: 'lock file', commands: [[...npm, 'ci', '--dry-run']] },
]

const colour = (style: 'green' | 'red' | 'dim', text: string): string =>
  process.stdout.isTTY ? styleText(style, text) : text

async function check(step: Step): Promise<Outcome> {
  let output = ''
  for (const command of step.commands) {
    const result = await run(command)
    output += result.output
    if (!result.ok) return { ok: false, output }
  }
  if (step.name === 'lock file') {
    const why = lockFileProblem()
    if (why !== undefined) return { ok: false, output: why }
  }
  return { ok: true, output }
}

/** What npm and turbo say around a tool's own words is left out. */
function readable(output: string): string {
  const around = /(^|:) ?(npm (warn|error)|> |$)|cache (miss|hit)|WARNING|^ *(Tasks|Cached|Time):|• /
  return output
    .split('\n')
    .filter((line) => !around.test(line))
    .join('\n')
}

/** The lock file must serve everybody, so it names no registry. */
function lockFileProblem(): string | undefined {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; link?: boolean }>
  }
  const named = Object.entries(lock.packages).find(
    ([, { resolved, link }]) => resolved !== undefined && link !== true,
  )
  if (named === undefined) return undefined
  return `package-lock.json names the address of ${named[0]}; .npmrc has omit-lockfile-registry-resolved=true, so install again`
}

function run(command: readonly string[]): Promise<Outcome> {
  const [file, ...args] = command as [string, ...string[]]
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
    })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', (error) => resolve({ ok: false, output: `cannot run ${file}: ${error.message}` }))
    child.once('close', (code) => resolve({ ok: code === 0, output }))
  })
}

const started = performance.now()
const since = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`
const failed: string[] = []
const waiting = [...steps]
const worker = async (): Promise<void> => {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const from = performance.now()
    const { ok, output } = await check(step)
    const mark = ok ? colour('green', 'ok    ') : colour('red', 'FAILED')
    console.log(`${mark} ${step.name.padEnd(10)} ${colour('dim', since(from))}`)
    if (ok) continue
    failed.push(step.name)
    console.log(readable(output).replace(/^/gm, '       '))
  }
}
if (!existsSync(tool('turbo', 'bin/turbo')))
  throw new Error('node_modules is missing; start this through npm run check')
await Promise.all(Array.from({ length: Math.max(2, Math.min(4, availableParallelism())) }, worker))
console.log(
  failed.length === 0
    ? `check: all ${steps.length} steps passed in ${since(started)}`
    : `check: ${failed.length} of ${steps.length} steps failed (${failed.join(', ')}) in ${since(started)}`,
)
if (failed.length > 0) process.exitCode = 1
