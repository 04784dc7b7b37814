import { describe, expect, test } from 'vitest'
import { Flow, type Sent } from './transfer-flow.ts'

const mib = 1024 * 1024
const chunk = 255 * 1024

interface Line {
  readonly first?: number
  readonly maxBytes?: number
  /** Milliseconds until an answer, on a line with nothing else on it. */
  readonly roundTrip: number
  /** Milliseconds that one request keeps the line or the server busy. */
  readonly each: number
  /** Milliseconds by which answers are late. */
  readonly late?: (index: number) => number
  readonly requests?: number
}

/** Runs a transfer that always has as much under way as the flow allows. Gives what that was in the end, in MiB. */
function transfer(line: Line): number {
  const flow = new Flow(chunk, { maxBytes: line.maxBytes, maxRequests: 1000 }, line.first)
  const underWay: { readonly sent: Sent; readonly comes: number }[] = []
  let now = 0
  let free = 0
  for (let index = 0; index < (line.requests ?? 4000); index++) {
    while (flow.allows(underWay.length * chunk, underWay.length, chunk)) {
      free = Math.max(free, now) + line.each
      underWay.push({ sent: flow.sending(now), comes: free + line.roundTrip + (line.late?.(index) ?? 0) })
    }
    const next = underWay.shift()
    if (next === undefined) throw new Error('nothing is under way')
    now = Math.max(now, next.comes)
    flow.answered(chunk, true, next.sent, now)
  }
  return flow.limit / mib
}

describe('what may be under way', () => {
  test('fills a long line, and is not much more than it holds', () => {
    // 100 ms at 51 MiB/s are 5 MiB.
    const needed = transfer({ roundTrip: 100, each: 5, maxBytes: 64 * mib })
    expect(needed).toBeGreaterThan(5)
    expect(needed).toBeLessThan(14)
    expect(transfer({ roundTrip: 100, each: 0.1 }), 'the default bound').toBe(24)
  })

  test('stays small on a short line, however fast, also where answers are late at times', () => {
    expect(transfer({ roundTrip: 0.3, each: 0.2 })).toBeLessThan(2.5)
    expect(
      transfer({ roundTrip: 0.3, each: 0.2, late: (index) => (index % 50 === 7 ? 20 : 0) }),
    ).toBeLessThan(2.5)
  })

  test('on a line that is far from full, makes four of one within a round trip', () => {
    const rounds = (count: number): number =>
      transfer({ first: 2 * mib, roundTrip: 100, each: 0.1, maxBytes: 64 * mib, requests: 8 * count })
    expect(rounds(1)).toBe(8)
    expect(rounds(5)).toBe(32)
  })

  test('begins with one request or what it is told, and never passes its bound', () => {
    expect(new Flow(chunk, {}).limit).toBe(chunk)
    expect(new Flow(chunk, {}, 2 * mib).limit).toBe(2 * mib)
    expect(new Flow(chunk, { maxBytes: mib }, 2 * mib).limit).toBe(mib)
    expect(transfer({ roundTrip: 100, each: 0.1, maxBytes: 3 * mib })).toBe(3)
  })

  test('a short answer says nothing about the line; a restart begins with one request', () => {
    const flow = new Flow(chunk, {})
    flow.answered(10, false, flow.sending(0), 100)
    expect(flow.limit).toBe(chunk)
    flow.answered(chunk, true, flow.sending(0), 100)
    expect(flow.limit).toBe(2 * chunk)
    flow.restart(32_768)
    expect(flow.limit).toBe(32_768)
  })
})
