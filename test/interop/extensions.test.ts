/** OpenSSH's extensions by their names: what the real ssh logs about our server, and the real sshd about our client. */

import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { agentAt } from '@hawser/agent/node'
import { connect } from '@hawser/client'
import { generateKey, type PrivateKey } from '@hawser/keys'
import { authorizedKeys, type PublicKeyAttempt, type ServerConnection } from '@hawser/server'
import { type Listener, listen, spawnProcess } from '@hawser/server/node'
import {
  findProgram,
  run,
  runSsh,
  type Sshd,
  type SshOptions,
  sharedKeyFile,
  startSsh,
  startSshd,
} from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveAgent, startAgent } from './agent-kit.ts'
import { clientOf, publicLine, userKey } from './kit.ts'

const hostKey: PrivateKey = await generateKey('ed25519')
const identity = sharedKeyFile('ed25519', 'user')
const keys = authorizedKeys((user) => (user === 'ada' ? identity.publicLine : undefined))

describePeers(['ssh'], 'ssh -vvv against our server', () => {
  let server: Listener
  const attempts: PublicKeyAttempt[] = []
  const connections: ServerConnection[] = []
  const modes: unknown[] = []
  const ends: unknown[] = []
  beforeAll(async () => {
    server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: {
        publickey: (attempt) => {
          attempts.push(attempt)
          return keys(attempt)
        },
      },
      // ssh tells only its own kind of eow and no-more-sessions.
      ident: 'OpenSSH_9.9 Hawser',
      onSession: (session, connection) => {
        connections.push(connection)
        session.onExec((request) => {
          modes.push(request.pty?.modes)
          const child = spawnProcess(request.accept(), { shellCommand: request.command })
          child.once('exit', (code, signal) => ends.push(signal ?? code))
        })
      },
    })
  })
  afterAll(() => server?.close())

  const options = (): SshOptions => ({
    port: server.port,
    user: 'ada',
    identities: [identity.path],
    knownHosts: [`[127.0.0.1]:${server.port} ${publicLine(hostKey.publicKey)}`],
    flags: ['-vvv'],
    command: 'exit 3',
  })
  const ssh = (o: Partial<SshOptions> = {}) => runSsh({ ...options(), ...o })

  test('publickey-hostbound-v00@openssh.com, announced by EXT_INFO, and used', async () => {
    const { code, stderr } = await ssh()
    expect(code).toBe(3)
    expect(stderr).toContain('publickey-hostbound@openssh.com=<0>')
    expect(stderr).toContain('publickey-hostbound-v00@openssh.com')
    expect(stderr).toContain('kex_input_ext_info: server-sig-algs=<')
    expect(stderr).toContain('ping@openssh.com')
    expect(attempts.at(-1)).toMatchObject({ verified: true, hostbound: true })
  })

  test('no-more-sessions@openssh.com', async () => {
    const { code, stderr } = await ssh()
    expect(code).toBe(3)
    expect(stderr).toContain('no-more-sessions@openssh.com')
    expect(connections.at(-1)?.noMoreSessions).toBe(true)
  })

  test('eow@openssh.com, from ssh whose reader has gone: the output of the program is closed', async () => {
    ends.length = 0
    const running = startSsh({ ...options(), command: 'yes' })
    await once(running.child.stdout as Readable, 'data')
    running.child.stdout?.destroy()
    const { stderr } = await running.done
    expect(stderr).toContain('send eow')
    // By SIGPIPE, or by its own decision where that is ignored.
    expect(['SIGPIPE', 1]).toContain(ends[0])
  })

  test('eow@openssh.com, to ssh: the program reads no more', async () => {
    const command = 'exec <&-; exec tail --pid=$PPID -f /dev/null'
    const running = startSsh({ ...options(), command, input: 'x'.repeat(1_048_576) })
    await expect.poll(() => running.stderr(), { timeout: 20_000 }).toContain('rcvd eow')
    await running.stop()
  })

  test.each([true, false])('IUTF8 of the terminal, %s', async (isOn) => {
    const program = findProgram('ssh') as string
    const args = ['-F', 'none', '-tt', '-p', String(server.port), '-i', identity.path]
    const settings = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentityAgent=none']
    const command = [program, ...args, ...settings.map((each) => `-o${each}`), 'ada@127.0.0.1', 'true'].join(
      ' ',
    )
    await run('script', ['-qec', `stty ${isOn ? '' : '-'}iutf8; ${command}`, '/dev/null'])
    expect(modes.at(-1)).toMatchObject({ IUTF8: isOn ? 1 : 0 })
  })

  test('a client that does not want it logs in unbound', async () => {
    const { code } = await ssh({ options: ['PubkeyAuthentication=unbound'] })
    expect(code).toBe(3)
    expect(attempts.at(-1)).toMatchObject({ verified: true, hostbound: false })
  })
})

describePeers(['sshd'], 'sshd -ddd about our client', () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd({
      hostKeys: ['ed25519'],
      authorizedKeys: [publicLine(userKey.publicKey)],
      logLevel: 'DEBUG3',
    })
  })
  afterAll(() => sshd?.stop())

  test('publickey-hostbound-v00@openssh.com', async () => {
    const client = await clientOf(sshd)
    await client.close()
    expect(sshd.log()).toContain('method publickey-hostbound-v00@openssh.com')
    expect(sshd.log()).toContain('Accepted publickey for')
  })

  test.skipIf(!haveAgent)('a key of an agent that is refused by one algorithm goes by its next', async () => {
    const key = sharedKeyFile('rsa-3072')
    const agent = await startAgent([key])
    const picky = await startSshd({
      hostKeys: ['ed25519'],
      userKeys: ['rsa-3072'],
      publicKeyAlgorithms: ['rsa-sha2-256'],
      logLevel: 'DEBUG3',
    })
    const auth = [{ method: 'agent', agent: agentAt(agent.path) }] as const
    const client = await clientOf(picky, { auth })
    await client.close()
    await expect.poll(() => picky.log()).toMatch(/Accepted publickey/)
    expect(picky.log()).toContain('signature algorithm rsa-sha2-512 not in PubkeyAcceptedAlgorithms')
    await picky.stop()
    await agent.stop()
  })

  test('no-more-sessions@openssh.com', async () => {
    const client = await clientOf(sshd)
    client.noMoreSessions()
    await client.ping()
    await client.close()
    expect(sshd.log()).toContain('no-more-sessions@openssh.com')
  })

  test('eow@openssh.com: a program whose output nobody reads gets SIGPIPE', async () => {
    const client = await clientOf(sshd, { ident: 'OpenSSH_9.9 Hawser' })
    const process = await client.exec('yes')
    const reader = process.stdout.getReader()
    await reader.read()
    await reader.cancel()
    expect(await process.exit).toMatchObject({ signal: 'PIPE' })
    await expect.poll(() => sshd.log()).toContain('rcvd eow')
    await client.close()
  })

  test('eow@openssh.com: what a program does not read is not sent', async () => {
    const client = await clientOf(sshd, { ident: 'OpenSSH_9.9 Hawser' })
    const process = await client.exec('exec <&-; echo closed; exec tail --pid=$PPID -f /dev/null')
    const reader = process.stdout.getReader()
    await reader.read()
    const told = new Promise<void>((resolve) => {
      process.channel.onUnread = resolve
    })
    const writer = process.stdin.getWriter()
    await writer.write(Buffer.from('nobody wants this\n'))
    await told
    // More than the window holds: it would wait for ever.
    await writer.write(new Uint8Array(8 * 1024 * 1024))
    await expect.poll(() => sshd.log()).toContain('send eow')
    await client.close()
  })

  test('IUTF8, and the signals', async () => {
    const client = await clientOf(sshd)
    for (const isOn of [1, 0]) {
      const pty = { modes: { IUTF8: isOn } }
      const { stdout } = await (await client.exec('stty -a', { pty })).text()
      expect(stdout).toMatch(isOn === 1 ? / iutf8/ : / -iutf8/)
    }
    const process = await client.exec('exec tail --pid=$PPID -f /dev/null')
    // Whether sshd delivers it depends on whom it runs as, and on its system; it says which name it has heard.
    expect(process.signal('INFO')).toBe(true)
    await expect.poll(() => sshd.log()).toMatch(/signal.*INFO@openssh\.com/)
    await client.close()
  })
})

describe('our client and our server', () => {
  test('ext-info-in-auth@openssh.com: the algorithms of a user are told once the user is known', async () => {
    const key = await generateKey('rsa')
    await using server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { publickey: authorizedKeys(() => [key.publicKey]) },
      signatureAlgorithmsOf: (user) => (user === 'ada' ? ['rsa-sha2-256'] : undefined),
    })
    const trace: string[] = []
    for (const user of ['ada', 'bob']) {
      const client = await connect({
        host: '127.0.0.1',
        port: server.port,
        user,
        hostKey: { keys: [hostKey.publicKey] },
        auth: [{ method: 'none' }, { method: 'publickey', signer: key }],
        trace: (event) => {
          if (event.type === 'message' && event.name === 'extInfo') trace.push(`${user} ${event.direction}`)
          if (event.type === 'attempt') trace.push(`${user} ${event.method} ${event.detail}`)
        },
      })
      await client.close()
    }
    const method = 'publickey-hostbound-v00@openssh.com'
    expect(trace.filter((line) => line.startsWith('ada'))).toEqual([
      'ada out',
      'ada in',
      'ada none requested',
      'ada in',
      `ada ${method} rsa-sha2-256`,
    ])
    expect(trace.filter((line) => line === 'bob in')).toHaveLength(1)
    expect(trace).toContain(`bob ${method} rsa-sha2-512`)
  })

  test('ping@openssh.com both ways, and the signals of RFC 4254', async () => {
    const seen: string[] = []
    let connection: ServerConnection | undefined
    await using server = await listen({
      port: 0,
      hostKeys: [hostKey],
      auth: { publickey: authorizedKeys(() => [userKey.publicKey]) },
      onSession: (session, from) => {
        connection = from
        session.onExec((request) => {
          const process = request.accept()
          process.onSignal = (name) => {
            seen.push(name)
            if (name === 'USR2') void process.exit(0)
          }
        })
      },
    })
    const trace: string[] = []
    const client = await connect({
      host: '127.0.0.1',
      port: server.port,
      user: 'ada',
      hostKey: { keys: [hostKey.publicKey] },
      auth: [{ method: 'publickey', signer: userKey }],
      trace: (event) => void (event.type === 'message' && trace.push(`${event.direction} ${event.name}`)),
    })
    expect(await client.ping()).toBeGreaterThan(0)
    expect(trace.slice(-2)).toEqual(['out ping', 'in pong'])
    const process = await client.exec('x')
    const names = 'ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 INFO USR2'.split(' ')
    for (const name of names) process.signal(`SIG${name}`)
    await process.exit
    expect(seen).toEqual(names.map((name) => (name === 'INFO' ? 'INFO@openssh.com' : name)))
    expect(await connection?.session.ping()).toBeGreaterThan(0)
    expect(trace).toContain('in ping')
    expect(trace.at(-1)).toBe('out pong')
    await client.close()
  })
})
