import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { removeFolder, runNow, temporaryFolder } from '@hawser/test-kit'
import { utf8Decode, utf8Encode } from '@hawser/wire'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../protocol/attributes.ts'
import { OpenFlag } from '../protocol/constants.ts'
import type { DirectoryItem, RequestPath, SftpHandlers } from '../server/handlers.ts'
import { type DirectoryOptions, directory, type QuotaChange } from './directory.ts'
import type { DirectoryFile } from './directory-files.ts'
import type { DirectoryListing } from './directory-listing.ts'

const { read, write, append, create, truncate, exclusive } = OpenFlag
type Served = Required<SftpHandlers<DirectoryFile, DirectoryListing>>

const p = (path: string | Uint8Array): RequestPath => {
  const bytes = typeof path === 'string' ? utf8Encode(path) : path
  return { bytes, text: utf8Decode(bytes) }
}

let base: string
let root: string
let outside: string
beforeEach(() => {
  base = temporaryFolder('jail')
  root = join(base, 'root')
  outside = join(base, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
})
afterEach(() => removeFolder(base))

/** Descriptors of this process that lead into the test's folders: after each request there must be none. */
function heldDescriptors(): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(base) ? [target] : []
    } catch {
      return [] // it was the descriptor of this very listing
    }
  })
}

async function list(h: Served, path: string): Promise<DirectoryItem[]> {
  const items: DirectoryItem[] = []
  const open = await h.opendir(p(path))
  for (let more = await h.readdir(open); more !== undefined && more.length > 0; more = await h.readdir(open))
    items.push(...more)
  await h.closedir(open)
  return items
}

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
  try {
    const data = await h.read(file, 0n, 100_000)
    return data === undefined ? '' : utf8Decode(data)
  } finally {
    await h.close(file)
  }
}

describe.each([
  ['held by descriptors', true],
  ['checked and then used', false],
] as const)('a folder whose places are %s', (_, hold) => {
  const serve = (o: DirectoryOptions = {}): Served => directory(root, { hold, ...o }) as Served
  afterEach(() => expect(heldDescriptors()).toEqual([]))

  describe('nothing leads out', () => {
    const ways = [
      '../outside/secret',
      '/../outside/secret',
      '/../../../../../../../../etc/passwd',
      'sub/../../outside/secret',
      '/sub/./.././../outside/secret',
      '//..//..//etc/passwd',
      '...//outside/secret',
    ]
    test.each(ways)('the path %s', async (path) => {
      mkdirSync(join(root, 'sub'))
      const h = serve()
      await expect(get(h, path)).rejects.toThrow('No such file')
      await expect(h.stat(p(path))).rejects.toThrow('No such file')
    })

    test('`..` of the folder is the folder', async () => {
      writeFileSync(join(root, 'here'), 'inside')
      const h = serve()
      expect(await get(h, '/../../here')).toBe('inside')
      expect(utf8Decode((await h.realpath(p('/../..'))) as Uint8Array)).toBe('/')
      expect((await h.stat(p('..'))).permissions).toBe(lstatSync(root).mode)
    })

    test('the listing of the folder shows itself as its parent', async () => {
      const [one, two] = await list(serve(), '/')
      expect(two?.attrs).toEqual(one?.attrs)
    })

    test.each([
      ['an absolute link', () => outside],
      ['a relative link', () => '../outside'],
      ['a link to a link', () => '/link2'],
    ])('%s', async (_name, target) => {
      symlinkSync(target(), join(root, 'link'))
      symlinkSync('../../outside', join(root, 'link2'))
      symlinkSync(join(outside, 'secret'), join(root, 'file'))
      symlinkSync(join(outside, 'made'), join(root, 'dangling'))
      const h = serve()
      for (const path of ['link/secret', 'link2/secret', 'file']) {
        await expect(get(h, path)).rejects.toThrow('No such file')
        await expect(h.setstat(p(path), { permissions: 0 })).rejects.toThrow('No such file')
        await expect(h.setstat(p(path), { size: 0n })).rejects.toThrow('No such file')
      }
      await expect(put(h, 'link/made', 'x')).rejects.toThrow('No such file')
      await expect(put(h, 'file', 'x', write)).rejects.toThrow('No such file')
      await expect(h.remove(p('link/secret'))).rejects.toThrow('No such file')
      await expect(h.mkdir(p('link/made'), {})).rejects.toThrow('No such file')
      await expect(h.opendir(p('link'))).rejects.toThrow('No such file')
      await expect(h.rename(p('link/secret'), p('stolen'))).rejects.toThrow('No such file')
      await expect(h.hardlink(p('link/secret'), p('stolen'))).rejects.toThrow('No such file')
      await expect(h.hardlink(p('file'), p('stolen'))).rejects.toThrow('Permission denied')
      await expect(h.statvfs(p('link'))).rejects.toThrow('No such file')
      expect(readdirSync(outside)).toEqual(['secret'])
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
    })

    test('a link out of the folder can be removed and renamed, as itself', async () => {
      symlinkSync(outside, join(root, 'link'))
      const h = serve()
      expect(((await h.lstat(p('link'))).permissions ?? 0) & 0o170000).toBe(0o120000)
      expect(Buffer.from((await h.readlink(p('link'))) as Uint8Array).toString()).toBe(outside)
      await h.rename(p('link'), p('moved'))
      await h.remove(p('moved'))
      expect(readdirSync(outside)).toEqual(['secret'])
    })

    test('absolute links mean the folder', async () => {
      mkdirSync(join(root, 'a'))
      writeFileSync(join(root, 'a', 'file'), 'inside')
      symlinkSync('/a', join(root, 'link'))
      const h = serve()
      expect(await get(h, 'link/file')).toBe('inside')
      expect(utf8Decode((await h.realpath(p('link/file'))) as Uint8Array)).toBe('/a/file')
      await put(h, 'link/new', 'made')
      expect(readFileSync(join(root, 'a', 'new'), 'utf8')).toBe('made')
    })

    test('links in a circle', async () => {
      symlinkSync('b', join(root, 'a'))
      symlinkSync('a', join(root, 'b'))
      symlinkSync('self/self/self', join(root, 'self'))
      const h = serve()
      await expect(h.stat(p('a'))).rejects.toThrow('Too many symbolic links')
      await expect(h.stat(p('self/x'))).rejects.toThrow('Too many symbolic links')
    })

    test('the folder itself cannot be removed, moved or made', async () => {
      const h = serve()
      for (const path of ['/', '.', '..', '']) {
        await expect(h.rmdir(p(path))).rejects.toThrow('Busy')
        await expect(h.rename(p(path), p('x'))).rejects.toThrow('Busy')
        await expect(h.mkdir(p(path), {})).rejects.toThrow('Busy')
        await expect(h.open(p(path), write | create, {})).rejects.toThrow('Is a directory')
      }
      expect(existsSync(root)).toBe(true)
    })
  })

  describe('links that clients make', () => {
    test.each([
      ['/deep/link', '/deep/file', '../deep/file'],
      ['/link', '/deep/file', 'deep/file'],
      ['/deep/link', 'file', 'file'],
      ['/deep/link', '../other', '../other'],
      ['/deep/link', '/../../../other', '../other'],
      ['/deep/link', '/', '..'],
      ['/link', '/', '.'],
    ])('%s to %s is stored as %s', async (link, target, stored) => {
      mkdirSync(join(root, 'deep'))
      await serve().symlink(p(target), p(link))
      expect(readlinkSync(join(root, link))).toBe(stored)
    })

    test.each([
      ['/link', '../outside'],
      ['/deep/link', '../../outside'],
      ['/deep/link', 'x/../../../outside'],
      ['/deep/link', '../deep/../../outside'],
    ])('%s to %s is refused', async (link, target) => {
      mkdirSync(join(root, 'deep'))
      await expect(serve().symlink(p(target), p(link))).rejects.toThrow('Permission denied')
      expect(readdirSync(join(root, 'deep'))).toEqual([])
    })

    test('can be forbidden', async () => {
      expect(() => serve({ symlinks: false }).symlink(p('a'), p('b'))).toThrow('Permission denied')
    })
  })

  describe('what stands in the way', () => {
    test.runIf(process.platform !== 'win32')('a fifo is not opened, and nobody waits for it', async () => {
      runNow('mkfifo', [join(root, 'fifo')])
      const h = serve()
      for (const flags of [read, write, read | write, write | create | truncate])
        await expect(h.open(p('fifo'), flags, {})).rejects.toThrow('Permission denied')
      await expect(h.setstat(p('fifo'), { size: 0n })).rejects.toThrow('Invalid argument')
      expect(((await h.stat(p('fifo'))).permissions ?? 0) & 0o170000).toBe(0o010000)
    })

    test('files as directories, names that are too long, nothing at all', async () => {
      writeFileSync(join(root, 'file'), '')
      const h = serve()
      await expect(h.stat(p('file/x'))).rejects.toThrow('Not a directory')
      await expect(h.stat(p('x'.repeat(300)))).rejects.toThrow('Name too long')
      await expect(h.stat(p('x/'.repeat(3000)))).rejects.toThrow('Name too long')
      await expect(h.stat(p('a/../'.repeat(100)))).rejects.toThrow('No such file')
    })

    test('a folder that is none', () => {
      expect(() => directory(join(base, 'nothing'))).toThrow(/cannot serve .*nothing/)
      expect(() => directory(join(outside, 'secret'))).toThrow(/is no directory/)
    })
  })

  test('open: every flag', async () => {
    const h = serve()
    await put(h, 'f', '0123456789', write | create | exclusive)
    await expect(put(h, 'f', 'x', write | create | exclusive)).rejects.toMatchObject({ code: 'EEXIST' })
    await put(h, 'f', 'ab', write)
    expect(await get(h, 'f')).toBe('ab23456789')
    const appending = await h.open(p('f'), write | append, {})
    await h.write(appending, 0n, utf8Encode('end'))
    await h.close(appending)
    expect(await get(h, 'f')).toBe('ab23456789end')
    const onlyReads = await h.open(p('f'), read | truncate, {})
    await expect(h.write(onlyReads, 0n, utf8Encode('x'))).rejects.toThrow('Permission denied')
    await h.close(onlyReads)
    expect(await get(h, 'f')).toBe('ab23456789end')
    const onlyWrites = await h.open(p('f'), write | truncate, {})
    await expect(h.read(onlyWrites, 0n, 1)).rejects.toThrow('Permission denied')
    await h.close(onlyWrites)
    expect(await get(h, 'f')).toBe('')
    await expect(h.open(p('nothing'), write, {})).rejects.toThrow('No such file')
    symlinkSync('f', join(root, 'link'))
    await expect(put(h, 'link', 'x', write | create | exclusive)).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('positions beyond 2^32, and beyond all files', async () => {
    const h = serve()
    const file = await h.open(p('sparse'), read | write | create, {})
    await h.write(file, 5n * 1024n ** 3n, utf8Encode('far'))
    expect((await h.fstat(file)).size).toBe(5n * 1024n ** 3n + 3n)
    expect(await h.read(file, 5n * 1024n ** 3n, 100)).toEqual(Buffer.from('far'))
    expect(await h.read(file, 2n ** 64n - 1n, 100)).toBeUndefined()
    expect(await h.read(file, 2n ** 53n - 1n, 100)).toBeUndefined()
    await expect(h.write(file, 2n ** 64n - 1n, utf8Encode('x'))).rejects.toThrow('File too large')
    await h.close(file)
  })

  test.runIf(process.platform === 'linux')('names that are no UTF-8 survive', async () => {
    const h = serve()
    const name = Uint8Array.of(0xff, 0x66, 0xc3, 0x28)
    const file = await h.open(p(name), write | create, {})
    await h.close(file)
    const names = (await list(h, '/')).map((item) => Buffer.from(item.name as Uint8Array))
    expect(names).toContainEqual(Buffer.from(name))
    expect(await h.realpath(p(name))).toEqual(Buffer.concat([Buffer.from('/'), name]))
    await h.remove(p(name))
  })

  test('modes: no setuid for clients, defaults and masks', async () => {
    const h = serve({ modeMask: 0o770, fileMode: 0o600, directoryMode: 0o700 })
    await put(h, 'plain', '')
    const asked = await h.open(p('asked'), write | create, { permissions: 0o6640 })
    await h.close(asked)
    await h.mkdir(p('d'), {})
    await h.setstat(p('plain'), { permissions: 0o104777 })
    expect(statSync(join(root, 'asked')).mode & 0o7777).toBe(0o640)
    expect(statSync(join(root, 'd')).mode & 0o7777).toBe(0o700)
    expect(statSync(join(root, 'plain')).mode & 0o7777).toBe(0o770)
  })

  test('owners are kept, unless they may be changed', async () => {
    const h = serve()
    await put(h, 'f', '')
    const { uid, gid } = statSync(join(root, 'f'))
    await h.setstat(p('f'), { uid, gid })
    await expect(h.setstat(p('f'), { uid: uid + 1, gid })).rejects.toThrow('Permission denied')
  })

  test.runIf(process.getuid?.() === 0)('owners are given, where that is allowed', async () => {
    const h = serve({ chown: true, owner: { uid: 1234, gid: 2345 } })
    await put(h, 'f', '')
    await h.mkdir(p('d'), {})
    for (const name of ['f', 'd']) expect(statSync(join(root, name))).toMatchObject({ uid: 1234, gid: 2345 })
    await h.setstat(p('f'), { uid: 1, gid: 2 })
    expect(statSync(join(root, 'f'))).toMatchObject({ uid: 1, gid: 2 })
    await h.symlink(p('f'), p('l'))
    await h.lsetstat(p('l'), { uid: 3, gid: 4 })
    expect(lstatSync(join(root, 'l'))).toMatchObject({ uid: 3, gid: 4 })
  })

  test('attributes by path, by link and by handle', async () => {
    const h = serve()
    await put(h, 'f', '0123456789')
    await h.symlink(p('f'), p('l'))
    await h.setstat(p('l'), { size: 5n, permissions: 0o640, atime: 1000, mtime: 2000 })
    const changed: Attributes = await h.stat(p('l'))
    expect(changed).toMatchObject({ size: 5n, permissions: 0o100640, atime: 1000, mtime: 2000 })
    await h.lsetstat(p('l'), { atime: 1, mtime: 2 })
    expect(await h.lstat(p('l'))).toMatchObject({ mtime: 2 })
    expect(await h.stat(p('l'))).toMatchObject({ mtime: 2000 })
    await expect(h.lsetstat(p('l'), { permissions: 0o600 })).rejects.toThrow('unsupported')
    const file = await h.open(p('f'), read | write, {})
    await h.fsetstat(file, { size: 20n, atime: 5, mtime: 0xffffffff })
    expect(await h.fstat(file)).toMatchObject({ size: 20n, atime: 5, mtime: 0xffffffff })
    await h.fsync(file)
    await h.close(file)
    await expect(h.setstat(p('/'), { size: 1n })).rejects.toThrow('Is a directory')
  })

  test('rename refuses what exists, posixRename replaces it', async () => {
    const h = serve()
    await put(h, 'a', 'a')
    await put(h, 'b', 'b')
    await expect(h.rename(p('a'), p('b'))).rejects.toMatchObject({ code: 'EEXIST' })
    await h.posixRename(p('a'), p('b'))
    expect(await get(h, 'b')).toBe('a')
    await h.mkdir(p('d'), {})
    await h.mkdir(p('e'), {})
    await expect(h.rename(p('d'), p('e'))).rejects.toThrow('File exists')
    await h.rename(p('d'), p('f'))
    await expect(h.posixRename(p('f'), p('f/inside'))).rejects.toMatchObject({ code: 'EINVAL' })
    await h.hardlink(p('b'), p('c'))
    expect(statSync(join(root, 'c')).nlink).toBe(2)
  })

  test('copyData copies ranges, up to the end for 0, and no range onto itself', async () => {
    const h = serve()
    await put(h, 'from', '0123456789')
    const from = await h.open(p('from'), read | write, {})
    const to = await h.open(p('to'), read | write | create, {})
    await h.copyData({ from, fromOffset: 2n, length: 3n, to, toOffset: 1n })
    expect(await h.read(to, 0n, 100)).toEqual(Buffer.from('\u0000234'))
    await h.copyData({ from, fromOffset: 5n, length: 0n, to, toOffset: 0n })
    expect(await h.read(to, 0n, 100)).toEqual(Buffer.from('56789'))
    await expect(h.copyData({ from, fromOffset: 0n, length: 5n, to: from, toOffset: 4n })).rejects.toThrow(
      'Invalid argument',
    )
    await h.copyData({ from, fromOffset: 0n, length: 5n, to: from, toOffset: 5n })
    expect(await h.read(from, 0n, 100)).toEqual(Buffer.from('0123401234'))
    await h.close(from)
    await h.close(to)
  })

  test('statvfs, home, ~ and names of owners', async () => {
    mkdirSync(join(root, 'home', 'ada'), { recursive: true })
    const h = serve({ home: '/home/ada', names: { user: (uid) => (uid === 5 ? 'five' : undefined) } })
    expect((await h.statvfs(p('/'))).bsize).toBeGreaterThan(0n)
    const home = async (path: string) => Buffer.from((await h.expandPath(p(path))) as Uint8Array).toString()
    expect(await home('~')).toBe('/home/ada')
    expect(await home('~/x')).toBe('/home/ada/x')
    expect(await home('x')).toBe('/home/ada/x')
    expect(await home('/x')).toBe('/x')
    expect(() => h.expandPath(p('~eve'))).toThrow('No such file')
    expect(Buffer.from((await h.homeDirectory('')) as Uint8Array).toString()).toBe('/home/ada')
    expect(await h.usersGroupsById([5, 6], [7])).toEqual({ users: ['five', ''], groups: [''] })
  })

  test('read-only: every change is refused', async () => {
    writeFileSync(join(root, 'f'), 'content')
    const h = serve({ readOnly: true })
    expect(await get(h, 'f')).toBe('content')
    const refused: (() => unknown)[] = [
      () => h.open(p('f'), write, {}),
      () => h.open(p('f'), read | truncate, {}),
      () => h.open(p('new'), read | create, {}),
      () => h.setstat(p('f'), { permissions: 0 }),
      () => h.lsetstat(p('f'), { permissions: 0 }),
      () => h.remove(p('f')),
      () => h.rename(p('f'), p('g')),
      () => h.posixRename(p('f'), p('g')),
      () => h.hardlink(p('f'), p('g')),
      () => h.symlink(p('f'), p('g')),
      () => h.mkdir(p('d'), {}),
      () => h.rmdir(p('d')),
    ]
    for (const one of refused) await expect((async () => one())()).rejects.toThrow('Read-only')
    const file = await h.open(p('f'), read, {})
    await expect(h.fsetstat(file, { permissions: 0 })).rejects.toThrow('Read-only')
    await h.close(file)
    expect((await h.statvfs(p('/'))).flag & 1n).toBe(1n)
    expect(readdirSync(root)).toEqual(['f'])
  })

  test('the quota is asked before anything grows and told of what is freed', async () => {
    const changes: string[] = []
    let bytes = 0n
    let entries = 0
    const quota = (change: QuotaChange): boolean => {
      changes.push(`${change.path} ${change.bytes} ${change.entries}`)
      if (bytes + change.bytes > 10n || entries + change.entries > 3) return false
      bytes += change.bytes
      entries += change.entries
      return true
    }
    const h = serve({ quota })
    await put(h, 'f', '01234567')
    await put(h, 'f', '0123', write)
    await expect(put(h, 'f', '01234567890', write)).rejects.toThrow('Quota exceeded')
    expect(await get(h, 'f')).toBe('01234567')
    await expect(h.setstat(p('f'), { size: 11n })).rejects.toThrow('Quota exceeded')
    await h.mkdir(p('d'), {})
    await h.symlink(p('f'), p('l'))
    await expect(h.mkdir(p('e'), {})).rejects.toThrow('Quota exceeded')
    await put(h, 'f', 'ab')
    await h.remove(p('f'))
    await h.rmdir(p('d'))
    expect({ bytes, entries }).toEqual({ bytes: 0n, entries: 1 })
    expect(changes.slice(0, 2)).toEqual(['/f 0 1', '/f 8 0'])
  })

  test('a listing of many names, some of which vanish', async () => {
    for (let i = 0; i < 300; i++) writeFileSync(join(root, `name-${i}`), '')
    const h = serve()
    expect(await list(h, '/')).toHaveLength(302)
    const open = await h.opendir(p('/'))
    const first = await h.readdir(open)
    expect(first).toHaveLength(128)
    for (let i = 0; i < 300; i++) rmSync(join(root, `name-${i}`))
    const rest: DirectoryItem[] = []
    for (let more = await h.readdir(open); more?.length; more = await h.readdir(open)) rest.push(...more)
    expect(rest).toEqual([])
    await h.closedir(open)
  })
})

describe.runIf(process.platform === 'linux')('while somebody swaps a directory for a link', () => {
  test('nothing outside is read, written, made, listed or removed', async () => {
    mkdirSync(join(root, 'victim'))
    writeFileSync(join(root, 'victim', 'secret'), 'inside')
    mkdirSync(join(outside, 'sub'))
    symlinkSync(outside, join(root, 'trap'))
    const h = directory(root) as Served
    // The swapping goes on between any two system calls of a request: every one of them ends in this process's event loop.
    let swaps = 0
    let running = true
    const swap = (): void => {
      renameSync(join(root, 'victim'), join(root, 'away'))
      renameSync(join(root, 'trap'), join(root, 'victim'))
      renameSync(join(root, 'victim'), join(root, 'trap'))
      renameSync(join(root, 'away'), join(root, 'victim'))
      swaps++
    }
    const half = (): void => {
      // Half of the time the link stands where the directory was.
      if (lstatSync(join(root, 'victim')).isSymbolicLink()) {
        renameSync(join(root, 'victim'), join(root, 'trap'))
        renameSync(join(root, 'away'), join(root, 'victim'))
      } else {
        renameSync(join(root, 'victim'), join(root, 'away'))
        renameSync(join(root, 'trap'), join(root, 'victim'))
      }
      swaps++
    }
    const swapping = (async () => {
      while (running) {
        if (swaps % 3 === 0 && !lstatSync(join(root, 'victim')).isSymbolicLink()) swap()
        half()
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const outcomes = new Map<string, number>()
    const count = (what: string): void => void outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
    const tried = async (op: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work()
        count(`${op} done`)
      } catch {
        count(`${op} refused`)
      }
    }
    for (let round = 0; round < 300; round++) {
      await tried('read', async () => expect(await get(h, 'victim/secret')).toBe('inside'))
      await tried('write', () => put(h, 'victim/written', 'x'))
      await tried('mkdir', () => Promise.resolve(h.mkdir(p('victim/made'), {})))
      await tried('list', async () => {
        const names = (await list(h, 'victim')).map(({ name }) => utf8Decode(name as Uint8Array))
        if (names.includes('sub')) count('listed outside')
      })
      await tried('chmod', () => Promise.resolve(h.setstat(p('victim/secret'), { permissions: 0o600 })))
      await tried('rmdir', () => Promise.resolve(h.rmdir(p('victim/sub'))))
      await tried('remove', () => Promise.resolve(h.remove(p('victim/written'))))
    }
    running = false
    await swapping
    expect(outcomes.get('listed outside')).toBeUndefined()
    expect(outcomes.get('read done')).toBeGreaterThan(0)
    expect(outcomes.get('read refused')).toBeGreaterThan(0)
    expect(readdirSync(outside).sort()).toEqual(['secret', 'sub'])
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
    expect(statSync(join(outside, 'secret')).mode & 0o777).not.toBe(0o600)
    expect(heldDescriptors()).toEqual([])
  })
})
