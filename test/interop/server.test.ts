/** Our server against the real ssh: logins, programs, streams, forwards, rekeys. */

import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial } from 'node:net'
import { fingerprint, generateKey, type PrivateKey } from '@hawser/keys'
import {
  type AuthHandlers,
  authorizedKeys,
  type ExecRequest,
  passwordsOf,
  type ServerOptions,
  type SessionChannel,
} from '@hawser/server'
import {
  connectTcp,
  type Listener,
  type ListenOptions,
  listen,
  nodeStreams,
  spawnProcess,
} from '@hawser/server/node'
import { freePort, runSsh, type SshOptions, sharedKeyFile, startSsh } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bytes, checksumOf, publicLine } from './kit.ts'

const mebibyte = 1024 * 1024
const hostKey: PrivateKey = await generateKey('ed25519')
const userKey = sharedKeyFile('ed25519', 'user')

/** What the tests need of programs, by command line; everything else is a command for sh. */
function programs(session: SessionChannel): void {
  session.onExec((request) => {
    const special = commands[request.command]
    if (special === undefined) spawnProcess(request.accept(), { shellCommand: request.command })
    else special(request)
  })
  session.onShell((request) => {
    const program = request.accept()
    const { pty } = request
    void program.write(
      `shell with ${pty === undefined ? 'no terminal' : `${pty.term} ${pty.columns}x${pty.rows}`}\r\n`,
    )
    void program.exit(7)
  })
  session.onSubsystem((request) => {
    if (request.name !== 'echo') return request.reject()
    const program = request.accept()
    const { stdin, stdout } = nodeStreams(program)
    stdin.pipe(stdout).on('finish', () => void program.exit(0))
  })
}

const commands: Readonly<Record<string, (request: ExecRequest) => void>> = {
  environment: (request) => {
    const program = request.accept()
    void program.write(JSON.stringify([...request.env]))
    void program.exit(0)
  },
  refuse: (request) => request.reject(),
  'end by a signal': (request) =>
    void request.accept().exitWithSignal('SIGUSR1', { description: 'as asked' }),
  'much at once': (request) => {
    const program = request.accept()
    const writer = program.stdout.getWriter()
    for (const piece of bytes(10 * mebibyte)) void writer.write(piece)
    void program.exit(9)
  },
  'answer later': async (request) => {
    await new Promise((resolve) => setImmediate(resolve))
    const program = request.accept()
    await program.write('later\n')
    await program.exit(0)
  },
}

const keyOnly: AuthHandlers = {
  publickey: authorizedKeys((user) => (user === 'ada' ? userKey.publicLine : undefined)),
}

function start(options: Partial<ListenOptions> = {}): Promise<Listener> {
  return listen({
    port: 0,
    hostKeys: [hostKey],
    auth: keyOnly,
    onSession: programs,
    ...options,
  } as ListenOptions)
}

describePeers(['ssh'], 'ssh against our server', () => {
  let server: Listener
  let requests: string[] = []
  beforeAll(async () => {
    server = await start({
      banner: 'be careful\n',
      onTcpip: (request) => {
        requests.push(`${request.host}:${request.port}`)
        if (request.host === 'forbidden.example') request.reject()
        else void connectTcp(request)
      },
    })
  })
  afterAll(() => server?.close())

  const ssh = (o: Partial<SshOptions> = {}) =>
    runSsh({
      port: server.port,
      user: 'ada',
      identities: [userKey.path],
      knownHosts: [`[127.0.0.1]:${server.port} ${publicLine(hostKey.publicKey)}`],
      ...o,
    })

  test('a command: its output, its errors, its exit status', async () => {
    const result = await ssh({ command: 'echo out; echo err >&2; exit 3' })
    expect(result).toMatchObject({ text: 'out\n', code: 3 })
    expect(result.stderr).toContain('err\n')
    expect(result.stderr).toContain('be careful')
  })

  test('input and its end', async () => {
    expect(await ssh({ command: 'cat; echo end', input: 'grüße\n' })).toMatchObject({
      text: 'grüße\nend\n',
      code: 0,
    })
  })

  test('a program that does not exist', async () => {
    expect(await ssh({ command: 'exec no-such-program' })).toMatchObject({ code: 127 })
  })

  test('a program ended by a signal: ssh has no status for it', async () => {
    expect(await ssh({ command: 'kill -TERM $$' })).toMatchObject({ code: 255 })
    expect(await ssh({ command: 'end by a signal' })).toMatchObject({ code: 255 })
  })

  test('a command that is refused', async () => {
    const result = await ssh({ command: 'refuse' })
    expect(result.code).toBe(255)
    expect(result.stderr).toContain('exec request failed')
  })

  test('an answer that comes later', async () => {
    expect(await ssh({ command: 'answer later' })).toMatchObject({ text: 'later\n', code: 0 })
  })

  test('all that was written before exit arrives, though nobody waited for it', async () => {
    const result = await ssh({ command: 'much at once' })
    expect(result.code).toBe(9)
    expect(result.stdout.length).toBe(10 * mebibyte)
  })

  test('the environment', async () => {
    const result = await ssh({ command: 'environment', options: ['SetEnv=A=1 B=zwölf'] })
    expect(JSON.parse(result.text)).toEqual([
      ['A', '1'],
      ['B', 'zwölf'],
    ])
  })

  test('a shell with and without a terminal', async () => {
    expect(await ssh({ flags: ['-tt'], env: { TERM: 'vt220' } })).toMatchObject({ code: 7 })
    expect((await ssh({ flags: ['-tt'], env: { TERM: 'vt220' } })).text).toMatch(/^shell with vt220 \d+x\d+/)
    expect((await ssh({ flags: ['-T'] })).text).toBe('shell with no terminal\r\n')
  })

  test('a subsystem', async () => {
    expect(await ssh({ flags: ['-s'], command: 'echo', input: 'over and back' })).toMatchObject({
      text: 'over and back',
      code: 0,
    })
    expect((await ssh({ flags: ['-s'], command: 'nothing' })).stderr).toContain('subsystem request failed')
  })

  test('8 MiB up and 8 MiB down at once, unchanged', async () => {
    const result = await ssh({ command: 'tee /dev/null', input: bytes(8 * mebibyte) })
    expect(result.stdout.equals(Buffer.concat([...bytes(8 * mebibyte)]))).toBe(true)
    expect(result.code).toBe(0)
  })

  test('ssh renews keys every megabyte, 16 MiB each way', async () => {
    const result = await ssh({ command: 'cat', input: bytes(16 * mebibyte), rekeyLimit: '1M' })
    expect(result.code).toBe(0)
    expect(result.stdout.equals(Buffer.concat([...bytes(16 * mebibyte)]))).toBe(true)
    const up = await ssh({ command: 'sha256sum', input: bytes(16 * mebibyte), rekeyLimit: '1M' })
    expect(up.text).toContain(checksumOf(16 * mebibyte))
  })

  test('-W reaches a target, and one that is forbidden or absent is refused', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const { port } = echo.address() as AddressInfo
    requests = []
    expect(await ssh({ flags: ['-W', `127.0.0.1:${port}`], input: bytes(mebibyte) })).toMatchObject({
      code: 0,
    })
    expect((await ssh({ flags: ['-W', `127.0.0.1:${port}`], input: 'abc' })).text).toBe('abc')
    expect((await ssh({ flags: ['-W', 'forbidden.example:80'] })).stderr).toContain(
      'administratively prohibited',
    )
    expect((await ssh({ flags: ['-W', `127.0.0.1:${await freePort()}`] })).stderr).toContain('connect failed')
    expect(requests.slice(0, 3)).toEqual([`127.0.0.1:${port}`, `127.0.0.1:${port}`, 'forbidden.example:80'])
    echo.close()
  })

  test('-L: several connections through one forward', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const local = await freePort()
    const running = startSsh({
      port: server.port,
      user: 'ada',
      identities: [userKey.path],
      flags: ['-L', `127.0.0.1:${local}:127.0.0.1:${(echo.address() as AddressInfo).port}`],
      options: ['ExitOnForwardFailure=yes'],
      command: 'echo up; cat',
      keepInputOpen: true,
    })
    await once(running.child.stdout, 'data')
    const answers = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => {
        const socket = dial(local, '127.0.0.1')
        socket.end(`message ${i}`)
        let answer = ''
        for await (const chunk of socket) answer += chunk
        return answer
      }),
    )
    expect(answers).toEqual(Array.from({ length: 5 }, (_, i) => `message ${i}`))
    running.child.stdin.end()
    expect(await running.done).toMatchObject({ code: 0 })
    echo.close()
  })

  test('a client that is cut off takes its program with it', async () => {
    const running = startSsh({
      port: server.port,
      user: 'ada',
      identities: [userKey.path],
      command: 'trap "" PIPE; echo $$; while :; do sleep 0.05; done',
      keepInputOpen: true,
    })
    const [line] = (await once(running.child.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    process.kill(pid, 0)
    running.child.kill('SIGKILL')
    await expect.poll(() => alive(pid), { timeout: 10_000 }).toBe(false)
  })

  test('a user that is unknown and a key that is not authorized are refused alike', async () => {
    for (const o of [{ user: 'eve' }, { identities: [sharedKeyFile('ecdsa-256', 'user').path] }]) {
      const result = await ssh({ ...o, command: 'true' })
      expect(result.code).toBe(255)
      expect(result.stderr).toContain('Permission denied (publickey)')
    }
  })

  test('connections do not stay behind', async () => {
    await expect.poll(() => server.connections.size, { timeout: 10_000 }).toBe(0)
  })
})

describePeers(['ssh'], 'ssh logs in to our server in every way', () => {
  async function login(
    auth: AuthHandlers,
    o: Partial<SshOptions>,
    more: Partial<ServerOptions> = {},
  ): Promise<{ code: number | null; stderr: string; prompts: readonly string[]; who: string[] }> {
    const who: string[] = []
    await using server = await start({
      auth,
      ...more,
      onReady: (connection) => void who.push(`${connection.user} by ${connection.method}`),
    })
    const result = await runSsh({ port: server.port, user: 'ada', command: 'true', ...o })
    return { code: result.code, stderr: result.stderr, prompts: result.prompts, who }
  }
  const password = { password: passwordsOf(new Map([['ada', 'correct horse']])) }

  test('password', async () => {
    expect(await login(password, { answers: ['correct horse'] })).toMatchObject({
      code: 0,
      who: ['ada by password'],
    })
  })

  test('a wrong password, then the right one', async () => {
    const { code, prompts } = await login(password, { answers: ['wrong', 'correct horse'] })
    expect(code).toBe(0)
    expect(prompts).toHaveLength(2)
  })

  test('only wrong passwords, for a user that exists and one that does not', async () => {
    for (const user of ['ada', 'eve'])
      expect(await login(password, { user, answers: ['wrong'] })).toMatchObject({ code: 255, who: [] })
  })

  test('keyboard-interactive in two rounds', async () => {
    const asked = await login(
      {
        async keyboardInteractive(dialog) {
          const first = await dialog.prompt(
            [{ prompt: 'Name of your dog? ', echo: true }],
            'Questions',
            'Be honest.',
          )
          if (first[0] !== 'Rex') return false
          const second = await dialog.prompt([
            { prompt: 'Left? ', echo: false },
            { prompt: 'Right? ', echo: false },
          ])
          return second.join() === 'l,r'
        },
      },
      { answers: ['Rex', 'l', 'r'] },
    )
    expect(asked).toMatchObject({ code: 0, who: ['ada by keyboard-interactive'] })
    expect(asked.prompts.join()).toMatch(/dog.*Left.*Right/)
  })

  test('a key and then a password: partial success', async () => {
    const both: AuthHandlers = {
      publickey: async (attempt) =>
        (await keyOnly.publickey?.(attempt)) === true && (attempt.verified ? { next: ['password'] } : true),
      password: password.password,
    }
    expect(await login(both, { identities: [userKey.path], answers: ['correct horse'] })).toMatchObject({
      code: 0,
      who: ['ada by password'],
    })
  })

  test('none, where the server wants no proof', async () => {
    expect(await login({ none: ({ user }) => user === 'ada' }, {})).toMatchObject({
      code: 0,
      who: ['ada by none'],
    })
  })

  const types = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa-3072'] as const
  test.each(types)('an %s key, as the real ssh-keygen made it', async (type) => {
    const file = sharedKeyFile(type, 'user')
    expect(
      await login({ publickey: authorizedKeys(() => file.publicLine) }, { identities: [file.path] }),
    ).toMatchObject({ code: 0, who: ['ada by publickey'] })
  })

  test.each([
    ['ed25519', undefined],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
    ['rsa', 2048],
  ] as const)('an %s host key of %s bits', async (type, bits) => {
    const key = await generateKey(type, bits === undefined ? {} : { bits })
    await using server = await start({ hostKeys: [key] })
    const result = await runSsh({
      port: server.port,
      user: 'ada',
      identities: [userKey.path],
      knownHosts: [`[127.0.0.1]:${server.port} ${publicLine(key.publicKey)}`],
      flags: ['-v'],
      command: 'true',
    })
    expect(result.code).toBe(0)
    expect(result.stderr).toContain(fingerprint(key.publicKey))
  })

  test('another host key than ssh knows: our server hears why it left', async () => {
    const errors: Error[] = []
    await using server = await start({ onConnectionError: (error) => void errors.push(error) })
    const result = await runSsh({
      port: server.port,
      user: 'ada',
      identities: [userKey.path],
      knownHosts: [`[127.0.0.1]:${server.port} ${publicLine((await generateKey('ed25519')).publicKey)}`],
      command: 'true',
    })
    expect(result.code).toBe(255)
    await expect.poll(() => errors.length, { timeout: 5_000 }).toBe(1)
    expect(errors[0]).toMatchObject({ code: expect.stringMatching(/SSH_DISCONNECTED|SSH_CONNECTION_LOST/) })
  })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
