import { describe, expect, test } from 'vitest'
import { defaultPenalties, Penalties, type PenaltyLimits } from './penalties.ts'

function made(changes: Partial<PenaltyLimits> = {}): { penalties: Penalties; wait(ms: number): void } {
  let now = 1_000_000
  const penalties = new Penalties({ ...defaultPenalties, ...changes }, () => now)
  return {
    penalties,
    wait: (ms) => {
      now += ms
    },
  }
}

describe('penalties by source', () => {
  test('one mistake is only remembered; those that add up keep away until they have run down', () => {
    const { penalties, wait } = made()
    penalties.punish('192.0.2.1', 'authFailed')
    penalties.punish('192.0.2.1', 'authFailed')
    expect(penalties.left('192.0.2.1')).toBe(0)
    penalties.punish('192.0.2.1', 'authFailed')
    expect(penalties.left('192.0.2.1')).toBe(15_000)
    expect(penalties.left('192.0.2.2')).toBe(0)
    wait(14_999)
    expect(penalties.left('192.0.2.1')).toBe(1)
    wait(1)
    expect(penalties.left('192.0.2.1')).toBe(0)
    penalties.punish('192.0.2.1', 'authFailed')
    expect(penalties.left('192.0.2.1')).toBe(0)
  })

  test('what is remembered runs down too', () => {
    const { penalties, wait } = made()
    penalties.punish('192.0.2.1', 'graceExceeded')
    wait(9_000)
    penalties.punish('192.0.2.1', 'graceExceeded')
    expect(penalties.left('192.0.2.1')).toBe(0)
    penalties.punish('192.0.2.1', 'authFailed')
    expect(penalties.left('192.0.2.1')).toBe(16_000)
  })

  test('each offence has its price, and none grows above the most', () => {
    for (const [offence, price] of [
      ['authFailed', 5_000],
      ['noAuth', 1_000],
      ['graceExceeded', 10_000],
      ['protocolError', 10_000],
    ] as const) {
      const { penalties } = made({ leastMs: 1 })
      penalties.punish('192.0.2.1', offence)
      expect(penalties.left('192.0.2.1')).toBe(price)
      for (let at = 0; at < 1_000; at++) penalties.punish('192.0.2.1', offence)
      expect(penalties.left('192.0.2.1')).toBe(600_000)
    }
  })

  test.each([
    ['an IPv4 /24', (at: number) => `198.51.100.${at}`, '198.51.100.200', '198.51.101.1'],
    [
      'an IPv6 /56',
      (at: number) => `2001:db8:0:${at.toString(16)}::1`,
      '2001:db8:0:ff::9',
      '2001:db8:0:100::9',
    ],
  ])('%s is kept away as a whole once many of it have misbehaved', (_, member, another, outside) => {
    const { penalties, wait } = made()
    for (let at = 1; at <= 23; at++) penalties.punish(member(at), 'authFailed')
    expect(penalties.left(another)).toBe(0)
    penalties.punish(member(24), 'authFailed')
    expect(penalties.left(another)).toBe(120_000)
    expect(penalties.left(outside)).toBe(0)
    wait(120_000)
    expect(penalties.left(another)).toBe(0)
  })

  test('other spellings, and the rest of an IPv6 /64, are the same source', () => {
    const { penalties } = made({ leastMs: 1 })
    penalties.punish('::ffff:192.0.2.1', 'noAuth')
    penalties.punish('2001:db8::1', 'noAuth')
    for (const same of ['192.0.2.1', '2001:DB8:0:0::ffff', '2001:db8::1%eth0'])
      expect(penalties.left(same), same).toBe(1_000)
  })

  test('this machine, unknown addresses and free offences pay nothing', () => {
    const { penalties } = made({ leastMs: 1, noAuthMs: 0 })
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'a name', '', undefined]) {
      penalties.punish(address, 'protocolError')
      expect(penalties.left(address)).toBe(0)
    }
    penalties.punish('192.0.2.1', 'noAuth')
    expect(penalties.size).toBe(0)
  })

  test('memory is bounded: the source that was punished longest ago is forgotten', () => {
    const { penalties } = made({ leastMs: 1, mostSources: 3 })
    for (const at of [1, 2, 3, 1, 4]) penalties.punish(`10.${at}.0.1`, 'authFailed')
    expect(penalties.size).toBe(6)
    expect([1, 2, 3, 4].map((at) => penalties.left(`10.${at}.0.1`) > 0)).toEqual([true, false, true, true])
  })
})
