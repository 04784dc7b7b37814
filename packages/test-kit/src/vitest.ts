/** Vitest's side of the kit: tests that need real peers. */

import { beforeEach, describe } from 'vitest'
import { type PeerName, whyMissing } from './peers.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** The real peers that this test talks to; the summary of `npm test` counts them. */
    peers?: readonly PeerName[]
  }
}

/**
 * `describe` for tests that need real peers. Each test counts for each of `peers` in the summary of `npm test`;
 * when one is missing, all are skipped and their title says why.
 */
export function describePeers(peers: readonly PeerName[], title: string, body: () => void): void {
  const missing = peers.map(whyMissing).filter((why) => why !== undefined)
  if (missing.length > 0) {
    describe.skip(`${title} [skipped: ${missing.join('; ')}]`, body)
    return
  }
  describe(title, () => {
    beforeEach(({ task }) => {
      task.meta.peers = [...new Set([...(task.meta.peers ?? []), ...peers])]
    })
    body()
  })
}
