/** The calls to the file system that a server makes, as promises over descriptors and paths of bytes. */

import {
  type BigIntStats,
  chmod,
  chown,
  close,
  constants,
  type Dir,
  fchmod,
  fchown,
  fstat,
  fsync,
  ftruncate,
  futimes,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  type OpenDirOptions,
  open,
  opendir,
  type PathLike,
  read,
  readlink,
  rename,
  rmdir,
  type StatsFs,
  statfs,
  symlink,
  unlink,
  utimes,
  write,
} from 'node:fs'

/** Flags that Windows does not have, which are nothing there. */
const available: Readonly<Partial<typeof constants>> = constants
export const optionalFlags = {
  directory: available.O_DIRECTORY ?? 0,
  noFollow: available.O_NOFOLLOW ?? 0,
  nonBlock: available.O_NONBLOCK ?? 0,
} as const

type Callback<T> = (error: Error | null, value: T) => void

function call<T>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)))
  })
}

function act(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}

/** Thin on purpose: names and arguments are those of `node:fs`. */
export const calls = {
  open: (path: PathLike, flags: number, mode?: number) =>
    call<number>((done) => open(path, flags, mode, done)),
  close: (fd: number) => act((done) => close(fd, done)),
  fstat: (fd: number) => call<BigIntStats>((done) => fstat(fd, { bigint: true }, done)),
  lstat: (path: PathLike) => call<BigIntStats>((done) => lstat(path, { bigint: true }, done)),
  readlink: (path: PathLike) => call<Buffer>((done) => readlink(path, { encoding: 'buffer' }, done)),
  read: (fd: number, buffer: Uint8Array, length: number, position: number) =>
    call<number>((done) => read(fd, buffer, 0, length, position, done)),
  write: (fd: number, data: Uint8Array, offset: number, position: number | null) =>
    call<number>((done) => write(fd, data, offset, data.length - offset, position, done)),
  fsync: (fd: number) => act((done) => fsync(fd, done)),
  ftruncate: (fd: number, size: number) => act((done) => ftruncate(fd, size, done)),
  fchmod: (fd: number, mode: number) => act((done) => fchmod(fd, mode, done)),
  fchown: (fd: number, uid: number, gid: number) => act((done) => fchown(fd, uid, gid, done)),
  futimes: (fd: number, atime: number, mtime: number) => act((done) => futimes(fd, atime, mtime, done)),
  chmod: (path: PathLike, mode: number) => act((done) => chmod(path, mode, done)),
  chown: (path: PathLike, uid: number, gid: number) => act((done) => chown(path, uid, gid, done)),
  lchown: (path: PathLike, uid: number, gid: number) => act((done) => lchown(path, uid, gid, done)),
  utimes: (path: PathLike, atime: number, mtime: number) => act((done) => utimes(path, atime, mtime, done)),
  lutimes: (path: PathLike, atime: number, mtime: number) => act((done) => lutimes(path, atime, mtime, done)),
  mkdir: (path: PathLike, mode: number) => act((done) => mkdir(path, mode, done)),
  rmdir: (path: PathLike) => act((done) => rmdir(path, done)),
  unlink: (path: PathLike) => act((done) => unlink(path, done)),
  rename: (from: PathLike, to: PathLike) => act((done) => rename(from, to, done)),
  link: (existing: PathLike, path: PathLike) => act((done) => link(existing, path, done)),
  symlink: (target: PathLike, path: PathLike) => act((done) => symlink(target, path, done)),
  statfs: (path: PathLike) =>
    call<StatsFs | bigint>((done) =>
      statfs(path, { bigint: true }, done as never),
    ) as Promise<unknown> as Promise<
      Readonly<Record<'bsize' | 'blocks' | 'bfree' | 'bavail' | 'files' | 'ffree', bigint>>
    >,
  /** The names that it gives are bytes. */
  opendir: (path: PathLike) =>
    call<Dir>((done) =>
      opendir(
        path as string,
        { encoding: 'buffer' as never, bufferSize: 128 } satisfies OpenDirOptions,
        done,
      ),
    ),
}

/** The `code` of an error of `node:fs`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}
