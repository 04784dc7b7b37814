/** The documentation's examples with npm's ssh2 and with ours: against OpenSSH, against each other, with the same output. */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort, type KeyFile, makeKeyFile, runSsh, type Sshd, startSshd } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Module, modules, runProgram, startServerProgram } from './programs.ts'

const both: readonly Module[] = [modules.theirs, modules.ours]

let web: Server
let webPort: number

beforeAll(async () => {
  web = createServer((_request, response) => {
    response.sendDate = false
    response.setHeader('Content-Type', 'text/plain')
    response.end()
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  webPort = (web.address() as AddressInfo).port
})
afterAll(() => {
  web.close()
})

/** Lines in any order: standard output and standard error are two streams. */
function lines(text: string): readonly string[] {
  return text.split('\n').sort()
}

describePeers(['sshd'], 'client examples against sshd', () => {
  let sshd: Sshd
  let config: string

  beforeAll(async () => {
    sshd = await startSshd({ extra: ['Subsystem echo /bin/cat'] })
    const keyFile = sshd.userKeys.get('ed25519')?.path
    config = JSON.stringify({ host: sshd.host, port: sshd.port, username: sshd.user, keyFile })
  })
  afterAll(() => sshd.stop())

  async function outputs(
    program: string,
    ...args: readonly string[]
  ): Promise<[theirs: string, ours: string]> {
    const results = await Promise.all(both.map((module) => runProgram(module, program, [config, ...args])))
    results.forEach((result, at) => {
      expect(`${both[at]}: ${result.stderr}`).toBe(`${both[at]}: `)
      expect(result.code).toBe(0)
    })
    return results.map(({ text }) => text) as [string, string]
  }

  test('exec: output, standard error and exit code', async () => {
    const [theirs, ours] = await outputs('exec', 'echo out; echo err >&2; exit 3')
    expect(lines(ours)).toEqual(lines(theirs))
    expect(ours).toContain('STDOUT: out')
    expect(ours).toContain('Stream :: close :: code: 3, signal: undefined')
  })

  test('exec: a command killed by a signal', async () => {
    const [theirs, ours] = await outputs('exec', 'kill -TERM $$')
    expect(ours).toBe(theirs)
    expect(ours).toContain('code: null, signal: SIGTERM')
  })

  test('exec: uptime', async () => {
    const [, ours] = await outputs('exec')
    expect(ours).toMatch(
      /^Client :: ready\nSTDOUT: .*load average.*\n\nStream :: close :: code: 0, signal: undefined\n$/,
    )
  })

  test('shell', async () => {
    // How a terminal's output is cut and echoed differs from run to run: the texts are looked at, not compared.
    for (const text of await outputs('shell')) {
      expect(text.startsWith('Client :: ready\nOUTPUT: ')).toBe(true)
      expect(text).toContain('ls -l')
      expect(text.endsWith('Stream :: close\n')).toBe(true)
    }
  })

  test('forwardOut: a web page', async () => {
    const [theirs, ours] = await outputs('forward-out', String(webPort))
    expect(ours).toBe(theirs)
    expect(ours).toContain('TCP :: DATA: HTTP/1.1 200 OK')
    expect(ours).toContain('TCP :: CLOSED')
  })

  test('connection hopping', async () => {
    const [theirs, ours] = await outputs('hop', 'echo through')
    expect(ours).toBe(theirs)
    expect(ours).toBe('FIRST :: connection ready\nSECOND :: connection ready\nthrough\n\n')
  })

  test('forwardIn: a connection from the server', async () => {
    const outputs = await Promise.all(
      both.map(async (module) => {
        const port = await freePort()
        const program = await startServerProgram(module, 'forward-in', [config, String(port)])
        try {
          await program.saw('!\n')
          const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
          expect(response.status).toBe(404)
          await program.saw('TCP :: CLOSED')
          return program
            .output()
            .replaceAll(String(port), 'PORT')
            .replace(/srcPort: \d+/, 'srcPort: ANY')
        } finally {
          await program.stop()
        }
      }),
    )
    expect(outputs[1]).toBe(outputs[0])
    expect(outputs[1]).toContain('TCP :: DATA: GET / HTTP/1.1')
  })

  test('a subsystem', async () => {
    const [theirs, ours] = await Promise.all(
      both.map(async (module) => {
        const program = await startServerProgram(module, 'subsys', [config, 'echo'])
        await program.saw(' bytes>\n')
        await program.stop()
        return program.output()
      }),
    )
    expect(ours).toBe(theirs)
    expect(ours).toContain('<Buffer 3c 3f 78 6d 6c')
  })
})

describe('programs against each other', () => {
  let hostKey: KeyFile
  let userKey: KeyFile

  beforeAll(() => {
    hostKey = makeKeyFile('ed25519')
    userKey = makeKeyFile('ed25519')
  })

  /** What client and server print, for one pair of modules. */
  async function pair(
    client: Module,
    server: Module,
    program: string,
    args: readonly string[],
    login: object,
  ): Promise<{ client: string; server: string; code: number | null }> {
    const running = await startServerProgram(server, 'server-full', [hostKey.path, `${userKey.path}.pub`])
    try {
      const config = JSON.stringify({ host: '127.0.0.1', port: running.port, username: 'foo', ...login })
      const result = await runProgram(client, program, [config, ...args])
      expect(result.stderr).toBe('')
      // Hopping takes two connections to it.
      await running.saw('closed', program === 'hop' ? 2 : 1)
      return { client: result.text, server: running.output(), code: result.code }
    } finally {
      await running.stop()
    }
  }

  const programs: readonly [title: string, program: string, args: () => readonly string[]][] = [
    ['exec', 'exec', () => ['works']],
    ['exec that fails', 'exec', () => ['fail']],
    ['exec that is killed', 'exec', () => ['killed']],
    ['shell', 'shell', () => []],
    ['subsystem', 'subsys', () => []],
    ['forwardOut', 'forward-out', () => [String(webPort)]],
    ['connection hopping', 'hop', () => ['works']],
  ]
  const pairs: readonly [client: Module, server: Module][] = [
    [modules.ours, modules.ours],
    [modules.ours, modules.theirs],
    [modules.theirs, modules.ours],
  ]

  for (const [title, program, args] of programs)
    test(`${title}: every pair prints what npm's ssh2 prints`, async () => {
      const login = { keyFile: userKey.path }
      await compare(program, args(), login)
    })

  test('login by password', async () => {
    await compare('exec', ['works'], { password: 'bar' })
  })

  async function compare(program: string, args: readonly string[], login: object): Promise<void> {
    const [reference, ...results] = await Promise.all(
      [[modules.theirs, modules.theirs] as const, ...pairs].map(async ([client, server]) => ({
        pair: `${client} to ${server}`,
        ...normal(await pair(client, server, program, args, login)),
      })),
    )
    for (const result of results) expect(result).toEqual({ ...reference, pair: result.pair })
  }

  function normal(result: { client: string; server: string; code: number | null }): object {
    return { client: lines(result.client), server: result.server.split('\n'), code: result.code }
  }
})

describePeers(['ssh'], "the documentation's server example and real ssh", () => {
  const hostKey = makeKeyFile('ed25519')
  const userKey = makeKeyFile('ed25519')

  async function visit(module: Module, login: Partial<Parameters<typeof runSsh>[0]>): Promise<object> {
    const server = await startServerProgram(module, 'server', [hostKey.path, `${userKey.path}.pub`])
    try {
      const result = await runSsh({ port: server.port, user: 'foo', command: 'some command', ...login })
      await server.saw('Client disconnected')
      return {
        stdout: result.text,
        code: result.code,
        complaint: complaints(result.stderr),
        server: server.output(),
      }
    } finally {
      await server.stop()
    }
  }

  /** What ssh prints besides its remark on the unknown host key and those of the helper that answers its prompts. */
  function complaints(stderr: string): string {
    return stderr.replace(/^(?:Warning: Permanently added|.*askpass: ).*\r?\n/gm, '')
  }

  const logins: readonly [string, Partial<Parameters<typeof runSsh>[0]>][] = [
    ['a public key', { identities: [userKey.path] }],
    ['a password', { answers: ['bar'], options: ['PreferredAuthentications=password'] }],
  ]
  for (const [title, login] of logins)
    test(`login by ${title}: ssh and the server print the same with both modules`, async () => {
      const theirs = await visit(modules.theirs, login)
      const ours = await visit(modules.ours, login)
      expect(ours).toEqual(theirs)
      expect(ours).toMatchObject({
        stdout: 'Just kidding about the errors!\n',
        code: 0,
        complaint: 'Oh no, the dreaded errors!\n',
      })
    })

  const visits: readonly [
    title: string,
    options: () => Partial<Parameters<typeof runSsh>[0]>,
    expected: object,
  ][] = [
    [
      'a shell in a terminal',
      () => ({ flags: ['-tt'], input: 'exit\n' }),
      { text: 'welcome\r\nbye\r\n', code: 0 },
    ],
    ['a command killed by a signal', () => ({ command: 'killed' }), { text: '', code: 255 }],
    [
      'a pipe through cat',
      () => ({ command: 'cat', input: 'x'.repeat(300_000) }),
      { text: 'x'.repeat(300_000), code: 0 },
    ],
    [
      'a connection through the server (-W)',
      () => ({ flags: ['-W', `127.0.0.1:${webPort}`], input: 'GET / HTTP/1.0\r\n\r\n' }),
      { text: expect.stringMatching(/^HTTP\/1\.1 200 OK/), code: 0 },
    ],
  ]
  for (const [title, options, expected] of visits)
    test(`${title}: the same with both modules`, async () => {
      const [theirs, ours] = await Promise.all(
        both.map(async (module) => {
          const server = await startServerProgram(module, 'server-full', [
            hostKey.path,
            `${userKey.path}.pub`,
          ])
          try {
            const login = { user: 'foo', identities: [userKey.path] }
            const { text, code } = await runSsh({ port: server.port, ...login, ...options() })
            await server.saw('closed')
            return { text, code, server: server.output() }
          } finally {
            await server.stop()
          }
        }),
      )
      expect(ours).toEqual(theirs)
      expect(ours).toMatchObject(expected)
    })

  test('a wrong password is refused', async () => {
    const server = await startServerProgram(modules.ours, 'server', [hostKey.path, `${userKey.path}.pub`])
    try {
      const options = ['PreferredAuthentications=password', 'NumberOfPasswordPrompts=1']
      const result = await runSsh({
        port: server.port,
        user: 'foo',
        command: 'x',
        answers: ['wrong'],
        options,
      })
      expect(result.code).toBe(255)
      expect(result.stderr).toContain('Permission denied')
      expect(server.output()).not.toContain('authenticated')
    } finally {
      await server.stop()
    }
  })
})
