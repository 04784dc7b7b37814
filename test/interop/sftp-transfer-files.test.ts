/** Files to and from OpenSSH's sftp-server, over the one transfer engine: whole files and Node streams. */

import { execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { SftpLink } from '@hawser/sftp'
import {
  type Downloaded,
  type DownloadFileOptions,
  downloadFile,
  SftpReadStream,
  SftpWriteStream,
  type Uploaded,
  type UploadFileOptions,
  uploadFile,
} from '@hawser/sftp/node'
import { temporaryFolder } from '@hawser/test-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  digest,
  fileDigest,
  pattern,
  type ServerRun,
  sftpServer,
  sizes,
  startSftpServer,
} from './sftp-transfer-kit.ts'

const folder = temporaryFolder('sftp-files')
const path = (name: string): string => join(folder, name)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function download(o: DownloadFileOptions): Promise<Downloaded> {
  return new Promise((resolve, reject) =>
    downloadFile(o, (error, result) => (result === undefined ? reject(error) : resolve(result))),
  )
}

function upload(o: UploadFileOptions): Promise<Uploaded> {
  return new Promise((resolve, reject) =>
    uploadFile(o, (error, result) => (result === undefined ? reject(error) : resolve(result))),
  )
}

describe.skipIf(sftpServer === undefined)('with sftp-server', () => {
  let server: ServerRun
  let link: SftpLink
  beforeAll(async () => {
    server = await startSftpServer()
    link = server.link
  })
  afterAll(() => server.stop())

  for (const chunkSize of [undefined, 1000, 32_768])
    for (const size of chunkSize === 1000 ? sizes.filter((s) => s < 300_000) : sizes)
      test(`${size} bytes come and go whole, in requests of ${chunkSize ?? 'the server’s size'}`, async () => {
        const content = pattern(size)
        const name = `${size}-${chunkSize}`
        writeFileSync(path(`${name}.from`), content)
        const o = { link, ...(chunkSize === undefined ? {} : { chunkSize }) }
        const progress: number[] = []
        const down = await download({
          ...o,
          remote: bytes(path(`${name}.from`)),
          local: path(`${name}.down`),
          onProgress: (done) => progress.push(done),
        })
        expect(down.bytes).toBe(size)
        expect(down.attrs?.size).toBe(BigInt(size))
        expect(progress.at(-1) ?? 0).toBe(size)
        expect(fileDigest(path(`${name}.down`))).toBe(digest(content))
        const up = await upload({ ...o, local: path(`${name}.from`), remote: bytes(path(`${name}.up`)) })
        expect(up.bytes).toBe(size)
        expect(fileDigest(path(`${name}.up`))).toBe(digest(content))
        await pipeline(
          new SftpReadStream(link, { path: bytes(path(`${name}.from`)) }, o),
          createWriteStream(path(`${name}.sdown`)),
        )
        expect(fileDigest(path(`${name}.sdown`))).toBe(digest(content))
        await pipeline(
          createReadStream(path(`${name}.from`)),
          new SftpWriteStream(link, { path: bytes(path(`${name}.sup`)) }, o),
        )
        expect(fileDigest(path(`${name}.sup`))).toBe(digest(content))
        expect(link.outstanding).toBe(0)
      })

  test('a longer file of before leaves nothing behind', async () => {
    writeFileSync(path('short'), 'short')
    writeFileSync(path('long'), 'a much longer file')
    writeFileSync(path('long2'), 'a much longer file')
    await upload({ link, local: path('short'), remote: bytes(path('long')) })
    await download({ link, remote: bytes(path('short')), local: path('long2') })
    expect(readFileSync(path('long'), 'utf8') + readFileSync(path('long2'), 'utf8')).toBe('shortshort')
  })

  test('a range of a stream is inclusive, as in fs', async () => {
    writeFileSync(path('digits'), '0123456789')
    const parts: string[] = []
    const stream = new SftpReadStream(
      link,
      { path: bytes(path('digits')) },
      { start: 3, end: 5, encoding: 'utf8' },
    )
    for await (const part of stream) parts.push(part as string)
    expect(parts.join('')).toBe('345')
    expect(stream.bytesRead).toBe(3)
  })

  test('files of /proc, whose size is 0, come whole', async () => {
    const expected = readFileSync('/proc/version')
    const { bytes: got } = await download({ link, remote: bytes('/proc/version'), local: path('version') })
    expect(got).toBe(expected.length)
    expect(readFileSync(path('version'))).toEqual(expected)
    const chunks: Buffer[] = []
    for await (const chunk of new SftpReadStream(link, { path: bytes('/proc/cpuinfo') }))
      chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toContain('processor')
  })

  test('a pipe, which cannot be read at offsets, is an error and no hang', async () => {
    execFileSync('sh', ['-c', `mkfifo '${path('fifo')}'`])
    const writer = spawn('sh', ['-c', `echo hello > '${path('fifo')}'`])
    await expect(
      download({ link, remote: bytes(path('fifo')), local: path('from-fifo') }),
    ).rejects.toMatchObject({ code: 'SFTP_FAILURE', op: 'read' })
    writer.kill()
  })

  test('a missing file leaves the local one as it is', async () => {
    writeFileSync(path('precious'), 'precious')
    await expect(
      download({ link, remote: bytes(path('missing')), local: path('precious') }),
    ).rejects.toMatchObject({ code: 'ENOENT', op: 'open' })
    expect(readFileSync(path('precious'), 'utf8')).toBe('precious')
  })

  test('a missing local file makes no remote one', async () => {
    await expect(
      upload({ link, local: path('missing'), remote: bytes(path('not-made')) }),
    ).rejects.toMatchObject({ code: 'ENOENT' })
    expect(existsSync(path('not-made'))).toBe(false)
  })

  test('a directory in place of a file is an error, either way', async () => {
    await expect(download({ link, remote: bytes(folder), local: path('x') })).rejects.toMatchObject({
      code: 'SFTP_FAILURE',
    })
    await expect(upload({ link, local: folder, remote: bytes(path('x')) })).rejects.toMatchObject({
      code: 'EISDIR',
    })
  })

  test('a file that shrinks under way is an error that says so; one that grows comes whole', async () => {
    const content = pattern(3_000_000)
    writeFileSync(path('shrinks'), content)
    let cut = false
    await expect(
      download({
        link,
        remote: bytes(path('shrinks')),
        local: path('shrunk'),
        chunkSize: 32_768,
        maxRequests: 1,
        onProgress: () => {
          if (!cut) truncateSync(path('shrinks'), 1_000_000)
          cut = true
        },
      }),
    ).rejects.toThrow('the file ended after 1000000 bytes; the server said that it has 3000000')
    expect(readFileSync(path('shrunk')).equals(content.subarray(0, 1_000_000))).toBe(true)

    writeFileSync(path('grows'), content.subarray(0, 1_000_000))
    let grown = false
    await download({
      link,
      remote: bytes(path('grows')),
      local: path('grown'),
      onProgress: () => {
        if (!grown) writeFileSync(path('grows'), content)
        grown = true
      },
    })
    expect(fileDigest(path('grown'))).toBe(digest(content))
  })

  test('goes on where it stopped', async () => {
    const content = pattern(700_000)
    writeFileSync(path('r.from'), content)
    for (const name of ['r.down', 'r.up']) writeFileSync(path(name), content.subarray(0, 300_001))
    const down = await download({
      link,
      remote: bytes(path('r.from')),
      local: path('r.down'),
      start: 300_001,
    })
    const up = await upload({ link, local: path('r.from'), remote: bytes(path('r.up')), start: 300_001 })
    expect([down.bytes, up.bytes]).toEqual([399_999, 399_999])
    expect(fileDigest(path('r.down'))).toBe(digest(content))
    expect(fileDigest(path('r.up'))).toBe(digest(content))
  })

  test('holes stay holes, at the end too', async () => {
    const fd = openSync(path('holes'), 'w')
    writeSync(fd, 'begin', 0)
    writeSync(fd, 'middle', 10_000_000)
    ftruncateSync(fd, 30_000_000)
    closeSync(fd)
    await upload({ link, local: path('holes'), remote: bytes(path('holes.up')), sparse: true })
    await download({ link, remote: bytes(path('holes')), local: path('holes.down'), sparse: true })
    for (const name of ['holes.up', 'holes.down']) {
      expect(fileDigest(path(name))).toBe(fileDigest(path('holes')))
      expect(statSync(path(name)).blocks * 512).toBeLessThan(2_000_000)
    }
  })

  test('abort ends either way with its error, and leaves nothing open at the server', async () => {
    writeFileSync(path('abort'), pattern(5_000_000))
    const fds = (): number =>
      Number(execFileSync('sh', ['-c', `ls /proc/${server.child.pid}/fd | wc -l`], { encoding: 'utf8' }))
    const before = fds()
    for (const at of [0, 1, 1_000_000, 4_999_999]) {
      const why = new Error('enough')
      let running: { abort(error: Error): void } | undefined
      const onProgress = (done: number): void => {
        if (done >= at) running?.abort(why)
      }
      const down = new Promise((resolve) => {
        running = downloadFile(
          { link, remote: bytes(path('abort')), local: path('aborted'), onProgress },
          resolve,
        )
        if (at === 0) running.abort(why)
      })
      expect(await down).toBe(why)
      const up = new Promise((resolve) => {
        running = uploadFile(
          { link, local: path('abort'), remote: bytes(path('aborted.up')), onProgress },
          resolve,
        )
        if (at === 0) running.abort(why)
      })
      expect(await up).toBe(why)
    }
    expect(link.outstanding).toBe(0)
    expect(fds()).toBe(before)
  })

  test('a stream that is destroyed early closes its file', async () => {
    writeFileSync(path('early'), pattern(5_000_000))
    const stream = new SftpReadStream(link, { path: bytes(path('early')) })
    for await (const chunk of stream) {
      expect((chunk as Buffer).length).toBeGreaterThan(0)
      break
    }
    const write = new SftpWriteStream(link, { path: bytes(path('early.up')) })
    write.write(Buffer.alloc(100_000))
    const closed = new Promise((resolve) => write.on('close', resolve))
    write.on('error', () => undefined)
    write.destroy(new Error('enough'))
    await closed
    expect(link.outstanding).toBe(0)
  })

  test('memory that was written may be used again after the callback', async () => {
    const write = new SftpWriteStream(link, { path: bytes(path('reused')) })
    const memory = Buffer.alloc(1000)
    for (let i = 0; i < 200; i++) {
      memory.fill(i)
      await new Promise((resolve) => write.write(memory, resolve))
    }
    await new Promise<void>((resolve) => write.end(resolve))
    const expected = Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.alloc(1000, i)))
    expect(fileDigest(path('reused'))).toBe(digest(expected))
  })
})
