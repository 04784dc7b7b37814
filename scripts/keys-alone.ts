/**
 * @hawser/keys alone: packs it and what it depends on, installs it in an empty project, runs the README's examples in Node and,
 * bundled by esbuild into one file, in headless Chromium where there is one; prints what was installed.
 * `node --import tsx scripts/keys-alone.ts` (npm fetches the noble packages)
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, runNow, temporaryFolder } from '@hawser/test-kit'
import { build } from 'esbuild'
import { root } from './sources.ts'

const mostBytes = 1_500_000
const problems: string[] = []
const folder = temporaryFolder('keys-alone')
const project = join(folder, 'project')
mkdirSync(project)

const tarballs = ['wire', 'crypto', 'keys'].map((name) => {
  const packed = runNow('npm', [
    'pack',
    '--silent',
    '--pack-destination',
    folder,
    join(root, 'packages', name),
  ])
  return join(folder, packed.trim().split('\n').at(-1) as string)
})
writeFileSync(
  join(project, 'package.json'),
  JSON.stringify({ name: 'scratch', private: true, type: 'module' }),
)
runNow('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', project, ...tarballs])

const installed = packagesIn(join(project, 'node_modules'))
let total = 0
for (const [name, path] of installed) {
  const bytes = sizeOf(path)
  total += bytes
  const { scripts = {}, version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
    readonly scripts?: Readonly<Record<string, string>>
    readonly version: string
  }
  const installs = ['preinstall', 'install', 'postinstall'].filter((each) => each in scripts)
  if (installs.length > 0) problems.push(`${name} has install scripts: ${installs.join(', ')}`)
  console.log(`${name.padEnd(18)} ${version.padEnd(8)} ${String(Math.round(bytes / 1000)).padStart(6)} kB`)
}
console.log(`${'in all'.padEnd(27)} ${String(Math.round(total / 1000)).padStart(6)} kB`)
if (total > mostBytes) console.log(`more than the ${mostBytes / 1000} kB that are aimed at`)

const readme = readFileSync(join(root, 'packages/keys/README.md'), 'utf8')
const examples = [...readme.matchAll(/\(`([\w-]+\.mjs)`\):\n\n```js\n([\s\S]*?)^```$/gm)].map(
  ([, name, code]) => [name as string, code as string] as const,
)
const outputs = new Map<string, string>()
for (const [name, code] of examples) {
  const path = join(project, name)
  writeFileSync(path, code)
  try {
    outputs.set(name, runNow(process.execPath, [path]))
    console.log(`node      ok    ${name}`)
  } catch (error) {
    problems.push(`node, ${name}: ${(error as Error).message}`)
    console.log(`node      FAIL  ${name}`)
  }
}

const chromium = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'].map(findProgram).find(Boolean)
const bundle = await bundled()
console.log(`bundled by esbuild: ${Math.round(bundle.length / 1000)} kB, minified`)
if (chromium === undefined) console.log('chromium: not tried, none is installed')
else await inChromium(chromium)

for (const problem of problems) console.error(`\n${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1

/** All examples one after the other, each with its output under its name. */
async function bundled(): Promise<string> {
  const entry = `
const outcomes = {}
const log = console.log
const run = async (name, load) => {
  const lines = []
  console.log = (...parts) => lines.push(parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' '))
  try {
    await load()
    outcomes[name] = { lines }
  } catch (error) {
    outcomes[name] = { lines, error: String(error && error.stack) }
  }
  console.log = log
}
${examples.map(([name]) => `await run('${name}', () => import('./${name}'))`).join('\n')}
document.body.textContent = JSON.stringify(outcomes)
`
  writeFileSync(join(project, 'all.mjs'), entry)
  const { outputFiles } = await build({
    entryPoints: [join(project, 'all.mjs')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    target: 'es2022',
  })
  return outputFiles[0]?.text ?? ''
}

interface Outcome {
  readonly lines: readonly string[]
  readonly error?: string
}

async function inChromium(program: string): Promise<void> {
  // WebCrypto needs a secure context, which localhost is.
  const { createServer } = await import('node:http')
  const page =
    '<!doctype html><meta charset="utf-8"><body>waiting</body><script type="module" src="/all.js"></script>'
  const server = createServer((request, response) => {
    const isScript = request.url === '/all.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? bundle : page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  try {
    const { run } = await import('@hawser/test-kit')
    const { text, stderr } = await run(
      program,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        `--user-data-dir=${join(folder, 'profile')}`,
        '--virtual-time-budget=120000',
        ...['--dump-dom', `http://127.0.0.1:${port}/`],
      ],
      { timeoutMs: 180_000 },
    )
    const json = /<body>([\s\S]*?)<\/body>/.exec(text)?.[1] ?? ''
    const decoded = json
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&nbsp;', ' ')
      .replaceAll('&amp;', '&')
    let outcomes: Record<string, Outcome>
    try {
      outcomes = JSON.parse(decoded) as Record<string, Outcome>
    } catch {
      problems.push(`chromium gave no result: ${text.slice(0, 300)} ${stderr.slice(-1500)}`)
      return
    }
    for (const [name] of examples) {
      const outcome = outcomes[name]
      const lines = outputs.get(name)?.trim().split('\n').length ?? 0
      const enough = (outcome?.lines.join('\n').split('\n').length ?? 0) > 0 && lines > 0
      const isOk = outcome !== undefined && outcome.error === undefined && enough
      console.log(`chromium  ${isOk ? 'ok  ' : 'FAIL'}  ${name}`)
      if (!isOk) problems.push(`chromium, ${name}: ${outcome?.error ?? 'no output'}`)
    }
  } finally {
    server.close()
  }
}

function packagesIn(modules: string): [name: string, path: string][] {
  if (!existsSync(modules)) return []
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name): [string, string][] =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((inner) => [`${name}/${inner}`, join(modules, name, inner)])
        : [[name, join(modules, name)]],
    )
}

function sizeOf(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
