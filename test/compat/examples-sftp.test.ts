/** The documentation's examples about SFTP with npm's ssh2 and with ours: against sshd, against OpenSSH's sftp, against each other. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeKeyFile, type RunResult, removeFolder, run, startSshd, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Module, modules, runProgram, startServerProgram } from './programs.ts'

const both: readonly Module[] = [modules.theirs, modules.ours]
const folder = temporaryFolder('examples-sftp')
const hostKey = makeKeyFile('ed25519')
const askpass = join(folder, 'askpass')

beforeAll(() => {
  mkdirSync(join(folder, 'listed', 'mydir'), { recursive: true })
  writeFileSync(join(folder, 'listed', 'test.txt'), 'twelve bytes')
  writeFileSync(join(folder, 'foo.txt'), 'content')
  writeFileSync(askpass, '#!/bin/sh\necho bar\n', { mode: 0o755 })
})
afterAll(() => removeFolder(folder))

describePeers(['sshd'], 'a listing of sshd', () => {
  test('is printed the same with both modules', async () => {
    await using sshd = await startSshd()
    const config = JSON.stringify({
      host: sshd.host,
      port: sshd.port,
      username: sshd.user,
      keyFile: sshd.userKeys.get('ed25519')?.path,
    })
    const [theirs, ours] = await Promise.all(
      both.map((module) => runProgram(module, 'sftp-list', [config, join(folder, 'listed')])),
    )
    expect(ours?.stderr).toBe('')
    expect(ours?.code).toBe(0)
    expect(ours?.text).toBe(theirs?.text)
    expect(ours?.text).toMatch(/^Client :: ready\n\[[^]*filename: 'test\.txt'[^]*size: 12,/)
  })
})

/**
 * What scp does at the documentation's server, and what that prints. OpenSSH's sftp asks for the folder that it is in, which this server
 * does not tell with either module; scp by its SFTP does not ask.
 */
async function visit(module: Module, target: string): Promise<{ scp: RunResult; server: string }> {
  const server = await startServerProgram(module, 'sftp-server', [hostKey.path])
  try {
    const args = ['-s', '-P', String(server.port), '-F', 'none']
    for (const option of [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'PreferredAuthentications=password',
      'NumberOfPasswordPrompts=1',
    ])
      args.push('-o', option)
    const scp = await run('scp', [...args, join(folder, 'foo.txt'), `foo@127.0.0.1:${target}`], {
      timeoutMs: 30_000,
      env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
    })
    await server.saw('Client disconnected')
    return { scp, server: server.output() }
  } finally {
    await server.stop()
  }
}

describePeers(['scp'], "the documentation's SFTP-only server and OpenSSH's scp", () => {
  // With npm's module scp waits for the end of the channel for ever.
  test('a file that may be written: the server prints what the documentation says', async () => {
    const { scp, server } = await visit(modules.ours, '/tmp/foo.txt')
    expect(scp.code).toBe(0)
    // Whether scp sets attributes, which this server does not serve, depends on its version.
    expect(scp.stderr).toMatch(/^(?:scp: remote fsetstat: Operation unsupported\r?\n)?$/)
    expect(server).toBe(
      [
        'Client connected!',
        'Client authenticated!',
        'Client SFTP session',
        'Opening file for write',
        'Write to file at offset 0: <Buffer 63 6f 6e 74 65 6e 74>',
        'Closing file',
        'Client disconnected',
        '',
      ].join('\n'),
    )
  })

  test('a file that may not: scp says so', async () => {
    const { scp, server } = await visit(modules.ours, '/tmp/other')
    expect(scp.code).toBe(1)
    expect(scp.stderr).toContain('Failure')
    expect(server).not.toContain('Opening')
  })
})

test('client and server of both modules in every pair', async () => {
  const pairs = both.flatMap((client) => both.map((server) => [client, server] as const))
  const printed = await Promise.all(
    pairs.map(async ([client, module]) => {
      const server = await startServerProgram(module, 'sftp-server', [hostKey.path])
      try {
        const login = { host: '127.0.0.1', port: server.port, username: 'foo', password: 'bar' }
        const { text, stderr, code } = await runProgram(client, 'sftp-put', [JSON.stringify(login)])
        await server.saw('Client disconnected')
        return { text, stderr, code, server: server.output() }
      } finally {
        await server.stop()
      }
    }),
  )
  expect(printed).toEqual(pairs.map(() => printed[0]))
  expect(printed[0]).toMatchObject({ text: 'written\nFailure 4\n', stderr: '', code: 0 })
})
