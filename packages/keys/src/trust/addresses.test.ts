import { hexEncode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { seeded } from '../testing/kit.ts'
import { fitsAddressList, inRanges, parseAddress } from './addresses.ts'

describe('addresses', () => {
  test.each([
    ['1.2.3.4', '01020304'],
    ['255.255.255.255', 'ffffffff'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::8:1', '20010db8000000000000000000080001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
    ['::ffff:1.2.3.4', '01020304'],
    ['::FFFF:102:304', '01020304'],
  ])('%s', (text, hex) => {
    const bytes = parseAddress(text)
    expect(bytes && hexEncode(bytes)).toBe(hex)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '1.2.3.4::',
    '::1.2.3.4:5',
    'fe80::1%eth0',
    'host.example',
    '1'.repeat(100),
  ])('not %s', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})

describe('ranges of certificates', () => {
  test.each<[string, string, boolean | undefined]>([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '192.0.2.1,10.1.2.3', true],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['10.1.2.3', '::/0', false],
    ['::1', '0.0.0.0/0', false],
    ['2001:db8::1', '2001:db8::/33', true],
    ['2001:db8:8000::1', '2001:db8::/33', false],
    ['::ffff:10.1.2.3', '10.1.2.2/31', true],
    ['nowhere', '0.0.0.0/0', false],
    ['10.1.2.3', '10.1.2.3/8', undefined],
    ['10.1.2.3', '10.0.0.0/33', undefined],
    ['10.1.2.3', '10.0.0.0/', undefined],
    ['10.1.2.3', '10.1.2.3,', undefined],
    ['10.1.2.3', '', undefined],
    ['10.1.2.3', '10.1.2.*', undefined],
    ['10.1.2.3', '!10.1.2.3', undefined],
    ['10.1.2.3', `10.1.2.3${',10.1.2.3'.repeat(9000)}`, undefined],
  ])('%s in %s', (address, list, expected) => {
    expect(inRanges(address, list)).toBe(expected)
  })
})

describe('lists of from=', () => {
  test.each<[string, string, string | undefined, boolean | undefined]>([
    ['10.*', '10.1.2.3', undefined, true],
    ['10.1.2.?', '10.1.2.3', undefined, true],
    ['10.1.2.0/24', '10.1.2.3', undefined, true],
    ['10.1.2.0/24,!10.1.2.3', '10.1.2.3', undefined, false],
    ['!10.1.2.0/24,*', '10.1.2.3', undefined, false],
    ['!10.1.2.0/24,*', '10.1.3.3', undefined, true],
    ['!10.1.2.0/24', '10.1.3.3', undefined, false],
    ['*.example', '10.1.2.3', 'A.Example', true],
    ['*.example,!a.example', '10.1.2.3', 'a.example', false],
    ['*.example', '10.1.2.3', undefined, false],
    ['::1', '0:0::1', undefined, true],
    ['', '10.1.2.3', undefined, false],
    ['10.1.2.0/99', '10.1.2.3', undefined, undefined],
    ['*,10.1.2.3/8', '10.1.2.3', undefined, undefined],
  ])('%s for %s %s', (list, address, host, expected) => {
    expect(fitsAddressList(list, address, host)).toBe(expected)
  })
})

test('garbage is answered, never thrown at', () => {
  const random = seeded(11)
  const letters = '0123456789abf:./,!*?'
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: random(24) }, () => letters[random(letters.length)]).join('')
    expect([true, false, undefined]).toContain(inRanges('10.1.2.3', text))
    expect([true, false, undefined]).toContain(fitsAddressList(text, '10.1.2.3', 'a.b'))
    expect([4, 16, undefined]).toContain(parseAddress(text)?.length)
  }
})
