import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { updateFile } from './file-update.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-file-update-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const append = (line: string) => (text: string) => ({ text: `${text}${line}\n`, before: text })

test('a file that is not there is made for its owner only, in folders that are made too', async () => {
  const path = join(folder, 'a', 'b', 'new')
  expect(await updateFile(path, append('one'))).toEqual({ text: 'one\n', before: '' })
  expect(readFileSync(path, 'utf8')).toBe('one\n')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700)
})

test('mode, symbolic links and bytes that are no UTF-8 stay, and nothing is left beside', async () => {
  const own = await mkdtemp(join(folder, 'kept-'))
  const [path, link] = [join(own, 'real'), join(own, 'link')]
  writeFileSync(path, Uint8Array.of(0x23, 0xe9, 0x0a))
  chmodSync(path, 0o644)
  symlinkSync(path, link)
  await updateFile(link, append('two'))
  expect([...readFileSync(path)]).toEqual([0x23, 0xe9, 0x0a, ...Buffer.from('two\n')])
  expect(statSync(path).mode & 0o777).toBe(0o644)
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect(readdirSync(own).sort()).toEqual(['link', 'real'])
})

test('readers see the file before or after, never a part: it is another file', async () => {
  const path = join(folder, 'replaced')
  writeFileSync(path, 'old\n')
  const { ino } = statSync(path)
  await updateFile(path, append('new'))
  expect(statSync(path).ino).not.toBe(ino)
  const again = statSync(path).ino
  await updateFile(path, (text) => ({ text }))
  expect(statSync(path).ino).toBe(again)
})

test('what a change throws goes on; the file stays and the lock is given back', async () => {
  const path = join(folder, 'thrown')
  writeFileSync(path, 'old\n')
  const failing = updateFile(path, () => {
    throw new Error('no such change')
  })
  await expect(failing).rejects.toThrow('no such change')
  expect(readFileSync(path, 'utf8')).toBe('old\n')
  expect(existsSync(`${path}.lock`)).toBe(false)
})

test('many at once in one process take turns', async () => {
  const path = join(folder, 'turns')
  await Promise.all(Array.from({ length: 20 }, (_, n) => updateFile(path, append(String(n)))))
  expect(
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 20 }, (_, n) => n))
})

test('the lock of somebody who died is broken', async () => {
  const path = join(folder, 'died')
  writeFileSync(`${path}.lock`, 'somebody')
  utimesSync(`${path}.lock`, 1, 1)
  await updateFile(path, append('one'))
  expect(readFileSync(path, 'utf8')).toBe('one\n')
  expect(existsSync(`${path}.lock`)).toBe(false)
})

test('who lost the lock meanwhile does not write', async () => {
  const path = join(folder, 'lost')
  writeFileSync(path, 'old\n')
  const change = (text: string): { text: string } => {
    writeFileSync(`${path}.lock`, 'somebody else')
    return { text: `${text}new\n` }
  }
  await expect(updateFile(path, change)).rejects.toMatchObject({ code: 'SSH_FILE_LOCKED' })
  expect(readFileSync(path, 'utf8')).toBe('old\n')
  expect(readFileSync(`${path}.lock`, 'utf8')).toBe('somebody else')
  expect(readdirSync(folder).filter((name) => name.startsWith('lost'))).toEqual(['lost', 'lost.lock'])
})

test('what is no regular file is not written', async () => {
  await updateFile('/dev/null', append('one'))
  expect(statSync('/dev/null').isFile()).toBe(false)
  expect(existsSync('/dev/null.lock')).toBe(false)
})
