import { describe, expect, test } from 'vitest'
import { readLine } from '../formats/openssh-line.ts'
import { lines } from '../testing/fixtures.ts'
import { providers, seeded } from '../testing/kit.ts'
import { matchesPattern, matchesPatterns } from './host-patterns.ts'
import { formatKnownHost, parseKnownHosts } from './known-hosts.ts'

const [ed25519, p256, rsa] = [lines.ed25519, lines.p256, lines.rsa].map((line) =>
  line.split(' ').slice(0, 2).join(' '),
) as [string, string, string]
const key = readLine(ed25519)
const other = readLine(p256)

describe('parseKnownHosts', () => {
  test.each<[string, string, string, number, string]>([
    ['its own key', `a.example ${ed25519}`, 'a.example', 22, 'ok'],
    ['another host', `a.example ${ed25519}`, 'b.example', 22, 'unknown'],
    ['no line', '', 'a.example', 22, 'unknown'],
    ['another key of the same type or not', `a.example ${p256}`, 'a.example', 22, 'changed'],
    ['one of several keys', `a.example ${p256}\na.example ${ed25519}`, 'a.example', 22, 'ok'],
    ['one of several names', `a.example,10.0.0.1 ${ed25519} comment`, '10.0.0.1', 22, 'ok'],
    ['capitals', `A.Example ${ed25519}`, 'a.EXAMPLE', 22, 'ok'],
    ['a pattern', `*.example ${ed25519}`, 'a.example', 22, 'ok'],
    ['a pattern that it is exempt from', `*.example,!a.example ${ed25519}`, 'a.example', 22, 'unknown'],
    ['a pattern with ?', `host? ${ed25519}`, 'host1', 22, 'ok'],
    ['another port', `[a.example]:2222 ${ed25519}`, 'a.example', 2222, 'ok'],
    ['another port than known', `[a.example]:2222 ${ed25519}`, 'a.example', 22, 'unknown'],
    ['the key of port 22 on another', `a.example ${ed25519}`, 'a.example', 2222, 'ok'],
    ['another key than on port 22', `a.example ${p256}`, 'a.example', 2222, 'unknown'],
    [
      'another key than on its port',
      `[a.example]:2222 ${p256}\na.example ${ed25519}`,
      'a.example',
      2222,
      'changed',
    ],
    ['a revoked key', `@revoked * ${ed25519}\na.example ${ed25519}`, 'a.example', 22, 'revoked'],
    [
      'a key revoked for others',
      `@revoked b.example ${ed25519}\na.example ${ed25519}`,
      'a.example',
      22,
      'ok',
    ],
    ['a key revoked on port 22', `@revoked a.example ${ed25519}`, 'a.example', 2222, 'revoked'],
    ['a revoked key that is another', `@revoked * ${p256}`, 'a.example', 22, 'unknown'],
    ['an authority, which is no host key', `@cert-authority * ${ed25519}`, 'a.example', 22, 'unknown'],
    ['comments and empty lines', `# c\n\n  a.example ${ed25519}  \r\n`, 'a.example', 22, 'ok'],
    ['tabs', `a.example\t${ed25519.replace(' ', '\t')}`, 'a.example', 22, 'ok'],
    ['an IPv6 address with a port', `[::1]:2222 ${ed25519}`, '::1', 2222, 'ok'],
  ])('%s', (_name, text, host, port, expected) => {
    expect(parseKnownHosts(text).check(host, port, key)).toBe(expected)
  })

  test('tells the lines that decided', () => {
    const known = parseKnownHosts(
      `# one\na ${p256}\n\na ${rsa}\n@revoked a ${ed25519}\n@cert-authority *.b ${rsa}\n`,
    )
    expect(known.lookup('a', 22, key)).toMatchObject({
      status: 'revoked',
      entries: [{ line: 5, marker: 'revoked' }],
    })
    expect(known.lookup('a', 22, readLine(rsa))).toMatchObject({ status: 'ok', entries: [{ line: 4 }] })
    const different = readLine(lines.rsa1024)
    expect(known.lookup('a', 22, different)).toMatchObject({
      status: 'changed',
      entries: [{ line: 2 }, { line: 4 }],
    })
    expect(known.entries.map(({ line, marker }) => [line, marker])).toEqual([
      [2, undefined],
      [4, undefined],
      [5, 'revoked'],
      [6, 'cert-authority'],
    ])
    expect(known.keysOf('a', 22).map(({ type }) => type)).toEqual(['ecdsa-sha2-nistp256', 'ssh-rsa'])
    expect(known.keysOf('b', 22)).toEqual([])
  })

  test('lists lines that it does not understand, and uses the others', () => {
    const known = parseKnownHosts(
      [
        'a',
        'a ssh-ed25519 ****',
        `@other a ${ed25519}`,
        `|1|AAAA|AAAA ${ed25519}`,
        `|2|x|y ${ed25519}`,
        `a ${ed25519.replace('ssh-ed25519', 'ssh-rsa')}`,
        'a 1024 35 123456789',
        `b ${ed25519}`,
      ].join('\n'),
    )
    expect(known.problems.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(known.check('b', 22, key)).toBe('ok')
    expect(known.check('a', 22, key)).toBe('unknown')
  })

  test('garbage never throws, seed 3', () => {
    const random = seeded(3)
    const good = `@revoked |1|${'A'.repeat(27)}=|${'A'.repeat(27)}= ${ed25519}\n[a]:1,*?! ${rsa} x\n`
    for (let round = 0; round < 2000; round++) {
      const text = [...good]
      for (let count = random(6); count > 0; count--)
        text[random(text.length)] = String.fromCharCode(random(128))
      const known = parseKnownHosts(text.join(''))
      expect(['ok', 'unknown', 'changed', 'revoked']).toContain(known.check('a', 1, key))
      expect(known.entries.length + known.problems.length).toBeLessThanOrEqual(9)
    }
  })
})

describe('formatKnownHost', () => {
  test.each(providers)('what it writes is found again, over %s', (_name, crypto) => {
    for (const [host, port] of [
      ['a.example', 22],
      ['A.example', 2222],
      ['::1', 22],
      ['fe80::1%eth0', 22],
    ] as const)
      for (const hashed of [false, true]) {
        const line = formatKnownHost(host, port, key, { hashed, crypto })
        const known = parseKnownHosts(line)
        expect(known.problems).toEqual([])
        expect(known.check(host, port, key)).toBe('ok')
        expect(known.check(host, port, other)).toBe('changed')
        expect(known.check(host, port + 1, other)).toBe('unknown')
        expect(line.includes('example')).toBe(!hashed && host.toLowerCase().includes('example'))
      }
  })

  test('writes the forms of OpenSSH', () => {
    expect(formatKnownHost('A.example', 22, readLine(lines.ed25519))).toBe(`a.example ${lines.ed25519}`)
    expect(formatKnownHost('a.example', 2222, key)).toBe(`[a.example]:2222 ${ed25519}`)
    expect(formatKnownHost('a.example', 22, key, { hashed: true })).toMatch(
      /^\|1\|[A-Za-z0-9+/]{27}=\|[A-Za-z0-9+/]{27}= ssh-ed25519 /,
    )
  })

  test.each(['', 'a b', 'a\nb', '*', 'a,b', '!a', '#a', '@revoked', '|1|x', 'a?'])(
    'refuses the host %j',
    (host) => {
      expect(() => formatKnownHost(host, 22, key)).toThrow(/cannot stand in a known_hosts file/)
    },
  )
})

describe('patterns', () => {
  test.each<[string, string, boolean]>([
    ['', '', true],
    ['a', '', false],
    ['', '*', true],
    ['abc', 'a*c', true],
    ['abcbc', 'a*bc', true],
    ['abcb', 'a*bc', false],
    ['abc', '???', true],
    ['abc', '??', false],
    ['abc', '****', true],
    ['a.b', 'a?b', true],
    ['abc', 'a*b', false],
  ])('%j fits %j: %s', (name, pattern, expected) => {
    expect(matchesPattern(name, pattern)).toBe(expected)
  })

  test('a refusal beats every match, wherever it stands', () => {
    expect(matchesPatterns('a', '!a,*')).toBe(false)
    expect(matchesPatterns('a', '*,!a')).toBe(false)
    expect(matchesPatterns('b', '*,!a')).toBe(true)
    expect(matchesPatterns('b', '!a')).toBe(false)
  })

  test('stars do not multiply the work', () => {
    // Exponential without care: this would not end.
    expect(matchesPattern('a'.repeat(2000), `${'a*'.repeat(500)}b`)).toBe(false)
  })
})
