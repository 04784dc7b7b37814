import { type MemoryPipe, memoryPipes } from '@hawser/test-kit'
import { concat, Reader, UsageError, utf8Decode, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { memory } from '../backend/memory.ts'
import { SftpError } from '../errors.ts'
import { extensionByWireName, extensions, limitsReply, usersGroupsReply } from '../protocol/extensions.ts'
import {
  init,
  type RequestName,
  replyByNumber,
  requests,
  type SftpReply,
  version,
} from '../protocol/messages.ts'
import type { SftpHandlers } from './handlers.ts'
import { longnameOf } from './longname.ts'
import { type ServeSftpOptions, serveSftp } from './serve.ts'

const bytes = utf8Encode

/** A client that sends what it is told to, byte for byte, and keeps what comes. */
class RawClient {
  readonly pipe: MemoryPipe
  readonly done: Promise<void>
  readonly errors: string[] = []
  readonly replies: (SftpReply & { readonly id: number })[] = []
  announced: string[] = []
  closed = false
  #input: Uint8Array = new Uint8Array(0)

  constructor(handlers: SftpHandlers, o: ServeSftpOptions = {}, read = true) {
    const { a, b } = memoryPipes({ highWaterMark: 100_000 })
    this.pipe = a
    a.onData = (chunk) => this.#receive(chunk)
    a.onClose = () => {
      this.closed = true
    }
    this.done = serveSftp(b, handlers, {
      onError: (error, { op }) => void this.errors.push(`${op ?? 'channel'}: ${error.message}`),
      ...o,
    })
    if (read) a.resume()
    this.packet(init.encode({ version: 3, extensions: [] }))
  }

  packet(payload: Uint8Array): void {
    this.pipe.write(new Writer().string(payload).finish())
  }

  send<N extends RequestName>(name: N, fields: Parameters<(typeof requests)[N]['encode']>[0]): void {
    this.packet(requests[name].encode(fields as never))
  }

  /** The reply to `id`, once it is there. */
  async reply(id: number): Promise<SftpReply & { readonly id: number }> {
    await expect.poll(() => this.replies.some((one) => one.id === id), { interval: 1 }).toBe(true)
    return this.replies.find((one) => one.id === id) as SftpReply & { readonly id: number }
  }

  async handle(id: number): Promise<Uint8Array> {
    const reply = await this.reply(id)
    expect(reply.type).toBe('handle')
    return (reply as { handle: Uint8Array }).handle
  }

  #receive(chunk: Uint8Array): void {
    this.#input = concat(this.#input, chunk)
    while (this.#input.length >= 4) {
      const length = new Reader(this.#input).uint32()
      if (this.#input.length < 4 + length) return
      const payload = this.#input.slice(4, 4 + length)
      this.#input = this.#input.slice(4 + length)
      const declared = replyByNumber.get(payload[0] as number)
      if (declared === undefined) this.announced = version.decode(payload).extensions.map(({ name }) => name)
      else this.replies.push({ type: declared.name, ...declared.message.decode(payload) } as never)
    }
  }
}

const path = bytes('/f')
const attrs = {}
const code = (reply: SftpReply): number | undefined => (reply.type === 'status' ? reply.code : undefined)

describe('serveSftp', () => {
  test('announces what the handlers have, and the limits', async () => {
    const all = new RawClient(memory() as SftpHandlers)
    await expect.poll(() => all.announced.length).toBe(extensionByWireName.size)
    const few = new RawClient(
      { fsync: () => undefined },
      { extensions: [{ name: 'own@example.org', data: bytes('1') }] },
    )
    await expect
      .poll(() => few.announced.sort())
      .toEqual(['fsync@openssh.com', 'limits@openssh.com', 'own@example.org'])
    few.send('extended', { id: 1, request: 'limits@openssh.com', data: new Uint8Array(0) })
    expect(limitsReply.decode(((await few.reply(1)) as { data: Uint8Array }).data)).toEqual({
      maxPacketLength: 262_144n,
      maxReadLength: 261_120n,
      maxWriteLength: 261_120n,
      maxOpenHandles: 1024n,
    })
  })

  test('without handlers everything is unsupported, but for paths', async () => {
    const client = new RawClient({})
    const all: [RequestName, object][] = [
      ['open', { filename: path, pflags: 1, attrs }],
      ['read', { handle: path, offset: 0n, len: 1 }],
      ['write', { handle: path, offset: 0n, data: path }],
      ...(['lstat', 'stat', 'opendir', 'rmdir', 'readlink'] as const).map(
        (name) => [name, { path }] as [RequestName, object],
      ),
      ...(['fstat', 'readdir'] as const).map((name) => [name, { handle: path }] as [RequestName, object]),
      ['setstat', { path, attrs }],
      ['mkdir', { path, attrs }],
      ['fsetstat', { handle: path, attrs }],
      ['remove', { filename: path }],
      ['rename', { oldpath: path, newpath: path }],
      ['symlink', { targetpath: path, linkpath: path }],
      ['extended', { request: 'x@example.org', data: path }],
      ['extended', { request: 'statvfs@openssh.com', data: path }],
    ]
    all.forEach(([name, fields], id) => client.send(name, { id, ...fields } as never))
    for (let id = 0; id < all.length; id++)
      expect([all[id]?.[0], code(await client.reply(id))]).toEqual([all[id]?.[0], 8])
    client.send('realpath', { id: 100, path: bytes('a/./b//../c') })
    expect(await client.reply(100)).toMatchObject({ names: [{ filename: bytes('/a/c') }] })
  })

  test.each([
    ['ENOENT', 2],
    ['EACCES', 3],
    ['EPERM', 3],
    ['EROFS', 3],
    ['ENOTSUP', 8],
    ['ENOSYS', 8],
    ['EEXIST', 4],
    ['EINVAL', 5],
  ])('an error with the code %s is the status %i', async (errno, status) => {
    const client = new RawClient({
      stat: () => Promise.reject(Object.assign(new Error('secret /path'), { code: errno })),
    })
    client.send('stat', { id: 1, path })
    const reply = (await client.reply(1)) as { code: number; message: string }
    expect(reply.code).toBe(status)
    expect(reply.message).not.toContain('secret')
    expect(client.errors).toEqual([])
  })

  test('other errors tell the client nothing, and onError everything', async () => {
    const client = new RawClient({
      stat: () => {
        throw new TypeError('secret')
      },
      lstat: () => Promise.reject(new SftpError({ status: 4, serverMessage: 'as you like it' })),
      readlink: () => Promise.resolve(5 as never),
      realpath: () => Promise.reject(new UsageError('mine')),
    })
    client.send('stat', { id: 1, path })
    client.send('lstat', { id: 2, path })
    expect(await client.reply(1)).toMatchObject({ code: 4, message: 'Failure' })
    expect(await client.reply(2)).toMatchObject({ code: 4, message: 'as you like it' })
    client.send('realpath', { id: 4, path })
    expect(await client.reply(4)).toMatchObject({ code: 4, message: 'Failure' })
    expect(client.errors).toEqual(['stat: secret', 'realpath: mine'])
  })

  test('too much data and attributes that cannot be sent are failures, answered once', async () => {
    const client = new RawClient({
      open: () => 1,
      read: () => new Uint8Array(100),
      stat: () => ({ uid: 1 }),
    })
    client.send('open', { id: 1, filename: path, pflags: 1, attrs })
    client.send('read', { id: 2, handle: await client.handle(1), offset: 0n, len: 99 })
    client.send('stat', { id: 3, path })
    expect(code(await client.reply(2))).toBe(4)
    expect(code(await client.reply(3))).toBe(4)
    expect(client.errors).toHaveLength(2)
  })

  test('paths with NULs, and those that are too long, never reach a handler', async () => {
    let calls = 0
    const client = new RawClient({ stat: () => ({ size: BigInt(++calls) }) }, { maxPathLength: 10 })
    client.send('stat', { id: 1, path: bytes('/a\0b') })
    client.send('stat', { id: 2, path: bytes('/234567890x') })
    client.send('stat', { id: 3, path: bytes('/234567890') })
    expect([code(await client.reply(1)), code(await client.reply(2))]).toEqual([5, 5])
    expect(await client.reply(3)).toMatchObject({ type: 'attrs', attrs: { size: 1n } })
  })

  test('a path may have 4,096 bytes unless wished otherwise, in every request', async () => {
    const seen: number[] = []
    const see = (path: { readonly bytes: Uint8Array }): undefined => void seen.push(path.bytes.length)
    const client = new RawClient({ mkdir: see, rename: (one, two) => void [see(one), see(two)] })
    const longest = bytes('/'.repeat(4_096))
    const longer = bytes('/'.repeat(4_097))
    client.send('mkdir', { id: 1, path: longer, attrs })
    client.send('rename', { id: 2, oldpath: longest, newpath: longer })
    client.send('rename', { id: 3, oldpath: longest, newpath: longest })
    expect([code(await client.reply(1)), code(await client.reply(2)), code(await client.reply(3))]).toEqual([
      5, 5, 0,
    ])
    expect(seen).toEqual([4_096, 4_096])
  })

  test('handles that were never given, were closed, are of another kind or another session', async () => {
    const files = memory({ files: { f: 'content' } }) as SftpHandlers
    const [one, two] = [new RawClient(files), new RawClient(files)]
    one.send('open', { id: 1, filename: path, pflags: 1, attrs })
    one.send('opendir', { id: 2, path: bytes('/') })
    const [file, folder] = [await one.handle(1), await one.handle(2)]
    const refused = async (client: RawClient, handle: Uint8Array, id: number): Promise<void> => {
      client.send('read', { id, handle, offset: 0n, len: 10 })
      expect(code(await client.reply(id))).toBe(4)
    }
    await refused(two, file, 1)
    let id = 10
    for (const made of [bytes(''), bytes('x'), new Uint8Array(8).fill(255), new Uint8Array(256), folder])
      await refused(one, made, id++)
    one.send('readdir', { id: id, handle: file })
    expect(code(await one.reply(id++))).toBe(4)
    one.send('close', { id: 30, handle: file })
    one.send('read', { id: 31, handle: file, offset: 0n, len: 10 })
    one.send('close', { id: 32, handle: file })
    expect([code(await one.reply(30)), code(await one.reply(31)), code(await one.reply(32))]).toEqual([
      0, 4, 4,
    ])
    one.send('read', { id: 40, handle: folder, offset: 2n ** 64n - 1n, len: 0xffffffff })
    expect(code(await one.reply(40))).toBe(4)
  })

  test('no more handles than may be open, and everything is closed at the end', async () => {
    const open = new Set<number>()
    let next = 0
    const handlers: SftpHandlers<number, number> = {
      open: () => {
        open.add(++next)
        return next
      },
      close: (file) => void open.delete(file),
      opendir: () => {
        open.add(++next)
        return next
      },
      closedir: (directory) => void open.delete(directory),
    }
    const client = new RawClient(handlers as SftpHandlers, { maxHandles: 3 })
    client.send('opendir', { id: 0, path })
    for (let id = 1; id < 5; id++) client.send('open', { id, filename: path, pflags: 1, attrs })
    expect(code(await client.reply(4))).toBe(4)
    expect(open.size).toBe(3)
    client.send('close', { id: 10, handle: await client.handle(1) })
    client.send('open', { id: 11, filename: path, pflags: 1, attrs })
    await client.handle(11)
    client.pipe.end()
    await client.done
    expect(open.size).toBe(0)
    expect(client.errors).toEqual([])
  })

  test('one handle: in order, whatever takes how long; two handles: side by side', async () => {
    const waiting: (() => void)[] = []
    const order: string[] = []
    const client = new RawClient({
      open: ({ text }) => text,
      read: (file, offset) =>
        new Promise((resolve) => {
          order.push(`${String(file)} ${offset}`)
          waiting.push(() => resolve(bytes('x')))
        }),
    })
    client.send('open', { id: 1, filename: bytes('a'), pflags: 1, attrs })
    client.send('open', { id: 2, filename: bytes('b'), pflags: 1, attrs })
    const [a, b] = [await client.handle(1), await client.handle(2)]
    for (let at = 0; at < 3; at++) client.send('read', { id: 10 + at, handle: a, offset: BigInt(at), len: 1 })
    client.send('read', { id: 20, handle: b, offset: 0n, len: 1 })
    await expect.poll(() => order).toEqual(['a 0', 'b 0'])
    waiting[1]?.()
    await client.reply(20)
    waiting[0]?.()
    await expect.poll(() => order).toEqual(['a 0', 'b 0', 'a 1'])
    waiting[2]?.()
    await expect.poll(() => waiting.length).toBe(4)
    waiting[3]?.()
    await client.reply(12)
    expect(client.replies.map(({ id }) => id).filter((id) => id >= 10)).toEqual([20, 10, 11, 12])
  })

  test('what is sent without waiting happens as if it was done in order', async () => {
    const client = new RawClient(slowed(memory() as SftpHandlers))
    client.send('open', { id: 1, filename: path, pflags: 0x1a, attrs })
    client.send('lstat', { id: 2, path })
    const handle = await client.handle(1)
    expect(await client.reply(2)).toMatchObject({ type: 'attrs' })
    client.send('write', { id: 3, handle, offset: 0n, data: bytes('content') })
    client.send('stat', { id: 4, path })
    client.send('close', { id: 5, handle })
    client.send('rename', { id: 6, oldpath: path, newpath: bytes('/g') })
    client.send('stat', { id: 7, path: bytes('/g') })
    client.send('remove', { id: 8, filename: bytes('/g') })
    client.send('mkdir', { id: 9, path: bytes('/g'), attrs })
    client.send('opendir', { id: 10, path: bytes('/g') })
    expect(await client.reply(4)).toMatchObject({ attrs: { size: 7n } })
    expect(await client.reply(7)).toMatchObject({ attrs: { size: 7n } })
    for (const id of [3, 5, 6, 8, 9]) expect([id, code(await client.reply(id))]).toEqual([id, 0])
    await client.handle(10)
  })

  test('a client that does not read is not answered without end', async () => {
    let reads = 0
    const client = new RawClient(
      {
        open: () => 1,
        read: (_, __, length) => {
          reads++
          return new Uint8Array(length)
        },
      },
      {},
      false,
    )
    client.send('open', { id: 0, filename: path, pflags: 1, attrs })
    const handle = new Writer(8).uint64(1n).finish()
    for (let id = 1; id <= 3000; id++) client.send('read', { id, handle, offset: 0n, len: 261_120 })
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    // 100,000 bytes fill the pipe; what is answered beyond it is what was taken before that was known.
    expect(reads).toBeLessThan(12)
    client.pipe.resume()
    await client.reply(3000)
    expect(reads).toBe(3000)
  })

  test('neither are writes taken without end by a handler that does not finish', async () => {
    let finish: () => void = () => undefined
    const client = new RawClient({
      open: () => 1,
      write: () => new Promise<void>((resolve) => (finish = resolve)),
    })
    client.send('open', { id: 0, filename: path, pflags: 2, attrs })
    const handle = await client.handle(0)
    const data = new Uint8Array(200_000)
    for (let id = 1; id <= 100; id++) client.send('write', { id, handle, offset: 0n, data })
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(client.pipe.write(new Uint8Array(0))).toBe(false)
    for (let id = 1; id <= 100; id++) {
      await expect.poll(() => client.replies.length, { interval: 1 }).toBe(id)
      finish()
      finish = () => undefined
      await expect.poll(() => client.replies.length, { interval: 1 }).toBe(id + 1)
    }
  }, 60_000)

  test.each([
    ['a length of 0', Uint8Array.of(0, 0, 0, 0)],
    ['a length of 4 GiB', Uint8Array.of(255, 255, 255, 255)],
    ['text', bytes('GET / HTTP/1.1\r\n\r\n')],
    ['a second INIT', new Writer().string(init.encode({ version: 3, extensions: [] })).finish()],
  ])('%s ends it: everything is closed, onError hears of it', async (_, garbage) => {
    let closed = 0
    const client = new RawClient({ open: () => 1, close: () => void closed++ })
    client.send('open', { id: 1, filename: path, pflags: 1, attrs })
    await client.handle(1)
    client.pipe.write(garbage)
    await client.done
    expect([closed, client.errors.length]).toEqual([1, 1])
    await expect.poll(() => client.closed).toBe(true)
  })

  test('cut at every byte: everything is closed, and nothing hangs', async () => {
    const stream = concat(
      ...[
        init.encode({ version: 3, extensions: [] }),
        requests.open.encode({ id: 1, filename: path, pflags: 0x1b, attrs }),
        requests.write.encode({
          id: 2,
          handle: new Writer(8).uint64(1n).finish(),
          offset: 0n,
          data: bytes('abc'),
        }),
        requests.opendir.encode({ id: 3, path: bytes('/') }),
      ].map((payload) => new Writer().string(payload).finish()),
    )
    for (let length = 0; length <= stream.length; length++) {
      let open = 0
      const inner = memory() as Required<SftpHandlers>
      const { a, b } = memoryPipes()
      const done = serveSftp(b, {
        ...inner,
        open: async (...given) => {
          await Promise.resolve()
          open++
          return inner.open(...given)
        },
        close: (file) => {
          open--
          return inner.close(file)
        },
      })
      a.resume()
      a.write(stream.slice(0, length))
      if (length % 2 === 0) a.end()
      else {
        await Promise.resolve()
        b.close(new Error('cut'))
      }
      await done
      expect(open).toBe(0)
    }
  })

  test('an extended request of others reaches the hook; a malformed one of ours is a bad message', async () => {
    const client = new RawClient({
      ...memory(),
      extended: (name, data) =>
        name === 'own@example.org' ? { type: 'extendedReply', data: concat(data, bytes('!')) } : undefined,
    } as SftpHandlers)
    client.send('extended', { id: 1, request: 'own@example.org', data: bytes('hello') })
    client.send('extended', { id: 2, request: 'other@example.org', data: bytes('hello') })
    client.send('extended', { id: 3, request: 'statvfs@openssh.com', data: bytes('x') })
    expect(utf8Decode(((await client.reply(1)) as { data: Uint8Array }).data)).toBe('hello!')
    expect([code(await client.reply(2)), code(await client.reply(3))]).toEqual([8, 5])
    const ids = new Writer().uint32(1).uint32(2).finish()
    const row = extensions.usersGroupsById
    client.send('extended', {
      id: 4,
      request: row.name,
      data: row.request.encode({ uids: ids, gids: ids.slice(0, 4) }),
    })
    const names = usersGroupsReply.decode(((await client.reply(4)) as { data: Uint8Array }).data)
    expect([names.usernames.length, names.groupnames.length]).toEqual([8, 4])
    client.send('extended', {
      id: 5,
      request: row.name,
      data: row.request.encode({ uids: ids.slice(1), gids: ids }),
    })
    expect(code(await client.reply(5))).toBe(5)
  })

  test('a link-first client makes the link where it says', async () => {
    const client = new RawClient(memory() as SftpHandlers, { symlinkOrder: 'link-first' })
    client.send('symlink', { id: 1, targetpath: bytes('/link'), linkpath: bytes('target') })
    client.send('readlink', { id: 2, path: bytes('/link') })
    expect(await client.reply(2)).toMatchObject({ names: [{ filename: bytes('target') }] })
  })
})

/** Every handler answers a few turns later. */
function slowed(handlers: SftpHandlers): SftpHandlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler], at) => [
      name,
      async (...given: unknown[]) => {
        for (let turn = 0; turn < 1 + (at % 5); turn++) await new Promise((resolve) => setImmediate(resolve))
        return (handler as (...given: unknown[]) => unknown)(...given)
      },
    ]),
  )
}

test('longname is a line of ls -l', () => {
  const now = Date.UTC(2026, 5, 15) / 1000
  const line = (permissions: number, mtime: number) =>
    utf8Decode(
      longnameOf(
        {
          name: 'näme',
          attrs: { permissions, size: 1234n, uid: 0, gid: 100, mtime },
          owner: 'root',
          links: 2,
        },
        now,
      ),
    )
  expect(line(0o100644, now - 1000)).toMatch(
    /^-rw-r--r--   2 root     100          1234 Jun 1[45] \d\d:\d\d näme$/,
  )
  expect(line(0o041777, 0)).toMatch(/^drwxrwxrwt   2 root     100          1234 \w{3} +\d+  19(69|70) näme$/)
  expect(line(0o106755, 0)).toMatch(/^-rwsr-sr-x /)
  expect(line(0o120777, 0)).toMatch(/^lrwxrwxrwx /)
  expect(line(0o777, 0)).toMatch(/^\?rwxrwxrwx /)
})
