/** Counts test results and the real peers they talked to, for the last lines of `npm test`. */

import { writeFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'
import { findPeer, type PeerName } from '../packages/test-kit/src/peers.ts'
import type {} from '../packages/test-kit/src/vitest.ts'

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env['HAWSER_SUMMARY']
    if (file === undefined) return
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const peers = new Map<PeerName, number>()
    const reasons: Record<string, number> = {}
    let withPeers = 0
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      // A file whose hooks or imports failed, though none of its tests did.
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed'))
        counts.failed++
      for (const test of tests) {
        const { state } = test.result()
        counts[state === 'pending' ? 'skipped' : state]++
        if (state === 'skipped') {
          const reason = /\[skipped: (.*?)\]/.exec(test.fullName)?.[1] ?? ownReason(test)
          reasons[reason] = (reasons[reason] ?? 0) + 1
        }
        const named = state === 'passed' ? (test.meta().peers ?? []) : []
        if (named.length > 0) withPeers++
        for (const name of named) peers.set(name, (peers.get(name) ?? 0) + 1)
      }
    }
    const rows = [...peers].map(([name, count]) => ({ name, count, version: findPeer(name)?.version }))
    writeFileSync(file, JSON.stringify({ ...counts, errors: errors.length, peers: rows, withPeers, reasons }))
  }
}

function ownReason(test: TestCase): string {
  const result = test.result()
  return (result.state === 'skipped' ? result.note : undefined) ?? test.fullName
}
