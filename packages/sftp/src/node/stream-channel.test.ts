import { PassThrough, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { type ChannelStreams, streamChannel } from './stream-channel.ts'

function watched(streams: ChannelStreams) {
  const channel = streamChannel(streams)
  const seen = { data: '', drains: 0, closes: [] as (Error | undefined)[] }
  channel.onData = (bytes) => {
    seen.data += Buffer.from(bytes).toString()
  }
  channel.onDrain = () => {
    seen.drains++
  }
  channel.onClose = (error) => {
    seen.closes.push(error)
  }
  return { channel, seen }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('carries bytes both ways, nothing before resume, and ends once', async () => {
  const readable = new PassThrough()
  const writable = new PassThrough()
  const { channel, seen } = watched({ readable, writable })
  readable.write('early ')
  await turn()
  expect(seen.data).toBe('')
  channel.resume()
  readable.write('late')
  await turn()
  expect(seen.data).toBe('early late')
  channel.write(Buffer.from('out'))
  expect(String(writable.read())).toBe('out')
  readable.end()
  await turn()
  readable.destroy()
  await turn()
  expect(seen.closes).toEqual([undefined])
})

test('asks to wait, and says when there is room', async () => {
  let taken: (() => void) | undefined
  const writable = new Writable({
    highWaterMark: 10,
    write(_chunk, _encoding, done) {
      taken = done
    },
  })
  const { channel, seen } = watched({ readable: new PassThrough(), writable })
  channel.resume()
  expect(channel.write(new Uint8Array(20))).toBe(false)
  expect(seen.drains).toBe(0)
  taken?.()
  await turn()
  expect(seen.drains).toBe(1)
})

test.each(['readable', 'writable'] as const)(
  'a %s that fails ends it with that error, once',
  async (which) => {
    const streams = { readable: new PassThrough(), writable: new PassThrough() }
    const { channel, seen } = watched(streams)
    channel.resume()
    const error = new Error('EPIPE')
    streams[which].destroy(error)
    await turn()
    streams.readable.destroy()
    await turn()
    expect(seen.closes).toEqual([error])
    expect(channel.write(new Uint8Array(1))).toBe(true)
  },
)

test('a stream that was over before is told at the first resume', async () => {
  const streams = { readable: new PassThrough(), writable: new PassThrough() }
  streams.readable.destroy()
  await turn()
  const { channel, seen } = watched(streams)
  expect(seen.closes).toEqual([])
  channel.resume()
  expect(seen.closes).toEqual([undefined])
})

test('destroy closes both', async () => {
  const streams = { readable: new PassThrough(), writable: new PassThrough() }
  const { channel, seen } = watched(streams)
  channel.resume()
  channel.destroy()
  await turn()
  expect([streams.readable.destroyed, streams.writable.destroyed, seen.closes]).toEqual([
    true,
    true,
    [undefined],
  ])
})
