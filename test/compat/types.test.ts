/** Programs written against the names of ssh2's declarations compile against the package's own, as CommonJS and as ESM. */

import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@hawser/testing'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const programs = join(root, 'test', 'compat', 'types')

/** What the compiler says about both programs, in a package of `type`; nothing when all is well. */
async function compile(type: 'commonjs' | 'module', module: string): Promise<string> {
  const cache = join(root, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const scratch = mkdtempSync(join(cache, 'hawser-types-'))
  try {
    const files = ['one-x.ts', 'zero-eight.cts']
    cpSync(programs, scratch, { recursive: true })
    writeFileSync(join(scratch, 'package.json'), JSON.stringify({ type }))
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module,
      types: ['node'],
      customConditions: ['@hawser/source'],
      allowImportingTsExtensions: true,
    }
    // Their suffix keeps them from the repository's own tools: they are other people's programs.
    for (const file of files) renameSync(join(scratch, `${file}.txt`), join(scratch, file))
    writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const tsc = join(root, 'node_modules', 'typescript-7', 'bin', 'tsc')
    const { text } = await run(process.execPath, [tsc, '-p', scratch], { timeoutMs: 120_000, cwd: scratch })
    return text
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

test('as CommonJS', async () => {
  expect(await compile('commonjs', 'commonjs')).toBe('')
})

test('as ESM, module nodenext', async () => {
  expect(await compile('module', 'nodenext')).toBe('')
})
