/** Changes a small text file so that readers see all of it or none, and writers in several processes do not lose each other's lines. */

import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A lock that is older belonged to somebody who died: a change takes milliseconds. */
const lockLastsMs = 10_000
/** How long others are waited for: longer than the lock of somebody who died. */
const patienceMs = 20_000
const pauseMs = 15

/** The lock of another process was not given back in time. Code `SSH_FILE_LOCKED`. */
export class FileLockedError extends Error {
  readonly code = 'SSH_FILE_LOCKED'
  /** The lock file. */
  readonly path: string

  constructor(path: string) {
    super(`${path} was held by others for ${patienceMs / 1000} s: remove it if no program is writing`)
    this.name = 'FileLockedError'
    this.path = path
  }
}

/**
 * Replaces the text of `path` by what `change` makes of it ('' where there is no file), by a new file that takes its place at once, with
 * mode and owner as before (a new one: 0600, in folders of 0700). Gives back what `change` returned. Nothing is written if the text stays
 * the same, nor into what is no regular file, such as /dev/null. Symbolic links stay. Who does not take our lock, `path.lock`, such as
 * ssh, can still write between our reading and writing. Rejects with FileLockedError, and as the file system does.
 */
export async function updateFile<T extends { readonly text: string }>(
  path: string,
  change: (text: string) => T,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const target = (await unlessAbsent(realpath(path))) ?? path
  const lock = `${target}.lock`
  // What is no file has no lock beside it: /dev is not ours.
  if ((await unlessAbsent(stat(target)))?.isFile() === false) return change('')
  const mark = await takeLock(lock)
  try {
    const before = await unlessAbsent(stat(target))
    const bytes = (await unlessAbsent(readFile(target))) ?? Buffer.alloc(0)
    // Bytes that are no UTF-8 survive as what they are: comments may be in any encoding.
    const encoding = Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes) ? 'utf8' : 'latin1'
    const text = bytes.toString(encoding)
    const result = change(text)
    if (result.text === text) return result
    await replace(target, Buffer.from(result.text, encoding), before, lock, mark)
    return result
  } finally {
    await returnLock(lock, mark)
  }
}

async function replace(
  path: string,
  bytes: Uint8Array,
  before: { readonly mode: number; readonly uid: number; readonly gid: number } | undefined,
  lock: string,
  mark: string,
): Promise<void> {
  const temporary = `${path}.${mark}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await file.writeFile(bytes)
      if (before !== undefined) await likeBefore(file, before)
      await file.sync()
    } finally {
      await file.close()
    }
    if ((await unlessAbsent(readFile(lock, 'utf8'))) !== mark) throw new FileLockedError(lock)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function likeBefore(
  file: FileHandle,
  before: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<void> {
  const { uid, gid } = await file.stat()
  if (uid !== before.uid || gid !== before.gid) await file.chown(before.uid, before.gid)
  await file.chmod(before.mode & 0o777)
}

/** The mark by which the lock is known as ours. */
async function takeLock(lock: string): Promise<string> {
  const mark = randomUUID()
  const until = Date.now() + patienceMs
  for (;;) {
    try {
      const file = await open(lock, 'wx', 0o600)
      try {
        await file.writeFile(mark)
      } finally {
        await file.close()
      }
      return mark
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    }
    const held = await unlessAbsent(stat(lock))
    if (held !== undefined && Date.now() - held.mtimeMs > lockLastsMs) await breakLock(lock)
    else if (Date.now() > until) throw new FileLockedError(lock)
    else await pause(pauseMs * (0.5 + Math.random()))
  }
}

/** Takes away a lock that is too old. Of several who do, one moves it aside; whoever lost a lock so notices before it writes. */
async function breakLock(lock: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`
  try {
    await rename(lock, aside)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return
    throw error
  }
  await rm(aside, { force: true })
}

async function returnLock(lock: string, mark: string): Promise<void> {
  if ((await unlessAbsent(readFile(lock, 'utf8'))) === mark) await rm(lock, { force: true })
}

async function unlessAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
