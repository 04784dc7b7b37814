/** Samples of the table that `scripts/faults-table.ts` prints: connections broken at borders of messages and anywhere, seen from both surfaces. */

import { describe, expect, test } from 'vitest'
import { operations, rowsOf, runCell, surfaces } from './fault-cells.ts'
import type { Side } from './fault-line.ts'

const seed = 20261122
/** Each border here, with the bytes beside it: channels and logins have most states there. */
const whole: readonly string[] = ['login', 'forward']

for (const surface of surfaces)
  describe.each<Side>(['client', 'server'])(`${surface}: what the %s receives`, (role) => {
    for (const operation of operations)
      test(`${operation}: everything is told once, nothing is left`, async () => {
        const options = whole.includes(operation)
          ? { every: Number.POSITIVE_INFINITY, seed }
          : { every: 0, most: 8, seed }
        for (const { cells } of await rowsOf(surface, role, operation, options))
          for (const cell of cells) {
            const { problems } = await runCell(cell)
            expect({ ...cell, problems }).toEqual({ ...cell, problems: [] })
          }
      })
  })
