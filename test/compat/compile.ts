/** Compiles the programs in `types/`, written against the names of ssh2's declarations, wherever the package can be found. */

import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '@hawser/test-kit'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = ['one-x.ts', 'zero-eight.cts']

/** How they are compiled: `type` of the package that they are in, and the compiler's `module`. */
export const manners = [
  { type: 'commonjs', module: 'commonjs' },
  { type: 'module', module: 'nodenext' },
] as const

/** What the compiler says about both programs, in a new folder in `at`; nothing when all is well. `more` are compiler options. */
export async function compile(
  at: string,
  { type, module }: (typeof manners)[number],
  more: object = {},
): Promise<string> {
  const scratch = mkdtempSync(join(at, 'types-'))
  try {
    cpSync(join(root, 'test', 'compat', 'types'), scratch, { recursive: true })
    // Their suffix keeps them from the repository's own tools: they are other people's programs.
    for (const file of files) renameSync(join(scratch, `${file}.txt`), join(scratch, file))
    writeFileSync(join(scratch, 'package.json'), JSON.stringify({ type }))
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module,
      types: ['node'],
      ...more,
    }
    writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const tsc = join(root, 'node_modules', 'typescript-7', 'bin', 'tsc')
    const { text } = await run(process.execPath, [tsc, '-p', scratch], { timeoutMs: 120_000, cwd: scratch })
    return text
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
