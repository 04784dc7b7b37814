import { describe, expect, test } from 'vitest'
import { defaultLimits, dropChance, StartupGate, untilNextStep } from './limits.ts'

describe('start-ups', () => {
  const { startups } = defaultLimits
  const chances: [number, number][] = [
    [0, 0],
    [9, 0],
    [10, 0.3],
    [55, 0.65],
    [99, 0.3 + (0.7 * 89) / 90],
    [100, 1],
    [1000, 1],
  ]
  test.each(chances)('with %i others waiting the chance to be dropped is %f', (waiting, chance) => {
    expect(dropChance(startups, waiting)).toBeCloseTo(chance, 10)
  })

  test('begin equal to full is a plain limit', () => {
    expect(dropChance({ begin: 3, ratePercent: 30, full: 3 }, 2)).toBe(0)
    expect(dropChance({ begin: 3, ratePercent: 30, full: 3 }, 3)).toBe(1)
  })

  test('the gate counts who is inside; leaving twice counts once', () => {
    const gate = new StartupGate({ begin: 1, ratePercent: 100, full: 2 }, () => 0)
    const leave = gate.enter()
    expect(leave).toBeTypeOf('function')
    expect(gate.enter()).toBeUndefined()
    leave?.()
    leave?.()
    expect(gate.waiting).toBe(0)
    expect(gate.enter()).toBeTypeOf('function')
  })

  test('chance decides between begin and full', () => {
    let random = 0.29
    const gate = new StartupGate({ begin: 0, ratePercent: 30, full: 100 }, () => random)
    expect(gate.enter()).toBeUndefined()
    random = 0.31
    expect(gate.enter()).toBeTypeOf('function')
  })
})

test.each([
  [0, 50, 50],
  [1, 50, 49],
  [50, 50, 0],
  [51, 50, 49],
  [10, 0, 0],
])('%i ms after the request, in steps of %i ms, %i ms are left', (elapsed, step, left) => {
  expect(untilNextStep(elapsed, step)).toBe(left)
})
