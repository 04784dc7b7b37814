import { describe, expect, test } from 'vitest'
import { parseRevocationList } from '../certificates/krl.ts'
import { readLine } from '../formats/openssh-line.ts'
import { lines } from '../testing/fixtures.ts'
import { seeded } from '../testing/kit.ts'
import { type AllowedSigners, parseAllowedSigners } from './allowed-signers.ts'

const ed25519 = lines.ed25519.split(' ').slice(0, 2).join(' ')
const key = readLine(ed25519)
const now = new Date('2026-05-01T12:00:00Z')

function parse(...rows: readonly string[]): AllowedSigners {
  return parseAllowedSigners(rows.join('\n'), { timeZone: 'utc' })
}

function allows(row: string, o: { identity?: string; namespace?: string; now?: Date } = {}): boolean {
  return parse(row).check({ identity: 'me@example.com', namespace: 'file', key, now, ...o }).allowed
}

describe('who is allowed', () => {
  test.each<[string, string, Parameters<typeof allows>[1], boolean]>([
    ['plain', `me@example.com ${ed25519} a comment`, {}, true],
    ['quoted', `"me@example.com,you" ${ed25519}`, {}, true],
    ['a pattern', `*@example.com ${ed25519}`, {}, true],
    ['a pattern that takes out', `*@example.com,!me@* ${ed25519}`, {}, false],
    ['another', `you@example.com ${ed25519}`, {}, false],
    ['case counts', `Me@example.com ${ed25519}`, {}, false],
    ['another key', `me@example.com ${lines.p256}`, {}, false],
    ['an authority signs no messages', `me@example.com cert-authority ${ed25519}`, {}, false],
    ['namespace', `me@example.com namespaces="git,file" ${ed25519}`, {}, true],
    ['namespace pattern', `me@example.com namespaces="*,!file" ${ed25519}`, {}, false],
    ['another namespace', `me@example.com NAMESPACES="git" ${ed25519}`, {}, false],
    ['from then on', `me@example.com valid-after="20260501120000Z" ${ed25519}`, {}, true],
    ['not yet', `me@example.com valid-after="20260501120001Z" ${ed25519}`, {}, false],
    ['until then', `me@example.com valid-before="202605011200" ${ed25519}`, {}, true],
    ['no longer', `me@example.com valid-before="20260501115959" ${ed25519}`, {}, false],
    ['both', `me@example.com valid-after="20260101",valid-before="20270101" ${ed25519}`, {}, true],
  ])('%s: %s', (_, row, o, expected) => {
    expect(allows(row, o)).toBe(expected)
  })

  test('a later line may allow what an earlier one does not', () => {
    const signers = parse(`me@example.com namespaces="git" ${ed25519}`, `* ${ed25519}`)
    const question = { identity: 'me@example.com', namespace: 'file', key, now }
    expect(signers.check(question)).toMatchObject({ allowed: true, entry: { line: 2 } })
  })

  test('nobody whose key is revoked', () => {
    const question = { identity: 'me', namespace: 'file', key, now, revoked: parseRevocationList(ed25519) }
    expect(parse(`* ${ed25519}`).check(question)).toEqual({ allowed: false, message: 'the key is revoked' })
  })
})

test('principals are found by key, and lines by principal', () => {
  const signers = parse(
    `a@example.com valid-before="20260101" ${ed25519}`,
    `b@example.com,c@* namespaces="git" ${ed25519}`,
    `d@example.com ${ed25519}`,
  )
  expect(signers.findPrincipals(key, { now })).toEqual(['b@example.com', 'c@*'])
  expect(signers.findPrincipals(readLine(lines.p256), { now })).toEqual([])
  expect(signers.matchPrincipals('c@example.com')).toEqual(['b@example.com,c@*'])
  expect(signers.matchPrincipals('z')).toEqual([])
})

describe('lines that are not understood allow nobody', () => {
  test.each([
    'me@example.com',
    `me@example.com ssh-ed25519`,
    `me@example.com ssh-ed25519 AAAA`,
    `"me@example.com ${ed25519}`,
    `"" ${ed25519}`,
    `me@example.com unknown ${ed25519}`,
    `me@example.com unknown="x" ${ed25519}`,
    `me@example.com cert-authority="yes" ${ed25519}`,
    `me@example.com namespaces ${ed25519}`,
    `me@example.com namespaces="a",namespaces="b" ${ed25519}`,
    `me@example.com valid-after="soon" ${ed25519}`,
    `me@example.com valid-after="20260101",valid-before="20260101" ${ed25519}`,
  ])('%s', (row) => {
    const signers = parse('# a comment', row)
    expect(signers.entries).toEqual([])
    expect(signers.problems).toEqual([{ line: 2, message: expect.any(String) }])
  })

  test('random texts give lines or problems', () => {
    const random = seeded(5)
    const words = [
      'me',
      '"',
      ' ',
      'cert-authority',
      ',',
      'namespaces="',
      'x"',
      '\\',
      ed25519,
      '\n',
      '#',
      '\t',
      '=',
    ]
    for (let round = 0; round < 2000; round++) {
      const text = Array.from({ length: random(12) }, () => words[random(words.length)]).join('')
      const signers = parseAllowedSigners(text)
      expect(signers.entries.length + signers.problems.length).toBeLessThanOrEqual(text.split('\n').length)
    }
  })
})
