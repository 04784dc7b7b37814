import { describe, expect, test } from 'vitest'
import { lines } from '../testing/fixtures.ts'
import { seeded } from '../testing/kit.ts'
import { type AuthorizedKeyOption, parseAuthorizedKeys } from './authorized-keys.ts'

const key = lines.ed25519

describe('parseAuthorizedKeys', () => {
  test.each<[string, string, readonly AuthorizedKeyOption[]]>([
    ['no option', key, []],
    ['one option', `no-pty ${key}`, [{ name: 'no-pty' }]],
    ['capitals', `No-PTY ${key}`, [{ name: 'no-pty' }]],
    [
      'several',
      `restrict,port-forwarding,pty\t${key}`,
      [{ name: 'restrict' }, { name: 'port-forwarding' }, { name: 'pty' }],
    ],
    ['spaces and commas in quotes', `command="echo a, b" ${key}`, [{ name: 'command', value: 'echo a, b' }]],
    ['quotes in quotes', `command="echo \\"a\\" \\b" ${key}`, [{ name: 'command', value: 'echo "a" \\b' }]],
    [
      'an empty value',
      `environment="",from="*.a,!b.a" ${key}`,
      [
        { name: 'environment', value: '' },
        { name: 'from', value: '*.a,!b.a' },
      ],
    ],
    ['a key inside of a command', `command="${key}" ${key}`, [{ name: 'command', value: key }]],
  ])('%s', (_name, line, options) => {
    const { entries, problems } = parseAuthorizedKeys(line)
    expect(problems).toEqual([])
    expect(entries).toHaveLength(1)
    expect(entries[0]?.options).toEqual(options)
    expect(entries[0]?.key).toMatchObject({ type: 'ssh-ed25519', comment: 'ed25519 test' })
  })

  test('lines are counted from 1; comments and empty lines are passed over', () => {
    const { entries } = parseAuthorizedKeys(`# mine\r\n\r\n${lines.rsa}\r\n  ${lines.certificate}\n`)
    expect(entries.map(({ line, key: { type } }) => [line, type])).toEqual([
      [3, 'ssh-rsa'],
      [4, 'ssh-ed25519-cert-v01@openssh.com'],
    ])
  })

  test.each([
    'nonsense',
    `no-pty,,pty ${key}`,
    `command="open ${key}`,
    `command=bare ${key}`,
    `"quoted" ${key}`,
    `no-pty, ${key}`,
    'no-pty ssh-ed25519 AAAA',
    `${key.slice(0, 40)}`,
    `no-pty pty ${key}`,
  ])('%j admits nobody', (line) => {
    const { entries, problems } = parseAuthorizedKeys(`${line}\n${lines.rsa}`)
    expect(problems.map((problem) => problem.line)).toEqual([1])
    expect(entries.map((entry) => entry.line)).toEqual([2])
  })

  test('garbage never throws, and no changed option is lost silently, seed 4', () => {
    const random = seeded(4)
    const good = `command="a \\"b\\" c",no-pty,from="10.*" ${key}`
    for (let round = 0; round < 3000; round++) {
      const text = [...good]
      // Options only: the key stays as it is.
      for (let count = 1 + random(3); count > 0; count--)
        text[random(good.length - key.length)] = String.fromCharCode(32 + random(95))
      const { entries, problems } = parseAuthorizedKeys(text.join(''))
      expect(entries.length + problems.length).toBe(text[0] === '#' ? 0 : 1)
      for (const entry of entries) expect(entry.options.length).toBeGreaterThan(0)
    }
  })
})
