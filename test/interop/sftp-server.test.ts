/** Our SFTP server against OpenSSH's sftp and scp: every command that they have, on every back end. */

import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directory } from '@hawser/sftp/node'
import type { SftpHandlers } from '@hawser/sftp/server'
import { run, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  backEnds,
  digest,
  makeFile,
  type SftpServer,
  scp,
  sftp,
  sshOptions,
  startSftpServer,
} from './sftp-server-kit.ts'

describePeers(['sftp'], 'sftp against our server', () => {
  describe.each(backEnds)('of %s', (_, make) => {
    let server: SftpServer
    let cwd: string
    beforeAll(async () => {
      server = await startSftpServer(make())
      cwd = temporaryFolder('local')
    })
    afterAll(async () => {
      await server?.close()
      expect(server?.errors).toEqual([])
    })
    const batch = async (...lines: string[]): Promise<string> => {
      const result = await sftp(server.port, lines, { cwd })
      expect(result.stderr).toBe('')
      expect(result.code).toBe(0)
      return result.text
    }

    test.each([0, 1, 32_767, 32_768, 261_120, 261_121, 5_000_001])('put and get %i bytes', async (size) => {
      makeFile(join(cwd, 'up'), size, size + 1)
      await batch('put up there', 'get there back', 'rm there')
      expect(digest(join(cwd, 'back'))).toBe(digest(join(cwd, 'up')))
    })

    test('put -p and get -p keep times and modes, -f flushes', async () => {
      writeFileSync(join(cwd, 'dated'), 'x', { mode: 0o640 })
      utimesSync(join(cwd, 'dated'), 1_000_000_000, 1_100_000_000)
      await batch('put -pf dated', 'get -pf dated again', 'rm dated')
      expect(statSync(join(cwd, 'again'))).toMatchObject({
        mode: 0o100640,
        mtimeMs: 1_100_000_000_000,
      })
    })

    test('put -R and get -R: a tree with empty files and folders', async () => {
      const tree = join(cwd, 'tree')
      mkdirSync(join(tree, 'a', 'b'), { recursive: true })
      mkdirSync(join(tree, 'empty'))
      makeFile(join(tree, 'a', 'one'), 100_000)
      writeFileSync(join(tree, 'a', 'b', 'nothing'), '')
      writeFileSync(join(tree, 'a', 'b', 'name with spaces ünd mehr'), 'x')
      await batch('put -Rp tree', 'get -Rp tree copy')
      const list = (at: string) => readdirSync(join(cwd, at), { recursive: true }).sort()
      expect(list('copy')).toEqual(list('tree'))
      expect(digest(join(cwd, 'copy', 'a', 'one'))).toBe(digest(join(tree, 'a', 'one')))
    })

    test('reput and reget go on where a transfer stopped', async () => {
      makeFile(join(cwd, 'whole'), 1_000_000)
      const whole = readFileSync(join(cwd, 'whole'))
      writeFileSync(join(cwd, 'part'), whole.subarray(0, 300_000))
      writeFileSync(join(cwd, 'part-back'), whole.subarray(0, 123_456))
      await batch(
        'put part resumed',
        'reput whole resumed',
        'reget resumed part-back',
        'put part appended',
        'put -a whole appended',
        'get appended both',
        'rm resumed',
        'rm appended',
      )
      expect(digest(join(cwd, 'part-back'))).toBe(digest(join(cwd, 'whole')))
      expect(digest(join(cwd, 'both'))).toBe(digest(join(cwd, 'whole')))
    })

    test('mkdir, cd, pwd, rename, ln, ln -s, symlink, ls in every form, rm, rmdir', async () => {
      writeFileSync(join(cwd, 'file'), 'content')
      const text = await batch(
        'mkdir d',
        'cd d',
        'pwd',
        'put file x',
        'rename x y',
        'ln y hard',
        'ln -s y soft',
        'symlink nowhere dangling',
        'ls -1a',
        'ls -la',
        'ls -ltr',
        'ls -lS',
        'ls -lh',
        'ls -ln',
        'ls -f',
        'ls -1 y*',
        'get soft through',
        'mkdir sub',
        'cd sub',
        'cd ..',
        'lpwd',
        'rm hard',
        'rm soft',
        'rm dangling',
        'rm y',
        'rmdir sub',
        'cd /',
        'rmdir d',
        'ls -1 d*',
      ).catch((error: unknown) => error)
      // The last line finds nothing, which is the end of a batch.
      expect(String(text)).toMatch(/not found/)
      expect(readFileSync(join(cwd, 'through'), 'utf8')).toBe('content')
    })

    test('listings show types, modes, sizes and names', async () => {
      writeFileSync(join(cwd, 'file'), 'content')
      const text = await batch(
        'mkdir l',
        'put file l/y',
        'ln -s y l/s',
        'chmod 750 l/y',
        'ls -la l',
        'ls -1 l',
      )
      expect(text).toMatch(/^drwx[-rwx]{6} .* l\/\.$/m)
      expect(text).toMatch(/^drwx[-rwx]{6} .* l\/\.\.$/m)
      expect(text).toMatch(/^-rwxr-x--- .* 7 \w{3} [ \d]\d \d\d:\d\d l\/y$/m)
      expect(text).toMatch(/^lrwxrwxrwx .* l\/s$/m)
      expect(text).toMatch(/^l\/s\s*\n?l\/y\s*$/m)
    })

    test('chmod, and chown and chgrp to whom it is already', async () => {
      writeFileSync(join(cwd, 'file'), 'content')
      const uid = process.getuid?.() ?? 0
      await batch('put file m', 'chmod 600 m', `-chown ${uid} m`, `-chgrp ${process.getgid?.() ?? 0} m`)
      expect(await batch('ls -ln m')).toMatch(/^-rw------- /m)
    })

    test('df in every form', async () => {
      const text = await batch('df', 'df -h', 'df -i', 'df -hi /')
      expect(text.match(/%Capacity/g)).toHaveLength(4)
    })

    test('a rename replaces, as sftp does by posix-rename; the plain one does not', async () => {
      writeFileSync(join(cwd, 'one'), 'one')
      writeFileSync(join(cwd, 'two'), 'two')
      await batch('put one', 'put two', 'rename one two', 'get two replaced')
      expect(readFileSync(join(cwd, 'replaced'), 'utf8')).toBe('one')
      await batch('put one')
      const { stderr } = await sftp(server.port, ['rename -l one two'], { cwd })
      expect(stderr).toMatch(/Failure/)
    })

    test('what is not there, what is there, what is not empty', async () => {
      const failing = async (line: string): Promise<string> => {
        const result = await sftp(server.port, [line], { cwd })
        expect(result.code).toBe(1)
        return result.stderr
      }
      await batch('mkdir full', 'mkdir full/inside')
      expect(await failing('get nothing')).toContain('not found')
      expect(await failing('cd nothing')).toContain('No such file')
      expect(await failing('rm nothing')).toContain('No such file')
      expect(await failing('rmdir full')).toContain('Failure')
      expect(await failing('mkdir full')).toContain('Failure')
      expect(await failing('rm full')).toContain('Failure')
    })

    test('1,500 names, in many replies', async () => {
      const many = join(cwd, 'many')
      mkdirSync(many)
      const names = Array.from(
        { length: 1500 },
        (_, i) => `file-${String(i).padStart(4, '0')}-${'x'.repeat(60)}`,
      )
      for (const name of names) writeFileSync(join(many, name), name)
      const text = await batch('put -R many', 'cd many', 'ls -1')
      for (const name of names) expect(text).toContain(name)
    })

    test('requests of other sizes and numbers in flight', async () => {
      makeFile(join(cwd, 'sized'), 3_000_000)
      for (const flags of [
        ['-B', '1000', '-R', '1'],
        ['-B', '32768', '-R', '256'],
        ['-B', '261120', '-R', '16'],
      ]) {
        const result = await sftp(server.port, ['put sized', 'get sized sized-back'], { cwd, flags })
        expect(result.stderr).toBe('')
        expect(digest(join(cwd, 'sized-back'))).toBe(digest(join(cwd, 'sized')))
      }
    })
  })
})

describePeers(['scp'], 'scp against our server', () => {
  describe.each([
    ['over SFTP', []],
    ['by its old protocol, run by our server', ['-O']],
  ])('%s', (_, flags) => {
    let server: SftpServer
    let cwd: string
    let served: string
    beforeAll(async () => {
      served = temporaryFolder('served')
      server = await startSftpServer(directory(served) as SftpHandlers)
      cwd = temporaryFolder('local')
    })
    afterAll(() => server?.close())
    /** The path for scp: the old protocol sees the machine's paths. */
    const remote = (path: string): string => `127.0.0.1:${flags.length === 0 ? path : join(served, path)}`

    test.each([0, 1, 3_000_001])('%i bytes up and down', async (size) => {
      makeFile(join(cwd, 'up'), size, size + 1)
      expect(await scp(server.port, [...flags, 'up', remote('/there')], { cwd })).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(await scp(server.port, [...flags, remote('/there'), 'back'], { cwd })).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(digest(join(cwd, 'back'))).toBe(digest(join(cwd, 'up')))
      expect(digest(join(served, 'there'))).toBe(digest(join(cwd, 'up')))
    })

    test('-r and -p: a tree with its times', async () => {
      mkdirSync(join(cwd, 'tree', 'deep'), { recursive: true })
      makeFile(join(cwd, 'tree', 'deep', 'file'), 70_000)
      utimesSync(join(cwd, 'tree', 'deep', 'file'), 1_000_000_000, 1_100_000_000)
      expect(await scp(server.port, [...flags, '-rp', 'tree', remote('/')], { cwd })).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(await scp(server.port, [...flags, '-rp', remote('/tree'), 'copy'], { cwd })).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(digest(join(cwd, 'copy', 'deep', 'file'))).toBe(digest(join(cwd, 'tree', 'deep', 'file')))
      expect(statSync(join(cwd, 'copy', 'deep', 'file')).mtimeMs).toBe(1_100_000_000_000)
    })

    test('a file that is not there', async () => {
      const result = await scp(server.port, [...flags, remote('/nothing'), 'x'], { cwd })
      expect(result.code).toBe(1)
      expect(result.stderr).toContain('No such file')
    })
  })

  test('-3: from one server to another, through scp', async () => {
    const [one, two] = [temporaryFolder('one'), temporaryFolder('two')]
    const from = await startSftpServer(directory(one) as SftpHandlers)
    const to = await startSftpServer(directory(two) as SftpHandlers)
    makeFile(join(one, 'file'), 1_234_567)
    const result = await run('scp', [
      ...sshOptions(),
      '-3',
      `scp://ada@127.0.0.1:${from.port}//file`,
      `scp://ada@127.0.0.1:${to.port}//copied`,
    ])
    expect(result).toMatchObject({ code: 0 })
    expect(digest(join(two, 'copied'))).toBe(digest(join(one, 'file')))
    await Promise.all([from.close(), to.close()])
  })

  test('~ is the home that the server says', async () => {
    const folder = temporaryFolder('served')
    mkdirSync(join(folder, 'home', 'ada'), { recursive: true })
    const server = await startSftpServer(directory(folder, { home: '/home/ada' }) as SftpHandlers)
    const cwd = temporaryFolder('local')
    makeFile(join(cwd, 'file'), 100)
    expect(await scp(server.port, ['file', '127.0.0.1:~/here'], { cwd })).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(digest(join(folder, 'home', 'ada', 'here'))).toBe(digest(join(cwd, 'file')))
    await server.close()
  })
})
