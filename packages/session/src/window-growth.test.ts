import { expect, test } from 'vitest'
import { WindowGrowth } from './window-growth.ts'

const mib = 1024 * 1024

/** Consumes `total` bytes in pieces of 64 KiB; `time` says how long a piece takes when the window has that size. */
function consume(
  growth: WindowGrowth,
  total: number,
  start: number,
  time: (window: number) => number,
): number[] {
  const sizes = [start]
  let now = 0
  for (let done = 0; done < total; done += 65_536) {
    now += time(sizes.at(-1) as number)
    const size = growth.consumed(65_536, now)
    if (size !== undefined) sizes.push(size)
  }
  return sizes
}

test('a line that a window does not fill makes it grow to the bound', () => {
  // 100 ms for each window, whatever its size.
  const sizes = consume(new WindowGrowth(2 * mib, 64 * mib), 600 * mib, 2 * mib, (w) => (100 * 65_536) / w)
  expect(sizes.map((size) => size / mib)).toEqual([2, 4, 8, 16, 32, 64])
})

test('a line that is full ends it', () => {
  const full = 8 * mib
  const sizes = consume(
    new WindowGrowth(2 * mib, 64 * mib),
    600 * mib,
    2 * mib,
    (w) => (100 * 65_536) / Math.min(w, full),
  )
  expect(sizes.map((size) => size / mib)).toEqual([2, 4, 8, 16])
})

test('a fast line and a slow application have one step at the most', () => {
  for (const time of [0.1, 50])
    expect(consume(new WindowGrowth(2 * mib, 64 * mib), 100 * mib, 2 * mib, () => time)).toEqual([
      2 * mib,
      4 * mib,
    ])
})

test('nothing grows above the bound, nor before a window was consumed', () => {
  expect(consume(new WindowGrowth(2 * mib, 2 * mib), 100 * mib, 2 * mib, (w) => 1 / w)).toEqual([2 * mib])
  expect(consume(new WindowGrowth(2 * mib, 5 * mib), 100 * mib, 2 * mib, (w) => 1e6 / w)).toEqual([
    2 * mib,
    4 * mib,
    5 * mib,
  ])
  expect(consume(new WindowGrowth(2 * mib, 64 * mib), 2 * mib, 2 * mib, (w) => 1 / w)).toEqual([2 * mib])
})
