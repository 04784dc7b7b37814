import { describe, expect, test } from 'vitest'
import { readLine } from '../formats/openssh-line.ts'
import { lines } from '../testing/fixtures.ts'
import { providers } from '../testing/kit.ts'
import { parseKnownHosts } from './known-hosts.ts'
import { addKnownHost, findKnownHost, hashKnownHosts, removeKnownHost } from './known-hosts-edit.ts'

const ed25519 = lines.ed25519.split(' ').slice(0, 2).join(' ')
const key = readLine(lines.ed25519)
const other = readLine(lines.p256)

const text = `# my hosts\r
a.example,[b.example]:2222 ${lines.ed25519}

*.wild.example,!not.wild.example ${ed25519}
@cert-authority *.example ${lines.p256}
@revoked a.example ${lines.rsa}
not a line
  Last.example\t${ed25519}`

test('every line about a host is found, by its number', () => {
  const found = (host: string, port = 22): number[] =>
    findKnownHost(text, host, port).map(({ entry }) => entry.line)
  expect(found('a.example')).toEqual([2, 5, 6])
  expect(found('A.Example')).toEqual([2, 5, 6])
  expect(found('b.example', 2222)).toEqual([2])
  expect(found('x.wild.example')).toEqual([4, 5])
  expect(found('not.wild.example')).toEqual([5])
  expect(found('last.example')).toEqual([5, 8])
  expect(found('nowhere')).toEqual([])
})

test('removing a host leaves markers and every other byte', () => {
  const { text: left, removed } = removeKnownHost(text, 'a.example', 22)
  expect(removed.map(({ entry }) => entry.line)).toEqual([2])
  expect(left).toBe(text.replace(/^a\.example.*\n/m, ''))
  expect(removeKnownHost(text, 'last.example', 22).text).toBe(text.slice(0, text.indexOf('  Last')))
  expect(removeKnownHost(text, 'nowhere', 22)).toEqual({ text, removed: [] })
})

test('adding appends a line, once', () => {
  const added = addKnownHost(text, 'new.example', 2200, key)
  expect(added).toBe(`${text}\n[new.example]:2200 ${lines.ed25519}\n`)
  expect(addKnownHost(added, 'new.example', 2200, key)).toBe(added)
  expect(addKnownHost(added, 'new.example', 2200, key, { hashed: true })).toBe(added)
  expect(addKnownHost('', 'a', 22, other)).toBe(`a ${lines.p256}\n`)
  expect(addKnownHost('', 'a', 22, other, { hashed: true })).toMatch(
    /^\|1\|\S{28}\|\S{28} ecdsa\S+ \S+ p256 test\n$/,
  )
  expect(() => addKnownHost('', 'a b', 22, key)).toThrow(/cannot stand/)
})

describe.each(providers)('hashing by %s', (_, crypto) => {
  test('hides names and nothing else', () => {
    const { text: hashed, kept } = hashKnownHosts(text, { crypto })
    expect(kept.map(({ line }) => line)).toEqual([4, 5, 6])
    expect(hashed).not.toMatch(/^a\.example|b\.example|Last/m)
    expect(hashed.split('\n')).toHaveLength(10)
    for (const line of text.split('\n').filter((each) => /^[#*@n]/.test(each)))
      expect(hashed).toContain(`${line}\n`)
    const known = parseKnownHosts(hashed, { crypto })
    expect(known.check('a.example', 22, key)).toBe('ok')
    expect(known.check('b.example', 2222, key)).toBe('ok')
    expect(known.check('LAST.example', 22, key)).toBe('ok')
    expect(known.check('last.example', 22, other)).toBe('changed')
    expect(hashKnownHosts(hashed, { crypto }).text).toBe(hashed)
    expect(removeKnownHost(hashed, 'a.example', 22, { crypto }).removed).toHaveLength(1)
  })
})

test('authorities of a host: patterns, ports, revoked ones', () => {
  const known = parseKnownHosts(
    `@cert-authority *.example ${lines.p256}\n@cert-authority *.example ${lines.rsa}\n@revoked * ${lines.rsa}\n@cert-authority [a.example]:2222 ${ed25519}\n`,
  )
  const types = (host: string, port: number): string[] =>
    known.authoritiesOf(host, port).map(({ type }) => type)
  expect(types('a.example', 22)).toEqual(['ecdsa-sha2-nistp256'])
  expect(types('a.example', 2222)).toEqual(['ssh-ed25519'])
  expect(types('b.example', 2222)).toEqual(['ecdsa-sha2-nistp256'])
  expect(types('elsewhere', 22)).toEqual([])
})
