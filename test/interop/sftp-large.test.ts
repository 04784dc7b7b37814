/** Files of more than 4 GiB: what stands at their beginning, around 2^32 and at their end arrives there, both ways. They are almost all holes. */

import { closeSync, ftruncateSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { directory, get, put, SftpReadStream, SftpWriteStream } from '@hawser/sftp/node'
import { OpenFlag } from '@hawser/sftp/protocol'
import { temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Opened, targets } from './sftp-client-kit.ts'
import { sftp as batch, startSftpServer as startServer } from './sftp-server-kit.ts'
import { pattern } from './sftp-transfer-kit.ts'

const border = 2 ** 32
const size = border + 3_000_001
const data = pattern(300_000)
/** Where there is data. What lies behind the second is on both sides of the border. */
const places = [0, border - 150_000, size - data.length]
/** What an interrupted transfer had done. */
const part = border - 1_000_000

const folder = temporaryFolder('sftp-large')
const path = (name: string): string => join(folder, name)

/** The file, or the first `length` bytes of it. */
function make(name: string, length: number): void {
  const fd = openSync(path(name), 'w')
  for (const at of places) if (at < length) writeSync(fd, data, 0, Math.min(data.length, length - at), at)
  ftruncateSync(fd, length)
  closeSync(fd)
}

/** Compares all that is data, and what is next to it; the holes are holes. */
function check(name: string): void {
  const { blocks, size: length } = statSync(path(name))
  expect(length).toBe(size)
  expect(blocks * 512).toBeLessThan(8_000_000)
  const fd = openSync(path(name), 'r')
  for (const at of places) {
    const from = Math.max(0, at - 100_000)
    const expected = Buffer.alloc(Math.min(size, at + data.length + 100_000) - from)
    data.copy(expected, at - from)
    const found = Buffer.alloc(expected.length)
    expect(readSync(fd, found, 0, found.length, from)).toBe(found.length)
    expect(found.equals(expected)).toBe(true)
  }
  closeSync(fd)
}

beforeAll(() => make('source', size))

const chosen = targets.filter(
  ({ name }) => name.startsWith('sftp-server') || name.startsWith('our own server'),
)
describe.each(chosen)('our client and $name', ({ missing, open, rootedIn }) => {
  const at = (name: string): string => join((rootedIn ?? ((whole) => whole))(folder) || '/', name)
  let opened: Opened | undefined
  const to = (): Opened['sftp'] => (opened as Opened).sftp
  beforeAll(async () => {
    if (missing === undefined) opened = await open(folder)
  })
  afterAll(() => opened?.stop())

  test.skipIf(missing !== undefined)(
    'put of the whole, its holes left out',
    { timeout: 60_000 },
    async () => {
      await put(to(), path('source'), at('up'), { sparse: true })
      check('up')
    },
  )

  test.skipIf(missing !== undefined)(
    'get and put that go on in front of 2^32',
    { timeout: 20_000 },
    async () => {
      make('down', part)
      make('up', part)
      const o = { resume: true, sparse: true }
      expect((await get(to(), at('source'), path('down'), o)).bytes).toBe(size - part)
      expect((await put(to(), path('source'), at('up'), o)).bytes).toBe(size - part)
      for (const name of ['down', 'up']) check(name)
    },
  )

  test.skipIf(missing !== undefined)(
    'streams and single requests at either side of 2^32',
    { timeout: 20_000 },
    async () => {
      const link = to().connection
      const window = { start: border - 150_000, end: border + 150_000 - 1 }
      const read: Buffer[] = []
      const text = new TextEncoder()
      const from = { path: text.encode(at('source')) }
      for await (const piece of new SftpReadStream(link, from, window)) read.push(piece as Buffer)
      expect(Buffer.concat(read).equals(data)).toBe(true)

      make('up', part)
      const into = { path: text.encode(at('up')) }
      await new Promise<void>((resolve, reject) => {
        const stream = new SftpWriteStream(link, into, { start: window.start, flags: OpenFlag.write })
        stream.on('close', resolve).on('error', reject)
        stream.end(data)
      })
      await using file = await to().open(at('up'), 'r+')
      await file.write(data, { position: size - data.length })
      check('up')
      const got = new Uint8Array(200)
      await file.read(got, { position: BigInt(border - 100) })
      expect(data.subarray(149_900, 150_100).equals(got)).toBe(true)
    },
  )
})

describePeers(['sftp'], 'sftp and our server', () => {
  test('get and put that go on in front of 2^32', { timeout: 20_000 }, async () => {
    const server = await startServer(directory(folder) as Parameters<typeof startServer>[0])
    make('down', part)
    make('up', part)
    const result = await batch(server.port, [`reget /source ${path('down')}`, `reput ${path('source')} /up`])
    expect(result).toMatchObject({ code: 0, timedOut: false })
    for (const name of ['down', 'up']) check(name)
    await server.close()
    for (const name of ['down', 'up']) rmSync(path(name))
  })
})
