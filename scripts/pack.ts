/** The published packages as npm would get them: built, and packed into tarballs. */

import { spawn } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Package, packagesOf, root } from './sources.ts'

export interface Packed {
  readonly unit: Package
  readonly tarball: string
  /** Hash of the tarball, which depends on the contents only. */
  readonly integrity: string
  readonly files: readonly string[]
}

/** One package in the output of `npm pack --json`: a list up to npm 10, an object by name since npm 11. */
interface PackReport {
  readonly name: string
  readonly filename: string
  readonly integrity: string
  readonly files: readonly { readonly path: string }[]
}

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  /** Both streams, as they came. */
  readonly output: string
}

/** The packages that are published. */
export function published(): Package[] {
  return packagesOf(root).filter(({ manifest }) => manifest.private !== true)
}

/**
 * Builds every package whose sources changed since its last build, or only those in `units` and what they depend on. Throws with the
 * tools' own words.
 */
export async function build(units: readonly Package[] = []): Promise<void> {
  const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo')
  const only = units.map(({ manifest }) => `--filter=${manifest.name}`)
  const args = [
    turbo,
    'run',
    'build',
    '--ui=stream',
    '--output-logs=errors-only',
    '--log-order=grouped',
    ...only,
  ]
  const quiet = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
  const { code, output } = await run(process.execPath, args, root, quiet)
  if (code !== 0) throw new Error(`the build failed: ${output}`)
}

/** `npm pack` of `units` into `folder`. */
export async function pack(units: readonly Package[], folder: string): Promise<Packed[]> {
  const args = [
    ...['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    ...units.flatMap(({ name }) => ['-w', `packages/${name}`]),
  ]
  const { code, output, stdout } = await npm(args, root)
  if (code !== 0) throw new Error(`npm pack failed: ${output}`)
  const listed = JSON.parse(stdout) as Readonly<Record<string, PackReport>>
  const byName = new Map(Object.values(listed).map((one) => [one.name, one]))
  return units.map((unit) => {
    const one = byName.get(unit.manifest.name as string)
    if (one === undefined) throw new Error(`npm pack left out ${unit.name}`)
    return {
      unit,
      tarball: join(folder, one.filename),
      integrity: one.integrity,
      files: one.files.map(({ path }) => path),
    }
  })
}

/**
 * Unpacks the tarballs into `folder`/node_modules, and `more` (name there, tarball) beside them. What they depend on
 * comes from the repository's own node_modules, so that no registry is needed.
 */
export async function unpack(
  packed: readonly Packed[],
  folder: string,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const modules = join(folder, 'node_modules')
  const named = packed.map(({ unit, tarball }) => [unit.manifest.name as string, tarball] as const)
  for (const [name, tarball] of [...named, ...Object.entries(more)]) {
    const target = join(modules, name)
    mkdirSync(target, { recursive: true })
    const { code, output } = await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', target], folder)
    if (code !== 0) throw new Error(`cannot unpack ${tarball}: ${output}`)
  }
  const foreign = packed.flatMap(({ unit }) => Object.keys(unit.manifest.dependencies ?? {}))
  for (const name of new Set(foreign.filter((each) => !each.startsWith('@hawser/')))) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
}

/** The npm that started this process, or the one on the path. */
export function npm(args: readonly string[], cwd: string, timeoutMs?: number): Promise<Outcome> {
  const own = process.env['npm_execpath']
  const [file, ...first] = own?.endsWith('.js') ? [process.execPath, own] : ['npm']
  return run(file as string, [...first, ...args], cwd, {}, timeoutMs)
}

/** Runs a program to its end; after `timeoutMs` it is killed, and its code null. Rejects when it cannot be started. */
export function run(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  timeoutMs = 300_000,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, output }))
  })
}
