import { noBytes, ProtocolError, UsageError, utf8Encode } from '@hawser/wire'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SftpError } from '../errors.ts'
import {
  type Answer,
  FakeServer,
  framed,
  names,
  ok,
  packet,
  settled,
  status,
  version,
} from './fake-server.test-kit.ts'
import type { SftpLink } from './link.ts'

const path = utf8Encode('/p')
const silent: Answer = () => undefined

/** A link whose server answers nothing by itself. */
async function linked(
  answer: Answer = silent,
  words?: Uint8Array,
): Promise<{ server: FakeServer; link: SftpLink }> {
  const server = new FakeServer(answer, words)
  return { server, link: await server.link() }
}

describe('a callback that throws', () => {
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  let before: NodeJS.UncaughtExceptionListener[]
  beforeEach(() => {
    before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', note)
    uncaught.length = 0
  })
  afterEach(() => {
    process.removeListener('uncaughtException', note)
    for (const listener of before) process.on('uncaughtException', listener)
  })

  test('does not stop the other replies of the same bytes, and is not swallowed', async () => {
    const { server, link } = await linked()
    const mine = new Error('mine')
    const got: number[] = []
    for (let i = 0; i < 3; i++)
      link.request({ type: 'stat', path }, () => {
        got.push(i)
        if (i !== 2) throw i === 0 ? mine : new ProtocolError('also mine')
      })
    await settled()
    server.send(Uint8Array.from([0, 1, 2].flatMap((id) => [...packet(id, status(4))])))
    expect(got).toEqual([0, 1, 2])
    await settled()
    expect(uncaught).toEqual([mine, expect.objectContaining({ message: 'also mine' })])
    expect(link.error).toBeUndefined()
    expect(server.destroyed).toBe(false)
  })

  test('does not keep the others from hearing of the end', async () => {
    const { server, link } = await linked()
    let told = 0
    for (let i = 0; i < 3; i++)
      link.request({ type: 'stat', path }, () => {
        told++
        throw new Error(`no ${i}`)
      })
    server.channel.onClose()
    expect(told).toBe(3)
    await link.closed
    await settled()
    expect(uncaught).toHaveLength(3)
  })
})

describe('a request', () => {
  test('is called back once, later, and with what was asked for', async () => {
    const { link } = await linked((request) =>
      request.type === 'stat' ? { type: 'attrs', attrs: { size: 2n ** 60n } } : ok,
    )
    const calls: unknown[][] = []
    link.request({ type: 'stat', path }, (...outcome) => void calls.push(outcome))
    expect(calls).toEqual([])
    await settled()
    expect(calls).toEqual([[undefined, { type: 'attrs', attrs: { size: 2n ** 60n } }]])
  })

  test('that is refused says which, on what, and the words of the server', async () => {
    const { link } = await linked(() => status(3, 'not you'), version('posixRename'))
    const errors: SftpError[] = []
    const note = (error: Error | undefined, _reply: unknown): void => void errors.push(error as SftpError)
    link.request({ type: 'mkdir', path, attrs: {} }, note)
    link.extended('posixRename', { oldpath: path, newpath: utf8Encode('/q') }, note)
    await settled()
    expect(errors[0]).toBeInstanceOf(SftpError)
    expect(errors).toEqual([
      expect.objectContaining({
        op: 'mkdir',
        path: '/p',
        status: 3,
        code: 'EACCES',
        serverMessage: 'not you',
      }),
      expect.objectContaining({ op: 'posixRename', path: '/p', dest: '/q', code: 'EACCES' }),
    ])
    expect(errors[0]?.message).toBe('mkdir "/p": not you (status 3)')
  })

  test.each([
    ['a NUL', Uint8Array.of(47, 0, 47), 'NUL'],
    ['a path of 32769 bytes', new Uint8Array(32_769).fill(65), '32769 bytes'],
  ])('with %s is not sent', async (_, bad, words) => {
    const { server, link } = await linked(silent, version('posixRename'))
    const errors: unknown[] = []
    link.request({ type: 'rename', oldpath: path, newpath: bad }, (error, _reply) => void errors.push(error))
    link.extended('posixRename', { oldpath: bad, newpath: path }, (error, _reply) => void errors.push(error))
    expect(errors).toEqual([])
    await settled()
    expect(errors).toEqual([expect.any(UsageError), expect.any(UsageError)])
    expect(String(errors[0])).toContain(words)
    expect(server.seen).toEqual([])
  })

  test('leaves with the others of its turn in one write', async () => {
    const { server, link } = await linked()
    let writes = 0
    const write = server.channel.write
    server.channel.write = (bytes) => {
      writes++
      return write(bytes)
    }
    for (let i = 0; i < 100; i++) link.request({ type: 'stat', path }, () => undefined)
    await settled()
    expect(writes).toBe(1)
    expect(server.seen).toHaveLength(100)
  })
})

describe('the end of the channel', () => {
  test('rejects everything once, and everything later too', async () => {
    const { server, link } = await linked()
    const errors: SftpError[] = []
    const note = (error: Error | undefined, _reply: unknown): void => void errors.push(error as SftpError)
    link.request({ type: 'stat', path }, note)
    link.request({ type: 'close', handle: path }, note)
    await settled()
    server.channel.onClose(new Error('cable cut'))
    server.channel.onClose()
    expect(errors).toHaveLength(2)
    expect(errors[0]).toMatchObject({ code: 'ECONNRESET', status: 7, op: 'stat', path: '/p' })
    expect(errors[0]?.message).toContain('cable cut')
    await link.closed
    link.request({ type: 'stat', path }, note)
    expect(errors).toHaveLength(2)
    await settled()
    expect(errors).toHaveLength(3)
    expect(errors[2]).toMatchObject({ code: 'ECONNRESET', op: 'stat' })
  })

  test('by a server that breaks the protocol closes the channel, and tells why', async () => {
    const { server, link } = await linked()
    const errors: Error[] = []
    link.request({ type: 'stat', path }, (error, _reply) => void errors.push(error as Error))
    await settled()
    server.send(packet(9, ok))
    expect(server.destroyed).toBe(true)
    expect(errors[0]).toMatchObject({ code: 'ECONNRESET', cause: { code: 'SSH_SFTP_UNKNOWN_ID' } })
    expect(link.error).toBeInstanceOf(ProtocolError)
    server.send(packet(0, ok))
    expect(errors).toHaveLength(1)
  })

  test('before the version is told to whoever opens', async () => {
    const server = new FakeServer(silent, utf8Encode('Last login: yesterday\n'))
    await expect(server.link()).rejects.toMatchObject({ code: 'SSH_SFTP_NOT_SFTP' })
    const mute = new FakeServer(silent, noBytes)
    const opening = mute.link()
    mute.channel.onClose()
    await expect(opening).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('by us: destroy rejects what waits, end refuses what comes', async () => {
    const { server, link } = await linked()
    const errors: unknown[] = []
    link.request({ type: 'stat', path }, (error, _reply) => void errors.push(error))
    link.destroy(new Error('enough'))
    expect(errors).toEqual([
      expect.objectContaining({ code: 'ECONNRESET', message: expect.stringContaining('enough') }),
    ])
    expect(server.destroyed).toBe(true)
    const other = await linked()
    other.link.end()
    expect(other.server.ended).toBe(true)
    other.link.request({ type: 'stat', path }, (error, _reply) => void errors.push(error))
    await settled()
    expect(errors[1]).toBeInstanceOf(UsageError)
    other.link.request({ type: 'stat', path }, (error, _reply) => void errors.push(error))
    await settled()
    expect(errors[2]).toMatchObject({ code: 'ECONNRESET' })
  })

  test('by end: what waits is still answered', async () => {
    const { server, link } = await linked()
    const outcomes: unknown[] = []
    link.request({ type: 'stat', path }, (error, reply) => void outcomes.push(error ?? reply))
    link.end()
    link.request({ type: 'stat', path }, (error, _reply) => void outcomes.push(error))
    await settled()
    expect(outcomes).toEqual([expect.any(UsageError)])
    expect(server.ended).toBe(false)
    server.send(packet(0, { type: 'attrs', attrs: {} }))
    expect(outcomes[1]).toEqual({ type: 'attrs', attrs: {} })
    expect(server.ended).toBe(true)
  })
})

describe('a full channel', () => {
  test('asks to wait, and says when there is room', async () => {
    const { server, link } = await linked()
    server.room = false
    link.request({ type: 'stat', path }, () => undefined)
    await settled()
    expect(link.congested).toBe(true)
    expect(link.request({ type: 'stat', path }, () => undefined)).toBe(false)
    let drained = 0
    link.whenDrained(() => drained++)
    expect(drained).toBe(0)
    server.room = true
    server.channel.onDrain()
    expect([drained, link.congested]).toEqual([1, false])
    link.whenDrained(() => drained++)
    expect(drained).toBe(2)
  })

  test('that is lost lets nobody wait', async () => {
    const { server, link } = await linked()
    server.room = false
    link.request({ type: 'stat', path }, () => undefined)
    await settled()
    let drained = 0
    link.whenDrained(() => drained++)
    server.channel.onClose()
    expect(drained).toBe(1)
  })
})

describe('limits@openssh.com', () => {
  const limits =
    (reply: Uint8Array): Answer =>
    (request) =>
      request.type === 'extended' ? { type: 'extendedReply', data: reply } : ok
  const numbers = (...list: readonly bigint[]): Uint8Array => {
    const bytes = new Uint8Array(8 * list.length)
    for (const [i, number] of list.entries()) new DataView(bytes.buffer).setBigUint64(8 * i, number)
    return bytes
  }

  test('is asked for when announced, and known before the first answer', async () => {
    const { link } = await linked(limits(numbers(262_144n, 100n, 0n, 5n)), version('limits'))
    let known: unknown
    link.request({ type: 'close', handle: path }, () => {
      known = link.limits
    })
    await settled()
    expect(known).toEqual({ packet: 262_144, read: 100, handles: 5 })
  })

  test('refused by the server is as if it had not been announced', async () => {
    const { link } = await linked(() => status(8), version('limits'))
    await settled()
    expect([link.limits, link.error]).toEqual([{}, undefined])
  })

  test('malformed ends the connection', async () => {
    const { server, link } = await linked(limits(numbers(1n)), version('limits'))
    await settled()
    expect(link.error).toBeInstanceOf(ProtocolError)
    expect(server.destroyed).toBe(true)
  })

  test('in another version is not the one that is known here', async () => {
    const { link } = await linked(
      silent,
      framed(Uint8Array.of(2, 0, 0, 0, 3, 0, 0, 0, 9, ...utf8Encode('copy-data'), 0, 0, 0, 1, 50)),
    )
    expect([link.has('copyData'), link.extensions.has('copy-data')]).toEqual([false, true])
  })
})

test("an extended request of nobody's knowledge takes whatever answers it", async () => {
  const replies = [names('x'), ok, status(8)]
  const { link } = await linked(() => replies.shift())
  const outcomes: unknown[] = []
  for (let i = 0; i < 3; i++)
    link.extendedRaw(
      'x@example.net',
      noBytes,
      'any',
      (error, reply) => void outcomes.push(error instanceof SftpError ? error.code : reply?.type),
    )
  await settled()
  expect(outcomes).toEqual(['name', 'status', 'ENOTSUP'])
})
