/**
 * Installs packages that depend on `ssh2` in a scratch project whose `overrides` put ours in its place, and lets each do
 * its job at a real sshd. `npm run dependents`, or `npm run dependents node-ssh` for some of them.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findPeer, removeFolder, run, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { startRegistry } from './dependents-registry.ts'
import { build, npm, type Packed, pack, published } from './pack.ts'

const folder = fileURLToPath(new URL('../test/packaging/dependents/', import.meta.url))
const { dependents } = createRequire(import.meta.url)(join(folder, 'jobs.cjs')) as {
  dependents: Readonly<Record<string, { version: string; jobs: Readonly<Record<string, unknown>> }>>
}

/** The packages that are tried, with their versions. */
export const versions: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(dependents).map(([name, { version }]) => [name, version]),
)

/** One package did one job, or failed to. */
export interface Row {
  readonly name: string
  readonly job: string
  readonly ms?: number
  readonly problem?: string
}

/** Undefined when npm can install from its registry, else why not. */
export async function whyNoRegistry(): Promise<string | undefined> {
  const args = [
    'view',
    `node-ssh@${versions['node-ssh']}`,
    'version',
    '--fetch-retries=0',
    '--fetch-timeout=20000',
  ]
  const { code, output } = await npm(args, dirname(folder), 40_000)
  return code === 0 ? undefined : `npm reaches no registry: ${output.trim().split('\n').pop()}`
}

/**
 * A project in `at` with `dependencies` from npm's registry and ours from tarballs, which every `ssh2` in it is.
 * Throws with npm's own words.
 */
export async function install(
  packed: readonly Packed[],
  at: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<void> {
  await using registry = await startRegistry(packed)
  const ours = packed.find(({ unit }) => unit.name === 'ssh2-compat')?.unit.manifest
  if (ours === undefined) throw new Error('ssh2-compat is not among the packages')
  // What its README tells users to write.
  const overrides = { ssh2: `npm:${ours.name}@^${ours.version}` }
  mkdirSync(at, { recursive: true })
  writeFileSync(join(at, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }))
  writeFileSync(join(at, '.npmrc'), `@hawser:registry=${registry.url}\n`)
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--no-package-lock',
  ]
  const { code, output } = await npm(args, at, 240_000)
  if (code !== 0) throw new Error(`npm install failed: ${output}`)
}

/** What stands where `ssh2` was: problems with the project in `at`, none when all of it is ours. */
export function strangers(at: string): string[] {
  const problems: string[] = []
  for (const manifest of manifestsBelow(join(at, 'node_modules'))) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }
    if (name === 'ssh2' || name === 'ssh2-streams' || name === 'cpu-features')
      problems.push(`${relative(at, manifest)} is ${name} of npm`)
  }
  for (const name of Object.keys(versions)) {
    const asked = requests(join(at, 'node_modules', name))
    if (asked.length === 0) problems.push(`${name} asks for no ssh2`)
    for (const { file, specifier } of asked) {
      const found = createRequire(file).resolve(specifier)
      const manifest = JSON.parse(readFileSync(join(dirname(found), '..', 'package.json'), 'utf8')) as {
        name: string
      }
      if (manifest.name !== '@hawser/ssh2-compat')
        problems.push(`${relative(at, file)}: ${specifier} is ${relative(at, found)} of ${manifest.name}`)
    }
  }
  return problems
}

/** Lets packages in the project `at` do their jobs, two packages at a time. */
export async function work(
  at: string,
  sshd: Sshd,
  names: readonly string[] = Object.keys(dependents),
  each: (row: Row) => void = () => undefined,
): Promise<Row[]> {
  const rows: Row[] = []
  const waiting = [...names]
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      for (const row of await jobs(name, at, sshd)) {
        rows.push(row)
        each(row)
      }
  }
  await Promise.all([worker(), worker()])
  return rows
}

/** An sshd that the jobs can be done at: it finds a `docker` that answers one request. */
export function startTarget(at: string): Promise<Sshd> {
  const bin = join(at, 'bin')
  mkdirSync(bin, { recursive: true })
  const docker = join(bin, 'docker')
  const body = '{"Version":"pretended"}'
  const head = `HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: ${body.length}\\r\\nConnection: close\\r\\n\\r\\n`
  const lines = [
    '#!/bin/sh',
    '[ "$*" = "system dial-stdio" ] || exit 2',
    'while read -r line && [ "$line" != "$(printf \'\\r\')" ]; do :; done',
    `printf '${head}${body}'`,
  ]
  writeFileSync(docker, `${lines.join('\n')}\n`)
  chmodSync(docker, 0o755)
  return startSshd({ extra: [`SetEnv PATH=${bin}:/usr/local/bin:/usr/bin:/bin`] })
}

async function jobs(name: string, at: string, sshd: Sshd): Promise<Row[]> {
  const privateKey = sshd.userKeys.get('ed25519')?.privateText
  const target = { host: sshd.host, port: sshd.port, username: sshd.user, privateKey }
  const scratch = mkdtempSync(join(at, 'files-'))
  const args = ['--no-deprecation', join(folder, 'run.cjs'), name, at, JSON.stringify(target), scratch]
  // The agent and home of whoever runs this are not asked.
  const result = await run(process.execPath, args, {
    timeoutMs: 120_000,
    cwd: at,
    env: { SSH_AUTH_SOCK: '', HOME: at },
  })
  const said = result.text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Said)
  const rows: Row[] = said.flatMap(({ job, ms, problem }) =>
    job === undefined
      ? []
      : [{ name, job, ...(ms === undefined ? {} : { ms }), ...(problem === undefined ? {} : { problem }) }],
  )
  const missing = Object.keys(dependents[name]?.jobs ?? {}).filter(
    (job) => !rows.some((row) => row.job === job),
  )
  for (const job of missing) rows.push({ name, job, problem: `it never ended: ${result.stderr}` })
  const loaded = said.flatMap((each) => each.loaded ?? [])
  const ours = join(at, 'node_modules', 'ssh2', 'dist', 'index.cjs')
  if (loaded.join() !== ours)
    rows.push({ name, job: 'loads ours', problem: `it loaded ${loaded.join(', ') || 'none'}` })
  if (result.code !== 0 || result.stderr !== '')
    rows.push({
      name,
      job: 'ends by itself, and silently',
      problem: `${result.timedOut ? 'killed after two minutes' : `exit code ${result.code}`}: ${result.stderr}`,
    })
  return rows
}

interface Said {
  readonly job?: string
  readonly ms?: number
  readonly problem?: string
  readonly loaded?: readonly string[]
}

/** Every package.json of an installed package below `modules`. */
function manifestsBelow(modules: string): string[] {
  return readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((path) => path === `package.json` || path.endsWith(`${sep}package.json`))
    .map((path) => join(modules, path))
}

/** Where the files of an installed package, tests apart, ask for `ssh2` or a part of it. */
function requests(packageFolder: string): { file: string; specifier: string }[] {
  const files = readdirSync(packageFolder, { recursive: true, encoding: 'utf8' })
  return files
    .filter((path) => /\.[cm]?js$/.test(path) && !/(^|[\\/])(node_modules|tests?|examples?)[\\/]/.test(path))
    .flatMap((path) => {
      const file = join(packageFolder, path)
      const text = readFileSync(file, 'utf8')
      const found = text.matchAll(/(?:require\(|from |import\()\s*['"](ssh2(?:\/[^'"]*)?)['"]/g)
      return [...found].map(([, specifier]) => ({ file, specifier: specifier as string }))
    })
}

async function main(names: readonly string[]): Promise<number> {
  const chosen = names.length === 0 ? Object.keys(versions) : names
  const unknown = chosen.find((name) => versions[name] === undefined)
  if (unknown !== undefined)
    throw new Error(`${unknown} has no jobs; there are ${Object.keys(versions).join(', ')}`)
  if (findPeer('sshd') === undefined) throw new Error('sshd is not installed')
  const at = temporaryFolder('dependents')
  try {
    await build()
    const packed = await pack(published(), at)
    const project = join(at, 'project')
    await install(packed, project, versions)
    const wrong = strangers(project)
    for (const problem of wrong) console.error(problem)
    await using sshd = await startTarget(at)
    console.log(
      `${packed.length} packages packed; ssh2 is @hawser/ssh2-compat for all of these, at ${findPeer('sshd')?.version}`,
    )
    const rows = await work(project, sshd, chosen, ({ name, job, ms, problem }) => {
      const title = `${name} ${versions[name]}`
      console.log(
        `${problem === undefined ? 'ok    ' : 'FAILED'} ${title.padEnd(26)} ${job.padEnd(46)} ${ms ?? '–'} ms`,
      )
      if (problem !== undefined) console.log(problem.replace(/^/gm, '       '))
    })
    const failed = rows.filter(({ problem }) => problem !== undefined).length + wrong.length
    console.log(`${rows.length} jobs of ${chosen.length} packages, ${failed} failed`)
    return failed === 0 ? 0 : 1
  } finally {
    if (existsSync(at)) removeFolder(at)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = await main(process.argv.slice(2))
