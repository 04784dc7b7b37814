/** A short, seeded run of the fuzzer of keys; `npm run fuzz -- --only keys` runs it for as long as it is told. */

import { expect, test } from 'vitest'
import { fuzzKeys, slowestOfLong } from './keys.ts'

test('20,000 mutated inputs give results and KeyErrors only, seed 5', () => {
  const { inputs, outcomes, findings } = fuzzKeys({ seed: 5, count: 20_000 })
  expect(findings).toEqual([])
  expect(inputs).toBe(20_000)
  // It gets behind the outer forms: keys that are whole, and keys that are whole and wrong.
  for (const name of ['private', 'public', 'certificate', 'knownHosts'])
    expect(outcomes[name]?.['result']).toBeGreaterThan(10)
  for (const code of ['SSH_KEY_FORMAT', 'SSH_KEY_INVALID', 'SSH_KEY_UNSUPPORTED', 'SSH_KEY_PASSPHRASE_WRONG'])
    expect(outcomes['private']?.[code]).toBeGreaterThan(10)
})

test('what a seed gives is always the same', () => {
  const run = (): unknown => fuzzKeys({ seed: 7, count: 500 }).outcomes
  expect(run()).toEqual(run())
})

test('the longest inputs are refused or read as fast as others', () => {
  expect(slowestOfLong().filter(({ ms }) => ms > 50)).toEqual([])
})
