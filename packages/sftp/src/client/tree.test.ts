import { utf8Encode } from '@hawser/wire'
import { expect, test } from 'vitest'
import { SftpError } from '../errors.ts'
import type { SftpReply, SftpRequest } from '../protocol/messages.ts'
import type { SftpClient } from './client.ts'
import { type Answer, eof, FakeServer, handle, names, ok, settled, status } from './fake-server.test-kit.ts'

const text = new TextDecoder()

type Tree = Map<string, 'directory' | 'file' | 'link'>
const modes = { directory: 0o040755, file: 0o100644, link: 0o120777 }

async function opened(answer: Answer): Promise<{ server: FakeServer; sftp: SftpClient }> {
  const server = new FakeServer(answer)
  return { server, sftp: await server.open() }
}

/** What a server says that has one thing in every directory. */
function answers(request: SftpRequest): SftpReply {
  if (request.type === 'opendir') return handle
  return request.type === 'readdir' ? eof : ok
}

/** A server over `tree`. It lists one entry at a time, and skips every second one, as on file systems that lose their place. */
function served(tree: Tree): Answer {
  const open = new Map<string, string[]>()
  const below = (path: string): string[] =>
    [...tree.keys()].filter((key) => key.startsWith(`${path}/`) && !key.slice(path.length + 1).includes('/'))
  const there = (path: string): SftpReply => {
    const type = tree.get(path)
    return type === undefined ? status(2) : { type: 'attrs', attrs: { permissions: modes[type] } }
  }
  const next = (directory: string): SftpReply => {
    const left = open.get(directory) ?? []
    const path = left.shift()
    left.shift()
    if (path === undefined) return eof
    const filename = utf8Encode(path.slice(path.lastIndexOf('/') + 1))
    const attrs = { permissions: modes[tree.get(path) ?? 'file'] }
    return { type: 'name', names: [{ filename, longname: filename, attrs }] }
  }
  const make = (path: string): SftpReply => {
    if (tree.has(path)) return status(4)
    if (tree.get(path.slice(0, path.lastIndexOf('/'))) !== 'directory') return status(2)
    tree.set(path, 'directory')
    return ok
  }
  const list = (path: string): SftpReply => {
    if (tree.get(path) !== 'directory') return status(4)
    open.set(path, below(path))
    return { type: 'handle', handle: utf8Encode(path) }
  }
  const remove = (path: string, right: boolean): SftpReply => {
    if (!right) return status(4, 'not empty')
    return tree.delete(path) ? ok : status(2)
  }
  return (request) => {
    if (request.type === 'lstat' || request.type === 'stat') return there(text.decode(request.path))
    if (request.type === 'opendir') return list(text.decode(request.path))
    if (request.type === 'readdir') return next(text.decode(request.handle))
    if (request.type === 'mkdir') return make(text.decode(request.path))
    if (request.type === 'remove') {
      const path = text.decode(request.filename)
      return remove(path, tree.get(path) !== 'directory')
    }
    if (request.type === 'rmdir') {
      const path = text.decode(request.path)
      return remove(path, below(path).length === 0)
    }
    return ok
  }
}

test('everything goes, links themselves and not what they lead to', async () => {
  const tree: Tree = new Map([
    ['/keep', 'directory'],
    ['/keep/me', 'file'],
    ['/d', 'directory'],
    ['/d/link', 'link'],
  ])
  for (let i = 0; i < 20; i++)
    tree.set(`/d/f${i}`, 'file').set(`/d/sub${i}`, 'directory').set(`/d/sub${i}/x`, 'file')
  const { server, sftp } = await opened(served(tree))
  await sftp.rm('/d', { recursive: true })
  expect([...tree.keys()]).toEqual(['/keep', '/keep/me'])
  const paths = server.seen.map((request) => ('path' in request ? text.decode(request.path) : ''))
  expect(paths.filter((path) => path.startsWith('/d/link'))).toEqual([])
  await expect(sftp.rm('/d', { recursive: true })).rejects.toMatchObject({ code: 'ENOENT' })
  await sftp.rm('/d', { recursive: true, force: true })
  await sftp.rm('/d', { force: true })
})

test('a directory that cannot be emptied ends in its error', async () => {
  const tree: Tree = new Map([
    ['/d', 'directory'],
    ['/d/x', 'file'],
  ])
  const answer = served(tree)
  const { server, sftp } = await opened((request, id, s) => {
    if (request.type === 'remove') return ok // and does not
    return answer(request, id, s)
  })
  await expect(sftp.rm('/d', { recursive: true })).rejects.toMatchObject({ serverMessage: 'not empty' })
  expect(server.types.filter((type) => type === 'opendir')).toHaveLength(16)
})

test('the first refusal is told, and nothing more is started', async () => {
  const tree: Tree = new Map([['/d', 'directory']])
  for (let i = 0; i < 1000; i++) tree.set(`/d/f${i}`, 'file')
  const answer = served(tree)
  const { server, sftp } = await opened((request, id, s) =>
    request.type === 'remove' ? status(3, 'read only') : answer(request, id, s),
  )
  await expect(sftp.rm('/d', { recursive: true })).rejects.toMatchObject({ code: 'EACCES' })
  await settled()
  expect(server.types.filter((type) => type === 'remove').length).toBeLessThan(130)
})

test('a path as the server lists it cannot lead out of the tree', async () => {
  const { server, sftp } = await opened((request) =>
    request.type === 'lstat'
      ? { type: 'attrs', attrs: { permissions: modes.directory } }
      : request.type === 'readdir'
        ? names('../../etc/passwd')
        : answers(request),
  )
  await expect(sftp.rm('/d', { recursive: true })).rejects.toMatchObject({ code: 'SSH_SFTP_BAD_NAME' })
  expect(server.types).not.toContain('remove')
})

test('mkdir makes what is missing, and gives the topmost', async () => {
  const tree: Tree = new Map([['/a', 'directory']])
  const { sftp } = await opened(served(tree))
  expect(await sftp.mkdir('/a/b/c', { recursive: true })).toBe('/a/b')
  expect(await sftp.mkdir('/a/b/c', { recursive: true })).toBeUndefined()
  expect(await sftp.mkdir(utf8Encode('/a/b/c/d'), { recursive: true })).toEqual(utf8Encode('/a/b/c/d'))
  tree.set('/f', 'file')
  await expect(sftp.mkdir('/f', { recursive: true })).rejects.toMatchObject({ op: 'mkdir', path: '/f' })
  await expect(sftp.mkdir('/f/x/y', { recursive: true })).rejects.toBeInstanceOf(SftpError)
})
