import { ProtocolError, UsageError, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { SftpError } from '../errors.ts'
import type { SftpReply, SftpRequest } from '../protocol/messages.ts'
import type { SftpClient } from './client.ts'
import {
  type Answer,
  eof,
  FakeServer,
  handle,
  names,
  ok,
  packet,
  settled,
  status,
  version,
} from './fake-server.test-kit.ts'
import { openSftp } from './open.ts'

const attrs: SftpReply = { type: 'attrs', attrs: { permissions: 0o100644, size: 3n } }

const answers: { readonly [T in SftpRequest['type']]?: SftpReply } = {
  open: handle,
  opendir: handle,
  stat: attrs,
  lstat: attrs,
  fstat: attrs,
  realpath: names('/there'),
  readlink: names('/there'),
  readdir: eof,
  read: eof,
}

/** Answers everything as a server does that has one file everywhere. */
const friendly: Answer = (request) => answers[request.type] ?? ok

async function opened(
  answer: Answer = friendly,
  words?: Uint8Array,
): Promise<{ server: FakeServer; sftp: SftpClient }> {
  const server = new FakeServer(answer, words)
  return { server, sftp: await server.open() }
}

/** Gives `batches`, then the end, to READDIR. */
function listing(...batches: readonly SftpReply[]): Answer {
  let at = 0
  return (request, id, server) =>
    request.type === 'readdir' ? (batches[at++] ?? eof) : friendly(request, id, server)
}

describe('every verb', () => {
  const all = version('posixRename', 'hardlink', 'lsetstat', 'fsync')
  const verbs: readonly [string, (sftp: SftpClient, signal?: AbortSignal) => Promise<unknown>, string[]][] = [
    ['open', async (s, signal) => (await s.open('/a', 'w', 0o600, { signal })).path, ['open']],
    ['readFile', (s, signal) => s.readFile('/a', { signal }), ['open', 'fstat', 'read', 'close']],
    ['writeFile', (s, signal) => s.writeFile('/a', 'x', { signal }), ['open', 'write', 'close']],
    ['appendFile', (s, signal) => s.appendFile('/a', 'x', { signal }), ['open', 'fstat', 'write', 'close']],
    ['stat', (s, signal) => s.stat('/a', { signal }), ['stat']],
    ['lstat', (s, signal) => s.lstat('/a', { signal }), ['lstat']],
    ['exists', (s, signal) => s.exists('/a', { signal }), ['stat']],
    ['access', (s, signal) => s.access('/a', { signal }), ['stat']],
    ['readdir', (s, signal) => s.readdir('/a', { signal }).toArray(), ['opendir', 'readdir', 'close']],
    ['mkdir', (s, signal) => s.mkdir('/a', { signal }), ['mkdir']],
    ['rmdir', (s, signal) => s.rmdir('/a', { signal }), ['rmdir']],
    ['unlink', (s, signal) => s.unlink('/a', { signal }), ['remove']],
    ['rm', (s, signal) => s.rm('/a', { signal }), ['remove']],
    ['rename', (s, signal) => s.rename('/a', '/b', { signal }), ['posix-rename@openssh.com']],
    ['rename, no overwrite', (s, signal) => s.rename('/a', '/b', { overwrite: false, signal }), ['rename']],
    ['symlink', (s, signal) => s.symlink('/a', '/b', { signal }), ['symlink']],
    ['link', (s, signal) => s.link('/a', '/b', { signal }), ['hardlink@openssh.com']],
    ['readlink', (s, signal) => s.readlink('/a', { signal }), ['readlink']],
    ['realpath', (s, signal) => s.realpath('/a', { signal }), ['realpath']],
    ['expandPath', (s, signal) => s.expandPath('/a', { signal }), ['realpath']],
    ['homeDirectory', (s, signal) => s.homeDirectory(undefined, { signal }), ['realpath']],
    ['setstat', (s, signal) => s.setstat('/a', {}, { signal }), ['setstat']],
    ['truncate', (s, signal) => s.truncate('/a', 9, { signal }), ['setstat']],
    ['utimes', (s, signal) => s.utimes('/a', 1, new Date(2000), { signal }), ['setstat']],
    ['lutimes', (s, signal) => s.lutimes('/a', 1, 2, { signal }), ['lsetstat@openssh.com']],
    ['chmod', (s, signal) => s.chmod('/a', '644', { signal }), ['setstat']],
    ['chown', (s, signal) => s.chown('/a', 1, 2, { signal }), ['setstat']],
    ['lchown', (s, signal) => s.lchown('/a', 1, 2, { signal }), ['lsetstat@openssh.com']],
    ['extended', (s, signal) => s.extended('x@y', utf8Encode('z'), { signal }), ['x@y']],
    ['cp', (s, signal) => s.cp('/a', '/b', { signal }), ['lstat', 'open', 'fstat', 'open', 'fstat']],
  ]

  test.each(verbs)('%s asks for what it needs', async (_, run, expected) => {
    const { server, sftp } = await opened(friendly, all)
    await run(sftp)
    await settled()
    expect(server.types.slice(0, expected.length)).toEqual(expected)
  })

  test.each(verbs)('%s rejects once when the channel is lost', async (_, run) => {
    const { server, sftp } = await opened(() => undefined, all)
    const running = run(sftp)
    const seen = expect(running).rejects.toMatchObject({ name: 'SftpError', code: 'ECONNRESET' })
    await settled()
    server.channel.onClose(new Error('cable cut'))
    await seen
    await expect(run(sftp)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test.each(verbs)('%s rejects at once when its caller gives up', async (_, run) => {
    const { sftp } = await opened(() => undefined, all)
    const controller = new AbortController()
    const reason = new Error('enough')
    const running = run(sftp, controller.signal)
    await settled()
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(run(sftp, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(sftp.connection.error).toBeUndefined()
  })

  test.each(verbs.filter(([name]) => name !== 'exists'))(
    '%s rejects with what the server says',
    async (_, run) => {
      const { sftp } = await opened(() => status(3, 'no way'), all)
      const error = await run(sftp).then(
        () => undefined,
        (reason: unknown) => reason as SftpError,
      )
      expect(error).toBeInstanceOf(SftpError)
      expect(error).toMatchObject({ code: 'EACCES', status: 3, serverMessage: 'no way' })
      expect(error?.stack).toContain('client.test.ts')
    },
  )
})

describe('a call that was given up', () => {
  test('closes a file that is opened too late', async () => {
    for (const verb of [
      (s: SftpClient, signal: AbortSignal) => s.open('/a', 'r', undefined, { signal }),
      (s: SftpClient, signal: AbortSignal) => s.readFile('/a', { signal }),
      (s: SftpClient, signal: AbortSignal) => s.readdir('/a', { signal }).toArray(),
    ]) {
      const { server, sftp } = await opened((request) => (request.type === 'close' ? ok : undefined))
      const controller = new AbortController()
      const running = verb(sftp, controller.signal)
      await settled()
      controller.abort()
      await expect(running).rejects.toBe(controller.signal.reason)
      server.send(packet(0, handle))
      await settled()
      expect(server.seen.at(-1)).toEqual({ type: 'close', handle: utf8Encode('h') })
    }
  })

  test('leaves no listener on its signal', async () => {
    const { sftp } = await opened()
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = ((...args: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, args)
    }) as typeof addEventListener
    signal.removeEventListener = ((...args: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, args)
    }) as typeof removeEventListener
    await sftp.stat('/a', { signal })
    await sftp.readFile('/a', { signal })
    await sftp.readdir('/a', { signal }).toArray()
    expect(listeners).toBe(0)
  })

  test('before the version closes the channel', async () => {
    const server = new FakeServer(friendly, new Uint8Array(0))
    const controller = new AbortController()
    const opening = openSftp(server.channel, { signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toBe(controller.signal.reason)
    expect(server.destroyed).toBe(true)
  })
})

describe('readdir', () => {
  test('gives names, types and lines, without . and ..', async () => {
    const { sftp } = await opened(listing(names('.', 'a', '..'), names('b')))
    const entries = await sftp.readdir('/d').toArray()
    expect(entries.map(({ name, path }) => [name, path])).toEqual([
      ['a', '/d/a'],
      ['b', '/d/b'],
    ])
    expect(entries[0]).toMatchObject({ longname: '-rw-r--r-- a line' })
    expect([entries[0]?.isFile(), entries[0]?.isDirectory(), entries[0]?.stats.size]).toEqual([
      true,
      false,
      5,
    ])
  })

  test('keeps names that are no UTF-8', async () => {
    const raw = Uint8Array.of(0x66, 0xff, 0xfe)
    const { server, sftp } = await opened(listing(names(raw)))
    const [entry] = await sftp.readdir('/d/').toArray()
    expect(entry?.name).toBe('f\uFFFD\uFFFD')
    expect(entry?.nameBytes).toEqual(raw)
    await sftp.unlink(entry?.path ?? '')
    expect(server.seen.at(-1)).toEqual({
      type: 'remove',
      filename: Uint8Array.of(...utf8Encode('/d/'), ...raw),
    })
  })

  test.each([['../../etc/passwd'], ['a/b'], ['/etc'], ['a\0b'], ['']])(
    'refuses the name %j',
    async (name) => {
      const { server, sftp } = await opened(listing(names('fine', name)))
      await expect(sftp.readdir('/d').toArray()).rejects.toMatchObject({ code: 'SSH_SFTP_BAD_NAME' })
      await settled()
      expect(server.types.at(-1)).toBe('close')
      expect(server.types.filter((type) => type === 'close')).toHaveLength(1)
    },
  )

  test('asks as it is consumed: one batch ahead, and closes when the loop is left', async () => {
    const { server, sftp } = await opened((request, id, s) =>
      request.type === 'readdir' ? names('a', 'b', 'c') : friendly(request, id, s),
    )
    const asked = (): number => server.types.filter((type) => type === 'readdir').length
    let seen = 0
    for await (const _ of sftp.readdir('/d')) {
      seen++
      await settled()
      expect(asked()).toBe(Math.ceil(seen / 3) + 1)
      if (seen === 7) break
    }
    await settled()
    expect(server.types.at(-1)).toBe('close')
    expect(asked()).toBe(4)
  })

  test('asks for nothing before it is consumed', async () => {
    const { server, sftp } = await opened()
    sftp.readdir('/d')
    await settled()
    expect(server.seen).toEqual([])
  })

  test('that never ends is an error at the limit', async () => {
    const { server, sftp } = await opened((request, id, s) =>
      request.type === 'readdir'
        ? names(...Array.from({ length: 100 }, (_, i) => `f${i}`))
        : friendly(request, id, s),
    )
    let seen = 0
    const reading = (async () => {
      for await (const _ of sftp.readdir('/d', { limit: 1000 })) seen++
    })()
    await expect(reading).rejects.toMatchObject({ code: 'SSH_LIMIT_SFTP_LISTING' })
    expect(seen).toBe(1000)
    await settled()
    expect(server.types.at(-1)).toBe('close')
  })

  test('of dots alone does not loop for ever', async () => {
    const { sftp } = await opened((request, id, s) =>
      request.type === 'readdir' ? names('.', '..') : friendly(request, id, s),
    )
    await expect(sftp.readdir('/d', { limit: 1000 }).toArray()).rejects.toBeInstanceOf(ProtocolError)
  })

  test('takes a batch without names for the end', async () => {
    const { server, sftp } = await opened(listing(names('a'), names(), names('b')))
    expect((await sftp.readdir('/d').toArray()).map(({ name }) => name)).toEqual(['a'])
    expect(server.types.filter((type) => type === 'readdir')).toHaveLength(2)
  })
})

describe('misuse', () => {
  test.each<[string, (sftp: SftpClient) => Promise<unknown>]>([
    ['an empty path', (s) => s.stat('')],
    ['a NUL', (s) => s.stat('a\0b')],
    ['half a surrogate pair', (s) => s.stat('a\uD800')],
    ['no path', (s) => s.stat(undefined as never)],
    ['unknown flags', (s) => s.open('/a', 'q')],
    ['flags that are nothing', (s) => s.open('/a', 0)],
    ['a mode that is none', (s) => s.chmod('/a', '9')],
    ['a negative size', (s) => s.truncate('/a', -1)],
    ['a size that is rounded', (s) => s.truncate('/a', 2 ** 53)],
    ['a time before 1970', (s) => s.utimes('/a', -1, 0)],
    ['a time after 2106', (s) => s.utimes('/a', new Date('2107-01-01'), 0)],
    ['an invalid Date', (s) => s.utimes('/a', new Date(Number.NaN), 0)],
    ['a uid that is none', (s) => s.chown('/a', 1.5, 0)],
    ['a limit that is none', (s) => s.readdir('/a', { limit: 0 }).toArray()],
    ['an encoding that is none', (s) => s.readFile('/a', { encoding: 'utf16' as 'utf8' })],
  ])('%s is refused, and nothing is sent', async (name, run) => {
    const { server, sftp } = await opened()
    await expect(run(sftp)).rejects.toBeInstanceOf(UsageError)
    if (!name.startsWith('an encoding')) expect(server.seen).toEqual([])
  })

  test('a file that was closed takes no more requests', async () => {
    const { server, sftp } = await opened()
    const file = await sftp.open('/a')
    await Promise.all([file.close(), file.close()])
    await expect(file.stat()).rejects.toBeInstanceOf(UsageError)
    await expect(file.read(new Uint8Array(1))).rejects.toBeInstanceOf(UsageError)
    expect(server.types).toEqual(['open', 'close'])
  })
})

test('a file that goes out of scope when the connection is lost hides no error behind that', async () => {
  const { server, sftp } = await opened((request) => (request.type === 'open' ? handle : undefined))
  const using = async (): Promise<void> => {
    await using file = await sftp.open('/a')
    await file.stat()
  }
  const lost = expect(using()).rejects.toMatchObject({ op: 'fstat', path: '/a', code: 'ECONNRESET' })
  await settled()
  server.channel.onClose()
  await lost
})

describe('without extensions', () => {
  test('what needs one says so', async () => {
    const { sftp } = await opened()
    const file = await sftp.open('/a')
    for (const run of [
      () => sftp.link('/a', '/b'),
      () => sftp.statvfs('/'),
      () => sftp.lutimes('/a', 0, 0),
      () => sftp.lchown('/a', 0, 0),
      () => sftp.usersGroupsById({ uids: [0] }),
      () => sftp.homeDirectory('root'),
      () => sftp.expandPath('~root/x'),
      () => file.sync(),
      () => file.statvfs(),
    ])
      await expect(run()).rejects.toMatchObject({ name: 'SftpError', code: 'ENOTSUP' })
  })

  test('rename and expandPath do what they can', async () => {
    const { server, sftp } = await opened()
    await sftp.rename('/a', '/b')
    expect(await sftp.expandPath('~/x')).toBe('/there')
    expect(server.types).toEqual(['rename', 'realpath', 'realpath'])
    expect(server.seen.at(-1)).toEqual({ type: 'realpath', path: utf8Encode('/there/x') })
  })
})

describe('paths that are answered', () => {
  test('come as text for text and as bytes for bytes', async () => {
    const raw = Uint8Array.of(0x2f, 0xff)
    const { sftp } = await opened((request, id, s) =>
      request.type === 'readlink' ? names(raw) : friendly(request, id, s),
    )
    expect(await sftp.realpath('.')).toBe('/there')
    expect(await sftp.realpath(utf8Encode('.'))).toEqual(utf8Encode('/there'))
    expect(await sftp.readlink(utf8Encode('l'))).toEqual(raw)
    await expect(sftp.readlink('l')).rejects.toThrow('give the path as bytes')
  })

  test.each([[''], ['/a\0b']])('%j is refused', async (path) => {
    const { sftp } = await opened(() => names(path))
    await expect(sftp.realpath('.')).rejects.toMatchObject({ code: 'SSH_SFTP_BAD_NAME' })
  })
})

test('a size beyond 2^53 is exact as a bigint', async () => {
  const { sftp } = await opened(() => ({ type: 'attrs', attrs: { size: 2n ** 53n + 1n } }))
  const stats = await sftp.stat('/a')
  expect([stats.exactSize, stats.size, stats.mode, stats.mtime, stats.isFile()]).toEqual([
    2n ** 53n + 1n,
    2 ** 53,
    undefined,
    undefined,
    false,
  ])
})

test('a server that sends endlessly is stopped at the limit of readFile', async () => {
  const { sftp } = await opened((request, id, s) =>
    request.type === 'read'
      ? { type: 'data', data: new Uint8Array(request.len) }
      : request.type === 'fstat'
        ? { type: 'attrs', attrs: { size: 0n } }
        : friendly(request, id, s),
  )
  await expect(sftp.readFile('/a', { limit: 500_000 })).rejects.toMatchObject({ code: 'SSH_LIMIT_SFTP_FILE' })
})
