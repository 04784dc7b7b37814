/** `npm test`: installs what is missing, runs every test, and says at the end how many talked to real peers. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled, root } from './ensure.mjs'

ensureInstalled()

const folder = mkdtempSync(join(tmpdir(), 'hawser-summary-'))
const file = join(folder, 'summary.json')
const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts', 'summary-reporter.ts')}`]
const result = spawnSync(
  process.execPath,
  [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...reporters, ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, HAWSER_SUMMARY: file } },
)
const summary = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
rmSync(folder, { recursive: true, force: true })

if (summary === undefined) {
  console.error('the test run ended without a summary')
} else {
  const { passed, failed, skipped, errors, peers, withPeers, reasons } = summary
  console.log(`tests that ran against real peers: ${withPeers}`)
  for (const { name, version, count } of peers)
    console.log(`  ${name.padEnd(10)} ${String(count).padStart(5)}   ${version}`)
  for (const [reason, count] of Object.entries(reasons)) console.log(`  ${count} skipped: ${reason}`)
  if (errors > 0) console.log(`${errors} errors outside of tests; see above`)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
}
process.exit(result.status === 0 && summary === undefined ? 1 : (result.status ?? 1))
