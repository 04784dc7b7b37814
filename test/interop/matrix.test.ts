/** The interop matrix as tests; `npm run interop` prints it. */

import { whyMissing } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Direction, Ends, groups, rows } from './matrix.ts'

let ends: Ends

beforeAll(async () => {
  // Its keys are made by ssh-keygen; without it, the suites below are skipped.
  if (whyMissing('ssh-keygen') === undefined) ends = await Ends.start()
})
afterAll(() => ends?.stop())

test('the matrix has rows of every kind', () => {
  for (const group of groups) expect(rows.filter((row) => row.group === group).length).toBeGreaterThan(4)
})

function suite(direction: Direction): void {
  for (const group of groups)
    describe(group, () => {
      for (const row of rows.filter((each) => each.group === group))
        test(row.name, async () => {
          expect(await ends.run(row, direction)).toBeGreaterThan(0)
        })
    })
}

describePeers(['sshd'], 'client to sshd', () => suite('client to sshd'))
describePeers(['ssh'], 'ssh to server', () => suite('ssh to server'))
