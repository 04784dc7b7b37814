import { latin1Encode, UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { IdentificationError } from './errors.ts'
import { formatGreeting, formatIdent, type Ident, IdentReader } from './ident.ts'

type Role = 'client' | 'server'

function read(
  role: Role,
  text: string,
  size = text.length,
): { ident?: Ident; used: number; greeting: readonly string[] } {
  const reader = new IdentReader(role)
  const bytes = latin1Encode(text)
  let used = 0
  for (let at = 0; at < bytes.length; at += size) {
    const step = reader.read(bytes.subarray(at, at + size))
    used += step.used
    if (step.ident !== undefined) return { ident: step.ident, used, greeting: reader.greeting }
  }
  return { used, greeting: reader.greeting }
}

describe('identification lines that are understood', () => {
  const table: readonly [string, Role, string, Partial<Ident> & { greeting?: readonly string[] }][] = [
    [
      'plain',
      'server',
      'SSH-2.0-OpenSSH_9.2\r\n',
      { protocol: '2.0', software: 'OpenSSH_9.2', comments: '' },
    ],
    ['line feed only', 'server', 'SSH-2.0-x\n', { raw: 'SSH-2.0-x', software: 'x' }],
    [
      'comments',
      'client',
      'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7 and more\r\n',
      { software: 'OpenSSH_9.2p1', comments: 'Debian-2+deb12u7 and more' },
    ],
    ['1.99', 'client', 'SSH-1.99-Cisco-1.25\r\n', { protocol: '1.99', software: 'Cisco-1.25' }],
    ['dash in software', 'server', 'SSH-2.0-JSCH-0.1.54\r\n', { software: 'JSCH-0.1.54' }],
    ['no software', 'server', 'SSH-2.0-\r\n', { software: '', comments: '' }],
    ['high bytes', 'server', 'SSH-2.0-x caf\xe9\r\n', { comments: 'caf\xe9', raw: 'SSH-2.0-x caf\xe9' }],
    ['only one carriage return belongs to the end', 'server', 'SSH-2.0-x\r\r\n', { raw: 'SSH-2.0-x\r' }],
    ['as long as the RFC allows', 'server', `SSH-2.0-${'x'.repeat(245)}\r\n`, { software: 'x'.repeat(245) }],
    [
      'longer than the RFC allows',
      'client',
      `SSH-2.0-${'x'.repeat(8000)}\r\n`,
      { software: 'x'.repeat(8000) },
    ],
    [
      'greeting',
      'client',
      'hello\r\n\r\nthere\nSSH-2.0-x\r\n',
      { software: 'x', greeting: ['hello', '', 'there'] },
    ],
  ]
  for (const [name, role, text, expected] of table)
    test(name, () => {
      const { greeting, ...ident } = expected
      for (const size of [text.length, 1, 7]) {
        const result = read(role, text, size)
        expect(result.ident).toMatchObject(ident)
        expect(result.greeting).toEqual(greeting ?? [])
        expect(result.used).toBe(text.length)
      }
    })

  test('bytes after the line are left', () => {
    expect(read('server', 'SSH-2.0-x\r\nrest').used).toBe(11)
  })

  test('a limit of 50 lines and 64 KiB is not passed by what is just within', () => {
    expect(read('client', `${'x\n'.repeat(50)}SSH-2.0-x\n`).greeting).toHaveLength(50)
    expect(read('client', `${`${'x'.repeat(8190)}\n`.repeat(8)}SSH-2.0-x\n`).greeting).toHaveLength(8)
  })
})

describe('what is refused', () => {
  const table: readonly [string, Role, string, RegExp, number?][] = [
    ['a NUL', 'server', 'SSH-2.0-x\0', /NUL/],
    ['a NUL in a greeting', 'client', 'abc\0', /NUL/],
    ['HTTP at a server', 'server', 'GET / HTTP/1.1\r\n', /seems to speak HTTP, not SSH.*only SSH clients/],
    ['HTTP without a line end', 'server', 'POST /a/long/path', /HTTP/],
    [
      'HTTP at a client',
      'client',
      'HTTP/1.1 400 Bad Request\r\n',
      /HTTP.*check host and port.*"HTTP\/1.1 400/,
    ],
    ['a TLS hello', 'server', '\x16\x03\x01\x02\x00\x01', /TLS/],
    ['a TLS alert at a client', 'client', '\x15\x03\x01\x00\x02', /TLS/],
    ['a greeting at a server', 'server', 'hello\r\n', /does not speak SSH.*"hello/],
    ['an endless line', 'server', `SSH-2.0-${'x'.repeat(9000)}`, /longer than 255/],
    ['a line of 256 bytes at a server', 'server', `SSH-2.0-${'x'.repeat(246)}\r\n`, /longer than 255/],
    ['an endless line at a client', 'client', 'x'.repeat(9000), /longer than 8192/],
    ['too many lines', 'client', 'x\n'.repeat(51), /more than 50 lines/],
    ['too many bytes', 'client', `${'x'.repeat(8000)}\n`.repeat(9), /more than 65536 bytes/],
    ['SSH 1', 'client', 'SSH-1.5-old\r\n', /protocol "1.5".*only 2.0/, 8],
    ['SSH 3', 'server', 'SSH-3.0-new\r\n', /protocol "3.0"/, 8],
    ['half an identification', 'server', 'SSH-2.0\r\n', /is no identification/],
  ]
  for (const [name, role, text, message, reason] of table)
    test(name, () => {
      for (const size of [text.length, 1])
        try {
          read(role, text, size)
          expect.unreachable()
        } catch (error) {
          expect(error).toBeInstanceOf(IdentificationError)
          expect((error as Error).message).toMatch(message)
          expect((error as IdentificationError).disconnectReason).toBe(reason ?? 2)
          expect(text.startsWith((error as IdentificationError).received)).toBe(true)
        }
    })
})

describe('ours', () => {
  test('is formatted', () => {
    expect(formatIdent('Hawser_0.1.0')).toBe('SSH-2.0-Hawser_0.1.0')
    expect(formatIdent('a b c')).toBe('SSH-2.0-a b c')
  })
  for (const bad of ['', 'a\r\n', 'a\nb', 'caf\xe9', ' x', 'x'.repeat(250), 'a\0'])
    test(`refuses ${JSON.stringify(bad.slice(0, 12))}`, () => {
      expect(() => formatIdent(bad)).toThrow(UsageError)
    })
  for (const bad of [['SSH-2.0-x'], ['a\nb'], ['x'.repeat(300)], Array<string>(51).fill('x')])
    test(`refuses the greeting ${JSON.stringify(bad).slice(0, 12)}`, () => {
      expect(() => formatGreeting(bad)).toThrow(UsageError)
    })
})
