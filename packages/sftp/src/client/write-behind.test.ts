import { describe, expect, test } from 'vitest'
import { pattern, type Script, ScriptedServer, settled, type WriteRequest } from './transfer.test-kit.ts'
import { WriteBehind, type WriteBehindOptions } from './write-behind.ts'

const handle = Uint8Array.of(7)
const kib = 1024

async function begin(
  script: Script,
  o: Partial<Omit<WriteBehindOptions, 'link' | 'handle'>> = {},
): Promise<{ server: ScriptedServer; behind: WriteBehind; writes: () => string[] }> {
  const server = new ScriptedServer(script)
  const link = await server.open()
  const behind = new WriteBehind({ link, handle, ...o })
  return {
    server,
    behind,
    writes: () => server.seen.map((r) => `${r.offset}+${(r as WriteRequest).data.length}`),
  }
}

function finished(behind: WriteBehind): Promise<Error | undefined> {
  return new Promise((resolve) => behind.finish(resolve))
}

describe('data that is written behind', () => {
  for (const size of [0, 1, 32 * kib - 1, 32 * kib, 32 * kib + 1, 255 * kib - 1, 255 * kib + 1, 3_000_000])
    for (const piece of size > 300_000 ? [70_000, 4_000_000] : [1000, 70_000])
      test(`arrives whole: ${size} bytes in pieces of ${piece}`, async () => {
        const content = pattern(size)
        const { server, behind } = await begin({ limits: { read: 261_120, write: 261_120 } })
        let done = 0
        let calls = 0
        for (let at = 0; at < size; at += piece) {
          calls++
          behind.write(content.subarray(at, at + piece), (error) => {
            expect(error).toBeUndefined()
            done++
          })
        }
        expect(await finished(behind)).toBeUndefined()
        expect(done).toBe(calls)
        expect(behind.acknowledged).toBe(size)
        expect(Buffer.compare(server.content, content)).toBe(0)
      })

  test('is one request for each call, as long as the server takes it', async () => {
    const { behind, writes } = await begin({})
    behind.write(pattern(5))
    behind.write(pattern(32 * kib))
    behind.write(pattern(40 * kib))
    await finished(behind)
    expect(writes()).toEqual(['0+5', '5+32768', '32773+32768', '65541+8192'])
  })

  test('goes where it is told, also behind 2^53', async () => {
    const { server, behind } = await begin({ onRequest: () => 0 }, { start: 2n ** 60n + 1n })
    behind.write(pattern(3))
    behind.skip(10)
    behind.write(pattern(3))
    behind.writeAt(7, pattern(3))
    await finished(behind)
    expect(server.seen.map((r) => r.offset)).toEqual([2n ** 60n + 1n, 2n ** 60n + 14n, 7n])
  })

  test('asks its source to wait at the budget, and says when there is room', async () => {
    let drains = 0
    const { server, behind } = await begin(
      { held: true },
      { maxBytes: 100 * kib, onDrain: () => void drains++ },
    )
    expect(behind.write(pattern(64 * kib))).toBe(true)
    expect(behind.write(pattern(64 * kib))).toBe(false)
    await settled()
    await server.answer()
    expect(drains).toBe(0)
    await server.answer()
    await server.answer()
    expect(drains).toBe(1)
    expect(behind.pending).toBeLessThanOrEqual(50 * kib)
  })

  test('has one request under way, then more with each answer, as many as are allowed', async () => {
    const { server, behind } = await begin({ held: true }, { maxRequests: 4 })
    behind.write(pattern(20 * 32 * kib))
    await settled()
    const counts: number[] = []
    for (let i = 0; i < 6; i++) {
      counts.push(server.waiting)
      await server.answer()
    }
    expect(counts).toEqual([1, 2, 3, 4, 4, 4])
  })

  test('has one request under way all the time where order is demanded', async () => {
    const content = pattern(400_000)
    const { server, behind } = await begin({ held: true }, { serial: true })
    behind.write(content.subarray(0, 100_000))
    behind.write(content.subarray(100_000))
    const end = finished(behind)
    await settled()
    while (server.waiting > 0) {
      expect(server.waiting).toBe(1)
      await server.answer()
    }
    expect(await end).toBeUndefined()
    expect(Buffer.compare(server.content, content)).toBe(0)
  })
})

describe('a server that', () => {
  test('refuses long writes is sent shorter ones, and all of it arrives', async () => {
    const content = pattern(1_000_000)
    const { behind, server, writes } = await begin({ refuseOver: 70_000 }, { chunkSize: 255 * kib })
    let done = 0
    behind.write(content, (error) => {
      expect(error).toBeUndefined()
      done++
    })
    expect(await finished(behind)).toBeUndefined()
    expect(done).toBe(1)
    expect(Buffer.compare(server.content, content)).toBe(0)
    expect(writes().slice(0, 3)).toEqual(['0+261120', '0+130560', '0+65280'])
  })

  test('fails: nothing more is sent, every call gets the error once, and so does the end', async () => {
    const { server, behind } = await begin({
      onRequest: (request) => (request.offset === 65_536n ? 4 : undefined),
    })
    const outcomes: (string | undefined)[] = []
    const note = (error?: Error): void => void outcomes.push((error as { code?: string } | undefined)?.code)
    for (let i = 0; i < 10; i++) behind.write(pattern(32 * kib), note)
    expect(await finished(behind)).toMatchObject({ code: 'SFTP_FAILURE', op: 'write' })
    expect(outcomes.slice(0, 3)).toEqual([undefined, undefined, 'SFTP_FAILURE'])
    expect(outcomes).toHaveLength(10)
    const sent = server.seen.length
    expect(behind.write(pattern(5), note)).toBe(false)
    await settled()
    expect(outcomes).toHaveLength(11)
    expect(server.seen).toHaveLength(sent)
    expect(await finished(behind)).toBe(behind.error)
  })

  test('goes away: one error for each call', async () => {
    const { server, behind } = await begin({ held: true })
    const outcomes: unknown[] = []
    for (let i = 0; i < 5; i++) behind.write(pattern(100 * kib), (error) => outcomes.push(error))
    const end = finished(behind)
    await settled()
    server.channel.onClose()
    expect(await end).toMatchObject({ code: 'ECONNRESET' })
    expect(outcomes).toHaveLength(5)
    expect(behind.pending).toBe(0)
  })

  test('has taken part when the source gives up: what is under way is waited for', async () => {
    const { server, behind } = await begin({ held: true })
    behind.write(pattern(300 * kib))
    const end = finished(behind)
    await settled()
    await server.answer()
    behind.stop(new Error('enough'))
    let over = false
    void end.then(() => {
      over = true
    })
    await settled()
    expect(over).toBe(false)
    while (server.waiting > 0) await server.answer()
    expect((await end)?.message).toBe('enough')
  })
})
