import { concat } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { readableFile, readRange } from './download.ts'
import type { SftpLink } from './link.ts'
import { pattern, type Script, ScriptedServer, settled } from './transfer.test-kit.ts'
import { writableFile, writeRange } from './upload.ts'

const handle = Uint8Array.of(7)
const content = pattern(1_000_000)

async function start(script: Script = {}): Promise<{ server: ScriptedServer; link: SftpLink }> {
  const server = new ScriptedServer(script)
  return { server, link: await server.open() }
}

describe('reading', () => {
  test('into memory gives the file, or a range of it', async () => {
    const { link } = await start({ content })
    expect(Buffer.compare(await readRange(link, handle), content)).toBe(0)
    expect(await readRange(link, handle, { start: 5, end: 100_000, size: 1_000_000 })).toEqual(
      content.subarray(5, 100_000),
    )
    expect(await readRange(link, handle, { start: 2_000_000n })).toHaveLength(0)
  })

  test('rejects with the error of the server, and with the reason of an abort', async () => {
    const { link } = await start({ onRequest: () => 3 })
    await expect(readRange(link, handle)).rejects.toMatchObject({ code: 'EACCES' })
    const held = await start({ content, held: true })
    const abort = new AbortController()
    const reading = readRange(held.link, handle, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    await expect(readRange(held.link, handle, { signal: abort.signal })).rejects.toThrow('enough')
  })

  test('as a stream gives the file, closes it once, and reads no further than is read', async () => {
    const { link, server } = await start({ content })
    let closed = 0
    const close = async (): Promise<void> => void closed++
    const stream = readableFile(link, handle, { close, maxBytes: 131_072 })
    await settled()
    const parts: Uint8Array[] = []
    const reader = stream.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      parts.push(value)
      await settled()
      const taken = concat(...parts).length
      const asked = server.seen.reduce((sum, r) => sum + (r.type === 'read' ? r.len : 0), 0)
      expect(asked - taken).toBeLessThanOrEqual(131_072 + 256 * 1024 + 32_768)
    }
    expect(Buffer.compare(concat(...parts), content)).toBe(0)
    expect(closed).toBe(1)
  })

  test('as a stream ends with the error, after cancel, and after an abort; the file is closed each time', async () => {
    let closed = 0
    const close = async (): Promise<void> => void closed++
    const failing = await start({ content, onRequest: (r) => (r.offset > 99_999n ? 4 : undefined) })
    const drain = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      const reader = stream.getReader()
      while (!(await reader.read()).done);
    }
    await expect(drain(readableFile(failing.link, handle, { close }))).rejects.toMatchObject({
      code: 'SFTP_FAILURE',
    })
    const { link } = await start({ content })
    const cancelled = readableFile(link, handle, { close })
    const reader = cancelled.getReader()
    await reader.read()
    await reader.cancel()
    const abort = new AbortController()
    const aborted = readableFile(link, handle, { close, signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(drain(aborted)).rejects.toThrow('enough')
    expect(closed).toBe(3)
  })
})

describe('writing', () => {
  const streamOf = (parts: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part)
        controller.close()
      },
    })

  test('takes bytes, iterables and streams', async () => {
    const parts = [content.subarray(0, 10), content.subarray(10, 400_000), content.subarray(400_000)]
    for (const source of [content, parts, streamOf(parts)]) {
      const { link, server } = await start()
      expect(await writeRange(link, handle, source, { maxBytes: 100_000 })).toBe(content.length)
      expect(Buffer.compare(server.content, content)).toBe(0)
    }
  })

  test('rejects with the first error and cancels its source', async () => {
    const { link } = await start({ onRequest: () => 4 })
    let cancelled: unknown
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(content.subarray(0, 50_000)),
      cancel: (reason) => {
        cancelled = reason ?? 'cancelled'
      },
    })
    await expect(writeRange(link, handle, endless, { maxBytes: 100_000 })).rejects.toMatchObject({
      code: 'SFTP_FAILURE',
    })
    expect(cancelled).toBe('cancelled')
  })

  test('waits for the server within its budget, and stops when it is aborted', async () => {
    const { link, server } = await start({ held: true })
    let taken = 0
    const source = (function* (): Generator<Uint8Array> {
      for (;;) {
        taken += 10_000
        yield content.subarray(0, 10_000)
      }
    })()
    const abort = new AbortController()
    const writing = writeRange(link, handle, source, { maxBytes: 100_000, signal: abort.signal })
    for (let i = 0; i < 5; i++) await settled()
    expect(taken).toBeLessThanOrEqual(110_000)
    abort.abort(new Error('enough'))
    await expect(writing).rejects.toThrow('enough')
    expect(server.seen.length).toBeLessThan(11)
  })

  test('a stream writes the file, closes it once, and its chunks may be used again', async () => {
    const { link, server } = await start()
    let closed = 0
    const stream = writableFile(link, handle, { close: async () => void closed++ })
    const writer = stream.getWriter()
    const memory = new Uint8Array(50_000)
    for (let at = 0; at < content.length; at += memory.length) {
      memory.set(content.subarray(at, at + memory.length))
      await writer.write(memory)
    }
    await writer.close()
    expect(Buffer.compare(server.content, content)).toBe(0)
    expect(closed).toBe(1)
  })

  test('a stream ends with the error of the server, and is closed after it and after an abort', async () => {
    let closed = 0
    const close = async (): Promise<void> => void closed++
    const { link } = await start({ onRequest: () => 4 })
    const failing = writableFile(link, handle, { close }).getWriter()
    await failing.write(content.subarray(0, 10))
    await expect(failing.close()).rejects.toMatchObject({ code: 'SFTP_FAILURE' })
    expect(closed).toBe(1)
    const aborted = writableFile(link, handle, { close })
    await aborted.abort(new Error('enough'))
    expect(closed).toBe(2)
  })
})
