/** What people do with ssh besides commands, against the server of ssh2's shape: ssh-copy-id, ~., keepalives, X clients. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  type AuthContext,
  type Connection,
  type PublicKeyAuthContext,
  Server,
  type ServerChannel,
  type ServerConfig,
  utils,
  type X11Info,
} from '@hawser/ssh2-compat'
import {
  freePort,
  makeKeyFile,
  removeFolder,
  run,
  runNow,
  runSsh,
  type SshOptions,
  sharedKeyFile,
  start,
  startSsh,
  temporaryFolder,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startXServer, type XServer } from '../compat/x-server.ts'

const hostKey = sharedKeyFile('ed25519', 'host')
const userKey = sharedKeyFile('ed25519', 'user')

/** A server as a program would write one: users have a home folder, its authorized_keys and a shell for their commands. */
interface Machine {
  readonly port: number
  readonly home: string
  /** What happened, in order. */
  readonly events: readonly string[]
  stop(): void
}

const machines: Machine[] = []
afterEach(() => {
  for (const machine of machines.splice(0)) machine.stop()
})

async function machine(config: Partial<ServerConfig> = {}, keys: readonly string[] = []): Promise<Machine> {
  const home = temporaryFolder('home')
  const events: string[] = []
  const programs = new Set<ChildProcess>()
  const server = new Server({ hostKeys: [hostKey.privateText], ...config }, (connection) => {
    connection
      .on('authentication', (ctx) => decide(ctx, home, keys))
      .on('error', (error: Error) => events.push(`error: ${error.message}`))
      .on('close', () => events.push('connection closed'))
      .on('session', (accept) => {
        const session = accept()
        const env: Record<string, string> = { HOME: home, PATH: process.env['PATH'] ?? '' }
        let display: Promise<Record<string, string>> = Promise.resolve({})
        session
          .on('pty', (accept) => accept?.())
          .on('env', (accept) => accept?.())
          .on('x11', (accept, _reject, info) => {
            display = offerDisplay(connection, info, home)
            accept?.()
          })
          .on('shell', (accept) => {
            const stream = accept()
            watch(stream, events)
            stream.write('welcome\r\n')
          })
          .on('exec', async (accept, _reject, info) => {
            const stream = accept()
            const program = spawn('sh', ['-c', info.command], {
              cwd: home,
              env: { ...env, ...(await display) },
            })
            programs.add(program)
            stream.pipe(program.stdin)
            program.stdin.on('error', () => undefined)
            program.stdout.pipe(stream, { end: false })
            program.stderr.pipe(stream.stderr, { end: false })
            program.on('close', (code) => {
              programs.delete(program)
              stream.exit(code ?? 255)
              stream.end()
            })
            stream.on('close', () => program.kill())
          })
          .on('close', () => events.push('session closed'))
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const made: Machine = {
    port: (server.address() as AddressInfo).port,
    home,
    events,
    stop: () => {
      server.close()
      for (const program of programs) program.kill('SIGKILL')
      removeFolder(home)
    },
  }
  machines.push(made)
  return made
}

function watch(stream: ServerChannel, events: string[]): void {
  stream.on('data', (data: Buffer) => events.push(`typed ${JSON.stringify(data.toString())}`))
  stream.on('end', () => events.push('input ended'))
  stream.on('close', () => events.push('channel closed'))
  stream.on('error', (error: Error) => events.push(`channel error: ${error.message}`))
}

/** The password, or a key of `keys` or of the user's own authorized_keys. */
function decide(ctx: AuthContext, home: string, keys: readonly string[]): void {
  const file = join(home, '.ssh', 'authorized_keys')
  if (ctx.method === 'password' && ctx.password === 'correct horse') return ctx.accept()
  if (ctx.method === 'publickey') {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
    if ([...lines, ...keys].some((line) => line !== '' && proves(ctx, line))) return ctx.accept()
  }
  ctx.reject(['password', 'publickey'])
}

function proves(ctx: PublicKeyAuthContext, line: string): boolean {
  const key = utils.parseKey(line)
  if (key instanceof Error || !key.getPublicSSH().equals(ctx.key.data)) return false
  if (ctx.signature === undefined || ctx.blob === undefined) return true
  return key.verify(ctx.blob, ctx.signature, ctx.hashAlgo) === true
}

/** A display on this side whose connections go to the client, and the cookie for its clients. */
async function offerDisplay(
  connection: Connection,
  info: X11Info,
  home: string,
): Promise<Record<string, string>> {
  const display = createServer((socket: Socket) => {
    connection.x11(socket.remoteAddress ?? '', socket.remotePort ?? 0, (error, channel) => {
      if (error) {
        socket.destroy()
        return
      }
      socket.pipe(channel).pipe(socket)
      socket.on('error', () => channel.destroy())
    })
  }).listen(await freePort(), '127.0.0.1')
  await once(display, 'listening')
  connection.on('close', () => display.close())
  const name = `127.0.0.1:${(display.address() as AddressInfo).port - 6000}`
  const authority = join(home, 'Xauthority')
  runNow('xauth', ['-q', '-f', authority, 'add', name, info.protocol, String(info.cookie)])
  return { DISPLAY: `${name}.${info.screen}`, XAUTHORITY: authority }
}

const login = (at: Machine, more: Partial<SshOptions> = {}): SshOptions => ({
  port: at.port,
  user: 'ada',
  identities: [userKey.path],
  ...more,
})

describePeers(['ssh', 'ssh-keygen'], 'ssh-copy-id', () => {
  test.each(['ed25519', 'rsa-3072'] as const)(
    'an %s key is brought by password, and then logs in',
    async (type) => {
      const at = await machine()
      const key = makeKeyFile(type)
      const config = temporaryFolder('copy-id')
      mkdirSync(join(config, '.ssh'))
      const nobody = await runSsh(login(at, { identities: [key.path], command: 'true' }))
      expect(nobody.stderr).toContain('Permission denied (password,publickey)')

      const askpass = join(config, 'askpass')
      runNow('sh', ['-c', `printf '#!/bin/sh\\necho correct horse\\n' > ${askpass}; chmod 700 ${askpass}`])
      const copy = (): ReturnType<typeof run> =>
        run(
          'ssh-copy-id',
          [
            ...['-i', `${key.path}.pub`, '-p', String(at.port), '-F', '/dev/null'],
            ...['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${config}/known_hosts`],
            ...['-o', 'IdentityAgent=none', 'ada@127.0.0.1'],
          ],
          { env: { HOME: config, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' } },
        )
      const copied = await copy()
      expect(copied, copied.stderr).toMatchObject({ code: 0 })
      expect(copied.text).toContain('Number of key(s) added: 1')
      const file = join(at.home, '.ssh', 'authorized_keys')
      expect(readFileSync(file, 'utf8')).toBe(`${key.publicLine}\n`)
      expect(statSync(file).mode & 0o777).toBe(0o600)

      const entered = await runSsh(
        login(at, { identities: [key.path], command: 'echo in as $(basename $HOME)' }),
      )
      expect(entered).toMatchObject({ code: 0, text: `in as ${at.home.split('/').at(-1)}\n` })
      // A second time it sees by logging in that the key is there.
      expect((await copy()).stderr).toContain('All keys were skipped because they already exist')
      removeFolder(config)
    },
  )
})

describePeers(['ssh', 'python3'], '~.', () => {
  /** Runs ssh in a terminal of its own, which Python makes. */
  function inTerminal(args: readonly string[], onOutput: (text: string) => void): ReturnType<typeof start> {
    const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
    let all = ''
    return start('python3', ['-c', program, 'ssh', ...args], {
      keepInputOpen: true,
      input: '',
      onStdout: (chunk) => {
        all += Buffer.from(chunk).toString()
        onOutput(all)
      },
    })
  }
  const settings = (at: Machine): string[] => [
    ...['-F', '/dev/null', '-p', String(at.port), '-i', userKey.path, '-o', 'IdentitiesOnly=yes'],
    ...['-o', 'IdentityAgent=none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
  ]

  async function cut(at: Machine, args: readonly string[]): Promise<{ code: number | null; text: string }> {
    let text = ''
    const running = inTerminal(args, (all) => {
      text = all
    })
    await expect.poll(() => text, { timeout: 10_000 }).toContain('welcome')
    running.child.stdin.write('hello\r')
    await expect.poll(() => at.events.join(), { timeout: 10_000 }).toContain('typed')
    running.child.stdin.write('~.')
    const { code } = await running.done
    await expect.poll(() => at.events, { timeout: 10_000 }).toContain('session closed')
    return { code, text }
  }

  test('the connection is cut: the server sees the end of everything, and serves on', async () => {
    const at = await machine({}, [userKey.publicLine])
    const { code, text } = await cut(at, [...settings(at), '-tt', 'ada@127.0.0.1'])
    expect(code).toBe(255)
    expect(text).toContain('Connection to 127.0.0.1 closed.')
    await expect.poll(() => at.events, { timeout: 10_000 }).toContain('connection closed')
    expect(at.events.filter((event) => !event.startsWith('error: '))).toEqual([
      'typed "hello\\r"',
      'input ended',
      'channel closed',
      'session closed',
      'connection closed',
    ])
    expect(await runSsh(login(at, { command: 'echo next' }))).toMatchObject({ code: 0, text: 'next\n' })
  })

  test('in a session of a shared connection only its channel is cut', async () => {
    const at = await machine({}, [userKey.publicLine])
    const control = join(temporaryFolder('control'), 'socket')
    const master = startSsh(
      login(at, {
        flags: ['-M', '-S', control],
        command: 'echo master; cat',
        keepInputOpen: true,
        input: '',
      }),
    )
    await once(master.child.stdout, 'data')
    const { text } = await cut(at, [...settings(at), '-S', control, '-tt', 'ada@127.0.0.1'])
    expect(text).toContain('welcome')
    expect(at.events).toContain('channel closed')
    expect(at.events).not.toContain('connection closed')
    master.child.stdin.end('still here')
    expect(await master.done).toMatchObject({ code: 0, text: expect.stringContaining('still here') })
  })
})

describePeers(['ssh'], 'keepalives', () => {
  test('ServerAliveInterval=1, ServerAliveCountMax=2: our server answers each', async () => {
    const at = await machine({}, [userKey.publicLine])
    const running = startSsh(
      login(at, {
        options: ['ServerAliveInterval=1', 'ServerAliveCountMax=2'],
        flags: ['-vvv'],
        command: 'echo started; cat',
        input: '',
        keepInputOpen: true,
      }),
    )
    // Messages 80 are ssh's questions, 81 and 82 answers; without answers it would be gone by the third question.
    const count = (type: RegExp): number => [...running.stderr().matchAll(type)].length
    await expect.poll(() => count(/send packet: type 80/g), { timeout: 20_000 }).toBeGreaterThan(3)
    await expect.poll(() => count(/receive packet: type 8[12]/g), { timeout: 5_000 }).toBeGreaterThan(3)
    running.child.stdin.end('alive')
    expect(await running.done).toMatchObject({ code: 0, text: 'started\nalive' })
    expect(running.stderr()).not.toContain('not responding')
  })

  test('an ssh that is stopped is cut by our keepalives, and one that lives is not', async () => {
    const at = await machine({ keepaliveInterval: 200, keepaliveCountMax: 3 }, [userKey.publicLine])
    const living = startSsh(login(at, { command: 'echo up; cat', input: '', keepInputOpen: true }))
    await once(living.child.stdout, 'data')
    const stopped = startSsh(login(at, { command: 'echo up; cat', input: '', keepInputOpen: true }))
    await once(stopped.child.stdout, 'data')
    stopped.child.kill('SIGSTOP')
    await expect.poll(() => at.events, { timeout: 20_000 }).toContain('connection closed')
    expect(at.events).toEqual([
      expect.stringMatching(/^error: .*keepalive/i),
      'session closed',
      'connection closed',
    ])
    stopped.child.kill('SIGCONT')
    expect(await stopped.done).toMatchObject({ code: 255 })
    living.child.stdin.end()
    expect(await living.done).toMatchObject({ code: 0 })
  })
})

describePeers(['ssh', 'xvfb', 'xauth', 'xdpyinfo'], 'X clients of our server on the display of ssh', () => {
  let x: XServer
  beforeAll(async () => {
    x = await startXServer()
  })
  afterAll(() => x?.stop())

  test.each(['-X', '-Y'])('%s: a real X client talks with a real X server', async (flag) => {
    const at = await machine({}, [userKey.publicLine])
    const before = x.connections()
    const env = { DISPLAY: x.display, XAUTHORITY: x.authority }
    const result = await runSsh(login(at, { flags: [flag], env, command: 'xdpyinfo && echo at $DISPLAY' }))
    expect(result, result.stderr).toMatchObject({ code: 0 })
    expect(result.text).toContain('vendor string:    The X.Org Foundation')
    expect(result.text).toMatch(/dimensions: {4}640x480 pixels/)
    expect(result.text).not.toContain(`at ${x.display}`)
    expect(x.connections()).toBeGreaterThan(before)
  })

  test('a wrong cookie is refused by ssh, and no display where none was asked for', async () => {
    const at = await machine({}, [userKey.publicLine])
    const env = { DISPLAY: x.display, XAUTHORITY: x.authority }
    const forged = 'xauth -q -f wrong add $DISPLAY MIT-MAGIC-COOKIE-1 00112233445566778899aabbccddeeff'
    const command = `${forged}; XAUTHORITY=wrong xdpyinfo`
    const result = await runSsh(login(at, { flags: ['-Y'], env, command }))
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('X11 connection rejected because of wrong authentication')
    const without = await runSsh(login(at, { flags: ['-x'], env, command: 'echo "<$DISPLAY>"' }))
    expect(without.text).toBe('<>\n')
  })
})
