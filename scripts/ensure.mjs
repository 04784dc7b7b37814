/** Makes a clone ready to run: dependencies as the lock file says, packages built. Plain JavaScript: nothing is installed yet. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs `npm ci` when node_modules is missing or is not what package-lock.json describes. */
export function ensureInstalled() {
  const why = staleness()
  if (why === undefined) return
  console.log(`installing the development dependencies (${why}): npm ci`)
  const npm = process.env.npm_execpath
  const [file, ...args] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  run(file, [...args, 'ci', '--no-progress'], { shell: file === 'npm' && process.platform === 'win32' })
}

/** Builds every package whose sources changed since its last build. */
export function ensureBuilt() {
  const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo')
  const env = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
  const result = spawnSync(
    process.execPath,
    [turbo, 'run', 'build', '--ui=stream', '--output-logs=errors-only', '--log-order=grouped'],
    { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' },
  )
  if (result.status === 0) return
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`)
  console.error('the build failed; see above')
  process.exit(1)
}

/** Runs a program on this terminal; ends this process when it fails. */
function run(file, args, options = {}) {
  const result = spawnSync(file, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) console.error(`cannot run ${file}: ${result.error.message}`)
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/** Why node_modules does not fit the lock file; undefined when it does. */
function staleness() {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return 'node_modules is missing'
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue
    const here = present[path]
    if (here === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue
      return `${path} is missing`
    }
    if (
      here.version !== entry.version ||
      here.integrity !== entry.integrity ||
      here.resolved !== entry.resolved
    )
      return `${path} is not the version of package-lock.json`
    if (!existsSync(join(root, path))) return `${path} is missing`
  }
  return undefined
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  ensureInstalled()
  if (process.argv.includes('--build')) ensureBuilt()
}
