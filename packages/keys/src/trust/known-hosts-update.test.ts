import { describe, expect, test } from 'vitest'
import { readLine } from '../formats/openssh-line.ts'
import { lines } from '../testing/fixtures.ts'
import { providers } from '../testing/kit.ts'
import { formatKnownHost, parseKnownHosts } from './known-hosts.ts'
import { type HostKeysAnnouncement, updateKnownHosts } from './known-hosts-update.ts'

const plain = (line: string): string => line.split(' ').slice(0, 2).join(' ')
const [a, b, c] = [lines.ed25519, lines.p256, lines.rsa].map((line) => readLine(plain(line))) as [
  ReturnType<typeof readLine>,
  ReturnType<typeof readLine>,
  ReturnType<typeof readLine>,
]
const [lineA, lineB, lineC] = [a, b, c].map((key) => formatKnownHost('box', 22, key)) as [
  string,
  string,
  string,
]

function said(o: Partial<HostKeysAnnouncement> = {}): HostKeysAnnouncement {
  const proved = o.proved ?? [a, b]
  return { accepted: a, proved, announced: proved.map(({ blob }) => blob), ...o }
}

describe.each(providers)('over %s', (_, crypto) => {
  test.each([false, true])('proved keys are added, others of the host go; hashed: %s', (hashed) => {
    const old = formatKnownHost('box', 2200, c, { hashed, crypto })
    const kept = formatKnownHost('box', 2200, a, { hashed, crypto })
    const text = `# box\r\n${old}\nnot a line\n${kept}`
    const change = updateKnownHosts(text, 'BOX', 2200, said(), { hashed, crypto })
    expect(change.added).toEqual([b])
    expect(change.removed.map(({ blob }) => blob)).toEqual([c.blob])
    expect(change.unchanged).toBeUndefined()
    expect(change.text.startsWith(`# box\r\nnot a line\n${kept}\n`)).toBe(true)
    const known = parseKnownHosts(change.text, { crypto })
    expect(known.entries.length).toBe(2)
    expect(known.check('box', 2200, b)).toBe('ok')
    expect(known.check('box', 2200, c)).toBe('changed')
    expect(change.text.includes('[box]')).toBe(!hashed)
    expect(updateKnownHosts(change.text, 'box', 2200, said(), { crypto }).unchanged).toBe('none')
  })
})

test('removing alone, and keys that the server has but we cannot use', () => {
  const text = `${lineA}\n${lineC}\n${lineB}\n`
  expect(updateKnownHosts(text, 'box', 22, said({ proved: [a] })).text).toBe(`${lineA}\n`)
  const unusable = said({ proved: [a], announced: [a.blob, c.blob] })
  expect(updateKnownHosts(text, 'box', 22, unusable).text).toBe(`${lineA}\n${lineC}\n`)
})

test.each<[string, string, Partial<HostKeysAnnouncement>, string]>([
  [
    'an authority vouches for the host',
    `@cert-authority *ox ${plain(lines.rsa)}\n${lineA}`,
    {},
    'certificate',
  ],
  ['the accepted key is not there', lineB, {}, 'not-known'],
  ['it is there for another port only', formatKnownHost('box', 2200, a), {}, 'not-known'],
  ['it is only revoked there', `@revoked box ${plain(lines.ed25519)}`, {}, 'not-known'],
  ['the server does not name the accepted key', lineA, { proved: [b] }, 'not-announced'],
  ['the line has an address too', lineA.replace('box', 'box,10.0.0.1'), {}, 'shared'],
  ['the line is a pattern', lineA.replace('box', 'b?x'), {}, 'shared'],
  ['another line about the host is shared', `${lineA}\n${lineC.replace('box', '*')}`, {}, 'shared'],
  ['a new key is known by another name', `${lineA}\n${lineB.replace('box', '10.0.0.1')}`, {}, 'other-names'],
  ['the accepted key is', `${lineA}\n${lineA.replace('box', '10.0.0.1')}`, {}, 'other-names'],
  [
    'a key that would go is',
    `${lineA}\n${lineC}\n${lineC.replace('box', 'ox')}`,
    { proved: [a] },
    'other-names',
  ],
  ['the new key is revoked', `${lineA}\n@revoked * ${plain(lines.p256)}`, {}, 'none'],
  ['it is all there', `${lineB}\n${lineA}`, {}, 'none'],
])('left as it is: %s', (_, text, changes, unchanged) => {
  expect(updateKnownHosts(text, 'box', 22, said(changes))).toEqual({
    text,
    added: [],
    removed: [],
    unchanged,
  })
})
