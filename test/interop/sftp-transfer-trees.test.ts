/** `get` and `put` of files and whole directories, with OpenSSH's sftp-server. */

import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { SftpClient } from '@hawser/sftp'
import { get, put, type TransferProgress } from '@hawser/sftp/node'
import { temporaryFolder } from '@hawser/test-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileDigest, pattern, type ServerRun, sftpServer, startSftpServer } from './sftp-transfer-kit.ts'

const folder = temporaryFolder('sftp-trees')
const path = (...names: string[]): string => join(folder, ...names)
const same = (a: string, b: string): void => {
  execFileSync('sh', ['-c', `diff -r --no-dereference '${path(a)}' '${path(b)}'`], { stdio: 'pipe' })
}

function makeTree(name: string): { files: number; bytes: number } {
  mkdirSync(path(name, 'sub', 'deep', 'empty'), { recursive: true })
  const sizes: Record<string, number> = { 'a.bin': 1_000_000, b: 0, 'sub/ü ö': 40_000, 'sub/deep/c': 70_000 }
  for (let i = 0; i < 50; i++) sizes[`sub/n${i}`] = i
  let bytes = 0
  for (const [file, size] of Object.entries(sizes)) {
    writeFileSync(path(name, file), pattern(size))
    bytes += size
  }
  return { files: Object.keys(sizes).length, bytes }
}

describe.skipIf(sftpServer === undefined)('with sftp-server', () => {
  let server: ServerRun
  let sftp: SftpClient
  beforeAll(async () => {
    server = await startSftpServer()
    sftp = new SftpClient(server.link)
  })
  afterAll(() => server.stop())

  for (const concurrency of [1, 16])
    test(`a tree goes there and comes back whole, ${concurrency} files at a time`, async () => {
      const name = `tree${concurrency}`
      const { files, bytes } = makeTree(name)
      const reports: TransferProgress[] = []
      const up = await put(sftp, path(name), path(`${name}.up`), {
        concurrency,
        onProgress: (p) => reports.push(p),
      })
      expect(up).toEqual({ files, directories: 4, bytes, skipped: [] })
      expect(reports.at(-1)).toMatchObject({ bytes, total: bytes, files })
      const down = await get(sftp, path(`${name}.up`), path(`${name}.down`), {
        concurrency,
        verify: 'content',
      })
      expect(down).toEqual({ files, directories: 4, bytes, skipped: [] })
      same(name, `${name}.up`)
      same(name, `${name}.down`)
      // A listing does not wait for its directory to be closed.
      await sftp.stat('/')
      expect(server.link.outstanding).toBe(0)
    })

  test('progress is throttled, goes up only, and ends at the total', async () => {
    writeFileSync(path('big'), pattern(8_000_000))
    const reports: TransferProgress[] = []
    const o = { onProgress: (p: TransferProgress) => reports.push(p), progressIntervalMs: 0 }
    await put(sftp, path('big'), path('big.up'), o)
    await get(sftp, path('big'), path('big.down'), o)
    expect(reports.length).toBeGreaterThan(20)
    const half = reports.findIndex((p, i) => i > 0 && p.files < (reports[i - 1]?.files ?? 0))
    for (const part of [reports.slice(0, half), reports.slice(half)]) {
      part.reduce((before, p) => {
        expect(p.bytes).toBeGreaterThanOrEqual(before)
        expect(p.bytes).toBeLessThanOrEqual(p.total)
        return p.bytes
      }, 0)
      expect(part.at(-1)).toMatchObject({ bytes: 8_000_000, total: 8_000_000, files: 1 })
    }
    const once: TransferProgress[] = []
    await get(sftp, path('big'), path('big.down'), {
      progressIntervalMs: 1e9,
      onProgress: (p) => once.push(p),
    })
    expect(once).toHaveLength(1)
  })

  test('filters see every file and directory, and leave out what they refuse', async () => {
    makeTree('filter')
    const seen: string[] = []
    const filter = (entry: { path: string; directory: boolean }): boolean => {
      seen.push(entry.path)
      return entry.path !== 'sub/deep' && !entry.path.startsWith('sub/n')
    }
    const down = await get(sftp, path('filter'), path('filter.down'), { filter })
    expect(down.files).toBe(3)
    expect(seen).toContain('sub/deep')
    expect(seen).not.toContain('sub/deep/c')
    const up = await put(sftp, path('filter'), path('filter.up'), { filter })
    expect(up.files).toBe(3)
    same('filter.down', 'filter.up')
  })

  test('links are left out, or copied, or followed without going round for ever', async () => {
    mkdirSync(path('links', 'sub'), { recursive: true })
    writeFileSync(path('links', 'file'), 'content')
    symlinkSync('file', path('links', 'to-file'))
    symlinkSync('..', path('links', 'sub', 'up'))
    symlinkSync('nowhere', path('links', 'to-nowhere'))
    execFileSync('sh', ['-c', `mkfifo '${path('links', 'fifo')}'`])
    const links = ['sub/up', 'to-file', 'to-nowhere']
    for (const [way, run] of [
      ['down', get],
      ['up', put],
    ] as const) {
      const left = await run(sftp, path('links'), path(`links.skip.${way}`))
      expect([...left.skipped].sort()).toEqual(['fifo', ...links].sort())
      const copied = await run(sftp, path('links'), path(`links.copy.${way}`), { links: 'copy' })
      expect(copied.skipped).toEqual(['fifo'])
      expect(readlinkSync(path(`links.copy.${way}`, 'sub', 'up'))).toBe('..')
      expect(readlinkSync(path(`links.copy.${way}`, 'to-nowhere'))).toBe('nowhere')
      // Again: the links that are there are replaced.
      await run(sftp, path('links'), path(`links.copy.${way}`), { links: 'copy' })
      const followed = await run(sftp, path('links'), path(`links.follow.${way}`), { links: 'follow' })
      expect([...followed.skipped].sort()).toEqual(['fifo', 'sub/up', 'to-nowhere'])
      expect(lstatSync(path(`links.follow.${way}`, 'to-file')).isFile()).toBe(true)
    }
  })

  test('nothing is written through links that are in the local directory', async () => {
    mkdirSync(path('target', 'dir'), { recursive: true })
    writeFileSync(path('target', 'file'), 'from the server')
    writeFileSync(path('target', 'dir', 'x'), 'from the server')
    mkdirSync(path('outside'))
    writeFileSync(path('precious'), 'precious')
    mkdirSync(path('trap1'))
    symlinkSync('../precious', path('trap1', 'file'))
    await expect(get(sftp, path('target'), path('trap1'))).rejects.toMatchObject({ code: 'ELOOP' })
    mkdirSync(path('trap2'))
    symlinkSync('../outside', path('trap2', 'dir'))
    await expect(get(sftp, path('target'), path('trap2'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(readFileSync(path('precious'), 'utf8')).toBe('precious')
    expect(existsSync(path('outside', 'x'))).toBe(false)
  })

  test('modes and times are kept where that is asked for, of directories too', async () => {
    makeTree('kept')
    const when = new Date('2001-02-03T04:05:06Z')
    execFileSync('chmod', ['640', path('kept', 'a.bin')])
    execFileSync('chmod', ['555', path('kept', 'sub', 'deep')])
    for (const name of ['a.bin', 'sub/deep/c', 'sub/deep', 'sub']) utimesSync(path('kept', name), when, when)
    await put(sftp, path('kept'), path('kept.up'), { preserve: true })
    await get(sftp, path('kept'), path('kept.down'), { preserve: true })
    for (const copy of ['kept.up', 'kept.down'])
      for (const name of ['a.bin', 'sub/deep/c', 'sub/deep', 'sub']) {
        const [a, b] = [statSync(path('kept', name)), statSync(path(copy, name))]
        expect([b.mode, b.mtimeMs], `${copy}/${name}`).toEqual([a.mode, a.mtimeMs])
      }
    for (const copy of ['kept', 'kept.up', 'kept.down'])
      execFileSync('chmod', ['755', path(copy, 'sub', 'deep')])
  })

  test('resume goes on with what is there in part, and leaves what is complete', async () => {
    const { files, bytes } = makeTree('resume')
    for (const [way, run] of [
      ['down', get],
      ['up', put],
    ] as const) {
      const to = `resume.${way}`
      await run(sftp, path('resume'), path(to))
      truncateSync(path(to, 'a.bin'), 600_000)
      truncateSync(path(to, 'sub', 'deep', 'c'), 0)
      appendFileSync(path(to, 'sub', 'ü ö'), 'too long')
      const again = await run(sftp, path('resume'), path(to), { resume: true })
      expect(again.bytes).toBe(400_000 + 70_000 + 40_000)
      expect(again.files).toBe(files)
      same('resume', to)
      const progress: TransferProgress[] = []
      const nothing = await run(sftp, path('resume'), path(to), {
        resume: true,
        onProgress: (p) => progress.push(p),
      })
      expect(nothing.bytes).toBe(0)
      expect(progress.at(-1)).toMatchObject({ bytes, total: bytes })
    }
  })

  test('an atomic transfer shows a file when it is complete, and its part before', async () => {
    writeFileSync(path('atom'), pattern(3_000_000))
    for (const [way, run] of [
      ['down', get],
      ['up', put],
    ] as const) {
      writeFileSync(path(`atom.${way}`), 'old')
      const abort = new AbortController()
      const o = { atomic: true, resume: true, progressIntervalMs: 0, chunkSize: 32_768, maxRequests: 4 }
      const onProgress = (p: TransferProgress): void => {
        expect(readFileSync(path(`atom.${way}`), 'utf8').slice(0, 3)).toBe('old')
        if (p.bytes > 1_000_000) abort.abort(new Error('enough'))
      }
      await expect(
        run(sftp, path('atom'), path(`atom.${way}`), { ...o, onProgress, signal: abort.signal }),
      ).rejects.toThrow('enough')
      expect(readFileSync(path(`atom.${way}`), 'utf8')).toBe('old')
      const part = statSync(path(`.atom.${way}.hawser-part`)).size
      expect(part).toBeGreaterThan(0)
      const { bytes } = await run(sftp, path('atom'), path(`atom.${way}`), o)
      expect(bytes).toBe(3_000_000 - part)
      expect(fileDigest(path(`atom.${way}`))).toBe(fileDigest(path('atom')))
      expect(existsSync(path(`.atom.${way}.hawser-part`))).toBe(false)
    }
  })

  test('verifying notices what differs', async () => {
    const content = pattern(100_000)
    writeFileSync(path('verify'), content)
    content[50_000] = 1 ^ (content[50_000] as number)
    for (const [way, run] of [
      ['down', get],
      ['up', put],
    ] as const) {
      await run(sftp, path('verify'), path(`verify.${way}`), { verify: 'content' })
      // As long as the other and not the same: resuming takes it for complete.
      writeFileSync(path(`verify.${way}`), content)
      await run(sftp, path('verify'), path(`verify.${way}`), { resume: true, verify: 'size' })
      await expect(
        run(sftp, path('verify'), path(`verify.${way}`), { resume: true, verify: 'content' }),
      ).rejects.toMatchObject({ code: 'SSH_SFTP_NOT_THE_SAME' })
    }
  })

  test('an abort before and during a tree ends it with its reason, and nothing is left open', async () => {
    makeTree('aborted')
    for (const run of [get, put]) {
      const abort = new AbortController()
      const running = run(sftp, path('aborted'), path('aborted.to'), {
        signal: abort.signal,
        progressIntervalMs: 0,
        onProgress: () => abort.abort(new Error('enough')),
      })
      await expect(running).rejects.toThrow('enough')
      await expect(run(sftp, path('aborted'), path('never'), { signal: abort.signal })).rejects.toThrow(
        'enough',
      )
    }
    expect(existsSync(path('never'))).toBe(false)
    // An answer to something that was asked later comes after those to all before.
    await sftp.stat('/')
    expect(server.link.outstanding).toBe(0)
  })

  test('the first error is told, whatever else runs', async () => {
    makeTree('broken')
    mkdirSync(path('broken.down', 'sub', 'n7'), { recursive: true })
    await expect(get(sftp, path('broken'), path('broken.down'))).rejects.toMatchObject({ code: 'EISDIR' })
    mkdirSync(path('broken.up', 'sub', 'n7'), { recursive: true })
    await expect(put(sftp, path('broken'), path('broken.up'))).rejects.toMatchObject({ op: 'open' })
    await expect(get(sftp, path('missing'), path('x'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(put(sftp, path('missing'), path('x'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('names that are no UTF-8 go there and come back', async () => {
    const name = Buffer.from([0x66, 0xe9, 0x31])
    mkdirSync(path('bytes'))
    writeFileSync(Buffer.concat([Buffer.from(path('bytes/')), name]), 'content')
    await put(sftp, path('bytes'), path('bytes.up'))
    await get(sftp, path('bytes.up'), path('bytes.down'))
    for (const to of ['bytes.up', 'bytes.down'])
      expect(readFileSync(Buffer.concat([Buffer.from(path(`${to}/`)), name]), 'utf8')).toBe('content')
  })
})
