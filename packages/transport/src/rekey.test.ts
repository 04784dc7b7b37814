import { createProvider, defaultProvider } from '@hawser/crypto'
import { describe, expect, test } from 'vitest'
import { limitsFor, rekeyDue, rekeyLimits } from './rekey.ts'
import { authenticatedPair, run } from './testing/kit.ts'

const cipher = (rekeyAfterBytes: number) => ({
  ...(defaultProvider.ciphers[0] as (typeof defaultProvider.ciphers)[number]),
  rekeyAfterBytes,
})

describe('limits', () => {
  test('are 1 GiB and 2^31 packets unless wished otherwise', () => {
    expect(rekeyLimits()).toEqual({ bytes: 2 ** 30, packets: 2 ** 31 })
    expect(rekeyLimits({ bytes: 2 ** 36 })).toEqual({ bytes: 2 ** 36, packets: 2 ** 31 })
  })

  test('of a cipher win where they are lower', () => {
    expect(limitsFor(rekeyLimits(), cipher(1000)).bytes).toBe(1000)
    expect(limitsFor(rekeyLimits({ bytes: 10 }), cipher(1000)).bytes).toBe(10)
    expect(limitsFor(rekeyLimits(), cipher(Number.POSITIVE_INFINITY)).bytes).toBe(2 ** 30)
  })

  test('are reached by bytes or by packets', () => {
    const limits = { bytes: 100, packets: 3 }
    expect(rekeyDue(limits, { bytes: 99, packets: 2 })).toBe(false)
    expect(rekeyDue(limits, { bytes: 100, packets: 0 })).toBe(true)
    expect(rekeyDue(limits, { bytes: 0, packets: 3 })).toBe(true)
  })
})

test('a cipher that wants new keys early gets them', () => {
  const crypto = { ...createProvider(defaultProvider.backend), ciphers: [cipher(2000)] }
  const pair = authenticatedPair({ crypto })
  for (let i = 0; i < 3; i++) pair.client.send(new Uint8Array(1000).fill(94))
  expect(run(pair).client.map(({ type }) => type)).toEqual(['ask-host-key', 'keys'])
})
