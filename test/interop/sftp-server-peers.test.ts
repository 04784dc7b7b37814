/** Our SFTP server against everybody else's clients: PuTTY, curl, lftp, paramiko, asyncssh, sshfs; and what runs over our exec. */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { directory } from '@hawser/sftp/node'
import type { SftpHandlers } from '@hawser/sftp/server'
import { findPeer, type PeerName, run, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  backEnds,
  digest,
  makeFile,
  password,
  type SftpServer,
  sshOptions,
  startSftpServer,
  userKey,
} from './sftp-server-kit.ts'

/** A server over a new folder for the tests of one client. */
function served(): { readonly server: SftpServer; readonly cwd: string; readonly folder: string } {
  const held: { server?: SftpServer; cwd: string; folder: string } = { cwd: '', folder: '' }
  beforeAll(async () => {
    held.folder = temporaryFolder('served')
    held.cwd = temporaryFolder('local')
    held.server = await startSftpServer(directory(held.folder) as SftpHandlers)
  })
  afterAll(async () => {
    await held.server?.close()
    expect(failures(held.server)).toEqual([])
  })
  return held as Required<typeof held>
}

/** What went wrong, less clients that closed their connection with the channel still open. */
function failures(server: SftpServer | undefined): readonly string[] {
  return (server?.errors ?? []).filter((one) => !one.startsWith('channel: ') || !one.includes('connection'))
}

function program(name: PeerName): string {
  return findPeer(name)?.path ?? name
}

describePeers(['psftp', 'pscp'], "PuTTY's clients", () => {
  const at = served()
  const login = (): string[] => ['-P', String(at.server.port), '-l', 'ada', '-pw', password, '-batch']
  /** PuTTY knows hosts by its own cache only, or by a fingerprint on its command line. */
  const hostKey = async (): Promise<string[]> => {
    const { stderr } = await run(program('psftp'), [...login(), '127.0.0.1'], {
      cwd: at.cwd,
      input: 'quit\n',
    })
    const found = /SHA256:[\w+/]{43}/.exec(stderr)?.[0]
    return found === undefined ? [] : ['-hostkey', found]
  }

  test('psftp: put, get, ls, mkdir, mv, rm, chmod', async () => {
    makeFile(join(at.cwd, 'up'), 1_000_001)
    const lines = [
      'mkdir d',
      'cd d',
      'put up',
      'chmod 640 up',
      'mv up moved',
      'ls',
      'get moved back',
      'del moved',
      'cd ..',
      'rmdir d',
      'quit',
    ]
    writeFileSync(join(at.cwd, 'lines'), `${lines.join('\n')}\n`)
    const result = await run(
      program('psftp'),
      [...login(), ...(await hostKey()), '-b', 'lines', '127.0.0.1'],
      { cwd: at.cwd },
    )
    expect(result).toMatchObject({ code: 0 })
    expect(result.text).toMatch(/^-rw-r----- .* moved/m)
    expect(digest(join(at.cwd, 'back'))).toBe(digest(join(at.cwd, 'up')))
    expect(readdirSync(at.folder)).toEqual([])
  })

  test('pscp: a tree up and down', async () => {
    mkdirSync(join(at.cwd, 'tree', 'deep'), { recursive: true })
    makeFile(join(at.cwd, 'tree', 'deep', 'file'), 300_000)
    const key = await hostKey()
    for (const args of [
      ['-r', 'tree', '127.0.0.1:/'],
      ['-r', '127.0.0.1:/tree', 'copy'],
    ])
      expect(
        await run(program('pscp'), [...login(), ...key, '-q', '-sftp', ...args], { cwd: at.cwd }),
      ).toMatchObject({ code: 0 })
    expect(digest(join(at.cwd, 'copy', 'deep', 'file'))).toBe(digest(join(at.cwd, 'tree', 'deep', 'file')))
  })
})

describePeers(['curl'], 'curl', () => {
  const at = served()

  test('sftp:// up, down, a part, a listing, with commands', async ({ skip }) => {
    const { text } = await run(program('curl'), ['-V'])
    if (!/^Protocols:.*\bsftp\b/m.test(text)) skip('this curl has no sftp')
    const url = `sftp://127.0.0.1:${at.server.port}`
    const curl = (...args: string[]) =>
      run(program('curl'), ['-sSk', '-u', `ada:${password}`, ...args], { cwd: at.cwd })
    makeFile(join(at.cwd, 'up'), 2_000_001)
    expect(await curl('-T', 'up', '--ftp-create-dirs', `${url}/a/b/up`)).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(digest(join(at.folder, 'a', 'b', 'up'))).toBe(digest(join(at.cwd, 'up')))
    expect(await curl('-o', 'back', `${url}/a/b/up`)).toMatchObject({ code: 0 })
    expect(digest(join(at.cwd, 'back'))).toBe(digest(join(at.cwd, 'up')))
    const part = await curl('-r', '1000-1999', `${url}/a/b/up`)
    expect(part.stdout.equals(readFileSync(join(at.cwd, 'up')).subarray(1000, 2000))).toBe(true)
    expect((await curl(`${url}/a/b/`)).text).toMatch(/^-rw.* 2000001 .* up$/m)
    expect(await curl('-Q', 'rename /a/b/up /a/moved', '-o', 'x', `${url}/`)).toMatchObject({ code: 0 })
    expect(existsSync(join(at.folder, 'a', 'moved'))).toBe(true)
    expect((await curl(`${url}/nothing`)).code).toBe(78)
  })
})

describePeers(['lftp'], 'lftp', () => {
  const at = served()

  test('mirror up and down, ls, rm -r', async () => {
    const tree = join(at.cwd, 'tree')
    mkdirSync(join(tree, 'deep'), { recursive: true })
    for (let i = 0; i < 20; i++) makeFile(join(tree, 'deep', `file-${i}`), 10_000 * i, i)
    utimesSync(join(tree, 'deep', 'file-1'), 1_000_000_000, 1_100_000_000)
    const lines = [
      'set sftp:auto-confirm yes',
      'set net:max-retries 1',
      `set sftp:connect-program "ssh -a -x ${sshOptions().join(' ')}"`,
      `open -u ada,${password} -p ${at.server.port} sftp://127.0.0.1`,
      'mirror -R -P 4 tree there',
      'ls there/deep',
      'mirror -P 4 there back',
      'rm -r there',
    ]
    const result = await run(program('lftp'), ['-c', lines.join('; ')], {
      cwd: at.cwd,
      env: { HOME: at.cwd },
    })
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.text).toMatch(/file-19/)
    for (let i = 0; i < 20; i++)
      expect(digest(join(at.cwd, 'back', 'deep', `file-${i}`))).toBe(digest(join(tree, 'deep', `file-${i}`)))
    expect(statSync(join(at.cwd, 'back', 'deep', 'file-1')).mtimeMs).toBe(1_100_000_000_000)
    expect(readdirSync(at.folder)).toEqual([])
  })
})

describe.each(['paramiko', 'asyncssh'] as const)('%s', (name) => {
  describePeers([name], 'as a client', () => {
    test.each(backEnds)('every verb, on %s', async (_, make) => {
      const server = await startSftpServer(make())
      const script = join(import.meta.dirname, 'peers', `${name}_sftp.py`)
      const result = await run(findPeer(name)?.path ?? 'python3', [
        script,
        JSON.stringify({ port: server.port, user: 'ada', key: userKey.path }),
      ])
      expect(result).toMatchObject({ code: 0, stderr: '' })
      expect(result.text).toBe('all as it should be\n')
      expect(failures(server)).toEqual([])
      await server.close()
    })
  })
})

describePeers(['sshfs', 'git'], 'sshfs', () => {
  test.for(backEnds)(
    'a mount with files, links, git and a copy of a tree on %s',
    async ([, make], { skip }) => {
      if (!existsSync('/dev/fuse')) skip('there is no /dev/fuse here')
      const server = await startSftpServer(make())
      const mount = temporaryFolder('mount')
      // sshfs leaves its ssh behind, which would hold the pipe of its errors open.
      const mounted = await run('sh', [
        '-c',
        'exec "$@" 2> "$0"',
        join(temporaryFolder('sshfs'), 'errors'),
        program('sshfs'),
        'ada@127.0.0.1:/',
        mount,
        '-o',
        `ssh_command=ssh ${sshOptions(server.port).join(' ')}`,
      ])
      expect(mounted).toMatchObject({ code: 0 })
      try {
        // Not by this process's own calls: they would wait for a server that waits for this process.
        const script = [
          'set -eu; cd "$0"',
          'echo content > new; [ "$(cat new)" = content ]',
          'head -c 3000000 /dev/urandom > /tmp/$$; cp /tmp/$$ big; cmp /tmp/$$ big; rm /tmp/$$',
          'mv big renamed; ln -s renamed soft; [ "$(readlink soft)" = renamed ]; ln new hard',
          'chmod 640 new; touch -d 2001-02-03 new; [ "$(stat -c %a-%y new | cut -c1-14)" = 640-2001-02-03 ]',
          'truncate -s 1000 renamed; [ "$(stat -c %s renamed)" = 1000 ]',
          'printf abc | dd of=renamed bs=1 seek=500 conv=notrunc 2>/dev/null; [ "$(dd if=renamed bs=1 skip=500 count=3 2>/dev/null)" = abc ]',
          'echo more >> new; [ "$(wc -l < new)" = 2 ]',
          'mkdir d; rmdir d; rm soft hard renamed; df . > /dev/null',
          'git init -q repo; cd repo; echo x > file; git add file',
          'git -c user.name=a -c user.email=b commit -qm message; git log --oneline | grep -q message; git fsck --no-progress 2>/dev/null; cd ..',
          'cp -a repo copy; diff -r repo copy; rm -rf repo copy new; [ -z "$(ls -A)" ]',
        ]
        // Not as the program's own folder: to start it there, this process would wait for the server within itself.
        const result = await run('sh', ['-c', script.join('\n'), mount], {
          env: { GIT_CONFIG_GLOBAL: '/dev/null' },
        })
        expect(result).toMatchObject({ stderr: '', code: 0 })
      } finally {
        await run('fusermount3', ['-uz', mount])
        await server.close()
      }
      expect(failures(server)).toEqual([])
    },
  )
})

describePeers(['rsync', 'git'], 'programs over our exec', () => {
  const at = served()
  const ssh = (): string => ['ssh', ...sshOptions(at.server.port)].join(' ')

  test('rsync up and down', async () => {
    mkdirSync(join(at.cwd, 'tree', 'deep'), { recursive: true })
    makeFile(join(at.cwd, 'tree', 'deep', 'file'), 2_000_000)
    const there = `127.0.0.1:${join(at.folder, 'synced')}/`
    for (const args of [
      ['tree/', there],
      [there, 'back/'],
    ])
      expect(await run(program('rsync'), ['-a', '-e', ssh(), ...args], { cwd: at.cwd })).toMatchObject({
        code: 0,
        stderr: '',
      })
    expect(digest(join(at.cwd, 'back', 'deep', 'file'))).toBe(digest(join(at.cwd, 'tree', 'deep', 'file')))
  })

  test('git push and clone', async () => {
    const env = {
      GIT_SSH_COMMAND: ssh(),
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org' },
      ...{ GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.org' },
    }
    const git = async (cwd: string, ...args: string[]): Promise<void> => {
      expect(await run(program('git'), args, { cwd, env })).toMatchObject({ code: 0 })
    }
    const bare = join(at.folder, 'repo.git')
    await git(at.cwd, 'init', '-q', '--bare', '-b', 'main', bare)
    await git(at.cwd, 'init', '-q', '-b', 'main', 'work')
    makeFile(join(at.cwd, 'work', 'file'), 500_000)
    await git(join(at.cwd, 'work'), 'add', 'file')
    await git(join(at.cwd, 'work'), 'commit', '-qm', 'one')
    await git(join(at.cwd, 'work'), 'push', '-q', `ssh://127.0.0.1${bare}`, 'main')
    await git(at.cwd, 'clone', '-q', `ssh://127.0.0.1${bare}`, 'cloned')
    expect(digest(join(at.cwd, 'cloned', 'file'))).toBe(digest(join(at.cwd, 'work', 'file')))
  })
})
