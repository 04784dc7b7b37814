/**
 * Compares what `@hawser/keys` says with what the installed ssh-keygen and git say, on random inputs, and prints the counts:
 * `node scripts/run.mjs --source scripts/keygen-equality.ts [inputs] [seed] [section]`.
 */

import { findPeer, whyMissing } from '@hawser/test-kit'
import { Context, dropKeyPool, makeKeyPool, Tally } from '../test/interop/keygen/context.ts'
import { sections } from '../test/interop/keygen/sections.ts'

const [inputs = '200', seed = '1', only = ''] = process.argv.slice(2)
const missing = whyMissing('ssh-keygen')
if (missing !== undefined) throw new Error(missing)
// One with summer time of half an hour, where nobody has set one.
process.env['TZ'] ??= 'Australia/Lord_Howe'
console.log(
  `ssh-keygen: ${findPeer('ssh')?.version ?? ''}; ${inputs} inputs, seed ${seed}, ${process.env['TZ']}\n`,
)

let failed = 0
const pool = makeKeyPool()
try {
  for (const section of sections.filter(({ name }) => name.includes(only))) {
    const tally = new Tally()
    await section.run(new Context(`${seed} ${section.name}`, pool), Number(inputs), tally)
    console.log(
      `${String(tally.equal).padStart(5)} equal ${String(tally.different.length).padStart(5)} different   ${section.name}`,
    )
    const kinds = [...tally.kinds].map(([kind, times]) => `${times} ${kind}`).sort()
    if (kinds.length > 0) console.log(`${' '.repeat(28)}${kinds.join(', ')}`)
    for (const difference of tally.different.slice(0, 3)) console.error(difference)
    failed += tally.different.length
  }
} finally {
  dropKeyPool(pool)
}
process.exitCode = failed === 0 ? 0 : 1
