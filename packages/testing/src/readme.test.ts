import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const blocks = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(
  ([, name, code]) => [name as string, code as string] as const,
)

test('the README has its three examples', () => {
  expect(blocks.map(([name]) => name)).toEqual(['pair.ts', 'faults.ts', 'replay.ts'])
})

test.each(blocks)('%s of the README runs', (name, code) => {
  // Inside the repository, so that the packages are found as a user finds them; the folder is ignored by git.
  mkdirSync(join(root, 'tmp'), { recursive: true })
  const folder = mkdtempSync(join(root, 'tmp', 'testing-'))
  try {
    writeFileSync(join(folder, name.replace('.ts', '.mts')), code)
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--conditions=@hawser/source', '--import', 'tsx', name.replace('.ts', '.mts')],
      { cwd: folder, encoding: 'utf8', timeout: 25_000 },
    )
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
