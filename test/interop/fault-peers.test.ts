import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PeerBench, type PeerCell, peerFaults, peerOperations } from './fault-peers.ts'

/** Each operation of each role and surface once, the faults in turn; `scripts/faults-table.ts --programs` has them all. */
const cells: PeerCell[] = []
for (const surface of ['promises', 'compat'] as const)
  for (const role of ['client', 'server'] as const)
    for (const operation of peerOperations) {
      const fault = peerFaults[(cells.length * 2) % peerFaults.length] ?? 'none'
      cells.push({ surface, role, operation, fault, at: cells.length % 3 === 0 ? 0.6 : 1.5 })
    }

describePeers(['sshd', 'ssh', 'sftp'], 'programs of their own whose line to OpenSSH breaks', () => {
  let bench: PeerBench
  beforeAll(async () => {
    bench = await PeerBench.start()
  })
  afterAll(() => bench.stop())

  test.for(cells)(
    '$surface $role, $operation, $fault at $at: each callback once, then the process ends by itself',
    async (cell) => {
      expect((await bench.run(cell)).problems).toEqual([])
    },
  )
})
