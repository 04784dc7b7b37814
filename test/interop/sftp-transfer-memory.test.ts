/** What transfers hold in memory when one side is slow, counted in bytes that the engine answers for. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SftpLink } from '@hawser/sftp'
import { ReadAhead, WriteBehind } from '@hawser/sftp'
import { temporaryFolder } from '@hawser/test-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pattern, type ServerRun, sftpServer, startSftpServer } from './sftp-transfer-kit.ts'

const path = join(temporaryFolder('sftp-memory'), 'file')
const size = 20_000_000

function open(link: SftpLink, name: string, pflags: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    link.request(
      { type: 'open', filename: new TextEncoder().encode(name), pflags, attrs: {} },
      (error, reply) => (error === undefined ? resolve(reply.handle) : reject(error)),
    ),
  )
}

describe.skipIf(sftpServer === undefined)('with sftp-server', () => {
  let server: ServerRun
  beforeAll(async () => {
    writeFileSync(path, pattern(size))
    server = await startSftpServer()
  })
  afterAll(() => server.stop())

  test('a reader that stops after each piece never has more waiting than the budget', async () => {
    const { link } = server
    const maxBytes = 2 * 1024 * 1024
    let most = 0
    let got = 0
    const handle = await open(link, path, 1)
    await new Promise<void>((resolve, reject) => {
      const ahead = new ReadAhead({
        link,
        handle,
        maxBytes,
        onData: (bytes) => {
          got += bytes.length
          most = Math.max(most, ahead.pending)
          setImmediate(() => ahead.resume())
          return false
        },
        onEnd: (error) => (error === undefined ? resolve() : reject(error)),
      })
      ahead.start()
    })
    expect(got).toBe(size)
    expect(most).toBeLessThanOrEqual(maxBytes)
    expect(most).toBeGreaterThan(maxBytes / 4)
  })

  test('a source that waits when it is asked to never has more under way than the budget and one piece', async () => {
    const { link } = server
    const maxBytes = 2 * 1024 * 1024
    const piece = new Uint8Array(100_000)
    let most = 0
    let left = 200
    const handle = await open(link, `${path}.up`, 0x1a)
    await new Promise<void>((resolve, reject) => {
      const more = (): void => {
        while (left > 0) {
          left--
          const room = behind.write(piece)
          most = Math.max(most, behind.pending)
          if (!room) return
        }
        behind.finish((error) => (error === undefined ? resolve() : reject(error)))
      }
      const behind = new WriteBehind({ link, handle, maxBytes, onDrain: more })
      more()
    })
    expect(most).toBeLessThanOrEqual(maxBytes + piece.length)
    expect(most).toBeGreaterThan(maxBytes / 4)
  })
})
