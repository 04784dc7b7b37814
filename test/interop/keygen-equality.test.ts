import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Context, dropKeyPool, type KeyPool, makeKeyPool, Tally } from './keygen/context.ts'
import { sections } from './keygen/sections.ts'

/** `scripts/keygen-equality.ts` does the same with 200. */
const inputs = 20

describePeers(['ssh', 'ssh-keygen', 'git'], 'what ssh-keygen and git say, we say', () => {
  let pool: KeyPool
  beforeAll(() => {
    pool = makeKeyPool()
  })
  afterAll(() => dropKeyPool(pool))

  test.each(sections)('$name', async (section) => {
    const tally = new Tally()
    await section.run(new Context(`test ${section.name}`, pool), inputs, tally)
    expect(tally.different).toEqual([])
    expect(tally.equal).toBeGreaterThan(0)
    expect([...tally.kinds.keys()]).toEqual(expect.arrayContaining([...(section.kinds ?? [])]))
  })
})
