/** The promise client of SFTP, every verb, with servers of others and our own. */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openSftp, type SftpClient, SftpError } from '@hawser/sftp'
import { streamChannel } from '@hawser/sftp/node'
import { temporaryFolder } from '@hawser/test-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Opened, targets } from './sftp-client-kit.ts'
import { pattern, sftpServer } from './sftp-transfer-kit.ts'

for (const { name, missing, open, rootedIn, textOnly = false } of targets)
  describe.skipIf(missing !== undefined)(`${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
    const folder = temporaryFolder('sftp-client')
    /** A path as this server has it. */
    const at = (path: string): string => `${(rootedIn ?? String)(folder)}/${path}`
    const here = (path: string): string => join(folder, path)
    let opened: Opened
    let sftp: SftpClient

    beforeAll(async () => {
      opened = await open(folder)
      sftp = opened.sftp
    })
    afterAll(() => opened.stop())

    test('files: written, read, appended to, cut, removed', async () => {
      await sftp.writeFile(at('text'), 'grüße')
      expect(readFileSync(here('text'), 'utf8')).toBe('grüße')
      await sftp.appendFile(at('text'), ' und mehr')
      expect(await sftp.readFile(at('text'), { encoding: 'utf8' })).toBe('grüße und mehr')
      await sftp.truncate(at('text'), 3)
      expect(readFileSync(here('text')).length).toBe(3)
      await sftp.writeFile(at('empty'), '')
      expect((await sftp.readFile(at('empty'))).length).toBe(0)
      await sftp.unlink(at('text'))
      expect(await sftp.exists(at('text'))).toBe(false)
      await expect(sftp.readFile(at('text'))).rejects.toMatchObject({
        code: 'ENOENT',
        op: 'open',
        path: at('text'),
      })
      await expect(sftp.access(at('text'))).rejects.toBeInstanceOf(SftpError)
      await expect(sftp.access(at('empty'))).resolves.toBeUndefined()
      const big = pattern(3_000_001)
      await sftp.writeFile(at('big'), big)
      expect(readFileSync(here('big')).equals(big)).toBe(true)
      expect(Buffer.from(await sftp.readFile(at('big'))).equals(big)).toBe(true)
    })

    test('an open file: reads and writes at places, attributes, streams', async () => {
      const bytes = pattern(700_000)
      writeFileSync(here('open'), bytes)
      await using file = await sftp.open(at('open'), 'r+')
      const buffer = new Uint8Array(400_000)
      expect((await file.read(buffer)).bytesRead).toBe(400_000)
      expect(Buffer.from(buffer).equals(bytes.subarray(0, 400_000))).toBe(true)
      expect((await file.read(buffer)).bytesRead).toBe(300_000)
      expect((await file.read(buffer)).bytesRead).toBe(0)
      expect((await file.read(buffer, { offset: 5, length: 2, position: 10 })).bytesRead).toBe(2)
      expect(buffer.subarray(5, 7)).toEqual(new Uint8Array(bytes.subarray(10, 12)))
      expect((await file.write('XYZ', { position: 100 })).bytesWritten).toBe(3)
      expect((await file.stat()).size).toBe(700_000)
      expect(String(readFileSync(here('open')).subarray(100, 103))).toBe('XYZ')
      let streamed = 0
      for await (const chunk of file.readable({ start: 100_000, end: 650_000 })) streamed += chunk.length
      expect(streamed).toBe(550_000)
      await file.truncate(500)
      expect((await file.stat()).size).toBe(500)
      const writer = file.writable({ start: 500 }).getWriter()
      await writer.write(new Uint8Array(1000))
      await writer.close()
      expect(statSync(here('open')).size).toBe(1500)
    })

    test('exclusive and missing files are told apart', async () => {
      await sftp.writeFile(at('there'), 'x')
      await expect(sftp.open(at('there'), 'wx')).rejects.toBeInstanceOf(SftpError)
      await expect(sftp.open(at('nowhere'), 'r+')).rejects.toMatchObject({ code: 'ENOENT' })
    })

    test('directories: made with parents, listed, removed with content', async () => {
      expect(await sftp.mkdir(at('one/two/three'), { recursive: true })).toBe(at('one'))
      expect(await sftp.mkdir(at('one/two/three'), { recursive: true })).toBeUndefined()
      writeFileSync(here('one/file'), '12345')
      symlinkSync('/etc', here('one/link'))
      const entries = await sftp.readdir(at('one')).toArray()
      const seen = entries.map((e) => [e.name, e.isDirectory(), e.isFile(), e.isSymbolicLink()])
      expect(seen.sort()).toEqual([
        ['file', false, true, false],
        ['link', false, false, true],
        ['two', true, false, false],
      ])
      expect(entries.find((e) => e.name === 'file')?.stats.size).toBe(5)
      await expect(sftp.rmdir(at('one'))).rejects.toBeInstanceOf(SftpError)
      await sftp.rmdir(at('one/two/three'))
      await sftp.rm(at('one'), { recursive: true })
      expect(await sftp.exists(at('one'))).toBe(false)
      expect(statSync('/etc').isDirectory()).toBe(true)
      await expect(sftp.rm(at('one'))).rejects.toMatchObject({ code: 'ENOENT' })
      await sftp.rm(at('one'), { recursive: true, force: true })
      await expect(sftp.readdir(at('one')).toArray()).rejects.toMatchObject({ code: 'ENOENT', op: 'opendir' })
    })

    test('a thousand files: listed one by one, left early, removed', async () => {
      mkdirSync(here('many'))
      for (let i = 0; i < 1000; i++) writeFileSync(here(`many/f${i}`), '')
      const names = new Set<string>()
      for await (const entry of sftp.readdir(at('many'))) names.add(entry.name)
      expect(names.size).toBe(1000)
      for await (const entry of sftp.readdir(at('many'))) {
        expect(entry.isFile()).toBe(true)
        break
      }
      await sftp.rm(at('many'), { recursive: true })
      expect(readdirSync(folder)).not.toContain('many')
    })

    test.skipIf(textOnly)('names that are no UTF-8 survive', async () => {
      mkdirSync(here('bytes'))
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes/`), Buffer.of(0xe9)]), 'latin')
      const [entry] = await sftp.readdir(at('bytes')).toArray()
      expect([...(entry?.nameBytes ?? [])]).toEqual([0xe9])
      expect(await sftp.readFile(entry?.path ?? '', { encoding: 'utf8' })).toBe('latin')
      await sftp.rm(at('bytes'), { recursive: true })
      expect(readdirSync(folder)).not.toContain('bytes')
    })

    test('rename: replaces, or does not', async () => {
      writeFileSync(here('old'), 'old')
      writeFileSync(here('new'), 'new')
      await expect(sftp.rename(at('old'), at('new'), { overwrite: false })).rejects.toBeInstanceOf(SftpError)
      await sftp.rename(at('old'), at('fresh'), { overwrite: false })
      if (sftp.connection.has('posixRename')) {
        await sftp.rename(at('fresh'), at('new'))
        expect(readFileSync(here('new'), 'utf8')).toBe('old')
      } else await expect(sftp.rename(at('fresh'), at('new'))).rejects.toBeInstanceOf(SftpError)
    })

    test('links: made, read, not followed where they should not be', async () => {
      writeFileSync(here('target'), 'content')
      await sftp.symlink('target', at('soft'))
      expect(readlinkSync(here('soft'))).toBe('target')
      expect(await sftp.readlink(at('soft'))).toBe('target')
      expect((await sftp.lstat(at('soft'))).isSymbolicLink()).toBe(true)
      expect((await sftp.stat(at('soft'))).size).toBe(7)
      mkdirSync(here('x'))
      expect(await sftp.realpath(at('./x/../target'))).toBe(at('target'))
      if (sftp.connection.has('hardlink')) {
        await sftp.link(at('target'), at('hard'))
        expect(statSync(here('hard')).ino).toBe(statSync(here('target')).ino)
      } else await expect(sftp.link(at('target'), at('hard'))).rejects.toMatchObject({ code: 'ENOTSUP' })
    })

    test('attributes: modes, times, owners', async () => {
      writeFileSync(here('attributes'), '')
      symlinkSync('attributes', here('link-to-attributes'))
      await sftp.chmod(at('attributes'), 0o640)
      expect(statSync(here('attributes')).mode & 0o777).toBe(0o640)
      await sftp.utimes(at('attributes'), 1000, new Date(2_000_000))
      const stats = await sftp.stat(at('attributes'))
      expect([stats.atime, stats.mtime]).toEqual([new Date(1_000_000), new Date(2_000_000)])
      expect((stats.mode ?? 0) & 0o777).toBe(0o640)
      const { uid, gid } = statSync(here('attributes'))
      await sftp.chown(at('attributes'), uid, gid)
      await sftp.setstat(at('attributes'), { permissions: 0o600, atime: 5, mtime: 6 })
      expect(statSync(here('attributes')).mtimeMs).toBe(6000)
      if (!sftp.connection.has('lsetstat')) return
      await sftp.lutimes(at('link-to-attributes'), 7, 8)
      await sftp.lchown(at('link-to-attributes'), uid, gid)
      expect(lstatSync(here('link-to-attributes')).mtimeMs).toBe(8000)
      expect(statSync(here('attributes')).mtimeMs).toBe(6000)
    })

    test('cp: files, onto themselves, and trees with links', async () => {
      const bytes = pattern(400_000)
      writeFileSync(here('source'), bytes)
      chmodSync(here('source'), 0o750)
      await sftp.cp(at('source'), at('copy'))
      expect(readFileSync(here('copy')).equals(bytes)).toBe(true)
      linkSync(here('source'), here('same'))
      await sftp.cp(at('source'), at('same'))
      expect(readFileSync(here('source')).equals(bytes)).toBe(true)
      writeFileSync(here('short'), 'short')
      await sftp.cp(at('short'), at('copy'))
      expect(readFileSync(here('copy'), 'utf8')).toBe('short')
      await expect(sftp.cp(at('short'), at('copy'), { overwrite: false })).rejects.toBeInstanceOf(SftpError)
      mkdirSync(here('tree/deep'), { recursive: true })
      writeFileSync(here('tree/deep/file'), 'deep')
      symlinkSync('deep/file', here('tree/link'))
      await sftp.cp(at('tree'), at('tree-2'), { recursive: true })
      await sftp.cp(at('tree'), at('tree-2'), { recursive: true })
      expect(readFileSync(here('tree-2/deep/file'), 'utf8')).toBe('deep')
      expect(readlinkSync(here('tree-2/link'))).toBe('deep/file')
      await expect(sftp.cp(at('tree'), at('tree/deep/x'), { recursive: true })).rejects.toThrow('into itself')
      expect(readdirSync(here('tree/deep'))).toEqual(['file'])
      await expect(sftp.cp(at('tree'), at('tree-3'))).rejects.toThrow('recursive')
    })

    test('what the server tells: home, file system, names of users', async () => {
      expect((await sftp.homeDirectory()).startsWith('/')).toBe(true)
      expect(await sftp.expandPath('~')).toBe(await sftp.homeDirectory())
      const { connection } = sftp
      if (connection.has('statvfs')) {
        const { bsize, blocks, bavail } = await sftp.statvfs(at(''))
        expect(bsize > 0n && blocks >= bavail).toBe(true)
      } else await expect(sftp.statvfs(at(''))).rejects.toMatchObject({ code: 'ENOTSUP' })
      if (connection.has('fsync')) {
        await using file = await sftp.open(at('synced'), 'w')
        await file.sync()
        expect((await file.statvfs()).bsize > 0n).toBe(true)
      }
      if (connection.has('usersGroupsById')) {
        const { users, groups } = await sftp.usersGroupsById({ uids: [0, 4_000_000], gids: [0] })
        expect([users.length, groups.length, users[1]]).toEqual([2, 1, undefined])
      }
      await expect(sftp.extended('nobody@example.net', new Uint8Array(3))).rejects.toMatchObject({
        code: 'ENOTSUP',
      })
    })

    test('requests side by side, and one that is given up among them', async () => {
      const controller = new AbortController()
      const stats = Array.from({ length: 500 }, () => sftp.stat(at('')))
      const given = sftp.stat(at(''), { signal: controller.signal })
      controller.abort(new Error('enough'))
      await expect(given).rejects.toThrow('enough')
      expect((await Promise.all(stats)).every((one) => one.isDirectory())).toBe(true)
    })
  })

describe.skipIf(sftpServer === undefined)('a server that is killed', () => {
  test.each([0, 1, 2, 3, 5, 8, 13, 21, 34, 55])(
    'after %d answers: every call ends, once',
    async (answers) => {
      const folder = temporaryFolder('sftp-killed')
      writeFileSync(join(folder, 'file'), pattern(500_000))
      const child = spawn(sftpServer as string, { stdio: ['pipe', 'pipe', 'ignore'] })
      const sftp = await openSftp(streamChannel({ readable: child.stdout, writable: child.stdin }))
      const calls: Promise<unknown>[] = []
      let ends = 0
      const call = (work: Promise<unknown>): void => {
        const ended = (): void => {
          ends++
          if (ends === answers) child.kill('SIGKILL')
        }
        work.then(ended, ended)
        calls.push(work)
      }
      for (let i = 0; i < 10; i++) {
        call(sftp.stat(folder))
        call(sftp.readFile(`${folder}/file`))
        call(sftp.writeFile(`${folder}/${i}`, pattern(100_000)))
        call(sftp.readdir(folder).toArray())
        call(sftp.cp(`${folder}/file`, `${folder}/copy-${i}`))
        call(sftp.mkdir(`${folder}/a/b/${i}`, { recursive: true }))
        call(sftp.rm(`${folder}/a/${i}`, { recursive: true, force: true }))
      }
      if (answers === 0) child.kill('SIGKILL')
      const outcomes = await Promise.allSettled(calls)
      await sftp.closed
      expect(ends).toBe(calls.length)
      await expect(sftp.stat(folder)).rejects.toMatchObject({ code: 'ECONNRESET', path: folder })
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      for (const error of errors) expect(error).toMatchObject({ name: 'SftpError', code: 'ECONNRESET' })
    },
  )
})
