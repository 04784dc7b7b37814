/** The package's sources as programs see them: by require, by import, and through esbuild without warnings. The built package has its own tests. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@hawser/test-kit'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formats, seen, writePrograms } from './shape-programs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
let folder: string

beforeAll(() => {
  mkdirSync(join(root, 'tmp'), { recursive: true })
  folder = mkdtempSync(join(root, 'tmp', 'shape-'))
  writePrograms(folder, '@hawser/ssh2-compat', false)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** From the sources, so that nothing has to be built first. */
const fromSource = ['--conditions=@hawser/source', '--import', 'tsx']

for (const name of formats) {
  test(`${name}: every name, and a connection`, async () => {
    const result = await run(process.execPath, [...fromSource, join(folder, name)], { cwd: folder })
    expect(result).toMatchObject({ stderr: '', text: seen, code: 0 })
  })

  test(`${name} through esbuild: no warnings, and the bundle runs`, async () => {
    const outfile = join(folder, `bundle-${name}`)
    const { warnings, errors } = await build({
      entryPoints: [join(folder, name)],
      outfile,
      bundle: true,
      platform: 'node',
      format: name.endsWith('.cjs') ? 'cjs' : 'esm',
      conditions: ['@hawser/source'],
      logLevel: 'silent',
    })
    expect([...warnings, ...errors]).toEqual([])
    const result = await run(process.execPath, [outfile], { cwd: folder })
    expect(result).toMatchObject({ stderr: '', text: seen, code: 0 })
  })
}
