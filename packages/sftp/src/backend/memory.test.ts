import { utf8Decode, utf8Encode } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { OpenFlag } from '../protocol/constants.ts'
import type { DirectoryItem, RequestPath, SftpHandlers } from '../server/handlers.ts'
import { type MemoryHandle, type MemoryListing, type MemoryOptions, memory } from './memory.ts'

type Served = Required<SftpHandlers<MemoryHandle, MemoryListing>>
const { read, write, append, create, truncate, exclusive } = OpenFlag

const p = (path: string | Uint8Array): RequestPath => {
  const bytes = typeof path === 'string' ? utf8Encode(path) : path
  return { bytes, text: utf8Decode(bytes) }
}
const served = (o: MemoryOptions = {}): Served => memory(o) as Served

async function put(h: Served, path: string, content: string, flags: number = write | create | truncate) {
  const file = await h.open(p(path), flags, {})
  try {
    await h.write(file, 0n, utf8Encode(content))
  } finally {
    await h.close(file)
  }
}

async function get(h: Served, path: string): Promise<string> {
  const file = await h.open(p(path), read, {})
  const data = await h.read(file, 0n, 1000)
  await h.close(file)
  return utf8Decode(data ?? new Uint8Array(0))
}

async function names(h: Served, path: string): Promise<string[]> {
  const open = await h.opendir(p(path))
  const items: readonly DirectoryItem[] = (await h.readdir(open)) ?? []
  expect(await h.readdir(open)).toBeUndefined()
  return items.map(({ name }) => (typeof name === 'string' ? name : utf8Decode(name)))
}

/** What a handler refuses with, thrown or rejected. */
async function refused(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    return (error as { serverMessage: string }).serverMessage
  }
  return 'not refused'
}

describe('a tree in memory', () => {
  test('begins with what it is given', async () => {
    const h = served({ files: { '/a/b/c.txt': 'text', d: Uint8Array.of(1, 2) }, now: () => 5000 })
    expect(await names(h, '/')).toEqual(['.', '..', 'a', 'd'])
    expect(await get(h, '/a/b/c.txt')).toBe('text')
    expect(await h.stat(p('/d'))).toEqual({
      size: 2n,
      uid: 0,
      gid: 0,
      permissions: 0o100644,
      atime: 5,
      mtime: 5,
    })
  })

  test('files: every flag', async () => {
    const h = served()
    await put(h, 'f', '0123456789', write | create | exclusive)
    expect(await refused(() => put(h, 'f', 'x', write | create | exclusive))).toBe('File exists')
    await put(h, 'f', 'ab', write)
    await put(h, 'f', 'end', write | append)
    expect(await get(h, 'f')).toBe('ab23456789end')
    expect(await refused(() => put(h, 'f', 'x', read | truncate))).toBe('Permission denied')
    expect(await get(h, 'f')).toBe('ab23456789end')
    expect(await refused(() => h.open(p('nothing'), write, {}))).toBe('No such file')
    expect(await refused(() => h.open(p('/'), read, {}))).toBe('Is a directory')
    expect(await refused(() => h.open(p('f/x'), read, {}))).toBe('Not a directory')
  })

  test('links: followed, at the end or not, and never out of the tree', async () => {
    const h = served({ files: { '/d/f': 'content' } })
    await h.symlink(p('/d'), p('/abs'))
    await h.symlink(p('../../../d/f'), p('/up'))
    await h.symlink(p('loop'), p('/loop'))
    expect(await get(h, '/abs/f')).toBe('content')
    expect(await get(h, '/up')).toBe('content')
    expect(utf8Decode((await h.realpath(p('/abs/../abs/f'))) as Uint8Array)).toBe('/d/f')
    expect(await refused(() => h.stat(p('/loop')))).toBe('Too many symbolic links')
    expect(utf8Decode((await h.readlink(p('/abs'))) as Uint8Array)).toBe('/d')
    await put(h, '/abs/new', 'x')
    await h.remove(p('/abs'))
    expect(await names(h, '/d')).toEqual(['.', '..', 'f', 'new'])
  })

  test('rename, posixRename and what they refuse', async () => {
    const h = served({ files: { a: 'a', b: 'b', '/d/x': '', '/e/y': '' } })
    expect(await refused(() => h.rename(p('a'), p('b')))).toBe('File exists')
    await h.posixRename(p('a'), p('b'))
    expect(await get(h, 'b')).toBe('a')
    expect(await refused(() => h.posixRename(p('d'), p('d/inside')))).toBe('Invalid argument')
    expect(await refused(() => h.posixRename(p('d'), p('e')))).toBe('Directory not empty')
    expect(await refused(() => h.posixRename(p('d'), p('b')))).toBe('Not a directory')
    expect(await refused(() => h.posixRename(p('b'), p('d')))).toBe('Is a directory')
    expect(await refused(() => h.rename(p('/'), p('x')))).toBe('Busy')
    await h.rename(p('d'), p('e/moved'))
    expect(utf8Decode((await h.realpath(p('/e/moved/..'))) as Uint8Array)).toBe('/e')
    expect(await refused(() => h.rmdir(p('e')))).toBe('Directory not empty')
    expect(await refused(() => h.remove(p('e')))).toBe('Is a directory')
  })

  test('space is bounded, and freed with the last name and the last handle', async () => {
    const h = served({ maxBytes: 10 })
    const free = async () => (await h.open(p('probe'), write | create | truncate, {})).file
    const room = async (bytes: number): Promise<string> =>
      refused(() => h.setstat(p('probe'), { size: BigInt(bytes) }))
    await free()
    await put(h, 'f', '01234567')
    expect(await room(3)).toBe('No space left')
    await h.hardlink(p('f'), p('g'))
    await h.remove(p('f'))
    expect(await room(3)).toBe('No space left')
    const open = await h.open(p('g'), read, {})
    await h.remove(p('g'))
    expect(await room(3)).toBe('No space left')
    await h.close(open)
    expect(await room(10)).toBe('not refused')
    expect(await refused(() => put(h, 'probe', '01234567890', write))).toBe('No space left')
    expect(await refused(() => h.write({ file: open.file, flags: write }, 1n << 60n, utf8Encode('x')))).toBe(
      'File too large',
    )
  })

  test('nodes are bounded', async () => {
    const h = served({ maxNodes: 3 })
    await h.mkdir(p('a'), {})
    await h.symlink(p('a'), p('b'))
    for (const work of [() => h.mkdir(p('c'), {}), () => h.symlink(p('a'), p('c')), () => put(h, 'c', '')])
      expect(await refused(work)).toBe('No space left')
    await h.rmdir(p('a'))
    await h.mkdir(p('c'), {})
  })

  test('copyData, and what it refuses', async () => {
    const h = served({ files: { from: '0123456789' } })
    const from = await h.open(p('from'), read | write, {})
    const to = await h.open(p('to'), read | write | create, {})
    await h.copyData({ from, fromOffset: 2n, length: 3n, to, toOffset: 1n })
    expect(await get(h, 'to')).toBe('\u0000234')
    await h.copyData({ from, fromOffset: 5n, length: 0n, to: from, toOffset: 0n })
    expect(await get(h, 'from')).toBe('5678956789')
    expect(
      await refused(() => h.copyData({ from, fromOffset: 0n, length: 5n, to: from, toOffset: 4n })),
    ).toBe('Invalid argument')
  })

  test('what was shortened is zero when it grows again', async () => {
    const h = served({ files: { f: 'secret text' } })
    await h.setstat(p('f'), { size: 3n })
    await h.setstat(p('f'), { size: 6n })
    expect(await get(h, 'f')).toBe('sec\0\0\0')
  })

  test('read-only', async () => {
    const h = served({ files: { f: 'x' }, readOnly: true })
    for (const work of [
      () => h.open(p('f'), write, {}),
      () => h.open(p('g'), read | create, {}),
      () => h.setstat(p('f'), { permissions: 0 }),
      () => h.remove(p('f')),
      () => h.rename(p('f'), p('g')),
      () => h.mkdir(p('d'), {}),
      () => h.symlink(p('f'), p('g')),
      () => h.hardlink(p('f'), p('g')),
    ])
      expect(await refused(work)).toBe('Read-only')
    expect(await get(h, 'f')).toBe('x')
  })

  test('names are bytes', async () => {
    const h = served()
    const name = Uint8Array.of(0xff, 0xfe)
    await h.mkdir(p(name), {})
    const [, , item] = (await h.readdir(await h.opendir(p('/')))) ?? []
    expect(item?.name).toEqual(name)
    expect(await refused(() => h.mkdir(p('x'.repeat(256)), {}))).toBe('Name too long')
  })
})
