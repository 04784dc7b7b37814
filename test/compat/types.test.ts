/** Programs written against the names of ssh2's declarations compile against the package's sources. The built package has its own test. */

import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { compile, manners } from './compile.ts'

const cache = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url))
const fromSource = {
  skipLibCheck: true,
  customConditions: ['@hawser/source'],
  allowImportingTsExtensions: true,
}

test.each(manners)('module $module in a package of type $type', async (manner) => {
  mkdirSync(cache, { recursive: true })
  expect(await compile(cache, manner, fromSource)).toBe('')
})
