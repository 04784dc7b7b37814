/** @hawser/keys installed alone by npm, as its README says: its examples in Node, and bundled in a headless browser. */

import { findProgram, type RunResult, run } from '@hawser/test-kit'
import { beforeAll, describe, expect, test } from 'vitest'
import { build, published } from '../../scripts/pack.ts'
import { root } from '../../scripts/sources.ts'

const browsers = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
const hasBrowser = browsers.some((name) => findProgram(name) !== undefined)

describe('with only @hawser/keys installed', () => {
  let result: RunResult
  const lines = (start: RegExp): string[] => result.text.split('\n').filter((line) => start.test(line))

  beforeAll(async () => {
    await build(published().filter(({ name }) => ['wire', 'crypto', 'keys'].includes(name)))
    result = await run(
      process.execPath,
      ['--conditions=@hawser/source', '--import', 'tsx', 'scripts/keys-alone.ts'],
      {
        cwd: root,
        timeoutMs: 300_000,
      },
    )
  }, 600_000)

  test('the README’s examples run in Node, and nothing that is installed has install scripts', () => {
    const problems = result.stderr.split('\n').filter((line) => !line.startsWith('npm warn'))
    expect(problems.join('\n')).toBe('')
    expect(result.code).toBe(0)
    expect(lines(/^node +ok +\S+\.mjs$/).length).toBeGreaterThanOrEqual(5)
    expect(lines(/^in all +\d+ kB$/)).toHaveLength(1)
  })

  // Without a browser on this computer there is nothing to run them in; `apt-get install chromium` brings one.
  test.skipIf(!hasBrowser)('the same, bundled into one file, run in a headless browser', () => {
    const inNode = lines(/^node +ok /).map((line) => line.replace(/^node +ok +/, ''))
    expect(lines(/^chromium +ok /).map((line) => line.replace(/^chromium +ok +/, ''))).toEqual(inNode)
  })
})
