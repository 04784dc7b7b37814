/** Prints what our side says when a connection to OpenSSH breaks, stage by stage. `node scripts/run.mjs --source scripts/faults-table.ts` */

import { expectedOf, FaultBench, faultKinds, type Role, stages } from '../test/interop/faults.ts'

const bench = await FaultBench.start()
try {
  for (const role of ['client', 'server'] satisfies Role[]) {
    console.log(`\nour ${role}`)
    for (const stage of stages)
      for (const kind of faultKinds) {
        const seen = await bench.run(role, stage, kind)
        const { code, phase } = expectedOf(stage, kind)
        const { failed, closed, rejected } = seen.times
        const once = failed === 1 && closed === 1 && rejected === 1 && seen.same
        const right = seen.code === code && seen.phase === phase && once
        if (!right) process.exitCode = 1
        console.log(
          `${right ? 'ok  ' : 'FAIL'} ${stage.name}, ${kind}: ${seen.type} ${String(seen.code)} in ${String(seen.phase)}${once ? '' : `, told ${JSON.stringify(seen.times)}`}: ${seen.message}`,
        )
      }
  }
} finally {
  await bench.stop()
}
