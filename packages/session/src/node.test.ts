import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { freeMemory, isWorthFreeing } from './free-memory.node.ts'
import { connectSocket, fromNodeSocket } from './node.ts'

const open: { destroy(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.destroy()
})

/** A port and the socket that the next client reaches. */
async function listening(): Promise<{ port: number; accepted: Promise<Socket> }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({ destroy: () => server.close() })
  const accepted = once(server, 'connection').then(([socket]) => {
    open.push(socket)
    return socket as Socket
  })
  return { port: (server.address() as { port: number }).port, accepted }
}

describe('memory', () => {
  test('is freed: what was a view of it is empty', async () => {
    for (let i = 0; i < 3; i++) {
      const bytes = new Uint8Array(10_000)
      freeMemory(bytes.buffer)
      expect(bytes.length).toBe(0)
      await new Promise(setImmediate) // a closed port goes on to be one
    }
  })

  test('is not worth it when it is small, and not ours when others lie in it', () => {
    expect(isWorthFreeing(new Uint8Array(100))).toBe(false)
    expect(isWorthFreeing(new Uint8Array(10_000).subarray(1))).toBe(false)
    expect(isWorthFreeing(new Uint8Array(10_000))).toBe(true)
  })
})

describe('a socket as a pipe', () => {
  test('what is given arrives unchanged behind a reader that stops and goes on, and its memory is freed', async () => {
    const { port, accepted } = await listening()
    const socket = connect(port, '127.0.0.1')
    open.push(socket)
    await once(socket, 'connect')
    const reader = await accepted
    reader.pause()
    const pipe = fromNodeSocket(socket)
    const chunks: Uint8Array[] = []
    let congested = false
    for (let i = 0; i < 400; i++) {
      const chunk = new Uint8Array(32_768).fill(i)
      chunks.push(chunk)
      if (pipe.give?.(chunk) === false) congested = true
    }
    expect(congested).toBe(true)
    pipe.end()
    let at = 0
    for await (const bytes of reader)
      for (const byte of bytes) if (byte !== ((at++ >> 15) & 0xff)) expect.fail(`byte ${at} is ${byte}`)
    expect(at).toBe(400 * 32_768)
    expect(chunks.every((chunk) => chunk.length === 0)).toBe(true)
  })

  test('what is written stays the writer’s, and so does what other streams are given', async () => {
    const { port, accepted } = await listening()
    const socket = connect(port, '127.0.0.1')
    open.push(socket)
    await once(socket, 'connect')
    const written = new Uint8Array(32_768).fill(1)
    fromNodeSocket(socket).write(written)
    await once(await accepted, 'data')
    const stream = new PassThrough()
    const given = new Uint8Array(32_768).fill(2)
    fromNodeSocket(stream).give?.(given)
    const [passed] = await once(stream.resume(), 'data')
    expect([written.length, given.length, passed.length]).toEqual([32_768, 32_768, 32_768])
  })

  test('a socket of ours lends the same memory for each read, and pauses', async () => {
    const { port, accepted } = await listening()
    const socket = connectSocket({ port, host: '127.0.0.1' })
    open.push(socket)
    await once(socket, 'connect')
    const pipe = fromNodeSocket(socket)
    const seen: { readonly buffer: ArrayBufferLike; readonly text: string }[] = []
    let more = (): void => undefined
    pipe.onData = (bytes) => {
      seen.push({ buffer: bytes.buffer, text: Buffer.from(bytes).toString() })
      pipe.pause()
      more()
    }
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        more = resolve
        pipe.resume()
      })
    expect(pipe.lends).toBe(true)
    const writer = await accepted
    writer.write('one')
    await next()
    writer.write('two')
    // Paused: what comes now waits.
    await new Promise(setImmediate)
    expect(seen.map(({ text }) => text)).toEqual(['one'])
    await next()
    expect(seen.map(({ text }) => text)).toEqual(['one', 'two'])
    expect(seen[0]?.buffer).toBe(seen[1]?.buffer)
    const closed = new Promise<void>((resolve) => {
      pipe.onClose = () => resolve()
    })
    pipe.resume()
    writer.end()
    await closed
  })
})

test('a stream that closes after its other side has ended wakes whoever waits to write', async () => {
  const stream = new Duplex({
    allowHalfOpen: true,
    highWaterMark: 1,
    read: () => undefined,
    write: () => undefined,
  })
  const pipe = fromNodeSocket(stream)
  const told: string[] = []
  pipe.onDrain = () => told.push('drain')
  pipe.onClose = () => told.push('close')
  pipe.resume()
  expect(pipe.write(new Uint8Array(1_000_000))).toBe(false)
  stream.push(null)
  await once(stream, 'end')
  expect(told).toEqual(['close'])
  stream.destroy()
  await once(stream, 'close')
  expect(told).toEqual(['close', 'drain'])
})
