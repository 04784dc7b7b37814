/** A short run of every target, and everything that was ever found again; `npm run fuzz` runs them for as long as it is told. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Finding, type Target } from './target.ts'
import { targets } from './targets.ts'

/** Tries of each target: a second or so. */
const tries: Readonly<Record<string, number>> = {
  wire: 60,
  transport: 40,
  userauth: 600,
  connection: 150,
  session: 12,
  'sftp-client': 5,
  'sftp-server': 25,
  sftp: 20,
  agent: 400,
  'agent-serving': 80,
  keys: 10,
}

test.each(targets)('$name', async (target) => {
  const count = tries[target.name] as number
  expect(count).toBeGreaterThan(0)
  for (let seed = 1; seed <= count; seed++) await tried(target, seed)
})

interface Found {
  readonly target: string
  readonly seed: number
  readonly what: string
}

const corpus = JSON.parse(
  readFileSync(new URL('corpus/found.json', import.meta.url), 'utf8'),
) as readonly Found[]

test.each(corpus)('$target, seed $seed: $what', async ({ target, seed }) => {
  await tried(targets.find(({ name }) => name === target) as Target, seed)
})

test('what is found is told with its seed', async () => {
  const wrong: Target = {
    name: 'wrong',
    packages: [],
    run: () => {
      throw new Finding('something')
    },
  }
  await expect(tried(wrong, 7)).rejects.toThrow('wrong, seed 7: something')
})

async function tried(target: Target, seed: number): Promise<void> {
  try {
    await target.run(seed)
  } catch (error) {
    throw new Error(`${target.name}, seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}
