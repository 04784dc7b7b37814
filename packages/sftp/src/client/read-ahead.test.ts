import { concat, UsageError } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { SftpError } from '../errors.ts'
import { ReadAhead, type ReadAheadOptions } from './read-ahead.ts'
import { pattern, type ReadRequest, type Script, ScriptedServer, settled } from './transfer.test-kit.ts'

const handle = Uint8Array.of(7)
const kib = 1024

type Range = Partial<Omit<ReadAheadOptions, 'link' | 'handle'>>

interface Reading {
  readonly server: ScriptedServer
  readonly ahead: ReadAhead
  readonly got: Uint8Array[]
  readonly ended: Promise<Error | undefined>
  readonly reads: () => string[]
}

async function begin(script: Script, range: Range = {}): Promise<Reading> {
  const server = new ScriptedServer(script)
  const link = await server.open()
  const got: Uint8Array[] = []
  const ends: (Error | undefined)[] = []
  let end: (error: Error | undefined) => void = () => undefined
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve
  })
  const ahead = new ReadAhead({
    link,
    handle,
    onData: (bytes) => {
      got.push(bytes)
      return true
    },
    onEnd: (error) => {
      ends.push(error)
      expect(ends).toHaveLength(1)
      end(error)
    },
    ...range,
  })
  ahead.start()
  const reads = (): string[] => server.seen.map((r) => `${r.offset}+${(r as ReadRequest).len}`)
  return { server, ahead, got, ended, reads }
}

describe('a file that is read ahead', () => {
  const sizes = [
    0,
    1,
    32 * kib - 1,
    32 * kib,
    32 * kib + 1,
    255 * kib - 1,
    255 * kib,
    255 * kib + 1,
    3_000_000,
  ]
  for (const size of sizes)
    for (const limits of [undefined, { read: 261_120, write: 261_120 }])
      for (const mostRead of [Infinity, 5000])
        test(`of ${size} bytes comes whole (limits ${limits?.read}, answers up to ${mostRead})`, async () => {
          const content = pattern(size)
          const { got, ended } = await begin({
            content,
            mostRead,
            ...(limits === undefined ? {} : { limits }),
          })
          expect(await ended).toBeUndefined()
          expect(Buffer.compare(concat(...got), content)).toBe(0)
        })

  test('of few bytes takes no more requests than one after the other would', async () => {
    const { ended, reads } = await begin({ content: pattern(5) })
    await ended
    expect(reads()).toEqual(['0+32768', '5+32768'])
  })

  test('whose size is known takes one request', async () => {
    const { ended, reads } = await begin({ content: pattern(5) }, { size: 5 })
    await ended
    expect(reads()).toEqual(['0+32768'])
  })

  test('that is larger than it was said comes whole, and nothing is asked far behind what was said', async () => {
    const content = pattern(200 * kib)
    const { ended, got, reads } = await begin({ content }, { size: 64 * kib })
    expect(await ended).toBeUndefined()
    expect(concat(...got)).toEqual(content)
    expect(reads().slice(0, 3)).toEqual(['0+32768', '32768+32768', '65536+32768'])
  })

  test('that is smaller than it was said ends where it ends', async () => {
    const content = pattern(40_000)
    const { ended, got } = await begin({ content }, { size: 200_000 })
    expect(await ended).toBeUndefined()
    expect(concat(...got)).toEqual(content)
  })

  test('that says 0 and gives records of any length comes whole, as those of /proc', async () => {
    const content = pattern(10_000)
    const { ended, got } = await begin({ content, mostRead: 777 }, { size: 0 })
    expect(await ended).toBeUndefined()
    expect(concat(...got)).toEqual(content)
  })

  test('a range gives just its bytes', async () => {
    const content = pattern(500_000)
    const { ended, got } = await begin({ content }, { start: 99_999, end: 400_001 })
    expect(await ended).toBeUndefined()
    expect(concat(...got)).toEqual(content.subarray(99_999, 400_001))
  })

  test('an empty range asks for nothing', async () => {
    const { ended, reads } = await begin({ content: pattern(5) }, { start: 3, end: 3 })
    expect(await ended).toBeUndefined()
    expect(reads()).toEqual([])
  })

  test('offsets from 2^53 on are exact', async () => {
    const { server, ended } = await begin(
      { onRequest: () => 1 },
      { start: 2n ** 53n + 1n, end: 2n ** 53n + 10n },
    )
    await ended
    expect(server.seen[0]).toMatchObject({ offset: 2n ** 53n + 1n, len: 9 })
  })

  test('a position that no file has is refused', async () => {
    for (const start of [-1, 0.5, 2 ** 60, 2n ** 64n])
      await expect(begin({}, { start })).rejects.toBeInstanceOf(UsageError)
  })
})

describe('requests under way', () => {
  test('are one, then more with each whole answer, within the bytes and the count that are allowed', async () => {
    const script: Script = { content: pattern(64 * 32 * kib), held: true }
    const { server, ahead } = await begin(script, { maxBytes: 5 * 32 * kib })
    await settled()
    const counts: number[] = []
    for (let i = 0; i < 10; i++) {
      counts.push(server.waiting)
      expect(ahead.pending).toBeLessThanOrEqual(5 * 32 * kib)
      await server.answer()
    }
    expect(counts).toEqual([1, 2, 3, 4, 5, 5, 5, 5, 5, 5])
    const few = await begin(script, { maxRequests: 3 })
    await settled()
    for (let i = 0; i < 10; i++) await few.server.answer()
    expect(few.server.waiting).toBe(3)
  })

  test('stop growing at short answers', async () => {
    const { server } = await begin({ content: pattern(100_000), mostRead: 100, held: true })
    await settled()
    for (let i = 0; i < 20; i++) {
      expect(server.waiting).toBe(1)
      await server.answer()
    }
  })

  test('answered last first, the data comes in order', async () => {
    const content = pattern(40 * 32 * kib + 5)
    const { server, got, ended } = await begin({ content, held: true })
    await settled()
    while (server.waiting > 0) await server.answer(server.waiting - 1)
    expect(await ended).toBeUndefined()
    expect(Buffer.compare(concat(...got), content)).toBe(0)
  })

  test('stop while the reader does not take more, and memory stays within the budget', async () => {
    const content = pattern(3_000_000)
    const budget = 256 * kib
    let taken = 0
    let open = false
    const { server, ahead, ended } = await begin(
      { content },
      {
        maxBytes: budget,
        onData: (bytes) => {
          taken += bytes.length
          return open
        },
      },
    )
    for (let i = 0; i < 50; i++) {
      await settled()
      const before = taken
      await settled()
      expect(taken).toBe(before)
      expect(ahead.pending).toBeLessThanOrEqual(budget)
      ahead.resume()
    }
    expect(server.seen.length).toBeLessThan(70)
    open = true
    ahead.resume()
    expect(await ended).toBeUndefined()
    expect(taken).toBe(content.length)
  })

  test('after stop nothing is handed on', async () => {
    const { server, ahead, got, ended } = await begin({ content: pattern(1_000_000), held: true })
    await settled()
    await server.answer()
    const before = got.length
    ahead.stop()
    while (server.waiting > 0) await server.answer()
    expect(got.length).toBe(before)
    expect(await Promise.race([ended, settled().then(() => 'none')])).toBe('none')
    expect(ahead.pending).toBe(0)
  })
})

describe('a server that', () => {
  const content = pattern(1_000_000)

  test('gives less than asked, always, is asked for no more than it gives', async () => {
    const { ended, got, reads } = await begin({ content, mostRead: 8192 }, { size: content.length })
    expect(await ended).toBeUndefined()
    expect(Buffer.compare(concat(...got), content)).toBe(0)
    expect(
      reads()
        .slice(10)
        .every((read) => Number(read.split('+')[1]) <= 32_768),
    ).toBe(true)
    expect(reads().length).toBeLessThan(150)
  })

  for (const status of [4, 5])
    test(`refuses long reads with status ${status} is asked for shorter ones, by steps`, async () => {
      const { ended, got, reads } = await begin(
        { content, refuseOver: 70_000, refuseWith: status },
        { chunkSize: 255 * kib },
      )
      expect(await ended).toBeUndefined()
      expect(Buffer.compare(concat(...got), content)).toBe(0)
      expect(reads().slice(0, 3)).toEqual(['0+261120', '0+130560', '0+65280'])
    })

  test('refuses reads of a length that every server takes gets no second chance', async () => {
    const { ended, reads } = await begin({ content, onRequest: () => 4 })
    expect(await ended).toMatchObject({ code: 'SFTP_FAILURE', op: 'read' })
    expect(reads()).toHaveLength(1)
  })

  test('fails in the middle: what came before is handed on, then one error', async () => {
    const { ended, got } = await begin({
      content,
      onRequest: (request) => (request.offset >= 320n * 1024n ? 4 : undefined),
    })
    expect(await ended).toBeInstanceOf(SftpError)
    expect(concat(...got)).toEqual(content.subarray(0, 320 * kib))
  })

  test('fails behind the end of the file disturbs nothing', async () => {
    const { ended, got } = await begin({
      content: content.subarray(0, 150_000),
      onRequest: (request) => (request.offset >= 163_840n ? 4 : undefined),
    })
    expect(await ended).toBeUndefined()
    expect(concat(...got)).toEqual(content.subarray(0, 150_000))
  })

  test('goes away: one error', async () => {
    const { server, ended } = await begin({ content, held: true })
    await settled()
    server.channel.onClose()
    expect(await ended).toMatchObject({ code: 'ECONNRESET' })
  })
})
