/**
 * Runs a TypeScript program of this repository after all the set-up it needs:
 * `node scripts/run.mjs [--build | --source] file.ts arguments…`.
 * With --build it uses the packages as users get them, with --source their sources, with neither it uses none.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, root } from './ensure.mjs'

const [first, ...others] = process.argv.slice(2)
const mode = first === '--build' || first === '--source' ? first : undefined
const [file, ...args] = mode === undefined ? [first, ...others] : others

ensureInstalled()
if (mode === '--build') ensureBuilt()

const conditions = mode === '--source' ? ['--conditions=@hawser/source'] : []
const child = spawn(process.execPath, [...conditions, '--import', 'tsx', join(root, file), ...args], {
  stdio: 'inherit',
  env: process.env,
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`cannot run ${file}: ${error.message}`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
