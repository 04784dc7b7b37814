/** Further implementations than OpenSSH, as client and as server. */

import { whyMissing } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Ends } from './matrix.ts'
import { foreigners } from './matrix-peers.ts'

let ends: Ends

beforeAll(async () => {
  // Its keys are made by ssh-keygen; without it, the suites below are skipped.
  if (whyMissing('ssh-keygen') === undefined) ends = await Ends.start()
})
afterAll(() => ends?.stop())

for (const foreign of foreigners) {
  const { peer, direction, rows } = foreign
  describePeers([peer], `${peer}: ${direction}`, () => {
    const why = foreign.why()
    const group = why === undefined ? describe : describe.skip
    group(why === undefined ? 'suites' : `suites [skipped: ${why}]`, () => {
      for (const row of rows)
        test(row.name, async () => {
          expect(await foreign.run(row, ends)).toBeUndefined()
        })
    })
  })
}
