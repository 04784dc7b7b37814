/** Aliases of ssh_config against the real sshd: identities, certificates, jumps, proxy commands, variables, host keys. */

import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { Keyring } from '@hawser/agent'
import { listenAgent } from '@hawser/agent/node'
import type { SshfpResolver } from '@hawser/client'
import { connectAlias, connectOptionsFor, proxySocket } from '@hawser/client/node'
import { formatPublicKey, type PublicKey, parsePrivateKey, sshfpRecords } from '@hawser/keys'
import { freePort, makeKeyFile, runNow, type Sshd, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { keyOf } from './kit.ts'

describePeers(['sshd', 'ssh'], 'aliases of ssh_config', () => {
  const folder = temporaryFolder('alias')
  const authority = makeKeyFile('ed25519')
  const certified = makeKeyFile('ed25519')
  let sshd: Sshd
  let made = 0

  beforeAll(async () => {
    sshd = await startSshd({
      extra: ['AcceptEnv HAWSER_*', 'AllowTcpForwarding yes'],
      authorizedKeys: [`cert-authority ${authority.publicLine}`],
    })
    runNow('ssh-keygen', ['-q', '-s', authority.path, '-I', 'ada', '-n', sshd.user, `${certified.path}.pub`])
  })
  afterAll(() => sshd.stop())

  const known = (name = `[127.0.0.1]:${sshd.port}`): string => {
    const path = join(folder, `known-${made++}`)
    const key = sshd.hostKeys.get('ed25519')?.publicLine ?? ''
    writeFileSync(path, `${name} ${key}\n`)
    return path
  }
  const config = (lines: string): string => {
    const path = join(folder, `config-${made++}`)
    const identity = sshd.userKeys.get('ed25519')?.path ?? ''
    writeFileSync(
      path,
      `Host *\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentitiesOnly yes\n  GlobalKnownHostsFile none\n${lines.replaceAll('@ID', identity)}\n`,
    )
    return path
  }
  const says = async (
    file: string,
    alias = 'box',
    command = 'echo "$HAWSER_A $HAWSER_B"',
  ): Promise<string> => {
    await using client = await connectAlias(alias, { files: [file] })
    return (await (await client.exec(command)).text()).stdout
  }

  test('identity, known hosts and variables', async () => {
    const file = config(
      `  IdentityFile @ID\n  UserKnownHostsFile ${known()}\n  SetEnv HAWSER_A=one "HAWSER_B=t wo"`,
    )
    expect(await says(file)).toBe('one t wo\n')
  })

  test('a host key under an alias, and a proxy command', async () => {
    const gate = config(`  IdentityFile @ID\n  UserKnownHostsFile ${known()}`)
    const file = config(
      `  IdentityFile @ID\n  UserKnownHostsFile ${known('my-box')}\n  HostKeyAlias my-box\n  ProxyCommand ssh -F ${gate} -W %h:%p gate`,
    )
    expect(await says(file, 'box', 'echo through')).toBe('through\n')
  })

  test('jumps', async () => {
    const file = config(
      `  IdentityFile @ID\n  UserKnownHostsFile ${known()}\nHost box\n  ProxyJump ${sshd.user}@one:${sshd.port},two`,
    )
    expect(await says(file, 'box', 'echo far')).toBe('far\n')
    expect(sshd.log().match(/Accepted publickey/g)?.length).toBeGreaterThanOrEqual(3)
  })

  test('a certificate beside the identity', async () => {
    const kh = known()
    expect(
      await says(
        config(`  IdentityFile ${certified.path}\n  UserKnownHostsFile ${kh}`),
        'box',
        'echo certified',
      ),
    ).toBe('certified\n')
    expect(sshd.log()).toContain('ED25519-CERT')
  })

  test('strict refuses an unknown host; accept-new writes a line with which ssh goes on strictly', async () => {
    const fresh = join(folder, 'fresh')
    const lines = `  IdentityFile @ID\n  UserKnownHostsFile ${fresh}\n  HashKnownHosts yes\n`
    await expect(says(config(`${lines}  StrictHostKeyChecking yes`))).rejects.toMatchObject({
      reason: 'unknown',
    })
    expect(existsSync(fresh)).toBe(false)
    await says(config(`${lines}  StrictHostKeyChecking accept-new`))
    expect(readFileSync(fresh, 'utf8')).toMatch(/^\|1\|/)
    const strict = config(`${lines}  StrictHostKeyChecking yes`)
    expect(runNow('ssh', ['-F', strict, 'box', 'echo', 'strictly'])).toBe('strictly\n')
    expect(await says(strict, 'box', 'echo too')).toBe('too\n')
  })

  test('UpdateHostKeys: yes follows, ask asks, no does nothing', async () => {
    const keys = [...sshd.hostKeys.values()].map(({ publicLine }) => keyOf(publicLine))
    const counts: number[] = []
    for (const [word, answer] of [
      ['yes', false],
      ['no', true],
      ['ask', false],
      ['ask', true],
    ] as const) {
      const path = known()
      const file = config(`  UserKnownHostsFile ${path}\n  UpdateHostKeys ${word}`)
      const { hostKey } = await connectOptionsFor('box', { files: [file], askUpdateHostKeys: () => answer })
      if (typeof hostKey !== 'object' || !('knownHosts' in hostKey)) expect.unreachable()
      await hostKey.updateHostKeys?.({
        host: '127.0.0.1',
        port: sshd.port,
        accepted: keys[0] as PublicKey,
        proved: keys,
        announced: keys.map(({ blob }) => blob),
      })
      counts.push(readFileSync(path, 'utf8').trim().split('\n').length)
    }
    expect(counts).toEqual([keys.length, 1, 1, keys.length])
  })

  test('VerifyHostKeyDNS: authenticated records let in where known_hosts is empty, under ask they do not', async () => {
    const loginBy = async (word: string, authenticated: boolean): Promise<string> => {
      const lines = `  IdentityFile @ID\n  UserKnownHostsFile none\n  StrictHostKeyChecking yes\n  VerifyHostKeyDNS ${word}`
      const sshfp: SshfpResolver = () => ({
        records: [...sshd.hostKeys.values()].flatMap(({ publicLine }) => sshfpRecords(keyOf(publicLine))),
        authenticated,
      })
      await using client = await connectAlias('box', { files: [config(lines)], sshfp })
      return (await (await client.exec('echo in')).text()).stdout
    }
    expect(await loginBy('yes', true)).toBe('in\n')
    for (const [word, authenticated] of [
      ['yes', false],
      ['ask', true],
      ['no', true],
    ] as const)
      await expect(loginBy(word, authenticated)).rejects.toMatchObject({ reason: 'unknown' })
  })

  test('forwards, here, over there and by SOCKS', async () => {
    const [local, remote, socks] = [await freePort(), await freePort(), await freePort()]
    const path = join(folder, 'forward.sock')
    const lines = [
      '  IdentityFile @ID',
      `  UserKnownHostsFile ${known()}`,
      `  LocalForward ${local} 127.0.0.1:${sshd.port}`,
      `  LocalForward ${folder}/%n.sock 127.0.0.1:${sshd.port}`,
      `  RemoteForward ${remote} 127.0.0.1:${sshd.port}`,
      `  DynamicForward 127.0.0.1:${socks}`,
    ]
    const file = config(lines.join('\n'))
    await using client = await connectAlias('forward', { files: [file] })
    const hello = async (at: { port: number } | { path: string }): Promise<string> => {
      const socket = dial({ host: '127.0.0.1', ...at })
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return bytes.toString('latin1')
    }
    for (const at of [{ port: local }, { path }, { port: remote }])
      expect(await hello(at)).toMatch(/^SSH-2\.0-OpenSSH/)
    const through = await proxySocket(`socks5://127.0.0.1:${socks}`, { host: '127.0.0.1', port: sshd.port })
    through.resume()
    expect(String(((await once(through, 'data')) as [Buffer])[0])).toMatch(/^SSH-2\.0-OpenSSH/)
    through.destroy()
    const told: Error[] = []
    await using second = await connectAlias('other', {
      files: [file],
      onForwardError: (error) => told.push(error),
    })
    expect(told.map(({ message }) => message).sort()).toEqual([
      expect.stringContaining('EADDRINUSE'),
      expect.stringContaining('EADDRINUSE'),
      expect.stringMatching(/refused|listen/),
    ])
    await second.close()
    const needed = config([...lines, '  ExitOnForwardFailure yes'].join('\n'))
    await expect(connectAlias('another', { files: [needed] })).rejects.toThrow()
    await using quiet = await connectAlias('another', { files: [needed], forwards: false })
    expect((await (await quiet.exec('echo quiet')).text()).stdout).toBe('quiet\n')
    await client.close()
    await expect(hello({ port: local })).rejects.toThrow('ECONNREFUSED')
  })

  test('a remote forward without a target is refused before anything is sent', async () => {
    const file = config(`  IdentityFile @ID\n  UserKnownHostsFile ${known()}\n  RemoteForward 9999`)
    await expect(connectAlias('box', { files: [file] })).rejects.toThrow(
      'RemoteForward 9999: without a target',
    )
  })

  test('the agent goes along where ForwardAgent says so', async () => {
    const ring = new Keyring()
    const carried = parsePrivateKey(makeKeyFile('ed25519').privateText)
    ring.add(carried)
    const path = join(folder, 'agent.sock')
    const agent = await listenAgent(path, ring)
    const line = formatPublicKey(carried.publicKey).split(' ')[1] as string
    const lines = `  IdentityFile @ID\n  UserKnownHostsFile ${known()}`
    const list = 'ssh-add -L 2>&1; true'
    expect(await says(config(`${lines}\n  ForwardAgent ${path}`), 'box', list)).toContain(line)
    expect(await says(config(`${lines}\n  ForwardAgent no`), 'box', list)).not.toContain(line)
    const named = config(`${lines}\n  ForwardAgent $HAWSER_TEST_AGENT`)
    vi.stubEnv('HAWSER_TEST_AGENT', path)
    expect(await says(named, 'box', list)).toContain(line)
    vi.unstubAllEnvs()
    agent.close()
  })
})
