import { expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { WindowGrowth } from './window-growth.ts'

const mib = 1024 * 1024
const piece = 65_536

interface Line {
  readonly start?: number
  readonly most?: number
  /** Milliseconds there and back, and for one piece on the line, in the source and in the application. */
  readonly roundTrip: number
  readonly onLine?: number
  readonly source?: (index: number) => number
  readonly application?: number
  readonly total?: number
}

/** Sends `total` bytes in pieces over a line; the sender has credit for what was consumed half a round trip ago. Gives the sizes. */
function transfer(line: Line): number[] {
  const { roundTrip, onLine = 0.1, source = () => 0, application = 0, total = 256 * mib } = line
  const start = line.start ?? 2 * mib
  let now = 0
  const clock: Clock = { now: () => now, setTimeout: () => undefined, clearTimeout: () => undefined }
  const growth = new WindowGrowth({ start, most: line.most ?? 64 * mib, clock })
  const sizes = [start]
  // What the sender knows of its credit, and what is on its way to it: in order, each with the time of its arrival.
  let credit = start
  const granted: { readonly at: number; readonly bytes: number }[] = []
  let sent = 0
  let window = start
  let returning = 0
  for (let index = 0; sent < total; index++) {
    sent += piece
    let leaves = now - roundTrip / 2 + onLine
    while (granted.length > 0 && (granted[0]?.at ?? 0) <= leaves) credit += granted.shift()?.bytes ?? 0
    leaves += source(index)
    while (credit < sent) {
      const next = granted.shift()
      if (next === undefined) throw new Error('the sender waits for ever')
      credit += next.bytes
      leaves = Math.max(leaves, next.at)
    }
    now = Math.max(now, leaves + roundTrip / 2)
    const size = growth.received(piece, sent === credit)
    if (size !== undefined) {
      returning += size - window
      window = size
      sizes.push(size)
    }
    now += application
    growth.consumed(piece)
    returning += piece
    // Credit goes back by quarters, as a receive window gives it.
    if (returning < window / 4) continue
    granted.push({ at: now + roundTrip / 2, bytes: returning })
    returning = 0
  }
  return sizes.map((size) => size / mib)
}

test('a line that a window does not fill makes it grow to the bound', () => {
  const sizes = transfer({ roundTrip: 100, onLine: 0.01, total: 1024 * mib })
  expect(sizes.slice(0, 2)).toEqual([2, 16])
  expect(sizes.at(-1)).toBe(64)
})

test('it grows to what the line holds, and not much further', () => {
  // 100 ms at 160 MiB/s are 16 MiB.
  const sizes = transfer({ roundTrip: 100, onLine: piece / mib / 0.16, total: 1024 * mib })
  const last = sizes.at(-1)
  expect(last).toBeGreaterThanOrEqual(12)
  expect(last).toBeLessThanOrEqual(24)
})

test('a short line, however fast, and a slow application never make it grow', () => {
  expect(transfer({ roundTrip: 0.2, onLine: 0.05 })).toEqual([2])
  expect(transfer({ roundTrip: 100, application: 50, total: 64 * mib })).toEqual([2])
})

test('a source that pauses never makes it grow, nor does a machine that stalls once in a while', () => {
  expect(transfer({ roundTrip: 10, source: (index) => (index % 7 === 6 ? 300 : 0) })).toEqual([2])
  expect(transfer({ roundTrip: 0.2, source: (index) => (index % 96 === 31 ? 50 : 0) })).toEqual([2])
})

test('nothing grows above the bound, nor before a window was consumed', () => {
  expect(transfer({ roundTrip: 100, most: 2 * mib })).toEqual([2])
  expect(transfer({ roundTrip: 100, most: 5 * mib })).toEqual([2, 5])
  expect(transfer({ roundTrip: 100, total: 2 * mib })).toEqual([2])
})
